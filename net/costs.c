/* costs.c: what all members have of parameters, multiplications and weights, as sums of tables
 * over few decisions: one for each operator that a member may need.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/feasible.h"

typedef struct Costing {
    Scratch *scratch;
    const Space *space;
    Term *needed; /* (operators) whether the output needs it; count -1: not known as a table */
    TermList list[SUM_COUNT];
    CostSum *sum;
} Costing;

/* ---- which operators the output needs ---------------------------------------------------- */

static bool is_known(const Term *term) {
    return term->count >= 0;
}

static Term constant_term(Arena *arena, const Space *space, int64_t value) {
    Term term = {.space = space, .joint = 1, .low = value, .high = value};
    term.scope = arena_array(arena, int, 1);
    term.value = arena_array(arena, int64_t, 1);
    *term.value = value;
    return term;
}

/* needed |= reader, and for a select: where it passes on input number k. */
static void need(Costing *c, Term *needed, const Term *reader, const SpaceOp *op, int k) {
    Term both;
    int64_t entry = 0;
    bool always = is_known(needed) && needed->count == 0 && *needed->value;
    if (always || (is_known(reader) && reader->count == 0 && !*reader->value))
        return;
    if (!is_known(needed) || !is_known(reader)) {
        needed->count = -1;
        return;
    }
    scratch_mention_term(c->scratch, needed);
    scratch_mention_term(c->scratch, reader);
    if (op->kind == OP_SELECT)
        scratch_mention(c->scratch, op->select);
    if (!term_begin(c->scratch, &both)) {
        needed->count = -1;
        return;
    }
    const Gene *gene = c->scratch->gene;
    do {
        Rational which;
        bool passes =
            op->kind != OP_SELECT ||
            (expr_value(c->space, op->select, gene, &which) && which.d == 1 && which.n == k);
        both.value[entry] = term_value(needed, gene) || (passes && term_value(reader, gene));
    } while (term_next(c->scratch, &both, &entry));
    term_reduce(c->scratch->arena, &both);
    *needed = both;
}

static void find_needed(Costing *c) {
    const Space *space = c->space;
    Arena *arena = c->scratch->arena;
    c->needed = arena_array(arena, Term, space->ops.count);
    for (int i = 0; i < space->ops.count; i++)
        c->needed[i] = constant_term(arena, space, i == space->output);
    for (int i = space->ops.count - 1; i >= 0; i--) {
        const SpaceOp *op = &space->ops.at[i];
        for (int k = 0; k < op->inputs; k++)
            need(c, &c->needed[op->input[k]], &c->needed[i], op, k);
    }
}

/* ---- what one operator costs ------------------------------------------------------------- */

static bool dims_of(const Space *space, const Gene *gene, int op, Shape *shape) {
    const SpaceOp *from = &space->ops.at[op];
    *shape = (Shape){.rank = from->rank, .time = from->time};
    for (int d = 0; d < from->rank; d++) {
        Rational value;
        if (!expr_value(space, from->shape[d], gene, &value) || value.d != 1 || value.n < 1 ||
            value.n > INT32_MAX)
            return false;
        shape->dim[d] = (int)value.n;
    }
    return true;
}

/* The operator alone, behind inputs of its own, as ops[inputs]; false where the genes give it
 * no shape. */
static bool op_alone(const Space *space, const Gene *gene, int i, Op *ops) {
    const SpaceOp *from = &space->ops.at[i];
    Op *op = &ops[from->inputs];
    Rational value;
    *op = (Op){.kind = from->kind, .inputs = from->inputs};
    for (int k = 0; k < from->inputs; k++) {
        ops[k] = (Op){.kind = OP_INPUT};
        op->input[k] = k;
        if (!dims_of(space, gene, from->input[k], &ops[k].shape))
            return false;
    }
    for (int a = 0; a < ATTRIBUTE_COUNT; a++) {
        if (!operator_has(from->kind, (Attribute)a))
            continue;
        if (!expr_value(space, from->attribute[a], gene, &value) || value.d != 1 ||
            value.n < attribute_facts[a].least || value.n > INT32_MAX)
            return false;
        op->attribute[a] = (int)value.n;
    }
    if (from->weights && expr_value(space, from->weights, gene, &value))
        op->weights = (Format)value.n;
    return dims_of(space, gene, i, &op->shape);
}

/* Weights are packed without gaps here: never more than any layout takes. */
static int64_t op_cost(const Space *space, const Gene *gene, int i, SpaceSum sum) {
    Op ops[MAX_INPUTS + 1];
    int at = space->ops.at[i].inputs;
    if (!op_alone(space, gene, i, ops))
        return TERM_FAILS;
    Net net = {.ops = ops, .count = at + 1, .output = at};
    if (sum == SUM_MACS)
        return op_macs(&net, at);
    if (sum == SUM_PARAMETERS)
        return op_parameters(&net, at);
    return (op_weights(&net, at) * format_bits(ops[at].weights) + 7) / 8;
}

static void mention_shape(Scratch *scratch, const SpaceOp *op) {
    for (int d = 0; d < op->rank; d++)
        scratch_mention(scratch, op->shape[d]);
}

static void mention_op(Costing *c, int i, SpaceSum sum) {
    const SpaceOp *op = &c->space->ops.at[i];
    mention_shape(c->scratch, op);
    for (int k = 0; k < op->inputs; k++)
        mention_shape(c->scratch, &c->space->ops.at[op->input[k]]);
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(op->kind, (Attribute)a))
            scratch_mention(c->scratch, op->attribute[a]);
    if (sum == SUM_WEIGHT_BYTES)
        scratch_mention(c->scratch, op->weights);
}

/* The cost as a table; false where it depends on too many decisions. */
static bool op_term(Costing *c, int i, SpaceSum sum, const Term *needed, Term *term) {
    int64_t entry = 0;
    const Gene *gene = c->scratch->gene;
    mention_op(c, i, sum);
    if (needed)
        scratch_mention_term(c->scratch, needed);
    if (!term_begin(c->scratch, term))
        return false;
    do {
        bool counts = !needed || term_value(needed, gene);
        int64_t cost = counts ? op_cost(c->space, gene, i, sum) : 0;
        /* Genes without a shape, or beyond all bounds, are not those of a legal member. */
        term->value[entry] = cost == TERM_FAILS || cost > TERM_LIMIT ? 0 : cost;
    } while (term_next(c->scratch, term, &entry));
    term_reduce(c->scratch->arena, term);
    term_end(term);
    return true;
}

static void add_cost(Costing *c, int i, SpaceSum sum) {
    Term term;
    bool known = is_known(&c->needed[i]);
    if (known && op_term(c, i, sum, &c->needed[i], &term)) {
        if (term.count || term.high)
            terms_add(&c->list[sum], &term);
        return;
    }
    c->sum[sum].exact = false;
    if (c->sum[sum].high >= 0 && op_term(c, i, sum, NULL, &term))
        c->sum[sum].high += term.high;
    else
        c->sum[sum].high = -1;
}

void cost_sums(Scratch *scratch, CostSum *sums) {
    Costing c = {.scratch = scratch, .space = scratch->space, .sum = sums};
    find_needed(&c);
    for (int s = 0; s < SUM_COUNT; s++) {
        c.list[s] = terms_new(scratch->arena);
        sums[s].exact = true;
    }
    for (int i = 1; i < c.space->ops.count; i++) {
        OpKind kind = c.space->ops.at[i].kind;
        if (kind == OP_SELECT)
            continue;
        bool weighted = operator_facts[kind].weights == WEIGHTED;
        if (weighted || kind == OP_LAYER_NORM)
            add_cost(&c, i, SUM_PARAMETERS);
        if (weighted || kind == OP_MATMUL || kind == OP_ATTENTION)
            add_cost(&c, i, SUM_MACS);
        if (weighted)
            add_cost(&c, i, SUM_WEIGHT_BYTES);
    }
    for (int s = 0; s < SUM_COUNT; s++) {
        sums[s].terms = c.list[s].terms.at;
        sums[s].count = c.list[s].terms.count;
    }
}
