/* correlate.c: sliding windows over each channel by itself: depthwise convolution, the gradient
 * of its input (a correlation again, one for each phase of the stride) and of its weights.
 *
 * One vector of channels at a time: all taps of a usual kernel stay in registers while the
 * window slides over a panel that stays in the first-level cache.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>

enum { MOST_TAPS = 25 };

/* The kernel's extents are constants where this is inlined. Three sums at once: one alone
 * would wait for itself, and the processor does not look far enough ahead to begin the next
 * windows. */
ALWAYS_INLINE Vec window_sum(const Vec *weight, int kernel_h, int kernel_w, const float *in,
                             size_t tap_y, Vec begin) {
    Vec sum[3] = {begin, vec_all(0), vec_all(0)};
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        sum[t % 3] = vec_fma(
            weight[t],
            vec_load(in + (size_t)(t / kernel_w) * tap_y + (size_t)(t % kernel_w) * LANES),
            sum[t % 3]);
    return kernel_h * kernel_w < 3 ? sum[0] + sum[1] : sum[0] + sum[1] + sum[2];
}

ALWAYS_INLINE void slide(const Correlation *c, int kernel_h, int kernel_w, bool add) {
    Vec weight[MOST_TAPS];
    const size_t tap_y = c->tap_y, in_x = c->in_x, out_x = c->out_x;
    const int out_w = c->out_w;
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        weight[t] = vec_load(c->weight + (size_t)t * c->weight_tap);
    for (int y = 0; y < c->out_h; y++) {
        const float *in = c->in + (size_t)y * c->in_y;
        float *out = c->out + (size_t)y * c->out_y;
        for (int x = 0; x < out_w; x++, in += in_x, out += out_x)
            vec_store(out, window_sum(weight, kernel_h, kernel_w, in, tap_y,
                                      add ? vec_load(out) : vec_all(0)));
    }
}

ALWAYS_INLINE void slide_weights(const Correlation *c, int kernel_h, int kernel_w,
                                 float *weight) {
    Vec sum[MOST_TAPS];
    const size_t tap_y = c->tap_y, in_x = c->in_x, out_x = c->out_x;
    const int out_w = c->out_w;
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        sum[t] = vec_load(weight + (size_t)t * c->weight_tap);
    for (int y = 0; y < c->out_h; y++) {
        const float *in = c->in + (size_t)y * c->in_y, *out = c->out + (size_t)y * c->out_y;
        for (int x = 0; x < out_w; x++, in += in_x, out += out_x) {
            Vec gradient = vec_load(out);
#pragma GCC unroll 25
            for (int t = 0; t < kernel_h * kernel_w; t++)
                sum[t] = vec_fma(gradient,
                                 vec_load(in + (size_t)(t / kernel_w) * tap_y +
                                          (size_t)(t % kernel_w) * LANES),
                                 sum[t]);
        }
    }
#pragma GCC unroll 25
    for (int t = 0; t < kernel_h * kernel_w; t++)
        vec_store(weight + (size_t)t * c->weight_tap, sum[t]);
}

/* Any other kernel: one tap after the other. */
static void slide_tap(const Correlation *c, int i, int j, bool add) {
    Vec weight = vec_load(c->weight + (size_t)(i * c->kernel_w + j) * c->weight_tap);
    for (int y = 0; y < c->out_h; y++)
        for (int x = 0; x < c->out_w; x++) {
            const float *in = c->in + (size_t)y * c->in_y + (size_t)x * c->in_x +
                              (size_t)i * c->tap_y + (size_t)j * LANES;
            float *out = c->out + (size_t)y * c->out_y + (size_t)x * c->out_x;
            Vec sum = add ? vec_load(out) : vec_all(0);
            vec_store(out, vec_fma(weight, vec_load(in), sum));
        }
}

static void slide_weights_tap(const Correlation *c, int i, int j, float *weight) {
    Vec sum = vec_load(weight);
    for (int y = 0; y < c->out_h; y++)
        for (int x = 0; x < c->out_w; x++)
            sum = vec_fma(vec_load(c->out + (size_t)y * c->out_y + (size_t)x * c->out_x),
                          vec_load(c->in + (size_t)y * c->in_y + (size_t)x * c->in_x +
                                   (size_t)i * c->tap_y + (size_t)j * LANES),
                          sum);
    vec_store(weight, sum);
}

/* Kernels of 3 and 5, and what strides of 2 make of them. */
#define KERNELS(K) K(1, 1) K(1, 2) K(2, 1) K(2, 2) K(2, 3) K(3, 2) K(3, 3) K(5, 5)

void correlate(const Correlation *c) {
#define K(H, W)                                                                                \
    if (c->kernel_h == H && c->kernel_w == W) {                                                \
        c->add ? slide(c, H, W, true) : slide(c, H, W, false);                                 \
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
        slide_weights(c, H, W, weight);                                                        \
        return;                                                                                \
    }
    KERNELS(K)
#undef K
    for (int i = 0; i < c->kernel_h; i++)
        for (int j = 0; j < c->kernel_w; j++)
            slide_weights_tap(c, i, j, weight + (size_t)(i * c->kernel_w + j) * c->weight_tap);
}
