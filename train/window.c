/* window.c: windows as rows of a matrix, for convolution as a product; pooling.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <float.h>
#include <string.h>

/* Copies a few floats, and up to LANES - 1 more, which the next copy overwrites. */
ALWAYS_INLINE void copy_over(const float *from, float *to, size_t count) {
    for (size_t k = 0; k < count; k += LANES)
        vec_store(to + k, vec_load(from + k));
}

/* A row of a window is contiguous in the padded image: kernel_w pixels. */
void windows_gather(const Node *node, int lanes, int count, const float *padded, float *rows) {
    size_t line = (size_t)node->padded_w * (size_t)lanes,
           run = (size_t)(node->kernel_w * lanes);
    for (int n = 0; n < count; n++, padded += (size_t)node->padded_h * line)
        for (int y = 0; y < node->height; y++)
            for (int x = 0; x < node->width; x++) {
                const float *from = padded + (size_t)(y * node->stride_h) * line +
                                    (size_t)(x * node->stride_w * lanes);
                for (int i = 0; i < node->kernel_h; i++, rows += run, from += line)
                    copy_over(from, rows, run);
            }
}

void windows_scatter(const Node *node, int lanes, int count, const float *rows, float *padded) {
    size_t line = (size_t)node->padded_w * (size_t)lanes,
           run = (size_t)(node->kernel_w * lanes);
    for (int n = 0; n < count; n++, padded += (size_t)node->padded_h * line)
        for (int y = 0; y < node->height; y++)
            for (int x = 0; x < node->width; x++) {
                float *to = padded + (size_t)(y * node->stride_h) * line +
                            (size_t)(x * node->stride_w * lanes);
                for (int i = 0; i < node->kernel_h; i++, rows += run, to += line)
                    for (size_t k = 0; k < run; k++)
                        to[k] += rows[k];
            }
}

/* ---- pooling ----------------------------------------------------------------------------- */

/* The taps of one window that are inside the image: rows [top, bottom), columns [left,
 * right). */
typedef struct Window {
    int top, bottom, left, right;
} Window;

static int clip(int at, int most) {
    return at < 0 ? 0 : at > most ? most : at;
}

static Window window_at(const Node *node, const Node *from, int y, int x) {
    if (node->head == OP_GLOBAL_AVERAGE)
        return (Window){0, from->height, 0, from->width};
    int top = y * node->stride_h - node->before_h, left = x * node->stride_w - node->before_w;
    return (Window){clip(top, from->height), clip(top + node->kernel_h, from->height),
                    clip(left, from->width), clip(left + node->kernel_w, from->width)};
}

static void pool_window(const Node *node, const Node *from, Window w, const float *x,
                        float *y) {
    bool max = node->head == OP_MAX_POOL;
    float share = 1.0f / (float)((w.bottom - w.top) * (w.right - w.left));
    for (int v = 0; v < node->lanes; v += LANES) {
        Vec result = vec_all(max ? -FLT_MAX : 0);
        for (int i = w.top; i < w.bottom; i++)
            for (int j = w.left; j < w.right; j++) {
                Vec tap = vec_load(x + (size_t)(i * from->width + j) * (size_t)from->lanes + v);
                result = max ? vec_max(result, tap) : result + tap;
            }
        vec_store(y + v, max ? result : result * vec_all(share));
    }
}

void pool_forward(const Node *node, const Node *from, int count, const float *x, float *y) {
    size_t image = (size_t)(from->height * from->width) * (size_t)from->lanes;
    for (int n = 0; n < count; n++, x += image)
        for (int i = 0; i < node->height; i++)
            for (int j = 0; j < node->width; j++, y += node->lanes)
                pool_window(node, from, window_at(node, from, i, j), x, y);
}

static void average_window_backward(const Node *node, const Node *from, Window w,
                                    const float *dy, float *dx) {
    float share = 1.0f / (float)((w.bottom - w.top) * (w.right - w.left));
    for (int i = w.top; i < w.bottom; i++)
        for (int j = w.left; j < w.right; j++) {
            float *to = dx + (size_t)(i * from->width + j) * (size_t)from->lanes;
            for (int v = 0; v < node->lanes; v += LANES)
                vec_store(to + v, vec_fma(vec_load(dy + v), vec_all(share), vec_load(to + v)));
        }
}

/* The gradient goes to the first of equal maxima. */
static void max_window_backward(const Node *node, const Node *from, Window w, const float *x,
                                const float *y, const float *dy, float *dx) {
    for (int c = 0; c < node->channels; c++)
        for (int i = w.top, found = 0; i < w.bottom && !found; i++)
            for (int j = w.left; j < w.right && !found; j++) {
                size_t at = (size_t)(i * from->width + j) * (size_t)from->lanes + (size_t)c;
                if (x[at] != y[c])
                    continue;
                dx[at] += dy[c];
                found = 1;
            }
}

void pool_backward(const Node *node, const Node *from, int count, const float *x,
                   const float *y, const float *dy, bool add, float *dx) {
    size_t image = (size_t)(from->height * from->width) * (size_t)from->lanes;
    if (!add)
        memset(dx, 0, (size_t)count * image * sizeof(float));
    for (int n = 0; n < count; n++, x += image, dx += image)
        for (int i = 0; i < node->height; i++)
            for (int j = 0; j < node->width; j++, y += node->lanes, dy += node->lanes) {
                Window w = window_at(node, from, i, j);
                if (node->head == OP_MAX_POOL)
                    max_window_backward(node, from, w, x, y, dy, dx);
                else
                    average_window_backward(node, from, w, dy, dx);
            }
}
