/* floats.c: floats and integers do not meet but where the arithmetic lets them: an operator whose
 * activations are floats has weights that are, one whose activations are integers reads none.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* Whether some value of the format may be of floats, by its bounds. */
static bool may_be_float(const Elab *elab, ExprId format) {
    const ExprFacts *facts = facts_of(&elab->folder, format);
    return !facts->bounded || (rational_compare(facts->high, RATIONAL(FORMAT_F16)) >= 0 &&
                               rational_compare(facts->low, RATIONAL(FORMAT_F32)) <= 0);
}

static bool any_floats(const Elab *elab) {
    for (int i = 0; i < elab->space->ops.count; i++) {
        const SpaceOp *op = &elab->space->ops.at[i];
        if ((op->output && may_be_float(elab, op->output)) ||
            (op->weights && may_be_float(elab, op->weights)))
            return true;
    }
    return false;
}

static ExprId is_float(Elab *elab, ExprId format) {
    Folder *folder = &elab->folder;
    return fold2(elab, EXPR_AND,
                 fold2(elab, EXPR_LESS_EQUAL, fold_integer(folder, FORMAT_F16), format),
                 fold2(elab, EXPR_LESS_EQUAL, format, fold_integer(folder, FORMAT_F32)));
}

/* The format that a decision between tensors passes on. */
static ExprId selected(Elab *elab, const SpaceOp *op, const ExprId *formats) {
    ExprId format = formats[op->input[op->inputs - 1]];
    for (int k = op->inputs - 2; k >= 0 && format; k--) {
        ExprId taken = fold2(elab, EXPR_EQUAL, op->select, fold_integer(&elab->folder, k));
        format = taken ? fold(&elab->folder, EXPR_IF, taken, formats[op->input[k]], format)
                       : EXPR_NONE;
    }
    return format;
}

static ExprId implied(Elab *elab, ExprId a, ExprId b) {
    return fold2(elab, EXPR_OR, a ? fold_not(&elab->folder, a) : EXPR_NONE, b);
}

/* $f and $g stand for formats. What has grown too large to be said is left to the engine. */
static void check_operator(Elab *elab, const SpaceOp *op, const ExprId *formats) {
    const char *name = operator_facts[op->kind].name;
    ExprId out = op->output, computes = is_float(elab, out);
    ExprId weights = op->weights ? is_float(elab, op->weights) : EXPR_NONE;
    if (weights && implied(elab, computes, weights))
        check_add(
            elab, implied(elab, computes, weights), op->span, out, op->weights,
            "the activations of this `%s` are $f, and its weights $g: they must be floats, "
            "too",
            name);
    for (int k = 0; k < op->inputs; k++) {
        ExprId in = formats[op->input[k]];
        ExprId reads = in ? is_float(elab, in) : EXPR_NONE;
        if (reads && implied(elab, reads, computes))
            check_add(elab, implied(elab, reads, computes), op->span, in, out,
                      "this `%s` reads $f, so its activations must be floats, too, but are $g",
                      name);
    }
}

void floats_check(Elab *elab) {
    const Space *space = elab->space;
    ExprId *formats = arena_array(elab->arena, ExprId, space->ops.count);
    if (!any_floats(elab))
        return;
    for (int i = 0; i < space->ops.count; i++) {
        const SpaceOp *op = &space->ops.at[i];
        elab->guard = op->active;
        if (op->kind == OP_SELECT)
            formats[i] = selected(elab, op, formats);
        else if (operator_facts[op->kind].output == INHERITS)
            formats[i] = formats[op->input[0]];
        else
            formats[i] = op->output;
        if (op->kind != OP_SELECT && operator_facts[op->kind].output != INHERITS)
            check_operator(elab, op, formats);
    }
    elab->guard = EXPR_NONE;
}
