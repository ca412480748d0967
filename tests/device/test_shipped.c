/* The shipped table of cortex_m4: it belongs to this code generator, knows every step that the
 * example's space can need, and says what the emulator counts.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "device/device.h"
#include "lang/lang.h"

#include <math.h>

static const char *const tools[] = {"arm-none-eabi-gcc", "qemu-system-arm"};

/* Says so where the emulator cannot be asked. cmocka's own skip() prints "not ok". */
static bool lacks_emulator(void) {
    for (int i = 0; i < COUNT(tools); i++) {
        char command[200];
        snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", tools[i]);
        if (system(command) == 0)
            continue;
        print_message("# skipped: %s is missing\n", tools[i]);
        return true;
    }
    return false;
}

static Target shipped_target(Arena *arena) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("devices"), STR("use std/devices\n"),
                                (LangOptions){.std_path = NULL});
    const Decl *decl = spec_decl(spec, DECL_DEVICE, STR("cortex_m4"));
    Target target;
    assert_non_null(decl);
    assert_true(spec_target(spec, decl, arena, &target));
    return target;
}

/* Opening fails when the table was measured with another compiler line or other kernels. */
static Device *shipped_device(Arena *arena, const Target *target) {
    Str why = {0};
    Device *device = device_open(arena, target, NULL, NULL, &why);
    if (device == NULL)
        fail_msg("%.*s", STR_ARG(why));
    return device;
}

static const Space *example_space(Arena *arena) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read(arena, diagnostics, "examples/fashion/fashion.nas",
                           (LangOptions){.std_path = NULL});
    assert_int_equal(error_count(diagnostics), 0);
    const Space *space = spec_space(spec, spec_network(spec, 0), STR(""));
    assert_non_null(space);
    return space;
}

static Program member(Arena *arena, const Space *space, const Target *target, int number) {
    Gene *gene = arena_array(arena, Gene, space->choices.count);
    Random random = {5, (uint64_t)number, 0};
    for (int i = 0; i < space->choices.count; i++)
        gene[i] = (Gene)random_below(&random, space->choices.at[i].count);
    genotype_canonical(space, gene);
    Net *net = arena_new_of(arena, Net);
    Model *model = arena_new_of(arena, Model);
    Program program;
    Span span;
    Str why = {0};
    if (!space_instantiate(arena, space, gene, net, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    *model = model_build(arena, net);
    if (!program_build(arena, model, target, &program, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    return program;
}

/* The trip counts of a row are those that codegen states today: a model fitted to others would
 * not serve today's steps. */
static void check_features(const Device *device, const Step *step) {
    Arena *arena = arena_new();
    double feature[STEP_FEATURES];
    const KernelRow *kernel = table_kernel(&device->table, step->name);
    const StepRow *row = kernel_step(kernel, step_key(arena, step));
    step_features(step, feature);
    for (int i = 0; i < STEP_FEATURES; i++)
        assert_true(fabs(row->feature[i] - feature[i]) <= 1e-9 * feature[i]);
    arena_free(arena);
}

static void test_knows_the_example(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Target target = shipped_target(arena);
    Device *device = shipped_device(arena, &target);
    const Space *space = example_space(arena);
    for (int i = 0; i < 200; i++) {
        Program program = member(arena, space, &target, i);
        Cost cost;
        Str why = {0};
        if (!device_cost(device, arena, &program, &cost, &why))
            fail_msg("%.*s", STR_ARG(why));
        assert_int_equal(cost.steps_fitted, 0);
        for (int k = 0; k < program.count; k++)
            check_features(device, &program.steps[k]);
        assert_true(cost.latency_s > 0 && cost.flash_bytes > 0);
    }
    arena_free(arena);
}

/* With the compiler that the table names, counts and bytes are the same; but for the call itself,
 * whose addresses take an instruction more or less to form, as the rest of the image has it. */
static void test_says_what_is_counted(void **state) {
    (void)state;
    if (lacks_emulator())
        return;
    Arena *arena = arena_new();
    Target target = shipped_target(arena), bare = target;
    bare.table = STR("");
    Device *device = shipped_device(arena, &target), *measured = shipped_device(arena, &bare);
    if (!str_equal(device->table.version, measured->table.version)) {
        print_message("# skipped: the table was measured with %.*s\n",
                      STR_ARG(device->table.version));
        arena_free(arena);
        return;
    }
    Program program = member(arena, example_space(arena), &target, 1);
    Str why = {0};
    if (!device_profile(measured, arena, program.steps, program.count, &why))
        fail_msg("%.*s", STR_ARG(why));
    for (int i = 0; i < program.count; i++) {
        StepCost shipped, counted;
        assert_true(device_step(device, &program.steps[i], &shipped));
        assert_true(device_step(measured, &program.steps[i], &counted));
        assert_true(shipped.measured && fabs(shipped.value - counted.value) <= 4);
        assert_true(abs(shipped.call_bytes - counted.call_bytes) <= 8);
    }
    for (int i = 0; i < measured->table.kernels.count; i++) {
        const KernelRow *kernel = &measured->table.kernels.at[i];
        assert_int_equal(table_kernel(&device->table, kernel->name)->code_bytes,
                         kernel->code_bytes);
    }
    arena_free(arena);
}

/* A table that does not belong to the device is refused with the reason. */
static void test_foreign(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Target target = shipped_target(arena);
    Str why = {0};
    target.flags = STR("-mcpu=cortex-m7");
    assert_null(device_open(arena, &target, NULL, NULL, &why));
    assert_non_null(strstr(why.at, "it was measured with \"arm-none-eabi-gcc"));
    target.name = STR("other");
    assert_null(device_open(arena, &target, NULL, NULL, &why));
    assert_non_null(strstr(why.at, "it is of device cortex_m4"));
    arena_free(arena);
}

/* Code that is printed otherwise than what was measured makes the table stale. */
static void test_stale(void **state) {
    (void)state;
    char folder[256];
    const char *reason;
    directory_own(folder);
    Arena *arena = arena_new();
    Target target = shipped_target(arena);
    Device *device = shipped_device(arena, &target);
    device->table.code = STR("another");
    Str csv = device_table_csv(device, arena);
    assert_true(directory_make(str_format(arena, "%s/tables", folder).at, &reason));
    assert_true(
        file_write(str_format(arena, "%s/tables/cortex_m4.csv", folder).at, csv, &reason));
    Str why = {0};
    assert_null(device_open(arena, &target, NULL, folder, &why));
    assert_non_null(strstr(why.at, "bench/device/cortex_m4 measures it anew"));
    directory_remove(folder);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_the_example),
        cmocka_unit_test(test_says_what_is_counted),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_stale),
    };
    progress_quiet(true);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
