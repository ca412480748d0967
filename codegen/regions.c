/* Memory in two regions: the buffers that are used most lie in the fast one (tightly coupled
 * memory), as far as it has room; the others in the rest of the arena.
 *
 * Groups of buffers that share a place stay together. The search decides group after group, those
 * of the most traffic for each byte and step first, fast before slow: so its first plan is the
 * greedy one, and it goes on to the best, or until its nodes are spent. The arena stays one range
 * of offsets: its first `fast_bytes` are the fast region.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <stdlib.h>
#include <string.h>

/* Buffers that begin at one place. */
typedef struct Family {
    int first; /* buffer */
    int64_t traffic;
    double density; /* traffic for each byte and step */
} Family;

typedef struct Choosing {
    Arena *arena;
    Buffer *buffers;
    int count;
    int *family_of; /* buffer -> the first of those it begins with */
    Family *families;
    int family_count, steps;
    int64_t capacity, unit, nodes;
    bool *fast;     /* (buffers): by first of its family: as tried now */
    bool *best;     /* likewise: the best that fits */
    int64_t chosen; /* traffic of the best */
    int64_t *live;  /* (steps) bytes in the fast region, as tried now */
} Choosing;

static int64_t family_bytes_at(const Choosing *c, int family, int step) {
    int64_t bytes = 0;
    for (int b = 0; b < c->count; b++)
        if (c->family_of[b] == family && c->buffers[b].first <= step &&
            step <= c->buffers[b].last)
            bytes = max_i64(bytes, c->buffers[b].bytes);
    return bytes;
}

static int by_density(const void *a, const void *b) {
    const Family *left = a, *right = b;
    if (left->density != right->density)
        return left->density > right->density ? -1 : 1;
    return left->first - right->first;
}

static void find_families(Choosing *c, const int64_t *traffic) {
    int64_t *sum = arena_array(c->arena, int64_t, c->count);
    for (int b = 0; b < c->count; b++) {
        Buffer *buffer = &c->buffers[b];
        buffer->bytes = (buffer->bytes + c->unit - 1) / c->unit * c->unit;
        c->family_of[b] = buffer->same_as < 0 ? b : c->family_of[buffer->same_as];
        sum[c->family_of[b]] += traffic[b];
        c->steps = (int)max_i64(c->steps, buffer->last + 1);
    }
    for (int b = 0; b < c->count; b++) {
        int64_t area = 0;
        for (int t = 0; c->family_of[b] == b && t < c->steps; t++)
            area += family_bytes_at(c, b, t);
        if (area)
            c->families[c->family_count++] = (Family){b, sum[b], (double)sum[b] / (double)area};
    }
    if (c->family_count)
        qsort(c->families, (size_t)c->family_count, sizeof *c->families, by_density);
}

/* Plans the buffers of one region alone; returns its bytes. Other buffers keep their offsets. */
static int64_t plan_part(const Choosing *c, const bool *fast, bool which, int64_t *bound) {
    enum { NODES = 2000 };
    Buffer *part = arena_array(c->arena, Buffer, c->count);
    int *at = arena_array(c->arena, int, c->count), count = 0;
    for (int b = 0; b < c->count; b++) {
        if (fast[c->family_of[b]] != which)
            continue;
        part[count] = c->buffers[b];
        if (part[count].same_as >= 0)
            part[count].same_as = at[part[count].same_as];
        at[b] = count++;
    }
    int64_t bytes = plan_memory(c->arena, part, count, c->unit, NODES, bound);
    for (int b = 0; b < c->count; b++)
        if (fast[c->family_of[b]] == which)
            c->buffers[b].offset = part[at[b]].offset;
    return bytes;
}

static bool fits_live(const Choosing *c, int family) {
    for (int t = 0; t < c->steps; t++)
        if (c->live[t] + family_bytes_at(c, family, t) > c->capacity)
            return false;
    return true;
}

static void add_live(Choosing *c, int family, int sign) {
    for (int t = 0; t < c->steps; t++)
        c->live[t] += sign * family_bytes_at(c, family, t);
}

/* Families from `next` on; those before have `traffic` in the fast region, and those from `next`
 * on have `left`. */
static void choose(Choosing *c, int next, int64_t traffic, int64_t left) {
    if (traffic + left <= c->chosen || c->nodes-- <= 0)
        return;
    if (next == c->family_count) {
        int64_t bound;
        if (plan_part(c, c->fast, true, &bound) > c->capacity)
            return;
        c->chosen = traffic;
        memcpy(c->best, c->fast, sizeof(bool) * (size_t)c->count);
        return;
    }
    const Family *family = &c->families[next];
    if (fits_live(c, family->first)) {
        c->fast[family->first] = true;
        add_live(c, family->first, 1);
        choose(c, next + 1, traffic + family->traffic, left - family->traffic);
        add_live(c, family->first, -1);
        c->fast[family->first] = false;
    }
    choose(c, next + 1, traffic, left - family->traffic);
}

RegionPlan plan_regions(Buffer *buffers, int count, const int64_t *traffic, int64_t capacity,
                        int64_t alignment, int64_t nodes) {
    Choosing c = {.arena = arena_new(),
                  .buffers = buffers,
                  .count = count,
                  .capacity = capacity / alignment * alignment,
                  .unit = alignment,
                  .nodes = nodes,
                  .chosen = -1};
    RegionPlan plan = {0};
    c.family_of = arena_array(c.arena, int, count);
    c.families = arena_array(c.arena, Family, count);
    c.fast = arena_array(c.arena, bool, count);
    c.best = arena_array(c.arena, bool, count);
    find_families(&c, traffic);
    c.live = arena_array(c.arena, int64_t, c.steps);
    for (int b = 0; b < count; b++)
        plan.traffic += traffic[b];
    choose(&c, 0, 0, plan.traffic);
    plan.proven = c.nodes > 0;
    plan.fast_traffic = max_i64(0, c.chosen);
    plan.fast_bytes = plan_part(&c, c.best, true, &plan.fast_bound);
    plan.slow_bytes = plan_part(&c, c.best, false, &plan.slow_bound);
    for (int b = 0; b < count; b++)
        buffers[b].offset += c.best[c.family_of[b]] ? 0 : plan.fast_bytes;
    arena_free(c.arena);
    return plan;
}

/* ---- programs ---------------------------------------------------------------------------- */

/* Bytes moved, estimated before anything is measured: a result is written once; what products
 * read (scratch where a step has it, else its first operand) one load for each eight. */
static void program_traffic(const Program *program, int64_t *traffic) {
    enum { PRODUCTS_A_LOAD = 8 };
    for (int i = 0; i < program->count; i++) {
        const Step *step = &program->steps[i];
        int64_t loads = step->macs / PRODUCTS_A_LOAD;
        int read = step->scratch >= 0 ? step->scratch : step->input[0];
        if (read >= 0)
            traffic[read] += loads;
        if (step->scratch >= 0)
            traffic[step->scratch] += step->scratch_bytes;
        if (step->output >= 0)
            traffic[step->output] += tensor_bytes(step->out_shape, step->kernel.out);
        for (int k = 0; k < step->inputs; k++)
            if (step->input[k] >= 0)
                traffic[step->input[k]] += tensor_bytes(step->in_shape, step->kernel.in);
    }
}

void program_place(Arena *arena, Program *program, const Target *target, int64_t nodes) {
    program->region = (RegionPlan){0};
    if (!target || target->tcm_bytes == 0) {
        program->arena_bytes =
            plan_memory(arena, program->buffers, program->buffer_count, program->isa->alignment,
                        nodes, &program->bound_bytes);
        return;
    }
    int64_t *traffic = arena_array(arena, int64_t, program->buffer_count);
    program_traffic(program, traffic);
    program->region = plan_regions(program->buffers, program->buffer_count, traffic,
                                   target->tcm_bytes, program->isa->alignment, nodes);
    program->arena_bytes = program->region.fast_bytes + program->region.slow_bytes;
    program->bound_bytes = program->region.fast_bound + program->region.slow_bound;
}
