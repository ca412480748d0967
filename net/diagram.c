/* diagram.c: all legal members of a space as the paths of a layered graph. A level decides one
 * choice; two ways to get there are one node where they leave the same to know: the values of
 * decisions that some table still needs, and how far the sums of conditions have come. So
 * decisions that have nothing to do with one another cost no more than each by itself, and a sum
 * costs as many nodes as it has values.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

#include <stdlib.h>
#include <string.h>

/* An atom's sum so far, or that there is nothing more to know of it. */
#define SETTLED INT64_MAX /* of a whole formula that holds */
#define IS_TRUE (INT64_MAX - 1)
#define IS_FALSE (INT64_MAX - 2)
#define HAS_FAILED (INT64_MAX - 3)

typedef struct Due {
    int target; /* atom, or SpaceSum */
    const Term *term;
} Due;

/* What happens at one level. */
typedef struct Schedule {
    VEC(Due) terms; /* of atoms whose last decision this is */
    VEC(Due) costs;
    VEC(int) formulas; /* that these bear on */
    VEC(int) leaving;  /* choices that nothing needs from here on */
    VEC(int) leaving_formulas;
} Schedule;

/* The nodes of a level while the next is made. */
typedef struct Nodes {
    Arena *arena;
    uint8_t *key; /* (nodes, key_bytes): genes that wait, then sums */
    int count, room, key_bytes;
    int *slots, mask;
    double *weight;      /* (nodes) paths that lead here */
    int64_t *low, *high; /* (nodes, SUM_COUNT) */
} Nodes;

typedef struct Maker {
    const Factors *factors;
    const DiagramPlan *plan;
    Diagram *diagram;
    Schedule *schedule; /* (levels + 1) */
    int *position;      /* (choices) its level */
    bool *off;          /* (formulas) not enabled, or true whatever is decided */
    Gene *gene;
    int64_t *sum;                         /* (atoms) */
    Truth *truth;                         /* (atoms) */
    int64_t *rest_low, *rest_high, *step; /* (atoms) what is still to come; rounding */
    int *rest_terms;
    VEC(int) waiting; /* choices whose values are part of a node */
    VEC(int) begun;   /* formulas whose sums are */
    int64_t edges;
    int64_t before[2][SUM_COUNT];
} Maker;

/* ---- what happens when ------------------------------------------------------------------- */

static int last_position(const Maker *m, const Term *term) {
    int last = 0;
    for (int i = 0; i < term->count; i++)
        last = (int)max_i64(last, m->position[term->scope[i]]);
    return last;
}

static void need_until(int *until, const Term *term, int at) {
    for (int i = 0; i < term->count; i++)
        until[term->scope[i]] = (int)max_i64(until[term->scope[i]], at);
}

static void schedule_formula(Maker *m, Arena *arena, int f, int *until) {
    const Formula *formula = &m->factors->formulas.at[f];
    int last = 0;
    for (int a = formula->first_atom; a < formula->first_atom + formula->atoms; a++)
        for (int i = 0; i < m->factors->atoms.at[a].count; i++) {
            const Term *term = &m->factors->atoms.at[a].terms[i];
            if (!term->count)
                continue;
            int at = last_position(m, term);
            Schedule *s = &m->schedule[at];
            vec_push(arena, &s->terms, ((Due){a, term}));
            if (!s->formulas.count || s->formulas.at[s->formulas.count - 1] != f)
                vec_push(arena, &s->formulas, f);
            need_until(until, term, at);
            last = (int)max_i64(last, at);
        }
    vec_push(arena, &m->schedule[last].leaving_formulas, f);
}

static void schedule_sums(Maker *m, Arena *arena, int *until) {
    for (int s = 0; s < SUM_COUNT; s++)
        for (int i = 0; (m->plan->sums >> s & 1) && i < m->factors->sum[s].count; i++) {
            const Term *term = &m->factors->sum[s].terms[i];
            if (!term->count)
                continue;
            int at = last_position(m, term);
            vec_push(arena, &m->schedule[at].costs, ((Due){s, term}));
            need_until(until, term, at);
        }
}

static void schedule_make(Maker *m, Arena *arena) {
    int choices = m->factors->space->choices.count;
    int *until = arena_array(arena, int, choices + 1);
    for (int c = 0; c < choices; c++)
        until[c] = m->position[c];
    for (int c = 0; c < choices; c++)
        if (m->factors->active[c])
            need_until(until, m->factors->active[c], m->position[c]);
    for (int f = 0; f < m->factors->formulas.count; f++)
        if (!m->off[f])
            schedule_formula(m, arena, f, until);
    schedule_sums(m, arena, until);
    for (int c = 0; c < choices; c++)
        vec_push(arena, &m->schedule[until[c]].leaving, c);
}

/* ---- conditions -------------------------------------------------------------------------- */

static void sum_add(Maker *m, int a, const Term *term) {
    int64_t value = m->sum[a] < HAS_FAILED ? term_value(term, m->gene) : 0;
    if (value == TERM_FAILS)
        m->sum[a] = HAS_FAILED;
    else
        m->sum[a] += value;
}

/* Terms of no decision are known from the beginning. */
static void rest_begin(Maker *m) {
    for (int a = 0; a < m->factors->atoms.count; a++) {
        const Atom *atom = &m->factors->atoms.at[a];
        for (int i = 0; i < atom->count; i++) {
            const Term *term = &atom->terms[i];
            if (!term->count) {
                sum_add(m, a, term);
                continue;
            }
            m->rest_low[a] += term->value ? term->low : 0;
            m->rest_high[a] += term->value ? term->high : 1;
            m->rest_terms[a]++;
        }
    }
}

static void rest_advance(Maker *m, const Schedule *s) {
    for (int i = 0; i < s->terms.count; i++) {
        const Due *due = &s->terms.at[i];
        m->rest_low[due->target] -= due->term->value ? due->term->low : 0;
        m->rest_high[due->target] -= due->term->value ? due->term->high : 1;
        m->rest_terms[due->target]--;
    }
}

static Truth atom_truth(const Maker *m, int a) {
    const Atom *atom = &m->factors->atoms.at[a];
    int64_t sum = m->sum[a];
    if (sum == IS_TRUE || sum == IS_FALSE || sum == HAS_FAILED)
        return sum == IS_TRUE ? TRUTH_YES : sum == IS_FALSE ? TRUTH_NO : TRUTH_FAILS;
    if (atom->fails && m->rest_terms[a])
        return TRUTH_OPEN;
    int64_t low = sum + m->rest_low[a], high = sum + m->rest_high[a];
    if (low >= atom->low && high <= atom->high)
        return TRUTH_YES;
    return high < atom->low || low > atom->high ? TRUTH_NO : TRUTH_OPEN;
}

/* Settles the atoms of a formula as far as is known. */
static Truth formula_settle(Maker *m, int f) {
    const Formula *formula = &m->factors->formulas.at[f];
    int end = formula->first_atom + formula->atoms;
    if (m->sum[formula->first_atom] == SETTLED)
        return TRUTH_YES;
    for (int a = formula->first_atom; a < end; a++) {
        m->truth[a] = atom_truth(m, a);
        if (m->truth[a] != TRUTH_OPEN)
            m->sum[a] = m->truth[a] == TRUTH_YES  ? IS_TRUE
                        : m->truth[a] == TRUTH_NO ? IS_FALSE
                                                  : HAS_FAILED;
    }
    Truth truth = formula_truth(m->factors, formula, m->truth);
    for (int a = formula->first_atom; a < end && truth == TRUTH_YES; a++)
        m->sum[a] = SETTLED;
    return truth;
}

/* Formulas that hold or not whatever is decided; false: one never does. */
static bool formulas_begin(Maker *m) {
    for (int f = 0; f < m->factors->formulas.count; f++) {
        const Formula *formula = &m->factors->formulas.at[f];
        m->off[f] = m->plan->enabled && !m->plan->enabled[formula->origin];
        if (m->off[f])
            continue;
        Truth truth = formula_settle(m, f);
        if (truth == TRUTH_NO || truth == TRUTH_FAILS)
            return false;
        m->off[f] = truth == TRUTH_YES;
    }
    return true;
}

/* Sums that need not be exact are kept in steps, so that there are few: towards more members or
 * towards fewer. Steps below 0 go up. */
static void steps_begin(Maker *m) {
    for (int f = 0; f < m->factors->formulas.count && m->plan->buckets; f++) {
        const FormulaNode *root = &m->factors->nodes.at[m->factors->formulas.at[f].root];
        bool negated = root->kind == FORMULA_NOT;
        if (negated)
            root = &m->factors->nodes.at[root->a];
        const Atom *atom = &m->factors->atoms.at[root->a];
        if (root->kind != FORMULA_ATOM || atom->count < 2 || atom->low != INT64_MIN)
            continue;
        int64_t range = m->rest_high[root->a] - m->rest_low[root->a];
        int64_t step = max_i64(1, range / m->plan->buckets);
        m->step[root->a] = (m->plan->kind == MORE) != negated ? step : -step;
    }
}

static int64_t stepped(const Maker *m, int a) {
    int64_t sum = m->sum[a], step = m->step[a];
    if (!step || sum >= HAS_FAILED)
        return sum;
    int64_t size = step < 0 ? -step : step, rest = ((sum % size) + size) % size;
    return rest && step < 0 ? sum - rest + size : sum - rest;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static int begun_sums(const Maker *m) {
    int count = 0;
    for (int i = 0; i < m->begun.count; i++)
        count += m->factors->formulas.at[m->begun.at[i]].atoms;
    return count;
}

static void key_write(const Maker *m, uint8_t *key) {
    for (int i = 0; i < m->waiting.count; i++)
        *key++ = m->gene[m->waiting.at[i]];
    for (int i = 0; i < m->begun.count; i++) {
        const Formula *formula = &m->factors->formulas.at[m->begun.at[i]];
        for (int a = formula->first_atom; a < formula->first_atom + formula->atoms; a++) {
            int64_t sum = stepped(m, a);
            memcpy(key, &sum, sizeof sum);
            key += sizeof sum;
        }
    }
}

static void key_read(Maker *m, const uint8_t *key) {
    for (int i = 0; i < m->waiting.count; i++)
        m->gene[m->waiting.at[i]] = *key++;
    for (int i = 0; i < m->begun.count; i++) {
        const Formula *formula = &m->factors->formulas.at[m->begun.at[i]];
        for (int a = formula->first_atom; a < formula->first_atom + formula->atoms; a++) {
            memcpy(&m->sum[a], key, sizeof m->sum[a]);
            key += sizeof m->sum[a];
        }
    }
}

static void nodes_begin(Nodes *nodes, Arena *arena, int key_bytes) {
    *nodes = (Nodes){.arena = arena, .key_bytes = key_bytes, .mask = 63, .room = 32};
    nodes->slots = arena_array(arena, int, nodes->mask + 1);
    nodes->key = arena_array(arena, uint8_t, (int64_t)nodes->room * key_bytes + 1);
    nodes->weight = arena_array(arena, double, nodes->room);
    nodes->low = arena_array(arena, int64_t, nodes->room * SUM_COUNT);
    nodes->high = arena_array(arena, int64_t, nodes->room * SUM_COUNT);
}

static void *doubled(Arena *arena, const void *at, size_t bytes) {
    void *grown = arena_alloc(arena, bytes * 2 + 1);
    memcpy(grown, at, bytes);
    return grown;
}

static int *node_slot(const Nodes *nodes, const uint8_t *key) {
    size_t bytes = (size_t)nodes->key_bytes;
    int at = (int)(key_of(key, bytes).lo & (uint64_t)nodes->mask);
    while (nodes->slots[at] &&
           memcmp(nodes->key + (size_t)(nodes->slots[at] - 1) * bytes, key, bytes))
        at = (at + 1) & nodes->mask;
    return &nodes->slots[at];
}

static void nodes_grow(Nodes *nodes) {
    size_t room = (size_t)nodes->room, sums = room * SUM_COUNT * sizeof(int64_t);
    nodes->key = doubled(nodes->arena, nodes->key, room * (size_t)nodes->key_bytes);
    nodes->weight = doubled(nodes->arena, nodes->weight, room * sizeof(double));
    nodes->low = doubled(nodes->arena, nodes->low, sums);
    nodes->high = doubled(nodes->arena, nodes->high, sums);
    nodes->room *= 2;
    nodes->mask = nodes->mask * 2 + 1;
    nodes->slots = arena_array(nodes->arena, int, nodes->mask + 1);
    for (int i = 0; i < nodes->count; i++)
        *node_slot(nodes, nodes->key + (size_t)i * (size_t)nodes->key_bytes) = i + 1;
}

/* The node that knows what the maker now does. */
static int node_find(Maker *m, Nodes *nodes) {
    if (nodes->count == nodes->room)
        nodes_grow(nodes);
    uint8_t *key = nodes->key + (size_t)nodes->count * (size_t)nodes->key_bytes;
    key_write(m, key);
    int *slot = node_slot(nodes, key);
    if (!*slot) {
        *slot = ++nodes->count;
        for (int s = 0; s < SUM_COUNT; s++) {
            nodes->low[(*slot - 1) * SUM_COUNT + s] = INT64_MAX;
            nodes->high[(*slot - 1) * SUM_COUNT + s] = INT64_MIN;
        }
    }
    return *slot - 1;
}

/* ---- one level --------------------------------------------------------------------------- */

/* Adds what the terms give that now have all their decisions; false: no member comes of it. */
static bool decide(Maker *m, const Schedule *s) {
    for (int i = 0; i < s->terms.count; i++)
        sum_add(m, s->terms.at[i].target, s->terms.at[i].term);
    for (int i = 0; i < s->formulas.count; i++) {
        Truth truth = formula_settle(m, s->formulas.at[i]);
        if (truth == TRUTH_NO || truth == TRUTH_FAILS)
            return false;
    }
    return true;
}

static void add_costs(const Maker *m, const Schedule *s, const Nodes *from, int node, Nodes *to,
                      int child) {
    int64_t cost[SUM_COUNT] = {0};
    for (int i = 0; i < s->costs.count; i++)
        cost[s->costs.at[i].target] += term_value(s->costs.at[i].term, m->gene);
    for (int k = 0; k < SUM_COUNT; k++) {
        int64_t *low = &to->low[child * SUM_COUNT + k],
                *high = &to->high[child * SUM_COUNT + k];
        *low = min_i64(*low, from->low[node * SUM_COUNT + k] + cost[k]);
        *high = max_i64(*high, from->high[node * SUM_COUNT + k] + cost[k]);
    }
    to->weight[child] += from->weight[node];
}

static void begin_formulas(Maker *m, Arena *arena, const Schedule *s) {
    for (int i = 0; i < s->formulas.count; i++) {
        bool known = false;
        for (int k = 0; k < m->begun.count && !known; k++)
            known = m->begun.at[k] == s->formulas.at[i];
        if (!known)
            vec_push(arena, &m->begun, s->formulas.at[i]);
    }
}

static int int_find(const int *items, int count, int item) {
    for (int i = 0; i < count; i++)
        if (items[i] == item)
            return i;
    return -1;
}

/* What a node of the next level knows. */
static void advance(Maker *m, Arena *arena, int choice, const Schedule *s) {
    vec_push(arena, &m->waiting, choice);
    for (int i = 0; i < s->leaving.count; i++) {
        int at = int_find(m->waiting.at, m->waiting.count, s->leaving.at[i]);
        if (at >= 0)
            m->waiting.at[at] = m->waiting.at[--m->waiting.count];
    }
    begin_formulas(m, arena, s);
    for (int i = 0; i < s->leaving_formulas.count; i++) {
        int at = int_find(m->begun.at, m->begun.count, s->leaving_formulas.at[i]);
        if (at >= 0)
            m->begun.at[at] = m->begun.at[--m->begun.count];
    }
}

typedef struct Known {
    int *waiting, waiting_count, *begun, begun_count;
} Known;

/* What nodes know before and after a level: copies, since one list becomes the other. */
static Known known_copy(const Maker *m, Arena *arena) {
    return (Known){arena_copy(arena, m->waiting.at, sizeof(int) * (size_t)m->waiting.count),
                   m->waiting.count,
                   arena_copy(arena, m->begun.at, sizeof(int) * (size_t)m->begun.count),
                   m->begun.count};
}

static void known_set(Maker *m, Known known) {
    m->waiting.at = known.waiting;
    m->waiting.count = m->waiting.capacity = known.waiting_count;
    m->begun.at = known.begun;
    m->begun.count = m->begun.capacity = known.begun_count;
}

/* Sums of the formulas that something is added to at a level. */
typedef struct Touched {
    int *atom, count;
    int64_t *kept; /* (count) before a value is tried */
} Touched;

static Touched touched_make(const Maker *m, Arena *arena, const Schedule *s) {
    Touched touched = {0};
    for (int i = 0; i < s->formulas.count; i++)
        touched.count += m->factors->formulas.at[s->formulas.at[i]].atoms;
    touched.atom = arena_array(arena, int, touched.count + 1);
    touched.kept = arena_array(arena, int64_t, touched.count + 1);
    for (int i = 0, k = 0; i < s->formulas.count; i++) {
        const Formula *formula = &m->factors->formulas.at[s->formulas.at[i]];
        for (int a = 0; a < formula->atoms; a++)
            touched.atom[k++] = formula->first_atom + a;
    }
    return touched;
}

/* The sums of formulas that begin here are as they were at the root. */
static void level_expand(Maker *m, Level *level, const Schedule *s, Known before, Known after,
                         const int64_t *fresh, const Nodes *from, Nodes *to) {
    const Term *active = m->factors->active[level->choice];
    Touched touched = touched_make(m, to->arena, s);
    for (int n = 0; n < from->count; n++) {
        known_set(m, before);
        for (int k = 0; k < touched.count; k++)
            m->sum[touched.atom[k]] = fresh[touched.atom[k]];
        key_read(m, from->key + (size_t)n * (size_t)from->key_bytes);
        for (int k = 0; k < touched.count; k++)
            touched.kept[k] = m->sum[touched.atom[k]];
        level->active[n] = !active || term_value(active, m->gene) == 1;
        known_set(m, after);
        for (int v = 0; v < level->values; v++) {
            int *child = &level->child[(int64_t)n * level->values + v];
            *child = -1;
            if (v && !level->active[n])
                continue;
            m->gene[level->choice] = (Gene)v;
            for (int k = 0; k < touched.count; k++)
                m->sum[touched.atom[k]] = touched.kept[k];
            if (!decide(m, s))
                continue;
            *child = node_find(m, to);
            add_costs(m, s, from, n, to, *child);
        }
    }
}

typedef struct Heavy {
    double weight;
    int node;
} Heavy;

static int heavier(const void *left, const void *right) {
    const Heavy *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->node - b->node;
}

/* Keeps the nodes that most paths lead to. */
static void level_prune(const Maker *m, Level *level, int nodes, Nodes *to) {
    if (m->plan->kind != FEWER || !m->plan->widest || to->count <= m->plan->widest)
        return;
    Heavy *heavy = arena_array(to->arena, Heavy, to->count);
    int *renamed = arena_array(to->arena, int, to->count);
    for (int n = 0; n < to->count; n++)
        heavy[n] = (Heavy){to->weight[n], n};
    qsort(heavy, (size_t)to->count, sizeof *heavy, heavier);
    for (int n = 0; n < to->count; n++)
        renamed[heavy[n].node] = n < m->plan->widest ? 0 : -1;
    int kept = 0;
    for (int n = 0; n < to->count; n++) {
        if (renamed[n] < 0)
            continue;
        size_t bytes = (size_t)to->key_bytes, sums = sizeof(int64_t) * SUM_COUNT;
        memmove(to->key + (size_t)kept * bytes, to->key + (size_t)n * bytes, bytes);
        memmove(to->low + kept * SUM_COUNT, to->low + n * SUM_COUNT, sums);
        memmove(to->high + kept * SUM_COUNT, to->high + n * SUM_COUNT, sums);
        to->weight[kept] = to->weight[n];
        renamed[n] = kept++;
    }
    to->count = kept;
    for (int64_t e = 0; e < (int64_t)nodes * level->values; e++)
        if (level->child[e] >= 0)
            level->child[e] = renamed[level->child[e]];
}

/* ---- the whole --------------------------------------------------------------------------- */

static Maker maker_new(Arena *arena, const Factors *factors, const DiagramPlan *plan,
                       Diagram *diagram) {
    int choices = factors->space->choices.count, atoms = factors->atoms.count;
    return (Maker){.factors = factors,
                   .plan = plan,
                   .diagram = diagram,
                   .schedule = arena_array(arena, Schedule, choices + 1),
                   .position = arena_array(arena, int, choices + 1),
                   .off = arena_array(arena, bool, factors->formulas.count + 1),
                   .gene = arena_array(arena, Gene, choices + 1),
                   .sum = arena_array(arena, int64_t, atoms + 1),
                   .truth = arena_array(arena, Truth, atoms + 1),
                   .rest_low = arena_array(arena, int64_t, atoms + 1),
                   .rest_high = arena_array(arena, int64_t, atoms + 1),
                   .step = arena_array(arena, int64_t, atoms + 1),
                   .rest_terms = arena_array(arena, int, atoms + 1)};
}

/* What every member has. */
static int64_t fixed_cost(const CostSum *sum) {
    int64_t cost = 0;
    for (int i = 0; i < sum->count; i++)
        cost += sum->terms[i].count ? 0 : *sum->terms[i].value;
    return cost;
}

/* One level after another, from the root; false: too many edges. */
static bool levels_make(Maker *m, Arena *scratch, const int *order) {
    const Space *space = m->factors->space;
    Diagram *d = m->diagram;
    Arena *arenas[2] = {arena_new(), arena_new()}, *kept = m->plan->keep ? d->arena : NULL;
    int atoms = m->factors->atoms.count;
    int64_t *fresh = arena_copy(scratch, m->sum, sizeof *fresh * (size_t)(atoms + 1));
    Nodes from, to;
    nodes_begin(&from, arenas[0], 0);
    node_find(m, &from);
    from.weight[0] = 1;
    memset(from.low, 0, sizeof(int64_t) * SUM_COUNT);
    memset(from.high, 0, sizeof(int64_t) * SUM_COUNT);
    for (int t = 0; t < d->count && from.count; t++) {
        const Schedule *s = &m->schedule[t];
        Arena *arena = arenas[~t & 1];
        arena_reset(arena);
        Level *level = &d->levels[t];
        *level = (Level){.choice = order[t],
                         .values = space->choices.at[order[t]].count,
                         .nodes = from.count};
        m->edges += (int64_t)from.count * level->values;
        if (m->edges > m->plan->edges)
            break;
        Arena *home = kept ? kept : arena;
        level->child = arena_array(home, int, (int64_t)from.count * level->values);
        level->active = arena_array(home, bool, from.count);
        rest_advance(m, s);
        Known before = known_copy(m, scratch);
        advance(m, scratch, order[t], s);
        Known after = known_copy(m, scratch);
        known_set(m, after);
        nodes_begin(&to, arena, m->waiting.count + 8 * begun_sums(m));
        level_expand(m, level, s, before, after, fresh, &from, &to);
        known_set(m, after);
        level_prune(m, level, from.count, &to);
        from = to;
    }
    bool done = m->edges <= m->plan->edges;
    d->edges = m->edges;
    d->levels[d->count].nodes = done ? from.count : 0;
    for (int s = 0; s < SUM_COUNT && done && from.count; s++) {
        int64_t fixed = m->plan->sums >> s & 1 ? fixed_cost(&m->factors->sum[s]) : 0;
        d->sum_low[s] = from.low[s] + fixed;
        d->sum_high[s] = from.high[s] + fixed;
    }
    arena_free(arenas[0]);
    arena_free(arenas[1]);
    return done;
}

/* From the end: how many members each node leads to. */
static void levels_count(Diagram *d) {
    Level *end = &d->levels[d->count];
    end->count = arena_array(d->arena, Big, 1);
    end->count[0] = big_of(d->arena, end->nodes != 0);
    for (int t = d->count - 1; t >= 0; t--) {
        Level *level = &d->levels[t], *next = level + 1;
        level->count = arena_array(d->arena, Big, level->nodes + 1);
        for (int n = 0; n < level->nodes; n++) {
            const int *child = level->child + (int64_t)n * level->values;
            bool same = level->values > 1;
            for (int v = 1; v < level->values; v++)
                same = same && child[v] == child[0];
            if (same && child[0] >= 0)
                level->count[n] =
                    big_multiply(d->arena, next->count[child[0]], (uint64_t)level->values);
            for (int v = 0; v < level->values && !(same && child[0] >= 0); v++)
                if (child[v] >= 0)
                    level->count[n] = big_add(d->arena, level->count[n], next->count[child[v]]);
        }
    }
    d->members = d->levels[0].count[0];
}

Diagram *diagram_build(Arena *arena, const Factors *factors, const DiagramPlan *plan) {
    int choices = factors->space->choices.count;
    Diagram *d = arena_new_of(arena, Diagram);
    Arena *scratch = arena_new();
    *d = (Diagram){.arena = arena,
                   .space = factors->space,
                   .kind = plan->kind,
                   .levels = arena_array(arena, Level, choices + 1),
                   .count = choices};
    Maker m = maker_new(scratch, factors, plan, d);
    const int *order = decision_order(scratch, factors, plan->enabled, plan->sums);
    for (int t = 0; t < choices; t++)
        m.position[order[t]] = t;
    rest_begin(&m);
    bool legal = formulas_begin(&m), done = true;
    if (legal) {
        steps_begin(&m);
        schedule_make(&m, scratch);
        done = levels_make(&m, scratch, order);
    }
    if (done && legal && plan->keep)
        levels_count(d);
    if (done && legal && !plan->keep)
        d->members = big_of(arena, d->levels[choices].nodes != 0);
    if (!legal)
        d->count = 0;
    arena_free(scratch);
    return done ? d : NULL;
}
