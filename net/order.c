/* order.c: in which order a diagram meets the decisions, so that few of them wait for others.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

#include <math.h>

/* Decisions that some table needs together. */
typedef struct Tie {
    const int *scope;
    int count, left; /* not yet met */
} Tie;
typedef struct Ordering {
    Arena *arena;
    const Space *space;
    const Factors *factors;
    VEC(Tie) ties;
    int *first, *tie; /* ties of choice c: tie[first[c] .. first[c + 1]) */
    int *open;        /* (choices) ties of it that have decisions left */
    int *waits;       /* (choices) decisions that must be met before it and are not */
    bool *met;
    int *last; /* (choices) the end of its ties that have decisions left */
    int *seen; /* (choices) the stamp of when it was last counted */
    int stamp;
    VEC(int) waiting; /* choices met whose ties are not, and some others */
    int lowest;       /* all choices below are met */
} Ordering;

static void tie_add(Ordering *o, const int *scope, int count) {
    if (count > 1)
        vec_push(o->arena, &o->ties, ((Tie){scope, count, count}));
}

/* A decision and those that say whether it is reached. */
static void tie_active(Ordering *o, int c) {
    const Term *active = o->factors->active[c];
    int *scope = arena_array(o->arena, int, active->count + 1);
    for (int i = 0; i < active->count; i++)
        scope[i] = active->scope[i];
    scope[active->count] = c;
    tie_add(o, scope, active->count + 1);
    o->waits[c] = active->count;
}

static void ties_collect(Ordering *o, const bool *enabled, unsigned sums) {
    const Factors *factors = o->factors;
    for (int c = 0; c < o->space->choices.count; c++)
        if (factors->active[c])
            tie_active(o, c);
    for (int a = 0; a < factors->atoms.count; a++) {
        const Atom *atom = &factors->atoms.at[a];
        if (!enabled || enabled[factors->formulas.at[atom->formula].origin])
            for (int i = 0; i < atom->count; i++)
                tie_add(o, atom->terms[i].scope, atom->terms[i].count);
    }
    for (int s = 0; s < SUM_COUNT; s++)
        for (int i = 0; (sums >> s & 1) && i < factors->sum[s].count; i++)
            tie_add(o, factors->sum[s].terms[i].scope, factors->sum[s].terms[i].count);
}

static void ties_index(Ordering *o) {
    int choices = o->space->choices.count, all = 0;
    for (int t = 0; t < o->ties.count; t++)
        for (int i = 0; i < o->ties.at[t].count; i++)
            o->open[o->ties.at[t].scope[i]]++;
    for (int c = 0; c < choices; c++) {
        o->first[c] = all;
        all += o->open[c];
    }
    o->first[choices] = all;
    for (int c = 0; c < choices; c++)
        o->last[c] = o->first[c + 1];
    o->tie = arena_array(o->arena, int, all + 1);
    int *at = arena_array(o->arena, int, choices + 1);
    for (int t = 0; t < o->ties.count; t++)
        for (int i = 0; i < o->ties.at[t].count; i++) {
            int c = o->ties.at[t].scope[i];
            o->tie[o->first[c] + at[c]++] = t;
        }
}

/* How much more there is to know after c than before, in factors of e. */
static double growth(Ordering *o, int c, int *closing) {
    bool stays = false;
    double sum = 0;
    for (int k = o->first[c]; k < o->first[c + 1]; k++) {
        const Tie *tie = &o->ties.at[o->tie[k]];
        stays |= tie->left > 1;
        for (int i = 0; tie->left == 1 && i < tie->count; i++)
            if (tie->scope[i] != c)
                closing[tie->scope[i]]++;
    }
    for (int k = o->first[c]; k < o->first[c + 1]; k++) {
        const Tie *tie = &o->ties.at[o->tie[k]];
        for (int i = 0; tie->left == 1 && i < tie->count; i++) {
            int u = tie->scope[i];
            if (u != c && closing[u] && closing[u] == o->open[u])
                sum -= log(o->space->choices.at[u].count);
            closing[u] = 0;
        }
    }
    return sum + (stays ? log(o->space->choices.at[c].count) : 0);
}

/* What is to be met before decision u need not wait any longer; stops above `most`. Ties that
 * are met go to the end of its list. */
static double left_to_meet(Ordering *o, int u, double most) {
    double sum = 0;
    o->stamp++;
    for (int k = o->first[u]; k < o->last[u] && sum <= most; k++) {
        const Tie *tie = &o->ties.at[o->tie[k]];
        if (!tie->left) {
            int met = o->tie[k];
            o->tie[k--] = o->tie[--o->last[u]];
            o->tie[o->last[u]] = met;
            continue;
        }
        for (int i = 0; i < tie->count; i++) {
            int c = tie->scope[i];
            if (o->met[c] || o->seen[c] == o->stamp)
                continue;
            o->seen[c] = o->stamp;
            sum += log(o->space->choices.at[c].count);
        }
    }
    return sum;
}

/* Of the decisions that wait, the one that is soonest done with; -1: none waits. */
static int nearly_done(Ordering *o) {
    int best = -1;
    double least = INFINITY;
    for (int i = o->waiting.count - 1; i >= 0; i--) {
        int u = o->waiting.at[i];
        if (!o->open[u]) {
            o->waiting.at[i] = o->waiting.at[--o->waiting.count];
            continue;
        }
        double left = left_to_meet(o, u, least);
        if (left < least) {
            least = left;
            best = u;
        }
    }
    return best;
}

/* Decision c, or one that says whether it is reached. */
static int ready(const Ordering *o, int c) {
    while (o->waits[c]) {
        const Term *active = o->factors->active[c];
        int i = 0;
        while (o->met[active->scope[i]])
            i++;
        c = active->scope[i];
    }
    return c;
}

/* The decision to meet next: what is cheapest of what the decision lacks that is soonest done
 * with; where none waits the first. */
static int next_choice(Ordering *o, int *closing) {
    int u = nearly_done(o), best = -1;
    double least = 0;
    for (int k = u < 0 ? 0 : o->first[u]; u >= 0 && k < o->last[u]; k++) {
        const Tie *tie = &o->ties.at[o->tie[k]];
        for (int i = 0; tie->left && i < tie->count; i++) {
            int c = tie->scope[i];
            if (o->met[c] || (best >= 0 && o->waits[c]))
                continue;
            c = ready(o, c);
            double more = growth(o, c, closing);
            if (best < 0 || more < least || (more == least && c < best)) {
                best = c;
                least = more;
            }
        }
    }
    while (best < 0 && o->met[o->lowest])
        o->lowest++;
    return best >= 0 ? best : o->lowest;
}

static void meet(Ordering *o, int c) {
    o->met[c] = true;
    vec_push(o->arena, &o->waiting, c);
    for (int k = o->first[c]; k < o->first[c + 1]; k++) {
        Tie *tie = &o->ties.at[o->tie[k]];
        if (--tie->left == 0)
            for (int i = 0; i < tie->count; i++)
                o->open[tie->scope[i]]--;
    }
}

/* Decisions wait for those that say whether they are reached. */
static void release(Ordering *o, int c, const int *first, const int *waiting) {
    for (int k = first[c]; k < first[c + 1]; k++)
        o->waits[waiting[k]]--;
}

static void waiting_index(Ordering *o, int *first, int **waiting) {
    int choices = o->space->choices.count, all = 0;
    for (int c = 0; c < choices; c++)
        for (int i = 0; i < o->waits[c]; i++, all++)
            first[o->factors->active[c]->scope[i] + 1]++;
    for (int c = 0; c < choices; c++)
        first[c + 1] += first[c];
    *waiting = arena_array(o->arena, int, all + 1);
    int *at = arena_array(o->arena, int, choices + 1);
    for (int c = 0; c < choices; c++)
        for (int i = 0; i < o->waits[c]; i++) {
            int u = o->factors->active[c]->scope[i];
            (*waiting)[first[u] + at[u]++] = c;
        }
}

int *decision_order(Arena *arena, const Factors *factors, const bool *enabled, unsigned sums) {
    int choices = factors->space->choices.count, *waiting;
    Arena *scratch = arena_new();
    Ordering o = {.arena = scratch,
                  .space = factors->space,
                  .factors = factors,
                  .first = arena_array(scratch, int, choices + 2),
                  .open = arena_array(scratch, int, choices + 1),
                  .waits = arena_array(scratch, int, choices + 1),
                  .met = arena_array(scratch, bool, choices + 1),
                  .last = arena_array(scratch, int, choices + 1),
                  .seen = arena_array(scratch, int, choices + 1)};
    int *closing = arena_array(scratch, int, choices + 1);
    int *first = arena_array(scratch, int, choices + 2);
    int *order = arena_array(arena, int, choices + 1);
    ties_collect(&o, enabled, sums);
    ties_index(&o);
    waiting_index(&o, first, &waiting);
    for (int t = 0; t < choices; t++) {
        order[t] = next_choice(&o, closing);
        meet(&o, order[t]);
        release(&o, order[t], first, waiting);
    }
    arena_free(scratch);
    return order;
}
