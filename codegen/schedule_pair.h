/* What the schedules of schedule_pair*.c share: a routine being written, how weights lie as
 * words of two output channels, and how sums become codes.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEDULE_PAIR_H
#define SCHEDULE_PAIR_H

#include "codegen/routine.h"

/* ---- schedule_pair.c: a routine and its parameters --------------------------------------- */

typedef struct Pair {
    Routine *r;
    const Step *step;
    Lowered *lowered;
    VEC(int32_t) params, numbers;
} Pair;

Reg pair_param(Pair *p, int64_t value); /* a number of the shape: equal code takes others */
/* A number of passes, of which the code says that they are 1 or more. */
Reg pair_count(Pair *p, int64_t value);
Reg pair_number(Pair *p,
                int64_t value);         /* one of scales and zero points: among the constants */
Reg pair_fixed(Pair *p, int64_t value); /* part of the code */
Reg pair_add(Pair *p, Reg a, Reg b);
Reg pair_sub(Pair *p, Reg a, Reg b);
Reg pair_mul(Pair *p, Reg a, Reg b);
Reg pair_and(Pair *p, Reg a, Reg b);
Reg pair_shift(Pair *p, InsnKind kind, Type type, Reg a, Reg by);
Reg pair_copy(Pair *p, Reg a); /* a new register of the same kind */
/* A 32-bit word; `align` as in Insn. */
Reg pair_load_word(Pair *p, Reg pointer, int64_t offset, int align);
void pair_store_word(Pair *p, Reg value, Reg pointer, int64_t offset, int align);
Type pair_type(Format format); /* of an element in memory */

/* ---- schedule_pair_words.c: weights ------------------------------------------------------ */

/* How the weights of two channels l (low) and h lie in the bytes of a word, for two inputs (one
 * in each half) or more. x is the word of the two inputs; A and B are sums over DOT2.
 *
 *   PAIRS    halves 256 w_h + w_l             A += W x, B += half(W) x:  A - B = 256 h, B = l
 *   BYTES    halves w_h, w_l as bytes         A += half1(W) x, B += half0(W) x
 *   NIBBLES  bytes 16 w_h + (w_l + 8)         A += T x, B += (T & 15) x: A - B = 16 h,
 *            two k-pairs: half0, half1        B - 8 sum(x) = l
 *   CRUMBS   nibbles 4 (w_h + 2) + (w_l + 2)  A += T x, B += (T & 3) x:  A - B - 8 sum(x) = 4 h,
 *            four k-pairs, low ones first     B - 2 sum(x) = l
 *
 * A - B is what is left modulo 2^32, so PAIRS takes |sum of h| < 2^23; BYTES is for layers
 * that do not keep to it, and costs as many bytes. */
typedef enum { PAIRS, BYTES, NIBBLES, CRUMBS } WordKind;

typedef struct Words {
    WordKind kind;
    bool late;      /* the bias of h does not fit beside A - B: it is added after the shift */
    int per_word;   /* k-pairs */
    int high_shift; /* A - B is the high channel's sum times 2^this */
    Reg low_mask, mask;
} Words;

/* The inputs that the k-pairs meet, in order: (2 * count) numbers of taps, -1: none. */
typedef struct Taps {
    const int *tap;
    int count; /* a multiple of Words.per_word */
} Taps;

int words_per_word(Format weights);             /* k-pairs in a word */
int64_t channel_bound(const Step *step, int c); /* the largest size of a sum, bias within */
Words words_of(Pair *p); /* by format and, where there are any, weights */
void words_masks(Pair *p, Words *words);
/* For k-pair `j` of word `w`: what multiplies x for A, and then for B. */
Reg words_for_a(Pair *p, const Words *words, Reg w, int j);
Reg words_for_b(Pair *p, const Words *words, Reg w, Reg for_a);
bool words_need_sums(const Words *words);
int words_sum_factor(const Words *words); /* of sum(x), as a code taken from B */
/* The sums of both channels from A and B; `sum` is factor * sum(x), or NO_REG. */
Reg words_low(Pair *p, const Words *words, Reg b, Reg sum);
Reg words_high(Pair *p, const Words *words, Reg a, Reg b, Reg sum, Reg bias);

/* The stream of a layer's weights: for `at_once` channel pairs at a time their headers (A,
 * B), their words in turn, their multipliers (l, h); then the pairs left over, then a
 * channel alone. */
void words_pack(Pair *p, const Words *words, const Taps *taps, int at_once);

/* ---- schedule_pair_scale.c: sums to codes ------------------------------------------------ */

/* How one sum becomes a code: for t >= 33 by the high word of the product, else in 64 bits. */
typedef struct Scale {
    bool high_word;
    Reg round[2], shift[2]; /* for sums as they are, and times 2^high_shift */
    Reg zero, low, high;
    int high_shift;
    int fixed; /* the shift, where it is part of the code; else 0 */
} Scale;

Scale scale_of(Pair *p, int high_shift, bool own); /* own: the shift is part of the code */
/* For sums that come times 2^(t - step's own shift), so that t is part of the code. */
Scale scale_fixed(Pair *p, int t);
/* The code of a sum by multiplier m; `which` is 1 for a sum times 2^high_shift. */
Reg scale_code(Pair *p, const Scale *scale, Reg sum, Reg m, int which);

/* The add that follows a convolution. */
typedef struct Tail {
    bool late; /* the zero point of the sum would not fit beside it before the shift */
    Reg multiplier[2], constant, shift, zero, low, high;
    int fixed; /* the shift, where it is part of the code; else 0 */
} Tail;
Tail tail_of(Pair *p, bool own);
Reg tail_code(Pair *p, const Tail *tail, Reg code, Reg other);

/* Clamps to low .. high, by saturation where that is an end of the format. */
Reg pair_clamp(Pair *p, Format format, Reg value, int32_t low, int32_t high, Reg low_reg,
               Reg high_reg);

/* ---- schedule_pair_tile.c: P pixels by channel pairs ------------------------------------- */

typedef struct Tile {
    int pixels, pairs; /* at once */
    int body;          /* k-pairs in a pass of the loop */
    int taps;          /* k-pairs */
    int loops;         /* passes of a body; what is left follows them */
    Words words;
    Scale scale;
    Tail tail;
    Reg passes;      /* as `loops` */
    Reg groups;      /* of channel pairs */
    Reg column_sums; /* pointer to factor * sum(x) for each pixel, or NO_REG */
    Reg top;         /* from the first pixel's output to the last */
    Reg down[2];     /* from pixel i + 1 to pixel i */
    /* One pixel's inputs straight from memory: bytes, four at a time as two k-pairs, and those
     * that are left over alone. */
    bool direct;
    Format format; /* of the inputs, where direct */
    int inputs;    /* where direct */
    Reg sum;       /* factor * sum(x), where direct */
} Tile;
Tile tile_of(Pair *p, int pixels, int pairs, int taps);
int tile_body(int pixels, int taps); /* k-pairs that one pass takes */
int tile_taps(Pair *p, int k);       /* k-pairs rounded up to whole words and bodies */
/* All output channels of the pixels in `column`; weights from their start. */
void tile_channels(Pair *p, Tile *tile, Reg column, Reg out, Reg other);
/* The same of one pixel's inputs, which lie at `inputs` as they are. */
Tile tile_direct(Pair *p, int pairs);
void tile_direct_sum(Pair *p, Tile *tile, Reg inputs);
/* Writes factor * sum(x) of each pixel of a column behind it. */
void tile_sums(Pair *p, Tile *tile, Reg column, Reg passes);

/* ---- schedules by operator --------------------------------------------------------------- */

bool pair_conv(Pair *p);      /* schedule_pair_conv.c */
bool pair_dense(Pair *p);     /* schedule_pair_dense.c */
bool pair_depthwise(Pair *p); /* schedule_pair_depthwise.c */
bool pair_add_step(Pair *p);  /* schedule_pair_other.c */
bool pair_average(Pair *p);

#endif
