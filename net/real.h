/* real.h: numbers of 256 bits, for constants that must not depend on anybody's libm.
 *
 * A Real is sign * mantissa * 2^exponent, its mantissa of exactly 256 bits. Every operation cuts
 * off what does not fit: its result is within 2^-254 of the exact one, relatively. All of it is
 * integer arithmetic, so that it gives the same bits everywhere.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef REAL_H
#define REAL_H

#include "base/base.h"

enum { REAL_LIMBS = 8, REAL_BITS = 32 * REAL_LIMBS };
typedef struct Real {
    int sign;                  /* -1, 0, 1; of 0 the rest does not count */
    int64_t exponent;          /* of the mantissa's lowest bit */
    uint32_t limb[REAL_LIMBS]; /* lowest first; the highest bit is 1 */
} Real;

Real real_of(double value); /* exact; finite */
Real real_negated(Real a);
Real real_scaled(Real a, int64_t power); /* a * 2^power */
Real real_add(Real a, Real b);
Real real_sub(Real a, Real b);
Real real_mul(Real a, Real b);
Real real_div(Real a, Real b); /* b is not 0 */
Real real_div_small(Real a, uint32_t b);
int real_compare(Real a, Real b); /* the sign of a - b */
/* floor(a + 1/2), a that is within 2^-200 below a half taken as that half; at most 2^62 in
 * size. */
int64_t real_round(Real a);

Real real_exp(Real x);   /* x <= 0; 0 below -2^13. Within 2^-225 of it */
Real real_expm1(Real x); /* -1 <= x <= 0; likewise */
Real real_normal(
    Real x); /* the normal distribution's probability of less than x; within 2^-225 */

#endif
