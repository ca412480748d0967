/* sample.c: designs from nowhere, without repetition: random as long as chance finds new ones,
 * then a walk that meets every genotype once, so that a small space is exhausted and not only
 * nearly so.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

/* Draws before the walk takes over, and steps of the walk without anything new before it gives
 * up. */
enum { DRAWS = 100, STEPS = 1 << 18 };

/* Genotypes are numbered in mixed radix, canonical or not. A stride without a common factor
 * visits each once, near the golden ratio it scatters them. */
struct Sampler {
    const Problem *problem;
    Archive *archive;
    uint8_t *genes;
    uint64_t genotypes; /* in all; 0: more than MOST, too many to walk */
    uint64_t at, stride, left;
};

static const uint64_t MOST = 1ull << 62;

static uint64_t genotypes_count(const Problem *problem) {
    uint64_t product = 1;
    for (int i = 0; i < problem->genes; i++) {
        if (product > MOST / (uint64_t)problem->cardinality[i])
            return 0;
        product *= (uint64_t)problem->cardinality[i];
    }
    return product;
}

static uint64_t common_factor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t stride_of(uint64_t genotypes) {
    uint64_t stride = (uint64_t)((double)genotypes * 0.61803398874989485);
    while (common_factor(stride, genotypes) != 1)
        stride++;
    return stride;
}

Sampler *sampler_new(Arena *arena, const Problem *problem, Archive *archive, uint64_t seed) {
    Sampler *sampler = arena_new_of(arena, Sampler);
    sampler->problem = problem;
    sampler->archive = archive;
    sampler->genes = arena_array(arena, uint8_t, problem->genes);
    sampler->genotypes = genotypes_count(problem);
    if (sampler->genotypes) {
        sampler->at = random_bits(seed, UINT64_MAX, 0) % sampler->genotypes;
        sampler->stride = stride_of(sampler->genotypes);
        sampler->left = sampler->genotypes;
    }
    return sampler;
}

static bool draw(Sampler *sampler, Random *random) {
    const Problem *problem = sampler->problem;
    if (problem->draw)
        problem->draw(problem->context, random, sampler->genes);
    for (int i = 0; i < problem->genes && !problem->draw; i++)
        sampler->genes[i] = (uint8_t)random_below(random, problem->cardinality[i]);
    return archive_propose(sampler->archive, sampler->genes);
}

static bool walk(Sampler *sampler) {
    uint64_t number = sampler->at;
    for (int i = 0; i < sampler->problem->genes; i++) {
        uint64_t values = (uint64_t)sampler->problem->cardinality[i];
        sampler->genes[i] = (uint8_t)(number % values);
        number /= values;
    }
    sampler->at = (sampler->at + sampler->stride) % sampler->genotypes;
    sampler->left--;
    return archive_propose(sampler->archive, sampler->genes);
}

bool sampler_propose(Sampler *sampler, Random *random) {
    for (int i = 0; i < DRAWS; i++)
        if (draw(sampler, random))
            return true;
    for (int i = 0; i < STEPS && sampler->left; i++)
        if (walk(sampler))
            return true;
    return false;
}
