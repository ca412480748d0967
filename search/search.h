/* search: strategies over a Problem. Knows nothing of networks or text.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef SEARCH_H
#define SEARCH_H

#include "base/base.h"

enum { MAX_OBJECTIVES = 8, MAX_CONSTRAINTS = 16 };

/* What a design is worth. Objectives are minimised (a maximised metric comes negated). */
typedef struct Worth {
    double objective[MAX_OBJECTIVES];  /* meaningful where feasible */
    double violation[MAX_CONSTRAINTS]; /* 0: satisfied; else how far, relative to its limit */
    bool feasible;
} Worth;

typedef struct Problem {
    int genes;
    const int *cardinality; /* (genes) values of each, 1 to 256 */
    const bool *ordinal;    /* (genes) neighbouring values are similar */
    const int *group;       /* (genes) a stage shares a number: crossover moves whole groups */
    int objectives, constraints;
    void *context;
    /* Inactive genes to their canonical value; repairs what it can. NULL: nothing to do. */
    void (*canonical)(void *context, uint8_t *genes);
    /* A design from nowhere, as whoever knows what the genes mean would draw it. NULL: every
     * value of every gene is as likely as the others. */
    void (*draw)(void *context, Random *random, uint8_t *genes);
    /* Of canonical genes. NULL: all are. */
    bool (*legal)(void *context, const uint8_t *genes);
    /* Judges `count` designs at once (the callee may use threads). False: interrupted; stop. */
    bool (*evaluate)(void *context, const uint8_t *genes, int count, Worth *worth);
} Problem;

/* ---- archive.c: every design ever judged ------------------------------------------------- */

typedef struct Design {
    uint8_t *genes;
    Worth worth;
    double violation; /* of all constraints together; 0 exactly where feasible */
    int index;        /* in order of judgement */
} Design;
typedef struct Archive Archive;
Archive *archive_new(Arena *arena, const Problem *problem);
int archive_count(const Archive *archive);
const Design *archive_design(const Archive *archive, int index);
const Design *archive_find(const Archive *archive, const uint8_t *genes);
/* Makes `genes` canonical in place. Where they are legal and were neither judged nor proposed
 * before, they wait for archive_judge, and the answer is true. */
bool archive_propose(Archive *archive, uint8_t *genes);
int archive_proposed(const Archive *archive);
/* Judges all that was proposed, in order. False: interrupted; the proposals still wait. A worth
 * that claims to be feasible but has an objective that is not finite counts as infeasible. */
bool archive_judge(Archive *archive);
/* The feasible designs that no other dominates, by first objective then genes. */
int archive_front(const Archive *archive, Arena *arena, const Design ***front);
/* Hypervolume of the front against a reference point. */
double archive_hypervolume(const Archive *archive, const double *reference);

/* ---- hypervolume.c ----------------------------------------------------------------------- */

/* The volume that the points (count, objectives) dominate, as far as the reference point. Exact
 * for any number of objectives; for four and more the time is exponential in their number. */
double hypervolume(Arena *arena, const double *points, int count, int objectives,
                   const double *reference);

/* ---- knee.c ------------------------------------------------------------------------------ */

/* Knee: largest distance to the hyperplane through the extremes after normalising, on the
 * side of the ideal point; ties to the lower first cost (objective 1). Index into front; -1:
 * empty. */
int front_knee(const Design *const *front, int count, int objectives);

/* ---- dominance.c: who is better ---------------------------------------------------------- */

/* Deb's constrained dominance: less violation wins; among the feasible, no worse in every
 * objective and better in one. */
bool design_dominates(const Design *a, const Design *b, int objectives);
/* One of a population. */
typedef struct Ranked {
    const Design *design;
    int rank;        /* 0: dominated by none; r: by some of rank r - 1 */
    double crowding; /* how lonely within its rank; infinite at the ends */
    uint64_t lot;    /* drawn by the caller; decides between equal crowding */
} Ranked;
/* Ranks the members and sorts them, best first: by rank, then the lonelier, then the lot. */
void population_rank(Arena *scratch, Ranked *members, int count, int objectives);

/* ---- sample.c: designs from nowhere ------------------------------------------------------ */

/* Draws at random, and where chance finds nothing new, walks through the whole space. */
typedef struct Sampler Sampler;
Sampler *sampler_new(Arena *arena, const Problem *problem, Archive *archive, uint64_t seed);
/* Proposes one more design. False: none was found; where the space is small, there is none. */
bool sampler_propose(Sampler *sampler, Random *random);

/* ---- vary.c: designs from designs -------------------------------------------------------- */

/* A child with each gene from `a` or from `b`: by gene or by group at equal odds. */
void genes_cross(const Problem *problem, Random *random, const uint8_t *a, const uint8_t *b,
                 uint8_t *child);
/* Changes each gene with probability `rate`. */
void genes_mutate(const Problem *problem, double rate, Random *random, uint8_t *genes);
/* Changes one gene, unless every gene has a single value. */
void genes_mutate_one(const Problem *problem, Random *random, uint8_t *genes);

/* ---- strategies.c: a table of strategies; nsga2.c, random_search.c ----------------------- */

typedef struct SearchPlan {
    int population, generations; /* nsga2; random: population * generations designs in all */
    int designs; /* budget of distinct designs judged; 0: population * generations */
    uint64_t seed;
    double crossover; /* probability, of a mating */
    double mutation;  /* probability, of a gene; 0: 0.3 / genes */
    void *context;
    /* After each generation: number (from 1), designs judged, the archive. May be NULL. */
    void (*generation)(void *context, int generation, int designs, const Archive *archive);
} SearchPlan;
SearchPlan search_plan_default(void);
int plan_population(const SearchPlan *plan); /* at least 2 */
int plan_designs(const SearchPlan *plan);

/* A strategy fills the archive; it ends when the budget is spent or no new design can be found.
 * False: interrupted. The sequence of designs depends on the plan and on their worth alone, so
 * a run whose judge remembers its answers replays to where it was interrupted and goes on. */
typedef struct Strategy {
    const char *name, *documentation;
    bool (*run)(Arena *arena, const Problem *problem, const SearchPlan *plan, Archive *archive);
} Strategy;
extern const Strategy strategies[];
extern const int strategy_count;
const Strategy *strategy_of(Str name); /* NULL: no such strategy */
bool nsga2_run(Arena *arena, const Problem *problem, const SearchPlan *plan, Archive *archive);
bool random_search_run(Arena *arena, const Problem *problem, const SearchPlan *plan,
                       Archive *archive);

#endif
