/* From trained floats to the integer model: doc/numerics.md, "Weights", "Batch norm",
 * "Requantise".
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/layers.h"

#include "base/half.h"

#include <math.h>

/* What is left of a channel once its batch norm is folded: real = gain * (w . x) + offset. */
typedef struct Channel {
    double gain, offset;
} Channel;

static Channel channel_of(const OpWeights *op, const OpWeights *norm, int c) {
    Channel channel = {1, op && op->bias ? op->bias[c] : 0};
    if (!norm)
        return channel;
    double deviation = sqrt((double)norm->variance[c] + BATCH_NORM_EPSILON);
    channel.gain = norm->gamma[c] / deviation;
    channel.offset = norm->beta[c] + channel.gain * (channel.offset - norm->mean[c]);
    return channel;
}

/* The step of a channel's weight codes where training states none: the largest weight is the
 * largest code. */
static double weight_step(const OpWeights *op, int c, int row, int limit) {
    if (!op || op->weight_scale)
        return op ? op->weight_scale[c] : 1;
    double largest = 0;
    for (int k = 0; k < row; k++)
        largest = fmax(largest, fabs(op->weight[(int64_t)c * row + k]));
    return largest > 0 ? largest / limit : 1;
}

static int16_t weight_code(double value, int limit) {
    double code = rint(value); /* half to even */
    return (int16_t)(code > limit ? limit : code < -limit ? -limit : code);
}

/* A channel's codes and bias at accumulator scale in_scale * step, where `step` is the
 * weight step times |gain|, raised so that the bias fits `bias_bits` bits. Returns the
 * accumulator scale. */
static double quantise_channel(const OpWeights *op, Channel channel, double in_scale,
                               int bias_bits, int c, Layer *layer) {
    int limit = format_weight_limit(layer->weights);
    int16_t *code = layer->weight + (int64_t)c * layer->row;
    double weight_scale = weight_step(op, c, layer->row, limit);
    double step = weight_scale * fabs(channel.gain);
    double least = ldexp(fabs(channel.offset) / in_scale, -bias_bits);
    bool raised = !(step >= least) || step < 0x1p-1000;
    if (raised)
        step = fmax(least, 0x1p-1000);
    for (int k = 0; k < layer->row; k++) {
        double w = op ? op->weight[(int64_t)c * layer->row + k] : 1;
        double value = raised ? channel.gain * w / step
                              : (channel.gain < 0 ? -1 : channel.gain > 0) * (w / weight_scale);
        code[k] = weight_code(value, limit);
    }
    double scale = in_scale * step; /* 0 at worst, and only where the offset is */
    layer->bias[c] = channel.offset == 0 ? 0 : (int64_t)rint(channel.offset / scale);
    return scale;
}

static bool all_zero(const Layer *layer, int c) {
    for (int k = 0; k < layer->row; k++)
        if (layer->weight[(int64_t)c * layer->row + k])
            return false;
    return true;
}

/* A channel that no input can move is the constant round(offset / s_y), exactly: the
 * multiplier is a power of two, and the bias that many codes. */
static void make_constant(Layer *layer, int c, double offset, int bits) {
    double code = floor(offset / layer->out.scale + 0.5);
    int low = layer->low - layer->out.zero, high = layer->high - layer->out.zero;
    int64_t k = code < low ? low : code > high ? high : (int64_t)code;
    int power = layer->shift < bits - 1 ? layer->shift : bits - 1;
    layer->multiplier[c] = (int32_t)1 << power;
    layer->bias[c] = k * ((int64_t)1 << (layer->shift - power));
}

/* Tries one accumulator width; false where the proven bound does not fit it. */
static bool quantise_weighted(Arena *arena, const OpWeights *op, const OpWeights *norm,
                              const Tensor *in, int accumulator_bits, Layer *layer) {
    int channels = layer->out_channels;
    int bits = accumulator_bits == 32 ? MULTIPLIER_BITS : MULTIPLIER_BITS_WIDE;
    int bias_bits = accumulator_bits == 32 ? 29 : 44;
    double *scale = arena_array(arena, double, channels);
    layer->accumulator_bits = accumulator_bits;
    layer->weight = arena_array(arena, int16_t, (int64_t)channels * layer->row);
    layer->bias = arena_array(arena, int64_t, channels);
    layer->multiplier = arena_array(arena, int32_t, channels);
    for (int c = 0; c < channels; c++) {
        scale[c] =
            quantise_channel(op, channel_of(op, norm, c), in->scale, bias_bits, c, layer) /
            layer->out.scale;
        if (all_zero(layer, c))
            scale[c] = 0; /* a constant, set below, has no say in the shift */
    }
    layer->shift = requantise_constants(scale, channels, bits, layer->multiplier);
    for (int c = 0; c < channels && layer->shift >= 1; c++)
        if (all_zero(layer, c))
            make_constant(layer, c, channel_of(op, norm, c).offset, bits);
    layer->bound = layer_bound(layer, in);
    return layer->shift >= 1 && layer->bound < (accumulator_bits == 32 ? 1LL << 31 : 1LL << 46);
}

static bool finite_positive(double scale) {
    return scale > 0x1p-500 && scale < 0x1p500;
}

static bool all_finite(const float *values, int64_t count) {
    for (int64_t i = 0; values && i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* Whatever training produced, an integer model is made of finite numbers or not at all. */
static bool sound_floats(const OpWeights *op, const OpWeights *norm, const Layer *layer) {
    int channels = layer->out_channels;
    if (op && (!all_finite(op->weight, (int64_t)channels * layer->row) ||
               !all_finite(op->bias, channels)))
        return false;
    for (int c = 0; op && op->weight_scale && c < channels; c++)
        if (!finite_positive(op->weight_scale[c]))
            return false;
    if (!norm)
        return true;
    for (int c = 0; c < channels; c++)
        if (!(norm->variance[c] >= 0))
            return false;
    return all_finite(norm->gamma, channels) && all_finite(norm->beta, channels) &&
           all_finite(norm->mean, channels) && all_finite(norm->variance, channels);
}

/* ---- floats ------------------------------------------------------------------------------ */

bool layer_is_float(const Layer *layer) {
    return layer->kind != OP_INPUT && !format_is_integer(layer->out.format);
}

int64_t layer_reals(const Layer *layer) {
    if (operator_facts[layer->kind].weights == WEIGHTED)
        return (int64_t)layer->out_channels * layer->row;
    return layer->kind == OP_LAYER_NORM ? shape_channels(layer->out.shape) : 0;
}

/* A batch norm's gain goes into the weights, which are rounded once. */
static void float_channel(const OpWeights *op, Channel channel, int c, Layer *layer) {
    for (int k = 0; k < layer->row; k++) {
        int64_t at = (int64_t)c * layer->row + k;
        double w = channel.gain * (op ? op->weight[at] : 1);
        bool half = layer->weights == FORMAT_F16;
        layer->real_weight[at] = (float)(half ? half_to_double(half_of_double(w)) : w);
    }
    layer->real_bias[c] = (float)channel.offset;
}

static void float_factors(const OpWeights *op, Layer *layer) {
    for (int c = 0; c < shape_channels(layer->out.shape); c++) {
        layer->real_weight[c] = op->gamma ? op->gamma[c] : 1;
        layer->real_bias[c] = op->beta ? op->beta[c] : 0;
    }
}

static const char *float_layer(Arena *arena, const OpWeights *op, const OpWeights *norm,
                               Layer *layer) {
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    layer->out.scale = 1;
    layer->out.zero = 0;
    if (layer_reals(layer) == 0)
        return NULL;
    layer->real_weight = arena_array(arena, float, layer_reals(layer));
    layer->real_bias = arena_array(arena, float, shape_channels(layer->out.shape));
    if (weighted && format_is_integer(layer->weights))
        return "its activations are floats, and its weights are not";
    if (weighted && !sound_floats(op, norm, layer))
        return "its weights are not all finite numbers";
    for (int c = 0; weighted && c < layer->out_channels; c++)
        float_channel(op, channel_of(op, norm, c), c, layer);
    if (!weighted)
        float_factors(op, layer);
    return NULL;
}

/* ---- layers ------------------------------------------------------------------------------ */

/* The operator's own weights, and the batch norm that folds into it; either may be NULL. */
static void weights_of(const FloatModel *from, const Layer *layer, const OpWeights **op,
                       const OpWeights **norm) {
    bool lone = from->net->ops[layer->op].kind == OP_BATCH_NORM;
    int folded = lone ? layer->op : net_folded_norm(from->net, layer->op);
    *op = lone ? NULL : &from->ops[layer->op];
    *norm = folded >= 0 ? &from->ops[folded] : NULL;
}

static bool reads_floats(const Model *model, const Layer *layer) {
    for (int k = 0; k < layer->inputs; k++)
        if (!format_is_integer(model->layers[layer->input[k]].out.format))
            return true;
    return false;
}

static const char *quantise_layer(Arena *arena, const FloatModel *from, const Model *model,
                                  Layer *layer) {
    int owner = net_quantiser(from->net, layer->op);
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    const OpWeights *op, *norm;
    weights_of(from, layer, &op, &norm);
    if (layer->out.format == FORMAT_F32 || layer->out.format == FORMAT_F16)
        return float_layer(arena, op, norm, layer);
    layer->out.scale = from->ops[owner].scale;
    layer->out.zero = from->ops[owner].zero;
    if (reads_floats(model, layer))
        return "it reads floats, and its activations are integers";
    if (weighted && !format_is_signed(layer->weights))
        return "its formats are not those of integer execution";
    if (!finite_positive(layer->out.scale))
        return "its scale is not a positive number";
    if (!weighted)
        return unweighted_quantise(arena, model, op, layer);
    if (!sound_floats(op, norm, layer))
        return "its weights are not all finite numbers";
    const Tensor *in = &model->layers[layer->input[0]].out;
    if (quantise_weighted(arena, op, norm, in, 32, layer))
        return NULL;
    if (in->format == FORMAT_I16 || layer->weights == FORMAT_I16)
        if (quantise_weighted(arena, op, norm, in, 64, layer))
            return NULL;
    return layer->shift < 1
               ? "the scales of its input and weights are too far above that of its output"
               : "its accumulator cannot be proven to hold the sum";
}

/* Whether the reference can run every operator of the network. */
static bool is_run(Arena *arena, const Net *net, Span *span, Str *why) {
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        *span = op->span;
        if (operator_facts[op->kind].engine == CHECKED) {
            *why = str_format(arena, "`%s` cannot be run yet", operator_facts[op->kind].name);
            return false;
        }
        if (op->shape.time) {
            *why = STR("a network with time steps cannot be run yet");
            return false;
        }
    }
    return true;
}

bool model_quantise(Arena *arena, const FloatModel *from, Model *model, Span *span, Str *why) {
    if (!is_run(arena, from->net, span, why))
        return false;
    *model = model_build(arena, from->net);
    for (int i = 0; i < model->count; i++) {
        Layer *layer = &model->layers[i];
        const char *fault = quantise_layer(arena, from, model, layer);
        if (fault) {
            *span = layer->span;
            *why = str_of(fault);
            return false;
        }
    }
    const char *fault = model_check(model);
    *span = (Span){0, 0};
    *why = fault ? str_of(fault) : (Str){0};
    return !fault;
}
