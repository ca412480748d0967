/* terms.c: functions of few decisions, as tables over their joint values.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

static int64_t truth_evaluate(const Term *term, const Gene *gene) {
    Rational value;
    return expr_value(term->space, term->expr, gene, &value) ? value.n != 0 : TERM_FAILS;
}

int64_t term_value(const Term *term, const Gene *gene) {
    if (!term->value)
        return truth_evaluate(term, gene);
    int64_t at = 0;
    for (int i = 0; i < term->count; i++)
        at = at * term->space->choices.at[term->scope[i]].count + gene[term->scope[i]];
    return term->value[at];
}

Scratch scratch_new(Arena *arena, const Space *space) {
    return (Scratch){arena, space, arena_array(arena, bool, space->choices.count + 1),
                     arena_array(arena, Gene, space->choices.count + 1)};
}

void scratch_mention(Scratch *scratch, ExprId id) {
    expr_mentions(scratch->space, id, scratch->mentioned);
}

bool term_begin(Scratch *scratch, Term *term) {
    const Space *space = scratch->space;
    int count = 0;
    *term = (Term){.space = space, .joint = 1};
    for (int c = 0; c < space->choices.count; c++)
        count += scratch->mentioned[c];
    term->scope = arena_array(scratch->arena, int, count + 1);
    for (int c = 0; c < space->choices.count && term->count < count; c++)
        if (scratch->mentioned[c]) {
            scratch->mentioned[c] = false;
            scratch->gene[c] = 0;
            term->scope[term->count++] = c;
            if (term->joint <= TABLE_LIMIT)
                term->joint *= space->choices.at[c].count;
        }
    if (term->joint > TABLE_LIMIT)
        return false;
    term->value = arena_array(scratch->arena, int64_t, term->joint);
    return true;
}

bool term_next(Scratch *scratch, const Term *term, int64_t *entry) {
    ++*entry;
    for (int i = term->count - 1; i >= 0; i--) {
        int c = term->scope[i];
        if (++scratch->gene[c] < scratch->space->choices.at[c].count)
            return true;
        scratch->gene[c] = 0;
    }
    return false;
}

void term_end(Term *term) {
    bool any = false;
    term->fails = false;
    term->low = term->high = 0;
    for (int64_t i = 0; i < term->joint; i++) {
        int64_t value = term->value[i];
        if (value == TERM_FAILS) {
            term->fails = true;
            continue;
        }
        term->low = any ? min_i64(term->low, value) : value;
        term->high = any ? max_i64(term->high, value) : value;
        any = true;
    }
}

void scratch_mention_term(Scratch *scratch, const Term *term) {
    for (int i = 0; i < term->count; i++)
        scratch->mentioned[term->scope[i]] = true;
}

/* Entries that differ in this decision only lie `stride` apart. */
static bool depends(const Term *term, int values, int64_t stride) {
    for (int64_t k = 0; k < term->joint; k++)
        if (k / stride % values && term->value[k] != term->value[k - stride])
            return true;
    return false;
}

void term_reduce(Arena *arena, Term *term) {
    int64_t stride = 1;
    for (int i = term->count - 1; i >= 0; i--) {
        int values = term->space->choices.at[term->scope[i]].count;
        if (depends(term, values, stride)) {
            stride *= values;
            continue;
        }
        int64_t joint = term->joint / values, *value = arena_array(arena, int64_t, joint);
        for (int64_t k = 0; k < joint; k++)
            value[k] = term->value[k / stride * stride * values + k % stride];
        for (int j = i; j + 1 < term->count; j++)
            term->scope[j] = term->scope[j + 1];
        term->count--;
        term->joint = joint;
        term->value = value;
    }
}

Term term_of_truth(Scratch *scratch, ExprId id) {
    Term term;
    int64_t entry = 0;
    scratch_mention(scratch, id);
    bool table = term_begin(scratch, &term);
    term.expr = id;
    term.high = 1;
    term.fails = !table;
    if (!table)
        return term;
    do
        term.value[entry] = truth_evaluate(&term, scratch->gene);
    while (term_next(scratch, &term, &entry));
    term_reduce(scratch->arena, &term);
    term_end(&term);
    return term;
}

TermList terms_new(Arena *arena) {
    return (TermList){.arena = arena, .by_scope = map_new(arena)};
}

void terms_add(TermList *list, const Term *term) {
    int at;
    Str key = {(const char *)term->scope, (int)sizeof(int) * term->count};
    if (!map_get(list->by_scope, key, &at)) {
        map_put(list->by_scope, key, list->terms.count);
        vec_push(list->arena, &list->terms, *term);
        return;
    }
    Term *sum = &list->terms.at[at];
    for (int64_t i = 0; i < sum->joint; i++) {
        bool fails = sum->value[i] == TERM_FAILS || term->value[i] == TERM_FAILS;
        sum->value[i] = fails ? TERM_FAILS : sum->value[i] + term->value[i];
    }
    term_end(sum);
}
