/* Pair words: how the weights of two output channels lie in one word, are multiplied, and give
 * their two sums; and the stream of a layer's weights.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

/* Weights of 3 bits are kept as 4, of 5 to 7 as 8: shifting them apart would cost more
 * instructions than the multiplications. */
static WordKind kind_of(Format weights) {
    int bits = format_bits(weights);
    return bits == 2 ? CRUMBS : bits <= 4 ? NIBBLES : PAIRS;
}

int words_per_word(Format weights) {
    static const int per_word[] = {[PAIRS] = 1, [BYTES] = 1, [NIBBLES] = 2, [CRUMBS] = 4};
    return per_word[kind_of(weights)];
}

int64_t channel_bound(const Step *step, int c) {
    const Layer *layer = step->from;
    int64_t low = 0, high = 0;
    for (int k = 0; k < layer->row; k++) {
        int64_t w = layer->weight[(int64_t)c * layer->row + k];
        int64_t a = w * format_low(step->kernel.in), b = w * format_high(step->kernel.in);
        low += min_i64(a, b);
        high += max_i64(a, b);
    }
    return max_i64(-(low + step->bias[c]), high + step->bias[c]);
}

/* Do the sums of all channels, and the sums of none but the products, stay below the limit? */
static bool high_sums_fit(const Step *step, int bits) {
    int64_t limit = (int64_t)1 << bits;
    for (int c = 1; c < step->from->out_channels; c += 2)
        if (channel_bound(step, c) >= limit)
            return false;
    return true;
}

Words words_of(Pair *p) {
    static const int high_shift[] = {[PAIRS] = 8, [BYTES] = 0, [NIBBLES] = 4, [CRUMBS] = 2};
    Words words = {.kind = kind_of(p->step->kernel.weights), .low_mask = NO_REG};
    bool fits = !p->step->from->weight || high_sums_fit(p->step, 31 - high_shift[words.kind]);
    if (!fits && words.kind == PAIRS)
        words.kind = BYTES;
    words.late = !fits && words.kind != BYTES;
    words.per_word = words_per_word(p->step->kernel.weights);
    words.high_shift = high_shift[words.kind];
    return words;
}

void words_masks(Pair *p, Words *words) {
    if (words->kind == CRUMBS)
        words->mask = pair_fixed(p, 0x000f000f);
    if (words->kind == NIBBLES || words->kind == CRUMBS)
        words->low_mask = pair_fixed(p, words->kind == NIBBLES ? 0x000f000f : 0x00030003);
}

Reg words_for_a(Pair *p, const Words *words, Reg w, int j) {
    Routine *r = p->r;
    switch (words->kind) {
    case BYTES:
        return op_half(r, I16, w, 1);
    case NIBBLES:
        return op_half(r, I16, w, j);
    case CRUMBS:
        return pair_and(p, j ? op1(r, INSN_SHR, U32, w, 4 * j) : w, words->mask);
    default:
        return w;
    }
}

Reg words_for_b(Pair *p, const Words *words, Reg w, Reg for_a) {
    return words_need_sums(words) ? pair_and(p, for_a, words->low_mask)
                                  : op_half(p->r, I16, w, 0);
}

bool words_need_sums(const Words *words) {
    return words->kind == NIBBLES || words->kind == CRUMBS;
}

int words_sum_factor(const Words *words) {
    return words->kind == NIBBLES ? 8 : 2;
}

Reg words_low(Pair *p, const Words *words, Reg b, Reg sum) {
    return words_need_sums(words) ? pair_sub(p, b, sum) : b;
}

Reg words_high(Pair *p, const Words *words, Reg a, Reg b, Reg sum, Reg bias) {
    if (words->kind == BYTES)
        return a;
    Reg high = pair_sub(p, a, b);
    if (words->kind == CRUMBS)
        high = pair_sub(p, high, op1(p->r, INSN_SHL, I32, sum, 2));
    if (words->late)
        high = pair_add(p, op1(p->r, INSN_SHR, I32, high, words->high_shift), bias);
    return high;
}

/* ---- the stream -------------------------------------------------------------------------- */

/* The code of channel c at a tap; none at all is 0. */
static int weight_at(const Layer *layer, int c, int tap) {
    return c < layer->out_channels && tap >= 0 ? layer->weight[(int64_t)c * layer->row + tap]
                                               : 0;
}

/* What the word's k-pair j adds to it, of channels l and l + 1. */
static uint32_t pair_bits(const Words *words, const Layer *layer, int l, const int tap[2],
                          int j) {
    uint32_t bits = 0;
    for (int i = 0; i < 2; i++) {
        int low = weight_at(layer, l, tap[i]), high = weight_at(layer, l + 1, tap[i]);
        uint32_t half = 0;
        switch (words->kind) {
        case PAIRS:
            half = (uint32_t)(256 * high + low);
            break;
        case BYTES:
            half = (uint32_t)(256 * high + (low & 255));
            break;
        case NIBBLES:
            half = ((uint32_t)(16 * high + low + 8) & 255) << 8 * j;
            break;
        case CRUMBS:
            half = (uint32_t)(4 * (high + 2) + low + 2) << 4 * j;
            break;
        }
        bits |= (half & 0xffff) << 16 * i;
    }
    return bits;
}

static int64_t word_value(const Words *words, const Layer *layer, int l, const int *tap) {
    uint32_t word = 0;
    for (int j = 0; j < words->per_word; j++)
        word |= pair_bits(words, layer, l, tap + 2 * j, j);
    return (int32_t)word;
}

static int64_t bias_of(const Step *step, int c) {
    return c < step->from->out_channels ? step->bias[c] : 0;
}

/* The first two words of a pair: what A and B begin with; or h's bias and l's, where it is
 * late. */
static void header(const Words *words, const Step *step, int l, int64_t *to) {
    int64_t low = bias_of(step, l), high = bias_of(step, l + 1);
    uint32_t a = (uint32_t)high;
    if (words->kind != BYTES && !words->late)
        a = (a << words->high_shift) + (uint32_t)low;
    to[0] = (int32_t)a;
    to[1] = (int32_t)low;
}

static int64_t *pack_some(Pair *p, const Words *words, const Taps *taps, int first, int pairs,
                          int64_t *to) {
    const Layer *layer = p->step->from;
    for (int q = 0; q < pairs; q++, to += 2)
        header(words, p->step, first + 2 * q, to);
    for (int k = 0; k < taps->count; k += words->per_word)
        for (int q = 0; q < pairs; q++)
            *to++ = word_value(words, layer, first + 2 * q, taps->tap + 2 * k);
    for (int c = first; c < first + 2 * pairs; c++)
        *to++ = c < layer->out_channels ? layer->multiplier[c] : 0;
    return to;
}

void words_pack(Pair *p, const Words *words, const Taps *taps, int at_once) {
    const Layer *layer = p->step->from;
    int pairs = (layer->out_channels + 1) / 2;
    p->lowered->weights_count = (int64_t)pairs * (taps->count / words->per_word + 4);
    if (!layer->weight)
        return;
    int64_t *values = arena_array(p->r->arena, int64_t, p->lowered->weights_count),
            *to = values;
    int q = 0;
    for (int whole = layer->out_channels / 2; q < whole;) {
        int some = (int)min_i64(at_once, whole - q);
        to = pack_some(p, words, taps, 2 * q, some, to);
        q += some;
    }
    if (q < pairs)
        pack_some(p, words, taps, 2 * q, 1, to);
    p->lowered->weights = values;
}
