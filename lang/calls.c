/* calls.c: calls of blocks, and the matching of arguments with parameters.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

enum { MAX_PARAMETERS = 64, MAX_CALLS = 64 };

Str call_path(Elab *elab, Str callee) {
    int ordinal = 0;
    map_get(elab->frame->ordinals, callee, &ordinal);
    map_put(elab->frame->ordinals, callee, ordinal + 1);
    Str path = elab->frame->path;
    return str_format(elab->arena, "%.*s%s%.*s[%d]", STR_ARG(path), path.length ? "." : "",
                      STR_ARG(callee), ordinal);
}

/* ---- arguments --------------------------------------------------------------------------- */

static int parameter_index(const Str *parameters, int count, Str name) {
    for (int i = 0; i < count; i++)
        if (str_equal(parameters[i], name))
            return i;
    return -1;
}

static bool place_named(Elab *elab, const Argument *argument, Str callee, const Str *parameters,
                        int count, const Argument **slots) {
    int i = parameter_index(parameters, count, argument->name);
    if (i < 0) {
        Str also = suggestion(elab->arena, argument->name, parameters, count);
        elab_error(elab, argument->span, "`%.*s` has no parameter `%.*s`%.*s", STR_ARG(callee),
                   STR_ARG(argument->name), STR_ARG(also));
        return false;
    }
    if (slots[i]) {
        elab_error(elab, argument->span, "`%.*s` of `%.*s` is given twice",
                   STR_ARG(argument->name), STR_ARG(callee));
        return false;
    }
    slots[i] = argument;
    return true;
}

static void report_surplus(Elab *elab, const Argument *argument, Str callee,
                           const Str *parameters, int count, int positional) {
    if (positional < count)
        elab_error(
            elab, argument->span,
            "`%.*s` takes %d argument%s by position; the others have names, as in `%.*s: ...`",
            STR_ARG(callee), positional, positional == 1 ? "" : "s",
            STR_ARG(parameters[positional]));
    else
        elab_error(elab, argument->span, "`%.*s` takes at most %d argument%s", STR_ARG(callee),
                   count, count == 1 ? "" : "s");
}

bool arguments_match(Elab *elab, const Node *call, Str callee, const Str *parameters, int count,
                     int positional, const Argument **slots) {
    bool matched = true;
    int position = 0;
    for (int i = 0; i < call->args.count; i++) {
        const Argument *argument = &call->args.at[i];
        if (argument->name.length) {
            matched &= place_named(elab, argument, callee, parameters, count, slots);
        } else if (position < positional) {
            slots[position++] = argument;
        } else {
            report_surplus(elab, argument, callee, parameters, count, positional);
            return false;
        }
    }
    return matched;
}

/* ---- blocks ------------------------------------------------------------------------------ */

static bool match_block(Elab *elab, const Node *call, const Item *block,
                        const Argument **slots) {
    Str names[MAX_PARAMETERS] = {{0}};
    int count = (int)min_i64(block->parameters.count, MAX_PARAMETERS);
    for (int i = 0; i < count; i++)
        names[i] = block->parameters.at[i].name;
    if (!arguments_match(elab, call, block->name, names, count, count, slots)) {
        note_hidden(elab->diagnostics, elab->frame->source, block);
        return false;
    }
    for (int i = 0; i < count; i++)
        if (!slots[i] && !block->parameters.at[i].initial) {
            elab_error(elab, call->a->span, "`%.*s` needs an argument for `%.*s`",
                       STR_ARG(block->name), STR_ARG(names[i]));
            note_at(elab->diagnostics, block->parameters.at[i].span,
                    "the parameter stands here");
            note_hidden(elab->diagnostics, elab->frame->source, block);
            return false;
        }
    return true;
}

static Value evaluate_parameter(Elab *elab, const Parameter *parameter, const Node *node,
                                Str path) {
    Str hint = str_format(elab->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(parameter->name));
    if (parameter->words.count)
        return evaluate_word(elab, node, &parameter->words, hint);
    return evaluate_as(elab, node, hint);
}

/* Arguments are evaluated by the caller, once; a piped one before the call takes its
 * ordinal, so that a chain is numbered from left to right. */
static void evaluate_slots(Elab *elab, const Item *block, Str path, const Argument **slots,
                           int first, Value *values) {
    for (int i = first; i < block->parameters.count; i++)
        if (slots[i])
            values[i] =
                evaluate_parameter(elab, &block->parameters.at[i], slots[i]->value, path);
}

static void bind_parameters(Elab *elab, const Item *block, const Argument **slots,
                            Value *values) {
    for (int i = 0; i < block->parameters.count; i++) {
        const Parameter *parameter = &block->parameters.at[i];
        if (!slots[i])
            values[i] =
                evaluate_parameter(elab, parameter, parameter->initial, elab->frame->path);
        scope_bind(elab, parameter->name, parameter->span, values[i], false);
    }
}

/* Elaboration ends whatever the file says; a chain of callers would say nothing here. */
static void report_depth(Elab *elab, const Node *call, const Item *block) {
    error_at(elab->diagnostics, call->span,
             "calls nest more than %d deep here; a block that calls itself needs a condition "
             "that ends it",
             MAX_CALLS);
    note_at(elab->diagnostics, block->span, "`%.*s` is declared here", STR_ARG(block->name));
    elab->failed = elab->exhausted = true;
}

static Value block_call(Elab *elab, const Node *call, const Item *block) {
    const Argument *slots[MAX_PARAMETERS] = {NULL};
    Value values[MAX_PARAMETERS];
    if (elab->frame->depth >= MAX_CALLS) {
        report_depth(elab, call, block);
        return value_mistake(call->span);
    }
    if (!match_block(elab, call, block, slots))
        return value_mistake(call->span);
    int first = call->piped && slots[0];
    if (first)
        values[0] = evaluate(elab, slots[0]->value);
    Str path = call_path(elab, block->name);
    evaluate_slots(elab, block, path, slots, first, values);
    for (int i = 0; i < block->parameters.count; i++)
        if (slots[i] && values[i].kind == A_MISTAKE)
            return value_mistake(call->span);
    Frame frame = {.caller = elab->frame,
                   .path = path,
                   .ordinals = map_new(elab->arena),
                   .call = call->span,
                   .source = block->source,
                   .depth = elab->frame->depth + 1};
    Scope *scope = elab->scope;
    const Known *known = elab->known;
    const Words *words = elab->words;
    elab->frame = arena_copy(elab->arena, &frame, sizeof frame);
    elab->scope = NULL;
    elab->known = NULL;
    elab->words = NULL;
    scope_push(elab);
    bind_parameters(elab, block, slots, values);
    Value result = body_result(elab, &block->body, block->span, block->name);
    elab->frame = frame.caller;
    elab->scope = scope;
    elab->known = known;
    elab->words = words;
    result.span = call->span;
    return result;
}

/* ---- any call ---------------------------------------------------------------------------- */

/* In front of a bracket a name means something that can be called, even where a parameter of
 * the same name hides it: `channels(x)` works beside a parameter `channels`. */
static Value callee_value(Elab *elab, const Node *name) {
    OpKind kind;
    Value value = {.span = name->span, .text = name->text};
    const Binding *binding = name->kind == NODE_NAME ? scope_find(elab, name->text) : NULL;
    if (name->kind != NODE_NAME)
        return evaluate(elab, name);
    if (binding && is_callable(binding->value))
        return binding->value;
    value.block = item_find(elab->frame->source, ITEM_BLOCK, (Str){0}, name->text);
    if (value.block) {
        value.kind = name_clash(elab, name->span, value.block) ? A_MISTAKE : A_BLOCK;
    } else if (operator_of(name->text, &kind)) {
        value.kind = A_OPERATOR;
        value.op = (int)kind;
    } else if (function_of(name->text) >= 0) {
        value.kind = A_FUNCTION;
        value.op = function_of(name->text);
    } else if (binding) {
        return binding->value;
    } else {
        report_unknown_name(elab, name, true);
    }
    return value;
}

/* What the argument is called by the first of the callees that has the parameter. */
static const Parameter *parameter_at(Value callee, const Argument *argument, int position) {
    for (int i = 0; i < callee.count; i++) {
        const Item *block = callee.items[i].block;
        for (int p = 0; block && p < block->parameters.count; p++)
            if (argument->name.length ? str_equal(block->parameters.at[p].name, argument->name)
                                      : p == position)
                return &block->parameters.at[p];
    }
    return NULL;
}

static Value chosen_argument(Elab *elab, Value callee, const Argument *argument, int position,
                             Str path) {
    const Parameter *parameter = parameter_at(callee, argument, position);
    if (parameter)
        return evaluate_parameter(elab, parameter, argument->value, path);
    Str name = argument->name.length ? argument->name : STR("argument");
    return evaluate_as(elab, argument->value,
                       str_format(elab->arena, "%.*s.%.*s", STR_ARG(path), STR_ARG(name)));
}

/* Arguments are evaluated once, whichever block is called; false: with a mistake. */
static bool chosen_arguments(Elab *elab, const Node *call, Value callee) {
    Str path = {"", 0};
    int position = 0;
    bool right = true;
    for (int i = 0; i < call->args.count; i++) {
        const Argument *argument = &call->args.at[i];
        if (i == (call->piped && call->args.count))
            path = call_path(elab, call->a->kind == NODE_NAME ? call->a->text : STR("choice"));
        Value value = path.length ? chosen_argument(elab, callee, argument, position, path)
                                  : evaluate(elab, argument->value);
        position += !argument->name.length;
        right &= value.kind != A_MISTAKE;
        Known known = {argument->value, value, elab->known};
        elab->known = arena_copy(elab->arena, &known, sizeof known);
    }
    return right;
}

static Value call_value(Elab *elab, const Node *call, Value callee);

/* A call of one of several blocks: of each, where it is the one. */
static Value chosen_call(Elab *elab, const Node *call, Value callee) {
    const Known *known = elab->known;
    ExprId guard = elab->guard;
    Value *values = arena_array(elab->arena, Value, callee.count);
    bool right = chosen_arguments(elab, call, callee);
    for (int i = 0; right && i < callee.count; i++) {
        elab->guard = fold_and(&elab->folder, guard, chosen_taken(elab, callee, i));
        values[i] = call_value(elab, call, callee.items[i]);
        elab->guard = guard;
        right = values[i].kind != A_MISTAKE;
    }
    elab->known = known;
    return right ? alternatives_merge(elab, callee.expr, values, callee.count, call->span)
                 : value_mistake(call->span);
}

static Value call_value(Elab *elab, const Node *call, Value callee) {
    switch (callee.kind) {
    case A_MISTAKE:
        return value_mistake(call->span);
    case A_BLOCK:
        return block_call(elab, call, callee.block);
    case A_OPERATOR:
        return operator_call(elab, call, (OpKind)callee.op);
    case A_FUNCTION:
        return functions[callee.op].call(elab, call);
    default:
        if (is_callable(callee))
            return chosen_call(elab, call, callee);
        elab_error(elab, call->a->span,
                   "only blocks, operators and functions can be called; this is %s",
                   value_kind_name(callee.kind));
        return value_mistake(call->span);
    }
}

/* The alternatives of a decision may be words where it stands for one. */
static bool passes_words(Value callee) {
    return callee.kind == A_FUNCTION && functions[callee.op].decides;
}

Value call_evaluate(Elab *elab, const Node *call) {
    const Words *words = elab->words;
    elab->words = NULL;
    Value callee = callee_value(elab, call->a);
    if (elab->constants_only && is_callable(callee) && callee.kind != A_FUNCTION) {
        elab_error(elab, call->span, "networks are built in a `network` or a `block`");
        return value_mistake(call->span);
    }
    if (callee.kind == A_MISTAKE && call->piped) /* for the mistakes of the chain before it */
        evaluate(elab, call->args.at[0].value);
    if (passes_words(callee))
        elab->words = words;
    return call_value(elab, call, callee);
}
