/* Spaces: expressions over decisions, canonical genotypes, counting, printing.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <string.h>

/* ---- expressions ------------------------------------------------------------------------- */

/* A quotient that has a rest is below half of what 64 bits hold: one more or less is no
 * overflow. */
static Rational round_value(ExprKind kind, Rational a) {
    int64_t floor = rational_floor(a);
    if (kind == EXPR_FLOOR || a.d == 1)
        return RATIONAL(floor);
    if (kind == EXPR_CEIL)
        return RATIONAL(floor + 1);
    int64_t rest = a.n % a.d; /* half away from zero: of either sign, cut off towards it */
    bool away = (rest < 0 ? -rest : rest) >= a.d - (rest < 0 ? -rest : rest);
    return RATIONAL(a.n / a.d + (away ? (rest < 0 ? -1 : 1) : 0));
}

static bool binary_value(ExprKind kind, Rational a, Rational b, Rational *value) {
    int order = rational_compare(a, b);
    switch (kind) {
    case EXPR_ADD:
        return rational_add(a, b, value);
    case EXPR_SUB:
        return rational_sub(a, b, value);
    case EXPR_MUL:
        return rational_mul(a, b, value);
    case EXPR_DIV:
        return rational_div(a, b, value);
    case EXPR_MIN:
        *value = order <= 0 ? a : b;
        return true;
    case EXPR_MAX:
        *value = order >= 0 ? a : b;
        return true;
    case EXPR_EQUAL:
        *value = RATIONAL(order == 0);
        return true;
    case EXPR_LESS:
        *value = RATIONAL(order < 0);
        return true;
    case EXPR_LESS_EQUAL:
        *value = RATIONAL(order <= 0);
        return true;
    default:
        return false;
    }
}

/* `and`, `or` and `if` evaluate only what decides them, so a guard may protect a division. */
static bool control_value(const Space *space, const Expr *e, const Gene *gene,
                          Rational *value) {
    Rational a;
    if (!expr_value(space, e->a, gene, &a))
        return false;
    bool truth = a.n != 0;
    switch (e->kind) {
    case EXPR_NOT:
        *value = RATIONAL(!truth);
        return true;
    case EXPR_AND:
    case EXPR_OR:
        if (truth == (e->kind == EXPR_OR)) {
            *value = RATIONAL(truth);
            return true;
        }
        return expr_value(space, e->b, gene, value);
    default:
        return expr_value(space, truth ? e->b : e->c, gene, value);
    }
}

bool expr_value(const Space *space, ExprId id, const Gene *gene, Rational *value) {
    const Expr *e = &space->exprs.at[id];
    Rational a, b;
    switch (e->kind) {
    case EXPR_NONE:
        return false;
    case EXPR_CONSTANT:
        *value = e->value;
        return true;
    case EXPR_CHOICE:
        *value = space->choices.at[e->choice].values[gene[e->choice]];
        return true;
    case EXPR_FLOOR:
    case EXPR_CEIL:
    case EXPR_ROUND:
        if (!expr_value(space, e->a, gene, &a))
            return false;
        *value = round_value(e->kind, a);
        return true;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IF:
        return control_value(space, e, gene, value);
    default:
        return expr_value(space, e->a, gene, &a) && expr_value(space, e->b, gene, &b) &&
               binary_value(e->kind, a, b, value);
    }
}

bool expr_true(const Space *space, ExprId id, const Gene *gene) {
    Rational value;
    return id == EXPR_NONE || (expr_value(space, id, gene, &value) && value.n != 0);
}

static ExprId expr_push(Arena *arena, Space *space, Expr e) {
    if (space->exprs.count == 0) {
        Expr none = {.kind = EXPR_NONE};
        vec_push(arena, &space->exprs, none);
    }
    const Expr *all = space->exprs.at;
    int64_t size = 1 + (int64_t)all[e.a].size + all[e.b].size + all[e.c].size;
    e.size = (int)min_i64(size, INT32_MAX);
    vec_push(arena, &space->exprs, e);
    return space->exprs.count - 1;
}

ExprId expr_constant(Arena *arena, Space *space, Rational value) {
    return expr_push(arena, space, (Expr){.kind = EXPR_CONSTANT, .value = value});
}

ExprId expr_choice(Arena *arena, Space *space, int choice) {
    return expr_push(arena, space, (Expr){.kind = EXPR_CHOICE, .choice = choice});
}

ExprId expr_make(Arena *arena, Space *space, ExprKind kind, ExprId a, ExprId b, ExprId c) {
    return expr_push(arena, space, (Expr){.kind = kind, .a = a, .b = b, .c = c});
}

void expr_mentions(const Space *space, ExprId id, bool *mentioned) {
    if (id == EXPR_NONE)
        return;
    const Expr *e = &space->exprs.at[id];
    if (e->kind == EXPR_CONSTANT)
        return;
    if (e->kind == EXPR_CHOICE) {
        mentioned[e->choice] = true;
        return;
    }
    expr_mentions(space, e->a, mentioned);
    expr_mentions(space, e->b, mentioned);
    expr_mentions(space, e->c, mentioned);
}

/* ---- genotypes --------------------------------------------------------------------------- */

/* A decision's condition mentions only decisions made before it, so one pass in order is
 * enough. */
void genotype_canonical(const Space *space, Gene *gene) {
    for (int c = 0; c < space->choices.count; c++) {
        const Choice *choice = &space->choices.at[c];
        if (gene[c] >= choice->count || !expr_true(space, choice->active, gene))
            gene[c] = 0;
    }
}

bool genotype_legal(const Space *space, const Gene *gene) {
    for (int i = 0; i < space->constraints.count; i++)
        if (!expr_true(space, space->constraints.at[i].condition, gene))
            return false;
    return true;
}

Str choice_print(Arena *arena, const Choice *choice, int which) {
    if (choice->names)
        return choice->names[which];
    if (choice->type == VALUE_FORMAT)
        return str_of(format_name((Format)choice->values[which].n));
    return rational_print(arena, choice->values[which]);
}

Str genotype_print(Arena *arena, const Space *space, const Gene *gene) {
    Text text = text_new(arena);
    for (int c = 0; c < space->choices.count; c++) {
        const Choice *choice = &space->choices.at[c];
        if (!expr_true(space, choice->active, gene))
            continue;
        text_add(&text, "%s%.*s=", text.length ? " " : "", STR_ARG(choice->name));
        text_add_str(&text, choice_print(arena, choice, gene[c]));
    }
    return text_str(&text);
}

static int extreme_value(const Choice *choice, bool largest) {
    int best = 0;
    for (int v = 1; v < choice->count; v++) {
        int order = rational_compare(choice->values[v], choice->values[best]);
        if (largest ? order > 0 : order < 0)
            best = v;
    }
    return best;
}

void genotype_extreme(const Space *space, Gene *gene, bool largest) {
    for (int c = 0; c < space->choices.count; c++) {
        const Choice *choice = &space->choices.at[c];
        gene[c] =
            (Gene)(choice->type == VALUE_ALTERNATIVE ? 0 : extreme_value(choice, largest));
    }
    genotype_canonical(space, gene);
}

/* ---- printing ---------------------------------------------------------------------------- */

static const char *const expr_signs[] = {
    [EXPR_ADD] = "+",         [EXPR_SUB] = "-",      [EXPR_MUL] = "*",
    [EXPR_DIV] = "/",         [EXPR_EQUAL] = "==",   [EXPR_LESS] = "<",
    [EXPR_LESS_EQUAL] = "<=", [EXPR_AND] = "and",    [EXPR_OR] = "or",
    [EXPR_MIN] = "min",       [EXPR_MAX] = "max",    [EXPR_FLOOR] = "floor",
    [EXPR_CEIL] = "ceil",     [EXPR_ROUND] = "round"};

static void expr_print(const Space *space, Text *text, ExprId id) {
    const Expr *e = &space->exprs.at[id];
    switch (e->kind) {
    case EXPR_NONE:
        text_add(text, "none");
        return;
    case EXPR_CONSTANT:
        text_add_str(text, rational_print(text->arena, e->value));
        return;
    case EXPR_CHOICE:
        text_add(text, "#%d", e->choice);
        return;
    case EXPR_IF:
        text_add(text, "(if ");
        expr_print(space, text, e->a);
        text_add(text, " then ");
        expr_print(space, text, e->b);
        text_add(text, " else ");
        expr_print(space, text, e->c);
        text_add(text, ")");
        return;
    case EXPR_NOT:
        text_add(text, "not ");
        expr_print(space, text, e->a);
        return;
    case EXPR_MIN:
    case EXPR_MAX:
    case EXPR_FLOOR:
    case EXPR_CEIL:
    case EXPR_ROUND:
        text_add(text, "%s(", expr_signs[e->kind]);
        expr_print(space, text, e->a);
        if (e->b) {
            text_add(text, ", ");
            expr_print(space, text, e->b);
        }
        text_add(text, ")");
        return;
    default:
        text_add(text, "(");
        expr_print(space, text, e->a);
        text_add(text, " %s ", expr_signs[e->kind]);
        expr_print(space, text, e->b);
        text_add(text, ")");
    }
}

static void decision_print(const Space *space, Text *text, int c) {
    const Choice *choice = &space->choices.at[c];
    text_add(text, "  #%d %.*s in", c, STR_ARG(choice->name));
    for (int v = 0; v < choice->count; v++) {
        text_add(text, "%s", v ? ", " : " ");
        text_add_str(text, choice_print(text->arena, choice, v));
    }
    if (choice->active) {
        text_add(text, " when ");
        expr_print(space, text, choice->active);
    }
    text_add(text, "\n");
}

static void format_print(const Space *space, Text *text, const char *what, ExprId id) {
    const Expr *e = &space->exprs.at[id];
    if (e->kind == EXPR_NONE)
        return;
    text_add(text, " %s=", what);
    if (e->kind == EXPR_CONSTANT)
        text_add(text, "%s", format_name((Format)e->value.n));
    else
        expr_print(space, text, id);
}

static void op_print(const Space *space, Text *text, int i) {
    const SpaceOp *op = &space->ops.at[i];
    text_add(text, "  %%%d %.*s", i, STR_ARG(op->path));
    text_add(text, " = %s(", op->kind == OP_SELECT ? "select" : operator_facts[op->kind].name);
    for (int k = 0; k < op->inputs; k++)
        text_add(text, "%s%%%d", k ? ", " : "", op->input[k]);
    if (op->kind == OP_SELECT) {
        text_add(text, "; ");
        expr_print(space, text, op->select);
    }
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(op->kind, (Attribute)a)) {
            text_add(text, ", %s: ", attribute_facts[a].name);
            expr_print(space, text, op->attribute[a]);
        }
    text_add(text, ")");
    format_print(space, text, "weights", op->weights);
    format_print(space, text, "output", op->output);
    format_print(space, text, "membrane", op->membrane);
    if (op->site >= 0)
        text_add(text, " site=%d", op->site);
    text_add(text, " : [");
    for (int d = 0; d < op->rank; d++) {
        Axis axis = axis_at(op->rank, op->time, d);
        text_add(text, "%s", d ? ", " : "");
        if (axis <= AXIS_TOKENS)
            text_add(text, "%s ", axis_facts[axis].name);
        expr_print(space, text, op->shape[d]);
    }
    text_add(text, "]");
    if (op->active) {
        text_add(text, " when ");
        expr_print(space, text, op->active);
    }
    text_add(text, "\n");
}

void space_print(const Space *space, Text *text) {
    text_add(text, "space %.*s\n", STR_ARG(space->name));
    for (int c = 0; c < space->choices.count; c++)
        decision_print(space, text, c);
    for (int i = 0; i < space->ops.count; i++)
        op_print(space, text, i);
    for (int s = 0; s < space->sites.count; s++) {
        const Site *site = &space->sites.at[s];
        text_add(text, "  site %d %.*s: out %d, kernel %d x %d, in %d\n", s,
                 STR_ARG(site->path), site->out, site->kernel_h, site->kernel_w, site->in);
    }
    for (int i = 0; i < space->constraints.count; i++) {
        text_add(text, "  require ");
        expr_print(space, text, space->constraints.at[i].condition);
        text_add(text, "\n");
    }
    text_add(text, "  return %%%d\n", space->output);
}

/* ---- checking ---------------------------------------------------------------------------- */

static bool expr_in_range(const Space *space, ExprId id) {
    return id == EXPR_NONE || (id > 0 && id < space->exprs.count);
}

static const char *op_fault(const Space *space, int i) {
    const SpaceOp *op = &space->ops.at[i];
    if (op->kind < 0 || op->kind > OP_SELECT)
        return "an operator of unknown kind";
    for (int k = 0; k < op->inputs; k++)
        if (op->input[k] < 0 || op->input[k] >= i)
            return "an operator reads one that does not come before it";
    bool sound = expr_in_range(space, op->active);
    for (int d = 0; d < op->rank; d++)
        sound = sound && expr_in_range(space, op->shape[d]);
    if (!sound || !expr_in_range(space, op->weights) || !expr_in_range(space, op->output) ||
        !expr_in_range(space, op->membrane))
        return "an operator with an expression that does not exist";
    if (op->kind == OP_SELECT)
        return expr_in_range(space, op->select) && op->select ? NULL
                                                              : "a select without condition";
    if (!operator_takes(op->kind, op->inputs))
        return "an operator with the wrong number of inputs";
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (!expr_in_range(space, op->attribute[a]) ||
            operator_has(op->kind, (Attribute)a) != (op->attribute[a] != EXPR_NONE))
            return "an operator with an attribute too many or too few";
    if ((operator_facts[op->kind].weights == WEIGHTED) != (op->weights != EXPR_NONE))
        return "a weights format where there are no weights, or none where there are";
    if ((operator_facts[op->kind].output != INHERITS) != (op->output != EXPR_NONE))
        return "an output format where it is inherited, or none where it is not";
    if ((operator_facts[op->kind].output == SPIKES) != (op->membrane != EXPR_NONE))
        return "a membrane where nothing spikes, or none where something does";
    if ((operator_facts[op->kind].weights != NONE) !=
        (op->site >= 0 && op->site < space->sites.count))
        return "an operator with weights but no site, or the other way round";
    return NULL;
}

static const char *exprs_fault(const Space *space) {
    for (int e = 1; e < space->exprs.count; e++) {
        const Expr *x = &space->exprs.at[e];
        if (x->a >= e || x->b >= e || x->c >= e || x->a < 0 || x->b < 0 || x->c < 0)
            return "an expression that reads one that does not come before it";
        if (x->kind == EXPR_CHOICE && (x->choice < 0 || x->choice >= space->choices.count))
            return "an expression of a decision that does not exist";
    }
    for (int i = 0; i < space->constraints.count; i++)
        if (!expr_in_range(space, space->constraints.at[i].condition))
            return "a constraint whose condition does not exist";
    return NULL;
}

static const char *choice_fault(const Space *space, int c, const int *decided) {
    const Choice *choice = &space->choices.at[c];
    if (choice->count < 1 || choice->count > 255)
        return "a decision with no value or more than 255";
    if (!expr_in_range(space, choice->active))
        return "a decision whose condition does not exist";
    return decided[choice->active] > c ? "a decision whose condition waits for a later one"
                                       : NULL;
}

static const char *choices_fault(const Space *space) {
    Arena *arena = arena_new();
    int *decided =
        arena_array(arena, int, space->exprs.count + 1); /* so many decisions are made */
    for (int e = 1; e < space->exprs.count; e++) {
        const Expr *x = &space->exprs.at[e];
        int64_t operands = max_i64(decided[x->a], max_i64(decided[x->b], decided[x->c]));
        decided[e] = x->kind == EXPR_CHOICE ? x->choice + 1 : (int)operands;
    }
    const char *fault = NULL;
    for (int c = 0; c < space->choices.count && !fault; c++)
        fault = choice_fault(space, c, decided);
    arena_free(arena);
    return fault;
}

const char *space_check(const Space *space) {
    if (space->ops.count < 1 || space->ops.at[0].kind != OP_INPUT)
        return "a space whose first operator is not the input";
    if (space->output < 0 || space->output >= space->ops.count)
        return "a space whose output is no operator";
    const char *fault = exprs_fault(space);
    if (!fault)
        fault = choices_fault(space);
    for (int i = 0; i < space->ops.count && !fault; i++)
        fault = op_fault(space, i);
    return fault;
}

Key space_key(const Space *space) {
    Arena *arena = arena_new();
    Text text = text_new(arena);
    space_print(space, &text);
    for (int c = 0; c < space->choices.count; c++)
        text_add(&text, "%d%d ", space->choices.at[c].type, space->choices.at[c].ordinal);
    text_add(&text, "%s %d %d %d", format_name(space->input_format), space->input.dim[0],
             space->input.dim[1], space->input.dim[2]);
    Key key = key_of(text.at, (size_t)text.length);
    arena_free(arena);
    return key;
}
