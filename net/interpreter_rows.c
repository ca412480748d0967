/* The reference, continued: operators each of whose outputs is made of a whole row.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/interpreter.h"

/* ---- softmax ----------------------------------------------------------------------------- */

/* exp of minus so many codes, times 2^softmax_bits. */
static int64_t exponential(const Layer *layer, bool wide, int difference) {
    if (!wide)
        return layer->table[difference];
    const int32_t *low = layer->table + SOFTMAX_ENTRIES;
    int64_t product = (int64_t)layer->table[difference >> 8] * low[difference & 255];
    return (product + ((int64_t)1 << (SOFTMAX_LOW_BITS - 1))) >> SOFTMAX_LOW_BITS;
}

static void softmax_row(const Run *run, const int32_t *x, int n, int32_t *y) {
    bool wide = run->in[0]->format == FORMAT_I16;
    int32_t most = x[0];
    int64_t sum = 0;
    for (int k = 1; k < n; k++)
        most = x[k] > most ? x[k] : most;
    for (int k = 0; k < n; k++)
        sum += exponential(run->layer, wide, most - x[k]);
    int shift = 0;
    while (sum << shift < (int64_t)1 << 30)
        shift++;
    int64_t reciprocal = ((int64_t)1 << 61) / (sum << shift); /* in [2^30, 2^31] */
    for (int k = 0; k < n; k++) {
        int64_t share = exponential(run->layer, wide, most - x[k]) * reciprocal >> (31 - shift);
        y[k] = requantised(run->layer, 0, share); /* share / 2^30 */
    }
}

void run_softmax(const Run *run) {
    int pixels = shape_pixels(run->layer->out.shape);
    int channels = shape_channels(run->layer->out.shape);
    for (int p = 0; p < pixels; p++)
        softmax_row(run, run->x[0] + (int64_t)p * channels, channels,
                    run->y + (int64_t)p * channels);
}

/* ---- layer norm -------------------------------------------------------------------------- */

/* floor(sqrt(x)), x < 2^62 */
static int64_t root(int64_t x) {
    int64_t r = 0;
    for (int bit = 30; bit >= 0; bit--) {
        int64_t larger = r | (int64_t)1 << bit;
        if (larger * larger <= x)
            r = larger;
    }
    return r;
}

/* (n x - sum) / sqrt(n squares - sum^2 + epsilon), scaled by gamma, moved by beta. */
static void norm_row(const Layer *layer, int fine, const int32_t *x, int n, int32_t *y) {
    int64_t sum = 0, squares = 0;
    for (int k = 0; k < n; k++) {
        sum += x[k];
        squares += (int64_t)x[k] * x[k];
    }
    int64_t variance = ((n * squares - sum * sum) << 2 * fine) + layer->epsilon; /* < 2^62 */
    int pairs = 0;
    while (variance << 2 * pairs < (int64_t)1 << 60)
        pairs++;
    int64_t reciprocal = ((int64_t)1 << 61) / root(variance << 2 * pairs);
    int down = 61 - NORM_FRACTION - pairs - fine;
    for (int k = 0; k < n; k++) {
        int64_t deviation = n * (int64_t)x[k] - sum;
        int64_t normal = (deviation * reciprocal + ((int64_t)1 << (down - 1))) >> down;
        y[k] = requantise(normal * layer->multiplier[k] + layer->bias[k], 1, layer->shift,
                          layer->out.zero, layer->low, layer->high);
    }
}

void run_layer_norm(const Run *run) {
    int pixels = shape_pixels(run->layer->out.shape);
    int channels = shape_channels(run->layer->out.shape);
    for (int p = 0; p < pixels; p++)
        norm_row(run->layer, norm_bits(run->in[0]), run->x[0] + (int64_t)p * channels, channels,
                 run->y + (int64_t)p * channels);
}

/* ---- the matrix product ------------------------------------------------------------------ */

void run_matmul(const Run *run) {
    int rows = run->in[0]->shape.dim[0], depth = run->in[0]->shape.dim[1];
    int columns = run->layer->out.shape.dim[1];
    bool transposed = run->layer->attribute[ATTRIBUTE_TRANSPOSED] != 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            int64_t acc = 0;
            for (int k = 0; k < depth; k++) {
                int64_t at = transposed ? (int64_t)c * depth + k : (int64_t)k * columns + c;
                acc += (int64_t)(run->x[0][(int64_t)r * depth + k] - run->in[0]->zero) *
                       (run->x[1][at] - run->in[1]->zero);
            }
            run->y[(int64_t)r * columns + c] = requantised(run->layer, 0, acc);
        }
}

/* ---- axes -------------------------------------------------------------------------------- */

void run_transpose(const Run *run) {
    int rows = run->in[0]->shape.dim[0], columns = run->in[0]->shape.dim[1];
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            run->y[(int64_t)c * rows + r] = run->x[0][(int64_t)r * columns + c];
}

Spread spread_of(const Run *run) {
    Shape in = run->in[0]->shape;
    Spread spread = {1, 1, 1};
    int axis = run->layer->attribute[ATTRIBUTE_AXIS], at = 0;
    while ((int)axis_at(in.rank, in.time, at) != axis)
        spread.outer *= in.dim[at++];
    spread.places = in.dim[at];
    for (int d = at + 1; d < in.rank; d++)
        spread.inner *= in.dim[d];
    return spread;
}

void run_mean(const Run *run) {
    Spread s = spread_of(run);
    for (int64_t o = 0; o < s.outer; o++)
        for (int64_t i = 0; i < s.inner; i++) {
            int64_t sum = 0;
            for (int64_t k = 0; k < s.places; k++)
                sum += run->x[0][(o * s.places + k) * s.inner + i] - run->in[0]->zero;
            run->y[o * s.inner + i] = requantised(run->layer, 0, sum);
        }
}
