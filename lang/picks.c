/* picks.c: what was found: `frontier.knee`, `joint[cortex_m4].best(flash)`, and the arms of
 * experiments.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

typedef enum { PLAIN, CALLED, EITHER } PickForm;
static const struct {
    const char *name;
    PickForm form;
} picks[] = {{"knee", PLAIN}, {"most_accurate", PLAIN}, {"cheapest", CALLED}, {"best", EITHER}};

static bool pick_argument(Converter *c, const Node *node, Str selector, SpecValue *out) {
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
               : convert_metric(c, argument->value, "search", ROLE_LIMIT, &item->value);
}

/* joint, or joint[cortex_m4]; to *search and *device (empty: none written). */
static bool pick_search(Converter *c, const Node *node, Str *search, Str *device) {
    const Node *name = node->kind == NODE_INDEX ? node->a : node;
    SpecValue value;
    if (name->kind != NODE_NAME)
        return mistake(c, node->span, "write `SEARCH.most_accurate`, or the name of a network");
    if (!item_find(c->source, ITEM_DECL, STR("search"), name->text) &&
        (item_find(c->source, ITEM_NETWORK, (Str){0}, name->text) ||
         item_find(c->source, ITEM_DECL, STR("split"), name->text)))
        return mistake(c, name->span, "`%.*s` is no search: it has no results to pick from",
                       STR_ARG(name->text));
    if (!convert_name(c, name, ITEM_DECL, "search", &value))
        return false;
    *search = name->text;
    *device = (Str){"", 0};
    if (node->kind != NODE_INDEX)
        return true;
    *device = node->b->text;
    return convert_name(c, node->b, ITEM_DECL, "device", &value);
}

static bool unknown_pick(Converter *c, const Node *field) {
    Str names[COUNT(picks)];
    for (int i = 0; i < COUNT(picks); i++)
        names[i] = str_of(picks[i].name);
    return mistake(c, field->span, "a search has no result `%.*s`%.*s", STR_ARG(field->text),
                   STR_ARG(suggestion(c->spec->arena, field->text, names, COUNT(names))));
}

/* frontier.most_accurate, frontier.cheapest(within: 1 %). */
static bool convert_pick(Converter *c, const Node *node, SpecValue *out) {
    bool called = node->kind == NODE_CALL;
    const Node *field = called ? node->a : node;
    Str search = {"", 0}, device = {"", 0};
    int pick = 0;
    if (field->kind != NODE_FIELD)
        return mistake(c, node->span, "write `SEARCH.most_accurate`, or the name of a network");
    if (!pick_search(c, field->a, &search, &device))
        return false;
    while (pick < COUNT(picks) && !str_equal(field->text, str_of(picks[pick].name)))
        pick++;
    if (pick == COUNT(picks))
        return unknown_pick(c, field);
    out->text = str_format(c->spec->arena, "%.*s%s%.*s%s.%.*s", STR_ARG(search),
                           device.length ? "[" : "", STR_ARG(device), device.length ? "]" : "",
                           STR_ARG(field->text));
    out->type = called ? SPEC_CALL : SPEC_NAME;
    if (picks[pick].form != EITHER && called != (picks[pick].form == CALLED))
        return mistake(c, node->span,
                       called ? "this result takes no arguments"
                              : "write `.best(flash)` or `.cheapest(within: 1 %%)`");
    return !called || pick_argument(c, node, field->text, out);
}

Str result_search(Str result) {
    for (int i = 0; i < result.length; i++)
        if (result.at[i] == '.' || result.at[i] == '[')
            return (Str){result.at, i};
    return (Str){"", 0};
}

bool convert_result(Converter *c, const Node *node, const char *of, SpecValue *out) {
    bool split = strstr(of, "split") != NULL;
    if (node->kind != NODE_NAME)
        return convert_pick(c, node, out);
    if (item_find(c->source, ITEM_DECL, STR("search"), node->text))
        return mistake(c, node->span,
                       "say which result of the search: `%.*s.most_accurate`, "
                       "`.knee`, `.cheapest(within: 1 %%)` or `.best(flash)`",
                       STR_ARG(node->text));
    if (split && item_find(c->source, ITEM_DECL, STR("split"), node->text)) {
        out->type = SPEC_NAME;
        out->text = node->text;
        return true;
    }
    return convert_name(c, node, ITEM_NETWORK, "network", out);
}

/* ---- arms -------------------------------------------------------------------------------- */

static bool unknown_arm(Converter *c, const Node *node) {
    const Str *searches, *splits;
    int some, more;
    item_names(c->spec->arena, c->source, ITEM_DECL, STR("search"), &searches, &some);
    item_names(c->spec->arena, c->source, ITEM_DECL, STR("split"), &splits, &more);
    VEC(Str) names = {0};
    for (int i = 0; i < some; i++)
        vec_push(c->spec->arena, &names, searches[i]);
    for (int i = 0; i < more; i++)
        vec_push(c->spec->arena, &names, splits[i]);
    for (int i = 0; node->kind == NODE_CALL && i < call_count; i++)
        if (strcmp(call_facts[i].context, "arm") == 0)
            vec_push(c->spec->arena, &names, str_of(call_facts[i].name));
    return mistake(c, node->span, "no search or split is called `%.*s`%.*s",
                   STR_ARG(node->text),
                   STR_ARG(suggestion(c->spec->arena, node->text, names.at, names.count)));
}

bool convert_arm(Converter *c, const Node *node, SpecValue *out) {
    if (node->kind == NODE_CALL)
        return convert_call(c, node, "arm", STR("compare"), out);
    out->type = SPEC_NAME;
    out->text = node->text;
    if (node->kind != NODE_NAME)
        return mistake(c, node->span,
                       "an arm is a search, a split, or a call: "
                       "`search_then_convert(aligned)`");
    if (item_find(c->source, ITEM_DECL, STR("search"), node->text) ||
        item_find(c->source, ITEM_DECL, STR("split"), node->text))
        return true;
    return unknown_arm(c, node);
}
