/* Networks of any operators by the kernel interpreter, on every instruction set, give the
 * reference's codes; products with whatever factors a model may have.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/net/nets.h"

enum { NETS = 800 };

static int32_t *codes_of(Arena *arena, const Tensor *tensor, const uint8_t *bytes) {
    int64_t count = shape_elements(tensor->shape);
    int32_t *codes = arena_array(arena, int32_t, count);
    int16_t *unpacked = arena_array(arena, int16_t, count);
    if (tensor->format == FORMAT_I4)
        unpack_rows(bytes, shape_pixels(tensor->shape), shape_channels(tensor->shape),
                    FORMAT_I4, unpacked);
    for (int64_t i = 0; i < count; i++)
        codes[i] = tensor->format == FORMAT_I4    ? unpacked[i]
                   : tensor->format == FORMAT_I16 ? ((const int16_t *)bytes)[i]
                   : tensor->format == FORMAT_U8  ? bytes[i]
                                                  : (int8_t)bytes[i];
    return codes;
}

static void check_isa(Arena *arena, const Model *model, const Isa *isa, const uint8_t *input,
                      const int32_t *expected) {
    const Tensor *out = &model->layers[model->output].out;
    BuildOptions options = {.isa = isa};
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_with(arena, model, NULL, &options, &program, &span, &why))
        fail_msg("%s: %.*s", isa->name, STR_ARG(why));
    if (program_check(&program))
        fail_msg("%s: %s", isa->name, program_check(&program));
    uint8_t *bytes = arena_alloc(arena, (size_t)tensor_bytes(out->shape, out->format));
    if (!program_run(arena, &program, input, bytes, &why))
        fail_msg("%s: %.*s", isa->name, STR_ARG(why));
    const int32_t *codes = codes_of(arena, out, bytes);
    for (int64_t i = 0; i < shape_elements(out->shape); i++)
        if (codes[i] != expected[i])
            fail_msg("%s: element %lld is %d, not %d", isa->name, (long long)i, codes[i],
                     expected[i]);
}

/* Factors of products from the smallest to such that all is at an end of the format. */
static void scatter_factors(Random *random, Model *model) {
    for (int i = 1; i < model->count; i++) {
        Layer *layer = &model->layers[i];
        if (layer->kind != OP_MUL || random_below(random, 2))
            continue;
        layer->multiplier[0] =
            1 + (random_below(random, INT32_MAX) >> random_below(random, 31));
        layer->shift = random_between(random, 1, 45);
    }
}

static void check_net(Arena *arena, Random *random, const Net *net, int *seen) {
    FloatModel from = random_weights(arena, random, net);
    Model model;
    Span span;
    Str why;
    if (!model_quantise(arena, &from, &model, &span, &why))
        return;
    scatter_factors(random, &model);
    int64_t count = shape_elements(net->ops[0].shape);
    uint8_t *input = arena_alloc(arena, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        input[i] = (uint8_t)random_below(random, 256);
    int32_t **tensors = arena_array(arena, int32_t *, model.count);
    model_run(arena, &model, input, tensors);
    for (int i = 0; i < isa_count; i++)
        check_isa(arena, &model, &isas[i], input, tensors[model.output]);
    for (int i = 0; i < net->count; i++)
        seen[net->ops[i].kind]++;
}

static void all_operators_equal_the_reference(void **state) {
    (void)state;
    Random random = {202, 0, 0};
    Arena *arena = arena_new();
    int seen[OP_COUNT] = {0};
    for (int n = 0; n < NETS; n++, arena_reset(arena)) {
        Net net = random_mixed_net(arena, &random, random_between(&random, 1, 7));
        check_net(arena, &random, &net, seen);
    }
    arena_free(arena);
    for (int k = 0; k < OP_COUNT; k++)
        if (seen[k] < 10 && operator_facts[k].engine == EMITTED)
            fail_msg("%s was drawn %d times", operator_facts[k].name, seen[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_operators_equal_the_reference),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
