/* choices.c: decisions: choice, optional, subset.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

enum { MAX_VALUES = 255, MAX_CHOICES = 10000, MAX_RANGE = 10000 };

/* ---- ranges ------------------------------------------------------------------------------ */

static bool constant_part(Elab *elab, Value part, Rational *value) {
    if (is_constant(&elab->folder, part.expr, value))
        return true;
    elab_error(elab, part.span, "an end of a range cannot depend on a decision");
    return false;
}

bool range_expand(Elab *elab, Value range, Value **items, int *count) {
    Rational first, last, step, at;
    if (!constant_part(elab, range.items[0], &first) ||
        !constant_part(elab, range.items[1], &last) ||
        !constant_part(elab, range.items[2], &step))
        return false;
    if (step.n <= 0) {
        elab_error(elab, range.items[2].span, "the step of a range must be above zero");
        return false;
    }
    VEC(Value) values = {0};
    for (at = first; rational_compare(at, last) <= 0;) {
        Value item = value_number(fold_constant(&elab->folder, at), range.items[0].dimension,
                                  range.span);
        vec_push(elab->arena, &values, item);
        if (values.count > MAX_RANGE || !rational_add(at, step, &at)) {
            elab_error(elab, range.span, "this range has more than %d values", MAX_RANGE);
            return false;
        }
    }
    if (!steps_take(elab, values.count, range.span))
        return false;
    if (values.count == 0)
        elab_error(elab, range.span, "this range is empty: its first value is above its last");
    *items = values.at;
    *count = values.count;
    return values.count > 0;
}

/* ---- naming ------------------------------------------------------------------------------ */

/* network.hint, with [1], [2], ... from the second of that name on. */
static Str decision_name(Elab *elab, Str hint) {
    int taken = 0;
    Str name = str_format(elab->arena, "%.*s.%.*s", STR_ARG(elab->space->name), STR_ARG(hint));
    bool again = map_get(elab->names, name, &taken);
    map_put(elab->names, name, taken + 1);
    return again ? str_format(elab->arena, "%.*s[%d]", STR_ARG(name), taken) : name;
}

static Str hint_or(Elab *elab, const char *word) {
    if (elab->hint.length)
        return elab->hint;
    Str path = elab->frame->path;
    return str_format(elab->arena, "%.*s%s%s", STR_ARG(path), path.length ? "." : "", word);
}

/* A decision between `count` things, of which nothing is known yet but their number; -1: no
 * more. */
static int choice_new(Elab *elab, Span span, int count) {
    if (elab->space->choices.count >= MAX_CHOICES) {
        elab_error(elab, span, "a network may have at most %d decisions", MAX_CHOICES);
        elab->exhausted = true;
        return -1;
    }
    Choice choice = {.name = decision_name(elab, hint_or(elab, "choice")),
                     .count = count,
                     .type = VALUE_ALTERNATIVE,
                     .active = elab->guard,
                     .span = span};
    choice.values = arena_array(elab->arena, Rational, count);
    for (int i = 0; i < count; i++)
        choice.values[i] = RATIONAL(i);
    vec_push(elab->arena, &elab->space->choices, choice);
    return elab->space->choices.count - 1;
}

/* ---- choice ------------------------------------------------------------------------------ */

/* An alternative: an argument still to be evaluated, or a value of a range. */
typedef struct Alternative {
    const Node *node;
    Value value;
} Alternative;
typedef VEC(Alternative) Alternatives;

static bool list_alternatives(Elab *elab, const Node *call, Alternatives *list) {
    for (int i = 0; i < call->args.count; i++) {
        const Argument *argument = &call->args.at[i];
        if (argument->name.length) {
            elab_error(elab, argument->span, "the alternatives of a choice have no names");
            return false;
        }
        if (argument->value->kind != NODE_RANGE) {
            vec_push(elab->arena, list, ((Alternative){.node = argument->value}));
            continue;
        }
        Value range = evaluate(elab, argument->value), *items;
        int count;
        if (range.kind == A_MISTAKE || !range_expand(elab, range, &items, &count))
            return false;
        for (int k = 0; k < count; k++)
            vec_push(elab->arena, list, ((Alternative){.value = items[k]}));
    }
    if (list->count == 0)
        elab_error(elab, call->span, "a choice needs something to choose from");
    if (list->count > MAX_VALUES)
        elab_error(elab, call->span, "a choice has at most %d alternatives, and this has %d",
                   MAX_VALUES, list->count);
    return list->count > 0 && list->count <= MAX_VALUES;
}

/* Constants of one kind become the decision's own values. */
static bool all_plain(Elab *elab, const Value *values, int count) {
    Rational constant;
    for (int i = 0; i < count; i++)
        if (!values[i].expr || !is_constant(&elab->folder, values[i].expr, &constant) ||
            values[i].kind != values[0].kind || values[i].dimension != values[0].dimension)
            return false;
    return true;
}

static bool report_repeated(Elab *elab, const Choice *choice, const Value *values) {
    for (int i = 1; i < choice->count; i++)
        for (int k = 0; k < i; k++)
            if (rational_compare(choice->values[i], choice->values[k]) == 0) {
                elab_error(elab, values[i].span, "the choice lists %.*s twice",
                           STR_ARG(choice_value(elab->arena, choice, i)));
                return true;
            }
    return false;
}

static bool is_monotone(const Choice *choice) {
    for (int i = 2; i < choice->count; i++)
        if (rational_compare(choice->values[i - 1], choice->values[i - 2]) !=
            rational_compare(choice->values[i], choice->values[i - 1]))
            return false;
    return true;
}

static Str *truth_names(Elab *elab, const Choice *choice) {
    Str *names = arena_array(elab->arena, Str, choice->count);
    for (int i = 0; i < choice->count; i++)
        names[i] = choice->values[i].n ? STR("true") : STR("false");
    return names;
}

static Value plain_choice(Elab *elab, int number, const Value *values, Span span) {
    Choice *choice = &elab->space->choices.at[number];
    choice->type = values[0].kind == A_FORMAT ? VALUE_FORMAT : VALUE_NUMBER;
    for (int i = 0; i < choice->count; i++)
        is_constant(&elab->folder, values[i].expr, &choice->values[i]);
    choice->ordinal = values[0].kind != A_TRUTH && is_monotone(choice);
    if (values[0].kind == A_TRUTH)
        choice->names = truth_names(elab, choice);
    fold_choice_changed(&elab->folder, number);
    Value value = values[0];
    value.span = span;
    value.expr = fold_choice(&elab->folder, number);
    return report_repeated(elab, choice, values) ? value_mistake(span) : value;
}

static Value graph_choice(Elab *elab, ExprId which, const Value *values, int count, Span span) {
    bool same = true;
    for (int i = 1; i < count; i++)
        same &= values[i].op == values[0].op;
    if (same) {
        elab_error(elab, span, "this decides nothing: each alternative is the same tensor");
        return value_mistake(span);
    }
    Value value = values[0];
    value.span = span;
    value.op = select_make(elab, which, values, count, span);
    return value.op < 0 ? value_mistake(span) : value;
}

static ExprId taken(Elab *elab, ExprId which, int alternative) {
    return fold(&elab->folder, EXPR_EQUAL, which, fold_integer(&elab->folder, alternative),
                EXPR_NONE);
}

/* The alternatives are called what the things are called; false where one stands twice. */
static bool name_alternatives(Elab *elab, int number, const Value *values, int count) {
    Str *names = arena_array(elab->arena, Str, count);
    for (int i = 0; i < count; i++) {
        names[i] = thing_name(values[i]);
        for (int k = 0; k < i; k++)
            if (str_equal(names[k], names[i])) {
                elab_error(elab, values[i].span, "the choice lists %.*s twice",
                           STR_ARG(names[i]));
                return false;
            }
    }
    elab->space->choices.at[number].names = names;
    return true;
}

/* Lists of which some are longer than others cannot be joined item by item. */
static bool lists_differ(const Value *values, int count) {
    bool differ = false;
    for (int i = 0; i < count; i++) {
        if (values[i].kind != A_LIST)
            return false;
        differ |= values[i].count != values[0].count;
    }
    return differ;
}

/* The one of the values whose number is `which`. */
Value alternatives_merge(Elab *elab, ExprId which, const Value *values, int count, Span span) {
    bool graphs = true, things = true;
    for (int i = 0; i < count; i++) {
        graphs &= values[i].kind == A_GRAPH;
        things &= is_thing(values[i]) && values[i].kind != A_CHOSEN;
    }
    if (graphs)
        return graph_choice(elab, which, values, count, span);
    Value value = values[count - 1];
    if ((things && things_alike(values, count)) || lists_differ(values, count))
        return chosen_value(which,
                            arena_copy(elab->arena, values, sizeof *values * (size_t)count),
                            count, span);
    for (int i = count - 2; i >= 0; i--)
        value = value_merge(elab, taken(elab, which, i), values[i], value, span);
    return value;
}

/* Alternatives that are not plain constants: chosen between by the decision's number. */
static Value mixed_choice(Elab *elab, int number, const Value *values, int count, Span span) {
    bool things = true;
    for (int i = 0; i < count; i++)
        things &= is_thing(values[i]) && values[i].kind != A_CHOSEN;
    if (things && !name_alternatives(elab, number, values, count))
        return value_mistake(span);
    return alternatives_merge(elab, fold_choice(&elab->folder, number), values, count, span);
}

/* What an alternative is called: the last block or operator that makes it, or its name. */
static Str alternative_name(const Alternative *from) {
    const Node *node = from->node;
    if (!node)
        return STR("skipped");
    if (node->kind == NODE_CALL && node->a->kind == NODE_NAME)
        return node->a->text;
    return node->kind == NODE_NAME ? node->text : (Str){"", 0};
}

/* Alternatives that are tensors have the names of what makes them, where these tell them
 * apart. */
static void name_graphs(Elab *elab, int number, const Alternatives *list, const Value *values) {
    Str *names = arena_array(elab->arena, Str, list->count);
    for (int i = 0; i < list->count; i++) {
        names[i] = alternative_name(&list->at[i]);
        if (values[i].kind != A_GRAPH || !names[i].length)
            return;
        for (int k = 0; k < i; k++)
            if (str_equal(names[k], names[i]))
                return;
    }
    elab->space->choices.at[number].names = names;
}

static Value decide(Elab *elab, const Alternatives *list, Span span) {
    int count = list->count;
    if (count == 1)
        return list->at[0].node ? evaluate(elab, list->at[0].node) : list->at[0].value;
    int number = choice_new(elab, span, count);
    if (number < 0)
        return value_mistake(span);
    ExprId which = fold_choice(&elab->folder, number);
    Value *values = arena_array(elab->arena, Value, count);
    bool mistaken = false;
    for (int i = 0; i < count; i++) {
        const Alternative *from = &list->at[i];
        values[i] =
            from->node ? evaluate_under(elab, taken(elab, which, i), from->node) : from->value;
        mistaken |= values[i].kind == A_MISTAKE;
    }
    if (mistaken)
        return value_mistake(span);
    if (all_plain(elab, values, count))
        return plain_choice(elab, number, values, span);
    name_graphs(elab, number, list, values);
    return mixed_choice(elab, number, values, count, span);
}

static bool may_choose(Elab *elab, const Node *call) {
    if (!elab->constants_only)
        return true;
    elab_error(elab, call->span,
               "decisions are made in a `network`, a `block` or a `precision`");
    return false;
}

Value choice_call(Elab *elab, const Node *call) {
    Alternatives list = {0};
    if (!may_choose(elab, call) || !list_alternatives(elab, call, &list))
        return value_mistake(call->span);
    return decide(elab, &list, call->span);
}

/* ---- optional ---------------------------------------------------------------------------- */

/* What is passed on where the call is skipped: the start of a chain, else the first
 * argument. */
static const Node *skipped_input(const Node *call) {
    const Node *input = call->args.at[0].value;
    while (call->piped && input->kind == NODE_CALL && input->piped)
        input = input->args.at[0].value;
    return input;
}

Value optional_call(Elab *elab, const Node *call) {
    const Node *inner = call->args.count == 1 ? call->args.at[0].value : NULL;
    if (!inner || inner->kind != NODE_CALL || inner->args.count == 0) {
        elab_error(elab, call->span, "`optional` takes a call with an input: `optional(f(x))`");
        return value_mistake(call->span);
    }
    const Node *input = skipped_input(inner);
    Value skipped = evaluate(elab, input);
    if (!may_choose(elab, call) || skipped.kind == A_MISTAKE)
        return value_mistake(call->span);
    Known known = {input, skipped, elab->known};
    elab->known = arena_copy(elab->arena, &known, sizeof known);
    Alternatives list = {0};
    vec_push(elab->arena, &list, ((Alternative){.node = inner}));
    vec_push(elab->arena, &list, ((Alternative){.value = skipped}));
    Value value = decide(elab, &list, call->span);
    elab->known = known.next;
    return value;
}

/* ---- subset ------------------------------------------------------------------------------ */

/* All ways to take n of the items in order, as lists. */
static void add_subsets(Elab *elab, Alternatives *list, Value all, int n, int from,
                        Value partial) {
    if (partial.count == n) {
        Value copy = partial;
        copy.items = arena_copy(elab->arena, partial.items, sizeof(Value) * (size_t)n);
        vec_push(elab->arena, list, ((Alternative){.value = copy}));
        return;
    }
    for (int i = from; i < all.count && list->count <= MAX_VALUES; i++) {
        partial.items[partial.count] = all.items[i];
        Value longer = partial;
        longer.count++;
        add_subsets(elab, list, all, n, i + 1, longer);
    }
}

Value subset_call(Elab *elab, const Node *call) {
    const Node *share = call->args.count == 1 ? call->args.at[0].value : NULL;
    if (!share || share->kind != NODE_SHARE) {
        elab_error(elab, call->span, "write `subset(2 of [a, b, c])`");
        return value_mistake(call->span);
    }
    Value all = evaluate(elab, share->b);
    int64_t n = share->a->number.d == 1 ? share->a->number.n : -1;
    if (!may_choose(elab, call) || all.kind == A_MISTAKE)
        return value_mistake(call->span);
    if (all.kind != A_LIST || n < 1 || n > all.count) {
        elab_error(elab, share->span,
                   "a subset takes some of a list, at least 1 and at most all");
        return value_mistake(call->span);
    }
    Value partial = {
        .kind = A_LIST, .span = call->span, .items = arena_array(elab->arena, Value, n)};
    Alternatives list = {0};
    add_subsets(elab, &list, all, (int)n, 0, partial);
    if (list.count <= MAX_VALUES)
        return decide(elab, &list, call->span);
    elab_error(elab, call->span, "there are more than %d such subsets", MAX_VALUES);
    return value_mistake(call->span);
}
