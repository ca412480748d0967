/* ending.c: what follows a product element by element: batch norm or bias, clamp, fake
 * quantisation, and the sums that their gradients need.
 *
 * Each loop keeps the constants of up to four vectors of channels in registers and walks over
 * the pixels: as many as fit, since memory prefers to be read in long runs.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <math.h>

/* For as many vectors at a time as divide the channels most evenly, at most four. */
#define GROUPS(lanes, CALL)                                                                    \
    do {                                                                                       \
        int vecs = (lanes) / LANES, group = (vecs + (vecs + 3) / 4 - 1) / ((vecs + 3) / 4);    \
        for (int j = 0; j < vecs; j += group) {                                                \
            int v = j * LANES, now = vecs - j < group ? vecs - j : group;                      \
            if (now == 4)                                                                      \
                CALL(4);                                                                       \
            else if (now == 3)                                                                 \
                CALL(3);                                                                       \
            else if (now == 2)                                                                 \
                CALL(2);                                                                       \
            else                                                                               \
                CALL(1);                                                                       \
        }                                                                                      \
    } while (0)

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

/* The codes of the clamp's ends, within the quantiser's: rounding keeps order, so that clamping
 * codes to these is clamping before and after. */
typedef struct CodeRange {
    Vec low, high;
} CodeRange;

ALWAYS_INLINE CodeRange code_range(const Ending *e) {
    return (CodeRange){code_clamp(e, code_of(e, vec_all(e->low))),
                       code_clamp(e, code_of(e, vec_all(e->high)))};
}

/* Steps are from pixel to pixel and, of the output, from row to row. */
ALWAYS_INLINE void apply(int vecs, const Ending *e, bool quantised, int v, int rows, int pixels,
                         const float *y, int y_step, float *out, int out_step, size_t out_row) {
    Vec a[4], b[4];
    const Ending k = *e; /* which what is written cannot change */
    const CodeRange range = code_range(&k);
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++)
        a[j] = vec_load(k.a + v + j * LANES), b[j] = vec_load(k.b + v + j * LANES);
    y += v;
    for (int i = 0; i < rows; i++) {
        float *to = out + (size_t)i * out_row;
        for (int p = 0; p < pixels; p++, y += y_step, to += out_step)
#pragma GCC unroll 4
            for (int j = 0; j < vecs; j++) {
                Vec z = vec_fma(a[j], vec_load(y + j * LANES), b[j]);
                if (quantised)
                    z = vec_min(vec_max(code_of(&k, z), range.low), range.high) *
                        vec_all(k.step);
                else
                    z = clamp(&k, z);
                vec_store(to + j * LANES, z);
            }
    }
}

void ending_apply(const Ending *e, int lanes, int pixels, const float *y, float *out) {
#define APPLY_QUANTISED(N) apply(N, e, true, v, 1, pixels, y, lanes, out + v, lanes, 0)
#define APPLY(N) apply(N, e, false, v, 1, pixels, y, lanes, out + v, lanes, 0)
    if (e->step > 0)
        GROUPS(lanes, APPLY_QUANTISED);
    else
        GROUPS(lanes, APPLY);
}

void ending_apply_panel(const Ending *e, int v, int lanes, int rows, int pixels, const float *y,
                        float *panel, size_t panel_row) {
    if (e->step > 0)
        apply(1, e, true, v, rows, pixels, y, lanes, panel, LANES, panel_row);
    else
        apply(1, e, false, v, rows, pixels, y, lanes, panel, LANES, panel_row);
}

/* Bytes as floats, and back: the whole numbers of a vector's lanes. */
ALWAYS_INLINE Vec vec_bytes(const uint8_t *code) {
#if defined(__AVX512F__)
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)code)));
#else
    Vec v;
    for (int i = 0; i < LANES; i++)
        v[i] = code[i];
    return v;
#endif
}

void codes_decode(const Ending *e, int lanes, int rows, int pixels, const uint8_t *code,
                  int step, float *out, size_t out_row) {
    Vec low = vec_all(e->code_low), scale = vec_all(e->step);
    for (int i = 0; i < rows; i++, out += out_row)
        for (int p = 0; p < pixels; p++, code += step)
            for (int v = 0; v < lanes; v += LANES)
                vec_store(out + p * lanes + v, (vec_bytes(code + v) + low) * scale);
}

void codes_encode(const Ending *e, size_t count, const float *z, uint8_t *code) {
    const float inverse = e->inverse, low = e->code_low;
    for (size_t i = 0; i < count; i++)
        code[i] = (uint8_t)(int)(rintf(z[i] * inverse) - low);
}

/* Where the rounded code is inside its range the quantiser passes the gradient on, and the
 * step's is the rounding error; outside, z is a bound times the step, and moves with the
 * zero point. */
ALWAYS_INLINE Vec quantiser_backward(const Ending *e, Vec x, Vec g, EndingSums *sums) {
    Vec code = code_of(e, x), low = vec_all(e->code_low), high = vec_all(e->code_high);
    Vec zero = vec_all(0), bound = code_clamp(e, code);
    Vec error = code - x * vec_all(e->inverse);
    sums->step = vec_fma(g, vec_between(code, low, high, error, bound), sums->step);
    Vec passed = vec_between(code, low, high, g, zero);
    sums->zero += passed - g;
    return passed;
}

/* What a group of channels needs and gathers. */
typedef struct Group {
    Vec a[4], b[4], mean[4], inverse[4], g[4], gx[4];
} Group;

ALWAYS_INLINE void group_begin(Group *w, int vecs, bool normed, const Ending *e,
                               const EndingSums *sums, int v) {
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) {
        int c = v + j * LANES;
        w->a[j] = vec_load(e->a + c), w->b[j] = vec_load(e->b + c);
        w->g[j] = vec_load(sums->g + c);
        w->mean[j] = normed ? vec_load(sums->mean + c) : vec_all(0);
        w->inverse[j] = normed ? vec_load(sums->inverse + c) : vec_all(0);
        w->gx[j] = normed ? vec_load(sums->gx + c) : vec_all(0);
    }
}

ALWAYS_INLINE void group_end(const Group *w, int vecs, bool normed, EndingSums *sums, int v) {
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) {
        vec_store(sums->g + v + j * LANES, w->g[j]);
        if (normed)
            vec_store(sums->gx + v + j * LANES, w->gx[j]);
    }
}

ALWAYS_INLINE void backward(int vecs, const Ending *e, bool quantised, bool normed, int v,
                            int lanes, int pixels, const float *y, float *g, EndingSums *sums) {
    Vec zero = vec_all(0), low = vec_all(e->low), high = vec_all(e->high);
    Group w;
    group_begin(&w, vecs, normed, e, sums, v);
    y += v;
    g += v;
    for (int p = 0; p < pixels; p++, y += lanes, g += lanes) {
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++) {
            Vec raw = vec_load(y + j * LANES), x = vec_fma(w.a[j], raw, w.b[j]);
            Vec gradient = vec_load(g + j * LANES);
            if (quantised)
                gradient = quantiser_backward(e, clamp(e, x), gradient, sums);
            gradient = vec_between(x, low, high, gradient, zero);
            vec_store(g + j * LANES, gradient);
            w.g[j] += gradient;
            if (normed)
                w.gx[j] = vec_fma(gradient, (raw - w.mean[j]) * w.inverse[j], w.gx[j]);
        }
    }
    group_end(&w, vecs, normed, sums, v);
}

void ending_backward(const Ending *e, int lanes, int pixels, const float *y, float *g,
                     EndingSums *sums) {
#define QUANTISED_NORM(N) backward(N, e, true, true, v, lanes, pixels, y, g, sums)
#define QUANTISED(N) backward(N, e, true, false, v, lanes, pixels, y, g, sums)
#define NORMED(N) backward(N, e, false, true, v, lanes, pixels, y, g, sums)
#define NEITHER(N) backward(N, e, false, false, v, lanes, pixels, y, g, sums)
    if (e->step > 0 && sums->mean)
        GROUPS(lanes, QUANTISED_NORM);
    else if (e->step > 0)
        GROUPS(lanes, QUANTISED);
    else if (sums->mean)
        GROUPS(lanes, NORMED);
    else
        GROUPS(lanes, NEITHER);
}

/* Steps are from pixel to pixel and, of the output, from row to row. */
ALWAYS_INLINE void through_norm(int vecs, const NormGradient *n, int v, int rows, int pixels,
                                int step, const float *y, const float *g, float *out,
                                int out_step, size_t out_row) {
    Vec a[4], c[4], d[4];
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) {
        int at = v + j * LANES;
        a[j] = vec_load(n->a + at), c[j] = vec_load(n->c + at), d[j] = vec_load(n->d + at);
    }
    y += v;
    g += v;
    for (int i = 0; i < rows; i++) {
        float *to = out + (size_t)i * out_row;
        for (int p = 0; p < pixels; p++, y += step, g += step, to += out_step)
#pragma GCC unroll 4
            for (int j = 0; j < vecs; j++)
                vec_store(to + j * LANES,
                          vec_fma(a[j], vec_load(g + j * LANES),
                                  vec_fma(c[j], vec_load(y + j * LANES), d[j])));
    }
}

void norm_backward(const NormGradient *n, int lanes, int pixels, const float *y, const float *g,
                   float *out) {
#define THROUGH(N) through_norm(N, n, v, 1, pixels, lanes, y, g, out + v, lanes, 0)
    GROUPS(lanes, THROUGH);
}

void norm_backward_panel(const NormGradient *n, int v, int lanes, int rows, int pixels,
                         const float *y, const float *g, float *panel, size_t panel_row) {
    through_norm(1, n, v, rows, pixels, lanes, y, g, panel, LANES, panel_row);
}

ALWAYS_INLINE void statistics(int vecs, const float *pivot, int v, int lanes, int pixels,
                              const float *y, float *sum, float *square) {
    Vec origin[4], s[4], q[4];
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++)
        origin[j] = vec_load(pivot + v + j * LANES), s[j] = q[j] = vec_all(0);
    y += v;
    for (int p = 0; p < pixels; p++, y += lanes)
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++) {
            Vec x = vec_load(y + j * LANES) - origin[j];
            s[j] += x;
            q[j] = vec_fma(x, x, q[j]);
        }
#pragma GCC unroll 4
    for (int j = 0; j < vecs; j++) {
        int at = v + j * LANES;
        vec_store(sum + at, vec_load(sum + at) + s[j]);
        vec_store(square + at, vec_load(square + at) + q[j]);
    }
}

void statistics_add(const float *pivot, int lanes, int pixels, const float *y, float *sum,
                    float *square) {
#define STATISTICS(N) statistics(N, pivot, v, lanes, pixels, y, sum, square)
    GROUPS(lanes, STATISTICS);
}
