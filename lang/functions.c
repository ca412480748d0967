/* functions.c: the functions that the language has built in.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* The arguments of a call without names, at least `least` and at most `most` (0: any
 * number). */
static bool plain_arguments(Elab *elab, const Node *call, int least, int most) {
    int count = call->args.count;
    for (int i = 0; i < count; i++)
        if (call->args.at[i].name.length) {
            elab_error(elab, call->args.at[i].span, "the arguments of `%.*s` have no names",
                       STR_ARG(call->a->text));
            return false;
        }
    if (count >= least && (most == 0 || count <= most))
        return true;
    elab_error(elab, call->span, "`%.*s` takes %s%d argument%s, and this gives %d",
               STR_ARG(call->a->text), least == most ? "" : "at least ", least,
               least == 1 ? "" : "s", count);
    return false;
}

/* ---- arithmetic -------------------------------------------------------------------------- */

static Value rounded(Elab *elab, const Node *call, ExprKind kind) {
    if (!plain_arguments(elab, call, 1, 1))
        return value_mistake(call->span);
    Value x = evaluate(elab, call->args.at[0].value);
    ExprId number = number_of(elab, x, "what is rounded");
    return folded(elab, kind, number, EXPR_NONE, DIMENSION_NONE, call->span);
}

static Value floor_call(Elab *elab, const Node *call) {
    return rounded(elab, call, EXPR_FLOOR);
}

static Value ceil_call(Elab *elab, const Node *call) {
    return rounded(elab, call, EXPR_CEIL);
}

static Value round_call(Elab *elab, const Node *call) {
    return rounded(elab, call, EXPR_ROUND);
}

/* The arguments, or the items of the one list that is the argument. */
static bool several(Elab *elab, const Node *call, Value **items, int *count) {
    if (!plain_arguments(elab, call, 1, 0))
        return false;
    *count = call->args.count;
    *items = arena_array(elab->arena, Value, *count);
    for (int i = 0; i < *count; i++)
        (*items)[i] = evaluate(elab, call->args.at[i].value);
    if (*count == 1 && (*items)[0].kind == A_LIST) {
        *count = (*items)[0].count;
        *items = (*items)[0].items;
    }
    return true;
}

static Value reduced(Elab *elab, const Node *call, ExprKind kind) {
    Value *items;
    int count;
    if (!several(elab, call, &items, &count))
        return value_mistake(call->span);
    if (count == 0) {
        elab_error(elab, call->span, "`%.*s` of an empty list", STR_ARG(call->a->text));
        return value_mistake(call->span);
    }
    Value result = items[0];
    for (int i = 0; i < count && result.kind != A_MISTAKE; i++) {
        if (items[i].kind == A_NUMBER && items[i].dimension == result.dimension) {
            if (i > 0)
                result = folded(elab, kind, result.expr, items[i].expr, result.dimension,
                                call->span);
            continue;
        }
        if (items[i].kind != A_MISTAKE)
            elab_error(elab, items[i].span, "`%.*s` takes numbers of one dimension",
                       STR_ARG(call->a->text));
        return value_mistake(call->span);
    }
    return result;
}

static Value min_call(Elab *elab, const Node *call) {
    return reduced(elab, call, EXPR_MIN);
}

static Value max_call(Elab *elab, const Node *call) {
    return reduced(elab, call, EXPR_MAX);
}

static Value sum_call(Elab *elab, const Node *call) {
    return reduced(elab, call, EXPR_ADD);
}

/* max(n, n * round(x / n)) */
static Value multiple_of_call(Elab *elab, const Node *call) {
    if (!plain_arguments(elab, call, 2, 2))
        return value_mistake(call->span);
    Span span = call->span;
    ExprId x = number_of(elab, evaluate(elab, call->args.at[0].value), "what is rounded");
    ExprId n = number_of(elab, evaluate(elab, call->args.at[1].value), "what is rounded to");
    if (!x || !n)
        return value_mistake(span);
    Value ratio = folded(elab, EXPR_DIV, x, n, DIMENSION_NONE, span);
    Value whole = folded(elab, EXPR_ROUND, ratio.expr, EXPR_NONE, DIMENSION_NONE, span);
    Value product = folded(elab, EXPR_MUL, whole.expr, n, DIMENSION_NONE, span);
    return folded(elab, EXPR_MAX, product.expr, n, DIMENSION_NONE, span);
}

/* ---- lists and shapes -------------------------------------------------------------------- */

static Value chosen_length(Elab *elab, Value lists, Span span) {
    ExprId length = fold_integer(&elab->folder, lists.items[lists.count - 1].count);
    for (int i = lists.count - 2; i >= 0 && length; i--)
        length = fold(&elab->folder, EXPR_IF, chosen_taken(elab, lists, i),
                      fold_integer(&elab->folder, lists.items[i].count), length);
    return value_number(length, DIMENSION_NONE, span);
}

static Value length_call(Elab *elab, const Node *call) {
    if (!plain_arguments(elab, call, 1, 1))
        return value_mistake(call->span);
    Value list = evaluate(elab, call->args.at[0].value);
    if (list.kind == A_LIST)
        return value_number(fold_integer(&elab->folder, list.count), DIMENSION_NONE,
                            call->span);
    if (list.kind == A_CHOSEN && list.items[0].kind == A_LIST)
        return chosen_length(elab, list, call->span);
    if (list.kind != A_MISTAKE)
        elab_error(elab, list.span, "`length` takes a list, and this is %s",
                   value_kind_name(list.kind));
    return value_mistake(call->span);
}

/* The extent of a tensor in one axis. */
static Value extent(Elab *elab, const Node *call, Axis axis) {
    if (!plain_arguments(elab, call, 1, 1))
        return value_mistake(call->span);
    Value x = evaluate(elab, call->args.at[0].value);
    if (x.kind != A_GRAPH) {
        if (x.kind != A_MISTAKE)
            elab_error(elab, x.span, "`%.*s` takes a tensor, and this is %s",
                       STR_ARG(call->a->text), value_kind_name(x.kind));
        return value_mistake(call->span);
    }
    const SpaceOp *op = &elab->space->ops.at[x.op];
    for (int d = 0; d < op->rank; d++)
        if (axis_at(op->rank, op->time, d) == axis)
            return value_number(op->shape[d], DIMENSION_NONE, call->span);
    elab_error(elab, x.span, "a tensor of shape %.*s has no %.*s",
               STR_ARG(shape_describe(elab, x.op)), STR_ARG(call->a->text));
    return value_mistake(call->span);
}

static Value channels_call(Elab *elab, const Node *call) {
    return extent(elab, call, AXIS_CHANNELS);
}

static Value width_call(Elab *elab, const Node *call) {
    return extent(elab, call, AXIS_WIDTH);
}

static Value height_call(Elab *elab, const Node *call) {
    return extent(elab, call, AXIS_HEIGHT);
}

static Value tokens_call(Elab *elab, const Node *call) {
    return extent(elab, call, AXIS_TOKENS);
}

static Value time_call(Elab *elab, const Node *call) {
    return extent(elab, call, AXIS_TIME);
}

/* ---- split ------------------------------------------------------------------------------- */

/* Into `count` equal parts, or parts of the listed channels. */
static Value split_parts(Elab *elab, Value x, const ExprId *channels, int count, Span span) {
    Value list = {.kind = A_LIST, .span = span, .count = count};
    ExprId from = fold_integer(&elab->folder, 0);
    list.items = arena_array(elab->arena, Value, count);
    for (int i = 0; i < count; i++) {
        int op = from ? slice_make(elab, x.op, from, channels[i], span) : -1;
        if (op < 0)
            return value_mistake(span);
        list.items[i] = (Value){.kind = A_GRAPH, .op = op, .span = span};
        from = fold2(elab, EXPR_ADD, from, channels[i]);
    }
    const SpaceOp *in = &elab->space->ops.at[x.op];
    ExprId all = in->shape[in->rank - 1];
    check_add(elab, fold2(elab, EXPR_EQUAL, from, all), span, from, all,
              "the parts of `split` have $a channels, of $b");
    return list;
}

static Value split_equally(Elab *elab, Value x, Value parts, Span span) {
    enum { MAX_PARTS = 256 };
    Rational n;
    ExprId channels[MAX_PARTS];
    const SpaceOp *in = &elab->space->ops.at[x.op];
    ExprId all = in->shape[in->rank - 1];
    if (!is_constant(&elab->folder, parts.expr, &n) || n.d != 1 || n.n < 2 || n.n > MAX_PARTS) {
        elab_error(elab, parts.span,
                   "`split` makes 2 to %d parts, as many for every member, and this is %.*s",
                   MAX_PARTS, STR_ARG(value_describe(elab, parts)));
        return value_mistake(span);
    }
    ExprId share = fold2(elab, EXPR_DIV, all, parts.expr);
    ExprId whole = share ? fold(&elab->folder, EXPR_FLOOR, share, EXPR_NONE, EXPR_NONE) : share;
    check_add(elab, fold2(elab, EXPR_EQUAL, whole, share), span, parts.expr, all,
              "`split` into $a parts needs a multiple of that in channels, and there are $b");
    for (int i = 0; i < n.n; i++)
        channels[i] = share;
    return split_parts(elab, x, channels, (int)n.n, span);
}

static Value split_call(Elab *elab, const Node *call) {
    if (!plain_arguments(elab, call, 2, 2))
        return value_mistake(call->span);
    Value x = evaluate(elab, call->args.at[0].value);
    Value parts = evaluate(elab, call->args.at[1].value);
    if (x.kind == A_MISTAKE || parts.kind == A_MISTAKE)
        return value_mistake(call->span);
    if (x.kind != A_GRAPH) {
        elab_error(elab, x.span, "`split` takes a tensor, and this is %s",
                   value_kind_name(x.kind));
        return value_mistake(call->span);
    }
    if (parts.kind == A_NUMBER)
        return split_equally(elab, x, parts, call->span);
    ExprId *channels = arena_array(elab->arena, ExprId, parts.count + 1);
    bool right = parts.kind == A_LIST && parts.count > 0;
    for (int i = 0; right && i < parts.count; i++)
        right = (channels[i] = number_of(elab, parts.items[i], "a part of `split`")) != 0;
    if (right)
        return split_parts(elab, x, channels, parts.count, call->span);
    if (parts.kind != A_LIST || parts.count == 0)
        elab_error(elab, parts.span,
                   "`split` takes how many parts, or a list of their channels, and this is %s",
                   value_kind_name(parts.kind));
    return value_mistake(call->span);
}

const Function functions[] = {
    {"choice", "choice(a, b, ...) or choice(first..last step s)",
     "a decision that the search makes: a fresh one each time it is evaluated", choice_call,
     true},
    {"optional", "optional(f(x, ...))", "the result of the call, or x itself: choice(f(x), x)",
     optional_call, false},
    {"subset", "subset(n of [a, b, c])",
     "a decision for n of the listed values, in their order", subset_call, true},
    {"channels", "channels(x)", "how many channels a tensor has", channels_call},
    {"height", "height(x)", "the height of a tensor", height_call},
    {"width", "width(x)", "the width of a tensor", width_call},
    {"tokens", "tokens(x)", "how many tokens a tensor has", tokens_call},
    {"time", "time(x)", "how many time steps a tensor has", time_call},
    {"steps", "steps(x)", "the same as time(x)", time_call},
    {"split", "split(x, n) or split(x, [a, b, ...])",
     "the channels of a tensor as a list of n equal parts, or of parts so large", split_call},
    {"floor", "floor(x)", "the largest integer that is not above x", floor_call},
    {"ceil", "ceil(x)", "the smallest integer that is not below x", ceil_call},
    {"round", "round(x)", "the integer nearest to x, halves away from zero", round_call},
    {"min", "min(a, b, ...)", "the smallest; also of one list", min_call},
    {"max", "max(a, b, ...)", "the largest; also of one list", max_call},
    {"sum", "sum(a, b, ...)", "the sum; also of one list", sum_call},
    {"multiple_of", "multiple_of(x, n)", "the multiple of n nearest to x, at least n",
     multiple_of_call},
    {"length", "length(list)", "how many items a list has", length_call},
};
const int function_count = COUNT(functions);

int function_of(Str name) {
    for (int i = 0; i < function_count; i++)
        if (str_equal(name, str_of(functions[i].name)))
            return i;
    return -1;
}
