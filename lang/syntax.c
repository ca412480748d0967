/* syntax.c: the nodes of the syntax tree, as the grammar's actions make them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

#include <limits.h>
#include <string.h>

enum { MAX_DEPTH = 250, MAX_SEGMENTS = 40, MAX_ITEMS = 100000 };

static int deeper(int depth, const Node *child) {
    return child && child->depth > depth ? child->depth : depth;
}

/* Completes a node whose children are set. */
static Node *node_make(Parse *parse, Node node) {
    int depth = deeper(deeper(deeper(0, node.a), node.b), node.c);
    for (int i = 0; i < node.args.count; i++)
        depth = deeper(depth, node.args.at[i].value);
    node.depth = depth + 1;
    if (node.depth > MAX_DEPTH) {
        error_at(parse->diagnostics, node.span, "this expression nests more than %d deep",
                 MAX_DEPTH);
        parse->failed = true;
        parse->skip = -1;
        return node_error(parse, node.span);
    }
    return arena_copy(parse->arena, &node, sizeof node);
}

Node *node_error(Parse *parse, Span span) {
    Node node = {.kind = NODE_ERROR, .span = span, .depth = 1};
    return arena_copy(parse->arena, &node, sizeof node);
}

Node *node_number(Parse *parse, Token number, Token unit) {
    Node node = {.kind = NODE_NUMBER, .span = number.span, .text = number.text};
    if (unit.kind != TOKEN_EOF)
        node.span = span_join(number.span, unit.span);
    if (!rational_parse(number.text, &node.number)) {
        error_at(parse->diagnostics, number.span, "this number has too many digits");
        parse->failed = true;
    } else if (unit.kind != TOKEN_EOF &&
               !unit_apply(parse->diagnostics, unit, &node.number, &node.dimension)) {
        parse->source->slips++;
        return node_error(parse, node.span);
    }
    return node_make(parse, node);
}

static char escaped(char letter) {
    return letter == 'n' ? '\n' : letter == 't' ? '\t' : letter;
}

Node *node_string(Parse *parse, Token string) {
    bool closed = string.text.length >= 2 && string.text.at[string.text.length - 1] == '"';
    Str raw = {string.text.at + 1, string.text.length - (closed ? 2 : 1)};
    char *text = arena_alloc(parse->arena, (size_t)raw.length + 1);
    int length = 0;
    for (int i = 0; i < raw.length; i++) {
        bool escape = raw.at[i] == '\\' && i + 1 < raw.length;
        text[length++] = escape ? escaped(raw.at[++i]) : raw.at[i];
    }
    return node_make(parse,
                     (Node){.kind = NODE_STRING, .span = string.span, .text = {text, length}});
}

Node *node_truth(Parse *parse, Token word) {
    return node_make(parse, (Node){.kind = NODE_TRUTH,
                                   .span = word.span,
                                   .text = word.text,
                                   .number = RATIONAL(word.kind == TOKEN_TRUE)});
}

Node *node_name(Parse *parse, Token name) {
    return node_make(parse, (Node){.kind = NODE_NAME, .span = name.span, .text = name.text});
}

Node *node_list(Parse *parse, Token open, Arguments items, Token close) {
    for (int i = 0; i < items.count; i++)
        if (items.at[i].name.length) {
            error_at(parse->diagnostics, items.at[i].span,
                     "the items of a list have no names; a record `{a: 1}` has");
            parse->failed = true;
        }
    return node_make(
        parse,
        (Node){.kind = NODE_LIST, .span = span_join(open.span, close.span), .args = items});
}

Node *node_record(Parse *parse, Token open, Arguments items, Token close) {
    for (int i = 0; i < items.count; i++)
        if (!items.at[i].name.length) {
            error_at(parse->diagnostics, items.at[i].span,
                     "the items of a record have names: `{a: 1}`");
            parse->failed = true;
        }
    return node_make(
        parse,
        (Node){.kind = NODE_RECORD, .span = span_join(open.span, close.span), .args = items});
}

Node *node_range(Parse *parse, Node *first, Node *last, Node *step) {
    Span span = span_join(first->span, step ? step->span : last->span);
    return node_make(
        parse, (Node){.kind = NODE_RANGE, .span = span, .a = first, .b = last, .c = step});
}

Node *node_unary(Parse *parse, NodeKind kind, Token sign, Node *a) {
    return node_make(parse,
                     (Node){.kind = kind, .span = span_join(sign.span, a->span), .a = a});
}

Node *node_binary(Parse *parse, Node *a, Token op, Node *b) {
    return node_make(parse, (Node){.kind = NODE_BINARY,
                                   .op = op.kind,
                                   .text = op.text,
                                   .span = span_join(a->span, b->span),
                                   .a = a,
                                   .b = b});
}

Node *node_if(Parse *parse, Token word, Node *a, Node *b, Node *c) {
    return node_make(
        parse,
        (Node){.kind = NODE_IF, .span = span_join(word.span, c->span), .a = a, .b = b, .c = c});
}

Node *node_call(Parse *parse, Node *callee, Arguments args, Token close) {
    return node_make(parse, (Node){.kind = NODE_CALL,
                                   .span = span_join(callee->span, close.span),
                                   .a = callee,
                                   .args = args});
}

/* x |> f(a) is f(x, a); x |> f is f(x). */
Node *node_pipe(Parse *parse, Node *first, Node *call) {
    Node piped = *call;
    Arguments args = {0};
    if (call->kind == NODE_NAME || call->kind == NODE_INDEX || call->kind == NODE_FIELD) {
        piped = (Node){.kind = NODE_CALL, .span = call->span, .a = call};
    } else if (call->kind == NODE_ERROR || first->kind == NODE_ERROR) {
        return node_error(parse, call->span);
    } else if (call->kind != NODE_CALL) {
        error_at(parse->diagnostics, call->span,
                 "what stands after `|>` is a call: `x |> f(...)`");
        parse->failed = true;
        return node_error(parse, call->span);
    }
    vec_push(parse->arena, &args, argument_of((Token){0}, first));
    for (int i = 0; i < piped.args.count; i++)
        vec_push(parse->arena, &args, piped.args.at[i]);
    piped.args = args;
    piped.piped = true;
    return node_make(parse, piped);
}

Node *node_index(Parse *parse, Node *a, Node *b, Token close) {
    return node_make(
        parse,
        (Node){.kind = NODE_INDEX, .span = span_join(a->span, close.span), .a = a, .b = b});
}

Node *node_field(Parse *parse, Node *a, Token name) {
    return node_make(parse, (Node){.kind = NODE_FIELD,
                                   .span = span_join(a->span, name.span),
                                   .text = name.text,
                                   .a = a});
}

Node *node_label(Parse *parse, Node *a, Token name) {
    return node_make(parse, (Node){.kind = NODE_LABEL,
                                   .span = span_join(a->span, name.span),
                                   .text = name.text,
                                   .a = a});
}

Node *node_share(Parse *parse, Node *a, Node *b) {
    return node_make(
        parse, (Node){.kind = NODE_SHARE, .span = span_join(a->span, b->span), .a = a, .b = b});
}

/* Where a span stands, as `12:5`: what tells apart declarations that have no name. They come in
 * order, so lines are counted on from the last. */
static Str place_print(Parse *parse, Span span) {
    const Lexer *lexer = &parse->layout.lexer;
    uint32_t end = span.start - lexer->base;
    if (parse->placed > end)
        parse->placed = parse->line_start = (uint32_t)(parse->line = 0);
    for (; parse->placed < end; parse->placed++)
        if (lexer->begin[parse->placed] == '\n') {
            parse->line++;
            parse->line_start = parse->placed + 1;
        }
    return str_format(parse->arena, "%d:%d", parse->line + 1,
                      (int)(end - parse->line_start) + 1);
}

static Node *derived_name(Parse *parse, Node *base, Entries entries) {
    static const Str device = {"device", 6};
    Str place = place_print(parse, base->span);
    Str name = str_format(parse->arena, "%.*s at %.*s", STR_ARG(base->text), STR_ARG(place));
    item_add(parse, (Item){.kind = ITEM_DECL,
                           .name = name,
                           .span = base->span,
                           .word = device,
                           .word_span = base->span,
                           .base = base->text,
                           .base_span = base->span,
                           .derived = true,
                           .entries = entries});
    return node_make(parse, (Node){.kind = NODE_NAME, .span = base->span, .text = name});
}

Node *node_derived(Parse *parse, Node *a, Entries entries, Token close) {
    Span span = span_join(a->span, close.span);
    if (a->kind == NODE_NAME)
        return derived_name(parse, a, entries);
    if (a->kind == NODE_SHARE && a->b->kind == NODE_NAME)
        return node_make(parse, (Node){.kind = NODE_SHARE,
                                       .span = span,
                                       .a = a->a,
                                       .b = derived_name(parse, a->b, entries)});
    if (a->kind == NODE_ERROR)
        return a;
    error_at(parse->diagnostics, a->span,
             "keys in braces change a device: `cortex_m4 { ram: 16 KiB }`");
    parse->failed = true;
    return node_error(parse, span);
}

Entry entry_of_head(Parse *parse, Token word, Token name) {
    Entry entry = {.key = word.text, .span = name.span};
    vec_push(parse->arena, &entry.values, argument_of((Token){0}, node_name(parse, name)));
    return entry;
}

Entries entries_joined(Parse *parse, Token word, Entries heads, Entries entries) {
    int kind = decl_kind_of(word.text);
    for (int i = 0; i < heads.count && kind >= 0; i++) {
        Entry entry = heads.at[i];
        bool of = str_equal(entry.key, STR("of"));
        const char *key = of ? kind_facts[kind].of : kind_facts[kind].over;
        if (!*key) {
            error_at(parse->diagnostics, entry.span,
                     "a `%.*s` has no `%.*s`; what it inherits from stands after a colon: "
                     "`%.*s NAME : BASE`",
                     STR_ARG(word.text), STR_ARG(entry.key), STR_ARG(word.text));
            parse->failed = true;
            continue;
        }
        entry.key = str_of(key);
        vec_push(parse->arena, &entries, entry);
    }
    return entries;
}

Node *node_axis(Parse *parse, Token name, Node *a) {
    return node_make(parse, (Node){.kind = NODE_AXIS,
                                   .span = span_join(name.span, a->span),
                                   .text = name.text,
                                   .a = a});
}

/* name in [a, b]: initial */
Parameter parameter_in(Parse *parse, Token name, Arguments words, Node *initial) {
    Parameter parameter = {name.text, name.span, initial, {.of = name.text}};
    parameter.words.at = arena_array(parse->arena, Str, words.count + 1);
    for (int i = 0; i < words.count; i++) {
        const Node *word = words.at[i].value;
        bool right = word->kind == NODE_NAME && !words.at[i].name.length;
        parse->failed |= !right;
        if (!right)
            error_at(parse->diagnostics, word->span,
                     "a parameter lists words: `%.*s in [max, average]`", STR_ARG(name.text));
        else
            parameter.words.at[parameter.words.count++] = word->text;
    }
    return parameter;
}

Argument argument_of(Token name, Node *value) {
    Span span = name.kind == TOKEN_EOF ? value->span : name.span;
    return (Argument){name.text, span, value};
}

Statement statement_of(StatementKind kind, Token word, Token name, Node *a, Node *b) {
    return (Statement){.kind = kind,
                       .span = span_join(word.span, a->span),
                       .name = name.text,
                       .name_span = name.span,
                       .a = a,
                       .b = b};
}

Statement statement_with(Statement statement, Body body) {
    statement.body = body;
    return statement;
}

Selector selector_with(Parse *parse, Selector selector, Token name, Token index) {
    Segment segment = {name.text, -1};
    Span end = name.span;
    Rational number;
    if (index.kind == TOKEN_STAR)
        segment.index = -2;
    else if (index.kind == TOKEN_NUMBER)
        segment.index =
            rational_parse(index.text, &number) && number.d == 1 && number.n < INT_MAX
                ? (int)number.n
                : INT_MAX;
    if (selector.segments.count == MAX_SEGMENTS) {
        error_at(parse->diagnostics, name.span, "a selector has at most %d parts",
                 MAX_SEGMENTS);
        parse->failed = true;
        parse->skip = -1;
        return selector;
    }
    if (index.kind != TOKEN_EOF)
        end = (Span){index.span.start, index.span.length + 1};
    selector.span = span_join(selector.span, span_join(name.span, end));
    vec_push(parse->arena, &selector.segments, segment);
    return selector;
}

void item_add(Parse *parse, Item item) {
    if (parse->source->items.count == MAX_ITEMS) {
        error_at(parse->diagnostics, item.span, "a file has at most %d declarations",
                 MAX_ITEMS);
        parse->skip = -1;
    }
    item.source = parse->source;
    Item *kept = arena_copy(parse->arena, &item, sizeof item);
    vec_push(parse->arena, &parse->source->items, kept);
}

void import_add(Parse *parse, Token word, Token last, bool quoted) {
    const char *end = last.text.at + last.text.length;
    Span from = {word.span.start + word.span.length, 0};
    Import import = {.quoted = quoted, .span = last.span};
    if (quoted) {
        import.path = node_string(parse, last)->text;
    } else {
        const char *at = word.text.at + word.text.length;
        while (*at == ' ' || *at == '\t')
            at++, from.start++;
        import.path = (Str){at, (int)(end - at)};
        import.span = span_join(from, last.span);
    }
    vec_push(parse->arena, &parse->source->imports, import);
}

void edition_check(Parse *parse, Token word, Token number) {
    if (!str_equal(number.text, STR("1")))
        error_at(parse->diagnostics, span_join(word.span, number.span),
                 "this nasc reads edition 1 of the language; the file is of edition %.*s",
                 STR_ARG(number.text));
}
