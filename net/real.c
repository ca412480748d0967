/* Numbers of 256 bits, and the few functions that constants need of them.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/real.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const Real zero = {0};
static const Real one = {1, 1 - REAL_BITS, {[REAL_LIMBS - 1] = 1u << 31}};

/* 1 / sqrt(2 pi) = 0xcc42299e...c73a5d * 2^-257, cut off; a test compares tables made with it
 * with others'. */
static const Real normal_peak = {1,
                                 -257,
                                 {0x04c73a5d, 0x808e3690, 0xa24e0db1, 0xa7053e60, 0x5d5c717f,
                                  0x7e59e280, 0xa1b28468, 0xcc42299e}};

/* ---- making ------------------------------------------------------------------------------ */

/* The `limbs` limbs as a Real, shifted so that the highest bit is 1; lower bits are cut off. */
static Real normalised(int sign, int64_t exponent, const uint32_t *limb, int limbs) {
    int top = limbs - 1;
    while (top >= 0 && !limb[top])
        top--;
    if (top < 0 || !sign)
        return zero;
    int shift = 0;
    while (!(limb[top] << shift & 1u << 31))
        shift++;
    Real r = {.sign = sign, .exponent = exponent + 32 * (top - REAL_LIMBS + 1) - shift};
    for (int i = 0; i < REAL_LIMBS; i++) {
        int from = top - i;
        uint64_t high = from >= 0 ? limb[from] : 0, low = from >= 1 ? limb[from - 1] : 0;
        r.limb[REAL_LIMBS - 1 - i] = (uint32_t)((high << 32 | low) << shift >> 32);
    }
    return r;
}

Real real_of(double value) {
    int exponent;
    uint64_t bits = (uint64_t)ldexp(fabs(frexp(value, &exponent)), 53);
    uint32_t limb[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};
    return normalised(value < 0 ? -1 : value > 0, exponent - 53, limb, 2);
}

Real real_negated(Real a) {
    a.sign = -a.sign;
    return a;
}

Real real_scaled(Real a, int64_t power) {
    a.exponent += power;
    return a;
}

/* ---- sums -------------------------------------------------------------------------------- */

static int size_compare(const Real *a, const Real *b) {
    if (!a->sign || !b->sign)
        return (a->sign != 0) - (b->sign != 0);
    if (a->exponent != b->exponent)
        return a->exponent > b->exponent ? 1 : -1;
    for (int i = REAL_LIMBS - 1; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] > b->limb[i] ? 1 : -1;
    return 0;
}

int real_compare(Real a, Real b) {
    if (a.sign != b.sign)
        return a.sign > b.sign ? 1 : -1;
    return a.sign < 0 ? size_compare(&b, &a) : size_compare(&a, &b);
}

/* Room for a sum: two limbs below the mantissa for what a difference brings up, one above. */
enum { BELOW = 2, SUM_LIMBS = BELOW + REAL_LIMBS + 1 };

/* a's mantissa, `right` bits further down. */
static void sum_place(const Real *a, int64_t right, uint32_t *sum) {
    memset(sum, 0, SUM_LIMBS * sizeof *sum);
    for (int i = 0; i < REAL_LIMBS; i++) {
        int64_t bit = 32 * (int64_t)(i + BELOW) - right; /* of the limb's lowest bit */
        int64_t at = bit >= 0 ? bit / 32 : -((31 - bit) / 32);
        uint64_t value = (uint64_t)a->limb[i] << (bit - 32 * at);
        if (at >= 0 && at < SUM_LIMBS)
            sum[at] |= (uint32_t)value;
        if (at + 1 >= 0 && at + 1 < SUM_LIMBS)
            sum[at + 1] |= (uint32_t)(value >> 32);
    }
}

Real real_add(Real a, Real b) {
    if (size_compare(&a, &b) < 0)
        return real_add(b, a);
    if (!b.sign)
        return a;
    int64_t right = a.exponent - b.exponent;
    if (right > REAL_BITS + 32 * BELOW)
        return a;
    uint32_t sum[SUM_LIMBS], other[SUM_LIMBS];
    sum_place(&a, 0, sum);
    sum_place(&b, right, other);
    int64_t carry = 0;
    for (int i = 0; i < SUM_LIMBS; i++) {
        carry += (int64_t)sum[i] + (a.sign == b.sign ? (int64_t)other[i] : -(int64_t)other[i]);
        sum[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return normalised(a.sign, a.exponent - 32 * BELOW, sum, SUM_LIMBS);
}

Real real_sub(Real a, Real b) {
    return real_add(a, real_negated(b));
}

/* ---- products ---------------------------------------------------------------------------- */

Real real_mul(Real a, Real b) {
    uint32_t product[2 * REAL_LIMBS] = {0};
    for (int i = 0; i < REAL_LIMBS; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < REAL_LIMBS; k++) {
            carry += (uint64_t)a.limb[i] * b.limb[k] + product[i + k];
            product[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + REAL_LIMBS] = (uint32_t)carry;
    }
    return normalised(a.sign * b.sign, a.exponent + b.exponent, product, 2 * REAL_LIMBS);
}

Real real_div_small(Real a, uint32_t b) {
    uint32_t quotient[REAL_LIMBS + 1];
    uint64_t rest = 0;
    for (int i = REAL_LIMBS; i >= 0; i--) { /* one limb more than a has */
        rest = rest << 32 | (i ? a.limb[i - 1] : 0);
        quotient[i] = (uint32_t)(rest / b);
        rest %= b;
    }
    return normalised(a.sign, a.exponent - 32, quotient, REAL_LIMBS + 1);
}

/* rest -= b where that is not negative. */
static bool subtract_if_larger(uint32_t *rest, const uint32_t *b) {
    uint32_t difference[REAL_LIMBS + 1];
    int64_t carry = 0;
    for (int i = 0; i <= REAL_LIMBS; i++) {
        carry += (int64_t)rest[i] - (i < REAL_LIMBS ? b[i] : 0);
        difference[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry < 0)
        return false;
    memcpy(rest, difference, sizeof difference);
    return true;
}

/* By hand: one bit of the quotient at a time, REAL_BITS + 1 of them, since the first may
 * be 0. */
Real real_div(Real a, Real b) {
    uint32_t quotient[REAL_LIMBS + 1] = {0}, rest[REAL_LIMBS + 1] = {0};
    memcpy(rest, a.limb, sizeof a.limb);
    for (int bit = REAL_BITS; bit >= 0; bit--) {
        if (subtract_if_larger(rest, b.limb))
            quotient[bit / 32] |= 1u << bit % 32;
        for (int i = REAL_LIMBS; i > 0; i--)
            rest[i] = rest[i] << 1 | rest[i - 1] >> 31;
        rest[0] <<= 1;
    }
    return normalised(a.sign * b.sign, a.exponent - b.exponent - REAL_BITS, quotient,
                      REAL_LIMBS + 1);
}

/* ---- rounding ---------------------------------------------------------------------------- */

int64_t real_round(Real a) {
    Real half = real_scaled(one, -1), sum = real_add(a, half);
    sum = real_add(sum, real_scaled(one, -200));
    if (!sum.sign)
        return 0;
    int64_t down = -sum.exponent; /* bits behind the point */
    assert(down > REAL_BITS - 64);
    uint64_t whole = 0;
    bool rest = down >= REAL_BITS;
    for (int i = REAL_BITS - 1; i >= 0; i--) {
        uint32_t bit = sum.limb[i / 32] >> i % 32 & 1;
        if (i >= down)
            whole = whole << 1 | bit;
        else
            rest |= bit;
    }
    return sum.sign > 0 ? (int64_t)whole : -(int64_t)whole - rest;
}

/* ---- functions --------------------------------------------------------------------------- */

/* x + x^2 / 2 + x^3 / 6 + ... */
Real real_expm1(Real x) {
    Real sum = x, term = x;
    for (uint32_t n = 2; term.sign && term.exponent > sum.exponent - REAL_BITS - 8; n++) {
        term = real_div_small(real_mul(term, x), n);
        sum = real_add(sum, term);
    }
    return sum;
}

/* exp(x) = exp(x / 2^k)^(2^k), so that the series is short. */
Real real_exp(Real x) {
    enum { SMALL = -8 };
    if (!x.sign)
        return one;
    int64_t size = x.exponent + REAL_BITS; /* |x| < 2^size */
    if (size > 13)
        return zero;
    int64_t halvings = size > SMALL ? size - SMALL : 0;
    Real y = real_add(real_expm1(real_scaled(x, -halvings)), one);
    for (; halvings > 0; halvings--)
        y = real_mul(y, y);
    return y;
}

/* 1/2 + exp(-x^2 / 2) / sqrt(2 pi) * (x + x^3 / 3 + x^5 / 15 + ...) for x > 0: no term is
 * negative. Beyond 20 what is missing to 1 is less than 2^-290. */
Real real_normal(Real x) {
    if (x.sign < 0)
        return real_sub(one, real_normal(real_negated(x)));
    if (real_compare(x, real_of(20)) > 0)
        return one;
    Real square = real_mul(x, x), sum = x, term = x;
    for (uint32_t n = 3; term.sign && term.exponent > sum.exponent - REAL_BITS - 8; n += 2) {
        term = real_div_small(real_mul(term, square), n);
        sum = real_add(sum, term);
    }
    Real density = real_mul(real_exp(real_negated(real_scaled(square, -1))), normal_peak);
    return real_add(real_mul(density, sum), real_scaled(one, -1));
}
