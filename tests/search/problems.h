/* problems.h: spaces small enough to judge every design, with the troubles of real ones:
 * limits, inactive genes, illegal combinations, interactions, deception. Their worth is in
 * integers.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBLEMS_H
#define PROBLEMS_H

#include "search/search.h"
#include "tests/unit.h"

enum { GENES_MAX = 80 };

/* A Problem, and what the search asked of it. */
typedef struct Bench {
    Problem problem;
    int cardinality[GENES_MAX], group[GENES_MAX];
    bool ordinal[GENES_MAX];
    void (*judge)(const uint8_t *genes, Worth *worth);
    void (*canonical)(uint8_t *genes);
    bool (*legal)(const uint8_t *genes);
    Arena *arena;
    VEC(uint8_t *) asked;    /* in order */
    int calls, interrupt_at; /* the call, from 1, that is interrupted; 0: none */
} Bench;

static inline void bench_canonical(void *context, uint8_t *genes) {
    Bench *bench = context;
    if (bench->canonical)
        bench->canonical(genes);
}

static inline bool bench_legal(void *context, const uint8_t *genes) {
    Bench *bench = context;
    return !bench->legal || bench->legal(genes);
}

static inline bool bench_evaluate(void *context, const uint8_t *genes, int count,
                                  Worth *worth) {
    Bench *bench = context;
    size_t bytes = (size_t)bench->problem.genes;
    if (++bench->calls == bench->interrupt_at)
        return false;
    for (int i = 0; i < count; i++) {
        uint8_t *copy = arena_copy(bench->arena, genes + bytes * (size_t)i, bytes);
        vec_push(bench->arena, &bench->asked, copy);
        bench->judge(copy, &worth[i]);
    }
    return true;
}

static inline Bench *bench_new(Arena *arena, int genes, int objectives, int constraints,
                               void (*judge)(const uint8_t *genes, Worth *worth)) {
    Bench *bench = arena_new_of(arena, Bench);
    bench->arena = arena;
    bench->judge = judge;
    bench->problem = (Problem){.genes = genes,
                               .cardinality = bench->cardinality,
                               .ordinal = bench->ordinal,
                               .group = bench->group,
                               .objectives = objectives,
                               .constraints = constraints,
                               .context = bench,
                               .canonical = bench_canonical,
                               .legal = bench_legal,
                               .evaluate = bench_evaluate};
    return bench;
}

static inline void gene_is(Bench *bench, int gene, int cardinality, bool ordinal, int group) {
    bench->cardinality[gene] = cardinality;
    bench->ordinal[gene] = ordinal;
    bench->group[gene] = group;
}

/* A number that looks arbitrary but is the same everywhere. */
static inline int table(int which, int row, int column, int below) {
    return (int)(random_bits((uint64_t)which, (uint64_t)row, (uint64_t)column) %
                 (uint64_t)below);
}

static inline void limit_set(Worth *worth, int constraint, int value, int limit) {
    worth->violation[constraint] = value > limit ? (value - limit) / (double)limit : 0;
    worth->feasible &= value <= limit;
}

/* ---- layers: widths and bits of five stages under a flash limit; accuracy and time
 * ------------- */

static inline void layers_judge(const uint8_t *genes, Worth *worth) {
    static const int width[] = {8, 12, 16, 24}, bits[] = {2, 4, 8}, loss[] = {16, 5, 0};
    int flash = 0, time = 0, error = 0, input = 8;
    for (int stage = 0; stage < 5; stage++) {
        int w = width[genes[2 * stage]], b = bits[genes[2 * stage + 1]];
        int importance = 3 + table(1, stage, 0, 5);
        flash += input * w * b * (stage + 1);
        time += input * w * (b + 4) * (9 - stage);
        error += importance * (400 / w + loss[genes[2 * stage + 1]]);
        error += abs(w - input) * importance / 2;
        input = w;
    }
    worth->feasible = true;
    worth->objective[0] = error;
    worth->objective[1] = time;
    limit_set(worth, 0, flash, 12000);
}

static inline Bench *layers(Arena *arena) {
    Bench *bench = bench_new(arena, 10, 2, 1, layers_judge);
    for (int i = 0; i < 10; i++)
        gene_is(bench, i, i % 2 ? 3 : 4, true, i / 2);
    return bench;
}

/* ---- pairs: neighbouring categorical genes interact by tables; three objectives, two limits
 * ---- */

static inline void pairs_judge(const uint8_t *genes, Worth *worth) {
    int sum[5] = {0};
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 5; k++)
            sum[k] += table(10 + k, i, genes[i], 50) +
                      table(20 + k, i, genes[i] * 4 + genes[(i + 1) % 8], 30);
    worth->feasible = true;
    for (int k = 0; k < 3; k++)
        worth->objective[k] = sum[k];
    limit_set(worth, 0, sum[3], 330);
    limit_set(worth, 1, sum[4], 330);
}

static inline Bench *pairs(Arena *arena) {
    Bench *bench = bench_new(arena, 8, 3, 2, pairs_judge);
    for (int i = 0; i < 8; i++)
        gene_is(bench, i, 4, false, i / 2);
    return bench;
}

/* ---- depths: two stages of up to four layers; layers past the depth are inactive, and a layer
 * may not be narrower than the one before: the canonical form widens it. A wide layer right
 * after the stem is illegal.
 * ------------------------------------------------------------------------------- */

enum { DEPTH_STAGE = 5 };

static inline void depths_canonical(uint8_t *genes) {
    for (uint8_t *stage = genes; stage < genes + 2 * DEPTH_STAGE; stage += DEPTH_STAGE)
        for (int layer = 1; layer <= 4; layer++) {
            if (layer > stage[0] + 1)
                stage[layer] = 0;
            else if (layer > 1 && stage[layer] < stage[layer - 1])
                stage[layer] = stage[layer - 1];
        }
}

static inline bool depths_legal(const uint8_t *genes) {
    return genes[1] < 3;
}

static inline void depths_judge(const uint8_t *genes, Worth *worth) {
    int cost = 0, error = 2000, memory = 0;
    for (int s = 0; s < 2; s++) {
        const uint8_t *stage = genes + s * DEPTH_STAGE;
        for (int layer = 1; layer <= stage[0] + 1; layer++) {
            int width = 4 + 4 * stage[layer];
            cost += width * width * (3 - s) + 20;
            error -= (90 - 15 * layer) * (stage[layer] + 2) / (s + 1) + table(3, s, layer, 20);
            memory = width * (3 - s) > memory ? width * (3 - s) : memory;
        }
    }
    worth->feasible = true;
    worth->objective[0] = error;
    worth->objective[1] = cost;
    limit_set(worth, 0, memory, 40);
    limit_set(worth, 1, cost, 2400);
}

static inline Bench *depths(Arena *arena) {
    Bench *bench = bench_new(arena, 2 * DEPTH_STAGE, 2, 2, depths_judge);
    for (int i = 0; i < 2 * DEPTH_STAGE; i++)
        gene_is(bench, i, 4, true, i / DEPTH_STAGE);
    bench->canonical = depths_canonical;
    bench->legal = depths_legal;
    return bench;
}

/* ---- traps: each gene's best value lies behind its worst, in the manner of ZDT5; values are
 * shifted, so that the optimum is neither the smallest design nor the largest
 * ------------------------------ */

static inline void traps_judge(const uint8_t *genes, Worth *worth) {
    int g = 0, f = 1 + genes[0];
    for (int i = 1; i < 6; i++) {
        int value = (genes[i] + i) % 6;
        g += value == 5 ? 1 : 2 + value;
    }
    worth->feasible = true;
    worth->objective[0] = f;
    worth->objective[1] = g * 840.0 / f;
}

static inline Bench *traps(Arena *arena) {
    Bench *bench = bench_new(arena, 6, 2, 0, traps_judge);
    for (int i = 0; i < 6; i++)
        gene_is(bench, i, i ? 6 : 8, true, i);
    return bench;
}

typedef Bench *MakeBench(Arena *arena);

/* ---- the whole truth
 * ---------------------------------------------------------------------------- */

/* Judges every design; the archive then knows all. */
static inline Archive *exhaust(Arena *arena, Bench *bench) {
    const Problem *problem = &bench->problem;
    Archive *all = archive_new(arena, problem);
    uint8_t counter[GENES_MAX] = {0}, genes[GENES_MAX];
    for (int carry = 0; carry < problem->genes;) {
        memcpy(genes, counter, sizeof genes);
        archive_propose(all, genes);
        for (carry = 0; carry < problem->genes; carry++) {
            if (++counter[carry] < problem->cardinality[carry])
                break;
            counter[carry] = 0;
        }
    }
    assert_true(archive_judge(all));
    return all;
}

/* Past the worst of the true front, by a tenth of its range. */
static inline void reference_of(const Archive *all, int objectives, double *reference) {
    Arena *arena = arena_new();
    const Design **front;
    int count = archive_front(all, arena, &front);
    assert_true(count > 0);
    for (int k = 0; k < objectives; k++) {
        double low = front[0]->worth.objective[k], high = low;
        for (int i = 1; i < count; i++) {
            double value = front[i]->worth.objective[k];
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
        reference[k] = high + (high - low) * 0.1;
    }
    arena_free(arena);
}

static inline Archive *search(Arena *arena, Bench *bench, const char *strategy,
                              const SearchPlan *plan) {
    Archive *archive = archive_new(arena, &bench->problem);
    assert_true(strategy_of(str_of(strategy))->run(arena, &bench->problem, plan, archive));
    return archive;
}

#endif
