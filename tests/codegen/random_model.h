/* Random integer models, for tests that run one model in two ways: any operators, shapes,
 * formats, zero points at both ends, weights at their extremes, accumulators near their bound.
 * To be included by one file of a test program.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef RANDOM_MODEL_H
#define RANDOM_MODEL_H

#include "net/net.h"

/* What random models are made of. */
typedef struct RandomModel {
    Random random;
    Arena *arena;
    Model model;
} RandomModel;

static int random_between(Random *random, int low, int high) {
    return low + random_below(random, high - low + 1);
}

static Format random_activation(Random *random) {
    static const Format formats[] = {FORMAT_I8, FORMAT_I8, FORMAT_I8, FORMAT_I4, FORMAT_I16};
    return formats[random_below(random, COUNT(formats))];
}

static int random_zero(Random *random, Format format) {
    if (format == FORMAT_I16)
        return 0;
    int low = format_low(format), high = format_high(format);
    int which = random_below(random, 4);
    return which == 0 ? low : which == 1 ? high : random_between(random, low, high);
}

static Tensor random_tensor(Random *random, Shape shape, Format format) {
    return (Tensor){shape, format, 1.0, random_zero(random, format)};
}

/* ---- weights ----------------------------------------------------------------------------- */

static int16_t random_weight(Random *random, int limit, int style) {
    if (style == 0)
        return (int16_t)limit;
    if (style == 1)
        return (int16_t)(random_below(random, 2) ? limit : -limit);
    return (int16_t)random_between(random, -limit, limit);
}

static void random_codes(RandomModel *r, Layer *layer) {
    int limit = format_weight_limit(layer->weights);
    int64_t count = (int64_t)layer->out_channels * layer->row;
    layer->weight = arena_array(r->arena, int16_t, count);
    for (int c = 0; c < layer->out_channels; c++) {
        int style = random_below(&r->random, 6);
        for (int k = 0; k < layer->row; k++)
            layer->weight[(int64_t)c * layer->row + k] =
                random_weight(&r->random, limit, style);
    }
}

/* Biases as large as the accumulator allows for some layers, small for most. */
static void random_biases(RandomModel *r, Layer *layer, const Tensor *in) {
    layer->bias = arena_array(r->arena, int64_t, layer->out_channels);
    layer->bound = layer_bound(layer, in);
    layer->accumulator_bits = layer->bound < (int64_t)1 << 31 ? 32 : 64;
    int64_t room = ((int64_t)1 << (layer->accumulator_bits == 32 ? 31 : 45)) - 1 - layer->bound;
    if (random_below(&r->random, 5))
        room = min_i64(room, layer->bound / 4 + 1);
    for (int c = 0; c < layer->out_channels; c++) {
        double share = 2 * random_next_unit(&r->random) - 1;
        layer->bias[c] = random_below(&r->random, 4)   ? (int64_t)(share * (double)room)
                         : random_below(&r->random, 2) ? room
                                                       : -room;
    }
    layer->bound = layer_bound(layer, in);
}

/* Scales that spread the sums over the output's codes, beyond them, or over a few. */
static void random_multipliers(RandomModel *r, Layer *layer) {
    double *scale = arena_array(r->arena, double, layer->out_channels);
    double range = format_high(layer->out.format) - format_low(layer->out.format);
    for (int c = 0; c < layer->out_channels; c++) {
        double spread = 0.25 + 16 * random_next_unit(&r->random);
        scale[c] = spread * range / (double)(layer->bound + 1);
        if (random_below(&r->random, 12) == 0)
            scale[c] *= 1e-9;
    }
    layer->multiplier = arena_array(r->arena, int32_t, layer->out_channels);
    int bits = layer->accumulator_bits == 32 ? MULTIPLIER_BITS : MULTIPLIER_BITS_WIDE;
    layer->shift = requantise_constants(scale, layer->out_channels, bits, layer->multiplier);
}

static void random_weights(RandomModel *r, Layer *layer, int row) {
    static const Format formats[] = {FORMAT_I2, FORMAT_I3, FORMAT_I4, FORMAT_I5, FORMAT_I6,
                                     FORMAT_I7, FORMAT_I8, FORMAT_I8, FORMAT_I16};
    layer->weights = formats[random_below(&r->random, COUNT(formats))];
    layer->out_channels = shape_channels(layer->out.shape);
    layer->row = row;
    random_codes(r, layer);
    random_biases(r, layer, &r->model.layers[layer->input[0]].out);
    random_multipliers(r, layer);
}

/* ---- layers ------------------------------------------------------------------------------ */

static int random_divisor(Random *random, int n) {
    int d = random_between(random, 1, n);
    while (n % d)
        d--;
    return d;
}

static int greatest_divisor_of_both(int a, int b) {
    return b ? greatest_divisor_of_both(b, a % b) : a;
}

static void random_window(Random *random, Shape in, int *attribute) {
    bool same = random_below(random, 2);
    attribute[ATTRIBUTE_SAME] = same;
    attribute[ATTRIBUTE_KERNEL_H] =
        random_between(random, 1, same ? 5 : (int)min_i64(in.dim[0], 5));
    attribute[ATTRIBUTE_KERNEL_W] =
        random_between(random, 1, same ? 5 : (int)min_i64(in.dim[1], 5));
    attribute[ATTRIBUTE_STRIDE_H] = random_between(random, 1, 3);
    attribute[ATTRIBUTE_STRIDE_W] = random_between(random, 1, 3);
    if (random_below(random, 3) == 0)
        for (int a = ATTRIBUTE_KERNEL_H; a <= ATTRIBUTE_STRIDE_W; a++)
            attribute[a] = 1;
}

/* The nearest earlier tensor of the same shape, often another than `of`. */
static int random_partner(RandomModel *r, int of) {
    for (int i = r->model.count - 1; i >= 0; i--)
        if (shape_equal(r->model.layers[i].out.shape, r->model.layers[of].out.shape) &&
            random_below(&r->random, 2))
            return i;
    return of;
}

static void finish_add(RandomModel *r, Layer *layer) {
    layer->inputs = 2;
    layer->input[1] = random_partner(r, layer->input[0]);
    double scale[2];
    for (int k = 0; k < 2; k++)
        scale[k] = 0.01 + 1.5 * random_next_unit(&r->random);
    layer->multiplier = arena_array(r->arena, int32_t, 2);
    layer->shift = requantise_constants(scale, 2, MULTIPLIER_BITS_ADD, layer->multiplier);
}

static void finish_clamp(RandomModel *r, Layer *layer, const Tensor *in) {
    layer->out = *in;
    layer->low = (int32_t)max_i64(in->zero, format_low(in->format));
    layer->high = layer->kind == OP_RELU
                      ? format_high(in->format)
                      : random_between(&r->random, layer->low, format_high(in->format));
}

/* What is drawn before the output's shape is known. */
static bool draw_attributes(RandomModel *r, Layer *layer, Shape in) {
    bool windowed = operator_has(layer->kind, ATTRIBUTE_KERNEL_H);
    if (windowed && in.rank != 3)
        return false;
    if (windowed)
        random_window(&r->random, in, layer->attribute);
    layer->attribute[ATTRIBUTE_CHANNELS] = random_between(&r->random, 1, 13);
    layer->attribute[ATTRIBUTE_GROUPS] = 1;
    if (layer->kind == OP_CONV && random_below(&r->random, 3) == 0)
        layer->attribute[ATTRIBUTE_GROUPS] = random_divisor(
            &r->random,
            greatest_divisor_of_both(in.dim[2], layer->attribute[ATTRIBUTE_CHANNELS]));
    return layer->kind != OP_GLOBAL_AVERAGE || in.rank == 3;
}

static void finish_layer(RandomModel *r, Layer *layer, const Tensor *in) {
    const int *a = layer->attribute;
    int taps = a[ATTRIBUTE_KERNEL_H] * a[ATTRIBUTE_KERNEL_W];
    Format out =
        operator_facts[layer->kind].output == OWN ? random_activation(&r->random) : in->format;
    Shape shape = layer->out.shape;
    layer->out =
        operator_facts[layer->kind].output == OWN ? random_tensor(&r->random, shape, out) : *in;
    layer->out.shape = shape;
    layer->low = format_low(out);
    layer->high = format_high(out);
    if (layer->kind == OP_CONV)
        random_weights(r, layer, taps * shape_channels(in->shape) / a[ATTRIBUTE_GROUPS]);
    if (layer->kind == OP_DEPTHWISE)
        random_weights(r, layer, taps);
    if (layer->kind == OP_DENSE)
        random_weights(r, layer, (int)shape_elements(in->shape));
    if (layer->kind == OP_ADD)
        finish_add(r, layer);
    if (layer->kind == OP_RELU || layer->kind == OP_RELU6)
        finish_clamp(r, layer, in);
}

static void add_layer(RandomModel *r) {
    static const OpKind kinds[] = {
        OP_CONV, OP_CONV,  OP_CONV,     OP_DEPTHWISE,    OP_DEPTHWISE,      OP_ADD,  OP_ADD,
        OP_RELU, OP_RELU6, OP_MAX_POOL, OP_AVERAGE_POOL, OP_GLOBAL_AVERAGE, OP_DENSE};
    Model *model = &r->model;
    Layer *layer = &model->layers[model->count];
    *layer = (Layer){.kind = kinds[random_below(&r->random, COUNT(kinds))], .inputs = 1};
    layer->path = str_format(r->arena, "layer%d", model->count);
    layer->accumulator_bits = 32;
    layer->input[0] =
        random_below(&r->random, 4) ? model->count - 1 : random_below(&r->random, model->count);
    const Tensor *in = &model->layers[layer->input[0]].out;
    const char *why;
    Shape shapes[2] = {in->shape, in->shape};
    if (!draw_attributes(r, layer, in->shape) ||
        !operator_shape(layer->kind, layer->attribute, shapes, layer->kind == OP_ADD ? 2 : 1,
                        &layer->out.shape, &why))
        return;
    finish_layer(r, layer, in);
    model->count++;
}

/* A model of up to `layers` layers. The same for the same seed. */
static inline Model random_model(Arena *arena, uint64_t seed, int layers) {
    static const Format inputs[] = {FORMAT_U8, FORMAT_U8, FORMAT_I8, FORMAT_I4, FORMAT_I16};
    RandomModel r = {.random = {seed, 1, 0}, .arena = arena};
    r.model.name = str_format(arena, "m%llu", (unsigned long long)seed);
    r.model.layers = arena_array(arena, Layer, layers + 2);
    Shape shape = {3,
                   {random_between(&r.random, 1, 11), random_between(&r.random, 1, 11),
                    random_between(&r.random, 1, 9)}};
    Format format = inputs[random_below(&r.random, COUNT(inputs))];
    r.model.layers[0] = (Layer){.kind = OP_INPUT,
                                .path = STR("input"),
                                .accumulator_bits = 32,
                                .out = random_tensor(&r.random, shape, format),
                                .low = format_low(format),
                                .high = format_high(format)};
    r.model.count = 1;
    int target = random_between(&r.random, 2, layers + 1);
    while (r.model.count < target)
        add_layer(&r);
    r.model.output = r.model.count - 1;
    return r.model;
}

/* ---- inputs ------------------------------------------------------------------------------ */

/* Codes of a tensor: all lowest, all highest, or random, by `which`. */
static inline void random_input(const Tensor *tensor, uint64_t seed, int which,
                                int16_t *codes) {
    Random random = {seed, 2, (uint64_t)which << 32};
    int low = format_low(tensor->format), high = format_high(tensor->format);
    for (int64_t i = 0; i < shape_elements(tensor->shape); i++)
        codes[i] = (int16_t)(which == 0   ? low
                             : which == 1 ? high
                                          : random_between(&random, low, high));
}

#endif
