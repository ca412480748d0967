/* elaborate.c: statements, bodies and networks: the syntax tree of a network becomes a Space.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

Elab *elab_new(Arena *arena, Diagnostics *diagnostics, const Spec *spec, Str name,
               const Source *source) {
    Elab *elab = arena_new_of(arena, Elab);
    Space *space = arena_new_of(arena, Space);
    space->name = name;
    space->input_format = FORMAT_U8;
    *elab = (Elab){.arena = arena, .diagnostics = diagnostics, .spec = spec, .space = space};
    elab->folder = folder_new(arena, space);
    elab->names = map_new(arena);
    elab->frame = arena_new_of(arena, Frame);
    *elab->frame = (Frame){.path = {"", 0}, .ordinals = map_new(arena), .source = source};
    return elab;
}

/* ---- messages ---------------------------------------------------------------------------- */

/* The end of a path that is too long to be read. */
static Str path_shown(Arena *arena, Str path) {
    enum { MOST = 80 };
    int from = path.length - MOST;
    while (from > 0 && from < path.length && path.at[from - 1] != '.')
        from++;
    return from <= 0 ? path : str_format(arena, "...%.*s", path.length - from, path.at + from);
}

void note_calls(Elab *elab, const Frame *frame) {
    enum { MAX_CALLS = 4 };
    for (int i = 0; frame && frame->caller && i < MAX_CALLS; i++, frame = frame->caller)
        note_at(elab->diagnostics, frame->call, "called here, as `%.*s`",
                STR_ARG(path_shown(elab->arena, frame->path)));
}

void elab_error(Elab *elab, Span span, const char *format, ...) {
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error_at(elab->diagnostics, span, "%s", message);
    elab->failed = true;
    note_calls(elab, elab->frame);
}

/* ---- scopes ------------------------------------------------------------------------------ */

Scope *scope_push(Elab *elab) {
    Scope *scope = arena_new_of(elab->arena, Scope);
    scope->parent = elab->scope;
    elab->scope = scope;
    return scope;
}

void scope_bind(Elab *elab, Str name, Span span, Value value, bool fixed) {
    vec_push(elab->arena, &elab->scope->bindings, ((Binding){name, value, span, fixed}));
}

static Binding *scope_own(const Scope *scope, Str name) {
    for (int i = scope->bindings.count - 1; i >= 0; i--)
        if (str_equal(scope->bindings.at[i].name, name))
            return &scope->bindings.at[i];
    return NULL;
}

Binding *scope_find(const Elab *elab, Str name) {
    for (const Scope *scope = elab->scope; scope; scope = scope->parent) {
        Binding *binding = scope_own(scope, name);
        if (binding)
            return binding;
    }
    return NULL;
}

/* ---- let and = --------------------------------------------------------------------------- */

static void run_let(Elab *elab, const Statement *s) {
    Value value = evaluate_as(elab, s->a, local_hint(elab, s->name));
    const Binding *known = scope_own(elab->scope, s->name);
    if (!known) {
        scope_bind(elab, s->name, s->name_span, value, true);
        return;
    }
    elab_error(elab, s->name_span, "`%.*s` has a value already; `let` binds once",
               STR_ARG(s->name));
    note_at(elab->diagnostics, known->span, "it is bound here");
}

static void run_assign(Elab *elab, const Statement *s) {
    Value value = evaluate_as(elab, s->a, local_hint(elab, s->name));
    Binding *known = scope_find(elab, s->name);
    if (!known) {
        scope_bind(elab, s->name, s->name_span, value, false);
    } else if (known->fixed) {
        elab_error(elab, s->name_span, "`%.*s` was bound by `let` and keeps its value",
                   STR_ARG(s->name));
        note_at(elab->diagnostics, known->span, "it is bound here");
        known->value = value_mistake(s->name_span);
    } else {
        known->value = value;
    }
}

/* ---- loops ------------------------------------------------------------------------------- */

/* Names bound outside a loop's body, with what they were before an iteration that may be
 * skipped. */
typedef struct Carried {
    Binding *binding;
    Value before;
} Carried;

static int carried_list(Elab *elab, Carried **list) {
    int count = 0;
    for (const Scope *scope = elab->scope; scope; scope = scope->parent)
        count += scope->bindings.count;
    steps_take(elab, count, elab->frame->call);
    *list = arena_array(elab->arena, Carried, count);
    count = 0;
    for (const Scope *scope = elab->scope; scope; scope = scope->parent)
        for (int i = 0; i < scope->bindings.count; i++)
            (*list)[count++] = (Carried){&scope->bindings.at[i], scope->bindings.at[i].value};
    return count;
}

static bool changed(Value a, Value b) {
    return a.kind != b.kind || a.expr != b.expr || a.op != b.op || a.items != b.items;
}

/* An iteration that may be skipped must leave shapes as they are. */
static void check_shape_kept(Elab *elab, ExprId guard, const Carried *carried, Span span) {
    const SpaceOp *before = &elab->space->ops.at[carried->before.op];
    const SpaceOp *after = &elab->space->ops.at[carried->binding->value.op];
    bool same_axes = before->rank == after->rank && before->time == after->time;
    ExprId saved = elab->guard;
    elab->guard = fold_and(&elab->folder, saved, guard);
    for (int d = 0; same_axes && d < before->rank; d++) {
        ExprId same =
            fold(&elab->folder, EXPR_EQUAL, before->shape[d], after->shape[d], EXPR_NONE);
        check_add(
            elab, same, span, before->shape[d], after->shape[d],
            "an iteration that may be skipped must keep the shape of `%.*s`, but %s goes from "
            "$a to $b",
            STR_ARG(carried->binding->name),
            axis_facts[axis_at(before->rank, before->time, d)].extent);
    }
    elab->guard = saved;
}

/* An iteration that is skipped or not leaves the shape as it was: that is checked, so it need not
 * be said as a choice between two, which would double with every iteration. */
static void keep_shape(Elab *elab, Value value, Value before) {
    SpaceOp *op = &elab->space->ops.at[value.op];
    const SpaceOp *from = &elab->space->ops.at[before.op];
    if (op->kind == OP_SELECT && op->rank == from->rank)
        memcpy(op->shape, from->shape, sizeof op->shape);
}

static void merge_carried(Elab *elab, ExprId guard, Carried *list, int count, Span span) {
    for (int i = 0; i < count; i++) {
        Value *value = &list[i].binding->value;
        if (!changed(*value, list[i].before))
            continue;
        if (value->kind == A_GRAPH && list[i].before.kind == A_GRAPH)
            check_shape_kept(elab, guard, &list[i], value->span);
        *value = value_merge(elab, guard, *value, list[i].before, span);
        if (value->kind == A_GRAPH && list[i].before.kind == A_GRAPH)
            keep_shape(elab, *value, list[i].before);
    }
}

/* False where it had a mistake: the iterations after it would have the same, or its
 * consequences. */
static bool run_iteration(Elab *elab, const Statement *s, Value item) {
    Scope *outer = elab->scope;
    bool failed = elab->failed;
    if (!steps_take(elab, 1, s->span))
        return false;
    scope_push(elab);
    if (s->name.length)
        scope_bind(elab, s->name, s->name_span, item, true);
    elab->failed = false;
    statements_run(elab, &s->body);
    bool right = !elab->failed;
    elab->failed |= failed;
    elab->scope = outer;
    return right;
}

/* An iteration of the members that reach it. */
static void run_where(Elab *elab, const Statement *s, ExprId runs, Value item) {
    if (is_true(&elab->folder, runs)) {
        run_iteration(elab, s, item);
        return;
    }
    Carried *carried;
    int count = carried_list(elab, &carried);
    ExprId saved = elab->guard;
    elab->guard = fold_and(&elab->folder, saved, runs);
    run_iteration(elab, s, item);
    elab->guard = saved;
    merge_carried(elab, runs, carried, count, s->a->span);
}

/* Iteration i runs where i < n; returns false once no member runs it. */
static bool run_repeated(Elab *elab, const Statement *s, ExprId n, int64_t i) {
    ExprId index = fold_integer(&elab->folder, i);
    ExprId runs = fold(&elab->folder, EXPR_LESS, index, n, EXPR_NONE);
    if (is_false(&elab->folder, runs))
        return false;
    run_where(elab, s, runs, value_number(index, DIMENSION_NONE, s->name_span));
    return true;
}

static void run_repeat(Elab *elab, const Statement *s) {
    enum { MAX_REPEAT = 10000 };
    Value times = evaluate_as(elab, s->a, local_hint(elab, STR("repeat")));
    ExprId n = number_of(elab, times, "the count of `repeat`");
    if (!n)
        return;
    const ExprFacts *facts = facts_of(&elab->folder, n);
    if (!facts->bounded || rational_compare(facts->high, RATIONAL(MAX_REPEAT)) > 0) {
        elab_error(elab, s->a->span, "`repeat` runs at most %d times", MAX_REPEAT);
        return;
    }
    int64_t most = rational_floor(facts->high);
    ExprId whole = fold(&elab->folder, EXPR_EQUAL,
                        fold(&elab->folder, EXPR_FLOOR, n, EXPR_NONE, EXPR_NONE), n, EXPR_NONE);
    ExprId natural =
        fold(&elab->folder, EXPR_LESS_EQUAL, fold_integer(&elab->folder, 0), n, EXPR_NONE);
    check_add(elab, fold_and(&elab->folder, whole, natural), s->a->span, n, EXPR_NONE,
              "the count of `repeat` must be a whole number, but is $a");
    for (int64_t i = 0; i < most && !elab->exhausted; i++)
        if (!run_repeated(elab, s, n, i))
            return;
}

/* Over one of several lists: as often as the longest has items, where the chosen one has. */
static void run_for_chosen(Elab *elab, const Statement *s, Value list) {
    for (int k = 0; !elab->exhausted; k++) {
        ExprId runs;
        Value item = chosen_item(elab, list, k, &runs);
        if (is_false(&elab->folder, runs))
            return;
        run_where(elab, s, runs, item);
    }
}

static void run_for(Elab *elab, const Statement *s) {
    Value list = evaluate(elab, s->a);
    if (list.kind == A_RANGE && !range_expand(elab, list, &list.items, &list.count))
        return;
    if (list.kind == A_CHOSEN && list.items[0].kind == A_LIST) {
        run_for_chosen(elab, s, list);
        return;
    }
    if (list.kind != A_LIST && list.kind != A_RANGE) {
        if (list.kind != A_MISTAKE)
            elab_error(elab, list.span, "`for` takes a list or a range, and this is %s",
                       value_kind_name(list.kind));
        return;
    }
    bool right = true;
    for (int i = 0; i < list.count && right && !elab->exhausted; i++)
        right = run_iteration(elab, s, list.items[i]);
}

/* ---- conditions -------------------------------------------------------------------------- */

/* The condition holds in every member that reaches it. */
static void constrain(Elab *elab, ExprId condition, Span span) {
    enum { MAX_CONSTRAINTS = 1000 };
    if (elab->guard)
        condition = fold(&elab->folder, EXPR_OR, fold_not(&elab->folder, elab->guard),
                         condition, EXPR_NONE);
    if (!condition)
        elab_error(elab, span, "%s", elab->folder.why);
    else if (is_false(&elab->folder, condition))
        elab_error(elab, span, "no member satisfies this condition");
    else if (elab->space->constraints.count == MAX_CONSTRAINTS)
        elab_error(elab, span, "a network has at most %d conditions", MAX_CONSTRAINTS);
    else if (!is_true(&elab->folder, condition))
        vec_push(elab->arena, &elab->space->constraints, ((Constraint){condition, span}));
}

static void run_condition(Elab *elab, const Statement *s) {
    ExprId condition = truth_of(elab, evaluate(elab, s->a), "a condition");
    if (condition && s->kind == STATEMENT_FORBID)
        condition = fold_not(&elab->folder, condition);
    if (condition)
        constrain(elab, condition, s->a->span);
}

/* One value of a row, as the thing that it is listed for would be written. */
static Value row_value(Elab *elab, Value of, const Node *node) {
    const Words *words = value_words(of);
    return words ? evaluate_word(elab, node, words, elab->hint) : evaluate(elab, node);
}

/* The values of a combination: written here, or in a list of lists that has a name. */
static Value row_values(Elab *elab, Value tuple, const Node *node) {
    if (node->kind != NODE_LIST || node->args.count != tuple.count)
        return evaluate(elab, node);
    Value row = {.kind = A_LIST, .span = node->span, .count = tuple.count};
    row.items = arena_array(elab->arena, Value, row.count);
    for (int i = 0; i < row.count; i++)
        row.items[i] = row_value(elab, tuple.items[i], node->args.at[i].value);
    return row;
}

/* Whether the tuple has the values of one row. */
static ExprId row_matches(Elab *elab, Value tuple, Value row) {
    ExprId all = EXPR_NONE, never = fold_integer(&elab->folder, 0);
    if (row.kind != A_LIST || row.count != tuple.count) {
        elab_error(elab, row.span, "each combination lists %d values", tuple.count);
        return never;
    }
    for (int i = 0; i < tuple.count; i++) {
        Value x = tuple.items[i], y = row.items[i];
        bool things = is_thing(x) && is_thing(y);
        if (y.kind == A_MISTAKE)
            return never;
        if (!things && (x.kind != y.kind || !x.expr || x.dimension != y.dimension)) {
            elab_error(elab, y.span, "%s is listed for %s", value_kind_name(y.kind),
                       value_kind_name(x.kind));
            return never;
        }
        ExprId same = things ? things_equal(elab, x, y)
                             : fold(&elab->folder, EXPR_EQUAL, x.expr, y.expr, EXPR_NONE);
        all = fold_and(&elab->folder, all, same);
    }
    return all ? all : fold_integer(&elab->folder, 1);
}

/* All combinations that are listed; none where there is no list of them. */
static Value rows_of(Elab *elab, Value tuple, const Node *node) {
    if (node->kind != NODE_LIST)
        return evaluate(elab, node);
    Value rows = {.kind = A_LIST, .span = node->span, .count = node->args.count};
    rows.items = arena_array(elab->arena, Value, rows.count);
    for (int i = 0; i < rows.count; i++)
        rows.items[i] = row_values(elab, tuple, node->args.at[i].value);
    return rows;
}

static void run_legal(Elab *elab, const Statement *s) {
    Value tuple = evaluate(elab, s->a);
    if (tuple.kind == A_MISTAKE)
        return;
    Value rows = tuple.kind == A_LIST ? rows_of(elab, tuple, s->b) : tuple;
    if (rows.kind == A_MISTAKE)
        return;
    if (tuple.kind != A_LIST || rows.kind != A_LIST || rows.count == 0) {
        elab_error(elab, s->span, "write `legal (a, b) in [(1, 2), (3, 4)]`");
        return;
    }
    ExprId any = fold_integer(&elab->folder, 0);
    for (int i = 0; i < rows.count && any; i++)
        any = fold(&elab->folder, EXPR_OR, any, row_matches(elab, tuple, rows.items[i]),
                   EXPR_NONE);
    if (any && !elab->failed)
        constrain(elab, any, s->span);
}

/* ---- bodies ------------------------------------------------------------------------------ */

void statement_run(Elab *elab, const Statement *s) {
    switch (s->kind) {
    case STATEMENT_LET:
        run_let(elab, s);
        return;
    case STATEMENT_ASSIGN:
        run_assign(elab, s);
        return;
    case STATEMENT_RETURN:
        elab_error(elab, s->span, "`return` stands once, at the end of a block's body");
        return;
    case STATEMENT_REPEAT:
        run_repeat(elab, s);
        return;
    case STATEMENT_FOR:
        run_for(elab, s);
        return;
    case STATEMENT_REQUIRE:
    case STATEMENT_FORBID:
        run_condition(elab, s);
        return;
    case STATEMENT_LEGAL:
        run_legal(elab, s);
        return;
    }
}

void statements_run(Elab *elab, const Body *body) {
    elab->depth++;
    for (int i = 0; i < body->count && !elab->exhausted; i++)
        statement_run(elab, &body->at[i]);
    elab->depth--;
}

/* Runs the body up to its `return`, which must be its last statement. */
Value body_result(Elab *elab, const Body *body, Span span, Str name) {
    const Statement *last = body->count ? &body->at[body->count - 1] : NULL;
    Body before = *body;
    if (!last || last->kind != STATEMENT_RETURN) {
        elab_error(elab, span, "`%.*s` returns nothing: its last line must be `return ...`",
                   STR_ARG(name));
        return value_mistake(span);
    }
    before.count--;
    statements_run(elab, &before);
    return evaluate_as(elab, last->a, local_hint(elab, STR("return")));
}

/* ---- networks ---------------------------------------------------------------------------- */

/* Whether the axes that a type names, or leaves to be height, width and channels (AXIS_COUNT),
 * are those of a tensor; completes them. */
static bool axes_complete(Axis *axes, Shape *shape) {
    shape->time = axes[0] == AXIS_TIME;
    if (shape->rank - shape->time < 1 || shape->rank - shape->time > 3)
        return false;
    bool tokens = shape->rank - shape->time == 2;
    for (int d = 0; d < shape->rank; d++) {
        Axis axis = axis_at(shape->rank, shape->time, d);
        if (axes[d] != axis && (axes[d] != AXIS_COUNT || (tokens && axis == AXIS_TOKENS)))
            return false;
    }
    return true;
}

/* One part of a type: a whole number, perhaps after the name of its axis. */
static bool type_part(Elab *elab, const Node *node, Axis *axis, int *extent) {
    const Node *size = node->kind == NODE_AXIS ? node->a : node;
    *axis = AXIS_COUNT;
    if (node->kind == NODE_AXIS && !axis_of(node->text, axis)) {
        Str names[AXIS_COUNT];
        for (int a = 0; a < AXIS_COUNT; a++)
            names[a] = str_of(axis_facts[a].name);
        elab_error(elab, node->span, "no axis is called `%.*s`%.*s", STR_ARG(node->text),
                   STR_ARG(suggestion(elab->arena, node->text, names, AXIS_COUNT)));
        return false;
    }
    Value value = evaluate(elab, size);
    ExprId id = number_of(elab, value, "the extent of an axis");
    Rational n;
    if (!id)
        return false;
    bool right = is_constant(&elab->folder, id, &n) && n.d == 1 && n.n >= 1 && n.n <= 65536;
    if (!right)
        elab_error(elab, size->span,
                   "the extent of an axis must be a whole number from 1 to 65536, and this is "
                   "%.*s",
                   STR_ARG(value_describe(elab, value)));
    *extent = right ? (int)n.n : 1;
    return right;
}

/* [28, 28, 1], [tokens 49, 64], [time 4, 28, 28, 1], [10] */
static bool type_shape(Elab *elab, const Node *node, Shape *shape) {
    Axis axes[MAX_RANK];
    shape->rank = node->args.count;
    bool right = node->kind == NODE_LIST && shape->rank >= 1 && shape->rank <= MAX_RANK;
    for (int d = 0; right && d < shape->rank; d++)
        if (!type_part(elab, node->args.at[d].value, &axes[d], &shape->dim[d]))
            return false;
    if (right && axes_complete(axes, shape))
        return true;
    elab_error(elab, node->span,
               "a tensor type is [height, width, channels], [tokens N, channels] or "
               "[channels], perhaps with `time N` before the others");
    return false;
}

static bool bind_input(Elab *elab, const Item *network) {
    const Parameter *input = network->parameters.at;
    if (network->parameters.count != 1 || !input->initial) {
        elab_error(
            elab, network->span,
            "a network has one input with a type: `network n(image: [28, 28, 1]) -> [10]`");
        return false;
    }
    if (!type_shape(elab, input->initial, &elab->space->input))
        return false;
    int op = input_make(elab, elab->space->input, input->span);
    Value value = {.kind = A_GRAPH, .op = op, .span = input->span};
    scope_bind(elab, input->name, input->span, value, false);
    return true;
}

static void check_result(Elab *elab, const Item *network, Value result) {
    Shape declared;
    if (!type_shape(elab, network->result, &declared) || result.kind == A_MISTAKE)
        return;
    if (result.kind != A_GRAPH) {
        elab_error(elab, result.span, "a network returns a tensor, and this is %s",
                   value_kind_name(result.kind));
        return;
    }
    const SpaceOp *op = &elab->space->ops.at[result.op];
    if (op->rank != declared.rank || op->time != declared.time) {
        elab_error(elab, result.span,
                   "the network is declared to return %.*s, and this is %.*s",
                   STR_ARG(shape_print(elab->arena, declared)),
                   STR_ARG(shape_describe(elab, result.op)));
        return;
    }
    for (int d = 0; d < op->rank; d++) {
        ExprId wanted = fold_integer(&elab->folder, declared.dim[d]);
        check_add(elab, fold(&elab->folder, EXPR_EQUAL, wanted, op->shape[d], EXPR_NONE),
                  result.span, wanted, op->shape[d],
                  op->rank == 1 ? "`%.*s` is declared to return $a values, but returns $b%s"
                                : "`%.*s` is declared to return $a, but returns $b, in %s",
                  STR_ARG(network->name),
                  op->rank == 1 ? "" : axis_facts[axis_at(op->rank, op->time, d)].extent);
    }
    elab->space->output = result.op;
}

const Space *network_elaborate(Arena *arena, Diagnostics *diagnostics, const Spec *spec,
                               const Item *network, const Item *precision) {
    Elab *elab = elab_new(arena, diagnostics, spec, network->name, network->source);
    scope_push(elab);
    if (!bind_input(elab, network))
        return NULL;
    Value result = body_result(elab, &network->body, network->span, network->name);
    check_result(elab, network, result);
    if (elab->folder.lost && !elab->exhausted)
        elab_error(elab, network->span,
                   "its conditions have grown too large; tie some decisions");
    if (elab->failed)
        return NULL;
    /* Conditions of the precision are conditions on members, too. */
    precision_apply(elab, network, precision);
    if (spec->options.unproven)
        return elab->failed ? NULL : elab->space;
    if (!elab->failed)
        floats_check(elab);
    checks_run(elab);
    if (elab->failed)
        return NULL;
    sites_make(elab);
    return elab->space;
}
