/* polynomials.c: expressions as sums of products, so that what is equal for every member is seen to
 * be, however many decisions it depends on.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* What grows beyond this stays unknown, which is no mistake: members are then enumerated. */
enum { MAX_TERMS = 48, MAX_FACTORS = 6, MAX_VISITS = 400 };

typedef struct Term {
    Rational factor;
    ExprId atom[MAX_FACTORS]; /* ascending; what is no sum, product or share */
    int atoms;
} Term;
typedef struct Polynomial {
    Term term[MAX_TERMS];
    int count;
} Polynomial;

typedef struct Expansion {
    const Folder *folder;
    Arena *scratch; /* NULL: nothing has needed it */
    int visits;
} Expansion;

static bool same_atoms(const Term *a, const Term *b) {
    return a->atoms == b->atoms && !memcmp(a->atom, b->atom, sizeof(ExprId) * (size_t)a->atoms);
}

static bool term_add(Polynomial *p, const Term *term) {
    for (int i = 0; i < p->count; i++) {
        if (!same_atoms(&p->term[i], term))
            continue;
        if (!rational_add(p->term[i].factor, term->factor, &p->term[i].factor))
            return false;
        if (p->term[i].factor.n == 0)
            p->term[i] = p->term[--p->count];
        return true;
    }
    if (p->count == MAX_TERMS)
        return false;
    p->term[p->count++] = *term;
    return true;
}

static bool term_multiply(const Term *a, const Term *b, Term *out) {
    *out = (Term){.atoms = a->atoms + b->atoms};
    if (out->atoms > MAX_FACTORS || !rational_mul(a->factor, b->factor, &out->factor))
        return false;
    for (int i = 0, x = 0, y = 0; i < out->atoms; i++)
        out->atom[i] = y == b->atoms || (x < a->atoms && a->atom[x] <= b->atom[y])
                           ? a->atom[x++]
                           : b->atom[y++];
    return true;
}

static bool expand(Expansion *e, ExprId id, Rational factor, Polynomial *sum);

/* Adds factor * x * y. */
static bool expand_product(Expansion *e, ExprId x, ExprId y, Rational factor, Polynomial *sum) {
    if (!e->scratch)
        e->scratch = arena_new();
    Polynomial *a = arena_new_of(e->scratch, Polynomial);
    Polynomial *b = arena_new_of(e->scratch, Polynomial);
    if (!expand(e, x, factor, a) || !expand(e, y, RATIONAL(1), b))
        return false;
    for (int i = 0; i < a->count; i++)
        for (int k = 0; k < b->count; k++) {
            Term term;
            if (!term_multiply(&a->term[i], &b->term[k], &term) || !term_add(sum, &term))
                return false;
        }
    return true;
}

/* Adds factor times the expression. */
static bool expand(Expansion *e, ExprId id, Rational factor, Polynomial *sum) {
    const Expr *x = &e->folder->space->exprs.at[id];
    Rational value;
    Term term = {.factor = factor};
    if (++e->visits > MAX_VISITS)
        return false;
    switch (x->kind) {
    case EXPR_CONSTANT:
        return rational_mul(factor, x->value, &term.factor) &&
               (term.factor.n == 0 || term_add(sum, &term));
    case EXPR_ADD:
        return expand(e, x->a, factor, sum) && expand(e, x->b, factor, sum);
    case EXPR_SUB:
        return expand(e, x->a, factor, sum) && rational_mul(factor, RATIONAL(-1), &value) &&
               expand(e, x->b, value, sum);
    case EXPR_MUL:
        return expand_product(e, x->a, x->b, factor, sum);
    case EXPR_DIV:
        if (is_constant(e->folder, x->b, &value))
            return rational_div(factor, value, &value) && expand(e, x->a, value, sum);
        break;
    default:
        break;
    }
    term.atom[term.atoms++] = id;
    return term_add(sum, &term);
}

/* The ends of a term, from those of its atoms. */
static bool term_bounds(const Folder *folder, const Term *term, Rational *low, Rational *high) {
    *low = *high = term->factor;
    for (int i = 0; i < term->atoms; i++) {
        const ExprFacts *atom = facts_of(folder, term->atom[i]);
        Rational ends[2] = {*low, *high}, at[2] = {atom->low, atom->high}, corner;
        for (int k = 0; k < 4; k++) {
            if (!atom->bounded || !rational_mul(ends[k / 2], at[k % 2], &corner))
                return false;
            if (k == 0 || rational_compare(corner, *low) < 0)
                *low = corner;
            if (k == 0 || rational_compare(corner, *high) > 0)
                *high = corner;
        }
    }
    return true;
}

bool difference_bounds(const Folder *folder, ExprId a, ExprId b, Rational *low,
                       Rational *high) {
    Expansion e = {.folder = folder};
    Polynomial sum;
    sum.count = 0; /* its terms are not touched before they are added */
    bool known = expand(&e, a, RATIONAL(1), &sum) && expand(&e, b, RATIONAL(-1), &sum);
    *low = *high = RATIONAL(0);
    for (int i = 0; known && i < sum.count; i++) {
        Rational least, most;
        known = term_bounds(folder, &sum.term[i], &least, &most) &&
                rational_add(*low, least, low) && rational_add(*high, most, high);
    }
    arena_free(e.scratch);
    return known;
}
