/* nets.h: networks made by hand, operator by operator, and random ones, for the tests of net.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef NETS_H
#define NETS_H

#include "net/net.h"
#include "tests/unit.h"

/* A network under construction; what was added last is its output. */
typedef struct Maker {
    Arena *arena;
    VEC(Op) ops;
} Maker;

/* Appends an operator, its shape worked out; returns its number, or -1 where it has no
 * shape. */
static inline int maker_try(Maker *maker, Op op) {
    const char *why;
    Shape in[MAX_INPUTS];
    for (int k = 0; k < op.inputs; k++)
        in[k] = maker->ops.at[op.input[k]].shape;
    if (op.kind != OP_INPUT &&
        !operator_shape(op.kind, op.attribute, in, op.inputs, &op.shape, &why))
        return -1;
    if (operator_facts[op.kind].output == INHERITS)
        op.output = maker->ops.at[op.input[0]].output;
    op.path = str_format(maker->arena, "%s_%d", operator_facts[op.kind].name, maker->ops.count);
    op.site = -1;
    vec_push(maker->arena, &maker->ops, op);
    return maker->ops.count - 1;
}

static inline int maker_add(Maker *maker, Op op) {
    int i = maker_try(maker, op);
    assert_true(i >= 0);
    return i;
}

static inline Maker maker_begin(Arena *arena, Shape shape, Format format) {
    Maker maker = {.arena = arena};
    maker_add(&maker, (Op){.kind = OP_INPUT, .shape = shape, .output = format});
    return maker;
}

static inline Net maker_end(const Maker *maker) {
    Net net = {STR("test"), maker->ops.at, maker->ops.count, maker->ops.count - 1};
    assert_null(net_check(&net));
    return net;
}

static inline int maker_dense(Maker *maker, int x, int channels, Format weights,
                              Format output) {
    Op op = {.kind = OP_DENSE, .inputs = 1, .input = {x}, .weights = weights, .output = output};
    op.attribute[ATTRIBUTE_CHANNELS] = channels;
    return maker_add(maker, op);
}

/* A convolution, depthwise or pool with a square window and same padding. */
static inline Op op_window(OpKind kind, int x, int channels, int kernel, int stride) {
    Op op = {.kind = kind, .inputs = 1, .input = {x}};
    op.attribute[ATTRIBUTE_CHANNELS] = kind == OP_CONV ? channels : 0;
    op.attribute[ATTRIBUTE_KERNEL_H] = op.attribute[ATTRIBUTE_KERNEL_W] = kernel;
    op.attribute[ATTRIBUTE_STRIDE_H] = op.attribute[ATTRIBUTE_STRIDE_W] = stride;
    op.attribute[ATTRIBUTE_GROUPS] = kind == OP_CONV;
    op.attribute[ATTRIBUTE_SAME] = 1;
    op.weights = op.output = FORMAT_I8;
    return op;
}

static inline Op op_norm(int x, Format output) {
    return (Op){.kind = OP_BATCH_NORM, .inputs = 1, .input = {x}, .output = output};
}

static inline Op op_of(OpKind kind, int x) {
    return (Op){.kind = kind, .inputs = 1, .input = {x}};
}

static inline Op op_add(int a, int b, Format output) {
    return (Op){.kind = OP_ADD, .inputs = 2, .input = {a, b}, .output = output};
}

static inline int random_between(Random *random, int low, int high) {
    return low + random_below(random, high - low + 1);
}

static inline Format random_of(Random *random, const Format *formats, int count) {
    return formats[random_below(random, count)];
}

/* ---- random networks --------------------------------------------------------------------- */

static inline Format random_activation(Random *random) {
    return random_of(random, (Format[]){FORMAT_I8, FORMAT_I8, FORMAT_I4, FORMAT_I16}, 4);
}

/* One operator of any kind and attributes that may read `x`; not each has a shape. */
static inline Op random_op(Random *random, const Maker *maker, int x) {
    static const OpKind kinds[] = {OP_CONV,       OP_CONV,        OP_DEPTHWISE, OP_BATCH_NORM,
                                   OP_BATCH_NORM, OP_RELU,        OP_RELU6,     OP_ADD,
                                   OP_MAX_POOL,   OP_AVERAGE_POOL};
    Op op = {.kind = kinds[random_below(random, COUNT(kinds))], .inputs = 1, .input = {x}};
    if (maker->ops.at[x].shape.rank == 1 && random_below(random, 3) == 0)
        op.kind = OP_DENSE;
    if (random_below(random, 25) == 0)
        op.kind = random_below(random, 2) ? OP_DENSE : OP_GLOBAL_AVERAGE;
    op.inputs = operator_facts[op.kind].inputs;
    if (op.inputs == 2)
        op.input[1] = random_below(random, maker->ops.count);
    int in = shape_channels(maker->ops.at[x].shape), groups = random_between(random, 1, 3);
    int attribute[ATTRIBUTE_COUNT] = {[ATTRIBUTE_CHANNELS] =
                                          groups * random_between(random, 1, 4),
                                      [ATTRIBUTE_KERNEL_H] = random_between(random, 1, 5),
                                      [ATTRIBUTE_KERNEL_W] = random_between(random, 1, 5),
                                      [ATTRIBUTE_STRIDE_H] = random_between(random, 1, 3),
                                      [ATTRIBUTE_STRIDE_W] = random_between(random, 1, 3),
                                      [ATTRIBUTE_GROUPS] = in % groups ? 1 : groups,
                                      [ATTRIBUTE_SAME] = random_below(random, 3) != 0};
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        op.attribute[a] = operator_has(op.kind, (Attribute)a) ? attribute[a] : 0;
    op.weights = random_of(random,
                           (Format[]){FORMAT_I2, FORMAT_I3, FORMAT_I4, FORMAT_I5, FORMAT_I6,
                                      FORMAT_I7, FORMAT_I8, FORMAT_I16},
                           8);
    op.output = random_activation(random);
    return op;
}

/* One operator without weights from `mul` on; not each has a shape. */
static inline Op random_other(Random *random, const Maker *maker, int x) {
    Op op = {.kind = (OpKind)random_between(random, OP_MUL, OP_MATMUL), .input = {x}};
    Shape in = maker->ops.at[x].shape;
    int channels = shape_channels(in), pixels = shape_pixels(in);
    if (in.rank == 2 && random_below(random, 3))
        op.kind = OP_MATMUL;
    bool several = operator_facts[op.kind].inputs == SEVERAL;
    op.inputs = several ? random_between(random, 2, 4) : operator_facts[op.kind].inputs;
    for (int k = 1; k < op.inputs; k++)
        op.input[k] = random_below(random, 2) ? x : random_below(random, maker->ops.count);
    bool flat = random_below(random, 4) == 0, image = !flat && random_below(random, 4) == 0;
    const int attribute[ATTRIBUTE_COUNT] = {
        [ATTRIBUTE_CHANNELS] = op.kind == OP_SLICE ? random_between(random, 1, channels)
                               : flat              ? channels * pixels
                                                   : channels,
        [ATTRIBUTE_FROM] = random_below(random, 3),
        [ATTRIBUTE_GROUPS] = random_between(random, 1, 4),
        [ATTRIBUTE_TOP] = random_below(random, 3),
        [ATTRIBUTE_BOTTOM] = random_below(random, 2),
        [ATTRIBUTE_LEFT] = random_below(random, 2),
        [ATTRIBUTE_RIGHT] = random_below(random, 3),
        [ATTRIBUTE_FACTOR_H] = random_between(random, 1, 2),
        [ATTRIBUTE_FACTOR_W] = random_between(random, 1, 2),
        [ATTRIBUTE_HEIGHT] = image ? 1 : 0,
        [ATTRIBUTE_WIDTH] = flat ? 0 : pixels,
        [ATTRIBUTE_TRANSPOSED] = random_below(random, 2)};
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        op.attribute[a] = operator_has(op.kind, (Attribute)a) ? attribute[a] : 0;
    op.output = random_activation(random);
    return op;
}

/* Mostly a chain of any operators, small, of u8 images. */
static inline Net random_mixed_net(Arena *arena, Random *random, int operators) {
    Shape shape = {3,
                   {random_between(random, 1, 5), random_between(random, 1, 5),
                    random_between(random, 1, 6)}};
    Maker maker = maker_begin(arena, shape, FORMAT_U8);
    for (int tries = 0; maker.ops.count <= operators && tries < 300; tries++) {
        int last = maker.ops.count - 1;
        int x = random_below(random, 5) ? last : random_below(random, maker.ops.count);
        Op op = random_below(random, 3) ? random_other(random, &maker, x)
                                        : random_op(random, &maker, x);
        int added = maker_try(&maker, op);
        if (added >= 0 && shape_elements(maker.ops.at[added].shape) > 2000)
            maker.ops.count--;
    }
    return maker_end(&maker);
}

/* Mostly a chain, some operators reading earlier ones than the last. */
static inline Net random_net(Arena *arena, Random *random, int operators) {
    bool flat = random_below(random, 6) == 0;
    Shape shape = {3,
                   {random_between(random, 1, 11), random_between(random, 1, 11),
                    random_between(random, 1, 6)}};
    if (flat)
        shape = (Shape){1, {random_between(random, 1, 20)}};
    Format input =
        random_of(random, (Format[]){FORMAT_U8, FORMAT_I8, FORMAT_I4, FORMAT_I16}, 4);
    Maker maker = maker_begin(arena, shape, input);
    for (int tries = 0; maker.ops.count <= operators && tries < 200; tries++) {
        int last = maker.ops.count - 1;
        int x = random_below(random, 5) ? last : random_below(random, maker.ops.count);
        maker_try(&maker, random_op(random, &maker, x));
    }
    return maker_end(&maker);
}

static inline float *random_floats(Arena *arena, Random *random, int64_t count, double size) {
    float *values = arena_array(arena, float, count);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)((2 * random_next_unit(random) - 1) * size);
    return values;
}

static inline float *random_positive(Arena *arena, Random *random, int64_t count, double size) {
    float *values = random_floats(arena, random, count, size);
    for (int64_t i = 0; i < count; i++)
        values[i] = values[i] < 0 ? -values[i] : values[i];
    return values;
}

static inline void random_norm(Arena *arena, Random *random, int channels, OpWeights *w) {
    float *gamma = random_floats(arena, random, channels, 2);
    for (int c = 0; c < channels; c++)
        if (random_below(random, 8) == 0)
            gamma[c] = random_below(random, 2) ? 0 : 1e-9f;
    w->gamma = gamma;
    w->beta = random_floats(arena, random, channels, 1);
    w->mean = random_floats(arena, random, channels, 1);
    w->variance = random_positive(arena, random, channels, 2);
}

/* A trained network of random numbers: scales near what the codes need, zero points
 * anywhere. */
static inline FloatModel random_weights(Arena *arena, Random *random, const Net *net) {
    FloatModel model = {net, arena_array(arena, OpWeights, net->count)};
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        OpWeights *w = &model.ops[i];
        int channels = shape_channels(op->shape);
        if (operator_facts[op->kind].weights == WEIGHTED) {
            int row = op_fan_in(net, i);
            w->weight = random_floats(arena, random, (int64_t)channels * row, 0.5);
            w->bias = random_below(random, 3) ? random_floats(arena, random, channels, 0.5) : 0;
            double step = 0.5 / format_weight_limit(op->weights);
            float *steps = random_positive(arena, random, channels, step);
            for (int c = 0; c < channels; c++)
                steps[c] += (float)step / 8;
            w->weight_scale = random_below(random, 2) ? steps : NULL;
        }
        if (operator_facts[op->kind].weights == NORM)
            random_norm(arena, random, channels, w);
        Format format = op->output;
        w->scale =
            (2 + 6 * random_next_unit(random)) / (format_high(format) - format_low(format));
        w->zero = format == FORMAT_I16
                      ? 0
                      : random_between(random, format_low(format), format_high(format));
    }
    return model;
}

/* Input codes as model_run reads them: any, and often the ends of the range. */
static inline void *random_input(Arena *arena, Random *random, Shape shape, Format format) {
    int64_t count = shape_elements(shape);
    int16_t *wide = arena_array(arena, int16_t, count);
    int8_t *narrow = arena_array(arena, int8_t, count);
    for (int64_t i = 0; i < count; i++) {
        int low = format_low(format), high = format_high(format);
        int code = random_between(random, low, high), kind = random_below(random, 8);
        code = kind == 0 ? low : kind == 1 ? high : code;
        wide[i] = (int16_t)code;
        narrow[i] = (int8_t)code;
    }
    return format == FORMAT_I16 ? (void *)wide : (void *)narrow;
}

static inline Model model_of(Arena *arena, const FloatModel *from) {
    Model model;
    Span span;
    Str why;
    if (!model_quantise(arena, from, &model, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    return model;
}

#endif
