/* feasible.h: what the passes share that count, bound and draw the legal members of a space:
 * conditions and costs as sums of small tables, the order in which decisions are met, and the
 * diagram of all legal members.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef FEASIBLE_H
#define FEASIBLE_H

#include "net/net.h"

/* ---- big.c: natural numbers of any length ------------------------------------------------ */

typedef struct Big {
    uint64_t *limb; /* (count) least significant first; the last is not 0 */
    int count;      /* 0: zero */
} Big;
Big big_of(Arena *arena, uint64_t value);
Big big_add(Arena *arena, Big a, Big b);
Big big_multiply(Arena *arena, Big a, uint64_t factor);
int big_compare(Big a, Big b);
Str big_print(Arena *arena, Big a); /* decimal */
double big_log10(Big a);            /* 0 of zero */
/* Evenly from 0 to below - 1, for `below` > 0, into the limbs of *out, which has room for
 * below.count. */
void big_draw(Random *random, Big below, Big *out);
void big_subtract(Big *from, Big b); /* in place; b <= *from */

/* ---- terms.c: functions of few decisions ------------------------------------------------- */

enum { TABLE_LIMIT = 1 << 14 };    /* joint values that a table holds */
#define TERM_FAILS INT64_MIN       /* a division by zero, an overflow */
#define TERM_LIMIT ((int64_t)1 << 46) /* of a value; thousands of them add up in 64 bits */

/* A whole number for each joint value of its decisions. */
typedef struct Term {
    int count, *scope;  /* decisions, ascending */
    int64_t *value;     /* the last decision runs fastest; NULL: too many, evaluated as asked */
    int64_t joint;      /* how many joint values; saturates above TABLE_LIMIT */
    const Space *space;
    ExprId expr; /* where value is NULL: whose truth it is */
    bool fails;        /* for some joint values */
    int64_t low, high; /* of the values that do not fail */
} Term;
int64_t term_value(const Term *term, const Gene *gene);
/* What making terms needs, again and again. */
typedef struct Scratch {
    Arena *arena;
    const Space *space;
    bool *mentioned; /* (choices) none, between two terms */
    Gene *gene;      /* (choices) */
} Scratch;
Scratch scratch_new(Arena *arena, const Space *space);
void scratch_mention(Scratch *scratch, ExprId id);
/* An empty table over the decisions mentioned, which it forgets, and the genes of its first
 * entry; false where their joint values are too many. */
bool term_begin(Scratch *scratch, Term *term);
/* The genes of the next entry. */
bool term_next(Scratch *scratch, const Term *term, int64_t *entry);
void term_end(Term *term); /* sets fails, low, high */
void term_reduce(Arena *arena, Term *term); /* leaves out decisions that nothing depends on */
void scratch_mention_term(Scratch *scratch, const Term *term);
/* Whether the expression is true, as 1 and 0. */
Term term_of_truth(Scratch *scratch, ExprId id);
/* Adds the term to those of a sum: to the one over the same decisions, if there is one. */
typedef struct TermList {
    Arena *arena;
    VEC(Term) terms;
    Map *by_scope;
} TermList;
TermList terms_new(Arena *arena);
void terms_add(TermList *list, const Term *term);

/* ---- factors.c: what makes a member legal ------------------------------------------------ */

/* low <= sum of terms <= high. */
typedef struct Atom {
    Term *terms;
    int count;
    int64_t low, high;
    bool fails;
    int formula;
} Atom;
typedef enum { FORMULA_ATOM, FORMULA_AND, FORMULA_OR, FORMULA_NOT } FormulaKind;
typedef struct FormulaNode {
    FormulaKind kind;
    int a, b; /* nodes; of an atom, its number */
} FormulaNode;
typedef struct Formula {
    int root;
    int first_atom, atoms;
    int origin; /* the constraint, or constraints + the limit, that it is part of */
    bool fails; /* one of its atoms may */
} Formula;
/* A sum to be bounded over all members. */
typedef struct CostSum {
    Term *terms;
    int count;
    bool exact;   /* false: some operator's share depends on too much to be a term; then */
    int64_t high; /* all these together add from 0 to so much */
} CostSum;
typedef struct Factors {
    Arena *arena;
    const Space *space;
    Term **active; /* (choices) NULL: always reached */
    VEC(Formula) formulas;
    VEC(FormulaNode) nodes;
    VEC(Atom) atoms;
    CostSum sum[SUM_COUNT]; /* once asked for */
    bool costed;
    int origins;
} Factors;
Factors *factors_new(Arena *arena, const Space *space, const SumLimit *limits, int count);
void factors_cost(Factors *factors); /* sets sum */
/* Truth of a formula from those of its atoms. */
typedef enum { TRUTH_NO, TRUTH_YES, TRUTH_FAILS, TRUTH_OPEN } Truth;
Truth formula_truth(const Factors *factors, const Formula *formula, const Truth *atoms);

/* ---- costs.c: parameters, multiplications, weights as sums of terms ---------------------- */

void cost_sums(Scratch *scratch, CostSum *sum); /* (SUM_COUNT) */

/* ---- order.c: in which order decisions are met ------------------------------------------- */

/* Few decisions wait at a time for others that they bear on. `sums`: a set of SpaceSums whose
 * terms count too; enabled[origin] false: that condition does not. */
int *decision_order(Arena *arena, const Factors *factors, const bool *enabled, unsigned sums);

/* ---- diagram.c: all legal members as paths ----------------------------------------------- */

typedef enum {
    WHOLE,   /* exactly the legal members */
    FEWER,   /* only legal members, but some are missing */
    MORE     /* all legal members, and some that are not */
} DiagramKind;
/* Nodes of a level are what the decisions before it left to know. */
typedef struct Level {
    int choice, values;
    int nodes;
    int *child;   /* (nodes, values) in the next level; -1: no legal member */
    bool *active; /* (nodes) whether the decision is reached */
    Big *count;   /* (nodes) members below */
} Level;
typedef struct Diagram {
    Arena *arena;
    const Space *space;
    DiagramKind kind;
    Level *levels; /* (count + 1), the last with one node, or none where nothing is legal */
    int count;
    Big members;
    int64_t edges;
    int64_t sum_low[SUM_COUNT], sum_high[SUM_COUNT];
} Diagram;
typedef struct DiagramPlan {
    DiagramKind kind;
    const bool *enabled; /* (origins) conditions that hold; NULL: all */
    unsigned sums;       /* 1 << SpaceSum: bounded on the way */
    bool keep;           /* levels and counts; else only the bounds of sums */
    int buckets;         /* of MORE and FEWER: steps that sums are rounded to; 0: not rounded */
    int64_t edges;       /* at most */
    int widest;          /* of FEWER: nodes of a level; what is more is dropped */
} DiagramPlan;
/* NULL: it would have more edges than the plan allows. */
Diagram *diagram_build(Arena *arena, const Factors *factors, const DiagramPlan *plan);
/* Each legal member with the same probability. False: there is none. */
bool diagram_draw(const Diagram *diagram, Random *random, Gene *gene);
/* Member *number, from 0, which is used up; it is below diagram->members. */
void diagram_pick(const Diagram *diagram, Big *number, Gene *gene);
/* Changes as few genes as lead to a member; of several such members, one at random. */
bool diagram_repair(const Diagram *diagram, Random *random, Gene *gene);
/* Whether some member takes the value; of each choice and value. */
bool diagram_uses(const Diagram *diagram, int choice, int value);

#endif
