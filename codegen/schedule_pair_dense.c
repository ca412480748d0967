/* Dense layers of pair words: two channel pairs at a time over the inputs as they lie in memory,
 * without scratch.
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

bool pair_dense(Pair *p) {
    const Step *step = p->step;
    bool bytes = format_bits(step->kernel.in) == 8;
    if (!bytes || (step->kernel.adds &&
                   (format_bits(step->kernel.in2) != 8 || format_bits(step->kernel.out) != 8)))
        return false;
    Tile tile = tile_direct(p, 2);
    Taps taps = direct_taps(p, &tile);
    words_pack(p, &tile.words, &taps, tile.pairs);
    words_masks(p, &tile.words);
    tile_direct_sum(p, &tile, ARG_IN);
    tile_channels(p, &tile, ARG_IN, ARG_OUT, ARG_IN2);
    p->lowered->overwrites = step->kernel.adds ? 2 : 0;
    return true;
}
