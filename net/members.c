/* members.c: all legal members of a space: their number, what they add up to, which values they
 * take; exact where a diagram of them fits, else between bounds that say so.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

#include <string.h>

/* Edges of a diagram; of all that explain what a value is excluded by. */
enum { MOST_EDGES = 1 << 20, MOST_EXPLAINING = 1 << 22 };
enum { BUCKETS = 256, MOST_CONDITIONS = 64 };

struct Members {
    Arena *arena;
    const Space *space;
    Factors *factors;
    Span *span;         /* (origins) where the condition stands */
    Diagram *whole;     /* NULL: too large; then: */
    Diagram *more;      /* or NULL: nothing better than the product of all choices is known */
    Diagram *fewer;     /* or NULL: no legal member is known */
    int64_t explaining; /* edges that explanations may still use */
    bool loose;         /* a limit is known only in part: `whole` may hold illegal members */
};

/* Diagrams too large to be exact: at first with sums in coarse steps, at last without
 * conditions. */
static void members_bound(Members *m) {
    int values = 1;
    for (int c = 0; c < m->space->choices.count; c++)
        values += m->space->choices.at[c].count;
    DiagramPlan plan = {.kind = MORE, .keep = true, .edges = MOST_EDGES};
    for (plan.buckets = BUCKETS; plan.buckets > 4 && !m->more; plan.buckets /= 8)
        m->more = diagram_build(m->arena, m->factors, &plan);
    plan.enabled = arena_array(m->arena, bool, m->factors->origins + 1);
    if (!m->more)
        m->more = diagram_build(m->arena, m->factors, &plan);
    plan = (DiagramPlan){.kind = FEWER, .keep = true, .edges = MOST_EDGES, .buckets = BUCKETS};
    plan.widest = (int)max_i64(16, MOST_EDGES / 2 / values);
    m->fewer = diagram_build(m->arena, m->factors, &plan);
    if (m->fewer && !m->fewer->members.count)
        m->fewer = NULL;
}

Members *members_new(Arena *arena, const Space *space, const SumLimit *limits, int count) {
    Members *m = arena_new_of(arena, Members);
    DiagramPlan plan = {.kind = WHOLE, .keep = true, .edges = MOST_EDGES};
    *m = (Members){.arena = arena,
                   .space = space,
                   .factors = factors_new(arena, space, limits, count),
                   .span = arena_array(arena, Span, space->constraints.count + count + 1)};
    for (int i = 0; i < space->constraints.count; i++)
        m->span[i] = space->constraints.at[i].span;
    for (int i = 0; i < count; i++) {
        m->span[space->constraints.count + i] = limits[i].span;
        m->loose |= !m->factors->sum[limits[i].sum].exact;
    }
    m->explaining = MOST_EXPLAINING;
    m->whole = diagram_build(arena, m->factors, &plan);
    if (!m->whole)
        members_bound(m);
    return m;
}

/* ---- counting ---------------------------------------------------------------------------- */

static Big product_of_all(const Members *m) {
    Big product = big_of(m->arena, 1);
    for (int c = 0; c < m->space->choices.count; c++)
        product = big_multiply(m->arena, product, (uint64_t)m->space->choices.at[c].count);
    return product;
}

SpaceCount members_count(const Members *m) {
    Big none = {0}, most = {0}, least = {0};
    if (m->whole)
        most = m->whole->members;
    else
        most = m->more ? m->more->members : product_of_all(m);
    if (m->whole)
        least = m->loose ? none : most;
    else if (m->fewer && !m->loose)
        least = m->fewer->members;
    return (SpaceCount){big_print(m->arena, most), big_log10(most),
                        big_compare(most, least) == 0, big_print(m->arena, least),
                        big_log10(least)};
}

SpaceCount space_count(Arena *arena, const Space *space) {
    return members_count(members_new(arena, space, NULL, 0));
}

/* ---- sums -------------------------------------------------------------------------------- */

static bool bounds_of(const Diagram *d, SpaceSum sum, SumBounds *bounds) {
    bounds->low = d->sum_low[sum];
    bounds->high = d->sum_high[sum];
    return d->members.count > 0;
}

/* Every term at its least, and at its largest. */
static void bounds_apart(const CostSum *sum, SumBounds *bounds) {
    bounds->low = bounds->high = 0;
    for (int i = 0; i < sum->count; i++) {
        bounds->low += sum->terms[i].low;
        bounds->high += sum->terms[i].high;
    }
}

bool members_sum(Members *m, SpaceSum sum, SumBounds *bounds) {
    DiagramPlan plan = {.kind = WHOLE, .sums = 1u << sum, .edges = MOST_EDGES};
    factors_cost(m->factors);
    const CostSum *cost = &m->factors->sum[sum];
    Diagram *d = cost->high < 0 ? NULL : diagram_build(m->arena, m->factors, &plan);
    bounds->exact = d && cost->exact && !m->loose;
    if (!m->space->choices.count) /* the diagram has no level that would sum */
        d = NULL;
    if (!d && m->space->choices.count) {
        plan.kind = MORE;
        plan.enabled = arena_array(m->arena, bool, m->factors->origins + 1);
        d = cost->high < 0 ? NULL : diagram_build(m->arena, m->factors, &plan);
    }
    if (d && !bounds_of(d, sum, bounds))
        return false;
    if (!d)
        bounds_apart(cost, bounds);
    bounds->high += cost->high;
    return cost->high >= 0;
}

/* ---- values ------------------------------------------------------------------------------ */

MemberUse members_use(const Members *m, int choice, int value) {
    if (m->whole && !diagram_uses(m->whole, choice, value))
        return USE_NONE;
    if (m->whole)
        return m->loose ? USE_UNKNOWN : USE_SOME;
    if (m->more && !diagram_uses(m->more, choice, value))
        return USE_NONE;
    bool used = m->fewer && !m->loose && diagram_uses(m->fewer, choice, value);
    return used ? USE_SOME : USE_UNKNOWN;
}

/* Whether the conditions exclude the value, or everything; false also where that is not
 * known. */
static bool excludes(Members *m, const bool *enabled, int choice, int value) {
    Arena *arena = arena_new();
    DiagramPlan plan = {.kind = WHOLE,
                        .enabled = enabled,
                        .keep = choice >= 0,
                        .edges = min_i64(MOST_EDGES, m->explaining)};
    const Diagram *d = diagram_build(arena, m->factors, &plan);
    m->explaining -= d ? d->edges : plan.edges;
    bool none = d && (choice < 0 ? !d->members.count : !diagram_uses(d, choice, value));
    arena_free(arena);
    return none;
}

static bool same_place(Span a, Span b) {
    return a.length && a.start == b.start && a.length == b.length;
}

static void enable_place(const Members *m, bool *enabled, int origin, bool on) {
    for (int i = 0; i < m->factors->origins; i++)
        if (i == origin || same_place(m->span[i], m->span[origin]))
            enabled[i] = on;
}

static bool is_first_of_place(const Members *m, int origin) {
    for (int i = 0; i < origin; i++)
        if (same_place(m->span[i], m->span[origin]))
            return false;
    return true;
}

/* Leaves out one place after another, as long as the rest still excludes. */
int members_conflict(Members *m, int choice, int value, const int **conditions) {
    int origins = m->factors->origins, places = 0, count = 0;
    bool *enabled = arena_array(m->arena, bool, origins + 1);
    int *found = arena_array(m->arena, int, origins + 1);
    memset(enabled, true, (size_t)origins);
    for (int i = 0; i < origins; i++)
        places += is_first_of_place(m, i);
    if (places > MOST_CONDITIONS || !excludes(m, enabled, choice, value))
        return 0;
    for (int i = origins - 1; i >= 0; i--) {
        if (!is_first_of_place(m, i))
            continue;
        enable_place(m, enabled, i, false);
        if (!excludes(m, enabled, choice, value))
            enable_place(m, enabled, i, true);
    }
    for (int i = 0; i < origins; i++)
        if (enabled[i] && is_first_of_place(m, i))
            found[count++] = i;
    *conditions = found;
    return count;
}

/* ---- drawing ----------------------------------------------------------------------------- */

static const Diagram *known_members(const Members *m) {
    return m->whole ? m->whole : m->fewer;
}

bool members_draw(const Members *m, Random *random, Gene *gene) {
    const Diagram *d = known_members(m);
    return d && diagram_draw(d, random, gene);
}

bool members_pick(const Members *m, uint64_t number, Gene *gene) {
    Big at = {&number, number > 0};
    if (!m->whole || m->loose || big_compare(at, m->whole->members) >= 0)
        return false;
    diagram_pick(m->whole, &at, gene);
    return true;
}

bool members_repair(const Members *m, Random *random, Gene *gene) {
    const Diagram *d = known_members(m);
    genotype_canonical(m->space, gene);
    if (d && d->kind == FEWER && genotype_legal(m->space, gene))
        return true; /* it may be one of those that are missing */
    return d && diagram_repair(d, random, gene);
}
