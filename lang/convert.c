/* convert.c: values of keys and arguments, checked against the type that their table states.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

static bool mistake(Converter *c, Span span, const char *format, ...) PRINTF(3, 4);
static bool mistake(Converter *c, Span span, const char *format, ...) {
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error_at(c->spec->diagnostics, span, "%s", message);
    return false;
}

static SpecItem *items_new(Converter *c, SpecValue *out, int count) {
    out->items = arena_array(c->spec->arena, SpecItem, count);
    out->count = count;
    return out->items;
}

/* ---- constants --------------------------------------------------------------------------- */

/* "`clock` must be a frequency, and this is ..." */
static bool wrong_type(Converter *c, const Node *node, const char *wanted, Str what,
                       Value found) {
    if (found.kind == A_MISTAKE)
        return false;
    if (found.kind == A_NUMBER)
        return mistake(c, node->span, "`%.*s` must be %s, and this is %s", STR_ARG(what),
                       wanted, dimension_name(found.dimension));
    return mistake(c, node->span, "`%.*s` must be %s, and this is %s", STR_ARG(what), wanted,
                   value_kind_name(found.kind));
}

static bool in_range(FactType type, Rational number) {
    if (type == TYPE_COUNT || type == TYPE_NATURAL)
        return number.d == 1 && number.n >= (type == TYPE_COUNT) && number.n <= INT32_MAX;
    return number.n >= 0;
}

static bool convert_number(Converter *c, const Node *node, FactType type, const char *of,
                           Str what, SpecValue *out) {
    Dimension dimension = dimension_of(of);
    const char *wanted = dimension ? dimension_name(dimension) : fact_type_name(type);
    Value value = evaluate(c->elab, node);
    Rational number;
    if (value.kind != A_NUMBER || value.dimension != dimension ||
        !is_constant(&c->elab->folder, value.expr, &number))
        return wrong_type(c, node, wanted, what, value);
    if (!in_range(type, number))
        return mistake(c, node->span, "`%.*s` must be %s, and this is %.*s", STR_ARG(what),
                       type == TYPE_NUMBER ? "zero or more" : wanted,
                       STR_ARG(quantity_print(c->spec->arena, number, dimension)));
    out->type = SPEC_NUMBER;
    out->number = number;
    out->dimension = dimension;
    return true;
}

static bool convert_constant(Converter *c, const Node *node, FactType type, Str what,
                             SpecValue *out) {
    static const struct {
        FactType type;
        ValueKind kind;
        SpecType spec;
    } kinds[] = {{TYPE_STRING, A_STRING, SPEC_STRING},
                 {TYPE_TRUTH, A_TRUTH, SPEC_TRUTH},
                 {TYPE_FORMAT, A_FORMAT, SPEC_FORMAT}};
    Value value = evaluate(c->elab, node);
    for (int i = 0; i < COUNT(kinds); i++) {
        if (kinds[i].type != type || value.kind != kinds[i].kind)
            continue;
        out->type = kinds[i].spec;
        out->text = value.text;
        if (value.expr)
            is_constant(&c->elab->folder, value.expr, &out->number);
        return true;
    }
    return wrong_type(c, node, fact_type_name(type), what, value);
}

/* ---- words and names --------------------------------------------------------------------- */

static bool convert_word(Converter *c, const Node *node, const char *of, Str what,
                         SpecValue *out) {
    enum { MAX_WORDS = 24 };
    Str words[MAX_WORDS];
    out->type = SPEC_NAME;
    out->text = node->text;
    if (node->kind == NODE_NAME && word_facts_of(of, node->text))
        return true;
    int count = word_names(of, words, MAX_WORDS);
    Str shown = node->kind == NODE_NAME ? node->text : (Str){"", 0};
    return mistake(c, node->span, "`%.*s` cannot be this%.*s", STR_ARG(what),
                   STR_ARG(suggestion(c->spec->arena, shown, words, count)));
}

/* Names of a kind of declaration. */
static bool convert_name(Converter *c, const Node *node, ItemKind kind, const char *word,
                         SpecValue *out) {
    Str of = str_of(word);
    out->type = SPEC_NAME;
    out->text = node->text;
    if (node->kind != NODE_NAME)
        return mistake(c, node->span, "here stands the name of a %s", word);
    const Item *item = item_find(c->source, kind, of, node->text);
    if (item)
        return !item_clash(c->spec->diagnostics, node->span, c->source, item);
    const Str *names;
    int count;
    item_names(c->spec->arena, c->source, kind, of, &names, &count);
    Str module = library_module(c->spec->arena, word, node->text);
    if (module.length)
        return mistake(c, node->span, "no %s is called `%.*s`; `use %.*s` brings one", word,
                       STR_ARG(node->text), STR_ARG(module));
    return mistake(c, node->span, "no %s is called `%.*s`%.*s", word, STR_ARG(node->text),
                   STR_ARG(suggestion(c->spec->arena, node->text, names, count)));
}

static void metric_names(Str *names) {
    for (int i = 0; i < metric_count; i++)
        names[i] = str_of(metric_facts[i].name);
}

static bool convert_metric(Converter *c, const Node *node, SpecValue *out) {
    Str names[32];
    out->type = SPEC_NAME;
    out->text = node->text;
    metric_names(names);
    if (node->kind != NODE_NAME)
        return mistake(c, node->span,
                       "here stands the name of a metric, such as accuracy or flash");
    if (metric_of(node->text))
        return true;
    return mistake(c, node->span, "no metric is called `%.*s`%.*s", STR_ARG(node->text),
                   STR_ARG(suggestion(c->spec->arena, node->text, names, metric_count)));
}

/* ---- limits ------------------------------------------------------------------------------ */

static bool is_metric(const Node *node) {
    return node->kind == NODE_NAME && metric_of(node->text);
}

/* The operator with its sides exchanged. */
static const char *comparison_sign(TokenKind op, bool exchanged) {
    switch (op) {
    case TOKEN_LESS:
        return exchanged ? ">" : "<";
    case TOKEN_LESS_EQUAL:
        return exchanged ? ">=" : "<=";
    case TOKEN_GREATER:
        return exchanged ? "<" : ">";
    case TOKEN_GREATER_EQUAL:
        return exchanged ? "<=" : ">=";
    case TOKEN_EQUAL:
        return "==";
    default:
        return NULL;
    }
}

static bool convert_limit(Converter *c, const Node *node, SpecValue *out) {
    const char *sign = node->kind == NODE_BINARY ? comparison_sign(node->op, false) : NULL;
    if (!sign)
        return mistake(c, node->span, "a limit compares a metric: `ram <= 16 KiB`");
    bool exchanged = !is_metric(node->a) && is_metric(node->b);
    const Node *metric = exchanged ? node->b : node->a, *bound = exchanged ? node->a : node->b;
    SpecItem *items = items_new(c, out, 2);
    items[0].value.span = metric->span;
    items[1].value.span = bound->span;
    if (!convert_metric(c, metric, &items[0].value))
        return false;
    Dimension dimension = metric_of(metric->text)->dimension;
    Value value = evaluate(c->elab, bound);
    Rational number;
    if (value.kind == A_MISTAKE)
        return false;
    if (value.kind != A_NUMBER || !is_constant(&c->elab->folder, value.expr, &number))
        return mistake(c, bound->span, "a limit is a constant, and this is %s",
                       value_kind_name(value.kind));
    if (value.dimension != dimension)
        return mistake(c, bound->span, "`%.*s` is %s, and this is %s", STR_ARG(metric->text),
                       dimension_name(dimension), dimension_name(value.dimension));
    out->type = SPEC_COMPARE;
    out->text = str_of(comparison_sign(node->op, exchanged));
    items[1].value = (SpecValue){
        .type = SPEC_NUMBER, .span = bound->span, .number = number, .dimension = dimension};
    return true;
}

/* ---- calls ------------------------------------------------------------------------------- */

enum { MAX_ARGUMENTS = 24 };

static int arguments_of(const char *call, const ArgumentFacts **facts, Str *names) {
    int count = 0;
    for (int i = 0; i < argument_count && count < MAX_ARGUMENTS; i++)
        if (strcmp(argument_facts[i].call, call) == 0) {
            names[count] = str_of(argument_facts[i].name);
            facts[count++] = &argument_facts[i];
        }
    return count;
}

/* An initial value in a table: a number or a word. */
static void initial_argument(const ArgumentFacts *facts, Span span, SpecValue *out) {
    *out = (SpecValue){.span = span, .text = str_of(facts->initial)};
    out->type = rational_parse(out->text, &out->number) ? SPEC_NUMBER : SPEC_NAME;
}

static bool convert_arguments(Converter *c, const Node *call, const CallFacts *callee,
                              SpecValue *out) {
    const ArgumentFacts *facts[MAX_ARGUMENTS];
    const Argument *slots[MAX_ARGUMENTS] = {NULL};
    Str names[MAX_ARGUMENTS];
    int count = arguments_of(callee->name, facts, names);
    bool right =
        arguments_match(c->elab, call, str_of(callee->name), names, count, count, slots);
    SpecItem *items = items_new(c, out, count);
    out->count = 0;
    for (int i = 0; i < count && right; i++) {
        SpecItem *item = &items[out->count];
        *item = (SpecItem){.name = names[i], .span = call->span};
        if (slots[i]) {
            item->span = item->value.span = slots[i]->value->span;
            right &= spec_convert(c, slots[i]->value, facts[i]->type, facts[i]->of, names[i],
                                  &item->value);
            out->count++;
        } else if (strcmp(facts[i]->initial, "!") == 0) {
            right = mistake(c, call->span, "`%s` needs `%s`: %s", callee->name, facts[i]->name,
                            facts[i]->documentation);
        } else if (*facts[i]->initial) {
            initial_argument(facts[i], call->span, &item->value);
            out->count++;
        }
    }
    return right;
}

static bool unknown_call(Converter *c, const Node *node, Str name, const char *context,
                         Str what) {
    Str names[MAX_ARGUMENTS];
    int count = 0;
    for (int i = 0; i < call_count && count < MAX_ARGUMENTS; i++)
        if (strcmp(call_facts[i].context, context) == 0)
            names[count++] = str_of(call_facts[i].name);
    Str also = suggestion(c->spec->arena, name, names, count);
    if (name.length)
        return mistake(c, node->span, "`%.*s` knows no `%.*s`%.*s", STR_ARG(what),
                       STR_ARG(name), STR_ARG(also));
    return mistake(c, node->span, "`%.*s` is written as a call%.*s", STR_ARG(what),
                   STR_ARG(also));
}

/* A name alone is a call without arguments. */
static bool convert_call(Converter *c, const Node *node, const char *context, Str what,
                         SpecValue *out) {
    Node bare = {.kind = NODE_CALL, .span = node->span, .a = (Node *)node};
    const Node *call = node->kind == NODE_NAME ? &bare : node;
    Str name = {"", 0};
    if (call->kind == NODE_CALL && call->a->kind == NODE_NAME)
        name = call->a->text;
    const CallFacts *callee = call_of(name);
    if (!callee || strcmp(callee->context, context) != 0)
        return unknown_call(c, node, name, context, what);
    out->type = SPEC_CALL;
    out->text = name;
    return convert_arguments(c, call, callee, out);
}

/* ---- shares and results ------------------------------------------------------------------ */

static bool convert_share(Converter *c, const Node *node, SpecValue *out) {
    if (node->kind != NODE_SHARE || node->b->kind != NODE_NAME ||
        !str_equal(node->b->text, STR("train")))
        return mistake(c, node->span, "write a share of the training data: `10 %% of train`");
    Rational share = node->a->number;
    if (node->a->dimension || share.n <= 0 || rational_compare(share, RATIONAL(1)) >= 0)
        return mistake(c, node->a->span, "a share lies between 0 %% and 100 %%");
    out->type = SPEC_SHARE;
    out->number = share;
    out->text = node->b->text;
    return true;
}

static const char *const results[] = {"knee", "most_accurate", "cheapest", "best"};

static bool convert_result_argument(Converter *c, const Node *node, Str selector,
                                    SpecValue *out) {
    bool within = str_equal(selector, STR("cheapest"));
    if (node->args.count != 1)
        return mistake(c, node->span, "write `.best(flash)` or `.cheapest(within: 1 %%)`");
    const Argument *argument = &node->args.at[0];
    SpecItem *item = items_new(c, out, 1);
    item->name = within ? STR("within") : STR("metric");
    item->span = item->value.span = argument->value->span;
    if (argument->name.length && !str_equal(argument->name, item->name))
        return mistake(c, argument->span, "`%.*s` takes `%.*s`", STR_ARG(selector),
                       STR_ARG(item->name));
    return within
               ? convert_number(c, argument->value, TYPE_NUMBER, "", item->name, &item->value)
               : convert_metric(c, argument->value, &item->value);
}

/* frontier.most_accurate, frontier.cheapest(within: 1 %). */
static bool convert_selection(Converter *c, const Node *node, SpecValue *out) {
    const Node *field = node->kind == NODE_CALL ? node->a : node;
    Str names[COUNT(results)];
    for (int i = 0; i < COUNT(results); i++)
        names[i] = str_of(results[i]);
    SpecValue search = {0};
    if (field->kind != NODE_FIELD || field->a->kind != NODE_NAME)
        return mistake(c, node->span, "write `SEARCH.most_accurate`, or the name of a network");
    if (!convert_name(c, field->a, ITEM_DECL, "search", &search))
        return false;
    bool known = false, takes = false;
    for (int i = 0; i < COUNT(results); i++)
        if (str_equal(field->text, names[i])) {
            known = true;
            takes = i >= 2;
        }
    if (!known)
        return mistake(c, field->span, "a search has no result `%.*s`%.*s",
                       STR_ARG(field->text),
                       STR_ARG(suggestion(c->spec->arena, field->text, names, COUNT(results))));
    out->text =
        str_format(c->spec->arena, "%.*s.%.*s", STR_ARG(field->a->text), STR_ARG(field->text));
    out->type = takes ? SPEC_CALL : SPEC_NAME;
    if (takes != (node->kind == NODE_CALL))
        return mistake(c, node->span,
                       takes ? "write `.best(flash)` or `.cheapest(within: 1 %%)`"
                             : "this result takes no arguments");
    return !takes || convert_result_argument(c, node, field->text, out);
}

static bool convert_result(Converter *c, const Node *node, SpecValue *out) {
    if (node->kind != NODE_NAME)
        return convert_selection(c, node, out);
    if (item_find(c->source, ITEM_DECL, STR("search"), node->text))
        return mistake(c, node->span,
                       "say which result of the search: `%.*s.most_accurate`, "
                       "`.knee`, `.cheapest(within: 1 %%)` or `.best(flash)`",
                       STR_ARG(node->text));
    return convert_name(c, node, ITEM_NETWORK, "network", out);
}

bool spec_convert(Converter *c, const Node *node, FactType type, const char *of, Str what,
                  SpecValue *out) {
    *out = (SpecValue){.span = node->span};
    switch (type) {
    case TYPE_NUMBER:
    case TYPE_COUNT:
    case TYPE_NATURAL:
        return convert_number(c, node, type, of, what, out);
    case TYPE_STRING:
    case TYPE_TRUTH:
    case TYPE_FORMAT:
        return convert_constant(c, node, type, what, out);
    case TYPE_WORD:
        return convert_word(c, node, of, what, out);
    case TYPE_CALL:
        return convert_call(c, node, of, what, out);
    case TYPE_SHARE:
        return convert_share(c, node, out);
    case TYPE_RESULT:
        return convert_result(c, node, out);
    case TYPE_METRIC:
        return convert_metric(c, node, out);
    case TYPE_LIMIT:
        return convert_limit(c, node, out);
    case TYPE_NETWORK:
        return convert_name(c, node, ITEM_NETWORK, "network", out);
    case TYPE_PRECISION:
        return convert_name(c, node, ITEM_PRECISION, "precision", out);
    case TYPE_TASK:
        return convert_name(c, node, ITEM_DECL, "task", out);
    case TYPE_DEVICE:
        return convert_name(c, node, ITEM_DECL, "device", out);
    }
    return false;
}
