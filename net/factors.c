/* factors.c: what makes a member legal, cut into parts that bear on few decisions each: a
 * conjunction into its conditions, a comparison of sums into its terms.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

/* Below this many joint values a condition is looked up as a whole. */
enum { SMALL = 64, MOST_TERMS = 1 << 14 };

typedef struct Builder {
    Factors *factors;
    Scratch scratch;
    Formula *formula; /* that atoms are made for */
} Builder;

/* ---- comparisons of sums ----------------------------------------------------------------- */

/* factor * expr. */
typedef struct Part {
    ExprId expr;
    Rational factor;
} Part;
typedef struct Sum {
    Arena *arena;
    VEC(Part) parts;
    Rational constant;
} Sum;

static bool sum_collect(const Space *space, ExprId id, Rational factor, Sum *sum) {
    const Expr *e = &space->exprs.at[id];
    Rational product, minus = {-1, 1};
    switch (e->kind) {
    case EXPR_CONSTANT:
        return rational_mul(e->value, factor, &product) &&
               rational_add(sum->constant, product, &sum->constant);
    case EXPR_ADD:
        return sum_collect(space, e->a, factor, sum) && sum_collect(space, e->b, factor, sum);
    case EXPR_SUB:
        return sum_collect(space, e->a, factor, sum) && rational_mul(factor, minus, &product) &&
               sum_collect(space, e->b, product, sum);
    case EXPR_MUL:
    case EXPR_DIV:
        if (space->exprs.at[e->b].kind == EXPR_CONSTANT) {
            Rational by = space->exprs.at[e->b].value;
            return (e->kind == EXPR_MUL ? rational_mul : rational_div)(factor, by, &product) &&
                   sum_collect(space, e->a, product, sum);
        }
        if (e->kind == EXPR_MUL && space->exprs.at[e->a].kind == EXPR_CONSTANT)
            return rational_mul(factor, space->exprs.at[e->a].value, &product) &&
                   sum_collect(space, e->b, product, sum);
        /* fallthrough */
    default:
        if (sum->parts.count == MOST_TERMS)
            return false;
        vec_push(sum->arena, &sum->parts, ((Part){id, factor}));
        return true;
    }
}

/* Values of one part. */
typedef struct Values {
    Term term;
    Rational *exact; /* (term.joint); d == 0: fails */
} Values;

static bool part_values(Scratch *scratch, const Part *part, Values *values) {
    int64_t entry = 0;
    scratch_mention(scratch, part->expr);
    if (!term_begin(scratch, &values->term))
        return false;
    values->exact = arena_array(scratch->arena, Rational, values->term.joint);
    do {
        Rational *value = &values->exact[entry];
        if (!expr_value(scratch->space, part->expr, scratch->gene, value) ||
            !rational_mul(*value, part->factor, value))
            *value = (Rational){0, 0};
    } while (term_next(scratch, &values->term, &entry));
    return true;
}

/* The least number that makes all whole; false where it is too large. */
static bool common_denominator(const Values *values, int count, int64_t *scale) {
    *scale = 1;
    for (int i = 0; i < count; i++)
        for (int64_t k = 0; k < values[i].term.joint; k++) {
            Rational over;
            int64_t d = values[i].exact[k].d;
            if (d == 0 || *scale % d == 0)
                continue;
            if (!rational_make(*scale, d, &over) || *scale > TERM_LIMIT / over.d)
                return false;
            *scale *= over.d;
        }
    return true;
}

static bool values_scale(Values *values, int64_t scale) {
    Term *term = &values->term;
    for (int64_t k = 0; k < term->joint; k++) {
        Rational value = values->exact[k];
        if (value.d == 0) {
            term->value[k] = TERM_FAILS;
            continue;
        }
        if (!rational_mul(value, RATIONAL(scale), &value) || value.n > TERM_LIMIT ||
            value.n < -TERM_LIMIT)
            return false;
        term->value[k] = value.n;
    }
    term_end(term);
    return true;
}

/* sum + constant <, <= or == 0. */
static bool atom_ends(ExprKind kind, Rational constant, int64_t scale, Atom *atom) {
    Rational end;
    if (!rational_mul(constant, RATIONAL(-scale), &end) || end.n == INT64_MIN)
        return false;
    atom->high = rational_floor(end);
    atom->low = INT64_MIN;
    if (kind == EXPR_LESS && rational_is_integer(end))
        atom->high--;
    if (kind == EXPR_EQUAL)
        atom->low = atom->high + !rational_is_integer(end);
    return true;
}

/* A comparison as a sum of terms; false where it is none. */
static bool comparison_atom(Builder *b, const Expr *e, Atom *atom) {
    Sum sum = {.arena = b->scratch.arena, .constant = {0, 1}};
    const Space *space = b->scratch.space;
    int64_t scale;
    if (!sum_collect(space, e->a, RATIONAL(1), &sum) ||
        !sum_collect(space, e->b, RATIONAL(-1), &sum))
        return false;
    Values *values = arena_array(b->scratch.arena, Values, sum.parts.count);
    for (int i = 0; i < sum.parts.count; i++)
        if (!part_values(&b->scratch, &sum.parts.at[i], &values[i]))
            return false;
    if (!common_denominator(values, sum.parts.count, &scale) ||
        !atom_ends(e->kind, sum.constant, scale, atom))
        return false;
    TermList list = terms_new(b->factors->arena);
    for (int i = 0; i < sum.parts.count; i++) {
        if (!values_scale(&values[i], scale))
            return false;
        terms_add(&list, &values[i].term);
    }
    atom->terms = list.terms.at;
    atom->count = list.terms.count;
    return true;
}

/* ---- formulas ---------------------------------------------------------------------------- */

static int node_push(Builder *b, FormulaNode node) {
    vec_push(b->factors->arena, &b->factors->nodes, node);
    return b->factors->nodes.count - 1;
}

static int atom_push(Builder *b, Atom atom) {
    Factors *factors = b->factors;
    atom.formula = factors->formulas.count;
    for (int i = 0; i < atom.count; i++)
        atom.fails |= atom.terms[i].fails;
    b->formula->fails |= atom.fails;
    b->formula->atoms++;
    vec_push(factors->arena, &factors->atoms, atom);
    return node_push(b, (FormulaNode){FORMULA_ATOM, factors->atoms.count - 1, 0});
}

static int truth_node(Builder *b, Term term) {
    Atom atom = {.terms = arena_copy(b->factors->arena, &term, sizeof term),
                 .count = 1,
                 .low = 1,
                 .high = 1};
    return atom_push(b, atom);
}

static int node_of(Builder *b, ExprId id) {
    const Expr *e = &b->scratch.space->exprs.at[id];
    Atom atom = {0};
    Term term = term_of_truth(&b->scratch, id);
    if (term.count <= 2 || (term.value && term.joint <= SMALL))
        return truth_node(b, term);
    switch (e->kind) {
    case EXPR_NOT: {
        int a = node_of(b, e->a);
        return node_push(b, (FormulaNode){FORMULA_NOT, a, 0});
    }
    case EXPR_AND:
    case EXPR_OR: {
        int left = node_of(b, e->a), right = node_of(b, e->b);
        return node_push(
            b, (FormulaNode){e->kind == EXPR_AND ? FORMULA_AND : FORMULA_OR, left, right});
    }
    case EXPR_LESS:
    case EXPR_LESS_EQUAL:
    case EXPR_EQUAL:
        if (comparison_atom(b, e, &atom))
            return atom_push(b, atom);
        /* fallthrough */
    default:
        return truth_node(b, term);
    }
}

/* One formula for each part of a conjunction. */
static void condition_split(Builder *b, ExprId id, int origin) {
    const Expr *e = &b->scratch.space->exprs.at[id];
    if (e->kind == EXPR_NONE)
        return;
    if (e->kind == EXPR_AND) {
        condition_split(b, e->a, origin);
        condition_split(b, e->b, origin);
        return;
    }
    Formula formula = {.origin = origin, .first_atom = b->factors->atoms.count};
    b->formula = &formula;
    formula.root = node_of(b, id);
    vec_push(b->factors->arena, &b->factors->formulas, formula);
}

static void limit_add(Builder *b, const SumLimit *limit, int origin) {
    const CostSum *sum = &b->factors->sum[limit->sum];
    Formula formula = {.origin = origin, .first_atom = b->factors->atoms.count};
    Atom atom = {
        .terms = sum->terms, .count = sum->count, .low = INT64_MIN, .high = limit->most};
    b->formula = &formula;
    formula.root = atom_push(b, atom);
    vec_push(b->factors->arena, &b->factors->formulas, formula);
}

void factors_cost(Factors *factors) {
    Scratch scratch = scratch_new(factors->arena, factors->space);
    if (!factors->costed)
        cost_sums(&scratch, factors->sum);
    factors->costed = true;
}

Factors *factors_new(Arena *arena, const Space *space, const SumLimit *limits, int count) {
    Factors *factors = arena_new_of(arena, Factors);
    Builder b = {.factors = factors, .scratch = scratch_new(arena, space)};
    *factors = (Factors){.arena = arena,
                         .space = space,
                         .active = arena_array(arena, Term *, space->choices.count + 1),
                         .origins = space->constraints.count + count};
    for (int c = 0; c < space->choices.count; c++)
        if (space->choices.at[c].active) {
            Term term = term_of_truth(&b.scratch, space->choices.at[c].active);
            factors->active[c] = arena_copy(arena, &term, sizeof term);
        }
    if (count)
        factors_cost(factors);
    for (int i = 0; i < space->constraints.count; i++)
        condition_split(&b, space->constraints.at[i].condition, i);
    for (int i = 0; i < count; i++)
        limit_add(&b, &limits[i], space->constraints.count + i);
    return factors;
}

/* As `and`, `or` and `not` are evaluated: from the left, no further than decides; what cannot
 * be evaluated is not true. */
static Truth node_truth(const Factors *factors, const Formula *formula, int node,
                        const Truth *atoms) {
    const FormulaNode *n = &factors->nodes.at[node];
    if (n->kind == FORMULA_ATOM)
        return atoms[n->a];
    Truth a = node_truth(factors, formula, n->a, atoms);
    if (n->kind == FORMULA_NOT)
        return a == TRUTH_NO ? TRUTH_YES : a == TRUTH_YES ? TRUTH_NO : a;
    Truth deciding = n->kind == FORMULA_OR ? TRUTH_YES : TRUTH_NO;
    if (a == deciding || a == TRUTH_FAILS || (a == TRUTH_OPEN && formula->fails))
        return a;
    Truth b = node_truth(factors, formula, n->b, atoms);
    return a == TRUTH_OPEN && b != deciding ? TRUTH_OPEN : b;
}

Truth formula_truth(const Factors *factors, const Formula *formula, const Truth *atoms) {
    return node_truth(factors, formula, formula->root, atoms);
}
