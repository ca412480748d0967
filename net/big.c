/* big.c: natural numbers of any length.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

#include <math.h>
#include <string.h>

typedef unsigned __int128 Wide;

static Big trimmed(Big a) {
    while (a.count && !a.limb[a.count - 1])
        a.count--;
    return a;
}

Big big_of(Arena *arena, uint64_t value) {
    Big a = {arena_array(arena, uint64_t, 1), 1};
    a.limb[0] = value;
    return trimmed(a);
}

Big big_add(Arena *arena, Big a, Big b) {
    int longer = (int)max_i64(a.count, b.count);
    if (!a.count || !b.count)
        return a.count ? a : b;
    Big sum = {arena_array(arena, uint64_t, longer + 1), longer + 1};
    Wide carry = 0;
    for (int i = 0; i < sum.count; i++) {
        carry += (Wide)(i < a.count ? a.limb[i] : 0) + (i < b.count ? b.limb[i] : 0);
        sum.limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return trimmed(sum);
}

Big big_multiply(Arena *arena, Big a, uint64_t factor) {
    Big product = {arena_array(arena, uint64_t, a.count + 1), a.count + 1};
    Wide carry = 0;
    for (int i = 0; i < product.count; i++) {
        carry += (Wide)(i < a.count ? a.limb[i] : 0) * factor;
        product.limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return trimmed(product);
}

int big_compare(Big a, Big b) {
    if (a.count != b.count)
        return a.count < b.count ? -1 : 1;
    for (int i = a.count - 1; i >= 0; i--)
        if (a.limb[i] != b.limb[i])
            return a.limb[i] < b.limb[i] ? -1 : 1;
    return 0;
}

void big_subtract(Big *from, Big b) {
    uint64_t borrow = 0;
    for (int i = 0; i < from->count; i++) {
        uint64_t take = i < b.count ? b.limb[i] : 0, have = from->limb[i];
        from->limb[i] = have - take - borrow;
        borrow = have < take || (have == take && borrow);
    }
    *from = trimmed(*from);
}

/* Bits above the highest are cut off, so a draw is below more often than not; the last resort
 * after 200 that were not has never been seen, and only keeps the loop from being endless. */
void big_draw(Random *random, Big below, Big *out) {
    int top = below.count - 1;
    uint64_t mask = ~0ull >> __builtin_clzll(below.limb[top]);
    for (int i = 0; i < 200; i++) {
        out->count = below.count;
        for (int k = 0; k <= top; k++)
            out->limb[k] = random_next(random) & (k == top ? mask : ~0ull);
        *out = trimmed(*out);
        if (big_compare(*out, below) < 0)
            return;
    }
    out->count = 0;
}

static uint64_t divide_small(Big *a, uint64_t divisor) {
    Wide rest = 0;
    for (int i = a->count - 1; i >= 0; i--) {
        rest = rest << 64 | a->limb[i];
        a->limb[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    *a = trimmed(*a);
    return (uint64_t)rest;
}

Str big_print(Arena *arena, Big a) {
    static const uint64_t base = 1000000000000000000ull;
    Big rest = {arena_copy(arena, a.limb, sizeof *a.limb * (size_t)a.count), a.count};
    int digits = 0, room = a.count * 20 + 20;
    char *text = arena_array(arena, char, room + 1);
    do {
        uint64_t part = divide_small(&rest, base);
        for (int i = 0; i < 18 && (part || rest.count || !digits); i++, part /= 10)
            text[room - ++digits] = (char)('0' + part % 10);
    } while (rest.count);
    return (Str){text + room - digits, digits};
}

double big_log10(Big a) {
    double leading = 0;
    if (!a.count)
        return 0;
    for (int i = a.count - 1; i >= 0 && i > a.count - 4; i--)
        leading = leading * 0x1p64 + (double)a.limb[i];
    int dropped = (int)max_i64(0, a.count - 3);
    return log10(leading) + dropped * 64 * log10(2);
}
