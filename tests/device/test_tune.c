/* Tuning: whatever schedules it chooses compute the same, and what it measured is kept.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "bench/networks.h"
#include "device/device.h"
#include "tests/unit.h"

/* Chooses in turn, to meet every schedule. */
static int in_turn(const void *turn, const Step *step) {
    static const int registers[] = {0, 26, 22, 18, 14};
    (void)step;
    return registers[(*(int *)(uintptr_t)turn)++ % COUNT(registers)];
}

static void check_program(Arena *arena, const Model *model, const BuildOptions *options) {
    const Tensor *in = &model->layers[0].out, *out = &model->layers[model->output].out;
    uint8_t *input = arena_alloc(arena, (size_t)shape_elements(in->shape));
    int8_t *output = arena_alloc(arena, (size_t)shape_elements(out->shape));
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_with(arena, model, NULL, options, &program, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    assert_null(program_check(&program));
    bench_input(in, 1, 0, input);
    model_run(arena, model, input, tensors);
    if (!program_run(arena, &program, input, output, &why))
        fail_msg("%.*s", STR_ARG(why));
    for (int64_t i = 0; i < shape_elements(out->shape); i++)
        assert_int_equal(output[i], tensors[model->output][i]);
}

static Model model_named(Arena *arena, const char *name) {
    const BenchNetwork *network = bench_network(str_of(name));
    return bench_model(arena, bench_source(arena, network, ""), 1, network->images);
}

static void every_schedule_computes_the_same(void **state) {
    (void)state;
    static const char *const names[] = {"ds_cnn", "autoencoder"};
    for (int i = 0; i < 2 * COUNT(names); i++) {
        Arena *arena = arena_new();
        Model model = model_named(arena, names[i / 2]);
        int turn = i;
        BuildOptions options = {
            .isa = isa_named(STR("x86-64-avx512vnni")), .tuned = in_turn, .tuning = &turn};
        check_program(arena, &model, &options);
        arena_free(arena);
    }
}

static void what_was_measured_is_kept(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char folder[256];
    const char *reason;
    Str why = STR(""), again = STR("");
    Jit *jit = jit_new(arena, NULL, &why);
    LEAVE_UNLESS(jit && isa_of_target(NULL)->vector_bits > 32, "no LLVM, or no vectors");
    directory_own(folder);
    Store *store = store_open(arena, str_format(arena, "%s/s", folder).at, 1, &reason);
    Model model = model_named(arena, "autoencoder");
    Tuning tuning = tuning_of(arena, store, isa_of_target(NULL));
    BuildOptions options = {.tuned = tuning_choice, .tuning = &tuning};
    Program program;
    Span span;
    assert_true(program_build(arena, &model, NULL, &program, &span, &why));
    assert_true(tuning_measure(&tuning, jit, &program, &why));
    assert_true(tuning.tuned_ns > 0 && tuning.tuned_ns <= tuning.rule_ns);
    check_program(arena, &model, &options);
    Tuning later = tuning_of(arena, store, isa_of_target(NULL));
    assert_true(tuning_measure(&later, jit, &program, &again));
    assert_true(later.rule_ns == 0);
    store_close(store);
    jit_free(jit);
    directory_remove(folder);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_computes_the_same),
        cmocka_unit_test(what_was_measured_is_kept),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
