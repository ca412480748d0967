/* The schedules of pair words (Cortex-M with DSP) against the interpreter, run by the kernel
 * interpreter: shapes that leave pixels, channels and inputs over, strides, paddings, all
 * formats, weights at their limits and inputs at both ends; with and without an add that
 * follows. And that they are what the instruction set gets: none of these layers falls back to
 * plain code.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

/* For longer runs: MODELS=20000 SEED=1000. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

/* ---- models of one layer, or of one and an add ------------------------------------------- */

static int pick(Random *random, const int *from, int count) {
    return from[random_below(random, count)];
}
#define PICK(random, ...)                                                                      \
    pick((random), (const int[]){__VA_ARGS__}, COUNT(((const int[]){__VA_ARGS__})))

static Layer *layer_add(RandomModel *r, OpKind kind, int input) {
    Layer *layer = &r->model.layers[r->model.count];
    *layer = (Layer){.kind = kind, .inputs = 1, .accumulator_bits = 32};
    layer->path = str_format(r->arena, "layer%d", r->model.count++);
    layer->input[0] = input;
    layer->attribute[ATTRIBUTE_GROUPS] = 1;
    return layer;
}

static void put_window(Random *random, int *a, bool pools) {
    a[ATTRIBUTE_SAME] = pools ? 0 : random_below(random, 2);
    a[ATTRIBUTE_KERNEL_H] = pools ? 2 : PICK(random, 1, 1, 3, 3, 2, 5);
    a[ATTRIBUTE_KERNEL_W] = pools ? 3 : PICK(random, 1, 3, 3, 4);
    a[ATTRIBUTE_STRIDE_H] = PICK(random, 1, 1, 2);
    a[ATTRIBUTE_STRIDE_W] = random_below(random, 8) ? a[ATTRIBUTE_STRIDE_H] : 3;
    if (!pools && random_below(random, 3) == 0)
        for (int k = ATTRIBUTE_KERNEL_H; k <= ATTRIBUTE_STRIDE_W; k++)
            a[k] = 1;
}

static void put_shape(Layer *layer, Shape in) {
    const char *why;
    Shape shapes[2] = {in, in};
    if (!operator_shape(layer->kind, layer->attribute, shapes, layer->inputs, &layer->out.shape,
                        &why))
        fail_msg("%s", why);
}

/* Codes of weights that this schedule takes, sums within 32 bits. */
static void put_weights(RandomModel *r, Layer *layer, const Tensor *in, int row) {
    static const Format formats[] = {FORMAT_I2, FORMAT_I3, FORMAT_I4, FORMAT_I6,
                                     FORMAT_I8, FORMAT_I8, FORMAT_I8};
    layer->weights = formats[random_below(&r->random, COUNT(formats))];
    layer->out_channels = shape_channels(layer->out.shape);
    layer->row = row;
    random_codes(r, layer);
    random_biases(r, layer, in);
    random_multipliers(r, layer);
    if (random_below(&r->random, 8) == 0) /* few bits: what the product's low word decides */
        for (int c = 0; c < layer->out_channels; c++)
            layer->multiplier[c] = 1 + layer->multiplier[c] % 7, layer->shift = 8;
}

static void put_add(RandomModel *r, Layer *layer) {
    double scale[2];
    layer->inputs = 2;
    for (int k = 0; k < 2; k++)
        scale[k] = 0.01 + 1.5 * random_next_unit(&r->random);
    layer->multiplier = arena_array(r->arena, int32_t, 2);
    layer->shift = requantise_constants(scale, 2, MULTIPLIER_BITS_ADD, layer->multiplier);
}

static void put_output(RandomModel *r, Layer *layer, Format format) {
    Shape shape = layer->out.shape;
    layer->out = random_tensor(&r->random, shape, format);
    layer->low = format_low(format);
    layer->high = format_high(format);
    if (random_below(&r->random, 3) == 0)
        layer->low = random_between(&r->random, layer->low, layer->high);
    if (random_below(&r->random, 3) == 0)
        layer->high = random_between(&r->random, layer->low, layer->high);
}

typedef struct Drawn {
    OpKind kind;
    bool adds; /* an add of the input follows */
} Drawn;

static void put_input(RandomModel *r, int channels) {
    static const Format inputs[] = {FORMAT_U8, FORMAT_I8, FORMAT_I8};
    Shape shape = {
        3, {random_between(&r->random, 5, 9), random_between(&r->random, 5, 12), channels}};
    Layer *input = layer_add(r, OP_INPUT, 0);
    input->inputs = 0;
    input->out = random_tensor(&r->random, shape, inputs[random_below(&r->random, 3)]);
    input->low = format_low(input->out.format);
    input->high = format_high(input->out.format);
}

static void put_layer(RandomModel *r, Drawn drawn) {
    const Tensor *in = &r->model.layers[0].out;
    int channels = shape_channels(in->shape);
    Layer *layer = layer_add(r, drawn.kind, 0);
    int *a = layer->attribute;
    a[ATTRIBUTE_CHANNELS] = PICK(&r->random, 1, 2, 3, 4, 6, 7, 8, 10, 16, 32);
    if (operator_has(drawn.kind, ATTRIBUTE_KERNEL_H))
        put_window(&r->random, a, drawn.kind == OP_AVERAGE_POOL);
    if (drawn.adds) {
        a[ATTRIBUTE_CHANNELS] = channels;
        a[ATTRIBUTE_SAME] = a[ATTRIBUTE_STRIDE_H] = a[ATTRIBUTE_STRIDE_W] = 1;
    }
    layer->inputs = drawn.kind == OP_ADD ? 2 : 1;
    put_shape(layer, in->shape);
    bool packs = (drawn.kind == OP_CONV || drawn.kind == OP_DENSE) && !drawn.adds;
    bool pools = drawn.kind == OP_AVERAGE_POOL;
    bool narrow = packs && random_below(&r->random, 4) == 0;
    put_output(r, layer, pools ? in->format : narrow ? FORMAT_I4 : FORMAT_I8);
    if (pools)
        layer->out.zero = in->zero, layer->low = format_low(in->format),
        layer->high = format_high(in->format);
    int taps = a[ATTRIBUTE_KERNEL_H] * a[ATTRIBUTE_KERNEL_W];
    if (drawn.kind == OP_ADD)
        put_add(r, layer);
    else if (!pools)
        put_weights(r, layer, in,
                    drawn.kind == OP_CONV    ? taps * channels
                    : drawn.kind == OP_DENSE ? (int)shape_elements(in->shape)
                                             : taps);
}

static Model model_drawn(Arena *arena, uint64_t seed, Drawn *drawn) {
    static const OpKind kinds[] = {OP_CONV,      OP_CONV, OP_CONV,        OP_DENSE,
                                   OP_DEPTHWISE, OP_ADD,  OP_AVERAGE_POOL};
    RandomModel r = {.random = {seed, 7, 0}, .arena = arena};
    r.model.name = str_format(arena, "m%llu", (unsigned long long)seed);
    r.model.layers = arena_array(arena, Layer, 3);
    *drawn = (Drawn){.kind = kinds[random_below(&r.random, COUNT(kinds))]};
    drawn->adds = drawn->kind == OP_CONV && random_below(&r.random, 3) == 0;
    put_input(&r, PICK(&r.random, 1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 32, 64));
    put_layer(&r, *drawn);
    if (drawn->adds) {
        Layer *sum = layer_add(&r, OP_ADD, 1);
        sum->inputs = 2;
        sum->out.shape = r.model.layers[1].out.shape;
        put_output(&r, sum, FORMAT_I8);
        put_add(&r, sum);
    }
    r.model.output = r.model.count - 1;
    return r.model;
}

/* ---- both ways --------------------------------------------------------------------------- */

static int code_at(const Tensor *tensor, const uint8_t *bytes, int64_t i) {
    int channels = shape_channels(tensor->shape), c = (int)(i % channels);
    if (tensor->format == FORMAT_U8)
        return bytes[i];
    if (tensor->format == FORMAT_I8)
        return (int8_t)bytes[i];
    return (int8_t)(bytes[i / channels * ((channels + 1) / 2) + c / 2] << (c % 2 ? 0 : 4)) >> 4;
}

static void run_both(Arena *arena, const Model *model, const Program *program, uint64_t seed) {
    const Tensor *from = &model->layers[0].out, *to = &model->layers[model->output].out;
    int64_t count = shape_elements(from->shape);
    int16_t *codes = arena_array(arena, int16_t, count);
    uint8_t *input = arena_alloc(arena, (size_t)count);
    for (int vector = 0; vector < 3; vector++) {
        random_input(from, seed, vector, codes);
        for (int64_t i = 0; i < count; i++)
            input[i] = (uint8_t)codes[i];
        int32_t **tensors = arena_array(arena, int32_t *, model->count);
        model_run(arena, model, input, tensors);
        uint8_t *output = arena_alloc(arena, (size_t)tensor_bytes(to->shape, to->format));
        Str why = STR("");
        if (!program_run(arena, program, input, output, &why))
            fail_msg("%llu: %.*s", (unsigned long long)seed, STR_ARG(why));
        for (int64_t i = 0; i < shape_elements(to->shape); i++)
            if (code_at(to, output, i) != tensors[model->output][i])
                fail_msg("%llu, vector %d: element %lld is %d, not %d",
                         (unsigned long long)seed, vector, (long long)i, code_at(to, output, i),
                         tensors[model->output][i]);
    }
}

static void check_one(uint64_t seed) {
    Arena *arena = arena_new();
    Drawn drawn;
    Model model = model_drawn(arena, seed, &drawn);
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_isa(arena, &model, NULL, isa_named(STR("armv7e-m")), &program, &span,
                           &why))
        fail_msg("%llu: %.*s", (unsigned long long)seed, STR_ARG(why));
    for (int i = 0; i < program.count; i++) {
        const Routine *routine = &program.steps[i].lowered->routine;
        if (routine_check(routine))
            fail_msg("%llu: %s", (unsigned long long)seed, routine_check(routine));
        if (i == 0 && str_ends(routine->name, STR("plain"))) /* others clear what pads codes */
            fail_msg("%llu: %.*s", (unsigned long long)seed, STR_ARG(routine->name));
    }
    run_both(arena, &model, &program, seed);
    arena_free(arena);
}

static void equals_the_interpreter(void **state) {
    (void)state;
    int first = setting("SEED", 1), count = setting("MODELS", 400);
    for (int seed = first; seed < first + count; seed++)
        check_one((uint64_t)seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_interpreter)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
