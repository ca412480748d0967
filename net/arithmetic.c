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
