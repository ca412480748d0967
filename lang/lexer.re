/* lexer.re: text -> tokens. A token is a slice; the lexer never fails and always advances.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

#include <string.h>

const TokenFacts token_facts[TOKEN_COUNT] = {
    {"the end of the file", OTHER},
#define TOKEN(NAME, shown, class) {shown, class},
#include "lang/tokens.def"
#undef TOKEN
};

enum { MAX_NAME = 64 };

static Token token(const Lexer *lexer, TokenKind kind, const char *from) {
    Span span = {lexer->base + (uint32_t)(from - lexer->begin), (uint32_t)(lexer->at - from)};
    return (Token){kind, span, {from, (int)(lexer->at - from)}};
}

static void complain(Lexer *lexer, const char *from, const char *what) {
    Span span = token(lexer, TOKEN_EOF, from).span;
    error_at(lexer->diagnostics, span, "%s", what);
    lexer->complained = span.start;
}

/* Leaves the cursor behind the comment's end, or at the end of the text. */
static void skip_comment(Lexer *lexer, const char *from) {
    while (lexer->at < lexer->limit) {
        if (lexer->at[0] == '*' && lexer->at[1] == '/') {
            lexer->at += 2;
            return;
        }
        lexer->at++;
    }
    lexer->at = from + 2;
    complain(lexer, from, "this comment has no end: `*/` is missing");
    lexer->at = lexer->limit;
}

/* A run of bytes that begin no token is one mistake. */
static void skip_foreign(Lexer *lexer, const char *from) {
    const char *what = "this character means nothing here";
    if (*from == '\'')
        what = "strings stand in double quotes";
    else if (*from == '#')
        what = "comments begin with `//`";
    else if (*from == '&' || *from == '|')
        what = "write `and` for both, `or` for either, `|>` to pass on";
    else
        while (lexer->at < lexer->limit && (unsigned char)*lexer->at >= 0x80)
            lexer->at++;
    complain(lexer, from, what);
    if (*from == '#' || *from == '\'')
        while (lexer->at < lexer->limit && *lexer->at != '\n')
            lexer->at++;
}

Token lexer_next(Lexer *lexer) {
    const char *from, *YYMARKER;
    for (;;) {
        from = lexer->at;
#define IS(kind) return token(lexer, TOKEN_##kind, from)
        /*!re2c
        re2c:define:YYCTYPE = "unsigned char";
        re2c:define:YYCURSOR = lexer->at;
        re2c:yyfill:enable = 0;

        digits = [0-9]+;
        name = [A-Za-z_][A-Za-z_0-9]*;

        [ \t\r]+ { continue; }
        "\n" { IS(NEWLINE); }
        "//" [^\n\x00]* { continue; }
        "/*" { skip_comment(lexer, from); continue; }
        digits ("." digits)? ([eE] [+-]? digits)? { IS(NUMBER); }
        "and" { IS(AND); }
        "or" { IS(OR); }
        "not" { IS(NOT); }
        "implies" { IS(IMPLIES); }
        "if" { IS(IF); }
        "true" { IS(TRUE); }
        "false" { IS(FALSE); }
        "let" { IS(LET); }
        "return" { IS(RETURN); }
        "repeat" { IS(REPEAT); }
        "for" { IS(FOR); }
        "then" { IS(THEN); }
        "else" { IS(ELSE); }
        "in" { IS(IN); }
        "as" { IS(AS); }
        "of" { IS(OF); }
        "step" { IS(STEP); }
        "named" { IS(NAMED); }
        "require" { IS(REQUIRE); }
        "forbid" { IS(FORBID); }
        "legal" { IS(LEGAL); }
        "nas" { IS(NAS); }
        "use" { IS(USE); }
        "block" { IS(BLOCK); }
        "network" { IS(NETWORK); }
        "precision" { IS(PRECISION); }
        "over" { IS(OVER); }
        "at" { IS(AT); }
        name {
            if (lexer->at - from > MAX_NAME) {
                complain(lexer, from, "a name has at most 64 characters");
                continue;
            }
            IS(NAME);
        }
        ["] ([^"\\\n\x00] | "\\" [^\n\x00])* ["] { IS(STRING); }
        ["] ([^"\\\n\x00] | "\\" [^\n\x00])* {
            complain(lexer, from, "this string has no end: `\"` is missing");
            IS(STRING);
        }
        "(" { IS(LPAREN); }
        ")" { IS(RPAREN); }
        "[" { IS(LBRACKET); }
        "]" { IS(RBRACKET); }
        "{" { IS(LBRACE); }
        "}" { IS(RBRACE); }
        "," { IS(COMMA); }
        ":" { IS(COLON); }
        ";" { IS(SEMICOLON); }
        "=" { IS(ASSIGN); }
        "->" { IS(ARROW); }
        "|>" { IS(PIPE); }
        ".." { IS(DOTDOT); }
        "." { IS(DOT); }
        "==" { IS(EQUAL); }
        "!=" { IS(UNEQUAL); }
        "<" { IS(LESS); }
        "<=" { IS(LESS_EQUAL); }
        ">" { IS(GREATER); }
        ">=" { IS(GREATER_EQUAL); }
        "+" { IS(PLUS); }
        "-" { IS(MINUS); }
        "*" { IS(STAR); }
        "/" { IS(SLASH); }
        "%" { IS(PERCENT); }
        "&&" { IS(AND); }
        "||" { IS(OR); }
        "!" { IS(NOT); }
        "\x00" {
            if (from < lexer->limit) {
                complain(lexer, from, "a text has no zero bytes");
                continue;
            }
            lexer->at = from;
            IS(EOF);
        }
        * { skip_foreign(lexer, from); continue; }
        */
    }
}
