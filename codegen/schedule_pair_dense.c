/* Dense layers of pair words: three channel pairs at a time, over the inputs as they lie in
 * memory, or where they are few and outputs many, over a copy of them in 16 bits.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

/* The inputs that the k-pairs of tile_direct meet. */
static Taps direct_taps(Pair *p, const Tile *tile) {
    static const int by_words[4] = {0, 2, 1, 3};
    int whole = tile->inputs / 4 * 4;
    int *all = arena_array(p->r->arena, int, 2 * tile->taps);
    for (int e = 0; e < 2 * tile->taps; e++) {
        int alone = whole + (e - whole) / 2;
        if (e < whole)
            all[e] = e / 4 * 4 + by_words[e % 4];
        else
            all[e] = e % 2 || alone >= tile->inputs ? -1 : alone;
    }
    return (Taps){all, tile->taps};
}

/* Few enough inputs to be widened once, for many outputs: bytes of scratch. */
enum { MOST_WIDENED = 256, FEW_OUTPUTS = 16, PAIRS_AT_ONCE = 3 };

static bool is_widened(const Step *step) {
    int inputs = step->from->row;
    return inputs % 16 == 0 && inputs <= MOST_WIDENED &&
           step->from->out_channels >= FEW_OUTPUTS;
}

/* The inputs as words of two, in the order that words of four bytes give them. */
static void widen(Pair *p, int inputs) {
    Type type = p->step->kernel.in == FORMAT_U8 ? U16 : I16;
    Reg from = pair_copy(p, ARG_IN), to = pair_copy(p, ARG_SCRATCH);
    op_loop(p->r, pair_param(p, inputs / 16));
    for (int w = 0; w < 4; w++) {
        Reg word = pair_load_word(p, from, 4 * w, 0);
        for (int half = 0; half < 2; half++)
            pair_store_word(p, op_half(p->r, type, word, half), to, 8 * w + 4 * half, 4);
    }
    op_advance(p->r, from, NO_REG, 0, 16);
    op_advance(p->r, to, NO_REG, 0, 32);
    op_end(p->r);
}

static void write_widened(Pair *p) {
    int inputs = p->step->from->row, words = tile_taps(p, inputs);
    Tile tile = tile_of(p, 1, PAIRS_AT_ONCE, words);
    tile.inputs = inputs;
    int *all = arena_array(p->r->arena, int, 2 * words);
    static const int order[4] = {0, 2, 1, 3};
    for (int e = 0; e < 2 * words; e++)
        all[e] = e < inputs ? e / 4 * 4 + order[e % 4] : -1;
    Taps taps = {all, words};
    words_pack(p, &tile.words, &taps, PAIRS_AT_ONCE);
    words_masks(p, &tile.words);
    widen(p, inputs);
    Reg gathered = pair_param(p, words);
    tile.column_sums = op_address(p->r, ARG_SCRATCH, gathered, 4, 0);
    tile_sums(p, &tile, ARG_SCRATCH, gathered);
    tile_channels(p, &tile, ARG_SCRATCH, ARG_OUT, ARG_IN2);
    p->lowered->scratch_bytes = 4 * (words + words_need_sums(&tile.words));
}

static void write_direct(Pair *p) {
    Tile tile = tile_direct(p, PAIRS_AT_ONCE);
    Taps taps = direct_taps(p, &tile);
    words_pack(p, &tile.words, &taps, PAIRS_AT_ONCE);
    words_masks(p, &tile.words);
    tile_direct_sum(p, &tile, ARG_IN);
    tile_channels(p, &tile, ARG_IN, ARG_OUT, ARG_IN2);
}

bool pair_dense(Pair *p) {
    const Step *step = p->step;
    bool bytes = format_bits(step->kernel.in) == 8;
    if (!bytes || (step->kernel.adds &&
                   (format_bits(step->kernel.in2) != 8 || format_bits(step->kernel.out) != 8)))
        return false;
    is_widened(step) ? write_widened(p) : write_direct(p);
    p->lowered->overwrites = step->kernel.adds ? 2 : 0;
    return true;
}
