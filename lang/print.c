/* print.c: a Spec and a syntax tree as text, for --emit=spec and --emit=ast.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* ---- checked declarations, defaults included --------------------------------------------- */

static void value_print(Text *text, const SpecValue *value);

static void items_print(Text *text, const SpecValue *value, const char *between) {
    for (int i = 0; i < value->count; i++) {
        const SpecItem *item = &value->items[i];
        text_add(text, "%s", i ? between : "");
        if (item->name.length)
            text_add(text, "%.*s: ", STR_ARG(item->name));
        value_print(text, &item->value);
    }
}

static void value_print(Text *text, const SpecValue *value) {
    switch (value->type) {
    case SPEC_NUMBER:
        text_add_str(text, quantity_print(text->arena, value->number, value->dimension));
        return;
    case SPEC_STRING:
        json_add_string(text, value->text);
        return;
    case SPEC_TRUTH:
        text_add(text, "%s", value->number.n ? "true" : "false");
        return;
    case SPEC_FORMAT:
        text_add(text, "%s", format_name((Format)value->number.n));
        return;
    case SPEC_NAME:
        text_add_str(text, value->text);
        return;
    case SPEC_CALL:
        text_add(text, "%.*s(", STR_ARG(value->text));
        items_print(text, value, ", ");
        text_add(text, ")");
        return;
    case SPEC_COMPARE:
        value_print(text, &value->items[0].value);
        text_add(text, " %.*s ", STR_ARG(value->text));
        value_print(text, &value->items[1].value);
        return;
    case SPEC_SHARE: {
        Rational percent;
        if (value->number.d == 1) {
            text_add(text, "%lld of %.*s", (long long)value->number.n, STR_ARG(value->text));
            return;
        }
        if (rational_mul(value->number, RATIONAL(100), &percent))
            text_add_str(text, rational_print(text->arena, percent));
        text_add(text, " %% of %.*s", STR_ARG(value->text));
        return;
    }
    case SPEC_OPERATE:
        value_print(text, &value->items[0].value);
        text_add(text, " %.*s ", STR_ARG(value->text));
        value_print(text, &value->items[1].value);
        return;
    case SPEC_RANGE:
        items_print(text, value, "..");
        return;
    case SPEC_CHOICE:
        text_add(text, "choice(");
        items_print(text, value, ", ");
        text_add(text, ")");
        return;
    case SPEC_LIST:
    case SPEC_RECORD:
        text_add(text, "[");
        items_print(text, value, ", ");
        text_add(text, "]");
        return;
    }
}

void decl_print(const Decl *decl, Text *text) {
    text_add(text, "%s %.*s {\n", kind_facts[decl->kind].word, STR_ARG(decl->name));
    for (int i = 0; i < decl->count; i++) {
        const SpecEntry *entry = &decl->entries[i];
        if (!entry->count)
            continue;
        text_add(text, "    %.*s: ", STR_ARG(entry->key));
        for (int k = 0; k < entry->count; k++) {
            text_add(text, "%s", k ? ", " : "");
            value_print(text, &entry->values[k]);
        }
        text_add(text, "%s\n", entry->given ? "" : "  // default");
    }
    text_add(text, "}\n");
}

static void space_summary(const Elaborated *from, Text *text) {
    if (!from->space || from->network->value)
        return;
    text_add(text, "// network %.*s", STR_ARG(from->network->name));
    if (from->precision && from->precision->name.length)
        text_add(text, ", precision %.*s", STR_ARG(from->precision->name));
    text_add(text, ": %d operators, %d decisions, %d conditions\n", from->space->ops.count,
             from->space->choices.count, from->space->constraints.count);
}

void spec_print(const Spec *spec, Text *text) {
    for (int i = 0; i < spec->spaces.count; i++)
        space_summary(&spec->spaces.at[i], text);
    for (int i = 0; i < spec->decls.count; i++)
        decl_print(spec->decls.at[i], text);
}

/* ---- the syntax tree --------------------------------------------------------------------- */

static const char *const node_names[] = {
    [NODE_ERROR] = "error",   [NODE_NUMBER] = "number", [NODE_STRING] = "string",
    [NODE_TRUTH] = "truth",   [NODE_NAME] = "name",     [NODE_LIST] = "list",
    [NODE_RECORD] = "record", [NODE_RANGE] = "range",   [NODE_NEGATE] = "negate",
    [NODE_NOT] = "not",       [NODE_BINARY] = "binary", [NODE_IF] = "if",
    [NODE_CALL] = "call",     [NODE_INDEX] = "index",   [NODE_FIELD] = "field",
    [NODE_LABEL] = "named",   [NODE_SHARE] = "share",   [NODE_AXIS] = "axis"};

static void indent(Text *text, int depth) {
    text_add(text, "%*s", depth * 2, "");
}

static void node_print(Text *text, const Node *node, const char *role, int depth) {
    if (!node)
        return;
    indent(text, depth);
    text_add(text, "%s%s%s", role, *role ? ": " : "", node_names[node->kind]);
    if (node->kind == NODE_NUMBER)
        text_add(text, " %.*s",
                 STR_ARG(quantity_print(text->arena, node->number, node->dimension)));
    else if (node->text.length)
        text_add(text, " %.*s", STR_ARG(node->text));
    text_add(text, "%s\n", node->piped ? " (piped)" : "");
    node_print(text, node->a, "", depth + 1);
    node_print(text, node->b, "", depth + 1);
    node_print(text, node->c, "", depth + 1);
    for (int i = 0; i < node->args.count; i++)
        node_print(text, node->args.at[i].value,
                   str_terminated(text->arena, node->args.at[i].name), depth + 1);
}

static void statement_print(Text *text, const Statement *s, int depth) {
    static const char *const names[] = {
        [STATEMENT_LET] = "let",       [STATEMENT_ASSIGN] = "assign",
        [STATEMENT_RETURN] = "return", [STATEMENT_REPEAT] = "repeat",
        [STATEMENT_FOR] = "for",       [STATEMENT_REQUIRE] = "require",
        [STATEMENT_FORBID] = "forbid", [STATEMENT_LEGAL] = "legal"};
    indent(text, depth);
    text_add(text, "%s%s%.*s\n", names[s->kind], s->name.length ? " " : "", STR_ARG(s->name));
    node_print(text, s->a, "", depth + 1);
    node_print(text, s->b, "in", depth + 1);
    for (int i = 0; i < s->body.count; i++)
        statement_print(text, &s->body.at[i], depth + 1);
}

static void selector_print(Text *text, const Selector *selector) {
    for (int i = 0; i < selector->segments.count; i++) {
        const Segment *segment = &selector->segments.at[i];
        text_add(text, "%s%.*s", i ? "." : "", STR_ARG(segment->name));
        if (segment->index == -2)
            text_add(text, "[*]");
        else if (segment->index >= 0)
            text_add(text, "[%d]", segment->index);
    }
}

static void rule_print(Text *text, const Rule *rule) {
    if (rule->is_statement) {
        statement_print(text, &rule->statement, 1);
        return;
    }
    text_add(text, "  rule ");
    for (int i = 0; i < rule->selectors.count; i++) {
        text_add(text, "%s", i ? ", " : "");
        selector_print(text, &rule->selectors.at[i]);
    }
    text_add(text, "\n");
    for (int i = 0; i < rule->properties.count; i++)
        node_print(text, rule->properties.at[i].value,
                   str_terminated(text->arena, rule->properties.at[i].name), 2);
}

static void item_print(Text *text, const Item *item) {
    static const char *const names[] = {"let", "block", "network", "precision", ""};
    text_add(text, "%s%.*s %.*s", names[item->kind], STR_ARG(item->word), STR_ARG(item->name));
    if (item->of.length)
        text_add(text, " of %.*s", STR_ARG(item->of));
    text_add(text, "%s%.*s\n", item->base.length ? " : " : "", STR_ARG(item->base));
    for (int i = 0; i < item->parameters.count; i++) {
        text_add(text, "  parameter %.*s\n", STR_ARG(item->parameters.at[i].name));
        node_print(text, item->parameters.at[i].initial, "", 2);
    }
    node_print(text, item->value, "", 1);
    node_print(text, item->result, "result", 1);
    for (int i = 0; i < item->body.count; i++)
        statement_print(text, &item->body.at[i], 1);
    for (int i = 0; i < item->rules.count; i++)
        rule_print(text, &item->rules.at[i]);
    for (int i = 0; i < item->entries.count; i++) {
        const Entry *entry = &item->entries.at[i];
        text_add(text, "  key %.*s%s\n", STR_ARG(entry->key), entry->adds ? " (adds)" : "");
        for (int k = 0; k < entry->values.count; k++)
            node_print(text, entry->values.at[k].value, "", 2);
    }
}

/* Of the root file. */
void spec_print_syntax(const Spec *spec, Text *text) {
    const Source *root = spec->sources.at[0];
    for (int i = 0; i < root->imports.count; i++)
        text_add(text, "use %.*s\n", STR_ARG(root->imports.at[i].path));
    for (int i = 0; i < root->items.count; i++)
        item_print(text, root->items.at[i]);
}
