/* limits.c: metrics, and the comparisons and calculations with them: limits of searches and
 * splits, claims of experiments. Dimensions are checked as everywhere.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* ---- metrics ----------------------------------------------------------------------------- */

static MetricOf of_mask(const char *of) {
    return strcmp(of, "search") == 0  ? OF_SEARCH
           : strcmp(of, "split") == 0 ? OF_SPLIT
                                      : OF_BOTH;
}

static int metric_names(MetricOf of, MetricRole role, Str *names) {
    int count = 0;
    for (int i = 0; i < metric_count; i++)
        if ((metric_facts[i].of & of) && metric_facts[i].role >= role)
            names[count++] = str_of(metric_facts[i].name);
    return count;
}

static bool unknown_metric(Converter *c, const Node *node, MetricOf of, MetricRole role) {
    Str names[64];
    int count = metric_names(of, role, names);
    const char *meant = metric_meant(node->text);
    if (meant)
        return mistake(c, node->span, "no metric is called `%.*s`; did you mean `%s`?",
                       STR_ARG(node->text), meant);
    return mistake(c, node->span, "no metric is called `%.*s`%.*s", STR_ARG(node->text),
                   STR_ARG(suggestion(c->spec->arena, node->text, names, count)));
}

/* Whether the metric may stand here. */
static bool metric_allowed(Converter *c, Span span, const MetricFacts *metric, MetricOf of,
                           MetricRole role) {
    if (!(metric->of & of))
        return mistake(c, span, "`%s` is known of a %s, not of a %s", metric->name,
                       metric->of == OF_SPLIT ? "split" : "search",
                       of == OF_SPLIT ? "split" : "search");
    if (metric->role >= role)
        return true;
    if (metric->role == ROLE_CLAIM)
        return mistake(c, span, "`%s` compares arms: only an experiment may expect it",
                       metric->name);
    return mistake(c, span, "`%s` may stand in `require:`, but is nothing to search for",
                   metric->name);
}

static bool metric_convert(Converter *c, const Node *node, MetricOf of, MetricRole role,
                           SpecValue *out) {
    out->type = SPEC_NAME;
    out->text = node->text;
    out->span = node->span;
    if (node->kind == NODE_BINARY)
        return mistake(c, node->span,
                       "objectives are listed, not added up: the front shows what each costs");
    if (node->kind != NODE_NAME)
        return mistake(c, node->span,
                       "here stands the name of a metric, such as accuracy or flash");
    const MetricFacts *metric = metric_of(node->text);
    if (!metric)
        return unknown_metric(c, node, of, role);
    out->dimension = metric->dimension;
    if (!metric_allowed(c, node->span, metric, of, role))
        return false;
    engine_missing(c, node->span, str_format(c->spec->arena, "`%s`", metric->name),
                   metric->engine);
    return true;
}

bool convert_metric(Converter *c, const Node *node, const char *of, MetricRole role,
                    SpecValue *out) {
    return metric_convert(c, node, of_mask(of), role, out);
}

/* ---- quantities -------------------------------------------------------------------------- */

/* What may stand in a limit (of a search or a split) or a claim (of an experiment). */
typedef struct Asked {
    Converter *c;
    MetricOf of;
    bool claim;
} Asked;

static bool quantity(const Asked *asked, const Node *node, SpecValue *out);

static bool is_let(const Asked *asked, const Node *node) {
    return item_find(asked->c->source, ITEM_LET, (Str){0}, node->text) != NULL;
}

/* Whether a value depends on what is found, so that it is no constant. */
static bool depends(const Asked *asked, const Node *node) {
    if (!node)
        return false;
    switch (node->kind) {
    case NODE_NAME:
        return metric_of(node->text) || !is_let(asked, node);
    case NODE_FIELD:
        return true;
    case NODE_CALL:
        return node->a->kind == NODE_NAME &&
               (asked->claim ? function_of(node->a->text) < 0
                             : call_facts_of("statistic", node->a->text) != NULL);
    case NODE_NEGATE:
    case NODE_BINARY:
        return depends(asked, node->a) || depends(asked, node->b);
    default:
        return false;
    }
}

static bool constant(const Asked *asked, const Node *node, SpecValue *out) {
    Converter *c = asked->c;
    Value value = evaluate(c->elab, node);
    Rational number;
    if (value.kind == A_MISTAKE)
        return false;
    if (value.kind != A_NUMBER || !is_constant(&c->elab->folder, value.expr, &number))
        return mistake(c, node->span, "a limit is a constant, and this is %s",
                       value_kind_name(value.kind));
    *out = (SpecValue){.type = SPEC_NUMBER,
                       .span = node->span,
                       .number = number,
                       .dimension = value.dimension};
    return true;
}

/* device.memory: what keys.def lets a device say in numbers. */
static bool device_fact(const Asked *asked, const Node *node, SpecValue *out) {
    Converter *c = asked->c;
    Str names[64];
    int count = 0;
    for (int k = 0; k < key_count && count < COUNT(names); k++) {
        if (key_facts[k].kind != DECL_DEVICE || key_facts[k].type != TYPE_NUMBER)
            continue;
        names[count++] = str_of(key_facts[k].key);
        if (!str_equal(node->text, str_of(key_facts[k].key)))
            continue;
        out->type = SPEC_NAME;
        out->text = str_format(c->spec->arena, "device.%.*s", STR_ARG(node->text));
        out->dimension = dimension_of(key_facts[k].of);
        return true;
    }
    return mistake(c, node->span, "a device has no `%.*s`%.*s", STR_ARG(node->text),
                   STR_ARG(suggestion(c->spec->arena, node->text, names, count)));
}

/* arm.metric; which arms there are, the experiment knows when all its keys are read. */
static bool arm_result(const Asked *asked, const Node *node, SpecValue *out) {
    Converter *c = asked->c;
    const Node *arm = node->a;
    Node field = {.kind = NODE_NAME, .span = node->span, .text = node->text};
    if (!metric_convert(c, &field, OF_BOTH, ROLE_CLAIM, out))
        return false;
    SpecItem *items = items_new(c, out, 1);
    items[0] = (SpecItem){.name = STR("arm"), .span = arm->span};
    items[0].value.span = arm->span;
    if (arm->kind == NODE_CALL ? !convert_arm(c, arm, &items[0].value) : arm->kind != NODE_NAME)
        return arm->kind != NODE_NAME && arm->kind != NODE_CALL &&
               mistake(c, arm->span, "write an arm and its result: `aligned.accuracy`");
    if (arm->kind == NODE_NAME)
        items[0].value = (SpecValue){.type = SPEC_NAME, .span = arm->span, .text = arm->text};
    out->text = str_format(c->spec->arena, "%.*s.%.*s", STR_ARG(items[0].value.text),
                           STR_ARG(node->text));
    return true;
}

static bool field(const Asked *asked, const Node *node, SpecValue *out) {
    if (asked->claim)
        return arm_result(asked, node, out);
    if (node->a->kind == NODE_NAME && str_equal(node->a->text, STR("device")))
        return device_fact(asked, node, out);
    return mistake(asked->c, node->span,
                   "write `device.%.*s`: that of the device which the design is for",
                   STR_ARG(node->text));
}

static bool operands_fit(TokenKind op, Dimension a, Dimension b, Dimension *result) {
    *result = a ? a : b;
    if (op == TOKEN_PLUS || op == TOKEN_MINUS)
        return a == b;
    if (op == TOKEN_STAR)
        return !a || !b;
    *result = a == b ? DIMENSION_NONE : a;
    return op == TOKEN_SLASH && (!b || a == b);
}

static bool operation(const Asked *asked, const Node *node, SpecValue *out) {
    Converter *c = asked->c;
    SpecItem *items = items_new(c, out, 2);
    out->type = SPEC_OPERATE;
    out->text = node->text;
    if (!quantity(asked, node->a, &items[0].value) ||
        !quantity(asked, node->b, &items[1].value))
        return false;
    Dimension a = items[0].value.dimension, b = items[1].value.dimension;
    if (operands_fit(node->op, a, b, &out->dimension))
        return true;
    return mistake(c, node->span, "`%.*s` between %s and %s", STR_ARG(node->text),
                   dimension_name(a), dimension_name(b));
}

static bool quantity(const Asked *asked, const Node *node, SpecValue *out) {
    Converter *c = asked->c;
    *out = (SpecValue){.span = node->span};
    if (!depends(asked, node))
        return constant(asked, node, out);
    switch (node->kind) {
    case NODE_NAME:
        if (asked->claim && metric_of(node->text))
            return mistake(c, node->span, "say of which arm: `ARM.%.*s`", STR_ARG(node->text));
        return metric_convert(c, node, asked->of, asked->claim ? ROLE_CLAIM : ROLE_LIMIT, out);
    case NODE_FIELD:
        return field(asked, node, out);
    case NODE_CALL:
        if (asked->claim)
            return convert_call(c, node, "statistic", STR("expect"), out);
        return mistake(c, node->span, "only an experiment may expect this");
    case NODE_NEGATE: {
        Node zero = {.kind = NODE_NUMBER, .span = node->span};
        SpecItem *items = items_new(c, out, 2);
        bool right = quantity(asked, node->a, &items[1].value);
        items[0].value = (SpecValue){.type = SPEC_NUMBER,
                                     .span = zero.span,
                                     .number = RATIONAL(0),
                                     .dimension = items[1].value.dimension};
        out->type = SPEC_OPERATE;
        out->text = STR("-");
        out->dimension = items[1].value.dimension;
        return right;
    }
    default:
        return operation(asked, node, out);
    }
}

/* ---- comparisons ------------------------------------------------------------------------- */

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

static bool same_metric(const SpecItem *items) {
    const SpecValue *left = &items[0].value, *right = &items[1].value;
    return left->type == SPEC_NAME && right->type == SPEC_NAME &&
           str_equal(left->text, right->text);
}

static bool sides_agree(Converter *c, const SpecItem *items) {
    const SpecValue *left = &items[0].value, *right = &items[1].value;
    if (same_metric(items))
        return mistake(c, right->span, "this compares `%.*s` with itself", STR_ARG(left->text));
    if (left->dimension == right->dimension)
        return true;
    if (left->type == SPEC_NAME)
        return mistake(c, right->span, "`%.*s` is %s, and this is %s", STR_ARG(left->text),
                       dimension_name(left->dimension), dimension_name(right->dimension));
    return mistake(c, right->span, "on the left stands %s, and this is %s",
                   dimension_name(left->dimension), dimension_name(right->dimension));
}

/* Compares; the metric, if it stands alone, comes to the left. */
static bool comparison(const Asked *asked, const Node *node, SpecValue *out) {
    Converter *c = asked->c;
    bool exchanged = !depends(asked, node->a) && depends(asked, node->b);
    SpecItem *items = items_new(c, out, 2);
    out->type = SPEC_COMPARE;
    out->text = str_of(comparison_sign(node->op, exchanged));
    return quantity(asked, exchanged ? node->b : node->a, &items[0].value) &&
           quantity(asked, exchanged ? node->a : node->b, &items[1].value) &&
           sides_agree(c, items);
}

static bool is_comparison(const Node *node) {
    return node->kind == NODE_BINARY && comparison_sign(node->op, false);
}

/* accuracy >= 90: nobody means 9,000 %. */
static bool share_fits(Converter *c, const SpecItem *items) {
    const SpecValue *left = &items[0].value, *right = &items[1].value;
    const MetricFacts *metric = left->type == SPEC_NAME ? metric_of(left->text) : NULL;
    if (!metric || !metric->share || right->type != SPEC_NUMBER ||
        rational_compare(right->number, RATIONAL(2)) <= 0)
        return true;
    Str number = rational_print(c->spec->arena, right->number);
    return mistake(c, right->span, "`%s` is a share; did you mean `%.*s %%`?", metric->name,
                   STR_ARG(number));
}

bool convert_limit(Converter *c, const Node *node, const char *of, SpecValue *out) {
    Asked asked = {c, of_mask(of), false};
    if (node->kind == NODE_BINARY && node->op == TOKEN_AND)
        return mistake(c, node->span,
                       "limits are listed with commas: `ram <= 16 KiB, flash <= 32 KiB`");
    if (node->kind == NODE_CALL && node->a->kind == NODE_NAME &&
        call_facts_of("condition", node->a->text))
        return convert_call(c, node, "condition", STR("require"), out);
    if (!is_comparison(node) || (!depends(&asked, node->a) && !depends(&asked, node->b)))
        return mistake(c, node->span, "a limit compares a metric: `ram <= 16 KiB`");
    if (!comparison(&asked, node, out) || !share_fits(c, out->items))
        return false;
    bool plain = out->items[0].value.type == SPEC_NAME && metric_of(out->items[0].value.text) &&
                 out->items[1].value.type == SPEC_NUMBER;
    if (!plain)
        gap_missing(c, node->span, GAP_LIMIT, (Str){"", 0});
    return true;
}

bool convert_claim(Converter *c, const Node *node, SpecValue *out) {
    Asked asked = {c, OF_BOTH, true};
    if (!is_comparison(node) || (!depends(&asked, node->a) && !depends(&asked, node->b)))
        return mistake(c, node->span,
                       "an expectation compares results: `a.accuracy >= b.accuracy + 1 %%`");
    return comparison(&asked, node, out);
}

/* ---- accuracy at f32, memory in [16 KiB, 32 KiB] ----------------------------------------- */

bool convert_rank(Converter *c, const Node *node, const char *of, SpecValue *out) {
    if (node->kind != NODE_BINARY || node->op != TOKEN_AT)
        return mistake(c, node->span, "write a metric and a format: `accuracy at f32`");
    SpecItem *items = items_new(c, out, 2);
    out->type = SPEC_OPERATE;
    out->text = STR("at");
    return convert_metric(c, node->a, of, ROLE_OBJECTIVE, &items[0].value) &&
           spec_convert(c, node->b, TYPE_FORMAT, "", STR("rank"), &items[1].value);
}

bool convert_sweep(Converter *c, const Node *node, SpecValue *out) {
    Asked asked = {c, OF_BOTH, false};
    if (node->kind != NODE_BINARY || node->op != TOKEN_IN || node->b->kind != NODE_LIST)
        return mistake(c, node->span,
                       "write a metric and values: `memory in [16 KiB, 32 KiB]`");
    SpecItem *items = items_new(c, out, 2);
    out->type = SPEC_OPERATE;
    out->text = STR("in");
    if (!metric_convert(c, node->a, OF_BOTH, ROLE_LIMIT, &items[0].value))
        return false;
    SpecValue *list = &items[1].value;
    const Arguments *values = &node->b->args;
    *list = (SpecValue){.type = SPEC_LIST, .span = node->b->span};
    SpecItem *each = items_new(c, list, values->count);
    for (int i = 0; i < values->count; i++) {
        SpecItem pair[2] = {items[0]};
        if (!constant(&asked, values->at[i].value, &each[i].value))
            return false;
        pair[1] = each[i];
        if (!sides_agree(c, pair))
            return false;
    }
    return values->count > 0 || mistake(c, node->b->span, "`at` needs values");
}
