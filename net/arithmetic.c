/* The arithmetic contract, doc/numerics.md: everything that rounds, rounds here.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <math.h>

int32_t requantise(int64_t acc, int32_t m, int t, int z, int32_t low, int32_t high) {
    int64_t y = z + ((acc * m + ((int64_t)1 << (t - 1))) >> t);
    return (int32_t)(y < low ? low : y > high ? high : y);
}

/* The largest shifts that keep every later step exact; doc/numerics.md derives them. */
static int shift_limit(int bits) {
    return bits == MULTIPLIER_BITS_ADD ? SHIFT_LIMIT_ADD : SHIFT_LIMIT;
}

int requantise_constants(const double *scale, int count, int bits, int32_t *multiplier) {
    double largest = 0;
    for (int i = 0; i < count; i++)
        largest = scale[i] > largest ? scale[i] : largest;
    if (!(largest < ldexp(1, bits)))
        return 0; /* infinite ones too, where a product of scales overflowed */
    int exponent;
    frexp(largest, &exponent); /* largest = f * 2^exponent, f in [0.5, 1) */
    int t = bits - exponent;
    if (rint(ldexp(largest, t)) >= ldexp(1, bits))
        t--;
    if (t > shift_limit(bits) || largest == 0)
        t = shift_limit(bits);
    for (int i = 0; i < count && t >= 1; i++) {
        double m = rint(ldexp(scale[i], t));
        multiplier[i] = m < 1 ? 1 : (int32_t)m;
    }
    return t;
}

int32_t average_round(int64_t sum, int64_t n) {
    int64_t numerator = 2 * sum + n, quotient = numerator / (2 * n);
    return (int32_t)(quotient - (numerator % (2 * n) < 0));
}

/* x = k log 2 + r, and exp(x) = 2^k exp(r) by the series up to r^7: log 2 in two parts, the first
 * of nine bits, so that k times it is exact. */
float float_exp(float x) {
    static const float terms[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24,
                                  1.0f / 6,    1.0f / 2,   1,          1};
    if (!(x >= -87))
        return 0;
    float k = floorf(x * 1.44269504f + 0.5f);
    float r = x - k * 0.693359375f;
    r = r - k * -2.12194440e-4f;
    float sum = terms[0];
    for (int i = 1; i < COUNT(terms); i++)
        sum = sum * r + terms[i];
    return ldexpf(sum, (int)k); /* exact: at least 2^-126 */
}
