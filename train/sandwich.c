/* sandwich.c: which members a step trains (Yu et al., BigNAS, arXiv 2003.11142).
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

enum { TRIES = 100 };
static const uint64_t SANDWICH_STREAM = (uint64_t)0x5a << 56;

typedef enum { HIGH_BITS, RANDOM_BITS, LOW_BITS, BITS_COUNT } Bits;

/* The widest or narrowest formats: in a decision of formats their order is that of Format. */
static void bits_set(const Space *space, Bits bits, Gene *gene) {
    for (int i = 0; i < space->choices.count && bits != RANDOM_BITS; i++) {
        const Choice *choice = &space->choices.at[i];
        if (choice->type != VALUE_FORMAT)
            continue;
        gene[i] = 0;
        for (int k = 1; k < choice->count; k++) {
            int order = rational_compare(choice->values[k], choice->values[gene[i]]);
            if (bits == HIGH_BITS ? order > 0 : order < 0)
                gene[i] = (Gene)k;
        }
    }
}

/* A candidate for a place in the sandwich; false where it is not legal. */
static bool genes_try(const Space *space, Random *random, bool smallest, Bits bits,
                      Gene *gene) {
    if (smallest)
        genotype_extreme(space, gene, false);
    for (int i = 0; i < space->choices.count; i++)
        if (!smallest || space->choices.at[i].type == VALUE_FORMAT)
            gene[i] = (Gene)random_below(random, space->choices.at[i].count);
    bits_set(space, bits, gene);
    genotype_canonical(space, gene);
    return genotype_legal(space, gene);
}

/* Formats rotate so that every legal choice of bits gets its share of steps. Where constraints
 * forbid an extreme, a random member takes its place. */
void sandwich_genes(const Space *space, uint64_t seed, int64_t step, int number, Gene *gene) {
    uint64_t stream = SANDWICH_STREAM | (uint64_t)step << 8 | (uint64_t)number;
    Random random = {seed, stream, 0};
    Bits turn = (Bits)((step + number) % BITS_COUNT);
    genotype_extreme(space, gene, true);
    if (number == 0 && genotype_legal(space, gene))
        return;
    for (int i = 0; i < TRIES; i++)
        if (genes_try(space, &random, number == 1 && i < TRIES / 4,
                      i < TRIES / 2 ? turn : RANDOM_BITS, gene))
            return;
    genotype_extreme(space, gene, true);
}
