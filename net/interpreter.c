/* The reference: integer execution in 64 bits, in the plainest loops that say what is meant.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

/* One layer at work: the tensors it reads and writes, as codes. */
typedef struct Run {
    const Model *model;
    const Layer *layer;
    const Tensor *in;  /* of input 0 */
    const int32_t *x;  /* (in_h, in_w, in_c) or (n) */
    const int32_t *x2; /* input 1 of an add */
    int32_t *y;
} Run;

static int clamped(const Layer *layer, int64_t code) {
    return (int)(code < layer->low ? layer->low : code > layer->high ? layer->high : code);
}

/* The window of output (oy, ox): calls for each tap inside the input. */
typedef struct Window {
    int y0, x0, kernel_h, kernel_w, in_h, in_w;
} Window;

static Window window_at(const Run *run, int oy, int ox) {
    const int *a = run->layer->attribute;
    int h = run->in->shape.dim[0], w = run->in->shape.dim[1];
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

static bool window_tap(const Window *window, int ky, int kx, int *y, int *x) {
    *y = window->y0 + ky;
    *x = window->x0 + kx;
    return *y >= 0 && *y < window->in_h && *x >= 0 && *x < window->in_w;
}

static int32_t requantised(const Layer *layer, int c, int64_t acc) {
    return requantise(acc, layer->multiplier[c], layer->shift, layer->out.zero, layer->low,
                      layer->high);
}

/* Convolution of any grouping: output channel c reads `group_in` channels from `first`. */
static int64_t convolve(const Run *run, const Window *window, int c, int first, int group_in) {
    const Layer *layer = run->layer;
    int channels = shape_channels(run->in->shape);
    const int16_t *w = layer->weight + (int64_t)c * layer->row;
    int64_t acc = layer->bias[c];
    for (int ky = 0; ky < window->kernel_h; ky++)
        for (int kx = 0; kx < window->kernel_w; kx++) {
            int y, x;
            if (!window_tap(window, ky, kx, &y, &x))
                continue; /* padding has the value of the zero point */
            const int32_t *pixel = run->x + ((int64_t)y * window->in_w + x) * channels + first;
            const int16_t *tap = w + (ky * window->kernel_w + kx) * group_in;
            for (int k = 0; k < group_in; k++)
                acc += (int64_t)(pixel[k] - run->in->zero) * tap[k];
        }
    return acc;
}

static void run_conv(const Run *run) {
    const Layer *layer = run->layer;
    Shape out = layer->out.shape;
    int in_channels = shape_channels(run->in->shape);
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
        int64_t acc = layer->bias[c] + (int64_t)(run->x[i] - run->in->zero) * layer->weight[c];
        run->y[i] = requantised(layer, c, acc);
    }
}

static void run_depthwise(const Run *run) {
    if (run->in->shape.rank == 3)
        run_conv(run);
    else
        run_per_channel(run);
}

static void run_dense(const Run *run) {
    const Layer *layer = run->layer;
    for (int c = 0; c < layer->out_channels; c++) {
        int64_t acc = layer->bias[c];
        for (int k = 0; k < layer->row; k++)
            acc += (int64_t)(run->x[k] - run->in->zero) *
                   layer->weight[(int64_t)c * layer->row + k];
        run->y[c] = requantised(layer, c, acc);
    }
}

static void run_add(const Run *run) {
    const Layer *layer = run->layer;
    int zero2 = run->model->layers[layer->input[1]].out.zero;
    int64_t elements = shape_elements(layer->out.shape);
    for (int64_t i = 0; i < elements; i++) {
        int64_t acc = (int64_t)(run->x[i] - run->in->zero) * layer->multiplier[0] +
                      (int64_t)(run->x2[i] - zero2) * layer->multiplier[1];
        run->y[i] = requantise(acc, 1, layer->shift, layer->out.zero, layer->low, layer->high);
    }
}

static void run_clamp(const Run *run) {
    int64_t elements = shape_elements(run->layer->out.shape);
    for (int64_t i = 0; i < elements; i++)
        run->y[i] = clamped(run->layer, run->x[i]);
}

/* The largest code of a window, or the rounded mean of those of its taps that lie inside. */
static int32_t pool(const Run *run, const Window *window, int c) {
    int channels = shape_channels(run->in->shape);
    int64_t sum = 0, taps = 0, largest = INT64_MIN;
    for (int ky = 0; ky < window->kernel_h; ky++)
        for (int kx = 0; kx < window->kernel_w; kx++) {
            int y, x;
            if (!window_tap(window, ky, kx, &y, &x))
                continue;
            int32_t code = run->x[((int64_t)y * window->in_w + x) * channels + c];
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
    int channels = shape_channels(run->in->shape), pixels = shape_pixels(run->in->shape);
    for (int c = 0; c < channels; c++) {
        int64_t sum = 0;
        for (int p = 0; p < pixels; p++)
            sum += run->x[(int64_t)p * channels + c];
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
        default:
            codes[i] = ((const int8_t *)input)[i];
        }
}

void model_run(Arena *arena, const Model *model, const void *input, int32_t **tensors) {
    for (int i = 0; i < model->count; i++) {
        const Layer *layer = &model->layers[i];
        tensors[i] = arena_array(arena, int32_t, shape_elements(layer->out.shape));
        if (i == 0) {
            read_input(&layer->out, input, tensors[0]);
            continue;
        }
        Run run = {.model = model,
                   .layer = layer,
                   .in = &model->layers[layer->input[0]].out,
                   .x = tensors[layer->input[0]],
                   .x2 = layer->inputs > 1 ? tensors[layer->input[1]] : NULL,
                   .y = tensors[i]};
        runners[layer->kind](&run);
    }
}
