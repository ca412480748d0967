/* archive.c: every design ever judged, found by its genes, and the front of the best among
 * them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Designs of the front with equal objectives. They are many where objectives are coarse. */
typedef VEC(Design *) Peers;

/* Designs are judged or, at the end of the list, only proposed. */
struct Archive {
    Arena *arena;
    const Problem *problem;
    VEC(Design *) designs;
    int judged;
    int *slots; /* open addressing: 1 + index into designs; 0 is empty */
    uint64_t slot_mask;
    VEC(Peers) front; /* kept as designs come, in no order */
    int front_designs;
};

enum { FIRST_SLOTS = 256 };

Archive *archive_new(Arena *arena, const Problem *problem) {
    Archive *archive = arena_new_of(arena, Archive);
    archive->arena = arena;
    archive->problem = problem;
    archive->slots = arena_array(arena, int, FIRST_SLOTS);
    archive->slot_mask = FIRST_SLOTS - 1;
    return archive;
}

int archive_count(const Archive *archive) {
    return archive->judged;
}

int archive_proposed(const Archive *archive) {
    return archive->designs.count - archive->judged;
}

const Design *archive_design(const Archive *archive, int index) {
    assert(index >= 0 && index < archive->judged);
    return archive->designs.at[index];
}

/* The slot where the genes are or would be. */
static int *slot_of(const Archive *archive, const uint8_t *genes) {
    size_t bytes = (size_t)archive->problem->genes;
    uint64_t at = key_of(genes, bytes).lo & archive->slot_mask;
    for (;; at = (at + 1) & archive->slot_mask) {
        int *slot = &archive->slots[at];
        if (!*slot || !memcmp(archive->designs.at[*slot - 1]->genes, genes, bytes))
            return slot;
    }
}

const Design *archive_find(const Archive *archive, const uint8_t *genes) {
    int slot = *slot_of(archive, genes);
    return slot && slot <= archive->judged ? archive->designs.at[slot - 1] : NULL;
}

static void slots_double(Archive *archive) {
    archive->slot_mask = archive->slot_mask * 2 + 1;
    archive->slots = arena_array(archive->arena, int, archive->slot_mask + 1);
    for (int i = 0; i < archive->designs.count; i++)
        *slot_of(archive, archive->designs.at[i]->genes) = i + 1;
}

bool archive_propose(Archive *archive, uint8_t *genes) {
    const Problem *problem = archive->problem;
    if (problem->canonical)
        problem->canonical(problem->context, genes);
    int *slot = slot_of(archive, genes);
    if (*slot || (problem->legal && !problem->legal(problem->context, genes)))
        return false;
    Design *design = arena_new_of(archive->arena, Design);
    design->genes = arena_copy(archive->arena, genes, (size_t)problem->genes);
    design->index = archive->designs.count;
    vec_push(archive->arena, &archive->designs, design);
    *slot = archive->designs.count;
    if ((uint64_t)archive->designs.count * 2 > archive->slot_mask)
        slots_double(archive);
    return true;
}

/* What keeps a design from being feasible, as one number. Infeasible without a reason is the
 * worst: there is nothing to descend. */
static double violation_sum(const Worth *worth, int constraints) {
    if (worth->feasible)
        return 0;
    double sum = 0;
    for (int i = 0; i < constraints; i++)
        sum += worth->violation[i];
    return sum > 0 ? sum : INFINITY;
}

static bool objectives_finite(const Worth *worth, int objectives) {
    for (int i = 0; i < objectives; i++)
        if (!isfinite(worth->objective[i]))
            return false;
    return true;
}

static bool objectives_equal(const Design *a, const Design *b, int objectives) {
    for (int i = 0; i < objectives; i++)
        if (a->worth.objective[i] != b->worth.objective[i])
            return false;
    return true;
}

/* Removes what a new design dominates. */
static void front_prune(Archive *archive, const Design *design) {
    int kept = 0;
    for (int i = 0; i < archive->front.count; i++) {
        Peers *peers = &archive->front.at[i];
        if (design_dominates(design, peers->at[0], archive->problem->objectives))
            archive->front_designs -= peers->count;
        else
            archive->front.at[kept++] = *peers;
    }
    archive->front.count = kept;
}

static void front_add(Archive *archive, Design *design) {
    int objectives = archive->problem->objectives;
    Peers *peers = NULL;
    for (int i = 0; i < archive->front.count && !peers; i++) {
        if (design_dominates(archive->front.at[i].at[0], design, objectives))
            return;
        if (objectives_equal(archive->front.at[i].at[0], design, objectives))
            peers = &archive->front.at[i];
    }
    if (!peers) {
        front_prune(archive, design);
        vec_push(archive->arena, &archive->front, (Peers){0});
        peers = &archive->front.at[archive->front.count - 1];
    }
    vec_push(archive->arena, peers, design);
    archive->front_designs++;
}

static void design_judged(Archive *archive, Design *design, const Worth *worth) {
    const Problem *problem = archive->problem;
    design->worth = *worth;
    design->worth.feasible = worth->feasible && objectives_finite(worth, problem->objectives);
    design->violation = violation_sum(&design->worth, problem->constraints);
    if (design->worth.feasible)
        front_add(archive, design);
}

bool archive_judge(Archive *archive) {
    const Problem *problem = archive->problem;
    size_t bytes = (size_t)problem->genes;
    int first = archive->judged, count = archive_proposed(archive);
    Arena *scratch = arena_new();
    uint8_t *genes = arena_array(scratch, uint8_t, bytes * (size_t)count);
    Worth *worth = arena_array(scratch, Worth, count);
    for (int i = 0; i < count; i++)
        memcpy(genes + bytes * (size_t)i, archive->designs.at[first + i]->genes, bytes);
    bool done = count == 0 || problem->evaluate(problem->context, genes, count, worth);
    for (int i = 0; done && i < count; i++)
        design_judged(archive, archive->designs.at[first + i], &worth[i]);
    if (done)
        archive->judged += count;
    arena_free(scratch);
    return done;
}

typedef struct Entry {
    const Design *design;
    size_t genes;
} Entry;

static int entry_compare(const void *left, const void *right) {
    const Entry *a = left, *b = right;
    double x = a->design->worth.objective[0], y = b->design->worth.objective[0];
    return x != y ? (x > y) - (x < y) : memcmp(a->design->genes, b->design->genes, a->genes);
}

int archive_front(const Archive *archive, Arena *arena, const Design ***front) {
    int count = 0;
    Entry *entries = arena_array(arena, Entry, archive->front_designs);
    for (int i = 0; i < archive->front.count; i++)
        for (int j = 0; j < archive->front.at[i].count; j++)
            entries[count++] =
                (Entry){archive->front.at[i].at[j], (size_t)archive->problem->genes};
    if (count)
        qsort(entries, (size_t)count, sizeof *entries, entry_compare);
    *front = arena_array(arena, const Design *, count);
    for (int i = 0; i < count; i++)
        (*front)[i] = entries[i].design;
    return count;
}

double archive_hypervolume(const Archive *archive, const double *reference) {
    int objectives = archive->problem->objectives, count = archive->front.count;
    Arena *scratch = arena_new();
    double *points = arena_array(scratch, double, (size_t)count *(size_t)objectives);
    for (int i = 0; i < count; i++)
        memcpy(points + i * objectives, archive->front.at[i].at[0]->worth.objective,
               sizeof(double) * (size_t)objectives);
    double volume = hypervolume(scratch, points, count, objectives, reference);
    arena_free(scratch);
    return volume;
}
