/* The tile of pair words: P pixels by one or two channel pairs, summed over a column of 16-bit
 * inputs, two for each pixel in turn: [k / 2][pixel][2]. Every word of weights is loaded once
 * for all pixels.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

enum { MAX_PIXELS = 3, MAX_PAIRS = 3, UNROLLED = 20, BODY = 8, GROUP = 3 };

/* ---- sizes ------------------------------------------------------------------------------- */

/* The more k-pairs a pass takes, the fewer instructions count passes and load words by
 * threes. */
int tile_body(int pixels, int taps) {
    static const int bodies[] = {32, 24, 16, 8};
    for (int i = pixels > 1; i < COUNT(bodies) && taps > UNROLLED; i++)
        if (taps % bodies[i] == 0)
            return bodies[i];
    return taps <= UNROLLED ? taps : BODY / 2;
}

int tile_taps(Pair *p, int k) {
    int per_word = words_per_word(p->step->kernel.weights), taps = (k + 1) / 2;
    int multiple = taps <= UNROLLED ? per_word : BODY / 2;
    return (taps + multiple - 1) / multiple * multiple;
}

static Tile tile_new(Pair *p, int pixels, int pairs, int taps, int body, int loops) {
    Tile tile = {.pixels = pixels,
                 .pairs = pairs,
                 .body = body,
                 .taps = taps,
                 .loops = loops,
                 .words = words_of(p),
                 .passes = NO_REG,
                 .column_sums = NO_REG,
                 .top = NO_REG,
                 .down = {NO_REG, NO_REG},
                 .sum = NO_REG};
    /* Training decides the shift, so it is not part of the code: else layers of one kind would
     * need functions of their own, which a search that costs designs before training cannot
     * know of. */
    tile.scale = scale_of(p, tile.words.late ? 0 : tile.words.high_shift, false);
    tile.tail = tail_of(p, false);
    tile.groups = pair_count(p, p->step->from->out_channels / 2 / pairs);
    if (loops)
        tile.passes = pair_count(p, loops);
    return tile;
}

Tile tile_of(Pair *p, int pixels, int pairs, int taps) {
    int body = tile_body(pixels, taps);
    return tile_new(p, pixels, pairs, taps, body, body < taps ? taps / body : 0);
}

Tile tile_direct(Pair *p, int pairs) {
    int inputs = p->step->from->row, per_word = words_per_word(p->step->kernel.weights);
    int taps = inputs / 4 * 2 + inputs % 4;
    taps = (taps + per_word - 1) / per_word * per_word;
    int whole = inputs / 4 * 2, body = whole % (2 * BODY) == 0 ? 2 * BODY : BODY;
    Tile tile = tile_new(p, 1, pairs, taps, body, whole / body);
    tile.direct = true;
    tile.format = p->step->kernel.in;
    tile.inputs = inputs;
    return tile;
}

/* ---- sums -------------------------------------------------------------------------------- */

/* What one tile sums: a and b for each channel pair and pixel. */
typedef struct Sums {
    Reg a[MAX_PAIRS][MAX_PIXELS], b[MAX_PAIRS][MAX_PIXELS];
    Reg bias[MAX_PAIRS]; /* of the high channel, where it is late */
    bool begun;          /* else the first products are added to these registers anew */
} Sums;

static void sums_begin(Pair *p, const Tile *tile, int pairs, Reg weights, bool loops,
                       Sums *sums) {
    for (int q = 0; q < pairs; q++) {
        Reg head[2];
        for (int i = 0; i < 2; i++)
            head[i] = pair_load_word(p, weights, 8 * q + 4 * i, 4);
        sums->bias[q] = head[0];
        if (tile->words.late)
            head[0] = head[1];
        for (int i = 0; i < tile->pixels; i++) {
            sums->a[q][i] = loops ? pair_copy(p, head[0]) : head[0];
            sums->b[q][i] = loops ? pair_copy(p, head[1]) : head[1];
        }
    }
    sums->begun = loops;
}

static void sum_product(Pair *p, const Sums *sums, Reg *acc, Reg w, Reg x) {
    if (sums->begun)
        op_dot_into(p->r, INSN_DOT2, I16, *acc, w, x);
    else
        *acc = op_dot(p->r, INSN_DOT2, I16, w, x, *acc);
}

/* Straight from memory: a word of four inputs gives two k-pairs; the last ones, up to three,
 * are each the low half of a pair whose high half meets no weight. */
static void load_direct(Pair *p, const Tile *tile, Reg inputs, int first, int k, Reg two[2]) {
    int at = first + k, whole = tile->inputs / 4 * 2;
    if (at >= whole) {
        int rest = at - whole, offset = (int)(2 * (whole - first)) + rest;
        two[k % 2] = rest < tile->inputs % 4
                         ? op_load(p->r, I32, 32, pair_type(tile->format), inputs, offset, 1)
                         : pair_fixed(p, 0);
    } else if (k % 2 == 0) {
        Type type = tile->format == FORMAT_U8 ? U16 : I16;
        Reg word = pair_load_word(p, inputs, 2 * k, 0);
        two[0] = op_half(p->r, type, word, 0);
        two[1] = op_half(p->r, type, word, 1);
    }
}

/* Three words from a pointer that moves on: what one instruction can load. */
static void load_three(Pair *p, Reg pointer, int count, Reg *words) {
    for (int i = 0; i < count; i++)
        words[i] = pair_load_word(p, pointer, 4 * i, 4);
    op_advance(p->r, pointer, NO_REG, 0, 4 * count);
}

/* The products of some k-pairs for three pixels, whose sums leave room for their three
 * inputs and for three words, or for what one word is unpacked to. Weights and inputs are
 * streams: both pointers move on. */
static void sums_add_three(Pair *p, const Tile *tile, Reg weights, Reg inputs, int count,
                           Sums *sums) {
    int per_word = tile->words.per_word, group = per_word > 1 ? 1 : GROUP;
    Reg word[GROUP], x[GROUP];
    for (int k = 0; k < count; k++) {
        int at = k / per_word;
        if (k % per_word == 0 && at % group == 0)
            load_three(p, weights, (int)min_i64(group, count / per_word - at), word);
        load_three(p, inputs, GROUP, x);
        Reg w = word[at % group], for_a = words_for_a(p, &tile->words, w, k % per_word);
        for (int i = 0; i < GROUP; i++)
            sum_product(p, sums, &sums->a[0][i], for_a, x[i]);
        Reg for_b = words_for_b(p, &tile->words, w, for_a);
        for (int i = 0; i < GROUP; i++)
            sum_product(p, sums, &sums->b[0][i], for_b, x[i]);
        sums->begun = true;
    }
}

/* The same for one pixel and up to three channel pairs: a word of each for every k-pair.
 * `first` is the number of the first one. */
static void sums_add_one(Pair *p, const Tile *tile, int pairs, Reg weights, Reg inputs,
                         int first, int count, Sums *sums) {
    int per_word = tile->words.per_word;
    Reg word[MAX_PAIRS], x[GROUP], two[2];
    for (int k = 0; k < count; k++) {
        if (k % per_word == 0)
            load_three(p, weights, pairs, word);
        if (tile->direct)
            load_direct(p, tile, inputs, first, k, two), x[k % GROUP] = two[k % 2];
        else if (k % GROUP == 0)
            load_three(p, inputs, (int)min_i64(GROUP, count - k), x);
        for (int q = 0; q < pairs; q++) {
            Reg for_a = words_for_a(p, &tile->words, word[q], k % per_word);
            sum_product(p, sums, &sums->a[q][0], for_a, x[k % GROUP]);
            Reg for_b = words_for_b(p, &tile->words, word[q], for_a);
            sum_product(p, sums, &sums->b[q][0], for_b, x[k % GROUP]);
        }
        sums->begun = true;
    }
    if (tile->direct)
        op_advance(p->r, inputs, NO_REG, 0, 2 * count);
}

/* Some k-pairs from where the pointers stand; both are moved past them. */
static void sums_some(Pair *p, const Tile *tile, int pairs, Reg weights, Reg inputs, int first,
                      int count, Sums *sums) {
    if (tile->pixels == GROUP)
        sums_add_three(p, tile, weights, inputs, count, sums);
    else
        sums_add_one(p, tile, pairs, weights, inputs, first, count, sums);
}

/* All of a tile's sums; moves `weights` past its words. */
static void sums_all(Pair *p, const Tile *tile, int pairs, Reg weights, Reg column,
                     Sums *sums) {
    int rest = tile->taps - tile->loops * tile->body;
    sums_begin(p, tile, pairs, weights, tile->loops > 0, sums);
    op_advance(p->r, weights, NO_REG, 0, 8 * pairs);
    Reg inputs = pair_copy(p, column);
    if (tile->loops) {
        op_loop(p->r, tile->passes);
        sums_some(p, tile, pairs, weights, inputs, 0, tile->body, sums);
        op_end(p->r);
    }
    if (rest)
        sums_some(p, tile, pairs, weights, inputs, tile->taps - rest, rest, sums);
}

/* ---- results ----------------------------------------------------------------------------- */

/* Where the codes of one channel pair go: those of each pixel, from the last to the first. */
typedef struct Spot {
    Reg out, other; /* of the last pixel; `other`: the add's operand */
} Spot;

/* From pixel to pixel, last to first: by an index where they are equally far apart, else by a
 * pointer of its own. */
typedef struct Walk {
    Reg at;
    int64_t offset;
    bool even;
} Walk;

static Walk walk_begin(Pair *p, const Tile *tile, Reg at, int64_t offset) {
    bool even = tile->pixels == 1 || tile->down[0] == tile->down[1];
    if (!even)
        return (Walk){pair_copy(p, at), offset, false};
    if (offset && tile->pixels > 1)
        return (Walk){op_address(p->r, at, NO_REG, 0, offset), 0, true};
    return (Walk){at, offset, true};
}

/* The index of pixel i, and its scale. */
static Reg walk_index(const Tile *tile, const Walk *walk, int i, int *scale) {
    *scale = tile->pixels - 1 - i;
    return walk->even && *scale > 0 ? tile->down[0] : NO_REG;
}

static Reg walk_load(Pair *p, const Tile *tile, const Walk *walk, int i, Type type) {
    int scale;
    Reg index = walk_index(tile, walk, i, &scale);
    return op_load_at(p->r, I32, 32, type, walk->at, index, scale, walk->offset, 1);
}

static void walk_store(Pair *p, const Tile *tile, const Walk *walk, int i, Reg value) {
    int scale;
    Reg index = walk_index(tile, walk, i, &scale);
    Type type = pair_type(p->step->kernel.out);
    op_store_at(p->r, I32, value, type, walk->at, index, scale, walk->offset, 1);
}

static void walk_on(Pair *p, const Tile *tile, const Walk *walk, int i) {
    if (!walk->even && i > 0)
        op_advance(p->r, walk->at, tile->down[i - 1], 1, 0);
}

/* The pixels' codes of one channel. What an add reads is read before anything is written, since
 * the result may lie on it. */
static void codes_of(Pair *p, const Tile *tile, const Reg *sum, Reg m, int which,
                     const Spot *spot, int64_t offset, Reg *code) {
    bool adds = p->step->kernel.adds;
    Walk walk = {NO_REG, 0, true};
    if (adds)
        walk = walk_begin(p, tile, spot->other, offset);
    for (int i = tile->pixels - 1; i >= 0; i--) {
        code[i] = scale_code(p, &tile->scale, sum[i], m, which);
        if (!adds)
            continue;
        Reg other = walk_load(p, tile, &walk, i, pair_type(p->step->kernel.in2));
        walk_on(p, tile, &walk, i);
        code[i] = tail_code(p, &tile->tail, code[i], other);
    }
}

/* Of all pixels the codes of one channel or of two, a byte each. */
static void store_bytes(Pair *p, const Tile *tile, const Reg *first, const Reg *second,
                        const Spot *spot, int64_t offset) {
    Walk walk = walk_begin(p, tile, spot->out, offset), beside = walk;
    if (second && walk.even)
        beside = walk_begin(p, tile, spot->out, offset + 1);
    else
        beside.offset++;
    for (int i = tile->pixels - 1; i >= 0; i--) {
        walk_store(p, tile, &walk, i, first[i]);
        if (second)
            walk_store(p, tile, &beside, i, second[i]);
        walk_on(p, tile, &walk, i);
    }
}

/* Channels l and h of all pixels in a byte each; no h: its half is 0. */
static void store_nibbles(Pair *p, const Tile *tile, const Reg *low, const Reg *high,
                          const Spot *spot, int64_t offset) {
    Walk walk = walk_begin(p, tile, spot->out, offset);
    Reg mask = pair_fixed(p, 15);
    for (int i = tile->pixels - 1; i >= 0; i--) {
        Reg byte = pair_and(p, low[i], mask);
        if (high)
            byte = pair_add(p, byte, op1(p->r, INSN_SHL, I32, high[i], 4));
        walk_store(p, tile, &walk, i, byte);
        walk_on(p, tile, &walk, i);
    }
}

static void pair_sums(Pair *p, const Tile *tile, const Sums *sums, int q, bool both, Reg *low,
                      Reg *high) {
    for (int i = 0; i < tile->pixels; i++) {
        Reg sum = tile->sum;
        if (words_need_sums(&tile->words) && sum == NO_REG)
            sum = pair_load_word(p, tile->column_sums, 4 * i, 4);
        if (both)
            high[i] =
                words_high(p, &tile->words, sums->a[q][i], sums->b[q][i], sum, sums->bias[q]);
        low[i] = words_low(p, &tile->words, sums->b[q][i], sum);
    }
}

/* The codes of one channel pair; `both`: else the low channel alone. */
static void finish_pair(Pair *p, const Tile *tile, const Sums *sums, int q, const Reg *m,
                        bool both, const Spot *spot) {
    bool packed = p->step->kernel.out == FORMAT_I4, adds = p->step->kernel.adds;
    Reg low[MAX_PIXELS], high[MAX_PIXELS], low_code[MAX_PIXELS], high_code[MAX_PIXELS];
    pair_sums(p, tile, sums, q, both, low, high);
    codes_of(p, tile, low, m[0], 0, spot, 2 * q, low_code);
    if (adds)
        store_bytes(p, tile, low_code, NULL, spot, 2 * q);
    if (both)
        codes_of(p, tile, high, m[1], !tile->words.late, spot, 2 * q + 1, high_code);
    if (packed)
        store_nibbles(p, tile, low_code, both ? high_code : NULL, spot, q);
    else if (!adds)
        store_bytes(p, tile, low_code, both ? high_code : NULL, spot, 2 * q);
    else if (both)
        store_bytes(p, tile, high_code, NULL, spot, 2 * q + 1);
}

/* ---- all channels ------------------------------------------------------------------------ */

static void tile_once(Pair *p, const Tile *tile, int pairs, bool both, Reg weights, Reg column,
                      const Spot *spot) {
    Sums sums = {.begun = false};
    sums_all(p, tile, pairs, weights, column, &sums);
    Reg m[2 * MAX_PAIRS];
    for (int i = 0; i < 2 * pairs; i++)
        m[i] = pair_load_word(p, weights, 4 * i, 4);
    for (int q = 0; q < pairs; q++)
        finish_pair(p, tile, &sums, q, m + 2 * q, both, spot);
    op_advance(p->r, weights, NO_REG, 0, 8 * pairs);
}

static Reg last_pixel(Pair *p, const Tile *tile, Reg first) {
    return tile->pixels > 1 ? op_address(p->r, first, tile->top, 1, 0) : pair_copy(p, first);
}

void tile_channels(Pair *p, Tile *tile, Reg column, Reg out, Reg other) {
    int channels = p->step->from->out_channels,
        bytes = p->step->kernel.out == FORMAT_I4 ? 1 : 2;
    Reg weights = pair_copy(p, ARG_WEIGHTS);
    Spot spot = {last_pixel(p, tile, out),
                 p->step->kernel.adds ? last_pixel(p, tile, other) : NO_REG};
    int whole = channels / 2, once = tile->pairs, rest = whole % once;
    const struct {
        int pairs;
        bool both;
        int passes;
    } parts[] = {{once, true, whole / once}, {rest, true, rest > 0}, {1, false, channels % 2}};
    Reg passes = tile->groups;
    for (int i = 0; i < COUNT(parts); i++) {
        if (!parts[i].passes)
            continue;
        if (i == 0)
            op_loop(p->r, passes);
        tile_once(p, tile, parts[i].pairs, parts[i].both, weights, column, &spot);
        op_advance(p->r, spot.out, NO_REG, 0, bytes * parts[i].pairs);
        if (spot.other != NO_REG)
            op_advance(p->r, spot.other, NO_REG, 0, 2 * parts[i].pairs);
        if (i == 0)
            op_end(p->r);
    }
}

/* ---- sums of inputs ---------------------------------------------------------------------- */

void tile_sums(Pair *p, Tile *tile, Reg column, Reg passes) {
    if (!words_need_sums(&tile->words))
        return;
    int factor = words_sum_factor(&tile->words);
    Reg ones = pair_fixed(p, factor << 16 | factor), x[MAX_PIXELS], sum[MAX_PIXELS];
    Reg from = pair_copy(p, column);
    for (int i = 0; i < tile->pixels; i++)
        sum[i] = pair_fixed(p, 0);
    op_loop(p->r, passes);
    for (int i = 0; i < tile->pixels; i++)
        x[i] = pair_load_word(p, from, 4 * i, 4);
    for (int i = 0; i < tile->pixels; i++)
        op_dot_into(p->r, INSN_DOT2, I16, sum[i], x[i], ones);
    op_advance(p->r, from, NO_REG, 0, 4 * tile->pixels);
    op_end(p->r);
    for (int i = 0; i < tile->pixels; i++)
        pair_store_word(p, sum[i], from, 4 * i, 4);
}

void tile_direct_sum(Pair *p, Tile *tile, Reg inputs) {
    if (!words_need_sums(&tile->words))
        return;
    int factor = words_sum_factor(&tile->words);
    int rest = tile->taps - tile->loops * tile->body;
    Reg ones = pair_fixed(p, factor << 16 | factor), two[2];
    tile->sum = pair_fixed(p, 0);
    if (tile->loops) {
        inputs = pair_copy(p, inputs);
        op_loop(p->r, tile->passes);
        for (int k = 0; k < tile->body; k++) {
            load_direct(p, tile, inputs, 0, k, two);
            op_dot_into(p->r, INSN_DOT2, I16, tile->sum, two[k % 2], ones);
        }
        op_advance(p->r, inputs, NO_REG, 0, 2 * tile->body);
        op_end(p->r);
    }
    for (int k = 0; k < rest; k++) {
        load_direct(p, tile, inputs, tile->taps - rest, k, two);
        op_dot_into(p->r, INSN_DOT2, I16, tile->sum, two[k % 2], ones);
    }
}
