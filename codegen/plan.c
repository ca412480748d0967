/* Memory planning: offsets for buffers with lifetimes, in as few bytes as can be.
 *
 * Buffers that must begin at one place (an in-place result and what it overwrites) form a
 * group; a group is placed at once. The bound is the largest sum of bytes alive at one step.
 * Several greedy orders come first; where none meets the bound, a branch and bound over the
 * order of placement: some optimal plan has every group at the lowest place that those with
 * lower offsets leave it, so trying all orders by rising offset finds it.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

#include <stdlib.h>

typedef struct Group {
    int member;      /* first of a list of buffers through `next` */
    int first, last; /* of all members */
    int64_t bytes;   /* of the largest member */
    int64_t offset;  /* -1: not placed */
} Group;

typedef struct Plan {
    Buffer *buffers;
    int *next; /* buffer -> the next of its group, or -1 */
    Group *groups;
    int count, steps;
    int64_t best;         /* bytes of the best plan so far */
    int64_t *best_offset; /* of each group */
    int64_t bound, nodes;
} Plan;

/* ---- placing ----------------------------------------------------------------------------- */

static bool lifetimes_meet(const Buffer *a, const Buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* If some member of `group` at `offset` hits one of `placed`, the least offset that avoids
 * it. */
static int64_t pushed_above(const Plan *plan, const Group *group, const Group *placed,
                            int64_t offset) {
    int64_t least = offset;
    for (int m = group->member; m >= 0; m = plan->next[m])
        for (int p = placed->member; p >= 0; p = plan->next[p]) {
            const Buffer *a = &plan->buffers[m], *b = &plan->buffers[p];
            bool meet = a->bytes && b->bytes && lifetimes_meet(a, b) &&
                        offset < placed->offset + b->bytes &&
                        placed->offset < offset + a->bytes;
            if (meet)
                least = max_i64(least, placed->offset + b->bytes);
        }
    return least;
}

/* The lowest free place at or above `from`. */
static int64_t lowest_place(const Plan *plan, const Group *group, int64_t from) {
    int64_t offset = from;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < plan->count; i++) {
            if (plan->groups[i].offset < 0)
                continue;
            int64_t least = pushed_above(plan, group, &plan->groups[i], offset);
            moved |= least != offset;
            offset = least;
        }
    }
    return offset;
}

static void keep_if_better(Plan *plan) {
    int64_t top = 0;
    for (int i = 0; i < plan->count; i++)
        top = max_i64(top, plan->groups[i].offset + plan->groups[i].bytes);
    if (top >= plan->best)
        return;
    plan->best = top;
    for (int i = 0; i < plan->count; i++)
        plan->best_offset[i] = plan->groups[i].offset;
}

static void clear_places(Plan *plan) {
    for (int i = 0; i < plan->count; i++)
        plan->groups[i].offset = -1;
}

/* ---- greedy orders ----------------------------------------------------------------------- */

/* Rank by which a greedy order places; larger first. */
typedef int64_t Rank(const Group *group);

static int64_t by_bytes(const Group *group) {
    return group->bytes;
}
static int64_t by_lifetime(const Group *group) {
    return group->last - group->first;
}
static int64_t by_area(const Group *group) {
    return group->bytes * (group->last - group->first + 1);
}
static int64_t by_birth(const Group *group) {
    return -group->first;
}
static int64_t by_death(const Group *group) {
    return group->last;
}

static void place_greedily(Plan *plan, Rank *rank) {
    clear_places(plan);
    for (int placed = 0; placed < plan->count; placed++) {
        Group *next = NULL;
        for (int i = 0; i < plan->count; i++) {
            Group *group = &plan->groups[i];
            if (group->offset >= 0 || (next && rank(next) > rank(group)) ||
                (next && rank(next) == rank(group) && next->bytes >= group->bytes))
                continue;
            next = group;
        }
        next->offset = lowest_place(plan, next, 0);
    }
    keep_if_better(plan);
}

/* ---- branch and bound -------------------------------------------------------------------- */

/* Bytes that `group` needs at `step`: of its largest member alive then. */
static int64_t bytes_at(const Plan *plan, const Group *group, int step) {
    int64_t bytes = 0;
    for (int m = group->member; m >= 0; m = plan->next[m])
        if (plan->buffers[m].first <= step && step <= plan->buffers[m].last)
            bytes = max_i64(bytes, plan->buffers[m].bytes);
    return bytes;
}

/* What no completion can beat, if all that is not placed goes to `floor` or above: at each
 * step the bytes above the floor, placed and not. */
static int64_t completion_bound(const Plan *plan, int64_t floor) {
    int64_t bound = 0;
    for (int step = 0; step < plan->steps; step++) {
        int64_t above = 0;
        for (int i = 0; i < plan->count; i++) {
            const Group *group = &plan->groups[i];
            int64_t bytes = bytes_at(plan, group, step);
            above += group->offset < 0 ? bytes : max_i64(0, group->offset + bytes - floor);
        }
        bound = max_i64(bound, above ? floor + above : 0);
    }
    return bound;
}

/* Places group after group by rising offset, those of one offset by rising number. */
static void branch(Plan *plan, int placed, int64_t floor, int last) {
    if (placed == plan->count) {
        keep_if_better(plan);
        return;
    }
    if (completion_bound(plan, floor) >= plan->best)
        return;
    for (int i = 0; i < plan->count; i++) {
        Group *group = &plan->groups[i];
        if (group->offset >= 0 || plan->best == plan->bound || plan->nodes-- <= 0)
            continue;
        int64_t offset = lowest_place(plan, group, floor);
        if ((offset == floor && i < last) || offset + group->bytes >= plan->best)
            continue;
        group->offset = offset;
        branch(plan, placed + 1, offset, i);
        group->offset = -1;
    }
}

/* ---- the plan ---------------------------------------------------------------------------- */

static void group_add(Plan *plan, int *group_of, int i) {
    const Buffer *buffer = &plan->buffers[i];
    plan->next[i] = -1;
    if (buffer->same_as < 0) {
        group_of[i] = plan->count;
        plan->groups[plan->count++] =
            (Group){i, buffer->first, buffer->last, buffer->bytes, -1};
        return;
    }
    group_of[i] = group_of[buffer->same_as];
    Group *group = &plan->groups[group_of[i]];
    plan->next[i] = group->member;
    group->member = i;
    group->first = (int)min_i64(group->first, buffer->first);
    group->last = (int)max_i64(group->last, buffer->last);
    group->bytes = max_i64(group->bytes, buffer->bytes);
}

static int64_t live_bound(const Plan *plan) {
    int64_t bound = 0;
    for (int step = 0; step < plan->steps; step++) {
        int64_t sum = 0;
        for (int i = 0; i < plan->count; i++)
            sum += bytes_at(plan, &plan->groups[i], step);
        bound = max_i64(bound, sum);
    }
    return bound;
}

int64_t plan_memory(Arena *arena, Buffer *buffers, int count, int64_t alignment, int64_t nodes,
                    int64_t *bound) {
    Plan plan = {.buffers = buffers,
                 .next = arena_array(arena, int, count),
                 .groups = arena_array(arena, Group, count),
                 .best = INT64_MAX,
                 .best_offset = arena_array(arena, int64_t, count),
                 .nodes = nodes};
    int *group_of = arena_array(arena, int, count);
    for (int i = 0; i < count; i++) {
        buffers[i].bytes = (buffers[i].bytes + alignment - 1) / alignment * alignment;
        plan.steps = (int)max_i64(plan.steps, buffers[i].last + 1);
        group_add(&plan, group_of, i);
    }
    plan.bound = live_bound(&plan);
    Rank *const ranks[] = {by_bytes, by_lifetime, by_area, by_birth, by_death};
    for (int r = 0; r < COUNT(ranks) && plan.best > plan.bound; r++)
        place_greedily(&plan, ranks[r]);
    clear_places(&plan);
    if (plan.best > plan.bound)
        branch(&plan, 0, 0, -1);
    for (int i = 0; i < count; i++)
        buffers[i].offset = plan.best_offset[group_of[i]];
    *bound = plan.bound;
    return plan.best;
}
