/* The plans of real networks: every backbone of the standard library, in three precisions, and
 * members of the examples' spaces, for every instruction set. All are proven: no order keeps fewer
 * bytes alive, and no placement needs a smaller arena.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "lang/lang.h"
#include "tests/unit.h"

static const struct {
    const char *input, *call;
    int outputs;
} backbones[] = {
    {"[32, 32, 3]", "resnet8", 10},
    {"[49, 10, 1]", "ds_cnn", 12},
    {"[96, 96, 3]", "mobilenet_v1(classes: 2, width: 0.25)", 2},
    {"[640]", "autoencoder", 640},
    {"[224, 224, 3]", "mobilenet_v1(1000)", 1000},
    {"[224, 224, 3]", "mobilenet_v2(1000)", 1000},
};
static const char *const precisions[] = {"*: weights = i8", "*: weights = i4, activations = i4",
                                         "*: weights = i8, activations = i16"};

static Net member_of(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why;
    assert_true(space_instantiate(arena, space, gene, &net, &span, &why));
    return net;
}

/* Programs built, and those whose order was changed. */
typedef struct Tally {
    int programs, reordered;
} Tally;

static void assert_proven(const Program *program) {
    assert_null(program_check(program));
    if (program->arena_bytes == program->bound_bytes &&
        program->order_peak == program->order_least)
        return;
    Arena *arena = arena_new();
    Text text = text_new(arena);
    program_print(program, &text);
    fail_msg("%s: %s", program->isa->name, text.at);
}

static void build_all(Arena *arena, const Net *net, Stream stream, Tally *tally) {
    Model model = model_build(arena, net);
    for (int k = 0; k < isa_count; k++) {
        Program program;
        Span span;
        Str why = STR("");
        BuildOptions options = {.isa = &isas[k], .stream = stream};
        if (!program_build_with(arena, &model, NULL, &options, &program, &span, &why))
            fail_msg("%s: %.*s", isas[k].name, STR_ARG(why));
        assert_proven(&program);
        tally->programs++;
        tally->reordered += program.order_peak < program.order_written;
    }
}

static Net backbone(Arena *arena, int index, const char *precision) {
    Str text = str_format(arena,
                          "use std/backbones\n"
                          "network n(x: %s) -> [%d] { return x |> %s }\n"
                          "precision of n { %s }\n",
                          backbones[index].input, backbones[index].outputs,
                          backbones[index].call, precision);
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("test.nas"), text, (LangOptions){0});
    assert_int_equal(error_count(diagnostics), 0);
    return member_of(arena, spec_space(spec, STR("n"), (Str){"", 0}), (Gene[1]){0});
}

static void backbones_are_proven_optimal(void **state) {
    (void)state;
    Tally tally = {0};
    for (int i = 0; i < COUNT(backbones); i++)
        for (int p = 0; p < COUNT(precisions); p++) {
            Arena *arena = arena_new();
            Net net = backbone(arena, i, precisions[p]);
            build_all(arena, &net, STREAM_NEVER, &tally);
            arena_free(arena);
        }
    print_message("# %d programs, %d in another order than written\n", tally.programs,
                  tally.reordered);
}

static void streamed_backbones_are_placed_optimally(void **state) {
    (void)state;
    Tally tally = {0};
    Arena *arena = arena_new();
    Net net = backbone(arena, 0, precisions[0]);
    build_all(arena, &net, STREAM_ALWAYS, &tally);
    net = backbone(arena, 2, precisions[0]);
    build_all(arena, &net, STREAM_ALWAYS, &tally);
    arena_free(arena);
}

static void example_is_proven(const char *path, int members) {
    Arena *home = arena_new();
    Diagnostics *diagnostics = diagnostics_new(home);
    Spec *spec = spec_read(home, diagnostics, path, (LangOptions){.std_path = NULL});
    assert_int_equal(error_count(diagnostics), 0);
    Tally tally = {0};
    for (int n = 0; spec_network(spec, n).length; n++) {
        const Space *space = spec_space(spec, spec_network(spec, n), STR(""));
        Gene *gene = arena_array(home, Gene, space->choices.count + 1);
        for (int m = 0; m < members; m++) {
            Arena *arena = arena_new();
            Random random = {7, (uint64_t)m, 0};
            for (int c = 0; c < space->choices.count; c++)
                gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
            if (m < 2)
                genotype_extreme(space, gene, m);
            genotype_canonical(space, gene);
            if (genotype_legal(space, gene)) {
                Net net = member_of(arena, space, gene);
                build_all(arena, &net, STREAM_NEVER, &tally);
            }
            arena_free(arena);
        }
    }
    print_message("# %s: %d programs, %d in another order than written\n", path, tally.programs,
                  tally.reordered);
    assert_true(tally.programs >= isa_count);
    arena_free(home);
}

static void examples_are_proven_optimal(void **state) {
    (void)state;
    example_is_proven("examples/fashion/fashion.nas", 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backbones_are_proven_optimal),
        cmocka_unit_test(streamed_backbones_are_placed_optimally),
        cmocka_unit_test(examples_are_proven_optimal),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
