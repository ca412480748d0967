/* ending.c: what follows a product element by element: batch norm or bias, clamp, fake quantisation,
 * and the sums that their gradients need.
 *
 * Each loop keeps the constants of one vector of channels in registers and walks over the pixels.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

ALWAYS_INLINE Vec clamp(const Ending *e, Vec x) {
    return vec_min(vec_max(x, vec_all(e->low)), vec_all(e->high));
}

/* The nearest code, half up, as doc/numerics.md rounds; not yet clamped. */
ALWAYS_INLINE Vec code_of(const Ending *e, Vec x) {
    return vec_floor(vec_fma(x, vec_all(e->inverse), vec_all((float)ROUND_HALF)));
}

ALWAYS_INLINE Vec code_clamp(const Ending *e, Vec code) {
    return vec_min(vec_max(code, vec_all(e->code_low)), vec_all(e->code_high));
}

/* One vector of channels; steps are from pixel to pixel and, of the output, from row to row. */
ALWAYS_INLINE void apply(const Ending *e, bool quantised, int v, int rows, int pixels,
                         const float *y, int y_step, float *out, int out_step, size_t out_row) {
    Vec a = vec_load(e->a + v), b = vec_load(e->b + v);
    y += v;
    for (int i = 0; i < rows; i++) {
        float *to = out + (size_t)i * out_row;
        for (int p = 0; p < pixels; p++, y += y_step, to += out_step) {
            Vec z = clamp(e, vec_fma(a, vec_load(y), b));
            if (quantised)
                z = code_clamp(e, code_of(e, z)) * vec_all(e->step);
            vec_store(to, z);
        }
    }
}

void ending_apply(const Ending *e, int lanes, int pixels, const float *y, float *out) {
    for (int v = 0; v < lanes; v += LANES)
        if (e->step > 0)
            apply(e, true, v, 1, pixels, y, lanes, out + v, lanes, 0);
        else
            apply(e, false, v, 1, pixels, y, lanes, out + v, lanes, 0);
}

void ending_apply_panel(const Ending *e, int v, int lanes, int rows, int pixels, const float *y,
                        float *panel, size_t panel_row) {
    if (e->step > 0)
        apply(e, true, v, rows, pixels, y, lanes, panel, LANES, panel_row);
    else
        apply(e, false, v, rows, pixels, y, lanes, panel, LANES, panel_row);
}

/* Where the rounded code is inside its range the quantiser passes the gradient on, and the step's is
 * the rounding error; outside, z is a bound times the step, and moves with the zero point. */
ALWAYS_INLINE Vec quantiser_backward(const Ending *e, Vec x, Vec g, EndingSums *sums) {
    Vec code = code_of(e, x), low = vec_all(e->code_low), high = vec_all(e->code_high);
    Vec zero = vec_all(0), bound = code_clamp(e, code);
    Vec error = code - x * vec_all(e->inverse);
    sums->step = vec_fma(g, vec_between(code, low, high, error, bound), sums->step);
    Vec passed = vec_between(code, low, high, g, zero);
    sums->zero += passed - g;
    return passed;
}

ALWAYS_INLINE void backward(const Ending *e, bool quantised, bool normed, int lanes, int pixels,
                            const float *y, float *g, EndingSums *sums) {
    Vec zero = vec_all(0), low = vec_all(e->low), high = vec_all(e->high);
    for (int v = 0; v < lanes; v += LANES) {
        Vec a = vec_load(e->a + v), b = vec_load(e->b + v);
        Vec mean = normed ? vec_load(sums->mean + v) : zero;
        Vec inverse = normed ? vec_load(sums->inverse + v) : zero;
        Vec sum_g = zero, sum_gx = zero;
        for (int p = 0; p < pixels; p++) {
            size_t at = (size_t)p * (size_t)lanes + (size_t)v;
            Vec raw = vec_load(y + at), x = vec_fma(a, raw, b), gradient = vec_load(g + at);
            if (quantised)
                gradient = quantiser_backward(e, clamp(e, x), gradient, sums);
            gradient = vec_between(x, low, high, gradient, zero);
            vec_store(g + at, gradient);
            sum_g += gradient;
            if (normed)
                sum_gx = vec_fma(gradient, (raw - mean) * inverse, sum_gx);
        }
        vec_store(sums->g + v, vec_load(sums->g + v) + sum_g);
        if (normed)
            vec_store(sums->gx + v, vec_load(sums->gx + v) + sum_gx);
    }
}

void ending_backward(const Ending *e, int lanes, int pixels, const float *y, float *g,
                     EndingSums *sums) {
    if (e->step > 0 && sums->mean)
        backward(e, true, true, lanes, pixels, y, g, sums);
    else if (e->step > 0)
        backward(e, true, false, lanes, pixels, y, g, sums);
    else if (sums->mean)
        backward(e, false, true, lanes, pixels, y, g, sums);
    else
        backward(e, false, false, lanes, pixels, y, g, sums);
}

ALWAYS_INLINE void through_norm(const NormGradient *n, int v, int rows, int pixels, int step,
                                const float *y, const float *g, float *out, int out_step,
                                size_t out_row) {
    Vec a = vec_load(n->a + v), c = vec_load(n->c + v), d = vec_load(n->d + v);
    y += v;
    g += v;
    for (int i = 0; i < rows; i++) {
        float *to = out + (size_t)i * out_row;
        for (int p = 0; p < pixels; p++, y += step, g += step, to += out_step)
            vec_store(to, vec_fma(a, vec_load(g), vec_fma(c, vec_load(y), d)));
    }
}

void norm_backward(const NormGradient *n, int lanes, int pixels, const float *y, const float *g,
                   float *out) {
    for (int v = 0; v < lanes; v += LANES)
        through_norm(n, v, 1, pixels, lanes, y, g, out + v, lanes, 0);
}

void norm_backward_panel(const NormGradient *n, int v, int lanes, int rows, int pixels,
                         const float *y, const float *g, float *panel, size_t panel_row) {
    through_norm(n, v, rows, pixels, lanes, y, g, panel, LANES, panel_row);
}

void statistics_add(const float *pivot, int lanes, int pixels, const float *y, double *sum,
                    double *square) {
    for (int v = 0; v < lanes; v += LANES) {
        Vec origin = vec_load(pivot + v), s = vec_all(0), q = vec_all(0);
        for (int p = 0; p < pixels; p++) {
            Vec x = vec_load(y + (size_t)p * (size_t)lanes + (size_t)v) - origin;
            s += x;
            q = vec_fma(x, x, q);
        }
        for (int i = 0; i < LANES; i++) {
            sum[v + i] += s[i];
            square[v + i] += q[i];
        }
    }
}
