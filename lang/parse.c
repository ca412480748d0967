/* parse.c: drives the lexer and the parser, and says what is wrong with the grammar of a file.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

void *parserAlloc(void *(*allocate)(size_t), Parse *parse);
void parser(void *lemon, int kind, Token token);
void parserFree(void *lemon, void (*release)(void *));
bool parser_accepts(const void *lemon, int kind);

/* Where an expression may begin or go on, not every token that may do so is named. */
static void list_expected(Text *text, const bool *expected) {
    const char *items[TOKEN_COUNT + 1];
    int count = 0;
    bool begins = expected[TOKEN_NAME] && expected[TOKEN_NUMBER];
    bool goes_on = expected[TOKEN_PLUS] && expected[TOKEN_STAR];
    if (begins)
        items[count++] = "an expression";
    for (int t = 0; t < TOKEN_COUNT; t++) {
        TokenClass class = token_facts[t].class;
        bool implied = class == JOINS || (t == TOKEN_ASSIGN && expected[TOKEN_COLON]) ||
                       ((begins || goes_on) && class == STARTS) ||
                       (class == WORD && (expected[TOKEN_NAME] || expected[TOKEN_END] ||
                                          t == TOKEN_NAMED || t == TOKEN_OF));
        if (expected[t] && !implied)
            items[count++] = token_facts[t].shown;
    }
    for (int t = 0; t < TOKEN_COUNT && !count; t++) /* words alone, then */
        if (expected[t])
            items[count++] = token_facts[t].shown;
    for (int i = 0; i < count; i++)
        text_add(text, "%s%s", i == 0 ? "" : i < count - 1 ? ", " : " or ", items[i]);
}

/* The round or square bracket that is open where the token was found; NULL: none is. */
static const Token *open_bracket(const Parse *parse, Token found) {
    int open = parse->layout.open.count - (found.kind == TOKEN_LBRACE); /* itself is the last */
    const Token *last = open > 0 ? &parse->layout.open.at[open - 1] : NULL;
    bool round = last && (last->kind == TOKEN_LPAREN || last->kind == TOKEN_LBRACKET);
    return round && (found.kind == TOKEN_END || found.kind == TOKEN_LBRACE) ? last : NULL;
}

/* Whether the name before the token follows a comma on its line. */
static bool follows_comma(const Parse *parse, Token found) {
    const char *at = found.text.at, *begin = parse->layout.lexer.begin;
    while (at > begin && (at[-1] == ' ' || at[-1] == '_' || (at[-1] >= 'a' && at[-1] <= 'z')))
        at--;
    return at > begin && at[-1] == ',';
}

/* What people coming from other languages write, and what is meant. */
static const char *hint_for(const Parse *parse, Token found, const bool *expected) {
    if (found.kind == TOKEN_ASSIGN && expected[TOKEN_EQUAL])
        return "; `==` compares";
    if (found.kind == TOKEN_COLON && expected[TOKEN_END] && expected[TOKEN_COMMA])
        return follows_comma(parse, found)
                   ? "; a new line or `;` ends an entry, a comma continues its list"
                   : "; a comma at the end of the line before continues its list";
    if (found.kind >= TOKEN_EQUAL && found.kind <= TOKEN_GREATER_EQUAL && expected[TOKEN_AND])
        return "; comparisons do not chain: write two";
    if (open_bracket(parse, found))
        return "; a bracket is not closed";
    if (found.kind == TOKEN_IF && expected[TOKEN_REPEAT])
        return "; `if` chooses a value: `x = if c then a else b`";
    if (found.kind == TOKEN_PIPE && expected[TOKEN_ASSIGN])
        return "; `x = x |> f` binds the result, and `return x |> f` gives it back";
    if (found.kind == TOKEN_LPAREN && parse->depth == 0 && expected[TOKEN_LBRACE])
        return "; what takes arguments is declared by `block name(x) { ... }`";
    return "";
}

/* Tokens are dropped up to the END of the statement that the mistake is in: braces that it
 * opens are skipped with it. Bytes that mean nothing have been reported; what they break is
 * no news. */
static void syntax_error(Parse *parse, const void *lemon, Token found) {
    bool expected[TOKEN_COUNT];
    for (int t = 0; t < TOKEN_COUNT; t++)
        expected[t] = parser_accepts(lemon, t);
    Text text = text_new(parse->arena);
    list_expected(&text, expected);
    const char *hint = hint_for(parse, found, expected);
    bool named = found.kind == TOKEN_NAME || token_facts[found.kind].class == WORD;
    uint32_t complained = parse->layout.lexer.complained;
    bool explained = complained && complained >= parse->begin;
    if (!explained && named)
        error_at(parse->diagnostics, found.span, "expected %s, found `%.*s`%s", text.at,
                 STR_ARG(found.text), hint);
    else if (!explained)
        error_at(parse->diagnostics, found.span, "expected %s, found %s%s", text.at,
                 token_facts[found.kind].shown, hint);
    const Token *open = open_bracket(parse, found);
    if (!explained && open)
        note_at(parse->diagnostics, open->span, "it is opened here");
    parse->failed = true;
    layout_forgive(&parse->layout);
    if (found.kind != TOKEN_END && found.kind != TOKEN_EOF)
        parse->skip = parse->depth + 1;
}

void syntax_overflow(Parse *parse) {
    error_at(parse->diagnostics, parse->layout.last.span, "brackets nest too deeply here");
    parse->failed = true;
    parse->skip = -1;
}

/* Where the statement that comes next begins. */
static void note_depth(Parse *parse, Token token) {
    if (token.kind == TOKEN_END || token.kind == TOKEN_LBRACE || token.kind == TOKEN_RBRACE)
        parse->depth = layout_depth(&parse->layout);
    if (token.kind == TOKEN_END)
        parse->begin = token.span.start;
}

static bool skips(Parse *parse, Token token) {
    if (parse->skip < 0)
        return true;
    if (!parse->skip || token.kind == TOKEN_EOF)
        return false;
    if (token.kind == TOKEN_END && layout_depth(&parse->layout) < parse->skip)
        parse->skip = 0;
    return parse->skip > 0;
}

enum { MAX_REPORTED = 100 };

static void feed_all(Parse *parse, void *lemon) {
    Token token;
    do {
        token = layout_next(&parse->layout);
        if (skips(parse, token))
            continue;
        if (token.kind == TOKEN_END)
            note_depth(parse, token);
        if (!parser_accepts(lemon, (int)token.kind))
            syntax_error(parse, lemon, token);
        parser(lemon, (int)token.kind, token);
        note_depth(parse, token);
        if (error_count(parse->diagnostics) > MAX_REPORTED)
            parse->skip = -1;
    } while (token.kind != TOKEN_EOF && parse->skip >= 0);
}

static bool run(Parse *parse) {
    Source *source = parse->source;
    int before = error_count(parse->diagnostics);
    uint32_t base = source_add(parse->diagnostics, source->name, source->text);
    const char *text = source->text.at;
    Lexer lexer = {parse->diagnostics, text, text, text + source->text.length, base, 0};
    source->base = base;
    void *lemon = parserAlloc(memory_new, parse);
    layout_begin(&parse->layout, parse->arena, lexer);
    feed_all(parse, lemon);
    parserFree(lemon, memory_free);
    return !parse->failed &&
           error_count(parse->diagnostics) == before + parse->source->slips;
}

bool source_parse(Arena *arena, Diagnostics *diagnostics, Source *source) {
    Parse parse = {.arena = arena, .diagnostics = diagnostics, .source = source};
    return run(&parse);
}
