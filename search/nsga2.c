/* nsga2.c: NSGA-II (Deb et al. 2002) for genomes of discrete genes.
 *
 * A generation is proposed, judged and joined to its parents as a whole; the better half
 * survives. No design is judged twice: a child that is already known is mated anew, and when
 * mating no longer finds anything new, the sampler's immigrants fill the generation.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <math.h>
#include <string.h>

enum { MATINGS = 100 }; /* tries for a child that is new and legal */

/* Genes of a child that mutate, on average. The usual 1 was measured to be too many here: a
 * child that is a copy of a parent is changed in any case, so what is left to mutate are true
 * mixtures. */
static const double RATE = 0.3;

typedef struct Evolution {
    const Problem *problem;
    const SearchPlan *plan;
    Archive *archive;
    Sampler *sampler;
    Ranked *members; /* (2 * population) parents, sorted by population_rank; then children */
    int parents;
    double mutation;
    uint8_t *child; /* (genes) */
} Evolution;

/* Every place of every generation has random numbers of its own. */
static Random place_random(const Evolution *e, int generation, int place) {
    return (Random){e->plan->seed, (uint64_t)generation << 32 | (uint32_t)place, 0};
}

static const Ranked *better(const Ranked *a, const Ranked *b, int objectives, Random *random) {
    if (design_dominates(a->design, b->design, objectives))
        return a;
    if (design_dominates(b->design, a->design, objectives))
        return b;
    if (a->crowding != b->crowding)
        return a->crowding > b->crowding ? a : b;
    return random_next(random) & 1 ? a : b;
}

static const uint8_t *parent_pick(const Evolution *e, Random *random) {
    const Ranked *a = &e->members[random_below(random, e->parents)];
    const Ranked *b = &e->members[random_below(random, e->parents)];
    return better(a, b, e->problem->objectives, random)->design->genes;
}

/* A child that equals a parent would only be refused, so it is changed in one gene at least. */
static bool mate(const Evolution *e, Random *random) {
    size_t bytes = (size_t)e->problem->genes;
    const uint8_t *a = parent_pick(e, random), *b = parent_pick(e, random);
    if (random_next_unit(random) < e->plan->crossover)
        genes_cross(e->problem, random, a, b, e->child);
    else
        memcpy(e->child, a, bytes);
    genes_mutate(e->problem, e->mutation, random, e->child);
    if (!memcmp(e->child, a, bytes) || !memcmp(e->child, b, bytes))
        genes_mutate_one(e->problem, random, e->child);
    return archive_propose(e->archive, e->child);
}

static bool child_propose(const Evolution *e, Random *random) {
    for (int i = 0; i < MATINGS && e->parents > 0; i++)
        if (mate(e, random))
            return true;
    return sampler_propose(e->sampler, random);
}

/* The smallest design is the likeliest to satisfy limits, the largest to be the most accurate.
 */
static void extremes_propose(const Evolution *e) {
    memset(e->child, 0, (size_t)e->problem->genes);
    archive_propose(e->archive, e->child);
    for (int i = 0; i < e->problem->genes; i++)
        e->child[i] = (uint8_t)(e->problem->cardinality[i] - 1);
    archive_propose(e->archive, e->child);
}

/* Up to `count` designs; fewer where no more can be found. */
static void generation_propose(const Evolution *e, int generation, int count) {
    if (generation == 1 && count >= 2)
        extremes_propose(e);
    for (int place = archive_proposed(e->archive); place < count; place++) {
        Random random = place_random(e, generation, place);
        if (!child_propose(e, &random))
            return;
    }
}

/* Joins the designs from `first` on to the parents and keeps the best of all. */
static void survive(Evolution *e, int generation, int first) {
    int count = e->parents;
    for (int i = first; i < archive_count(e->archive); i++)
        e->members[count++].design = archive_design(e->archive, i);
    Random lots = place_random(e, generation, -1);
    for (int i = 0; i < count; i++)
        e->members[i].lot = random_next(&lots);
    Arena *scratch = arena_new();
    population_rank(scratch, e->members, count, e->problem->objectives);
    arena_free(scratch);
    e->parents = (int)min_i64(count, plan_population(e->plan));
}

static Evolution evolution_new(Arena *arena, const Problem *problem, const SearchPlan *plan,
                               Archive *archive) {
    return (Evolution){
        .problem = problem,
        .plan = plan,
        .archive = archive,
        .sampler = sampler_new(arena, problem, archive, plan->seed),
        .members = arena_array(arena, Ranked, 2 * (int64_t)plan_population(plan)),
        .mutation = plan->mutation > 0 ? plan->mutation : RATE / fmax(1, problem->genes),
        .child = arena_array(arena, uint8_t, problem->genes),
    };
}

bool nsga2_run(Arena *arena, const Problem *problem, const SearchPlan *plan, Archive *archive) {
    Evolution e = evolution_new(arena, problem, plan, archive);
    int population = plan_population(plan), start = archive_count(archive), judged = 0;
    for (int generation = 1; judged < plan_designs(plan); generation++) {
        int first = archive_count(archive);
        generation_propose(&e, generation,
                           (int)min_i64(population, plan_designs(plan) - judged));
        if (archive_proposed(archive) == 0)
            return true;
        if (!archive_judge(archive))
            return false;
        survive(&e, generation, first);
        judged = archive_count(archive) - start;
        if (plan->generation)
            plan->generation(plan->context, generation, judged, archive);
    }
    return true;
}
