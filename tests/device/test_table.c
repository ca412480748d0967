/* Cost tables: what is written reads back the same, every damage is named with its line, and
 * the fitted model finds the costs that made its rows.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "device/device.h"

#include <math.h>

static const char head[] = "# nasc cost table: 2\n"
                           "# device: cortex_m4\n"
                           "# compiler: cc -O2\n"
                           "# version: cc 12\n"
                           "# arithmetic: 1\n"
                           "# code: 0123\n"
                           "# unit: instructions\n";
static const char rows[] = "kernel,conv i4 i8 i8,612\n"
                           "step,a,1000,40,1,2,3,4,5,6\n"
                           "step,b,2000.5,44,1,2,3,4,5,6\n"
                           "kernel,dense i8 i8 i8,100\n"
                           "end,4\n";

static void test_round_trip(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Table table;
    Str why = {0}, text = str_format(arena, "%s%s", head, rows);
    assert_true(table_read(arena, text, &table, &why));
    assert_int_equal(table.kernels.count, 2);
    const KernelRow *kernel = table_kernel(&table, STR("conv i4 i8 i8"));
    assert_non_null(kernel);
    assert_int_equal(kernel->code_bytes, 612);
    assert_string_equal(table.code.at, "0123");
    assert_true(kernel_step(kernel, STR("conv i4 i8 i8 b"))->value == 2000.5);
    assert_int_equal(kernel_step(kernel, STR("conv i4 i8 i8 b"))->call_bytes, 44);
    assert_null(kernel_step(kernel, STR("conv i4 i8 i8 c")));
    Str again = table_write(arena, &table);
    assert_int_equal(again.length, text.length);
    assert_memory_equal(again.at, text.at, (size_t)text.length);
    arena_free(arena);
}

static void test_later_rows_replace(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Table table = table_new(arena);
    KernelRow *kernel = table_put_kernel(arena, &table, STR("k"), 10);
    kernel_put_step(arena, kernel, (StepRow){.key = STR("s"), .value = 5});
    kernel_put_step(arena, kernel, (StepRow){.key = STR("s"), .value = 6});
    assert_int_equal(kernel->steps.count, 1);
    assert_true(kernel_step(kernel, STR("s"))->value == 6);
    assert_ptr_equal(table_put_kernel(arena, &table, STR("k"), 10), kernel);
    assert_int_equal(kernel->steps.count, 1);
    arena_free(arena);
}

/* What is wrong, and what is said. */
static const struct {
    const char *text; /* after the head, or whole where it begins with '!' */
    const char *why;
} damaged[] = {
    {"!", "line 0: the table is empty"},
    {"!a,b\n", "line 1: not a cost table"},
    {"!# nasc cost table: 1\n", "line 1: the table has version 1, this nasc reads 2"},
    {"!# nasc cost table: 2\n# nasc cost table: 2\n",
     "line 2: \"nasc cost table\" is stated twice"},
    {"!# nasc cost table: 2\n# device: x\nend,0\n",
     "line 3: the head does not state \"compiler\""},
    {"!# nasc cost table: 2\n# arithmetic: 7\n",
     "line 2: measured with arithmetic version 7, this nasc has 1"},
    {"!# nasc cost table: 2\n# unit: furlongs\n", "line 2: unknown unit \"furlongs\""},
    {"!# nasc cost table: 2\n# colour: red\n", "line 2: not a line of a cost table's head"},
    {"", "line 7: the table breaks off: there is no end row"},
    {"kernel,k,5\nstep,a,1,2,1,", "line 9: a step row has 10 fields, this one 6"},
    {"kernel,k,5\n", "line 8: the table breaks off: there is no end row"},
    {"end,3\n", "line 8: the table should have 3 rows, but has 0"},
    {"end,0\nend,0\n", "line 9: a row after the end"},
    {"step,a,1,2,1,2,3,4,5,6\n", "line 8: a step before any kernel"},
    {"kernel,k,-5\n", "line 8: the kernel's code bytes is out of range: -5"},
    {"kernel,k,2.5\n", "line 8: the kernel's code bytes is not a whole number: \"2.5\""},
    {"kernel,k,5,6\n", "line 8: a kernel row has 3 fields, this one 4"},
    {"kernel,k,5\n"
     "kernel,k,5\n",
     "line 9: kernel \"k\" has a second row"},
    {"kernel,k,5\n"
     "step,a,1,2,1,2,3,4,5,6\nstep,a,1,2,1,2,3,4,5,6\n",
     "line 10: step \"k a\" has a second row"},
    {"kernel,k,5\nstep,a,nan,2,1,2,3,4,5,6\n",
     "line 9: the step's cost is not a number: \"nan\""},
    {"kernel,k,5\nstep,a,1e999,2,1,2,3,4,5,6\n",
     "line 9: the step's cost is out of range: 1e999"},
    {"kernel,k,5\nstep,a,,2,1,2,3,4,5,6\n", "line 9: the step's cost is not a number: \"\""},
    {"kernel,k,5\nstep,a,1,2,1,2,3,4,5,six\n", "line 9: a feature is not a number: \"six\""},
    {"kernel,k,5\n# device: y\n", "line 9: a line of the head after the first row"},
    {"1,2,3,4,5,6,7,8,9,10,11,12\n", "line 8: more than 11 fields"},
    {"colour,red\n", "line 8: neither kernel, step nor end: \"colour\""},
};

static void test_damaged(void **state) {
    (void)state;
    Arena *arena = arena_new();
    for (int i = 0; i < COUNT(damaged); i++) {
        bool whole = damaged[i].text[0] == '!';
        Str text = str_format(arena, "%s%s", whole ? "" : head, damaged[i].text + whole);
        Table table;
        Str why = {0};
        assert_false(table_read(arena, text, &table, &why));
        assert_string_equal(why.at, damaged[i].why);
    }
    arena_free(arena);
}

/* Cut anywhere, a table is refused: never half of it believed. */
static void test_truncated(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Str text = str_format(arena, "%s%s", head, rows);
    for (int length = 0; length < text.length - 1; length++) {
        Table table;
        Str why = {0};
        assert_false(table_read(arena, (Str){text.at, length}, &table, &why));
        assert_true(str_starts(why, STR("line ")));
    }
    arena_free(arena);
}

static double cost_of(const double *feature) {
    return 40 + 3 * feature[1] + 7.5 * feature[3];
}

/* Rows made by a known rule give the rule back, and so the cost of a step that has no row;
 * columns that did not matter, or were never there, weigh nothing. */
static void test_fit(void **state) {
    (void)state;
    enum { ROWS = 30 };
    StepRow steps[ROWS] = {0};
    Random random = {1, 2, 0};
    for (int i = 0; i < ROWS; i++) {
        double *feature = steps[i].feature;
        feature[0] = 1;
        for (int k = 1; k < STEP_FEATURES - 1; k++)
            feature[k] = 1 + random_below(&random, 100000);
        steps[i].value = cost_of(feature);
    }
    Fit fit = fit_steps(steps, ROWS);
    assert_true(fit.error < 1e-3);
    double unseen[STEP_FEATURES] = {1, 5000, 77, 123, 4, 0};
    assert_true(fabs(fit_value(&fit, unseen) / cost_of(unseen) - 1) < 1e-2);
    assert_true(fit.weight[STEP_FEATURES - 1] == 0);
    for (int k = 0; k < STEP_FEATURES; k++)
        assert_true(fit.weight[k] >= 0);
}

/* A rule with a negative weight is not followed below zero. */
static void test_fit_positive(void **state) {
    (void)state;
    StepRow steps[4] = {0};
    for (int i = 0; i < 4; i++) {
        steps[i].feature[0] = 1;
        steps[i].feature[1] = i;
        steps[i].value = 10 - 2 * i;
    }
    Fit fit = fit_steps(steps, 4);
    assert_true(fit.weight[0] > 0 && fit.weight[1] == 0);
    assert_true(fit_steps(steps, 0).weight[0] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_later_rows_replace),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_fit),        cmocka_unit_test(test_fit_positive),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
