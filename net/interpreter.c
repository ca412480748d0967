/* The reference: integer execution in 64 bits, in the plainest loops that say what is meant.
 * Here: operators with weights, and pooling.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/interpreter.h"

Window window_at(const Run *run, int oy, int ox) {
    const int *a = run->layer->attribute;
    int h = run->in[0]->shape.dim[0], w = run->in[0]->shape.dim[1];
    bool same = a[ATTRIBUTE_SAME] != 0;
    return (Window){oy * a[ATTRIBUTE_STRIDE_H] -
                        window_before(h, a[ATTRIBUTE_KERNEL_H], a[ATTRIBUTE_STRIDE_H], same),
                    ox * a[ATTRIBUTE_STRIDE_W] -
                        window_before(w, a[ATTRIBUTE_KERNEL_W], a[ATTRIBUTE_STRIDE_W], same),
                    a[ATTRIBUTE_KERNEL_H],
                    a[ATTRIBUTE_KERNEL_W],
                    h,
                    w};
}

bool window_tap(const Window *window, int ky, int kx, int *y, int *x) {
    *y = window->y0 + ky;
    *x = window->x0 + kx;
    return *y >= 0 && *y < window->in_h && *x >= 0 && *x < window->in_w;
}

int32_t clamped(const Layer *layer, int64_t code) {
    return (int32_t)(code < layer->low ? layer->low : code > layer->high ? layer->high : code);
}

int32_t requantised(const Layer *layer, int c, int64_t acc) {
    return requantise(acc, layer->multiplier[c], layer->shift, layer->out.zero, layer->low,
                      layer->high);
}

/* Convolution of any grouping: output channel c reads `group_in` channels from `first`. */
static int64_t convolve(const Run *run, const Window *window, int c, int first, int group_in) {
    const Layer *layer = run->layer;
    int channels = shape_channels(run->in[0]->shape);
    const int16_t *w = layer->weight + (int64_t)c * layer->row;
    int64_t acc = layer->bias[c];
    for (int ky = 0; ky < window->kernel_h; ky++)
        for (int kx = 0; kx < window->kernel_w; kx++) {
            int y, x;
            if (!window_tap(window, ky, kx, &y, &x))
                continue; /* padding has the value of the zero point */
            const int32_t *pixel =
                run->x[0] + ((int64_t)y * window->in_w + x) * channels + first;
            const int16_t *tap = w + (ky * window->kernel_w + kx) * group_in;
            for (int k = 0; k < group_in; k++)
                acc += (int64_t)(pixel[k] - run->in[0]->zero) * tap[k];
        }
    return acc;
}

static void run_conv(const Run *run) {
    const Layer *layer = run->layer;
    Shape out = layer->out.shape;
    int in_channels = shape_channels(run->in[0]->shape);
    int groups = layer->kind == OP_DEPTHWISE ? in_channels : layer->attribute[ATTRIBUTE_GROUPS];
    int group_in = in_channels / groups, group_out = out.dim[2] / groups;
    int32_t *y = run->y;
    for (int oy = 0; oy < out.dim[0]; oy++)
        for (int ox = 0; ox < out.dim[1]; ox++) {
            Window window = window_at(run, oy, ox);
            for (int c = 0; c < out.dim[2]; c++) {
                int first = c / group_out * group_in;
                *y++ = requantised(layer, c, convolve(run, &window, c, first, group_in));
            }
        }
}

/* A lone batch norm has become a depthwise of kernel 1, whatever the rank of its tensor. */
static void run_per_channel(const Run *run) {
    const Layer *layer = run->layer;
    int64_t elements = shape_elements(layer->out.shape);
    for (int64_t i = 0; i < elements; i++) {
        int c = (int)(i % layer->out_channels);
        int64_t acc =
            layer->bias[c] + (int64_t)(run->x[0][i] - run->in[0]->zero) * layer->weight[c];
        run->y[i] = requantised(layer, c, acc);
    }
}

static void run_depthwise(const Run *run) {
    if (run->in[0]->shape.rank == 3)
        run_conv(run);
    else
        run_per_channel(run);
}

static void run_dense(const Run *run) {
    const Layer *layer = run->layer;
    for (int c = 0; c < layer->out_channels; c++) {
        int64_t acc = layer->bias[c];
        for (int k = 0; k < layer->row; k++)
            acc += (int64_t)(run->x[0][k] - run->in[0]->zero) *
                   layer->weight[(int64_t)c * layer->row + k];
        run->y[c] = requantised(layer, c, acc);
    }
}

/* The largest code of a window, or the rounded mean of those of its taps that lie inside. */
static int32_t pool(const Run *run, const Window *window, int c) {
    int channels = shape_channels(run->in[0]->shape);
    int64_t sum = 0, taps = 0, largest = INT64_MIN;
    for (int ky = 0; ky < window->kernel_h; ky++)
        for (int kx = 0; kx < window->kernel_w; kx++) {
            int y, x;
            if (!window_tap(window, ky, kx, &y, &x))
                continue;
            int32_t code = run->x[0][((int64_t)y * window->in_w + x) * channels + c];
            largest = max_i64(largest, code);
            sum += code;
            taps++;
        }
    return run->layer->kind == OP_MAX_POOL ? (int32_t)largest : average_round(sum, taps);
}

static void run_pool(const Run *run) {
    Shape out = run->layer->out.shape;
    int32_t *y = run->y;
    for (int oy = 0; oy < out.dim[0]; oy++)
        for (int ox = 0; ox < out.dim[1]; ox++) {
            Window window = window_at(run, oy, ox);
            for (int c = 0; c < out.dim[2]; c++)
                *y++ = clamped(run->layer, pool(run, &window, c));
        }
}

static void run_global_average(const Run *run) {
    int channels = shape_channels(run->in[0]->shape), pixels = shape_pixels(run->in[0]->shape);
    for (int c = 0; c < channels; c++) {
        int64_t sum = 0;
        for (int p = 0; p < pixels; p++)
            sum += run->x[0][(int64_t)p * channels + c];
        run->y[c] = clamped(run->layer, average_round(sum, pixels));
    }
}

static void (*const runners[OP_COUNT])(const Run *run) = {
    [OP_CONV] = run_conv,
    [OP_DEPTHWISE] = run_depthwise,
    [OP_DENSE] = run_dense,
    [OP_ADD] = run_add,
    [OP_RELU] = run_clamp,
    [OP_RELU6] = run_clamp,
    [OP_MAX_POOL] = run_pool,
    [OP_AVERAGE_POOL] = run_pool,
    [OP_GLOBAL_AVERAGE] = run_global_average,
    [OP_MUL] = run_mul,
    [OP_CONCAT] = run_concat,
    [OP_SLICE] = run_slice,
    [OP_PAD] = run_pad,
    [OP_UPSAMPLE] = run_upsample,
    [OP_CHANNEL_SHUFFLE] = run_shuffle,
    [OP_FLATTEN] = run_clamp,
    [OP_RESHAPE] = run_clamp,
    [OP_HARD_SIGMOID] = run_curve,
    [OP_HARD_SWISH] = run_curve,
    [OP_SIGMOID] = run_curve,
    [OP_TANH] = run_curve,
    [OP_SILU] = run_curve,
    [OP_GELU] = run_curve,
    [OP_SOFTMAX] = run_softmax,
    [OP_LAYER_NORM] = run_layer_norm,
    [OP_MATMUL] = run_matmul,
    [OP_MEAN] = run_mean,
    [OP_TRANSPOSE] = run_transpose,
};

static void read_input(const Tensor *tensor, const void *input, int32_t *codes) {
    int64_t elements = shape_elements(tensor->shape);
    for (int64_t i = 0; i < elements; i++)
        switch (tensor->format) {
        case FORMAT_U8:
            codes[i] = ((const uint8_t *)input)[i];
            break;
        case FORMAT_I16:
            codes[i] = ((const int16_t *)input)[i];
            break;
        case FORMAT_F16:
            codes[i] = ((const uint16_t *)input)[i];
            break;
        case FORMAT_F32:
            codes[i] = ((const int32_t *)input)[i];
            break;
        default:
            codes[i] = ((const int8_t *)input)[i];
        }
}

void layer_run(const Model *model, const Layer *layer, const int32_t *const *inputs,
               int32_t *codes) {
    Run run = {.model = model, .layer = layer, .y = codes};
    for (int k = 0; k < layer->inputs; k++) {
        run.in[k] = &model->layers[layer->input[k]].out;
        run.x[k] = inputs[k];
    }
    if (layer_is_float(layer))
        run_float(&run);
    else
        runners[layer->kind](&run);
}

void model_run(Arena *arena, const Model *model, const void *input, int32_t **tensors) {
    for (int i = 0; i < model->count; i++) {
        const Layer *layer = &model->layers[i];
        tensors[i] = arena_array(arena, int32_t, shape_elements(layer->out.shape));
        if (i == 0) {
            read_input(&layer->out, input, tensors[0]);
            continue;
        }
        const int32_t *inputs[MAX_INPUTS];
        for (int k = 0; k < layer->inputs; k++)
            inputs[k] = tensors[layer->input[k]];
        layer_run(model, layer, inputs, tensors[i]);
    }
}
