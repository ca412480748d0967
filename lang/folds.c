/* folds.c: expressions over decisions. Constants fold, equal expressions are one, and bounds
 * decide most comparisons, so what stays in a Space is only what really depends on a decision.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* Deep expressions would overflow the stack of whoever evaluates them, large ones take
 * forever. */
enum { MAX_EXPR_SIZE = 20000, MAX_EXPR_DEPTH = 400 };

static const ExprFacts unbounded = {.size = 1, .depth = 1, .mentions = -1, .step = {0, 0}};

/* ---- steps ------------------------------------------------------------------------------- */

static const Rational no_step = {0, 0};

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* The largest step that both are multiples of; of a/b and c/d, that of ad and cb over bd. */
static Rational step_join(Rational a, Rational b) {
    int64_t x, y, d;
    Rational step;
    if (a.d == 0 || b.d == 0 || a.n == INT64_MIN || b.n == INT64_MIN ||
        __builtin_mul_overflow(a.n, b.d, &x) || __builtin_mul_overflow(b.n, a.d, &y) ||
        __builtin_mul_overflow(a.d, b.d, &d) || x == INT64_MIN || y == INT64_MIN)
        return no_step;
    return rational_make(common_divisor(x, y), d, &step) ? step : no_step;
}

static bool is_integral(const ExprFacts *facts) {
    return facts->step.d == 1;
}

/* Of a sum, product, ... of such multiples. */
static Rational step_of(ExprKind kind, const ExprFacts *a, const ExprFacts *b,
                        const ExprFacts *c) {
    Rational step;
    switch (kind) {
    case EXPR_ADD:
    case EXPR_SUB:
    case EXPR_MIN:
    case EXPR_MAX:
        return step_join(a->step, b->step);
    case EXPR_IF:
        return step_join(b->step, c->step);
    case EXPR_MUL:
        return a->step.d && b->step.d && rational_mul(a->step, b->step, &step) ? step : no_step;
    case EXPR_DIV:
        return a->step.d && b->bounded && !rational_compare(b->low, b->high) &&
                       rational_div(a->step, b->low, &step)
                   ? step_join(step, step)
                   : no_step;
    default:
        return RATIONAL(1);
    }
}

/* ---- facts ------------------------------------------------------------------------------- */

/* Brings `facts` up to the expressions made since. */
static void facts_set(Folder *folder, ExprId id, ExprFacts facts) {
    while (folder->facts.count <= id)
        vec_push(folder->arena, &folder->facts, unbounded);
    folder->facts.at[id] = facts;
}

Folder folder_new(Arena *arena, Space *space) {
    return (Folder){.arena = arena, .space = space, .known = map_new(arena)};
}

const ExprFacts *facts_of(const Folder *folder, ExprId id) {
    return id < folder->facts.count ? &folder->facts.at[id] : &unbounded;
}

typedef struct ExprKey {
    int64_t part[7];
} ExprKey;

static Str key_bytes(const ExprKey *key) {
    return (Str){(const char *)key, (int)sizeof *key};
}

/* The expression made before, or 0. Unused fields are zero, so bytes tell. */
static ExprId find(const Folder *folder, const Expr *expr, ExprKey *key) {
    int id;
    *key = (ExprKey){
        {expr->kind, expr->a, expr->b, expr->c, expr->choice, expr->value.n, expr->value.d}};
    return map_get(folder->known, key_bytes(key), &id) ? id : EXPR_NONE;
}

static void remember(Folder *folder, const ExprKey *key, ExprId id) {
    const ExprKey *kept = arena_copy(folder->arena, key, sizeof *key);
    map_put(folder->known, key_bytes(kept), id);
}

ExprId fold_constant(Folder *folder, Rational value) {
    ExprKey key;
    Expr expr = {.kind = EXPR_CONSTANT, .value = value};
    ExprId id = find(folder, &expr, &key);
    if (id)
        return id;
    id = expr_constant(folder->arena, folder->space, value);
    facts_set(folder, id,
              (ExprFacts){.low = value,
                          .high = value,
                          .bounded = true,
                          .step = step_join(RATIONAL(0), value),
                          .size = 1,
                          .depth = 1});
    remember(folder, &key, id);
    return id;
}

ExprId fold_integer(Folder *folder, int64_t value) {
    return fold_constant(folder, RATIONAL(value));
}

static ExprFacts choice_facts(const Choice *choice) {
    ExprFacts facts = {.low = choice->values[0],
                       .high = choice->values[0],
                       .bounded = true,
                       .step = RATIONAL(0),
                       .size = 1,
                       .depth = 1};
    for (int v = 0; v < choice->count; v++) {
        Rational value = choice->values[v];
        if (rational_compare(value, facts.low) < 0)
            facts.low = value;
        if (rational_compare(value, facts.high) > 0)
            facts.high = value;
        facts.step = step_join(facts.step, value);
    }
    return facts;
}

ExprId fold_choice(Folder *folder, int choice) {
    ExprKey key;
    Expr expr = {.kind = EXPR_CHOICE, .choice = choice};
    ExprId id = find(folder, &expr, &key);
    if (id)
        return id;
    id = expr_choice(folder->arena, folder->space, choice);
    ExprFacts facts = choice_facts(&folder->space->choices.at[choice]);
    facts.mentions = 1;
    facts.choices[0] = choice;
    facts_set(folder, id, facts);
    remember(folder, &key, id);
    return id;
}

void fold_choice_changed(Folder *folder, int choice) {
    ExprId id = fold_choice(folder, choice);
    ExprFacts facts = choice_facts(&folder->space->choices.at[choice]);
    facts.mentions = 1;
    facts.choices[0] = choice;
    folder->facts.at[id] = facts;
}

bool is_constant(const Folder *folder, ExprId id, Rational *value) {
    const Expr *expr = &folder->space->exprs.at[id];
    if (id == EXPR_NONE || expr->kind != EXPR_CONSTANT)
        return false;
    *value = expr->value;
    return true;
}

bool is_true(const Folder *folder, ExprId id) {
    Rational value;
    return id == EXPR_NONE || (is_constant(folder, id, &value) && value.n != 0);
}

bool is_false(const Folder *folder, ExprId id) {
    Rational value;
    return is_constant(folder, id, &value) && value.n == 0;
}

/* ---- bounds ------------------------------------------------------------------------------ */

typedef bool RationalStep(Rational a, Rational b, Rational *out);

/* Bounds of a product or quotient: among the values at the corners. */
static bool corner_bounds(RationalStep *step, const ExprFacts *a, const ExprFacts *b,
                          ExprFacts *out) {
    Rational xs[2] = {a->low, a->high}, ys[2] = {b->low, b->high}, corner;
    for (int i = 0; i < 4; i++) {
        if (!step(xs[i / 2], ys[i % 2], &corner))
            return false;
        if (i == 0)
            out->low = out->high = corner;
        if (rational_compare(corner, out->low) < 0)
            out->low = corner;
        if (rational_compare(corner, out->high) > 0)
            out->high = corner;
    }
    return true;
}

static Rational smaller(Rational a, Rational b) {
    return rational_compare(a, b) <= 0 ? a : b;
}

static Rational larger(Rational a, Rational b) {
    return rational_compare(a, b) >= 0 ? a : b;
}

static bool bounds(ExprKind kind, const ExprFacts *a, const ExprFacts *b, const ExprFacts *c,
                   ExprFacts *out) {
    switch (kind) {
    case EXPR_ADD:
        return corner_bounds(rational_add, a, b, out);
    case EXPR_SUB:
        return corner_bounds(rational_sub, a, b, out);
    case EXPR_MUL:
        return corner_bounds(rational_mul, a, b, out);
    case EXPR_DIV:
        return (b->low.n > 0 || b->high.n < 0) && corner_bounds(rational_div, a, b, out);
    case EXPR_MIN:
        out->low = smaller(a->low, b->low);
        out->high = smaller(a->high, b->high);
        return true;
    case EXPR_MAX:
        out->low = larger(a->low, b->low);
        out->high = larger(a->high, b->high);
        return true;
    case EXPR_FLOOR:
    case EXPR_CEIL:
    case EXPR_ROUND:
        out->low = RATIONAL(rational_floor(a->low));
        out->high = RATIONAL(-rational_floor((Rational){-a->high.n, a->high.d}));
        return true;
    case EXPR_IF:
        out->low = smaller(b->low, c->low);
        out->high = larger(b->high, c->high);
        return true;
    default:
        out->low = RATIONAL(0);
        out->high = RATIONAL(1);
        return true;
    }
}

/* Whether the ends of a - b decide a comparison of them. */
static bool decided(ExprKind kind, Rational low, Rational high, bool *truth) {
    int low_high = low.n > 0 ? 1 : low.n < 0 ? -1 : 0;
    int high_low = high.n > 0 ? 1 : high.n < 0 ? -1 : 0;
    switch (kind) {
    case EXPR_EQUAL:
        *truth = low_high == 0 && high_low == 0;
        return *truth || low_high > 0 || high_low < 0;
    case EXPR_LESS:
        *truth = high_low < 0;
        return high_low < 0 || low_high >= 0;
    case EXPR_LESS_EQUAL:
        *truth = high_low <= 0;
        return high_low <= 0 || low_high > 0;
    default:
        return false;
    }
}

/* First from the bounds of both, then from those of their difference. */
static bool compared(const Folder *folder, ExprKind kind, ExprId a, ExprId b, bool *truth) {
    const ExprFacts *x = facts_of(folder, a), *y = facts_of(folder, b);
    Rational low, high;
    if (x->bounded && y->bounded && rational_sub(x->low, y->high, &low) &&
        rational_sub(x->high, y->low, &high) && decided(kind, low, high, truth))
        return true;
    return difference_bounds(folder, a, b, &low, &high) && decided(kind, low, high, truth);
}

/* ---- small expressions, tried out -------------------------------------------------------- */

enum { TRIED_VALUES = 64, TRIED_SIZE = 64, TRIED_LIMIT = 1000000 };

/* Joins the decisions of an operand to those of the whole. */
static void join_mentions(ExprFacts *facts, const ExprFacts *operand) {
    for (int i = 0; i < operand->mentions && facts->mentions >= 0; i++) {
        int at = 0, choice = operand->choices[i];
        while (at < facts->mentions && facts->choices[at] < choice)
            at++;
        if (at < facts->mentions && facts->choices[at] == choice)
            continue;
        if (facts->mentions == COUNT(facts->choices)) {
            facts->mentions = -1;
            return;
        }
        for (int k = facts->mentions++; k > at; k--)
            facts->choices[k] = facts->choices[k - 1];
        facts->choices[at] = choice;
    }
    if (operand->mentions < 0)
        facts->mentions = -1;
}

static int64_t joint_values(const Folder *folder, const ExprFacts *facts) {
    int64_t count = facts->mentions > 0;
    for (int i = 0; i < facts->mentions; i++)
        count *= folder->space->choices.at[facts->choices[i]].count;
    return count;
}

/* Exact bounds of an expression over few decisions, by all their values: `if w == 8 then w
 * else 8` is 8. Where some value does not exist, the bounds stay as they are. */
static void tighten(Folder *folder, ExprId id, ExprFacts *facts) {
    int64_t count = joint_values(folder, facts);
    if (count < 1 || count > TRIED_VALUES || facts->size > TRIED_SIZE ||
        folder->tried > TRIED_LIMIT)
        return;
    folder->tried += count;
    Gene *gene = arena_array(folder->arena, Gene, facts->choices[facts->mentions - 1] + 1);
    Rational low = {0, 1}, high = {0, 1}, step = {0, 1}, value;
    for (int64_t joint = 0; joint < count; joint++) {
        int64_t rest = joint;
        for (int i = 0; i < facts->mentions; i++) {
            int values = folder->space->choices.at[facts->choices[i]].count;
            gene[facts->choices[i]] = (Gene)(rest % values);
            rest /= values;
        }
        if (!expr_value(folder->space, id, gene, &value))
            return;
        low = joint ? smaller(low, value) : value;
        high = joint ? larger(high, value) : value;
        step = step_join(step, value);
    }
    facts->step = step.d ? step : facts->step;
    facts->low = low;
    facts->high = high;
    facts->bounded = true;
}

/* ---- folding ----------------------------------------------------------------------------- */

static ExprId truth_id(Folder *folder, bool truth) {
    return fold_integer(folder, truth);
}

static bool is_value(const Folder *folder, ExprId id, int64_t value) {
    Rational r;
    return is_constant(folder, id, &r) && r.n == value && r.d == 1;
}

static bool is_truth(const Folder *folder, ExprId id) {
    ExprKind kind = folder->space->exprs.at[id].kind;
    return kind >= EXPR_EQUAL && kind <= EXPR_NOT;
}

/* (a ? k : c) == k is a or c == k; (a ? b : c) == k is not a and c == k, of constants b, k. */
static ExprId case_compared(Folder *folder, ExprId x, ExprId k) {
    Rational value, first;
    Expr e = folder->space->exprs.at[x];
    if (e.kind != EXPR_IF || !is_constant(folder, k, &value) ||
        !is_constant(folder, e.b, &first))
        return EXPR_NONE;
    bool equal = rational_compare(value, first) == 0;
    ExprId rest = fold(folder, EXPR_EQUAL, e.c, k, EXPR_NONE);
    ExprId here = equal ? e.a : fold_not(folder, e.a);
    if (!rest || !here || !is_truth(folder, here))
        return EXPR_NONE;
    return fold(folder, equal ? EXPR_OR : EXPR_AND, here, rest, EXPR_NONE);
}

/* An expression as a constant factor times the rest of it. */
typedef struct Term {
    ExprId base;
    Rational factor;
} Term;

static Term term_of(const Folder *folder, ExprId id) {
    Term term = {id, RATIONAL(1)};
    for (;;) {
        const Expr *e = &folder->space->exprs.at[term.base];
        Rational c;
        bool right =
            (e->kind == EXPR_MUL || e->kind == EXPR_DIV) && is_constant(folder, e->b, &c);
        bool left = !right && e->kind == EXPR_MUL && is_constant(folder, e->a, &c);
        RationalStep *step = e->kind == EXPR_DIV ? rational_div : rational_mul;
        if ((!right && !left) || c.n == 0)
            return term;
        if (!step(term.factor, c, &term.factor))
            return (Term){id, RATIONAL(1)};
        term.base = right ? e->a : e->b;
    }
}

/* x / 2 + x / 2 is x, and so is x * 2 / 2: channels that are split and joined again would
 * double in size each time. EXPR_NONE where nothing simplifies. */
static ExprId like_terms(Folder *folder, ExprKind kind, ExprId a, ExprId b) {
    Rational c, factor;
    bool sum = kind == EXPR_ADD || kind == EXPR_SUB, fixed = is_constant(folder, b, &c);
    if (is_constant(folder, a, &factor) || sum == fixed ||
        !(sum || kind == EXPR_MUL || kind == EXPR_DIV))
        return EXPR_NONE;
    static RationalStep *const steps[] = {[EXPR_ADD] = rational_add,
                                          [EXPR_SUB] = rational_sub,
                                          [EXPR_MUL] = rational_mul,
                                          [EXPR_DIV] = rational_div};
    Term x = term_of(folder, a), y = sum ? term_of(folder, b) : (Term){x.base, c};
    if (x.base != y.base || !steps[kind](x.factor, y.factor, &factor))
        return EXPR_NONE;
    if (factor.n == 1 && factor.d == 1)
        return x.base;
    if (!sum || factor.n == 0)
        return EXPR_NONE;
    if (factor.d == 1)
        return fold(folder, EXPR_MUL, x.base, fold_constant(folder, factor), EXPR_NONE);
    return factor.n == 1
               ? fold(folder, EXPR_DIV, x.base, fold_integer(folder, factor.d), EXPR_NONE)
               : EXPR_NONE;
}

/* x + 0, x * 1, x and true, ...: EXPR_NONE where nothing simplifies. */
static ExprId simplified(Folder *folder, ExprKind kind, ExprId a, ExprId b, ExprId c) {
    bool truth;
    if (kind >= EXPR_EQUAL && kind <= EXPR_LESS_EQUAL && compared(folder, kind, a, b, &truth))
        return truth_id(folder, truth);
    ExprId joined = like_terms(folder, kind, a, b);
    if (joined)
        return joined;
    switch (kind) {
    case EXPR_ADD:
        return is_value(folder, a, 0) ? b : is_value(folder, b, 0) ? a : EXPR_NONE;
    case EXPR_SUB:
        return is_value(folder, b, 0) ? a : a == b ? fold_integer(folder, 0) : EXPR_NONE;
    case EXPR_MUL:
        return is_value(folder, a, 1) ? b : is_value(folder, b, 1) ? a : EXPR_NONE;
    case EXPR_DIV:
        return is_value(folder, b, 1) ? a : EXPR_NONE;
    case EXPR_FLOOR:
    case EXPR_CEIL:
    case EXPR_ROUND:
        return is_integral(facts_of(folder, a)) ? a : EXPR_NONE;
    case EXPR_MIN:
    case EXPR_MAX:
        return a == b ? a : EXPR_NONE;
    case EXPR_EQUAL:
        if (is_truth(folder, a) && (is_value(folder, b, 0) || is_value(folder, b, 1)))
            return is_true(folder, b) ? a : fold_not(folder, a);
        return a == b ? truth_id(folder, true) : case_compared(folder, a, b);
    case EXPR_LESS_EQUAL:
        return a == b ? truth_id(folder, true) : EXPR_NONE;
    case EXPR_LESS:
        return a == b ? truth_id(folder, false) : EXPR_NONE;
    case EXPR_AND:
        if (is_false(folder, a) || is_false(folder, b))
            return truth_id(folder, false);
        return is_true(folder, a) || a == b ? b : is_true(folder, b) ? a : EXPR_NONE;
    case EXPR_OR:
        if (is_true(folder, a) || is_true(folder, b))
            return truth_id(folder, true);
        return is_false(folder, a) || a == b ? b : is_false(folder, b) ? a : EXPR_NONE;
    case EXPR_NOT:
        return folder->space->exprs.at[a].kind == EXPR_NOT ? folder->space->exprs.at[a].a
                                                           : EXPR_NONE;
    case EXPR_IF:
        if (folder->space->exprs.at[a].kind == EXPR_NOT)
            return fold(folder, EXPR_IF, folder->space->exprs.at[a].a, c, b);
        if (is_truth(folder, a) && is_value(folder, b, 1) && is_value(folder, c, 0))
            return a;
        if (is_truth(folder, a) && is_value(folder, b, 0) && is_value(folder, c, 1))
            return fold_not(folder, a);
        return is_true(folder, a) || b == c ? b : is_false(folder, a) ? c : EXPR_NONE;
    default:
        return EXPR_NONE;
    }
}

static bool all_constant(const Folder *folder, ExprId a, ExprId b, ExprId c) {
    Rational value;
    return is_constant(folder, a, &value) && (!b || is_constant(folder, b, &value)) &&
           (!c || is_constant(folder, c, &value));
}

/* Lets net evaluate, so that a folded constant is what the expression would have given. */
static ExprId evaluated(Folder *folder, ExprKind kind, ExprId a, ExprId b, ExprId c) {
    Rational value;
    ExprId id = expr_make(folder->arena, folder->space, kind, a, b, c);
    facts_set(folder, id, unbounded);
    if (expr_value(folder->space, id, NULL, &value))
        return fold_constant(folder, value);
    folder->why = kind == EXPR_DIV && is_value(folder, b, 0) ? "this divides by zero"
                                                             : "this number is too large";
    return EXPR_NONE;
}

ExprId fold(Folder *folder, ExprKind kind, ExprId a, ExprId b, ExprId c) {
    ExprKey key;
    ExprId id = simplified(folder, kind, a, b, c);
    if (id)
        return id;
    if (all_constant(folder, a, b, c))
        return evaluated(folder, kind, a, b, c);
    Expr expr = {.kind = kind, .a = a, .b = b, .c = c};
    if ((id = find(folder, &expr, &key)))
        return id;
    const ExprFacts *x = facts_of(folder, a), *y = facts_of(folder, b),
                    *z = facts_of(folder, c);
    ExprFacts facts = {.step = step_of(kind, x, y, z),
                       .size = 1 + x->size + (b ? y->size : 0) + (c ? z->size : 0),
                       .depth = 1 + (int)max_i64(x->depth, max_i64(y->depth, z->depth))};
    bool known = x->bounded && (!b || y->bounded) && (!c || z->bounded);
    facts.bounded = (kind >= EXPR_EQUAL && kind <= EXPR_NOT) || known;
    facts.bounded = facts.bounded && bounds(kind, x, y, z, &facts);
    if (facts.size > MAX_EXPR_SIZE || facts.depth > MAX_EXPR_DEPTH) {
        folder->why = "what this depends on has grown too large; tie some decisions";
        return EXPR_NONE;
    }
    id = expr_make(folder->arena, folder->space, kind, a, b, c);
    join_mentions(&facts, x);
    join_mentions(&facts, b ? y : x);
    join_mentions(&facts, c ? z : x);
    tighten(folder, id, &facts);
    facts_set(folder, id, facts);
    if (facts.bounded && rational_compare(facts.low, facts.high) == 0)
        id = fold_constant(folder, facts.low);
    remember(folder, &key, id);
    return id;
}

ExprId fold_and(Folder *folder, ExprId a, ExprId b) {
    if (a == EXPR_NONE || b == EXPR_NONE)
        return a ? a : b;
    ExprId both = fold(folder, EXPR_AND, a, b, EXPR_NONE);
    if (both == EXPR_NONE) {
        folder->lost = true;
        return a;
    }
    return is_true(folder, both) ? EXPR_NONE : both;
}

ExprId fold_not(Folder *folder, ExprId a) {
    return a ? fold(folder, EXPR_NOT, a, EXPR_NONE, EXPR_NONE) : fold_integer(folder, 0);
}
