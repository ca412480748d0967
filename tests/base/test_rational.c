/* test_rational.c: exact arithmetic against 128-bit identities that need no reduction.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <math.h>

typedef __int128 Wide;

/* Integers of every size, extremes among them. */
static int64_t any_integer(Random *random) {
    static const int64_t extremes[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    int kind = random_below(random, 12);
    if (kind < COUNT(extremes))
        return extremes[kind];
    return (int64_t)random_next(random) >> random_below(random, 63);
}

static Rational any_rational(Random *random) {
    Rational r;
    while (!rational_make(any_integer(random), any_integer(random), &r))
        ;
    return r;
}

static int64_t gcd(Wide a, Wide b) {
    return b ? gcd(b, a % b) : (int64_t)(a < 0 ? -a : a);
}

static void assert_canonical(Rational r) {
    assert_true(r.d > 0);
    assert_int_equal(gcd(r.n, r.d), 1);
}

static void made_in_lowest_terms(void **state) {
    (void)state;
    Random random = {11, 0, 0};
    int made = 0;
    for (int i = 0; i < 20000; i++) {
        int64_t n = any_integer(&random), d = any_integer(&random);
        Rational r;
        if (!rational_make(n, d, &r)) {
            assert_true(d == 0 || n == INT64_MIN || d == INT64_MIN);
            continue;
        }
        made++;
        assert_canonical(r);
        assert_true((Wide)n * r.d == (Wide)r.n * d);
    }
    assert_true(made > 10000);
}

/* What holds of a sum, a product: checked crosswise, as exact equality of wide integers where
 * the operands are small enough for that. */
static void arithmetic_is_exact(void **state) {
    (void)state;
    Random random = {12, 0, 0};
    for (int i = 0; i < 20000; i++) {
        Rational a, b, r;
        int bits = 33 + random_below(&random, 30);
        if (!rational_make((int64_t)random_next(&random) >> bits,
                           1 + (int64_t)(random_next(&random) >> bits), &a) ||
            !rational_make((int64_t)random_next(&random) >> bits,
                           1 + (int64_t)(random_next(&random) >> bits), &b))
            fail();
        Wide d = (Wide)a.d * b.d;
        assert_true(rational_add(a, b, &r));
        assert_true((Wide)r.n * d == ((Wide)a.n * b.d + (Wide)b.n * a.d) * r.d);
        assert_canonical(r);
        assert_true(rational_sub(a, b, &r));
        assert_true((Wide)r.n * d == ((Wide)a.n * b.d - (Wide)b.n * a.d) * r.d);
        assert_true(rational_mul(a, b, &r));
        assert_true((Wide)r.n * d == (Wide)a.n * b.n * r.d);
        assert_int_equal(rational_div(a, b, &r), b.n != 0);
        if (b.n)
            assert_true((Wide)r.n * ((Wide)a.d * b.n) == (Wide)a.n * b.d * r.d);
    }
}

/* On any operands, results that do not fit are refused and the others undo one another. */
static void overflow_is_refused(void **state) {
    (void)state;
    Random random = {13, 0, 0};
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        Rational a = any_rational(&random), b = any_rational(&random), r, back;
        if (rational_add(a, b, &r)) {
            assert_canonical(r);
            assert_true(rational_sub(r, b, &back));
            assert_int_equal(rational_compare(back, a), 0);
        } else
            refused++;
        if (b.n && rational_mul(a, b, &r)) {
            assert_canonical(r);
            assert_true(rational_div(r, b, &back));
            assert_int_equal(rational_compare(back, a), 0);
        }
    }
    assert_true(refused > 1000);
    Rational most = RATIONAL(INT64_MAX), least = RATIONAL(INT64_MIN), out;
    assert_false(rational_add(most, RATIONAL(1), &out));
    assert_false(rational_sub(least, RATIONAL(1), &out));
    assert_false(rational_div(RATIONAL(1), least, &out));
    assert_false(rational_make(1, 0, &out));
    assert_true(rational_mul(least, RATIONAL(1), &out) && out.n == INT64_MIN);
    assert_false(rational_mul(least, RATIONAL(-1), &out));
}

static void order_floor_and_double(void **state) {
    (void)state;
    Random random = {14, 0, 0};
    for (int i = 0; i < 20000; i++) {
        Rational a = any_rational(&random), b = any_rational(&random);
        int order = rational_compare(a, b);
        assert_int_equal(order, -rational_compare(b, a));
        double x = rational_double(a), y = rational_double(b);
        assert_true(order < 0 ? x <= y : order > 0 ? x >= y : x == y);
        Wide floor = rational_floor(a);
        assert_true(floor * a.d <= a.n && (floor + 1) * a.d > a.n);
        assert_int_equal(rational_is_integer(a), floor * a.d == a.n);
        /* Rounded once: within half a unit of the last place, in 64-bit significands. */
        long double exact = (long double)a.n / (long double)a.d;
        if (x != 0)
            assert_true(fabsl(exact - x) <= 0.5002L * (nextafter(fabs(x), INFINITY) - fabs(x)));
    }
}

static void printed_decimals_read_back(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Random random = {15, 0, 0};
    for (int i = 0; i < 20000; i++) {
        Rational a, back;
        int64_t n = (int64_t)random_next(&random) >> random_below(&random, 63), d = 1;
        for (int k = random_below(&random, 16); k > 0; k--)
            d *= random_below(&random, 2) ? 2 : 5;
        assert_true(rational_make(n, d, &a));
        Str text = rational_print(arena, a);
        assert_true(rational_parse(text, &back));
        assert_true(back.n == a.n && back.d == a.d);
    }
    const struct {
        int64_t n, d;
        const char *text;
    } cases[] = {
        {3, 1, "3"}, {3, 4, "0.75"}, {1, 3, "1/3"}, {-1, 8, "-0.125"}, {-7, 2, "-3.5"}};
    for (int i = 0; i < COUNT(cases); i++) {
        Rational a = {cases[i].n, cases[i].d};
        assert_string_equal(rational_print(arena, a).at, cases[i].text);
    }
    arena_free(arena);
}

static void decimal_text_is_exact(void **state) {
    (void)state;
    const struct {
        const char *text;
        int64_t n, d;
    } right[] = {{"12", 12, 1},
                 {"0.05", 1, 20},
                 {"1e-3", 1, 1000},
                 {"1.5e3", 1500, 1},
                 {"2.50E+1", 25, 1},
                 {"0e999", 0, 1},
                 {"1000e-21", 1, 1000000000000000000},
                 {"9223372036854775807", INT64_MAX, 1},
                 {"0.00000000000000000100", 1, 1000000000000000000},
                 {"-0.5", -1, 2}};
    for (int i = 0; i < COUNT(right); i++) {
        Rational r;
        assert_true(rational_parse(str_of(right[i].text), &r));
        assert_true(r.n == right[i].n && r.d == right[i].d);
    }
    const char *wrong[] = {"",      ".",     "1.",
                           ".5",    "0x10",  "1e",
                           "1e+",   "1 ",    "--1",
                           "1e99",  "1e-99", "1e9999999999",
                           "1..2",  "e3",    "9223372036854775808",
                           "1_000", "nan"};
    for (int i = 0; i < COUNT(wrong); i++) {
        Rational r;
        assert_false(rational_parse(str_of(wrong[i]), &r));
    }
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_in_lowest_terms),       cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(overflow_is_refused),        cmocka_unit_test(order_floor_and_double),
        cmocka_unit_test(printed_decimals_read_back), cmocka_unit_test(decimal_text_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
