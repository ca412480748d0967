/* sandwich.c: which members a step trains (Yu et al., BigNAS, arXiv 2003.11142).
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

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

/* Makes the genes a legal member's. Where none is known, which an empty space has been refused
 * for, they stay as they are. */
static void genes_settle(const Space *space, const Members *legal, Random random, Gene *gene) {
    genotype_canonical(space, gene);
    if (legal && !genotype_legal(space, gene))
        members_repair(legal, &random, gene);
}

void largest_genes(const Space *space, const Members *legal, Gene *gene) {
    genotype_extreme(space, gene, true);
    genes_settle(space, legal, (Random){0, SANDWICH_STREAM, 0}, gene);
}

/* Formats rotate so that every legal choice of bits gets its share of steps. Where constraints
 * forbid an extreme, a member near it takes its place. */
void sandwich_genes(const Space *space, const Members *legal, uint64_t seed, int64_t step,
                    int number, Gene *gene) {
    uint64_t stream = SANDWICH_STREAM | (uint64_t)step << 8 | (uint64_t)number;
    Random random = {seed, stream, 0};
    bool smallest = number == 1;
    if (number == 0) {
        largest_genes(space, legal, gene);
        return;
    }
    if (smallest)
        genotype_extreme(space, gene, false);
    for (int i = 0; i < space->choices.count; i++)
        if (!smallest || space->choices.at[i].type == VALUE_FORMAT)
            gene[i] = (Gene)random_below(&random, space->choices.at[i].count);
    bits_set(space, (Bits)((step + number) % BITS_COUNT), gene);
    genes_settle(space, legal, random, gene);
}
