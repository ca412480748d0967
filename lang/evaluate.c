/* evaluate.c: expressions. What does not depend on a decision is a constant when it comes out;
 * what does is an expression of the Space.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* Elaboration ends whatever the file says. */
enum { MAX_STEPS = 1000000, MAX_NESTING = 600, MAX_REPORTED = 100 };

bool steps_take(Elab *elab, int64_t steps, Span span) {
    elab->steps += steps;
    if (elab->steps > MAX_STEPS && !elab->exhausted) {
        elab_error(elab, span, "the file takes more than %d steps to elaborate", MAX_STEPS);
        elab->exhausted = true;
    }
    if (error_count(elab->diagnostics) > MAX_REPORTED)
        elab->exhausted = elab->failed = true;
    return !elab->exhausted;
}

static bool within_limits(Elab *elab, const Node *node) {
    const char *what = NULL;
    if (!steps_take(elab, 1, node->span))
        return false;
    if (elab->depth >= MAX_NESTING)
        what = "calls nest too deeply; a block that calls itself needs an end that it reaches";
    if (!what)
        return true;
    elab_error(elab, node->span, "%s", what);
    elab->exhausted = true;
    return false;
}

/* ---- conversions ------------------------------------------------------------------------- */

ExprId number_of(Elab *elab, Value value, const char *what) {
    if (value.kind == A_NUMBER && value.dimension == DIMENSION_NONE)
        return value.expr;
    if (value.kind == A_NUMBER)
        elab_error(elab, value.span, "%s is a plain number, and this is %s", what,
                   dimension_name(value.dimension));
    else if (value.kind != A_MISTAKE)
        elab_error(elab, value.span, "%s must be a number, and this is %.*s", what,
                   STR_ARG(value_describe(elab, value)));
    return EXPR_NONE;
}

ExprId truth_of(Elab *elab, Value value, const char *what) {
    if (value.kind == A_TRUTH)
        return value.expr;
    if (value.kind != A_MISTAKE)
        elab_error(elab, value.span, "%s must be true or false, and this is %.*s", what,
                   STR_ARG(value_describe(elab, value)));
    return EXPR_NONE;
}

Value folded(Elab *elab, ExprKind kind, ExprId a, ExprId b, Dimension dimension, Span span) {
    ExprId id = a ? fold(&elab->folder, kind, a, b, EXPR_NONE) : EXPR_NONE;
    if (a && !id)
        elab_error(elab, span, "%s", elab->folder.why);
    bool truth = kind >= EXPR_EQUAL && kind <= EXPR_NOT;
    return truth ? value_truth(id, span) : value_number(id, dimension, span);
}

Str local_hint(Elab *elab, Str name) {
    Str path = elab->frame->path;
    if (path.length == 0)
        return name;
    char *bytes = arena_alloc(elab->arena, (size_t)(path.length + name.length + 2));
    memcpy(bytes, path.at, (size_t)path.length);
    bytes[path.length] = '.';
    memcpy(bytes + path.length + 1, name.at, (size_t)name.length);
    return (Str){bytes, path.length + 1 + name.length};
}

Value evaluate_as(Elab *elab, const Node *node, Str hint) {
    Str saved = elab->hint;
    elab->hint = hint;
    Value value = evaluate(elab, node);
    elab->hint = saved;
    return value;
}

Value evaluate_under(Elab *elab, ExprId condition, const Node *node) {
    ExprId saved = elab->guard;
    elab->guard = fold_and(&elab->folder, saved, condition);
    Value value = evaluate(elab, node);
    elab->guard = saved;
    return value;
}

/* ---- names ------------------------------------------------------------------------------- */

Value global_value(Elab *elab, const Item *item) {
    for (int i = 0; i < elab->globals.count; i++)
        if (elab->globals.at[i].item == item) {
            if (elab->globals.at[i].busy)
                elab_error(elab, item->span, "the value of `%.*s` depends on itself",
                           STR_ARG(item->name));
            return elab->globals.at[i].value;
        }
    Frame frame = {.path = {"", 0}, .ordinals = map_new(elab->arena), .source = item->source};
    Frame *caller = elab->frame;
    Scope *scope = elab->scope;
    ExprId guard = elab->guard;
    int slot = elab->globals.count;
    vec_push(elab->arena, &elab->globals, ((Global){item, value_mistake(item->span), true}));
    elab->frame = arena_copy(elab->arena, &frame, sizeof frame);
    elab->scope = NULL;
    elab->guard = EXPR_NONE;
    Value value = evaluate_as(elab, item->value, item->name);
    elab->globals.at[slot].value = value;
    elab->globals.at[slot].busy = false;
    elab->frame = caller;
    elab->scope = scope;
    elab->guard = guard;
    return value;
}

bool name_clash(Elab *elab, Span span, const Item *item) {
    bool clash = item_clash(elab->diagnostics, span, elab->frame->source, item);
    elab->failed |= clash;
    return clash;
}

/* What a name means that is not bound in the body. */
static Value declared_value(Elab *elab, const Node *node) {
    const Source *source = elab->frame->source;
    const Item *item;
    OpKind kind;
    Format format;
    Value value = {.span = node->span, .text = node->text};
    if ((item = item_find(source, ITEM_LET, (Str){0}, node->text))) {
        value = name_clash(elab, node->span, item) ? value_mistake(node->span)
                                                   : global_value(elab, item);
        value.span = node->span;
    } else if ((item = item_find(source, ITEM_BLOCK, (Str){0}, node->text))) {
        value.kind = name_clash(elab, node->span, item) ? A_MISTAKE : A_BLOCK;
        value.block = item;
    } else if (format_of(node->text, &format)) {
        value.kind = A_FORMAT;
        value.expr = fold_integer(&elab->folder, format);
    } else if (operator_of(node->text, &kind)) {
        value.kind = A_OPERATOR;
        value.op = (int)kind;
    } else if (function_of(node->text) >= 0) {
        value.kind = A_FUNCTION;
        value.op = function_of(node->text);
    } else {
        report_unknown_name(elab, node, false);
    }
    return value;
}

static Value name_value(Elab *elab, const Node *node) {
    const Binding *binding = scope_find(elab, node->text);
    const Words *words = elab->words;
    if (words && words_have(words, node->text))
        return word_value(words, node->text, node->span);
    if (!binding && words && words->count &&
        !item_find(elab->frame->source, ITEM_LET, (Str){0}, node->text)) {
        report_word(elab, words, node->text, node->span);
        return value_mistake(node->span);
    }
    if (!binding)
        return declared_value(elab, node);
    Value value = binding->value;
    value.span = node->span;
    return value;
}

/* ---- literals ---------------------------------------------------------------------------- */

static Value list_value(Elab *elab, const Node *node) {
    Value value = {.kind = node->kind == NODE_LIST ? A_LIST : A_RECORD,
                   .span = node->span,
                   .count = node->args.count};
    value.items = arena_array(elab->arena, Value, value.count);
    value.names = arena_array(elab->arena, Str, value.count);
    for (int i = 0; i < value.count; i++) {
        value.names[i] = node->args.at[i].name;
        value.items[i] = value.names[i].length ? evaluate_as(elab, node->args.at[i].value,
                                                             local_hint(elab, value.names[i]))
                                               : evaluate(elab, node->args.at[i].value);
    }
    return value;
}

static Value range_value(Elab *elab, const Node *node) {
    Value value = {.kind = A_RANGE, .span = node->span, .count = 3};
    value.items = arena_array(elab->arena, Value, 3);
    value.items[0] = evaluate(elab, node->a);
    value.items[1] = evaluate(elab, node->b);
    value.items[2] = node->c ? evaluate(elab, node->c)
                             : value_number(fold_integer(&elab->folder, 1),
                                            value.items[0].dimension, node->span);
    for (int i = 0; i < 3; i++)
        if (value.items[i].kind != A_NUMBER) {
            number_of(elab, value.items[i], "an end of a range");
            return value_mistake(node->span);
        }
    return value;
}

/* ---- operators --------------------------------------------------------------------------- */

static bool compares(TokenKind op) {
    return op >= TOKEN_EQUAL && op <= TOKEN_GREATER_EQUAL;
}

static Value compared(Elab *elab, const Node *node, ExprId a, ExprId b) {
    Span span = node->span;
    switch (node->op) {
    case TOKEN_EQUAL:
        return folded(elab, EXPR_EQUAL, a, b, DIMENSION_NONE, span);
    case TOKEN_UNEQUAL: {
        Value equal = folded(elab, EXPR_EQUAL, a, b, DIMENSION_NONE, span);
        return folded(elab, EXPR_NOT, equal.expr, EXPR_NONE, DIMENSION_NONE, span);
    }
    case TOKEN_LESS:
        return folded(elab, EXPR_LESS, a, b, DIMENSION_NONE, span);
    case TOKEN_LESS_EQUAL:
        return folded(elab, EXPR_LESS_EQUAL, a, b, DIMENSION_NONE, span);
    case TOKEN_GREATER:
        return folded(elab, EXPR_LESS, b, a, DIMENSION_NONE, span);
    default:
        return folded(elab, EXPR_LESS_EQUAL, b, a, DIMENSION_NONE, span);
    }
}

static Value report_operands(Elab *elab, const Node *node, Value a, Value b) {
    if (a.kind == A_MISTAKE || b.kind == A_MISTAKE)
        return value_mistake(node->span);
    if (a.kind == A_NUMBER && b.kind == A_NUMBER)
        elab_error(elab, node->span, "`%.*s` between %s and %s", STR_ARG(node->text),
                   dimension_name(a.dimension), dimension_name(b.dimension));
    else
        elab_error(elab, node->span, "`%.*s` between %s and %s", STR_ARG(node->text),
                   value_kind_name(a.kind), value_kind_name(b.kind));
    if (a.kind == A_GRAPH && b.kind == A_GRAPH && node->op == TOKEN_PLUS)
        note_at(elab->diagnostics, node->span, "two tensors are added by `add(x, y)`");
    return value_mistake(node->span);
}

static Value comparison(Elab *elab, const Node *node, Value a, Value b) {
    bool equality = node->op == TOKEN_EQUAL || node->op == TOKEN_UNEQUAL;
    if (equality && is_thing(a) && is_thing(b)) {
        Value equal = value_truth(things_equal(elab, a, b), node->span);
        return node->op == TOKEN_EQUAL
                   ? equal
                   : folded(elab, EXPR_NOT, equal.expr, EXPR_NONE, DIMENSION_NONE, node->span);
    }
    bool same = a.kind == b.kind && a.dimension == b.dimension;
    bool ordered = a.kind == A_NUMBER || a.kind == A_FORMAT;
    if (!same || !(ordered || (equality && a.kind == A_TRUTH)))
        return report_operands(elab, node, a, b);
    return compared(elab, node, a.expr, b.expr);
}

static Value arithmetic(Elab *elab, const Node *node, Value a, Value b) {
    if (a.kind != A_NUMBER || b.kind != A_NUMBER)
        return report_operands(elab, node, a, b);
    Dimension x = a.dimension, y = b.dimension;
    switch (node->op) {
    case TOKEN_PLUS:
    case TOKEN_MINUS:
        if (x != y)
            return report_operands(elab, node, a, b);
        return folded(elab, node->op == TOKEN_PLUS ? EXPR_ADD : EXPR_SUB, a.expr, b.expr, x,
                      node->span);
    case TOKEN_STAR:
        if (x != DIMENSION_NONE && y != DIMENSION_NONE)
            return report_operands(elab, node, a, b);
        return folded(elab, EXPR_MUL, a.expr, b.expr, x ? x : y, node->span);
    case TOKEN_SLASH:
        if (y != DIMENSION_NONE && x != y)
            return report_operands(elab, node, a, b);
        return folded(elab, EXPR_DIV, a.expr, b.expr, x == y ? DIMENSION_NONE : x, node->span);
    default: /* `in` and `at`, which declarations read */
        return report_operands(elab, node, a, b);
    }
}

/* `and`, `or`, `implies`: the right side is not evaluated where the left decides, and under the
 * left's condition where it depends on decisions. */
static Value logic(Elab *elab, const Node *node) {
    ExprId a =
        truth_of(elab, evaluate(elab, node->a), "what stands beside `and`, `or`, `implies`");
    if (!a)
        return value_mistake(node->span);
    bool either = node->op != TOKEN_AND;
    if (node->op == TOKEN_IMPLIES)
        a = fold_not(&elab->folder, a);
    if (either ? is_true(&elab->folder, a) : is_false(&elab->folder, a))
        return value_truth(a, node->span);
    ExprId reached = either ? fold_not(&elab->folder, a) : a;
    ExprId b = truth_of(elab, evaluate_under(elab, reached, node->b),
                        "what stands beside `and`, `or`, `implies`");
    if (!b)
        return value_mistake(node->span);
    return folded(elab, either ? EXPR_OR : EXPR_AND, a, b, DIMENSION_NONE, node->span);
}

/* What is compared with a word is one of the same words: a side whose name is not bound waits for
 * the other. */
static void operands(Elab *elab, const Node *node, Value *a, Value *b) {
    bool equality = node->op == TOKEN_EQUAL || node->op == TOKEN_UNEQUAL;
    bool waits = equality && node->a->kind == NODE_NAME && !scope_find(elab, node->a->text);
    Value *first = waits ? b : a, *second = waits ? a : b;
    *first = evaluate(elab, waits ? node->b : node->a);
    const Words *words = equality ? value_words(*first) : NULL;
    const Node *other = waits ? node->a : node->b;
    *second = words ? evaluate_word(elab, other, words, elab->hint) : evaluate(elab, other);
}

static Value binary(Elab *elab, const Node *node) {
    if (node->op == TOKEN_AND || node->op == TOKEN_OR || node->op == TOKEN_IMPLIES)
        return logic(elab, node);
    Value a, b;
    operands(elab, node, &a, &b);
    return compares(node->op) ? comparison(elab, node, a, b) : arithmetic(elab, node, a, b);
}

static Value negated(Elab *elab, const Node *node) {
    Value a = evaluate(elab, node->a);
    if (a.kind != A_NUMBER) {
        number_of(elab, a, "what stands after `-`");
        return value_mistake(node->span);
    }
    return folded(elab, EXPR_SUB, fold_integer(&elab->folder, 0), a.expr, a.dimension,
                  node->span);
}

/* ---- if ---------------------------------------------------------------------------------- */

static Value merge_lists(Elab *elab, ExprId condition, Value yes, Value no, Span span) {
    Value merged = yes;
    merged.items = arena_array(elab->arena, Value, yes.count);
    for (int i = 0; i < yes.count; i++)
        merged.items[i] = value_merge(elab, condition, yes.items[i], no.items[i], span);
    return merged;
}

/* Parts of one name, in whatever order. */
static Value merge_records(Elab *elab, ExprId condition, Value yes, Value no, Span span) {
    Value merged = yes;
    merged.items = arena_array(elab->arena, Value, yes.count);
    for (int i = 0; i < yes.count; i++) {
        int at = 0;
        while (at < no.count && !str_equal(no.names[at], yes.names[i]))
            at++;
        if (at == no.count) {
            elab_error(elab, span,
                       "one decision leads to a record with `%.*s`, another to one "
                       "without",
                       STR_ARG(yes.names[i]));
            return value_mistake(span);
        }
        merged.items[i] = value_merge(elab, condition, yes.items[i], no.items[at], span);
    }
    return merged;
}

Value value_merge(Elab *elab, ExprId condition, Value yes, Value no, Span span) {
    if (!steps_take(elab, 1, span) || yes.kind == A_MISTAKE || no.kind == A_MISTAKE)
        return value_mistake(span);
    Value merged = yes;
    merged.span = span;
    bool same = yes.kind == no.kind && yes.dimension == no.dimension && yes.count == no.count;
    if (same && yes.kind == A_GRAPH) {
        Value pair[2] = {no, yes};
        merged.op = yes.op == no.op ? yes.op : select_make(elab, condition, pair, 2, span);
        return merged.op < 0 ? value_mistake(span) : merged;
    }
    if (same && yes.expr && yes.kind != A_CHOSEN) {
        merged.expr = fold(&elab->folder, EXPR_IF, condition, yes.expr, no.expr);
        if (!merged.expr)
            elab_error(elab, span, "%s", elab->folder.why);
        return merged.expr ? merged : value_mistake(span);
    }
    if (same && (yes.kind == A_LIST || yes.kind == A_RANGE))
        return merge_lists(elab, condition, yes, no, span);
    if (same && yes.kind == A_RECORD)
        return merge_records(elab, condition, yes, no, span);
    merged = chosen_merge(elab, condition, yes, no, span);
    if (merged.kind != A_MISTAKE || elab->exhausted)
        return merged;
    elab_error(elab, span, "one decision leads to %.*s, another to %.*s",
               STR_ARG(value_describe(elab, yes)), STR_ARG(value_describe(elab, no)));
    return value_mistake(span);
}

static Value conditional(Elab *elab, const Node *node) {
    const Words *words = elab->words;
    elab->words = NULL;
    ExprId condition = truth_of(elab, evaluate(elab, node->a), "the condition of `if`");
    elab->words = words;
    if (!condition)
        return value_mistake(node->span);
    if (is_true(&elab->folder, condition))
        return evaluate(elab, node->b);
    if (is_false(&elab->folder, condition))
        return evaluate(elab, node->c);
    Value yes = evaluate_under(elab, condition, node->b);
    Value no = evaluate_under(elab, fold_not(&elab->folder, condition), node->c);
    return value_merge(elab, condition, yes, no, node->span);
}

/* ---- parts of values --------------------------------------------------------------------- */

static Value indexed_chosen(Elab *elab, const Node *node, Value lists, ExprId expr) {
    Rational index = {-1, 1};
    int least = lists.items[0].count;
    is_constant(&elab->folder, expr, &index);
    for (int i = 1; i < lists.count; i++)
        least = (int)min_i64(least, lists.items[i].count);
    if (index.d == 1 && index.n >= 0 && index.n < least) {
        ExprId has;
        return chosen_item(elab, lists, (int)index.n, &has);
    }
    elab_error(elab, node->b->span,
               "one of the lists that may be chosen has only %d items, numbered from 0", least);
    return value_mistake(node->span);
}

static Value indexed(Elab *elab, const Node *node) {
    Value list = evaluate(elab, node->a), at = evaluate(elab, node->b);
    Rational index;
    ExprId expr = number_of(elab, at, "the index of a list");
    if (list.kind == A_MISTAKE || !expr)
        return value_mistake(node->span);
    if (list.kind == A_CHOSEN && list.items[0].kind == A_LIST)
        return indexed_chosen(elab, node, list, expr);
    if (list.kind != A_LIST)
        elab_error(elab, node->a->span, "only a list has items by number, and this is %s",
                   value_kind_name(list.kind));
    else if (!is_constant(&elab->folder, expr, &index))
        elab_error(elab, node->b->span, "the index of a list cannot depend on a decision");
    else if (index.d != 1 || index.n < 0 || index.n >= list.count)
        elab_error(elab, node->b->span, "the list has %d items, numbered from 0", list.count);
    else
        return list.items[index.n];
    return value_mistake(node->span);
}

static Value field(Elab *elab, const Node *node) {
    Value record = evaluate(elab, node->a);
    if (record.kind == A_MISTAKE)
        return record;
    if (record.kind != A_RECORD) {
        elab_error(elab, node->span, "only a record has parts by name, and this is %s",
                   value_kind_name(record.kind));
        return value_mistake(node->span);
    }
    for (int i = 0; i < record.count; i++)
        if (str_equal(record.names[i], node->text))
            return record.items[i];
    Str also = suggestion(elab->arena, node->text, record.names, record.count);
    elab_error(elab, node->span, "the record has no `%.*s`%.*s", STR_ARG(node->text),
               STR_ARG(also));
    return value_mistake(node->span);
}

static Value evaluate_kind(Elab *elab, const Node *node) {
    switch (node->kind) {
    case NODE_ERROR:
        return value_mistake(node->span);
    case NODE_NUMBER:
        return value_number(fold_constant(&elab->folder, node->number), node->dimension,
                            node->span);
    case NODE_STRING:
        return (Value){.kind = A_STRING, .text = node->text, .span = node->span};
    case NODE_TRUTH:
        return value_truth(fold_constant(&elab->folder, node->number), node->span);
    case NODE_NAME:
        return name_value(elab, node);
    case NODE_LIST:
    case NODE_RECORD:
        return list_value(elab, node);
    case NODE_RANGE:
        return range_value(elab, node);
    case NODE_NEGATE:
        return negated(elab, node);
    case NODE_NOT: {
        ExprId a = truth_of(elab, evaluate(elab, node->a), "what stands after `not`");
        return a ? value_truth(fold_not(&elab->folder, a), node->span)
                 : value_mistake(node->span);
    }
    case NODE_BINARY:
        return binary(elab, node);
    case NODE_IF:
        return conditional(elab, node);
    case NODE_CALL:
        return call_evaluate(elab, node);
    case NODE_INDEX:
        return indexed(elab, node);
    case NODE_FIELD:
        return field(elab, node);
    case NODE_LABEL:
        return evaluate_as(elab, node->a, node->text);
    case NODE_SHARE:
        elab_error(elab, node->span, "`of` has no meaning here");
        return value_mistake(node->span);
    case NODE_AXIS:
        elab_error(elab, node->span,
                   "an axis with its extent stands in the type of a network's input or result; "
                   "is a comma missing?");
        return value_mistake(node->span);
    }
    return value_mistake(node->span);
}

/* Whose parts may be words where it may be one; a call decides by itself. */
static bool passes_words(NodeKind kind) {
    return kind == NODE_NAME || kind == NODE_IF || kind == NODE_LABEL || kind == NODE_LIST ||
           kind == NODE_CALL;
}

Value evaluate(Elab *elab, const Node *node) {
    if (!within_limits(elab, node))
        return value_mistake(node->span);
    for (const Known *known = elab->known; known; known = known->next)
        if (node == known->node)
            return known->value;
    const Words *words = elab->words;
    if (!passes_words(node->kind))
        elab->words = NULL;
    elab->depth++;
    Value value = evaluate_kind(elab, node);
    elab->depth--;
    elab->words = words;
    return value;
}
