/* A second implementation of members, in doubles, one formula after the other, straight from
 * the network and the supernet's parameters: what the engine is tested against. Rounding can be
 * frozen: each value then keeps its rounding error, and the loss becomes a smooth function
 * whose derivatives are those that learned step sizes are defined by.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef NAIVE_H
#define NAIVE_H

#include "tests/train/fixture.h"

#include <math.h>
#include <sys/types.h>

typedef struct Naive {
    Arena *arena;
    const Supernet *supernet;
    const Net *net;
    bool full_precision;
    int images;
    const float *input; /* (images, height, width, channels) */
    int64_t nudged;     /* this parameter is off by `nudge` */
    double nudge;
    const FloatModel *statistics; /* of batch norms; NULL: those of the batch */
    bool frozen;
    /* (operators): values; rounding errors and on which side a value was cut, of results and
     * weights */
    double **value, **error, **weight_error;
    signed char **cut, **weight_cut;
    double **mean, **variance;
    double **weight; /* (operators): as rounded, (out, fan-in) */
} Naive;

static inline Naive naive_new(Arena *arena, const Supernet *supernet, const Net *net,
                              bool full_precision, int images, const float *input) {
    Naive n = {.arena = arena,
               .supernet = supernet,
               .net = net,
               .full_precision = full_precision,
               .images = images,
               .input = input,
               .nudged = -1};
    n.value = arena_array(arena, double *, net->count);
    n.error = arena_array(arena, double *, net->count);
    n.weight_error = arena_array(arena, double *, net->count);
    n.cut = arena_array(arena, signed char *, net->count);
    n.weight_cut = arena_array(arena, signed char *, net->count);
    n.mean = arena_array(arena, double *, net->count);
    n.variance = arena_array(arena, double *, net->count);
    n.weight = arena_array(arena, double *, net->count);
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        size_t count = (size_t)shape_elements(op->shape) * (size_t)images;
        n.value[i] = arena_array(arena, double, count);
        n.error[i] = arena_array(arena, double, count);
        n.cut[i] = arena_array(arena, signed char, count);
        n.mean[i] = arena_array(arena, double, shape_channels(op->shape));
        n.variance[i] = arena_array(arena, double, shape_channels(op->shape));
        if (operator_facts[op->kind].weights == WEIGHTED) {
            size_t weights = (size_t)shape_channels(op->shape) * (size_t)op_fan_in(net, i);
            n.weight[i] = arena_array(arena, double, weights);
            n.weight_error[i] = arena_array(arena, double, weights);
            n.weight_cut[i] = arena_array(arena, signed char, weights);
        }
    }
    return n;
}

static inline double naive_parameter(const Naive *n, size_t slot) {
    return n->supernet->value[slot] + ((int64_t)slot == n->nudged ? n->nudge : 0);
}

/* Where weight k of output o of operator i is, k over (ky, kx, c), or over the pixels and
 * channels that a dense flattens: channels from the front, kernels from the centre. */
static inline size_t naive_slot(const Naive *n, int i, int o, int k) {
    const Op *op = &n->net->ops[i];
    const Site *site = &n->supernet->space->sites.at[op->site];
    Shape from = n->net->ops[op->input[0]].shape;
    const int *a = op->attribute;
    if (op->kind == OP_DENSE) {
        int channels = shape_channels(from), pixels = shape_pixels(from);
        k = k / channels * (site->in / pixels) + k % channels;
        return n->supernet->slots[op->site].weight + (size_t)(o * site->in + k);
    }
    int in = op->kind == OP_CONV ? shape_channels(from) / a[ATTRIBUTE_GROUPS] : 1, c = k % in;
    int kx = k / in % a[ATTRIBUTE_KERNEL_W], ky = k / in / a[ATTRIBUTE_KERNEL_W];
    ky += (site->kernel_h - a[ATTRIBUTE_KERNEL_H]) / 2;
    kx += (site->kernel_w - a[ATTRIBUTE_KERNEL_W]) / 2;
    int64_t at = (((int64_t)o * site->kernel_h + ky) * site->kernel_w + kx) * site->in + c;
    return n->supernet->slots[op->site].weight + (size_t)at;
}

/* x rounded to a code and back: half to even, or where `half` is not 0, floor(code + half). */
static inline double naive_round(const Naive *n, double x, double step, double low, double high,
                                 double half, double *error, signed char *cut) {
    double u = x / step;
    if (!n->frozen) {
        double code = half > 0 ? floor(u + half) : rint(u);
        *cut = code < low ? -1 : code > high ? 1 : 0;
        *error = code - u;
    }
    return *cut ? (*cut < 0 ? low : high) * step : (u + *error) * step;
}

static inline size_t naive_weight_step(const Naive *n, int i, int o) {
    const Op *op = &n->net->ops[i];
    return n->supernet->slots[op->site].step +
           (size_t)op->weights * (size_t)n->supernet->space->sites.at[op->site].out + (size_t)o;
}

static inline void naive_weights(Naive *n, int i) {
    const Op *op = &n->net->ops[i];
    int row = op_fan_in(n->net, i), limit = 0;
    bool quantised = !n->full_precision && format_is_integer(op->weights);
    if (quantised)
        limit = format_weight_limit(op->weights);
    for (int at = 0; at < shape_channels(op->shape) * row; at++) {
        double w = naive_parameter(n, naive_slot(n, i, at / row, at % row));
        if (quantised)
            w = naive_round(n, w, naive_parameter(n, naive_weight_step(n, i, at / row)), -limit,
                            limit, 0, &n->weight_error[i][at], &n->weight_cut[i][at]);
        n->weight[i][at] = w;
    }
}

static inline double naive_at(const Naive *n, int i, int image, int y, int x, int c) {
    Shape s = n->net->ops[i].shape;
    int h = s.rank == 3 ? s.dim[0] : 1, w = s.rank == 3 ? s.dim[1] : 1, d = shape_channels(s);
    if (y < 0 || y >= h || x < 0 || x >= w)
        return 0;
    return n->value[i][((image * h + y) * w + x) * d + c];
}

static inline double naive_window(const Naive *n, int i, int image, int y, int x, int o) {
    const Op *op = &n->net->ops[i];
    const int *a = op->attribute;
    int from = op->input[0], kh = a[ATTRIBUTE_KERNEL_H], kw = a[ATTRIBUTE_KERNEL_W];
    Shape s = n->net->ops[from].shape;
    int top = y * a[ATTRIBUTE_STRIDE_H] -
              window_before(s.dim[0], kh, a[ATTRIBUTE_STRIDE_H], a[ATTRIBUTE_SAME]);
    int left = x * a[ATTRIBUTE_STRIDE_W] -
               window_before(s.dim[1], kw, a[ATTRIBUTE_STRIDE_W], a[ATTRIBUTE_SAME]);
    int in = op->kind == OP_CONV ? s.dim[2] / a[ATTRIBUTE_GROUPS] : 1;
    int first =
        op->kind == OP_CONV ? o / (shape_channels(op->shape) / a[ATTRIBUTE_GROUPS]) * in : o;
    double sum = op->kind == OP_MAX_POOL ? -INFINITY : 0, taps = 0;
    for (int ky = 0; ky < kh; ky++)
        for (int kx = 0; kx < kw; kx++) {
            bool inside =
                top + ky >= 0 && top + ky < s.dim[0] && left + kx >= 0 && left + kx < s.dim[1];
            taps += inside;
            for (int c = 0; c < in; c++) {
                double v = naive_at(n, from, image, top + ky, left + kx, first + c);
                if (op->kind == OP_MAX_POOL)
                    sum = inside && v > sum ? v : sum;
                else if (op->kind == OP_AVERAGE_POOL)
                    sum += v;
                else
                    sum += v * n->weight[i][o * kh * kw * in + (ky * kw + kx) * in + c];
            }
        }
    return op->kind == OP_AVERAGE_POOL ? sum / taps : sum;
}

static inline double naive_bias(const Naive *n, int i, int o) {
    bool has = operator_facts[n->net->ops[i].kind].weights == WEIGHTED &&
               net_folded_norm(n->net, i) < 0;
    return has ? naive_parameter(n, n->supernet->slots[n->net->ops[i].site].bias + (size_t)o)
               : 0;
}

static inline double naive_dense(const Naive *n, int i, int image, int o) {
    int from = n->net->ops[i].input[0];
    int count = (int)shape_elements(n->net->ops[from].shape);
    double sum = 0;
    for (int k = 0; k < count; k++)
        sum += n->value[from][image * count + k] * n->weight[i][o * count + k];
    return sum;
}

static inline double naive_mean(const Naive *n, int i, int image, int c) {
    Shape s = n->net->ops[i].shape;
    int pixels = shape_pixels(s), d = shape_channels(s);
    double sum = 0;
    for (int p = 0; p < pixels; p++)
        sum += n->value[i][(image * pixels + p) * d + c];
    return sum / pixels;
}

static inline void naive_norm(Naive *n, int i) {
    const Op *op = &n->net->ops[i];
    int channels = shape_channels(op->shape), from = op->input[0];
    int rows = n->images * shape_pixels(op->shape);
    const Slots *slots = &n->supernet->slots[op->site];
    for (int c = 0; c < channels; c++) {
        double mean = 0, variance = 0;
        for (int r = 0; r < rows; r++)
            mean += n->value[from][r * channels + c] / rows;
        for (int r = 0; r < rows; r++)
            variance += pow(n->value[from][r * channels + c] - mean, 2) / rows;
        if (n->statistics)
            mean = n->statistics->ops[i].mean[c], variance = n->statistics->ops[i].variance[c];
        n->mean[i][c] = mean, n->variance[i][c] = variance;
        double a =
            naive_parameter(n, slots->weight + (size_t)c) / sqrt(variance + BATCH_NORM_EPSILON);
        for (int r = 0; r < rows; r++)
            n->value[i][r * channels + c] = a * (n->value[from][r * channels + c] - mean) +
                                            naive_parameter(n, slots->bias + (size_t)c);
    }
}

static inline void naive_quantise(Naive *n, int i) {
    const Op *op = &n->net->ops[i];
    /* These inherit a quantiser and round to its codes: a mean, and 6, need not be one. */
    bool rounds =
        op->kind == OP_AVERAGE_POOL || op->kind == OP_GLOBAL_AVERAGE || op->kind == OP_RELU6;
    int owner = net_quantiser(n->net, i);
    if (i == 0 || n->full_precision || !format_is_integer(op->output) || owner == 0 ||
        (owner != i && !rounds))
        return;
    size_t slot = quantiser_slot(n->supernet, n->net->ops[owner].origin, op->output);
    double step = naive_parameter(n, slot), zero = naive_parameter(n, slot + 1);
    zero = n->nudged == (int64_t)slot + 1 ? rint(zero - n->nudge) + n->nudge : rint(zero);
    for (int64_t k = 0; k < shape_elements(op->shape) * n->images; k++)
        n->value[i][k] = naive_round(n, n->value[i][k], step, format_low(op->output) - zero,
                                     format_high(op->output) - zero, ROUND_HALF,
                                     &n->error[i][k], &n->cut[i][k]);
}

static inline double naive_element(const Naive *n, int i, int image, int y, int x, int c) {
    const Op *op = &n->net->ops[i];
    bool apart = op->kind == OP_ADD || op->kind == OP_RELU || op->kind == OP_RELU6;
    double a = apart ? naive_at(n, op->input[0], image, y, x, c) : 0;
    switch (op->kind) {
    case OP_INPUT:
        return n
            ->input[((image * op->shape.dim[0] + y) * op->shape.dim[1] + x) * op->shape.dim[2] +
                    c];
    case OP_DENSE:
        return naive_dense(n, i, image, c) + naive_bias(n, i, c);
    case OP_ADD:
        return a + naive_at(n, op->input[1], image, y, x, c);
    case OP_RELU:
        return fmax(a, 0);
    case OP_RELU6:
        return fmin(fmax(a, 0), 6);
    case OP_GLOBAL_AVERAGE:
        return naive_mean(n, op->input[0], image, c);
    default:
        return naive_window(n, i, image, y, x, c) + naive_bias(n, i, c);
    }
}

static inline void naive_forward(Naive *n) {
    for (int i = 0; i < n->net->count; i++) {
        Shape s = n->net->ops[i].shape;
        int h = s.rank == 3 ? s.dim[0] : 1, w = s.rank == 3 ? s.dim[1] : 1,
            d = shape_channels(s);
        if (n->net->ops[i].kind == OP_BATCH_NORM)
            naive_norm(n, i);
        if (n->weight[i])
            naive_weights(n, i);
        for (int k = 0; n->net->ops[i].kind != OP_BATCH_NORM && k < n->images * h * w * d; k++)
            n->value[i][k] =
                naive_element(n, i, k / (h * w * d), k / (w * d) % h, k / d % w, k % d);
        naive_quantise(n, i);
    }
}

#endif
