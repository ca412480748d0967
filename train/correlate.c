/* correlate.c: sliding windows over each channel by itself: depthwise convolution, the gradient of
 * its input (a correlation again, one for each phase of the stride) and of its weights.
 *
 * For one vector of channels all taps of a usual kernel stay in registers while the window slides.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>

enum { MOST_TAPS = 25 };

/* The kernel's extents are constants where this is inlined. */
ALWAYS_INLINE void slide(const Correlation *c, int kernel_h, int kernel_w, int v) {
    Vec weight[MOST_TAPS];
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        weight[t] = vec_load(c->weight + t * c->channels + v);
    for (int y = 0; y < c->out_h; y++) {
        const float *in = c->in + (size_t)y * c->in_y + v;
        float *out = c->out + (size_t)y * c->out_y + v;
        for (int x = 0; x < c->out_w; x++, in += c->in_x, out += c->out_x) {
            Vec sum = c->add ? vec_load(out) : vec_all(0);
#pragma GCC unroll 25
            for (int t = 0; t < kernel_h * kernel_w; t++)
                sum = vec_fma(weight[t],
                              vec_load(in + (size_t)(t / kernel_w) * c->tap_y +
                                       (size_t)(t % kernel_w) * c->tap_x),
                              sum);
            vec_store(out, sum);
        }
    }
}

ALWAYS_INLINE void slide_weights(const Correlation *c, int kernel_h, int kernel_w, int v,
                                 float *weight) {
    Vec sum[MOST_TAPS];
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        sum[t] = vec_load(weight + t * c->channels + v);
    for (int y = 0; y < c->out_h; y++) {
        const float *in = c->in + (size_t)y * c->in_y + v;
        const float *out = c->out + (size_t)y * c->out_y + v;
        for (int x = 0; x < c->out_w; x++, in += c->in_x, out += c->out_x) {
            Vec gradient = vec_load(out);
#pragma GCC unroll 25
            for (int t = 0; t < kernel_h * kernel_w; t++)
                sum[t] = vec_fma(gradient,
                                 vec_load(in + (size_t)(t / kernel_w) * c->tap_y +
                                          (size_t)(t % kernel_w) * c->tap_x),
                                 sum[t]);
        }
    }
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        vec_store(weight + t * c->channels + v, sum[t]);
}

/* Any other kernel: one tap after the other. */
static void slide_tap(const Correlation *c, int i, int j, bool add) {
    const float *weight = c->weight + (i * c->kernel_w + j) * c->channels;
    for (int y = 0; y < c->out_h; y++)
        for (int x = 0; x < c->out_w; x++) {
            const float *in = c->in + (size_t)y * c->in_y + (size_t)x * c->in_x +
                              (size_t)i * c->tap_y + (size_t)j * c->tap_x;
            float *out = c->out + (size_t)y * c->out_y + (size_t)x * c->out_x;
            for (int v = 0; v < c->channels; v += LANES) {
                Vec sum = add ? vec_load(out + v) : vec_all(0);
                vec_store(out + v, vec_fma(vec_load(weight + v), vec_load(in + v), sum));
            }
        }
}

static void slide_weights_tap(const Correlation *c, int i, int j, float *weight) {
    for (int v = 0; v < c->channels; v += LANES) {
        Vec sum = vec_load(weight + v);
        for (int y = 0; y < c->out_h; y++)
            for (int x = 0; x < c->out_w; x++)
                sum =
                    vec_fma(vec_load(c->out + (size_t)y * c->out_y + (size_t)x * c->out_x + v),
                            vec_load(c->in + (size_t)y * c->in_y + (size_t)x * c->in_x +
                                     (size_t)i * c->tap_y + (size_t)j * c->tap_x + v),
                            sum);
        vec_store(weight + v, sum);
    }
}

/* Kernels of 3 and 5, and what strides of 2 make of them. */
#define KERNELS(K) K(1, 1) K(1, 2) K(2, 1) K(2, 2) K(2, 3) K(3, 2) K(3, 3) K(5, 5)

void correlate(const Correlation *c) {
#define K(H, W)                                                                                \
    if (c->kernel_h == H && c->kernel_w == W) {                                                \
        for (int v = 0; v < c->channels; v += LANES)                                           \
            slide(c, H, W, v);                                                                 \
        return;                                                                                \
    }
    KERNELS(K)
#undef K
    for (int i = 0; i < c->kernel_h; i++)
        for (int j = 0; j < c->kernel_w; j++)
            slide_tap(c, i, j, c->add || i || j);
}

void correlate_weights(const Correlation *c, float *weight) {
#define K(H, W)                                                                                \
    if (c->kernel_h == H && c->kernel_w == W) {                                                \
        for (int v = 0; v < c->channels; v += LANES)                                           \
            slide_weights(c, H, W, v, weight);                                                 \
        return;                                                                                \
    }
    KERNELS(K)
#undef K
    for (int i = 0; i < c->kernel_h; i++)
        for (int j = 0; j < c->kernel_w; j++)
            slide_weights_tap(c, i, j, weight + (i * c->kernel_w + j) * c->channels);
}
