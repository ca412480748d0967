/* test_diagnostics.c: places, what is kept, and what is printed, to the letter.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit.h"

#include <jansson.h>

static Arena *arena;

static int arena_make(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}

static int arena_end(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_printed(const Diagnostics *diagnostics, int limit, const char *expected) {
    char *printed;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    diagnostics_print(diagnostics, out, limit);
    fclose(out);
    assert_string_equal(printed, expected);
    free(printed);
}

/* The span of the first `words` in the source at `start`. */
static Span span_of(Str text, uint32_t start, const char *words) {
    const char *at = strstr(text.at, words);
    assert_non_null(at);
    return (Span){start + (uint32_t)(at - text.at), (uint32_t)strlen(words)};
}

static void places_are_counted_in_code_points(void **state) {
    (void)state;
    Diagnostics *d = diagnostics_new(arena);
    Str one = STR("first\nl\xc3\xa4nge = x\r\n\nlast"), two = STR("second file");
    uint32_t start_one = source_add(d, STR("one.nas"), one);
    uint32_t start_two = source_add(d, STR("two.nas"), two);
    Place place;
    assert_true(span_place(d, span_of(one, start_one, "x\r"), &place));
    assert_int_equal(place.line, 2);
    assert_int_equal(place.column, 9);
    assert_true(str_equal(place.line_text, STR("l\xc3\xa4nge = x")));
    assert_true(span_place(d, span_of(two, start_two, "file"), &place));
    assert_true(str_equal(place.file, STR("two.nas")));
    assert_int_equal(place.column, 8);
    assert_true(str_equal(span_text(d, span_of(two, start_two, "file")), STR("file")));
    assert_true(span_place(d, (Span){start_one + (uint32_t)one.length, 0}, &place));
    assert_true(str_equal(place.file, STR("one.nas")));
    assert_int_equal(place.line, 4);
    assert_int_equal(place.column, 5);
    assert_false(span_place(d, (Span){0, 0}, &place));
    assert_false(span_place(d, (Span){1000, 1}, &place));
    assert_int_equal(span_text(d, (Span){start_two, 1000}).length, two.length);
}

static void spans_join(void **state) {
    (void)state;
    Span joined = span_join((Span){5, 3}, (Span){10, 4});
    assert_true(joined.start == 5 && joined.length == 9);
    joined = span_join((Span){10, 4}, (Span){5, 30});
    assert_true(joined.start == 5 && joined.length == 30);
    joined = span_join((Span){0, 0}, (Span){7, 2});
    assert_true(joined.start == 7 && joined.length == 2);
}

static void printed_in_order_with_carets(void **state) {
    (void)state;
    Diagnostics *d = diagnostics_new(arena);
    Str text = STR("network tiny {\n    x = image |> cov(16)\n\ty = x |> reul\n}\n");
    uint32_t start = source_add(d, STR("file.nas"), text);
    error_at(d, span_of(text, start, "reul"), "no operator is called \"%s\"", "reul");
    error_at(d, span_of(text, start, "cov"),
             "no operator is called \"cov\"; did you mean \"conv\"?");
    note_at(d, span_of(text, start, "image"), "applied to this");
    error_at(d, span_of(text, start, "cov"), "a consequence");
    note_at(d, span_of(text, start, "tiny"), "a note on a consequence");
    warn_at(d, (Span){0, 0}, "nothing emits this network");
    error_at(d, (Span){start + (uint32_t)text.length, 0}, "the file ends here");
    assert_int_equal(error_count(d), 3);
    assert_printed(
        d, 0,
        "warning: nothing emits this network\n"
        "file.nas:2:18: error: no operator is called \"cov\"; did you mean \"conv\"?\n"
        "    2 |     x = image |> cov(16)\n"
        "      |                  ^~~\n"
        "file.nas:2:9: note: applied to this\n"
        "    2 |     x = image |> cov(16)\n"
        "      |         ^~~~~\n"
        "file.nas:3:11: error: no operator is called \"reul\"\n"
        "    3 |  y = x |> reul\n"
        "      |           ^~~~\n"
        "file.nas:5:1: error: the file ends here\n"
        "    5 | \n"
        "      | ^\n");
    assert_printed(
        d, 1,
        "warning: nothing emits this network\n"
        "file.nas:2:18: error: no operator is called \"cov\"; did you mean \"conv\"?\n"
        "    2 |     x = image |> cov(16)\n"
        "      |                  ^~~\n"
        "file.nas:2:9: note: applied to this\n"
        "    2 |     x = image |> cov(16)\n"
        "      |         ^~~~~\n"
        "... and 2 more errors\n");
}

static void spans_over_lines_mark_the_first(void **state) {
    (void)state;
    Diagnostics *d = diagnostics_new(arena);
    Str text = STR("let x = [1,\n 2]\n");
    uint32_t start = source_add(d, STR("f"), text);
    error_at(d, span_of(text, start, "[1,\n 2]"), "a list");
    assert_printed(d, 0, "f:1:9: error: a list\n    1 | let x = [1,\n      |         ^~~\n");
}

static void hostile_bytes_do_not_reach_the_terminal(void **state) {
    (void)state;
    Diagnostics *d = diagnostics_new(arena);
    uint32_t start = source_add(d, STR("f"), STR("a\x1b[31mb"));
    error_at(d, (Span){start + 1, 1}, "stray \"%s\"\n", "\x1b[2J");
    assert_printed(d, 0, "f:1:2: error: stray \"?[2J\" \n    1 | a?[31mb\n      |  ^\n");
}

/* A line of a megabyte is cut to what surrounds the mark. */
static void long_lines_are_cut(void **state) {
    (void)state;
    enum { LENGTH = 1 << 20 };
    char *line = arena_alloc(arena, LENGTH);
    memset(line, 'x', LENGTH);
    memcpy(line + LENGTH / 2, "wrong", 5);
    Diagnostics *d = diagnostics_new(arena);
    uint32_t start = source_add(d, STR("f"), (Str){line, LENGTH});
    error_at(d, (Span){start + LENGTH / 2, 5}, "here");
    error_at(d, (Span){start + LENGTH, 0}, "at the end");
    error_at(d, (Span){start + 10, LENGTH / 2}, "long");
    char *printed;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    diagnostics_print(d, out, 0);
    fclose(out);
    assert_true(length < 1500);
    const char *wrong = strstr(printed, "xwrong"), *caret = strstr(printed, " ^~~~~\n");
    assert_true(wrong && caret);
    const char *wrong_line = wrong, *caret_line = caret;
    while (wrong_line[-1] != '\n')
        wrong_line--;
    while (caret_line[-1] != '\n')
        caret_line--;
    assert_int_equal(wrong - wrong_line, caret - caret_line);
    free(printed);
}

/* A million mistakes are counted in no time, and a thousand kept. */
static void mistakes_without_end_are_counted(void **state) {
    (void)state;
    enum { LENGTH = 1000000 };
    char *garbage = arena_alloc(arena, LENGTH);
    memset(garbage, '?', LENGTH);
    Diagnostics *d = diagnostics_new(arena);
    uint32_t start = source_add(d, STR("f"), (Str){garbage, LENGTH});
    for (uint32_t i = 0; i < LENGTH; i++) {
        error_at(d, (Span){start + i, 1}, "stray byte");
        note_at(d, (Span){start + i, 1}, "here");
    }
    assert_int_equal(error_count(d), LENGTH);
    char *printed;
    size_t length;
    FILE *out = open_memstream(&printed, &length);
    diagnostics_print(d, out, 0);
    fclose(out);
    assert_non_null(strstr(printed, "... and 999000 more errors\n"));
    free(printed);
}

/* Written by hand here, read by a library. */
static void json_reads_back(void **state) {
    (void)state;
    Diagnostics *d = diagnostics_new(arena);
    assert_string_equal(diagnostics_json(d, arena).at, "[]");
    Str text = STR("a \"b\"\n");
    uint32_t start = source_add(d, STR("dir/f.nas"), text);
    warn_at(d, span_of(text, start, "\"b\""), "odd: \"b\"");
    note_at(d, span_of(text, start, "a"), "one");
    note_at(d, (Span){0, 0}, "two");
    error_at(d, (Span){0, 0}, "nowhere");
    json_t *root = json_loads(diagnostics_json(d, arena).at, 0, NULL), *notes;
    const char *severity, *file, *message, *second;
    int line, column, length;
    assert_int_equal(json_array_size(root), 2);
    assert_int_equal(json_unpack(json_array_get(root, 0), "{s:s, s:s}", "severity", &severity,
                                 "message", &message),
                     0);
    assert_string_equal(severity, "error");
    assert_string_equal(message, "nowhere");
    assert_int_equal(json_unpack(json_array_get(root, 1), "{s:s, s:s, s:i, s:i, s:i, s:s, s:o}",
                                 "severity", &severity, "file", &file, "line", &line, "column",
                                 &column, "length", &length, "message", &message, "notes",
                                 &notes),
                     0);
    assert_string_equal(file, "dir/f.nas");
    assert_string_equal(message, "odd: \"b\"");
    assert_true(line == 1 && column == 3 && length == 3);
    assert_int_equal(json_array_size(notes), 2);
    assert_int_equal(json_unpack(json_array_get(notes, 1), "{s:s}", "message", &second), 0);
    assert_string_equal(second, "two");
    json_decref(root);
}

/* What to write instead is told where the message quotes what is marked, and only there. */
static void json_knows_fixes(void **state) {
    (void)state;
    Diagnostics *d = diagnostics_new(arena);
    Str text = STR("x = cov(16)\ny = 12 KB\n");
    uint32_t start = source_add(d, STR("f.nas"), text);
    error_at(d, span_of(text, start, "cov"), "a cov: nothing is `cov`; did you mean `conv`?");
    error_at(d, span_of(text, start, "12 KB"), "no unit `KB`; did you mean `kB`?");
    json_t *root = json_loads(diagnostics_json(d, arena).at, 0, NULL);
    json_t *first = json_array_get(root, 0);
    assert_string_equal(json_string_value(json_object_get(first, "fix")), "conv");
    assert_int_equal(json_integer_value(json_object_get(first, "end_line")), 1);
    assert_int_equal(json_integer_value(json_object_get(first, "end_column")), 8);
    assert_null(json_object_get(json_array_get(root, 1), "fix"));
    json_decref(root);
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
#define CASE(name) cmocka_unit_test_setup_teardown(name, arena_make, arena_end)
    const struct CMUnitTest tests[] = {
        CASE(places_are_counted_in_code_points),
        CASE(spans_join),
        CASE(printed_in_order_with_carets),
        CASE(spans_over_lines_mark_the_first),
        CASE(hostile_bytes_do_not_reach_the_terminal),
        CASE(long_lines_are_cut),
        CASE(mistakes_without_end_are_counted),
        CASE(json_reads_back),
        CASE(json_knows_fixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
