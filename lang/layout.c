/* layout.c: where entries end. Newlines of the lexer become END tokens where an entry can end,
 * a name after a number becomes a unit, and brackets are watched, so that a forgotten one costs
 * one message.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

#include <string.h>

static void read_ahead(Layout *layout) {
    layout->broken = false;
    for (;;) {
        layout->ahead = lexer_next(&layout->lexer);
        if (layout->ahead.kind != TOKEN_NEWLINE)
            return;
        layout->broken = true;
    }
}

void layout_begin(Layout *layout, Arena *arena, Lexer lexer) {
    *layout = (Layout){.arena = arena, .lexer = lexer};
    layout->last.kind = TOKEN_END;
    read_ahead(layout);
}

static TokenKind innermost(const Layout *layout) {
    return layout->open.count ? layout->open.at[layout->open.count - 1].kind : TOKEN_EOF;
}

int layout_depth(const Layout *layout) {
    return layout->braces;
}

static void bracket_open(Layout *layout, Token token) {
    vec_push(layout->arena, &layout->open, token);
    layout->braces += token.kind == TOKEN_LBRACE;
}

static Token bracket_close(Layout *layout) {
    Token token = layout->open.at[--layout->open.count];
    layout->braces -= token.kind == TOKEN_LBRACE;
    return token;
}

/* Whether the text after the token ahead begins with `sign`, blanks aside. */
static bool followed_by(const Layout *layout, const char *sign) {
    const char *at = layout->lexer.at;
    while (*at == ' ' || *at == '\t')
        at++;
    return strncmp(at, sign, strlen(sign)) == 0;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool followed_by_name(const Layout *layout) {
    const char *at = layout->lexer.at;
    if (*at != ' ')
        return false;
    while (*at == ' ')
        at++;
    return is_letter(*at);
}

/* `let`, `return`, ... and `name =` at the start of a line begin a statement whatever stands
 * before, so an unclosed bracket ends here at the latest. But where none is open, a comma before
 * `name =` continues the properties of a rule. */
static bool begins_statement(const Layout *layout) {
    switch (layout->ahead.kind) {
    case TOKEN_LET:
    case TOKEN_RETURN:
    case TOKEN_REPEAT:
    case TOKEN_FOR:
        return true;
    case TOKEN_NAME:
        return followed_by(layout, "=") && !followed_by(layout, "==") &&
               !(layout->last.kind == TOKEN_COMMA && innermost(layout) == TOKEN_LBRACE);
    default:
        return false;
    }
}

/* A declaration at the very start of a line while braces are open: a `}` was forgotten. */
static bool begins_item(const Layout *layout) {
    const char *at = layout->ahead.text.at;
    bool first = at == layout->lexer.begin || at[-1] == '\n';
    if (!first || !followed_by_name(layout))
        return false;
    switch (layout->ahead.kind) {
    case TOKEN_USE:
    case TOKEN_BLOCK:
    case TOKEN_NETWORK:
    case TOKEN_PRECISION:
        return true;
    default:
        return decl_kind_of(layout->ahead.text) >= 0;
    }
}

/* Whether an entry can end after the token. */
static bool can_end(TokenKind kind) {
    switch (kind) {
    case TOKEN_END:
    case TOKEN_LBRACE:
    case TOKEN_COMMA:
    case TOKEN_COLON:
    case TOKEN_ASSIGN:
    case TOKEN_ARROW:
    case TOKEN_MINUS:
    case TOKEN_NOT:
    case TOKEN_IF:
    case TOKEN_THEN:
    case TOKEN_ELSE:
        return false;
    default:
        return token_facts[kind].class != JOINS || kind == TOKEN_UNIT || kind == TOKEN_PERCENT;
    }
}

static bool continues(TokenKind kind) {
    return kind == TOKEN_PIPE || kind == TOKEN_THEN || kind == TOKEN_ELSE;
}

static Token made_up(Layout *layout, TokenKind kind) {
    Span span = {layout->last.span.start + layout->last.span.length, 0};
    return layout->last = (Token){kind, span, {layout->last.text.at, 0}};
}

static void drop_round(Layout *layout) {
    while (layout->open.count && innermost(layout) != TOKEN_LBRACE)
        bracket_close(layout);
}

/* Whether a `}` was forgotten before the token ahead. */
static bool misses_brace(const Layout *layout) {
    return layout_depth(layout) > 0 &&
           (layout->ahead.kind == TOKEN_EOF || (layout->broken && begins_item(layout)));
}

static bool ends_here(const Layout *layout) {
    if (layout->last.kind == TOKEN_END || layout->last.kind == TOKEN_LBRACE)
        return false;
    TokenKind ahead = layout->ahead.kind;
    if (ahead == TOKEN_EOF || ahead == TOKEN_RBRACE || ahead == TOKEN_SEMICOLON)
        return true;
    if (!layout->broken)
        return false;
    if (begins_statement(layout) || misses_brace(layout))
        return true;
    bool bracketed = innermost(layout) == TOKEN_LPAREN || innermost(layout) == TOKEN_LBRACKET;
    return !bracketed && can_end(layout->last.kind) && !continues(ahead);
}

void layout_forgive(Layout *layout) {
    int kept = 0;
    for (int i = 0; i < layout->open.count; i++)
        if (layout->open.at[i].kind == TOKEN_LBRACE)
            layout->open.at[kept++] = layout->open.at[i];
    layout->open.count = kept;
    layout->quiet = true;
}

static Token close_forgotten(Layout *layout) {
    drop_round(layout);
    Token brace = bracket_close(layout);
    if (!layout->quiet)
        error_at(layout->lexer.diagnostics, brace.span, "this `{` is never closed");
    layout->quiet = true;
    return made_up(layout, TOKEN_RBRACE);
}

static void watch_brackets(Layout *layout, Token token) {
    switch (token.kind) {
    case TOKEN_LPAREN:
    case TOKEN_LBRACKET:
    case TOKEN_LBRACE:
        bracket_open(layout, token);
        break;
    case TOKEN_RBRACE:
        drop_round(layout);
        if (layout->open.count)
            bracket_close(layout);
        break;
    case TOKEN_RPAREN:
    case TOKEN_RBRACKET:
        if (innermost(layout) == (token.kind == TOKEN_RPAREN ? TOKEN_LPAREN : TOKEN_LBRACKET))
            bracket_close(layout);
        break;
    default:
        break;
    }
}

/* A name after a number is its unit, but for words that may stand there; `Mbit/s` is one
 * unit. */
static void take_unit(Layout *layout) {
    if (layout->last.kind != TOKEN_NUMBER || layout->ahead.kind != TOKEN_NAME ||
        layout->broken || followed_by(layout, ":") || followed_by(layout, "="))
        return;
    layout->ahead.kind = TOKEN_UNIT;
    const char *at = layout->lexer.at;
    if (at[0] == '/' && at[1] == 's' && str_ends(layout->ahead.text, STR("bit"))) {
        layout->lexer.at += 2;
        layout->ahead.text.length += 2;
        layout->ahead.span.length += 2;
    }
}

/* `some bits` is one word. */
static void take_words(Layout *layout) {
    static const Str words = {"some bits", 9};
    if (layout->ahead.kind != TOKEN_NAME || !str_equal(layout->ahead.text, STR("some")) ||
        strncmp(layout->ahead.text.at, words.at, (size_t)words.length) != 0 ||
        is_letter(layout->ahead.text.at[words.length]))
        return;
    layout->lexer.at = layout->ahead.text.at + words.length;
    layout->ahead.text.length = words.length;
    layout->ahead.span.length = (uint32_t)words.length;
}

Token layout_next(Layout *layout) {
    if (ends_here(layout)) {
        Token end = made_up(layout, TOKEN_END);
        if (layout->ahead.kind == TOKEN_SEMICOLON)
            read_ahead(layout);
        return end;
    }
    if (layout->ahead.kind == TOKEN_SEMICOLON) {
        read_ahead(layout);
        return layout_next(layout);
    }
    if (misses_brace(layout))
        return close_forgotten(layout);
    take_unit(layout);
    take_words(layout);
    layout->last = layout->ahead;
    watch_brackets(layout, layout->last);
    if (layout->last.kind != TOKEN_EOF)
        read_ahead(layout);
    return layout->last;
}
