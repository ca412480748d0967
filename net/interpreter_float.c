/* The reference, of floats: every operation in binary32, rounded by itself and in the order that
 * is written here; results of f16 are rounded once more. doc/numerics.md, "Floats".
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/interpreter.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

/* ---- values ------------------------------------------------------------------------------ */

/* Element i of input k as a number: codes of integers become what they stand for. */
static float value(const Run *run, int k, int64_t i) {
    const Tensor *in = run->in[k];
    int32_t code = run->x[k][i];
    float real;
    if (in->format == FORMAT_F16)
        return (float)half_to_double((uint16_t)code);
    if (in->format != FORMAT_F32)
        return (float)(code - in->zero) * (float)in->scale;
    memcpy(&real, &code, sizeof real);
    return real;
}

static void store(const Run *run, int64_t i, float real) {
    if (run->layer->out.format == FORMAT_F16)
        run->y[i] = half_of_double(real);
    else
        memcpy(&run->y[i], &real, sizeof real);
}

/* ---- operators with weights -------------------------------------------------------------- */

static float convolve(const Run *run, const Window *window, int c, int first, int group_in) {
    const Layer *layer = run->layer;
    int channels = shape_channels(run->in[0]->shape);
    const float *w = layer->real_weight + (int64_t)c * layer->row;
    float acc = layer->real_bias[c];
    for (int ky = 0; ky < window->kernel_h; ky++)
        for (int kx = 0; kx < window->kernel_w; kx++) {
            int y, x;
            if (!window_tap(window, ky, kx, &y, &x))
                continue;
            int64_t pixel = ((int64_t)y * window->in_w + x) * channels + first;
            const float *tap = w + (ky * window->kernel_w + kx) * group_in;
            for (int k = 0; k < group_in; k++)
                acc = acc + value(run, 0, pixel + k) * tap[k];
        }
    return acc;
}

static void float_conv(const Run *run) {
    const Layer *layer = run->layer;
    Shape out = layer->out.shape;
    int in_channels = shape_channels(run->in[0]->shape);
    int groups = layer->kind == OP_DEPTHWISE ? in_channels : layer->attribute[ATTRIBUTE_GROUPS];
    int group_in = in_channels / groups, group_out = out.dim[2] / groups;
    int64_t at = 0;
    for (int oy = 0; oy < out.dim[0]; oy++)
        for (int ox = 0; ox < out.dim[1]; ox++) {
            Window window = window_at(run, oy, ox);
            for (int c = 0; c < out.dim[2]; c++)
                store(run, at++, convolve(run, &window, c, c / group_out * group_in, group_in));
        }
}

/* A lone batch norm is a depthwise of kernel 1, whatever the rank. */
static void float_depthwise(const Run *run) {
    const Layer *layer = run->layer;
    if (run->in[0]->shape.rank == 3) {
        float_conv(run);
        return;
    }
    int64_t elements = shape_elements(layer->out.shape);
    for (int64_t i = 0; i < elements; i++) {
        int c = (int)(i % layer->out_channels);
        store(run, i, layer->real_bias[c] + value(run, 0, i) * layer->real_weight[c]);
    }
}

static void float_dense(const Run *run) {
    const Layer *layer = run->layer;
    for (int c = 0; c < layer->out_channels; c++) {
        float acc = layer->real_bias[c];
        for (int k = 0; k < layer->row; k++)
            acc = acc + value(run, 0, k) * layer->real_weight[(int64_t)c * layer->row + k];
        store(run, c, acc);
    }
}

static void float_matmul(const Run *run) {
    int rows = run->in[0]->shape.dim[0], depth = run->in[0]->shape.dim[1];
    int columns = run->layer->out.shape.dim[1];
    bool transposed = run->layer->attribute[ATTRIBUTE_TRANSPOSED] != 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            float acc = 0;
            for (int k = 0; k < depth; k++) {
                int64_t at = transposed ? (int64_t)c * depth + k : (int64_t)k * columns + c;
                acc = acc + value(run, 0, (int64_t)r * depth + k) * value(run, 1, at);
            }
            store(run, (int64_t)r * columns + c, acc);
        }
}

/* ---- pooling ----------------------------------------------------------------------------- */

static float pool(const Run *run, const Window *window, int c) {
    int channels = shape_channels(run->in[0]->shape), taps = 0;
    float sum = 0, largest = 0;
    for (int ky = 0; ky < window->kernel_h; ky++)
        for (int kx = 0; kx < window->kernel_w; kx++) {
            int y, x;
            if (!window_tap(window, ky, kx, &y, &x))
                continue;
            float v = value(run, 0, ((int64_t)y * window->in_w + x) * channels + c);
            largest = taps == 0 || v > largest ? v : largest;
            sum = sum + v;
            taps++;
        }
    return run->layer->kind == OP_MAX_POOL ? largest : sum / (float)taps;
}

static void float_pool(const Run *run) {
    Shape out = run->layer->out.shape;
    int64_t at = 0;
    for (int oy = 0; oy < out.dim[0]; oy++)
        for (int ox = 0; ox < out.dim[1]; ox++) {
            Window window = window_at(run, oy, ox);
            for (int c = 0; c < out.dim[2]; c++)
                store(run, at++, pool(run, &window, c));
        }
}

static void float_global_average(const Run *run) {
    int channels = shape_channels(run->in[0]->shape), pixels = shape_pixels(run->in[0]->shape);
    for (int c = 0; c < channels; c++) {
        float sum = 0;
        for (int p = 0; p < pixels; p++)
            sum = sum + value(run, 0, (int64_t)p * channels + c);
        store(run, c, sum / (float)pixels);
    }
}

static void float_mean(const Run *run) {
    Spread s = spread_of(run);
    for (int64_t o = 0; o < s.outer; o++)
        for (int64_t i = 0; i < s.inner; i++) {
            float sum = 0;
            for (int64_t k = 0; k < s.places; k++)
                sum = sum + value(run, 0, (o * s.places + k) * s.inner + i);
            store(run, o * s.inner + i, sum / (float)s.places);
        }
}

/* ---- one value from one ------------------------------------------------------------------ */

static float hard_sigmoid(float x) {
    float sum = x + 3;
    sum = sum > 0 ? sum : 0;
    return (sum < 6 ? sum : 6) / 6;
}

static float sigmoid(float x) {
    float e = float_exp(-fabsf(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

static float tangent(float x) {
    float e = float_exp(-2 * fabsf(x)), y = (1 - e) / (1 + e);
    return x < 0 ? -y : y;
}

/* The normal distribution by Abramowitz and Stegun's 7.1.26: within 1.5e-7 / 2. */
static float normal(float x) {
    static const float terms[] = {1.061405429f, -1.453152027f, 1.421413741f, -0.284496736f,
                                  0.254829592f};
    float z = fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z), sum = terms[0];
    for (int i = 1; i < COUNT(terms); i++)
        sum = sum * t + terms[i];
    float q = sum * t * float_exp(-(z * z)) * 0.5f;
    return x >= 0 ? 1 - q : q;
}

static float curve(OpKind kind, float x) {
    switch (kind) {
    case OP_RELU:
        return x > 0 ? x : 0;
    case OP_RELU6:
        return x > 0 ? x < 6 ? x : 6 : 0;
    case OP_HARD_SIGMOID:
        return hard_sigmoid(x);
    case OP_HARD_SWISH:
        return x * hard_sigmoid(x);
    case OP_SIGMOID:
        return sigmoid(x);
    case OP_TANH:
        return tangent(x);
    case OP_SILU:
        return x * sigmoid(x);
    case OP_GELU:
        return x * normal(x);
    default:
        return x; /* flatten and reshape */
    }
}

static void float_curve(const Run *run) {
    int64_t elements = shape_elements(run->layer->out.shape);
    for (int64_t i = 0; i < elements; i++)
        store(run, i, curve(run->layer->kind, value(run, 0, i)));
}

static void float_pair(const Run *run) {
    int64_t elements = shape_elements(run->layer->out.shape);
    int64_t others = shape_elements(run->in[1]->shape);
    for (int64_t i = 0; i < elements; i++) {
        float a = value(run, 0, i), b = value(run, 1, i % others);
        store(run, i, run->layer->kind == OP_ADD ? a + b : a * b);
    }
}

static void float_concat(const Run *run) {
    int pixels = shape_pixels(run->layer->out.shape);
    int64_t at = 0;
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < run->layer->inputs; k++) {
            int channels = shape_channels(run->in[k]->shape);
            for (int c = 0; c < channels; c++)
                store(run, at++, value(run, k, (int64_t)p * channels + c));
        }
}

/* ---- rows -------------------------------------------------------------------------------- */

static void softmax_row(const Run *run, int64_t first, int n) {
    float most = value(run, 0, first), sum = 0;
    for (int k = 1; k < n; k++) {
        float x = value(run, 0, first + k);
        most = x > most ? x : most;
    }
    for (int k = 0; k < n; k++)
        sum = sum + float_exp(value(run, 0, first + k) - most);
    for (int k = 0; k < n; k++)
        store(run, first + k, float_exp(value(run, 0, first + k) - most) / sum);
}

static void norm_row(const Run *run, int64_t first, int n) {
    float sum = 0, squares = 0;
    for (int k = 0; k < n; k++)
        sum = sum + value(run, 0, first + k);
    float mean = sum / (float)n;
    for (int k = 0; k < n; k++) {
        float d = value(run, 0, first + k) - mean;
        squares = squares + d * d;
    }
    float deviation = sqrtf(squares / (float)n + (float)LAYER_NORM_EPSILON);
    for (int k = 0; k < n; k++) {
        float u = (value(run, 0, first + k) - mean) / deviation;
        store(run, first + k, u * run->layer->real_weight[k] + run->layer->real_bias[k]);
    }
}

static void float_rows(const Run *run) {
    int pixels = shape_pixels(run->layer->out.shape);
    int channels = shape_channels(run->layer->out.shape);
    for (int p = 0; p < pixels; p++)
        if (run->layer->kind == OP_SOFTMAX)
            softmax_row(run, (int64_t)p * channels, channels);
        else
            norm_row(run, (int64_t)p * channels, channels);
}

/* ---- all --------------------------------------------------------------------------------- */

/* Those that move values move bits: their zero point is 0, which is the number 0. */
static void (*const runners[OP_COUNT])(const Run *run) = {
    [OP_CONV] = float_conv,
    [OP_DEPTHWISE] = float_depthwise,
    [OP_DENSE] = float_dense,
    [OP_ADD] = float_pair,
    [OP_RELU] = float_curve,
    [OP_RELU6] = float_curve,
    [OP_MAX_POOL] = float_pool,
    [OP_AVERAGE_POOL] = float_pool,
    [OP_GLOBAL_AVERAGE] = float_global_average,
    [OP_MUL] = float_pair,
    [OP_CONCAT] = float_concat,
    [OP_SLICE] = run_slice,
    [OP_PAD] = run_pad,
    [OP_UPSAMPLE] = run_upsample,
    [OP_CHANNEL_SHUFFLE] = run_shuffle,
    [OP_FLATTEN] = float_curve,
    [OP_RESHAPE] = float_curve,
    [OP_HARD_SIGMOID] = float_curve,
    [OP_HARD_SWISH] = float_curve,
    [OP_SIGMOID] = float_curve,
    [OP_TANH] = float_curve,
    [OP_SILU] = float_curve,
    [OP_GELU] = float_curve,
    [OP_SOFTMAX] = float_rows,
    [OP_LAYER_NORM] = float_rows,
    [OP_MATMUL] = float_matmul,
    [OP_MEAN] = float_mean,
    [OP_TRANSPOSE] = run_transpose,
};

void run_float(const Run *run) {
    runners[run->layer->kind](run);
}
