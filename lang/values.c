/* values.c: what an expression of the language can be, and how messages speak of it.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

const char *value_kind_name(ValueKind kind) {
    static const char *const names[] = {
        [A_MISTAKE] = "a mistake",   [A_NUMBER] = "a number", [A_TRUTH] = "true or false",
        [A_FORMAT] = "a format",     [A_STRING] = "a string", [A_WORD] = "a word",
        [A_LIST] = "a list",         [A_RECORD] = "a record", [A_RANGE] = "a range",
        [A_GRAPH] = "a tensor",      [A_BLOCK] = "a block",   [A_OPERATOR] = "an operator",
        [A_FUNCTION] = "a function", [A_CHOSEN] = "a choice"};
    return names[kind];
}

Value value_number(ExprId expr, Dimension dimension, Span span) {
    return (Value){.kind = expr ? A_NUMBER : A_MISTAKE,
                   .expr = expr,
                   .dimension = dimension,
                   .span = span};
}

Value value_truth(ExprId expr, Span span) {
    return (Value){.kind = expr ? A_TRUTH : A_MISTAKE, .expr = expr, .span = span};
}

Value value_mistake(Span span) {
    return (Value){.kind = A_MISTAKE, .span = span};
}

/* ---- in messages ------------------------------------------------------------------------- */

Str choice_value(Arena *arena, const Choice *choice, int value) {
    if (choice->type == VALUE_ALTERNATIVE && !choice->names)
        return str_format(arena, "alternative %d", value + 1);
    return choice_print(arena, choice, value);
}

Str choice_values(Arena *arena, const Choice *choice) {
    Text text = text_new(arena);
    if (choice->type == VALUE_ALTERNATIVE && !choice->names) {
        text_add(&text, "one of %d alternatives", choice->count);
        return text_str(&text);
    }
    for (int v = 0; v < choice->count; v++) {
        text_add(&text, "%s", v == 0 ? "" : v < choice->count - 1 ? ", " : " or ");
        text_add_str(&text, choice_value(arena, choice, v));
    }
    return text_str(&text);
}

/* The last part of a decision's name: what the user called it. */
static Str short_name(Str name) {
    for (int i = name.length - 1; i >= 0; i--)
        if (name.at[i] == '.')
            return (Str){name.at + i + 1, name.length - i - 1};
    return name;
}

static const char *const signs[] = {
    [EXPR_ADD] = "+",         [EXPR_SUB] = "-",      [EXPR_MUL] = "*",
    [EXPR_DIV] = "/",         [EXPR_EQUAL] = "==",   [EXPR_LESS] = "<",
    [EXPR_LESS_EQUAL] = "<=", [EXPR_AND] = "and",    [EXPR_OR] = "or",
    [EXPR_MIN] = "min",       [EXPR_MAX] = "max",    [EXPR_FLOOR] = "floor",
    [EXPR_CEIL] = "ceil",     [EXPR_ROUND] = "round"};

static void expr_show(const Space *space, Text *text, ExprId id);

static void call_show(const Space *space, Text *text, const Expr *e) {
    text_add(text, "%s(", signs[e->kind]);
    expr_show(space, text, e->a);
    if (e->b) {
        text_add(text, ", ");
        expr_show(space, text, e->b);
    }
    text_add(text, ")");
}

static bool is_leaf(const Space *space, ExprId id) {
    ExprKind kind = space->exprs.at[id].kind;
    return kind == EXPR_CONSTANT || kind == EXPR_CHOICE ||
           (kind >= EXPR_MIN && kind <= EXPR_ROUND);
}

static void operand_show(const Space *space, Text *text, ExprId id) {
    bool leaf = is_leaf(space, id);
    text_add(text, "%s", leaf ? "" : "(");
    expr_show(space, text, id);
    text_add(text, "%s", leaf ? "" : ")");
}

static void expr_show(const Space *space, Text *text, ExprId id) {
    const Expr *e = &space->exprs.at[id];
    if (text->length > 60) {
        text_add(text, "...");
        return;
    }
    switch (e->kind) {
    case EXPR_CONSTANT:
        text_add_str(text, rational_print(text->arena, e->value));
        return;
    case EXPR_CHOICE:
        text_add_str(text, short_name(space->choices.at[e->choice].name));
        return;
    case EXPR_IF:
        text_add(text, "if ");
        expr_show(space, text, e->a);
        text_add(text, " then ");
        expr_show(space, text, e->b);
        text_add(text, " else ");
        expr_show(space, text, e->c);
        return;
    case EXPR_NOT:
        text_add(text, "not ");
        operand_show(space, text, e->a);
        return;
    default:
        if (e->kind >= EXPR_MIN && e->kind <= EXPR_ROUND) {
            call_show(space, text, e);
            return;
        }
        operand_show(space, text, e->a);
        text_add(text, " %s ", signs[e->kind]);
        operand_show(space, text, e->b);
    }
}

Str expr_describe(Elab *elab, ExprId id) {
    Text text = text_new(elab->arena);
    if (id)
        expr_show(elab->space, &text, id);
    return text_str(&text);
}

Str shape_describe(Elab *elab, int op) {
    const SpaceOp *from = &elab->space->ops.at[op];
    Text text = text_new(elab->arena);
    for (int d = 0; d < from->rank; d++) {
        Axis axis = axis_at(from->rank, from->time, d);
        text_add(&text, "%s", d ? ", " : "[");
        if (axis <= AXIS_TOKENS)
            text_add(&text, "%s ", axis_facts[axis].name);
        text_add_str(&text, expr_describe(elab, from->shape[d]));
    }
    text_add(&text, "]");
    return text_str(&text);
}

/* "max or average" */
static Str things_describe(Elab *elab, Value chosen) {
    Text text = text_new(elab->arena);
    for (int i = 0; i < chosen.count; i++) {
        text_add(&text, "%s", i == 0 ? "" : i < chosen.count - 1 ? ", " : " or ");
        text_add_str(&text, thing_name(chosen.items[i]));
    }
    return text_str(&text);
}

Str value_describe(Elab *elab, Value value) {
    Str shown = {"", 0};
    Rational constant;
    if (value.kind == A_GRAPH)
        shown = shape_describe(elab, value.op);
    else if (value.kind == A_NUMBER && is_constant(&elab->folder, value.expr, &constant))
        shown = quantity_print(elab->arena, constant, value.dimension);
    else if (value.kind == A_NUMBER)
        shown = expr_describe(elab, value.expr);
    else if (value.kind == A_FORMAT && is_constant(&elab->folder, value.expr, &constant))
        shown = str_of(format_name((Format)constant.n));
    else if (value.kind == A_CHOSEN && is_thing(value))
        shown = things_describe(elab, value);
    else if (is_thing(value))
        shown = thing_name(value);
    if (!shown.length)
        return str_of(value_kind_name(value.kind));
    return str_format(elab->arena, "%s, %.*s", value_kind_name(value.kind), STR_ARG(shown));
}
