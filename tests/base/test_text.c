/* test_text.c: slices, distances against their definition, growing text, the map, JSON.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <math.h>

static void slices_compare(void **state) {
    (void)state;
    assert_true(str_equal(STR("abc"), str_of("abc")));
    assert_true(str_equal((Str){NULL, 0}, STR("")));
    assert_false(str_equal(STR("abc"), STR("abd")));
    assert_int_equal(str_compare(STR("abc"), STR("abd")), -1);
    assert_int_equal(str_compare(STR("abc"), STR("ab")), 1);
    assert_int_equal(str_compare(STR("\xff"), STR("a")), 1);
    assert_int_equal(str_compare(STR(""), (Str){NULL, 0}), 0);
    assert_true(str_starts(STR("stage[1]"), STR("stage")));
    assert_false(str_starts(STR("st"), STR("stage")));
    assert_true(str_ends(STR("a.nas"), STR(".nas")));
    assert_false(str_ends(STR("nas"), STR(".nas")));
}

static void copies_are_terminated(void **state) {
    (void)state;
    Arena *arena = arena_new();
    assert_string_equal(str_terminated(arena, (Str){"abcdef", 3}), "abc");
    assert_string_equal(str_copy(arena, (Str){NULL, 0}).at, "");
    Str s = str_format(arena, "%.*s-%d", STR_ARG(STR("conv")), 7);
    assert_string_equal(s.at, "conv-7");
    assert_int_equal(s.length, 6);
    arena_free(arena);
}

/* The definition, without a table: the cheapest way to deal with the last letters. */
static int distance_defined(const char *a, int m, const char *b, int n) {
    if (m == 0 || n == 0)
        return m + n;
    int best = distance_defined(a, m - 1, b, n - 1) + (a[m - 1] != b[n - 1]);
    int gone = distance_defined(a, m - 1, b, n) + 1;
    int come = distance_defined(a, m, b, n - 1) + 1;
    best = gone < best ? gone : best;
    best = come < best ? come : best;
    if (m > 1 && n > 1 && a[m - 1] == b[n - 2] && a[m - 2] == b[n - 1]) {
        int swapped = distance_defined(a, m - 2, b, n - 2) + 1;
        best = swapped < best ? swapped : best;
    }
    return best;
}

static Str random_word(Random *random, char *bytes, int most) {
    int length = random_below(random, most + 1);
    for (int i = 0; i < length; i++)
        bytes[i] = (char)('a' + random_below(random, 3));
    return (Str){bytes, length};
}

static void distance_is_as_defined(void **state) {
    (void)state;
    Random random = {1, 2, 0};
    for (int i = 0; i < 3000; i++) {
        char x[8], y[8];
        Str a = random_word(&random, x, 6), b = random_word(&random, y, 6);
        int exact = distance_defined(a.at, a.length, b.at, b.length);
        for (int limit = 0; limit <= 7; limit++)
            assert_int_equal(str_distance(a, b, limit), exact <= limit ? exact : limit + 1);
    }
}

static void the_nearest_name_is_suggested(void **state) {
    (void)state;
    const Str names[] = {STR("conv"), STR("dense"), STR("depthwise"), STR("relu"),
                         STR("relu6")};
    const struct {
        Str wrong;
        const char *meant;
    } cases[] = {{STR("cov"), "conv"},
                 {STR("depthwize"), "depthwise"},
                 {STR("depht"), ""},
                 {STR("reul"), "relu"},
                 {STR("relu66"), "relu6"},
                 {STR("attention"), ""},
                 {STR("x"), ""},
                 {STR(""), ""},
                 {STR("dpethwsie"), "depthwise"}};
    for (int i = 0; i < COUNT(cases); i++) {
        Str near = str_nearest(cases[i].wrong, names, COUNT(names));
        assert_true(str_equal(near, str_of(cases[i].meant)));
    }
}

static void text_grows(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Text text = text_new(arena);
    assert_string_equal(text.at, "");
    for (int i = 0; i < 5000; i++)
        i % 2 ? text_add(&text, "%04d", i) : text_add_str(&text, STR("even"));
    assert_int_equal(text.length, 20000);
    assert_int_equal(strlen(text.at), 20000);
    assert_memory_equal(text.at + 4 * 4998, "even4999", 8);
    text_add(&text, "%s", text_str(&text).at);
    assert_int_equal(text.length, 40000);
    arena_free(arena);
}

/* Against an array, with many replacements. */
static void the_map_maps(void **state) {
    (void)state;
    enum { KEYS = 3000 };
    Arena *arena = arena_new();
    Map *map = map_new(arena);
    Random random = {3, 0, 0};
    Str keys[KEYS];
    int values[KEYS], value;
    for (int i = 0; i < KEYS; i++) {
        keys[i] = str_format(arena, "key%d", i);
        values[i] = -1;
    }
    for (int i = 0; i < 3 * KEYS; i++) {
        int k = random_below(&random, KEYS);
        assert_int_equal(map_get(map, keys[k], &value), values[k] >= 0);
        if (values[k] >= 0)
            assert_int_equal(value, values[k]);
        map_put(map, keys[k], values[k] = i);
    }
    assert_false(map_get(map, STR(""), NULL));
    map_put(map, STR(""), 5);
    assert_true(map_get(map, (Str){NULL, 0}, &value) && value == 5);
    arena_free(arena);
}

static void json_strings_are_escaped(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const struct {
        Str raw;
        const char *json;
    } cases[] = {{STR("plain"), "\"plain\""},
                 {STR("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
                 {STR("\n\t\x01\x7f"), "\"\\n\\t\\u0001\\u007f\""},
                 {STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                  "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
                 {STR("\xc3"), "\"\\ufffd\""},                       /* cut off */
                 {STR("\xc0\xaf"), "\"\\ufffd\\ufffd\""},            /* too long a form */
                 {STR("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""}, /* a surrogate */
                 {STR("\xf4\x90\x80\x80x"), "\"\\ufffd\\ufffd\\ufffd\\ufffdx\""},
                 {(Str){"a\0b", 3}, "\"a\\u0000b\""}};
    for (int i = 0; i < COUNT(cases); i++) {
        Text text = text_new(arena);
        json_add_string(&text, cases[i].raw);
        assert_string_equal(text.at, cases[i].json);
    }
    arena_free(arena);
}

static void json_numbers_read_back(void **state) {
    (void)state;
    Arena *arena = arena_new();
    const struct {
        double value;
        const char *json;
    } cases[] = {{0, "0"},          {1, "1"},      {0.1, "0.1"},      {-2.5, "-2.5"},
                 {1e300, "1e+300"}, {NAN, "null"}, {INFINITY, "null"}};
    for (int i = 0; i < COUNT(cases); i++) {
        Text text = text_new(arena);
        json_add_number(&text, cases[i].value);
        assert_string_equal(text.at, cases[i].json);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        union {
            uint64_t bits;
            double value;
        } any = {random_bits(5, 5, i)};
        Text text = text_new(arena);
        json_add_number(&text, any.value);
        assert_true(!isfinite(any.value) || strtod(text.at, NULL) == any.value);
    }
    arena_free(arena);
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare),
        cmocka_unit_test(copies_are_terminated),
        cmocka_unit_test(distance_is_as_defined),
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(text_grows),
        cmocka_unit_test(the_map_maps),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_numbers_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
