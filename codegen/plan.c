/* Memory planning: offsets for buffers with lifetimes, in as few bytes as can be.
 *
 * Buffers that must begin at one place (an in-place result and what it overwrites) form a
 * group; a group is placed at once, and needs at each step the bytes of its largest member
 * alive then. The bound is the largest sum of bytes alive at one step. Several greedy orders
 * come first. Where none meets the bound, a search asks whether everything fits into the
 * bound, and if not, into the next height that could do: so it either meets the optimum or
 * raises the bound until its nodes are spent. What nodes are left then lower the best plan.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

#include <stdlib.h>
#include <string.h>

typedef struct Group {
    int member;      /* first of a list of buffers through `next` */
    int first, last; /* steps that count, of all members */
    int64_t bytes;   /* of the largest member */
    int64_t offset;  /* -1: not placed */
    int64_t *at;     /* (steps) that it needs at each step that counts */
} Group;

typedef struct Plan {
    Arena *arena;
    Buffer *buffers;
    int *next;     /* buffer -> the next of its group, or -1 */
    Group *groups; /* those that need most come first */
    int count, steps;
    int64_t unit;         /* all sizes are multiples of it */
    int64_t best;         /* bytes of the best plan so far */
    int64_t *best_offset; /* of each group */
    int64_t bound, nodes;
    /* of the search for a plan of `height` */
    int64_t height;
    int64_t above; /* the least height above it that some part of the search asked for */
    int64_t *line; /* (steps) below it everything is placed, or left empty for ever */
    int64_t *left; /* (steps) bytes to be placed; scratch */
    int64_t *base; /* (steps) where the lowest of them may begin; scratch */
    struct Level *levels;
} Plan;

/* ---- groups ------------------------------------------------------------------------------ */

static int group_add(Plan *plan, int *group_of, int i) {
    int same = plan->buffers[i].same_as;
    int g = same < 0 ? plan->count++ : group_of[same];
    if (same < 0)
        plan->groups[g] = (Group){.member = -1, .offset = -1};
    plan->next[i] = plan->groups[g].member;
    plan->groups[g].member = i;
    return group_of[i] = g;
}

/* Bytes that `group` needs at `step`: of its largest member alive then. */
static int64_t bytes_at(const Plan *plan, const Group *group, int step) {
    int64_t bytes = 0;
    for (int m = group->member; m >= 0; m = plan->next[m])
        if (plan->buffers[m].first <= step && step <= plan->buffers[m].last)
            bytes = max_i64(bytes, plan->buffers[m].bytes);
    return bytes;
}

/* Whether all that is alive at step a is alive at b, and needs no less. */
static bool step_covered(const Plan *plan, int a, int b) {
    for (int g = 0; g < plan->count; g++)
        if (bytes_at(plan, &plan->groups[g], a) > bytes_at(plan, &plan->groups[g], b))
            return false;
    return true;
}

/* Only steps that no neighbour covers count. Returns their number. */
static int steps_that_count(const Plan *plan, int steps, int *counts) {
    int count = 0;
    for (int t = 0; t < steps; t++) {
        if (t + 1 < steps && step_covered(plan, t, t + 1))
            continue;
        if (count == 0 || !step_covered(plan, t, counts[count - 1]))
            counts[count++] = t;
    }
    return count;
}

static void measure_group(Plan *plan, Group *group, const int *counts) {
    group->at = arena_array(plan->arena, int64_t, plan->steps);
    group->first = plan->steps;
    group->last = -1;
    for (int t = 0; t < plan->steps; t++) {
        group->at[t] = bytes_at(plan, group, counts[t]);
        if (group->at[t] == 0)
            continue;
        group->bytes = max_i64(group->bytes, group->at[t]);
        group->first = (int)min_i64(group->first, t);
        group->last = t;
    }
}

static int64_t area(const Group *group) {
    int64_t sum = 0;
    for (int t = group->first; t <= group->last; t++)
        sum += group->at[t];
    return sum;
}

static int by_need(const void *a, const void *b) {
    const Group *left = a, *right = b;
    int64_t difference = area(right) - area(left);
    if (difference == 0)
        difference = left->member - right->member;
    return difference < 0 ? -1 : difference > 0;
}

static int64_t live_bound(const Plan *plan) {
    int64_t bound = 0;
    for (int t = 0; t < plan->steps; t++) {
        int64_t sum = 0;
        for (int g = 0; g < plan->count; g++)
            sum += plan->groups[g].at[t];
        bound = max_i64(bound, sum);
    }
    return bound;
}

/* ---- greedy orders ----------------------------------------------------------------------- */

static void keep_if_better(Plan *plan) {
    int64_t top = 0;
    for (int g = 0; g < plan->count; g++)
        top = max_i64(top, plan->groups[g].offset + plan->groups[g].bytes);
    if (top >= plan->best)
        return;
    plan->best = top;
    for (int g = 0; g < plan->count; g++)
        plan->best_offset[g] = plan->groups[g].offset;
}

static void clear_places(Plan *plan) {
    for (int g = 0; g < plan->count; g++)
        plan->groups[g].offset = -1;
}

/* If `group` at `offset` hits `placed`, the least offset that avoids it. */
static int64_t pushed_above(const Group *group, const Group *placed, int64_t offset) {
    int64_t least = offset;
    int first = (int)max_i64(group->first, placed->first);
    int last = (int)min_i64(group->last, placed->last);
    if (offset >= placed->offset + placed->bytes || placed->offset >= offset + group->bytes)
        return offset;
    for (int t = first; t <= last; t++) {
        int64_t a = group->at[t], b = placed->at[t];
        if (a && b && offset < placed->offset + b && placed->offset < offset + a)
            least = max_i64(least, placed->offset + b);
    }
    return least;
}

static int64_t lowest_place(const Plan *plan, const Group *group) {
    int64_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int g = 0; g < plan->count; g++) {
            if (plan->groups[g].offset < 0)
                continue;
            int64_t least = pushed_above(group, &plan->groups[g], offset);
            moved |= least != offset;
            offset = least;
        }
    }
    return offset;
}

/* Rank by which a greedy order places; larger first. */
typedef int64_t Rank(const Group *group);

static int64_t by_bytes(const Group *group) {
    return group->bytes;
}
static int64_t by_lifetime(const Group *group) {
    return group->last - group->first;
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
        for (int g = 0; g < plan->count; g++) {
            Group *group = &plan->groups[g];
            if (group->offset >= 0 || (next && rank(next) > rank(group)) ||
                (next && rank(next) == rank(group) && next->bytes >= group->bytes))
                continue;
            next = group;
        }
        next->offset = lowest_place(plan, next);
    }
    keep_if_better(plan);
}

/* ---- the search -------------------------------------------------------------------------- */

/* It places by rising offset, at equal offsets by rising number. Among the optimal plans
 * take one of least sum of offsets: no group of it can move down, so each begins at 0 or where
 * another, of lower offset, ends; and no group can be left out that fits wholly below the next.
 * So at every step all that is placed lies below one line, the search need only keep those
 * lines, and parts of time that no unplaced group spans are searched apart. (Canonical plans and
 * their dominance as in Moffitt 2023, MiniMalloc.) */

/* Groups to be placed in a part of time, by rising number. */
typedef struct Part {
    const int *group;
    int count;
    int64_t floor; /* offset of the group placed last; none of these may begin lower */
    int last;      /* its number, or -1 */
} Part;

/* What one depth of the search writes on. */
typedef struct Level {
    int *group;     /* the part that it passes on */
    int64_t *place; /* (groups of its part) where each would begin */
    int64_t *line;  /* (steps) as it was when it began */
    bool *tried;    /* (groups of its part) */
} Level;

static Level *level_at(Plan *plan, int depth) {
    Level *level = &plan->levels[depth];
    if (!level->group) {
        level->group = arena_array(plan->arena, int, plan->count);
        level->place = arena_array(plan->arena, int64_t, plan->count);
        level->line = arena_array(plan->arena, int64_t, plan->steps);
        level->tried = arena_array(plan->arena, bool, plan->count);
    }
    memcpy(level->line, plan->line, sizeof(int64_t) * (size_t)plan->steps);
    return level;
}

static int64_t line_under(const Plan *plan, const Group *group) {
    int64_t line = 0;
    for (int t = group->first; t <= group->last; t++)
        if (group->at[t])
            line = max_i64(line, plan->line[t]);
    return line;
}

/* Sets where each group could begin. The height that every completion needs: of a group, from
 * there; at each step, of all that is left, from the lowest such place. */
static int64_t height_needed(Plan *plan, const Part *part, Level *level) {
    int64_t needed = 0;
    for (int t = 0; t < plan->steps; t++) {
        plan->left[t] = 0;
        plan->base[t] = INT64_MAX;
    }
    for (int i = 0; i < part->count; i++) {
        const Group *group = &plan->groups[part->group[i]];
        level->place[i] = max_i64(part->floor, line_under(plan, group));
        level->tried[i] = false;
        needed = max_i64(needed, level->place[i] + group->bytes);
        for (int t = group->first; t <= group->last; t++) {
            plan->left[t] += group->at[t];
            if (group->at[t])
                plan->base[t] = min_i64(plan->base[t], level->place[i]);
        }
    }
    for (int t = 0; t < plan->steps; t++)
        if (plan->left[t])
            needed = max_i64(needed, plan->base[t] + plan->left[t]);
    return needed;
}

/* The untried group that begins lowest and may come next, or -1. It begins on what is below it,
 * and lower than any other could end: else that one could lie under it. */
static int next_candidate(const Plan *plan, const Part *part, Level *level) {
    int64_t end = INT64_MAX;
    int next = -1;
    for (int i = 0; i < part->count; i++)
        end = min_i64(end, level->place[i] + plan->groups[part->group[i]].bytes);
    for (int i = 0; i < part->count; i++) {
        int g = part->group[i];
        int64_t place = level->place[i];
        bool in_order = place > part->floor || g > part->last;
        if (level->tried[i] || !in_order || place >= end ||
            place > line_under(plan, &plan->groups[g]))
            continue;
        if (next < 0 || place < level->place[next])
            next = i;
    }
    if (next >= 0)
        level->tried[next] = true;
    return next;
}

static bool part_fits(Plan *plan, int depth, const Part *part);

static void place_group(Plan *plan, int g, int64_t offset) {
    Group *group = &plan->groups[g];
    group->offset = offset;
    for (int t = group->first; t <= group->last; t++)
        if (group->at[t])
            plan->line[t] = offset + group->at[t];
}

/* Tries each group that may come next. */
static bool fits_in_turn(Plan *plan, int depth, const Part *part, Level *level) {
    for (int i; (i = next_candidate(plan, part, level)) >= 0;) {
        int g = part->group[i], count = 0;
        for (int k = 0; k < part->count; k++)
            if (k != i)
                level->group[count++] = part->group[k];
        place_group(plan, g, level->place[i]);
        Part rest = {level->group, count, level->place[i], g};
        if (part_fits(plan, depth + 1, &rest))
            return true;
        memcpy(plan->line, level->line, sizeof(int64_t) * (size_t)plan->steps);
    }
    return false;
}

/* The first step at or after `from` that no group of the part spans together with the next. */
static int part_end(const Plan *plan, const Part *part, int from) {
    int end = from;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < part->count; i++) {
            const Group *group = &plan->groups[part->group[i]];
            if (group->first <= end && group->last > end) {
                end = group->last;
                moved = true;
            }
        }
    }
    return end;
}

/* Parts of time that no group joins are searched one after another. */
static bool fits_apart(Plan *plan, int depth, const Part *part, Level *level) {
    for (int from = 0; from < plan->steps;) {
        int end = part_end(plan, part, from), count = 0;
        for (int i = 0; i < part->count; i++) {
            const Group *group = &plan->groups[part->group[i]];
            if (from <= group->first && group->first <= end)
                level->group[count++] = part->group[i];
        }
        Part one = {level->group, count, part->floor, part->last};
        if (!part_fits(plan, depth + 1, &one)) {
            memcpy(plan->line, level->line, sizeof(int64_t) * (size_t)plan->steps);
            return false;
        }
        from = end + 1;
    }
    return true;
}

/* Whether a group of the part begins after a step that those before do not reach. */
static bool is_apart(const Plan *plan, const Part *part) {
    int first = plan->steps;
    for (int i = 0; i < part->count; i++)
        first = (int)min_i64(first, plan->groups[part->group[i]].first);
    int end = part_end(plan, part, first);
    for (int i = 0; i < part->count; i++)
        if (plan->groups[part->group[i]].first > end)
            return true;
    return false;
}

static bool part_fits(Plan *plan, int depth, const Part *part) {
    if (part->count == 0)
        return true;
    if (plan->nodes-- <= 0)
        return false;
    Level *level = level_at(plan, depth);
    int64_t needed = height_needed(plan, part, level);
    if (needed > plan->height) {
        plan->above = min_i64(plan->above, needed);
        return false;
    }
    if (is_apart(plan, part))
        return fits_apart(plan, depth, part, level);
    return fits_in_turn(plan, depth, part, level);
}

/* Is there a plan of this height? Keeps it. False where there is none or the nodes are spent. */
static bool all_fits(Plan *plan, int64_t height) {
    int *all = arena_array(plan->arena, int, plan->count);
    int count = 0;
    for (int g = 0; g < plan->count; g++) {
        plan->groups[g].offset = 0;
        if (plan->groups[g].bytes)
            all[count++] = g;
    }
    memset(plan->line, 0, sizeof(int64_t) * (size_t)plan->steps);
    plan->height = height;
    plan->above = plan->best;
    Part part = {all, count, 0, -1};
    if (!part_fits(plan, 0, &part))
        return false;
    keep_if_better(plan);
    return true;
}

/* From below: the bound rises until a plan meets it. From above: better plans until none is. */
static void search(Plan *plan, int64_t nodes) {
    Arena *home = plan->arena;
    plan->arena = arena_new(); /* as large as the square of the groups */
    plan->levels = arena_array(plan->arena, Level, 2 * plan->count + 2);
    plan->line = arena_array(plan->arena, int64_t, plan->steps);
    plan->left = arena_array(plan->arena, int64_t, plan->steps);
    plan->base = arena_array(plan->arena, int64_t, plan->steps);
    plan->nodes = nodes / 2;
    while (plan->best > plan->bound && !all_fits(plan, plan->bound) && plan->nodes > 0)
        plan->bound = plan->above;
    plan->nodes = plan->best > plan->bound ? nodes - nodes / 2 : 0;
    while (plan->best > plan->bound && plan->nodes > 0)
        if (!all_fits(plan, plan->best - plan->unit) && plan->nodes > 0)
            plan->bound = plan->best;
    arena_free(plan->arena);
    plan->arena = home;
}

/* ---- the plan ---------------------------------------------------------------------------- */

static void make_groups(Plan *plan, int count) {
    int *group_of = arena_array(plan->arena, int, count), steps = 0;
    for (int i = 0; i < count; i++) {
        Buffer *buffer = &plan->buffers[i];
        buffer->bytes = (buffer->bytes + plan->unit - 1) / plan->unit * plan->unit;
        steps = (int)max_i64(steps, buffer->last + 1);
        group_add(plan, group_of, i);
    }
    int *counts = arena_array(plan->arena, int, steps);
    plan->steps = steps_that_count(plan, steps, counts);
    for (int g = 0; g < plan->count; g++)
        measure_group(plan, &plan->groups[g], counts);
    if (plan->count)
        qsort(plan->groups, (size_t)plan->count, sizeof *plan->groups, by_need);
}

int64_t plan_memory(Arena *arena, Buffer *buffers, int count, int64_t alignment, int64_t nodes,
                    int64_t *bound) {
    Plan plan = {.arena = arena,
                 .buffers = buffers,
                 .next = arena_array(arena, int, count),
                 .groups = arena_array(arena, Group, count),
                 .unit = alignment,
                 .best = INT64_MAX,
                 .best_offset = arena_array(arena, int64_t, count)};
    make_groups(&plan, count);
    plan.bound = live_bound(&plan);
    Rank *const ranks[] = {by_bytes, by_lifetime, area, by_birth, by_death};
    for (int r = 0; r < COUNT(ranks) && plan.best > plan.bound; r++)
        place_greedily(&plan, ranks[r]);
    if (plan.best > plan.bound)
        search(&plan, nodes);
    for (int g = 0; g < plan.count; g++)
        for (int m = plan.groups[g].member; m >= 0; m = plan.next[m])
            buffers[m].offset = plan.best_offset[g];
    *bound = plan.bound;
    return plan.best;
}
