/* pieces.c: cuts a text into its tokens and comments, and says between which of them a blank
 * stands. Works on tokens, not on the tree: what the grammar learns needs no word here.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/format.h"

#include <string.h>

typedef VEC(Piece) List;
typedef struct Cutter {
    Arena *arena;
    List list;
    VEC(int) open; /* indices of brackets not closed yet */
    bool uses;     /* in a `use`: its path is one word */
} Cutter;

/* ---- widths ------------------------------------------------------------------------------ */

int text_width(Str text) {
    int width = 0;
    for (int i = 0; i < text.length; i++)
        width = text.at[i] == '\n' ? 0 : width + ((text.at[i] & 0xc0) != 0x80);
    return width;
}

static bool has_newline(Str text) {
    return text.length && memchr(text.at, '\n', (size_t)text.length);
}

/* ---- which tokens stand close ------------------------------------------------------------ */

static bool is_comment(const Piece *piece) {
    return piece->kind == PIECE_COMMENT;
}

static TokenClass class_of(const Piece *piece) {
    return piece->kind < TOKEN_COUNT ? token_facts[piece->kind].class : OTHER;
}

/* Words after which an operand comes, wherever they are words. */
static bool awaits_operand(int kind) {
    return kind == TOKEN_THEN || kind == TOKEN_ELSE || kind == TOKEN_IN || kind == TOKEN_OF ||
           kind == TOKEN_STEP;
}

static bool ends_operand(const Piece *piece) {
    switch (piece->kind) {
    case TOKEN_NAME:
    case TOKEN_NUMBER:
    case TOKEN_UNIT:
    case TOKEN_PERCENT:
    case TOKEN_STRING:
    case TOKEN_RPAREN:
    case TOKEN_RBRACKET:
    case TOKEN_RBRACE:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        return true;
    default:
        return class_of(piece) == WORD && !awaits_operand(piece->kind);
    }
}

static bool close_after(const Piece *piece) {
    switch (piece->kind) {
    case TOKEN_LPAREN:
    case TOKEN_LBRACKET:
    case TOKEN_DOT:
    case TOKEN_DOTDOT:
        return true;
    case TOKEN_LBRACE:
        return !piece->body;
    case TOKEN_NOT:
        return piece->text.at[0] == '!';
    default:
        return piece->unary;
    }
}

static bool close_before(const Cutter *cutter, const Piece *piece) {
    switch (piece->kind) {
    case TOKEN_RPAREN:
    case TOKEN_RBRACKET:
    case TOKEN_COMMA:
    case TOKEN_DOT:
    case TOKEN_DOTDOT:
    case TOKEN_END:
        return true;
    case TOKEN_RBRACE:
        return !piece->body;
    case TOKEN_COLON: /* but `search a : b` */
        return cutter->open.count > 0;
    default:
        return false;
    }
}

static bool begins_entry(const Cutter *cutter, const Piece *piece) {
    while (--piece >= cutter->list.at)
        if (!is_comment(piece))
            return piece->kind == TOKEN_END || (piece->kind == TOKEN_LBRACE && piece->body);
    return true;
}

/* Whether the bracket calls or indexes what stands before it. A word may be a name too: then
 * the text says which is meant. */
static bool applies(const Cutter *cutter, const Piece *last, bool was_spaced) {
    if (class_of(last) == WORD)
        return !awaits_operand(last->kind) && !was_spaced && !begins_entry(cutter, last);
    return last->kind == TOKEN_NAME || last->kind == TOKEN_RPAREN ||
           last->kind == TOKEN_RBRACKET;
}

static bool is_spaced(const Cutter *cutter, const Piece *last, const Piece *piece,
                      bool was_spaced) {
    if (close_after(last) || close_before(cutter, piece))
        return false;
    if (is_comment(last) || is_comment(piece))
        return true;
    if (piece->kind == TOKEN_LPAREN || piece->kind == TOKEN_LBRACKET)
        return !applies(cutter, last, was_spaced);
    if (piece->kind == TOKEN_RBRACE)
        return last->kind != TOKEN_LBRACE;
    return !(cutter->uses && (piece->kind == TOKEN_SLASH || last->kind == TOKEN_SLASH));
}

/* ---- cutting ----------------------------------------------------------------------------- */

static const Piece *last_token(const Cutter *cutter) {
    for (int i = cutter->list.count - 1; i >= 0; i--)
        if (!is_comment(&cutter->list.at[i]))
            return &cutter->list.at[i];
    return NULL;
}

static bool holds_entries(const Piece *last) {
    return last && (ends_operand(last) || last->kind == TOKEN_STAR);
}

static void link_bracket(Cutter *cutter, Piece *piece) {
    int here = cutter->list.count;
    switch (piece->kind) {
    case TOKEN_LPAREN:
    case TOKEN_LBRACKET:
    case TOKEN_LBRACE:
        piece->body = piece->kind == TOKEN_LBRACE && holds_entries(last_token(cutter));
        vec_push(cutter->arena, &cutter->open, here);
        return;
    case TOKEN_RPAREN:
    case TOKEN_RBRACKET:
    case TOKEN_RBRACE:
        piece->partner = cutter->open.at[--cutter->open.count];
        piece->body = cutter->list.at[piece->partner].body;
        cutter->list.at[piece->partner].partner = here;
        return;
    default:
        return;
    }
}

/* `-` where no operand ends. After a word that may be a name the text decides. */
static bool is_unary(const Cutter *cutter, int kind, const char *after) {
    const Piece *last = last_token(cutter);
    if (kind != TOKEN_MINUS)
        return false;
    if (last && class_of(last) == WORD)
        return *after != ' ';
    return !last || !ends_operand(last);
}

static void push(Cutter *cutter, Piece piece, bool was_spaced) {
    const Piece *last = cutter->list.count ? &cutter->list.at[cutter->list.count - 1] : NULL;
    link_bracket(cutter, &piece);
    piece.spaced = last && is_spaced(cutter, last, &piece, was_spaced);
    bool alone = is_comment(&piece) && (piece.to_end || has_newline(piece.text));
    piece.torn = (last ? last->torn : 0) + (piece.breaks > 0 || alone);
    bool follows = last && !is_comment(&piece) && piece.kind != TOKEN_RBRACE &&
                   last_token(cutter) && last_token(cutter)->kind == TOKEN_END;
    piece.end = (last ? last->end : 0) + follows + piece.spaced + text_width(piece.text);
    vec_push(cutter->arena, &cutter->list, piece);
}

/* The end of an entry is a `;` where others follow on its line. A record has none. */
static void push_end(Cutter *cutter) {
    int open = cutter->open.count ? cutter->open.at[cutter->open.count - 1] : -1;
    cutter->uses = false;
    if (open < 0 || cutter->list.at[open].body)
        push(cutter, (Piece){.kind = TOKEN_END, .partner = -1}, false);
}

/* Blanks at the ends of lines say nothing. */
static Str without_blanks(Arena *arena, Str text) {
    char *out = arena_alloc(arena, (size_t)text.length + 1);
    int length = 0;
    for (int i = 0; i < text.length; i++) {
        while (text.at[i] == '\n' && length && strchr(" \t\r", out[length - 1]))
            length--;
        out[length++] = text.at[i];
    }
    while (length && strchr(" \t\r", out[length - 1]))
        length--;
    return (Str){out, length};
}

static Str comment_at(const char *at, const char *stop) {
    const char *end = at + 2;
    if (at[1] == '/')
        while (end < stop && *end != '\n')
            end++;
    else
        while (end < stop && (end < at + 4 || end[-1] != '/' || end[-2] != '*'))
            end++;
    return (Str){at, (int)(end - at)};
}

/* What stands between two tokens: blanks, newlines, `;` and comments. Returns the newlines
 * after the last comment. */
static int push_comments(Cutter *cutter, const char *at, const char *stop) {
    int breaks = 0;
    while (at < stop) {
        if (*at != '/') {
            breaks += *at++ == '\n';
            continue;
        }
        Str text = comment_at(at, stop);
        Piece piece = {PIECE_COMMENT, without_blanks(cutter->arena, text), .breaks = breaks,
                       .partner = -1, .to_end = at[1] == '/'};
        push(cutter, piece, true);
        breaks = 0;
        at += text.length;
    }
    return breaks;
}

static Layout layout_of(Arena *arena, Str text) {
    Layout layout;
    Lexer lexer = {diagnostics_new(arena), text.at, text.at, text.at + text.length, 1, 0};
    layout_begin(&layout, arena, lexer);
    return layout;
}

Pieces pieces_read(Arena *arena, Str text) {
    Cutter cutter = {.arena = arena};
    Layout layout = layout_of(arena, text);
    const char *at = text.at;
    for (;;) {
        Token token = layout_next(&layout);
        if (token.kind == TOKEN_END) {
            push_end(&cutter);
            continue;
        }
        const char *begin = token.kind == TOKEN_EOF ? text.at + text.length : token.text.at;
        int breaks = push_comments(&cutter, at, begin);
        if (token.kind == TOKEN_EOF)
            return (Pieces){cutter.list.at, cutter.list.count};
        cutter.uses |= token.kind == TOKEN_USE && !cutter.open.count &&
                       (!last_token(&cutter) || last_token(&cutter)->kind == TOKEN_END);
        at = begin + token.text.length;
        Piece piece = {(int)token.kind, token.text, .breaks = breaks, .partner = -1,
                       .unary = is_unary(&cutter, (int)token.kind, at)};
        push(&cutter, piece, begin > text.at && strchr(" \t\n/", begin[-1]));
    }
}

bool tokens_equal(Arena *arena, Str a, Str b) {
    Layout first = layout_of(arena, a), second = layout_of(arena, b);
    for (;;) {
        Token x = layout_next(&first), y = layout_next(&second);
        if (x.kind != y.kind || !str_equal(x.text, y.text))
            return false;
        if (x.kind == TOKEN_EOF)
            return true;
    }
}
