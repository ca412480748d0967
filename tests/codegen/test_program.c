/* Random models through the kernel interpreter, for every instruction set, against the reference:
 * every step held to its own operands, every code the same. And without constants the same sizes
 * and plan as with them.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

enum { LAYERS = 7, VECTORS = 2 };

/* For longer runs: MODELS=2000 SEED=1000 tests this many networks from that seed on. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

/* Codes as the caller of a program stores them, and as the interpreter takes them. */
static void input_forms(Arena *arena, const Tensor *tensor, const int16_t *codes, void **stored,
                        void **plain) {
    int64_t count = shape_elements(tensor->shape);
    int8_t *narrow = arena_alloc(arena, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (int8_t)codes[i];
    *plain = tensor->format == FORMAT_I16 ? (void *)codes : narrow;
    *stored = *plain;
    if (tensor->format != FORMAT_I4)
        return;
    *stored = arena_alloc(arena, (size_t)tensor_bytes(tensor->shape, tensor->format));
    pack_rows(codes, shape_pixels(tensor->shape), shape_channels(tensor->shape), FORMAT_I4,
              *stored);
}

static int32_t stored_code(const Tensor *tensor, const uint8_t *bytes, int64_t i) {
    int channels = shape_channels(tensor->shape), c = (int)(i % channels);
    switch (tensor->format) {
    case FORMAT_I16:
        return ((const int16_t *)bytes)[i];
    case FORMAT_U8:
        return bytes[i];
    case FORMAT_I4:
        return (int8_t)(bytes[i / channels * ((channels + 1) / 2) + c / 2]
                        << (c % 2 ? 0 : 4)) >>
               4;
    default:
        return (int8_t)bytes[i];
    }
}

static void run_vector(Arena *arena, const Model *model, const Program *program, uint64_t seed,
                       int vector) {
    const Tensor *from = &model->layers[0].out, *to = &model->layers[model->output].out;
    int16_t *codes = arena_array(arena, int16_t, shape_elements(from->shape));
    random_input(from, seed, vector, codes);
    void *stored, *plain;
    input_forms(arena, from, codes, &stored, &plain);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    model_run(arena, model, plain, tensors);
    uint8_t *output = arena_alloc(arena, (size_t)tensor_bytes(to->shape, to->format) + 2);
    Str why = STR("");
    if (!program_run(arena, program, stored, output, &why))
        fail_msg("%s, %llu: %.*s", program->isa->name, (unsigned long long)seed, STR_ARG(why));
    for (int64_t i = 0; i < shape_elements(to->shape); i++)
        if (stored_code(to, output, i) != tensors[model->output][i])
            fail_msg("%s, %llu: element %lld is %d, not %d", program->isa->name,
                     (unsigned long long)seed, (long long)i, stored_code(to, output, i),
                     tensors[model->output][i]);
}

static Program built(Arena *arena, const Model *model, const Isa *isa, Stream stream,
                     uint64_t seed) {
    Program program;
    Span span;
    Str why = STR("");
    BuildOptions options = {.isa = isa, .stream = stream};
    if (!program_build_with(arena, model, NULL, &options, &program, &span, &why))
        fail_msg("%s, %llu: %.*s", isa->name, (unsigned long long)seed, STR_ARG(why));
    if (program_check(&program))
        fail_msg("%s, %llu: %s", isa->name, (unsigned long long)seed, program_check(&program));
    for (int i = 0; i < program.count; i++)
        if (routine_check(&program.steps[i].lowered->routine))
            fail_msg("%s, %llu: step %d: %s", isa->name, (unsigned long long)seed, i,
                     routine_check(&program.steps[i].lowered->routine));
    return program;
}

static void without_constants(Arena *arena, const Model *model, const Program *full) {
    Model bare = *model;
    bare.layers = arena_array(arena, Layer, model->count);
    for (int i = 0; i < model->count; i++) {
        bare.layers[i] = model->layers[i];
        bare.layers[i].weight = NULL;
        bare.layers[i].bias = NULL;
        bare.layers[i].multiplier = NULL;
        bare.layers[i].table = NULL;
    }
    Program program;
    Span span;
    Str why = STR("");
    assert_true(program_build_isa(arena, &bare, NULL, full->isa, &program, &span, &why));
    assert_int_equal(program.arena_bytes, full->arena_bytes);
    assert_int_equal(program.weight_bytes, full->weight_bytes);
    assert_int_equal(program.constant_bytes, full->constant_bytes);
}

static void equals_the_reference(void **state) {
    (void)state;
    int first = setting("SEED", 1), count = setting("MODELS", 150);
    for (int seed = first; seed < first + count; seed++)
        for (int i = 0; i < isa_count; i++) {
            Arena *arena = arena_new();
            Model model = random_model(arena, (uint64_t)seed, LAYERS);
            Program program = built(arena, &model, &isas[i], STREAM_NEVER, (uint64_t)seed);
            for (int v = 0; v < VECTORS; v++)
                run_vector(arena, &model, &program, (uint64_t)seed, v);
            without_constants(arena, &model, &program);
            arena_free(arena);
        }
}

/* Chains computed some rows at a time: the same codes in no larger an arena. */
static void streams_alike(void **state) {
    (void)state;
    int first = setting("SEED", 1), count = setting("MODELS", 150), streamed = 0;
    for (int seed = first; seed < first + count; seed++)
        for (int i = 0; i < isa_count; i++) {
            Arena *arena = arena_new();
            Model model = random_model(arena, (uint64_t)seed, LAYERS);
            Program plain = built(arena, &model, &isas[i], STREAM_NEVER, (uint64_t)seed);
            Program program = built(arena, &model, &isas[i], STREAM_ALWAYS, (uint64_t)seed);
            assert_true(program.arena_bytes <= plain.arena_bytes);
            streamed += program.arena_bytes < plain.arena_bytes;
            for (int v = 0; v < VECTORS; v++)
                run_vector(arena, &model, &program, (uint64_t)seed, v);
            arena_free(arena);
        }
    print_message("# %d of %d programs are smaller streamed\n", streamed, count * isa_count);
    assert_true(streamed > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_reference),
        cmocka_unit_test(streams_alike),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
