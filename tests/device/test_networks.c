/* Networks of the standard library, end to end: elaborated, given random weights, quantised,
 * emitted as C, compiled and run, they give the interpreter's bytes.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "device/device.h"
#include "lang/lang.h"
#include "tests/device/nets.h"

enum { INPUTS = 3 };

static const char *const networks[] = {"gated",    "v3_small", "squeezed", "shuffled",
                                       "segments", "looks",    "keywords"};

static Net smallest(Arena *arena, const Space *space) {
    Net net;
    Span span;
    Str why;
    Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
    genotype_extreme(space, gene, false);
    genotype_canonical(space, gene);
    assert_true(space_instantiate(arena, space, gene, &net, &span, &why));
    return net;
}

/* What model and emitted C say on the same random inputs. */
static void check_bytes(Arena *arena, Model *model, const Program *program, const char *name) {
    EmitOptions options = {.prefix = STR("net")};
    Replay replay = {
        .prefix = STR("net"), .count = INPUTS, .arena_bytes = program->arena_bytes};
    replay.files = emit_c(arena, program, &options, &replay.file_count);
    replay.in_bytes = (int)tensor_bytes(program->in_shape, program->in_format);
    replay.out_bytes = (int)tensor_bytes(program->out_shape, program->out_format);
    uint8_t *inputs = arena_array(arena, uint8_t, INPUTS * replay.in_bytes);
    uint8_t *outputs = arena_array(arena, uint8_t, INPUTS * replay.out_bytes);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    bool seen[256] = {false};
    int differ = 0, distinct = 0;
    Str why = {0};
    for (int i = 0; i < INPUTS * replay.in_bytes; i++)
        inputs[i] = (uint8_t)random_bits(5, 1, (uint64_t)i);
    replay.inputs = inputs;
    if (!device_run(&(Toolchain){.compiler = STR("gcc -O1")}, arena, &replay, outputs, &why))
        fail_msg("%s: %.*s", name, STR_ARG(why));
    for (int i = 0; i < INPUTS; i++) {
        model_run(arena, model, inputs + i * replay.in_bytes, tensors);
        for (int k = 0; k < replay.out_bytes; k++) {
            uint8_t code = (uint8_t)tensors[model->output][k];
            differ += outputs[i * replay.out_bytes + k] != code;
            distinct += !seen[code];
            seen[code] = true;
        }
    }
    print_message("# %s: %d layers, %d bytes of %d differ, %d distinct\n", name, model->count,
                  differ, INPUTS * replay.out_bytes, distinct);
    assert_int_equal(differ, 0);
    assert_true(distinct > 1);
}

static void networks_compute_the_interpreters_bytes(void **state) {
    (void)state;
    LEAVE_UNLESS(system("command -v gcc >/dev/null 2>&1") == 0, "gcc is missing");
    Arena *home = arena_new();
    Diagnostics *diagnostics = diagnostics_new(home);
    Spec *spec = spec_read(home, diagnostics, "tests/lang/library.nas", (LangOptions){0});
    assert_int_equal(error_count(diagnostics), 0);
    for (int i = 0; i < COUNT(networks); i++) {
        Arena *arena = arena_new();
        const Space *space = spec_space(spec, str_of(networks[i]), (Str){"", 0});
        assert_non_null(space);
        Net net = smallest(arena, space);
        FloatModel weights = net_weights(arena, &net, 7);
        Model model;
        Program program;
        Span span;
        Str why = {0};
        Target target = {.isa = STR("portable"),
                         .code = CODE_C,
                         .weight_formats = ~0u,
                         .activation_formats = ~0u};
        if (!model_quantise(arena, &weights, &model, &span, &why) ||
            !program_build(arena, &model, &target, &program, &span, &why))
            fail_msg("%s: %.*s", networks[i], STR_ARG(why));
        check_bytes(arena, &model, &program, networks[i]);
        arena_free(arena);
    }
    arena_free(home);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_compute_the_interpreters_bytes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
