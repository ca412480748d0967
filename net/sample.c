/* sample.c: members of a diagram: drawn evenly, or the nearest to a genotype that is none.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

#include <string.h>

static bool is_alive(const Level *next, int child) {
    return child >= 0 && next->count[child].count > 0;
}

void diagram_pick(const Diagram *d, Big *number, Gene *gene) {
    for (int t = 0, node = 0; t < d->count; t++) {
        const Level *level = &d->levels[t], *next = level + 1;
        const int *child = level->child + (int64_t)node * level->values;
        int v = 0;
        for (; v < level->values - 1; v++) {
            if (child[v] < 0)
                continue;
            if (big_compare(*number, next->count[child[v]]) < 0)
                break;
            big_subtract(number, next->count[child[v]]);
        }
        gene[level->choice] = (Gene)v;
        node = child[v];
    }
}

bool diagram_draw(const Diagram *d, Random *random, Gene *gene) {
    if (!d->members.count)
        return false;
    Arena *scratch = arena_new();
    Big number = {arena_array(scratch, uint64_t, d->members.count), 0};
    big_draw(random, d->members, &number);
    diagram_pick(d, &number, gene);
    arena_free(scratch);
    return true;
}

bool diagram_uses(const Diagram *d, int choice, int value) {
    for (int t = 0; t < d->count; t++) {
        const Level *level = &d->levels[t];
        for (int n = 0; level->choice == choice && n < level->nodes; n++)
            if (level->active[n] &&
                is_alive(level + 1, level->child[(int64_t)n * level->values + value]))
                return true;
    }
    return false;
}

/* ---- repair ------------------------------------------------------------------------------ */

/* A node on a way from the root that changes `changes` genes; so few lead here in `ways`
 * ways. */
typedef struct Entry {
    int node, changes;
    double ways;
} Entry;
enum { MOST_ENTRIES = 1 << 10, SLOTS = 1 << 12, MOST_STEPS = 1 << 15 };
typedef struct Repair {
    const Diagram *diagram;
    Arena *arena;
    Entry **entries; /* (levels + 1) */
    int *counts;
    int *slots, *stamps; /* (SLOTS) node -> entry of the level that the stamp names */
    int most;            /* changes */
    int steps;
} Repair;

/* Every gene stays as long as it can; then any value that leads on. The number of changes. */
static int repair_greedily(const Diagram *d, Random *random, const Gene *gene, Gene *out) {
    int changes = 0, node = 0;
    for (int t = 0; t < d->count; t++) {
        const Level *level = &d->levels[t];
        const int *child = level->child + (int64_t)node * level->values;
        int v = level->active[node] && gene[level->choice] < level->values ? gene[level->choice]
                                                                           : 0;
        if (!is_alive(level + 1, child[v])) {
            int alive = 0, nth;
            for (int k = 0; k < level->values; k++)
                alive += is_alive(level + 1, child[k]);
            nth = random_below(random, alive);
            for (v = 0; !is_alive(level + 1, child[v]) || nth--; v++)
                continue;
            changes++;
        }
        out[level->choice] = (Gene)v;
        node = child[v];
    }
    return changes;
}

/* False: too many. */
static bool entry_add(Repair *r, int level, Entry entry) {
    int at = (int)((uint32_t)entry.node * 2654435761u % SLOTS);
    while (r->stamps[at] == level && r->entries[level][r->slots[at]].node != entry.node)
        at = (at + 1) % SLOTS;
    if (r->stamps[at] != level) {
        if (r->counts[level] == MOST_ENTRIES)
            return false;
        r->stamps[at] = level;
        r->slots[at] = r->counts[level]++;
        r->entries[level][r->slots[at]] = entry;
        return true;
    }
    Entry *known = &r->entries[level][r->slots[at]];
    if (entry.changes < known->changes)
        *known = entry;
    else if (entry.changes == known->changes)
        known->ways += entry.ways;
    return true;
}

/* What a value costs at a node. */
static int change_of(const Level *level, int node, int value, const Gene *gene) {
    return level->active[node] && value != gene[level->choice];
}

static bool repair_expand(Repair *r, int t, const Gene *gene) {
    const Level *level = &r->diagram->levels[t];
    r->entries[t + 1] = arena_array(r->arena, Entry, MOST_ENTRIES);
    for (int i = 0; i < r->counts[t]; i++) {
        Entry from = r->entries[t][i];
        const int *child = level->child + (int64_t)from.node * level->values;
        for (int v = 0; v < level->values; v++) {
            int changes = from.changes + change_of(level, from.node, v, gene);
            if (changes > r->most || !is_alive(level + 1, child[v]))
                continue;
            if (++r->steps > MOST_STEPS ||
                !entry_add(r, t + 1, (Entry){child[v], changes, from.ways}))
                return false;
        }
    }
    return true;
}

/* From the end back, each way with the same probability. */
static void repair_choose(const Repair *r, Random *random, const Gene *gene, Gene *out) {
    const Diagram *d = r->diagram;
    Entry to = r->entries[d->count][0];
    for (int t = d->count - 1; t >= 0; t--) {
        const Level *level = &d->levels[t];
        double at = random_next_unit(random) * to.ways;
        Entry from = {0};
        for (int i = 0; i < r->counts[t] && at >= 0; i++) {
            Entry e = r->entries[t][i];
            for (int v = 0; v < level->values && at >= 0; v++) {
                if (level->child[(int64_t)e.node * level->values + v] != to.node ||
                    e.changes + change_of(level, e.node, v, gene) != to.changes)
                    continue;
                from = e;
                out[level->choice] = (Gene)v;
                at -= e.ways;
            }
        }
        to = from;
    }
}

bool diagram_repair(const Diagram *d, Random *random, Gene *gene) {
    if (!d->members.count)
        return false;
    Repair r = {.diagram = d, .arena = arena_new()};
    Gene *out = arena_array(r.arena, Gene, d->count + 1);
    r.most = repair_greedily(d, random, gene, out);
    if (r.most > 0) {
        bool all = true;
        r.entries = arena_array(r.arena, Entry *, d->count + 1);
        r.counts = arena_array(r.arena, int, d->count + 1);
        r.slots = arena_array(r.arena, int, SLOTS);
        r.stamps = arena_array(r.arena, int, SLOTS);
        r.entries[0] = arena_array(r.arena, Entry, 1);
        r.entries[0][0] = (Entry){0, 0, 1};
        r.counts[0] = 1;
        for (int t = 0; t < d->count && all; t++)
            all = repair_expand(&r, t, gene);
        if (all)
            repair_choose(&r, random, gene, out);
    }
    memcpy(gene, out, (size_t)d->count);
    arena_free(r.arena);
    return true;
}
