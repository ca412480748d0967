/* What the files of the vector scheduler share. Lanes are output channels; activations lie
 * pixel by pixel (height, width, channels).
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEDULE_VECTOR_H
#define SCHEDULE_VECTOR_H

#include "codegen/routine.h"

/* A step on its way to lanes. */
typedef struct Vector {
    Arena *arena;
    const Isa *isa;
    const Step *step;
    Lowered *lowered;
    Routine *r;
    Extent in, out;
    int bits, lanes; /* of the sums' vectors; lanes of 32 bits */
    Type element;    /* of activations as dot products take them: U8, or I16 */
    int size, taps;  /* bytes of an element; elements that a lane sums at once: 4, or 2 */
    int moved;       /* element - code of the input */
    int64_t *constant;
} Vector;

/* Constants begin with a vector of numbers that hold for all channels. Values that lanes of
 * several widths use are there once for each width. */
enum {
    HEAD_ROUND, /* of the high-word form */
    HEAD_ZERO,  /* of requantised codes, in halves */
    HEAD_FILL,  /* the input's zero point, in all elements of a word */
    HEAD_LOW,   /* bytes, halves, words */
    HEAD_HIGH = HEAD_LOW + 3,
    HEAD_ADD_LOW = HEAD_HIGH + 3, /* halves: the clamp before a fused add */
    HEAD_ADD_HIGH,
    HEAD_ADD_MULTIPLIER,                   /* pairs of halves: high parts, then low parts */
    HEAD_ADD_IN = HEAD_ADD_MULTIPLIER + 2, /* halves: the second operand's zero point */
    HEAD_ADD_ZERO,                         /* of the result: words, halves */
    HEAD_ADD_ZERO_HALVES,
    HEAD_COUNT = 16
};

/* ---- schedule_vector_parts.c ------------------------------------------------------------- */

Type vector_type(Format format); /* of a tensor's elements in memory */
/* Makes room for `count` constants after the head, and fills the head. */
void vector_constants(Vector *v, int64_t count);
/* A head constant in all lanes of a type of 8, 16 or 32 bits. */
Reg vector_head(Vector *v, Type lane, int bits, int head);
int64_t folded_bias(const Vector *v, int channel); /* for elements instead of codes */
bool sums_are_wide(const Vector *v);               /* of 64 bits */
/* Lanes of 64 bits: words of even number, and of odd, with their signs. */
Reg even_lanes(Vector *v, Reg a);
Reg odd_lanes(Vector *v, Reg a);

/* The channel in a lane of vectors that are packed together, and of a block of vectors. */
int packed_channel(int vectors, int vector, int lane);
int lane_channel(const Vector *v, int vectors, int vector, int lane);
/* Vectors that are packed together. */
typedef struct Group {
    int first, vectors; /* 1, 2 or 4 of them */
    int pixels;         /* that they belong to: neighbours, of all channels */
    int count;          /* channels that exist */
} Group;
int vector_groups(const Vector *v, int vectors, int count, Group group[4]);
/* Where a pixel's codes go, and, where an add follows, its other operand. */
typedef struct Landing {
    Reg out, in2;
    int64_t offset, offset2;
} Landing;
/* Sums of the same channels (I32 lanes), of a vector that is packed with others or not, towards
 * codes at the output's scale, which they are after store_group. */
void requantise_sums(Vector *v, bool packed, Reg *sums, int count, Reg multiplier);
/* Sums of 64 bits, of even and odd channels. */
Reg requantise_wide(Vector *v, Reg even, Reg odd, Reg multiplier);
/* Adds, packs, clamps and stores the group's vectors. */
void store_group(Vector *v, const Group *group, Reg *sums, const Landing *place);
/* Codes as unsigned ones, a signed byte as code + 128. */
Reg load_unsigned(Vector *v, Type lane, Format format, Reg from, int64_t offset, int count);
/* Pairs of two operands' codes less their zero points, the second in the upper half, to sums at the
 * result's scale, less its zero point if the shift is large enough that packed_sums adds it. */
Reg add_pairs(Vector *v, Reg pairs, int shift);
/* Two vectors of such sums, packed to halves. */
Reg packed_sums(Vector *v, Reg a, Reg b, int shift);
Reg clamp_codes(Vector *v, Type lane, Reg codes);

/* ---- schedule_vector_window.c ------------------------------------------------------------ */

/* Where windows find their elements: in the input itself, or in a copy with its border. A copy
 * holds the rows of a block of outputs; blocks may overlap. */
typedef struct Window {
    bool copied;
    int rows; /* outputs of a block, vertically */
    int blocks;
    int64_t pixel, pitch; /* bytes from pixel to pixel, from row to row */
    Reg base;             /* the first tap of the block's first output */
    Reg row;              /* the block's first output row; NO_REG: 0 */
} Window;
/* Rows of outputs whose windows fit a copy of at most so many bytes, or 1: equal blocks, the last
 * of which may overlap the one before. */
int window_rows(const Vector *v, int64_t budget);
/* Decides, and opens the loop over blocks. `slack`: bytes read beyond the last element. */
Window window_open(Vector *v, bool must_copy, int slack, int64_t budget);
void window_close(Vector *v, const Window *window);
void fill_elements(Vector *v, Reg to, int64_t count); /* with the input's zero point */
/* The length of tiles, a multiple of `unit`, that cover n with the least overlap; the longer of two
 * that are equal. */
int tile_length(int n, int unit, int least, int most);
/* min(number * step, last), or 0 where there is one. */
Reg tile_start(Vector *v, Reg number, int step, int last);

/* ---- one file each ----------------------------------------------------------------------- */

bool vector_conv(Vector *v);
bool vector_depthwise(Vector *v);
bool vector_add(Vector *v);
bool vector_clamp(Vector *v);
bool vector_pool(Vector *v);

#endif
