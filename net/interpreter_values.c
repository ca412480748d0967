/* The reference, continued: operators each of whose outputs is made of one value of each input.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/interpreter.h"

void run_add(const Run *run) {
    const Layer *layer = run->layer;
    int64_t elements = shape_elements(layer->out.shape);
    for (int64_t i = 0; i < elements; i++) {
        int64_t acc = (int64_t)(run->x[0][i] - run->in[0]->zero) * layer->multiplier[0] +
                      (int64_t)(run->x[1][i] - run->in[1]->zero) * layer->multiplier[1];
        run->y[i] = requantise(acc, 1, layer->shift, layer->out.zero, layer->low, layer->high);
    }
}

void run_clamp(const Run *run) {
    int64_t elements = shape_elements(run->layer->out.shape);
    for (int64_t i = 0; i < elements; i++)
        run->y[i] = clamped(run->layer, run->x[0][i]);
}

/* The second operand may be one value for each channel. */
void run_mul(const Run *run) {
    int64_t elements = shape_elements(run->layer->out.shape);
    int64_t factors = shape_elements(run->in[1]->shape);
    for (int64_t i = 0; i < elements; i++) {
        int64_t a = run->x[0][i] - run->in[0]->zero;
        int64_t b = run->x[1][i % factors] - run->in[1]->zero;
        run->y[i] = requantised(run->layer, 0, a * b);
    }
}

void run_concat(const Run *run) {
    const Layer *layer = run->layer;
    int pixels = shape_pixels(layer->out.shape);
    int32_t *y = run->y;
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < layer->inputs; k++) {
            int channels = shape_channels(run->in[k]->shape);
            for (int c = 0; c < channels; c++) {
                int64_t x = run->x[k][(int64_t)p * channels + c] - run->in[k]->zero;
                *y++ = requantise(x * layer->multiplier[k], 1, layer->shift, layer->out.zero,
                                  layer->low, layer->high);
            }
        }
}

/* ---- codes that move --------------------------------------------------------------------- */

void run_slice(const Run *run) {
    int pixels = shape_pixels(run->layer->out.shape);
    int in = shape_channels(run->in[0]->shape), out = shape_channels(run->layer->out.shape);
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < out; c++)
            run->y[(int64_t)p * out + c] =
                run->x[0][(int64_t)p * in + run->layer->attribute[ATTRIBUTE_FROM] + c];
}

void run_pad(const Run *run) {
    const Layer *layer = run->layer;
    Shape in = run->in[0]->shape, out = layer->out.shape;
    int32_t *code = run->y;
    for (int oy = 0; oy < out.dim[0]; oy++)
        for (int ox = 0; ox < out.dim[1]; ox++) {
            int y = oy - layer->attribute[ATTRIBUTE_TOP];
            int x = ox - layer->attribute[ATTRIBUTE_LEFT];
            bool inside = y >= 0 && y < in.dim[0] && x >= 0 && x < in.dim[1];
            for (int c = 0; c < out.dim[2]; c++)
                *code++ = inside ? run->x[0][((int64_t)y * in.dim[1] + x) * in.dim[2] + c]
                                 : layer->out.zero;
        }
}

void run_upsample(const Run *run) {
    const int *a = run->layer->attribute;
    Shape in = run->in[0]->shape, out = run->layer->out.shape;
    int32_t *code = run->y;
    for (int oy = 0; oy < out.dim[0]; oy++)
        for (int ox = 0; ox < out.dim[1]; ox++) {
            int y = oy / a[ATTRIBUTE_FACTOR_H], x = ox / a[ATTRIBUTE_FACTOR_W];
            for (int c = 0; c < out.dim[2]; c++)
                *code++ = run->x[0][((int64_t)y * in.dim[1] + x) * in.dim[2] + c];
        }
}

/* Channels seen as (groups, n) become (n, groups). */
void run_shuffle(const Run *run) {
    int pixels = shape_pixels(run->layer->out.shape);
    int channels = shape_channels(run->layer->out.shape);
    int groups = run->layer->attribute[ATTRIBUTE_GROUPS], n = channels / groups;
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            run->y[(int64_t)p * channels + c] =
                run->x[0][(int64_t)p * channels + c % groups * n + c / groups];
}

/* ---- curves ------------------------------------------------------------------------------ */

/* Between two knots, on the straight line; outside of all, level. */
static int32_t interpolated(const Layer *layer, int code) {
    int step = 1 << layer->shift, reach = KNOTS / 2 * step;
    int at = (code < -reach ? -reach : code > reach - 1 ? reach - 1 : code) + reach;
    int knot = at >> layer->shift, rest = at & (step - 1);
    int64_t sum =
        (int64_t)layer->table[knot] * (step - rest) + (int64_t)layer->table[knot + 1] * rest;
    return requantise(sum, 1, layer->shift + KNOT_FRACTION, layer->out.zero, layer->low,
                      layer->high);
}

/* min(max(x + 3, 0), 6), and x times that for hard swish. */
static int32_t hard(const Layer *layer, int code) {
    int64_t sum = (int64_t)code + layer->table[HARD_THREE];
    sum = sum < 0 ? 0 : sum > layer->table[HARD_SIX] ? layer->table[HARD_SIX] : sum;
    return requantised(layer, 0, layer->kind == OP_HARD_SWISH ? code * sum : sum);
}

void run_curve(const Run *run) {
    const Layer *layer = run->layer;
    int64_t elements = shape_elements(layer->out.shape);
    bool wide = run->in[0]->format == FORMAT_I16;
    bool is_hard = wide && layer_multipliers(run->model, layer) > 0;
    int low = format_low(run->in[0]->format);
    for (int64_t i = 0; i < elements; i++) {
        int code = run->x[0][i];
        run->y[i] = is_hard ? hard(layer, code)
                    : wide  ? interpolated(layer, code)
                            : clamped(layer, layer->table[code - low]);
    }
}
