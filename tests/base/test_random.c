/* test_random.c: uniformity by chi-square, the normal distribution against erf, and
 * independence of who asks. The bounds lie where a sound generator fails once in a million; the
 * numbers are fixed.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <math.h>

/* How many standard deviations the chi-square of the counts lies off its mean. */
static double surprise(const int *counts, int cells, double expected) {
    double square = 0, freedom = cells - 1;
    for (int i = 0; i < cells; i++)
        square += (counts[i] - expected) * (counts[i] - expected) / expected;
    return (square - freedom) / sqrt(2 * freedom);
}

enum { DRAWS = 1 << 18, CELLS = 256 };

/* Every byte of the word, along each of the three coordinates. */
static void bits_are_uniform_along_every_axis(void **state) {
    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        static int counts[8][CELLS];
        memset(counts, 0, sizeof counts);
        for (uint64_t i = 0; i < DRAWS; i++) {
            uint64_t bits =
                random_bits(axis == 0 ? i : 1, axis == 1 ? i : 2, axis == 2 ? i : 3);
            for (int byte = 0; byte < 8; byte++)
                counts[byte][bits >> 8 * byte & 255]++;
        }
        for (int byte = 0; byte < 8; byte++)
            assert_true(fabs(surprise(counts[byte], CELLS, DRAWS / (double)CELLS)) < 6);
    }
}

/* Neighbours along each axis, as pairs of four bits. */
static void neighbours_are_independent(void **state) {
    (void)state;
    for (int axis = 0; axis < 3; axis++) {
        int counts[CELLS] = {0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            uint64_t a = random_bits(i, i / 3, i / 5);
            uint64_t b = random_bits(i + (axis == 0), i / 3 + (axis == 1), i / 5 + (axis == 2));
            counts[(a >> 60) * 16 + (b >> 60)]++;
        }
        assert_true(fabs(surprise(counts, CELLS, DRAWS / (double)CELLS)) < 6);
    }
}

/* About half of the bits change when one bit of any coordinate does. */
static void one_bit_changes_half(void **state) {
    (void)state;
    for (int axis = 0; axis < 3; axis++)
        for (int bit = 0; bit < 64; bit++) {
            int changed = 0;
            uint64_t flip = (uint64_t)1 << bit;
            for (uint64_t i = 0; i < 256; i++)
                changed += __builtin_popcountll(
                    random_bits(i, 2 * i, 3 * i + 1) ^
                    random_bits(i ^ (axis == 0 ? flip : 0), (2 * i) ^ (axis == 1 ? flip : 0),
                                (3 * i + 1) ^ (axis == 2 ? flip : 0)));
            assert_true(abs(changed - 256 * 32) < 6 * 64);
        }
}

static void the_unit_interval_is_filled(void **state) {
    (void)state;
    int counts[CELLS] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = random_unit(9, 9, i);
        assert_true(u >= 0 && u < 1);
        counts[(int)(u * CELLS)]++;
    }
    assert_true(fabs(surprise(counts, CELLS, DRAWS / (double)CELLS)) < 6);
}

/* The normal numbers, sent through the distribution function, must be uniform. */
static void normal_numbers_are_normal(void **state) {
    (void)state;
    int counts[CELLS] = {0}, beyond = 0;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double x = random_normal(4, 7, i);
        assert_true(isfinite(x));
        sum += x, squares += x * x;
        beyond += fabs(x) > 3;
        int cell = (int)(0.5 * erfc(-x / sqrt(2)) * CELLS);
        counts[cell < CELLS ? cell : CELLS - 1]++;
    }
    assert_true(fabs(surprise(counts, CELLS, DRAWS / (double)CELLS)) < 6);
    assert_true(fabs(sum / DRAWS) < 5 / sqrt(DRAWS));
    assert_true(fabs(squares / DRAWS - 1) < 5 * sqrt(2.0 / DRAWS));
    assert_true(fabs(beyond / (double)DRAWS - 0.0026998) < 5 * sqrt(0.0027 / DRAWS));
}

static void below_has_no_bias(void **state) {
    (void)state;
    const int ranges[] = {1, 2, 3, 7, 10, 255};
    for (int r = 0; r < COUNT(ranges); r++) {
        int counts[CELLS] = {0}, n = ranges[r];
        Random random = {21, (uint64_t)n, 0};
        for (int i = 0; i < DRAWS / 4; i++) {
            int value = random_below(&random, n);
            assert_in_range(value, 0, n - 1);
            counts[value]++;
        }
        if (n > 1)
            assert_true(fabs(surprise(counts, n, DRAWS / 4.0 / n)) < 6);
    }
    Random random = {1, 1, 0};
    for (int i = 0; i < 1000; i++)
        assert_in_range(random_below(&random, INT32_MAX), 0, INT32_MAX - 1);
}

/* All 24 orders of four items come up equally often. */
static void shuffles_are_uniform(void **state) {
    (void)state;
    int counts[256] = {0}, seen[24], orders = 0;
    Random random = {8, 8, 0};
    for (int i = 0; i < 24000; i++) {
        int items[4] = {0, 1, 2, 3};
        random_shuffle(&random, items, 4);
        counts[items[0] << 6 | items[1] << 4 | items[2] << 2 | items[3]]++;
    }
    for (int i = 0; i < 256; i++)
        if (counts[i]) {
            assert_in_range(orders, 0, 23);
            seen[orders++] = counts[i];
        }
    assert_int_equal(orders, 24);
    assert_true(fabs(surprise(seen, 24, 1000)) < 6);
}

static void draw(void *context, int index, int worker) {
    (void)worker;
    double *drawn = context;
    drawn[index] = random_normal(33, (uint64_t)index % 7, (uint64_t)index);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    enum { N = 5000 };
    static double drawn[3][N];
    for (int threads = 1; threads <= 3; threads++) {
        Pool *pool = pool_new(threads);
        pool_run(pool, N, draw, drawn[threads - 1]);
        pool_free(pool);
    }
    assert_memory_equal(drawn[0], drawn[1], sizeof drawn[0]);
    assert_memory_equal(drawn[0], drawn[2], sizeof drawn[0]);
}

/* Studies keep what was drawn, so the numbers may not change from one version to the next. */
static void the_numbers_stay(void **state) {
    (void)state;
    Key all = {0, 0};
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t bits = random_bits(i % 3, i / 3, i * i);
        int64_t normal = (int64_t)ldexp(random_normal(i, 1, i), 40);
        all = key_join(all, (Key){bits, (uint64_t)normal});
    }
    Arena *arena = arena_new();
    assert_string_equal(key_hex(arena, all).at, "bfa77eb29dca1235d7ba7079761e1a85");
    arena_free(arena);
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_uniform_along_every_axis),
        cmocka_unit_test(neighbours_are_independent),
        cmocka_unit_test(one_bit_changes_half),
        cmocka_unit_test(the_unit_interval_is_filled),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(below_has_no_bias),
        cmocka_unit_test(shuffles_are_uniform),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(the_numbers_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
