/* Devices: emulated counts are exact and add up to those of the whole network, flash is
 * predicted within 2 %, emitted networks compute the interpreter's bytes wherever they run,
 * profiles resume.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "device/device.h"
#include "lang/lang.h"
#include "tests/device/nets.h"

#include <math.h>

#define ARM_FLAGS "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft -O2"

/* ---- what is at hand --------------------------------------------------------------------- */

static bool has_program(const char *name) {
    char command[200];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0;
}

/* Whether a test can run; says so where it cannot. cmocka's own skip() prints "not ok". */
static bool lacks(const char *program) {
    bool missing = !has_program(program);
    if (missing)
        print_message("# skipped: %s is missing\n", program);
    return missing;
}

static bool lacks_emulator(void) {
    return lacks("arm-none-eabi-gcc") || lacks("qemu-system-arm");
}

static const Target cortex = {.name = {"cortex_m4", 9},
                              .isa = {"armv7e-m", 8},
                              .clock_hz = 100e6,
                              .cycles_per_instruction = 1.25,
                              .code = CODE_C,
                              .measure = MEASURE_INSTRUCTIONS,
                              .compiler = {"arm-none-eabi-gcc", 17},
                              .flags = {ARM_FLAGS, sizeof ARM_FLAGS - 1},
                              .weight_formats = ~0u,
                              .activation_formats = ~0u};

static const Target host = {.name = {"host", 4},
                            .isa = {"native", 6},
                            .code = CODE_C,
                            .measure = MEASURE_TIME,
                            .compiler = {"gcc", 3},
                            .flags = {"-O2", 3},
                            .weight_formats = ~0u,
                            .activation_formats = ~0u};

/* ---- networks ---------------------------------------------------------------------------- */

/* An inverted bottleneck: expand, depthwise, project, and a residual add where shapes allow. */
static int mbconv(Maker *maker, int x, int channels, int kernel, int stride,
                  const Format *weights, Format output) {
    int wide = 2 * shape_channels(maker->ops.at[x].shape);
    int y = net_window(maker, OP_CONV, x, wide, 1, 1, weights[0], output);
    y = net_window(maker, OP_DEPTHWISE, net_unary(maker, OP_RELU, y), 0, kernel, stride,
                   weights[1], output);
    y = net_window(maker, OP_CONV, net_unary(maker, OP_RELU, y), channels, 1, 1, weights[2],
                   output);
    bool same = shape_equal(maker->ops.at[x].shape, maker->ops.at[y].shape);
    return same ? net_binary(maker, OP_ADD, x, y, output) : y;
}

/* A small classifier; `variant` changes formats and sizes. */
static Net classifier(Arena *arena, int variant) {
    static const Format weights[][3] = {{FORMAT_I4, FORMAT_I2, FORMAT_I8},
                                        {FORMAT_I8, FORMAT_I8, FORMAT_I8},
                                        {FORMAT_I3, FORMAT_I4, FORMAT_I5},
                                        {FORMAT_I8, FORMAT_I6, FORMAT_I7}};
    const Format *w = weights[variant % 4];
    Maker maker = net_begin(arena, 28, 28, 1, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 8 + 8 * (variant % 3), 3, 2, FORMAT_I8, FORMAT_I8);
    x = mbconv(&maker, net_unary(&maker, OP_RELU, x), 16, 3, 2, w, FORMAT_I8);
    x = mbconv(&maker, x, 16, 5, 1, w, FORMAT_I8);
    x = mbconv(&maker, x, 32, 3, 2, weights[(variant + 1) % 4], FORMAT_I8);
    net_dense(&maker, net_unary(&maker, OP_GLOBAL_AVERAGE, x), 10, FORMAT_I8, FORMAT_I8);
    return net_end(&maker);
}

/* A network, its model with constants, its program and the emitted files. */
typedef struct Built {
    Net net;
    Model model;
    Program program;
    EmitFile *files;
    int file_count;
} Built;

static Built *built_of(Arena *arena, const Target *target, Net net) {
    Built *built = arena_new_of(arena, Built);
    Span span;
    Str why = {0};
    built->net = net;
    FloatModel weights = net_weights(arena, &built->net, 7);
    if (!model_quantise(arena, &weights, &built->model, &span, &why) ||
        !program_build(arena, &built->model, target, &built->program, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    EmitOptions options = {.prefix = STR("tiny")};
    built->files = emit_c(arena, &built->program, &options, &built->file_count);
    return built;
}

static Replay replay_of(Arena *arena, const Built *built, int count) {
    int in_bytes = (int)tensor_bytes(built->program.in_shape, built->program.in_format);
    uint8_t *inputs = arena_array(arena, uint8_t, count * in_bytes);
    for (int i = 0; i < count * in_bytes; i++)
        inputs[i] = (uint8_t)random_bits(3, 1, (uint64_t)i);
    return (Replay){.files = built->files,
                    .file_count = built->file_count,
                    .prefix = STR("tiny"),
                    .inputs = inputs,
                    .count = count,
                    .in_bytes = in_bytes,
                    .out_bytes =
                        (int)tensor_bytes(built->program.out_shape, built->program.out_format),
                    .arena_bytes = built->program.arena_bytes};
}

static Device *opened(Arena *arena, const Target *target, Store *store) {
    Str why = {0};
    Device *device = device_open(arena, target, store, NULL, &why);
    if (device == NULL)
        fail_msg("%.*s", STR_ARG(why));
    return device;
}

static void profiled(Device *device, Arena *arena, const Program *program) {
    Str why = {0};
    if (!device_profile(device, arena, program->steps, program->count, &why))
        fail_msg("%.*s", STR_ARG(why));
}

/* ---- emulated Cortex-M ------------------------------------------------------------------- */

/* Within 2 %: a step is measured in full, while clamped codes of real data take shortcuts. */
static void check_sum(Arena *arena, const Device *device, const Built *built) {
    Replay replay = replay_of(arena, built, 1);
    double whole;
    Cost cost;
    Str why = {0};
    assert_true(device_cost(device, arena, &built->program, &cost, &why));
    if (!device_measured_run(device, arena, &replay, &whole, &why))
        fail_msg("%.*s", STR_ARG(why));
    print_message("# %.0f instructions, %.0f as a sum of steps\n", whole, cost.instructions);
    assert_int_equal(cost.steps_fitted, 0);
    assert_true(fabs(cost.instructions / whole - 1) < 0.02);
    assert_true(fabs(cost.latency_s - cost.instructions * 1.25 / 100e6) < 1e-12);
}

static void check_flash(Arena *arena, const Device *device, const Built *built) {
    Cost cost;
    Str why = {0};
    int64_t bytes = 0;
    assert_true(device_cost(device, arena, &built->program, &cost, &why));
    if (!device_measured_flash(device, arena, built->files, built->file_count, &bytes, &why))
        fail_msg("%.*s", STR_ARG(why));
    print_message("# %lld bytes of flash, %lld predicted\n", (long long)bytes,
                  (long long)cost.flash_bytes);
    assert_true(fabs((double)cost.flash_bytes / (double)bytes - 1) < 0.02);
}

static Built *pointwise(Arena *arena, int side, int out) {
    Maker maker = net_begin(arena, side, side, 20, FORMAT_I8);
    net_window(&maker, OP_CONV, 0, out, 1, 1, FORMAT_I8, FORMAT_I8);
    return built_of(arena, &cortex, net_end(&maker));
}

/* A step without a row takes its cost from the others of its kernel: a pointwise convolution of
 * another size, within the tenth that a model of a handful of rows can be trusted for. */
static void check_fitted(Arena *arena, Device *device) {
    static const int sizes[][2] = {{5, 24}, {7, 40}, {8, 32}, {12, 36}, {14, 22}, {10, 44}};
    for (int i = 0; i < COUNT(sizes); i++)
        profiled(device, arena, &pointwise(arena, sizes[i][0], sizes[i][1])->program);
    Built *built = pointwise(arena, 11, 28);
    const Step *step = &built->program.steps[0];
    StepCost fitted, counted;
    assert_true(device_step(device, step, &fitted) && !fitted.measured);
    profiled(device, arena, &built->program);
    assert_true(device_step(device, step, &counted) && counted.measured);
    print_message("# fitted %.0f, counted %.0f\n", fitted.value, counted.value);
    assert_true(fabs(fitted.value / counted.value - 1) < 0.1);
}

/* What a program is said to cost is what it costs as a whole. */
static void test_costs(void **state) {
    (void)state;
    if (lacks_emulator())
        return;
    Arena *arena = arena_new();
    Device *device = opened(arena, &cortex, NULL);
    for (int variant = 0; variant < 3; variant++) {
        Built *built = built_of(arena, &cortex, classifier(arena, variant));
        profiled(device, arena, &built->program);
        check_sum(arena, device, built);
        check_flash(arena, device, built);
    }
    check_fitted(arena, device);
    arena_free(arena);
}

/* Two profiles count the same, to the instruction. */
static void test_repeatable(void **state) {
    (void)state;
    if (lacks_emulator())
        return;
    Arena *arena = arena_new();
    Built *built = built_of(arena, &cortex, classifier(arena, 0));
    Program part = built->program;
    part.count = 4;
    Device *device = opened(arena, &cortex, NULL), *again = opened(arena, &cortex, NULL);
    profiled(device, arena, &part);
    profiled(again, arena, &part);
    Str first = device_table_csv(device, arena), second = device_table_csv(again, arena);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.at, second.at, (size_t)first.length);
    arena_free(arena);
}

/* A kernel without rows is named. */
static void test_unknown(void **state) {
    (void)state;
    if (lacks("arm-none-eabi-gcc"))
        return;
    Arena *arena = arena_new();
    Device *device = opened(arena, &cortex, NULL);
    Built *built = built_of(arena, &cortex, classifier(arena, 1));
    Cost cost;
    Str why = {0};
    assert_false(device_cost(device, arena, &built->program, &cost, &why));
    assert_non_null(strstr(why.at, "nothing is known of what kernel \"conv i8 u8 i8 "));
    assert_non_null(strstr(why.at, "costs on device cortex_m4, which layer conv[1] needs"));
    arena_free(arena);
}

/* ---- outputs ----------------------------------------------------------------------------- */

/* The interpreter's output codes, as bytes. */
static void expect_outputs(Arena *arena, const Built *built, const Replay *replay,
                           uint8_t *outputs) {
    int32_t **tensors = arena_array(arena, int32_t *, built->model.count);
    for (int i = 0; i < replay->count; i++) {
        model_run(arena, &built->model, replay->inputs + i * replay->in_bytes, tensors);
        for (int k = 0; k < replay->out_bytes; k++)
            outputs[i * replay->out_bytes + k] = (uint8_t)tensors[built->model.output][k];
    }
}

static void check_outputs(const Toolchain *toolchain, const Target *target, int variant,
                          int count) {
    Arena *arena = arena_new();
    Built *built = built_of(arena, target, classifier(arena, variant));
    Replay replay = replay_of(arena, built, count);
    uint8_t *expected = arena_array(arena, uint8_t, count * replay.out_bytes);
    uint8_t *outputs = arena_array(arena, uint8_t, count * replay.out_bytes);
    Str why = {0};
    expect_outputs(arena, built, &replay, expected);
    if (!device_run(toolchain, arena, &replay, outputs, &why))
        fail_msg("%.*s", STR_ARG(why));
    assert_memory_equal(outputs, expected, (size_t)(count * replay.out_bytes));
    arena_free(arena);
}

static void test_outputs_cortex(void **state) {
    (void)state;
    if (lacks_emulator())
        return;
    Arena *arena = arena_new();
    Toolchain toolchain = target_toolchain(arena, &cortex);
    for (int variant = 0; variant < 2; variant++)
        check_outputs(&toolchain, &cortex, variant, 20);
    arena_free(arena);
}

static void test_outputs_host(void **state) {
    (void)state;
    if (lacks("gcc"))
        return;
    check_outputs(&(Toolchain){.compiler = STR("gcc -O0")}, &cortex, 2, 5);
    check_outputs(&(Toolchain){.compiler = STR("gcc -O2 -fsanitize=address,undefined "
                                               "-fno-sanitize-recover=all")},
                  &cortex, 0, 5);
}

static void test_outputs_big_endian(void **state) {
    (void)state;
    Target portable = cortex;
    portable.isa = STR("portable");
    if (lacks("powerpc-linux-gnu-gcc") || lacks("qemu-ppc"))
        return;
    check_outputs(&(Toolchain){.compiler = STR("powerpc-linux-gnu-gcc -static -O2"),
                               .runner = STR("qemu-ppc")},
                  &portable, 1, 5);
}

/* ---- the library's devices --------------------------------------------------------------- */

static bool has_first_word(Arena *arena, Str line) {
    int length = 0;
    while (length < line.length && line.at[length] != ' ')
        length++;
    return length > 0 && has_program(str_terminated(arena, (Str){line.at, length}));
}

/* Compiles the emitted files by the device's own line. */
static void check_compiles(Arena *arena, const Toolchain *toolchain, const Target *target) {
    Built *built = built_of(arena, target, classifier(arena, 1));
    Workshop workshop;
    Names sources = {0};
    Str why = {0};
    if (!workshop_begin(arena, &workshop, &why) ||
        !files_write(&workshop, built->files, built->file_count, &sources, &why) ||
        !toolchain_compile(toolchain, &workshop, sources.at, sources.count, &why))
        fail_msg("%.*s: %.*s", STR_ARG(target->name), STR_ARG(why));
    workshop_end(&workshop);
}

/* With the tools that are here: what can run gives the interpreter's bytes, what cannot
 * compiles. How many did which is printed. */
static void test_library(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("devices"), STR("use std/devices\n"),
                                (LangOptions){NULL});
    int count, emitted = 0, compiled = 0, ran = 0;
    const Str *names = spec_names(spec, DECL_DEVICE, &count);
    for (int i = 0; i < count; i++) {
        Target target;
        assert_true(spec_target(spec, spec_decl(spec, DECL_DEVICE, names[i]), arena, &target));
        if (target.code == CODE_NONE || str_equal(target.isa, STR("native")))
            continue;
        Toolchain toolchain = target_toolchain(arena, &target);
        bool runs = toolchain.bare ? has_program("qemu-system-arm")
                                   : has_first_word(arena, toolchain.runner);
        emitted++;
        if (!has_first_word(arena, target.compiler))
            continue;
        if (runs)
            check_outputs(&toolchain, &target, i, 2);
        else
            check_compiles(arena, &toolchain, &target);
        *(runs ? &ran : &compiled) += 1;
        print_message("# %.*s: %s\n", STR_ARG(names[i]), runs ? "ran" : "compiled");
    }
    print_message("# of %d devices with code %d ran, %d compiled\n", emitted, ran, compiled);
    assert_true(emitted >= 12);
    arena_free(arena);
}

/* What goes wrong is said, with the tool's own words. */
static void test_failures(void **state) {
    (void)state;
    if (lacks("gcc"))
        return;
    Arena *arena = arena_new();
    Built *built = built_of(arena, &host, classifier(arena, 0));
    Replay replay = replay_of(arena, built, 1);
    uint8_t output[64];
    Str why = {0};
    assert_false(
        device_run(&(Toolchain){.compiler = STR("no-such-cc")}, arena, &replay, output, &why));
    assert_non_null(strstr(why.at, "cannot run no-such-cc: no such file or directory"));
    assert_false(device_run(&(Toolchain){.compiler = STR("gcc -Dtiny_run=tiny.run")}, arena,
                            &replay, output, &why));
    assert_non_null(strstr(why.at, "gcc failed with status 1"));
    assert_non_null(strstr(why.at, "error:"));
    Target lost = host;
    lost.compiler = STR("no-such-cc");
    assert_null(device_open(arena, &lost, NULL, NULL, &why));
    assert_non_null(strstr(why.at, "cannot run no-such-cc: "));
    lost.table = STR("tables/nowhere");
    assert_null(device_open(arena, &lost, NULL, NULL, &why));
    assert_non_null(strstr(why.at, "the standard library has no tables/nowhere.csv"));
    arena_free(arena);
}

/* ---- the host ---------------------------------------------------------------------------- */

static void count_row(void *context, Str key, Str value) {
    (void)key, (void)value;
    ++*(int *)context;
}

typedef struct LastKey {
    Arena *arena;
    Str key;
} LastKey;

static void keep_key(void *context, Str key, Str value) {
    LastKey *last = context;
    (void)value;
    last->key = str_copy(last->arena, key);
}

/* A row that somebody else wrote is not believed. */
static void check_damaged_row(Arena *arena, Store *store, const char *kind) {
    Str why = {0};
    LastKey last = {arena, {0}};
    store_each(store, kind, keep_key, &last);
    store_put(store, kind, last.key, STR("step,1,minus four\n"));
    assert_null(device_open(arena, &host, store, NULL, &why));
    assert_non_null(strstr(why.at, "its measurements in the study are damaged: line "));
}

/* Medians are positive and kept: a second device on the same study knows them without
 * measuring, and one that knows some of the rows measures the others only. */
static void test_host_profile(void **state) {
    (void)state;
    if (lacks("gcc"))
        return;
    char folder[256];
    const char *reason;
    directory_own(folder);
    Arena *arena = arena_new();
    Store *store = store_open(arena, str_format(arena, "%s/study", folder).at, 1, &reason);
    assert_non_null(store);
    Built *built = built_of(arena, &host, classifier(arena, 0));
    Device *device = opened(arena, &host, store);
    Program part = built->program;
    part.count = 3;
    profiled(device, arena, &part);
    Str early = device_table_csv(device, arena);
    profiled(device, arena, &built->program);
    Device *later = opened(arena, &host, store);
    Cost cost;
    Str why = {0};
    assert_true(device_cost(later, arena, &built->program, &cost, &why));
    assert_int_equal(cost.steps_fitted, 0);
    assert_true(cost.latency_s > 0 && cost.instructions == 0);
    for (int i = 0; i < built->program.count; i++) {
        StepCost one, two;
        assert_true(device_step(device, &built->program.steps[i], &one));
        assert_true(device_step(later, &built->program.steps[i], &two));
        assert_true(one.measured && one.value > 0 && one.value == two.value);
    }
    assert_true(device_table_csv(later, arena).length > early.length);
    int rows = 0;
    store_each(store, device->kind, count_row, &rows);
    assert_true(rows > built->program.routine_count);
    check_damaged_row(arena, store, device->kind);
    store_close(store);
    directory_remove(folder);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_costs),        cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_unknown),      cmocka_unit_test(test_outputs_cortex),
        cmocka_unit_test(test_outputs_host), cmocka_unit_test(test_outputs_big_endian),
        cmocka_unit_test(test_library),      cmocka_unit_test(test_failures),
        cmocka_unit_test(test_host_profile),
    };
    progress_quiet(true);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
