/* Half-precision floats as bits, for hosts whose C compiler has no such type.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef HALF_H
#define HALF_H

#include <math.h>
#include <stdint.h>

static inline double half_to_double(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double sign = half >> 15 ? -1 : 1;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, -24);
    return sign * ldexp(fraction + 1024, exponent - 25);
}

/* Nearest, ties to even; rint rounds so in the mode that every program starts in. */
static inline uint16_t half_of_double(double x) {
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    if (isnan(x))
        return sign | 0x7e00;
    int exponent;
    frexp(x, &exponent); /* |x| in [2^(exponent - 1), 2^exponent) */
    if (fabs(x) >= 65520)
        return sign | 0x7c00;
    if (fabs(x) < 0x1p-14)
        return (uint16_t)(sign | (int)rint(ldexp(fabs(x), 24)));
    int scaled = (int)rint(ldexp(fabs(x), 11 - exponent)); /* 1024 .. 2048 */
    return (uint16_t)(sign | (((exponent + 13) << 10) + scaled));
}

#endif
