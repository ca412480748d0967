/* random.c: counter-based random numbers, the same on every machine and for any order of
 * asking.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <assert.h>
#include <math.h>

static uint64_t rotate_half(uint64_t x) {
    return x >> 32 | x << 32;
}

/* Spreads a few set bits over all: shifts and odd multiplications, each of which is
 * invertible. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 29) * 0xa0761d6478bd642fu;
    return x ^ x >> 32;
}

/* Squares wants keys with irregular digits, and odd ones. */
static uint64_t key_for(uint64_t seed, uint64_t stream) {
    return mix(mix(seed + 0x9e3779b97f4a7c15u) ^ (stream + 0xc2b2ae3d27d4eb4fu)) | 1;
}

/* Five rounds of squaring a Weyl sequence and swapping its halves. */
uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t index) {
    uint64_t key = key_for(seed, stream);
    uint64_t x = index * key, y = x, z = y + key;
    x = rotate_half(x * x + y);
    x = rotate_half(x * x + z);
    x = rotate_half(x * x + y);
    uint64_t high = x * x + z;
    x = rotate_half(high);
    return high ^ (x * x + y) >> 32;
}

static double unit_of(uint64_t bits) {
    return (double)(bits >> 11) * 0x1p-53;
}

double random_unit(uint64_t seed, uint64_t stream, uint64_t index) {
    return unit_of(random_bits(seed, stream, index));
}

/* The natural logarithm from operations that IEEE 754 rounds exactly, since libm's last digit
 * differs between libraries: log m = 2 atanh((m - 1) / (m + 1)) for m near 1. */
static double logarithm(double x) {
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752440)
        m *= 2, exponent--;
    double t = (m - 1) / (m + 1), square = t * t, sum = 0;
    for (int power = 23; power >= 1; power -= 2)
        sum = sum * square + 1.0 / power;
    return exponent * 0.69314718055994530942 + 2 * t * sum;
}

/* Marsaglia's polar method: a point of the unit disc from the halves of one word, another word
 * where it falls outside. */
double random_normal(uint64_t seed, uint64_t stream, uint64_t index) {
    for (uint64_t again = 0;; again++) {
        uint64_t bits = random_bits(seed ^ mix(again), stream, index);
        double u = ((double)(uint32_t)bits + 0.5) * 0x1p-31 - 1;
        double v = ((double)(bits >> 32) + 0.5) * 0x1p-31 - 1;
        double s = u * u + v * v;
        if (s < 1)
            return u * sqrt(-2 * logarithm(s) / s);
    }
}

uint64_t random_next(Random *random) {
    return random_bits(random->seed, random->stream, random->index++);
}

/* The high word of bits * n is uniform once the few low words that would make some results more
 * frequent are drawn again. */
int random_below(Random *random, int n) {
    assert(n >= 1);
    uint64_t range = (uint64_t)n, surplus = (0 - range) % range;
    for (;;) {
        unsigned __int128 product = (unsigned __int128)random_next(random) * range;
        if ((uint64_t)product >= surplus)
            return (int)(product >> 64);
    }
}

double random_next_unit(Random *random) {
    return unit_of(random_next(random));
}

void random_shuffle(Random *random, int *items, int count) {
    for (int i = count - 1; i > 0; i--) {
        int j = random_below(random, i + 1), item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}
