/* Tables of functions: of one number, and of softmax's exponential. doc/numerics.md, "Curves".
 * Each entry is the exact value, rounded once; base is net/real.c, not the host's libm.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/layers.h"
#include "net/real.h"

#include <math.h>

/* ---- the functions ----------------------------------------------------------------------- */

static Real hard_sigmoid(Real x) {
    Real top = real_of(6), shifted = real_add(x, real_of(3));
    if (shifted.sign < 0)
        return real_of(0);
    return real_div_small(real_compare(shifted, top) > 0 ? top : shifted, 6);
}

/* exp(x) and 1 - exp(x) for x <= 0, without loss near 0. */
static Real less_than_one(Real x) {
    return real_compare(x, real_of(-1)) < 0 ? real_sub(real_of(1), real_exp(x))
                                            : real_negated(real_expm1(x));
}

/* 1 / (1 + exp(-|x|)), or the rest to 1. */
static Real sigmoid(Real x) {
    Real small = real_exp(x.sign > 0 ? real_negated(x) : x);
    Real sum = real_add(real_of(1), small);
    return real_div(x.sign > 0 ? real_of(1) : small, sum);
}

/* (1 - exp(-2|x|)) / (1 + exp(-2|x|)), with x's sign. */
static Real tangent(Real x) {
    Real twice = real_scaled(x.sign > 0 ? real_negated(x) : x, 1);
    Real y = real_div(less_than_one(twice), real_add(real_of(1), real_exp(twice)));
    return x.sign < 0 ? real_negated(y) : y;
}

static Real curve(OpKind kind, Real x) {
    switch (kind) {
    case OP_HARD_SIGMOID:
        return hard_sigmoid(x);
    case OP_HARD_SWISH:
        return real_mul(x, hard_sigmoid(x));
    case OP_SIGMOID:
        return sigmoid(x);
    case OP_TANH:
        return tangent(x);
    case OP_SILU:
        return real_mul(x, sigmoid(x));
    default:
        return real_mul(x, real_normal(x)); /* GELU */
    }
}

/* ---- tables ------------------------------------------------------------------------------ */

/* floor(value * 2^power + 1/2), kept within +-limit. */
static int32_t rounded(Real value, int power, int32_t limit) {
    value = real_scaled(value, power);
    if (real_compare(value, real_of(limit)) >= 0)
        return limit;
    if (real_compare(value, real_of(-(double)limit)) <= 0)
        return -limit;
    return (int32_t)real_round(value);
}

/* The value of the curve at an input code, in steps of the output. */
static Real curve_at(const Tensor *in, const Layer *layer, int code) {
    Real x = real_mul(real_of(in->scale), real_of(code - in->zero));
    return real_div(curve(layer->kind, x), real_of(layer->out.scale));
}

static void narrow_table(const Tensor *in, Layer *layer) {
    int low = format_low(in->format);
    for (int code = low; code <= format_high(in->format); code++) {
        int64_t y = layer->out.zero + rounded(curve_at(in, layer, code), 0, 1 << 20);
        layer->table[code - low] = (int32_t)(y < layer->low    ? layer->low
                                             : y > layer->high ? layer->high
                                                               : y);
    }
}

/* Where the rest of the curve is as good as level: there no knots are needed. */
static double level_from(OpKind kind) {
    return kind == OP_SIGMOID ? 12 : kind == OP_TANH ? 6 : INFINITY;
}

static void wide_table(const Tensor *in, Layer *layer) {
    for (layer->shift = 0; layer->shift < KNOT_BITS; layer->shift++)
        if (ldexp(in->scale, 8 + layer->shift) >= level_from(layer->kind))
            break;
    for (int k = 0; k < KNOTS; k++) {
        int code = (k - KNOTS / 2) * (1 << layer->shift);
        layer->table[k] = rounded(curve_at(in, layer, code), KNOT_FRACTION, KNOT_LIMIT - 1);
    }
}

static bool is_hard(OpKind kind) {
    return kind == OP_HARD_SIGMOID || kind == OP_HARD_SWISH;
}

void curve_table(Arena *arena, const Tensor *in, Layer *layer) {
    if (in->format == FORMAT_I16 && is_hard(layer->kind)) {
        layer->table = arena_array(arena, int32_t, HARD_ENTRIES);
        layer->table[HARD_THREE] = (int32_t)floor(3.0 / in->scale + 0.5);
        layer->table[HARD_SIX] = (int32_t)floor(6.0 / in->scale + 0.5);
        return;
    }
    bool wide = in->format == FORMAT_I16;
    layer->table = arena_array(arena, int32_t, wide ? KNOTS : 1 << format_bits(in->format));
    if (wide)
        wide_table(in, layer);
    else
        narrow_table(in, layer);
}

int softmax_bits(int n) {
    int bits = 31;
    while ((int64_t)n << bits > (int64_t)1 << 31)
        bits--;
    return bits < 23 ? bits : 23;
}

/* round(2^bits * exp(-scale * step * i)) */
static void exponentials(double scale, int step, int bits, int count, int32_t *table) {
    for (int i = 0; i < count; i++) {
        Real x = real_mul(real_of(scale), real_of(-(double)step * i));
        table[i] = rounded(real_exp(x), bits, 1 << bits);
    }
}

void softmax_table(Arena *arena, const Tensor *in, Layer *layer) {
    int bits = softmax_bits(shape_channels(in->shape));
    int narrow = 1 << format_bits(in->format); /* differences of so many codes */
    bool wide = in->format == FORMAT_I16;
    layer->table = arena_array(arena, int32_t, wide ? 2 * SOFTMAX_ENTRIES : narrow);
    if (!wide) {
        exponentials(in->scale, 1, bits, narrow, layer->table);
        return;
    }
    exponentials(in->scale, SOFTMAX_ENTRIES, bits, SOFTMAX_ENTRIES, layer->table);
    exponentials(in->scale, 1, SOFTMAX_LOW_BITS, SOFTMAX_ENTRIES,
                 layer->table + SOFTMAX_ENTRIES);
}
