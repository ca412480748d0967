/* nets.h: networks made by hand, operator by operator, for the tests and benchmarks of devices.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef NETS_H
#define NETS_H

#include "net/net.h"

#include <assert.h>

/* A network under construction; the last operator added is its output. */
typedef struct Maker {
    Arena *arena;
    Net net;
    VEC(Op) ops;
} Maker;

/* Appends an operator whose shape follows from its inputs. Returns its number. */
static inline int net_add(Maker *maker, Op op) {
    const char *why = "";
    Shape in[MAX_INPUTS];
    for (int k = 0; k < op.inputs; k++)
        in[k] = maker->ops.at[op.input[k]].shape;
    if (op.kind != OP_INPUT &&
        !operator_shape(op.kind, op.attribute, in, op.inputs, &op.shape, &why))
        die(EXIT_FILE, "%s", why);
    op.path = str_format(maker->arena, "%s[%d]",
                         op.kind == OP_INPUT ? "input" : operator_facts[op.kind].name,
                         maker->ops.count);
    op.site = -1;
    vec_push(maker->arena, &maker->ops, op);
    return maker->ops.count - 1;
}

static inline Maker net_begin(Arena *arena, int height, int width, int channels,
                              Format format) {
    Maker maker = {.arena = arena};
    Shape shape = {3, {height, width, channels}};
    net_add(&maker, (Op){.kind = OP_INPUT, .shape = shape, .output = format});
    return maker;
}

static inline Net net_end(Maker *maker) {
    return (Net){STR("test"), maker->ops.at, maker->ops.count, maker->ops.count - 1};
}

/* A window operator; `channels` matters to conv alone. */
static inline int net_window(Maker *maker, OpKind kind, int x, int channels, int kernel,
                             int stride, Format weights, Format output) {
    Op op = {.kind = kind, .inputs = 1, .input = {x}, .weights = weights, .output = output};
    op.attribute[ATTRIBUTE_CHANNELS] = channels;
    op.attribute[ATTRIBUTE_KERNEL_H] = op.attribute[ATTRIBUTE_KERNEL_W] = kernel;
    op.attribute[ATTRIBUTE_STRIDE_H] = op.attribute[ATTRIBUTE_STRIDE_W] = stride;
    op.attribute[ATTRIBUTE_GROUPS] = op.attribute[ATTRIBUTE_SAME] = 1;
    return net_add(maker, op);
}

static inline int net_dense(Maker *maker, int x, int channels, Format weights, Format output) {
    Op op = {.kind = OP_DENSE, .inputs = 1, .input = {x}, .weights = weights, .output = output};
    op.attribute[ATTRIBUTE_CHANNELS] = channels;
    return net_add(maker, op);
}

static inline int net_binary(Maker *maker, OpKind kind, int x, int y, Format output) {
    return net_add(maker, (Op){.kind = kind, .inputs = 2, .input = {x, y}, .output = output});
}

static inline int net_unary(Maker *maker, OpKind kind, int x) {
    return net_add(
        maker,
        (Op){.kind = kind, .inputs = 1, .input = {x}, .output = maker->ops.at[x].output});
}

/* Values around one and around zero. */
static inline float *net_values(Arena *arena, int count, double middle, Random *random) {
    float *values = arena_array(arena, float, count);
    for (int c = 0; c < count; c++)
        values[c] = (float)(middle + random_next_unit(random) - 0.5);
    return values;
}

static inline void net_norm(Arena *arena, OpWeights *w, int channels, Random *random) {
    w->gamma = net_values(arena, channels, 1, random);
    w->beta = net_values(arena, channels, 0, random);
    w->mean = net_values(arena, channels, 0, random);
    w->variance = net_values(arena, channels, 1, random);
}

/* Random weights, biases and scales for every operator that wants them. */
static inline FloatModel net_weights(Arena *arena, const Net *net, uint64_t seed) {
    FloatModel model = {net, arena_array(arena, OpWeights, net->count)};
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        OpWeights *w = &model.ops[i];
        Random random = {seed, (uint64_t)i, 0};
        w->scale = 0.02 + 0.02 * random_next_unit(&random);
        w->zero = op->output == FORMAT_U8 ? 73 : op->output == FORMAT_I8 ? -11 : 0;
        if (operator_facts[op->kind].weights == NORM)
            net_norm(arena, w, shape_channels(op->shape), &random);
        if (operator_facts[op->kind].weights != WEIGHTED)
            continue;
        int channels = shape_channels(op->shape), row = op_fan_in(net, i);
        float *weight = arena_array(arena, float, channels *row);
        float *bias = arena_array(arena, float, channels);
        for (int k = 0; k < channels * row; k++)
            weight[k] = (float)((random_next_unit(&random) - 0.5) / row * 8);
        for (int c = 0; c < channels; c++)
            bias[c] = (float)(random_next_unit(&random) - 0.5);
        w->weight = weight;
        w->bias = bias;
    }
    return model;
}

#endif
