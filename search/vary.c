/* vary.c: designs from designs: crossover and mutation of discrete genes.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

/* One coin for each unit of exchange, the gene or its group; as a pure function of the unit, so
 * that genes of a group agree wherever they stand. */
void genes_cross(const Problem *problem, Random *random, const uint8_t *a, const uint8_t *b,
                 uint8_t *child) {
    bool whole_groups = random_next(random) & 1;
    uint64_t coins = random_next(random);
    for (int i = 0; i < problem->genes; i++) {
        int unit = whole_groups ? problem->group[i] : i;
        child[i] = random_bits(random->seed, coins, (uint64_t)unit) & 1 ? a[i] : b[i];
    }
}

/* Another value: for ordinal genes half of the time a neighbour, else any with equal odds. */
static uint8_t value_other(int value, int cardinality, bool ordinal, Random *random) {
    if (ordinal && random_next(random) & 1) {
        bool up = random_next(random) & 1;
        up = value == 0 || (value < cardinality - 1 && up);
        return (uint8_t)(up ? value + 1 : value - 1);
    }
    int other = random_below(random, cardinality - 1);
    return (uint8_t)(other < value ? other : other + 1);
}

static void gene_mutate(const Problem *problem, int i, Random *random, uint8_t *genes) {
    genes[i] = value_other(genes[i], problem->cardinality[i], problem->ordinal[i], random);
}

void genes_mutate(const Problem *problem, double rate, Random *random, uint8_t *genes) {
    for (int i = 0; i < problem->genes; i++)
        if (problem->cardinality[i] > 1 && random_next_unit(random) < rate)
            gene_mutate(problem, i, random, genes);
}

void genes_mutate_one(const Problem *problem, Random *random, uint8_t *genes) {
    int changeable = 0;
    for (int i = 0; i < problem->genes; i++)
        changeable += problem->cardinality[i] > 1;
    if (!changeable)
        return;
    int nth = random_below(random, changeable);
    for (int i = 0; i < problem->genes; i++)
        if (problem->cardinality[i] > 1 && nth-- == 0) {
            gene_mutate(problem, i, random, genes);
            return;
        }
}
