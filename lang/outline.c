/* outline.c: the declarations of a text and the names in it, from tokens alone: a text that is
 * being written is seldom right.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/outline.h"

#include <string.h>

enum { MAX_BYTES = 1 << 20, MAX_FILES = 200 };

/* ---- tokens ------------------------------------------------------------------------------ */

typedef struct Reader {
    Arena *arena;
    Outline *outline;
    VEC(Mark) marks;
    VEC(int) open;
    int braces, entry;
} Reader;

bool is_name_mark(const Mark *mark) {
    return mark->kind == TOKEN_NAME || mark->kind == TOKEN_UNIT ||
           (mark->kind < TOKEN_COUNT && token_facts[mark->kind].class == WORD);
}

static bool opens(TokenKind kind) {
    return kind == TOKEN_LPAREN || kind == TOKEN_LBRACKET || kind == TOKEN_LBRACE;
}

static bool closes(TokenKind kind) {
    return kind == TOKEN_RPAREN || kind == TOKEN_RBRACKET || kind == TOKEN_RBRACE;
}

static bool partners(TokenKind open, TokenKind close) {
    return (open == TOKEN_LPAREN && close == TOKEN_RPAREN) ||
           (open == TOKEN_LBRACKET && close == TOKEN_RBRACKET) ||
           (open == TOKEN_LBRACE && close == TOKEN_RBRACE);
}

static void mark_push(Reader *reader, Token token) {
    int here = reader->marks.count, open = reader->open.count;
    if (open && partners(reader->marks.at[reader->open.at[open - 1]].kind, token.kind)) {
        reader->open.count = --open;
        reader->braces -= reader->marks.at[reader->open.at[open]].kind == TOKEN_LBRACE;
    }
    if (reader->entry < 0)
        reader->entry = here;
    Mark mark = {.kind = token.kind,
                 .text = token.text,
                 .at = (int)(token.text.at - reader->outline->text.at),
                 .entry = reader->entry,
                 .opener = open ? reader->open.at[open - 1] : -1,
                 .braces = reader->braces};
    vec_push(reader->arena, &reader->marks, mark);
    if (opens(token.kind))
        vec_push(reader->arena, &reader->open, here);
    reader->braces += token.kind == TOKEN_LBRACE;
    if (token.kind == TOKEN_END || token.kind == TOKEN_LBRACE)
        reader->entry = -1;
}

/* Brackets that a mistake leaves open end with the declaration. */
static void marks_read(Reader *reader) {
    Outline *outline = reader->outline;
    Layout layout;
    Lexer lexer = {diagnostics_new(reader->arena),
                   outline->text.at,
                   outline->text.at,
                   outline->text.at + outline->text.length,
                   1,
                   0};
    layout_begin(&layout, reader->arena, lexer);
    for (;;) {
        Token token = layout_next(&layout);
        while (reader->open.count > layout.open.count + closes(token.kind)) {
            int open = reader->open.at[--reader->open.count];
            reader->braces -= reader->marks.at[open].kind == TOKEN_LBRACE;
        }
        if (token.kind == TOKEN_EOF)
            break;
        mark_push(reader, token);
    }
    outline->marks = reader->marks.at;
    outline->mark_count = reader->marks.count;
}

/* ---- declarations ------------------------------------------------------------------------ */

static Str marks_text(const Outline *outline, int first, int last) {
    const Mark *from = &outline->marks[first], *to = &outline->marks[last];
    return (Str){from->text.at, (int)(to->text.at + to->text.length - from->text.at)};
}

/* `use std/mobile`, `let name =`, `word name ...`; what is none of these declares nothing. */
static void declare(Arena *arena, Outline *outline, int first, int end) {
    const Mark *marks = outline->marks;
    Declared declared = {
        .word = marks[first].text, .word_mark = first, .brace = -1, .end = end};
    int last = end - 1 - (marks[end - 1].kind == TOKEN_END);
    bool named = last > first && is_name_mark(&marks[first + 1]);
    for (int i = first; i <= last && declared.brace < 0; i++)
        if (marks[i].kind == TOKEN_LBRACE && marks[i].braces == 0 && marks[i].opener < 0)
            declared.brace = i;
    declared.name_mark = first + 1;
    if (marks[first].kind == TOKEN_USE && last > first)
        declared.name = marks_text(outline, first + 1, last);
    else if (marks[first].kind == TOKEN_PRECISION && named && marks[first + 1].kind == TOKEN_OF)
        declared.name_mark = first;
    else if (named && (marks[first].kind == TOKEN_LET || is_name_mark(&marks[first])))
        declared.name = marks[first + 1].text;
    else
        return;
    vec_push(arena, &outline->declared, declared);
}

static void declarations_read(Arena *arena, Outline *outline) {
    int first = 0;
    for (int i = 0; i < outline->mark_count; i++) {
        bool ends = outline->marks[i].kind == TOKEN_END && outline->marks[i].braces == 0 &&
                    outline->marks[i].opener < 0;
        if (!ends && i + 1 < outline->mark_count)
            continue;
        if (i > first)
            declare(arena, outline, first, i + 1);
        first = i + 1;
    }
}

static Outline *outline_of(Arena *arena, Str file, Str text) {
    Outline *outline = arena_new_of(arena, Outline);
    outline->file = file;
    outline->text = str_copy(arena, text);
    Reader reader = {.arena = arena, .outline = outline, .entry = -1};
    marks_read(&reader);
    declarations_read(arena, outline);
    return outline;
}

/* ---- what a file uses -------------------------------------------------------------------- */

static bool read_library(Arena *arena, LangOptions options, Str file, Str module, Str *text) {
    const char *why;
    if (options.std_path) {
        Str path = path_join(arena, str_of(options.std_path), file);
        if (file_read(arena, path.at, MAX_BYTES, text, &why))
            return true;
    }
    return library_text(module, text);
}

static const Outline *used(Arena *arena, LangOptions options, const Outline *from, Str path) {
    const char *why;
    Str text, file;
    bool quoted = path.length >= 2 && path.at[0] == '"';
    if (quoted) {
        path = (Str){path.at + 1, path.length - 2};
        file = path_join(arena, path_directory(from->file), path);
        bool open = options.open_text && options.open_text(options.editor, arena, file, &text);
        if (!open && !file_read(arena, str_terminated(arena, file), MAX_BYTES, &text, &why))
            return NULL;
    } else {
        file = str_format(arena, "%.*s.nas", STR_ARG(path));
        if (!read_library(arena, options, file, path, &text))
            return NULL;
    }
    Outline *outline = outline_of(arena, file, text);
    outline->library = !quoted;
    return outline;
}

static bool is_seen(const Outline *outline, Str file) {
    for (int i = 0; i < outline->sees.count; i++)
        if (str_equal(outline->sees.at[i]->file, file))
            return true;
    return false;
}

const Outline *outline_read(Arena *arena, LangOptions options, Str file, Str text) {
    Outline *root = outline_of(arena, file, text);
    vec_push(arena, &root->sees, (const Outline *)root);
    for (int s = 0; s < root->sees.count && s < MAX_FILES; s++) {
        const Outline *from = root->sees.at[s];
        for (int i = 0; i < from->declared.count; i++) {
            if (!str_equal(from->declared.at[i].word, STR("use")))
                continue;
            const Outline *next = used(arena, options, from, from->declared.at[i].name);
            if (next && !is_seen(root, next->file))
                vec_push(arena, &root->sees, next);
        }
    }
    return root;
}

/* ---- places ------------------------------------------------------------------------------ */

int mark_at(const Outline *outline, int at) {
    int low = 0, high = outline->mark_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (outline->marks[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    for (int i = low - 1; i >= 0; i--)
        if (outline->marks[i].text.length)
            return i;
    return -1;
}

const Declared *declared_around(const Outline *outline, int mark) {
    for (int i = outline->declared.count - 1; i >= 0; i--) {
        const Declared *declared = &outline->declared.at[i];
        if (declared->word_mark <= mark && mark < declared->end)
            return declared;
    }
    return NULL;
}

/* ---- names ------------------------------------------------------------------------------- */

static bool is_kind(const Outline *outline, int i, TokenKind kind) {
    return i >= 0 && i < outline->mark_count && outline->marks[i].kind == kind;
}

/* Whether the name at a token is bound there, and how many braces deep it holds; -1: not. */
static int binds(const Outline *outline, const Declared *declared, int i) {
    const Mark *mark = &outline->marks[i];
    if (!is_name_mark(mark))
        return -1;
    bool header = i < declared->brace || declared->brace < 0;
    bool first = is_kind(outline, i - 1, TOKEN_LPAREN) || is_kind(outline, i - 1, TOKEN_COMMA);
    if (header)
        return first && mark->opener >= 0 && outline->marks[mark->opener].opener < 0 &&
                       is_kind(outline, mark->opener, TOKEN_LPAREN)
                   ? 1
                   : -1;
    if (mark->entry == i && is_kind(outline, i + 1, TOKEN_ASSIGN))
        return mark->braces;
    if (is_kind(outline, i - 1, TOKEN_LET) && mark->entry == i - 1)
        return mark->braces;
    if ((is_kind(outline, i - 1, TOKEN_FOR) || is_kind(outline, i - 1, TOKEN_AS)) &&
        mark->opener >= 0 && is_kind(outline, mark->opener, TOKEN_LBRACE))
        return mark->braces + 1;
    return -1;
}

/* Those of a closed body are gone. What an entry binds it does not see itself. */
Locals locals_at(Arena *arena, const Outline *outline, int mark) {
    Locals locals = {0};
    VEC(int) depths = {0};
    const Declared *declared = declared_around(outline, mark);
    for (int i = declared ? declared->word_mark : mark + 1; i <= mark; i++) {
        int depth = binds(outline, declared, i);
        if (outline->marks[i].kind == TOKEN_RBRACE)
            while (depths.count && depths.at[depths.count - 1] > outline->marks[i].braces)
                depths.count--, locals.count--;
        if (depth < 0)
            continue;
        vec_push(arena, &depths, depth);
        vec_push(arena, &locals, ((Local){outline->marks[i].text, i}));
    }
    return locals;
}

const Declared *outline_declared(const Outline *outline, Str name, const Outline **where) {
    for (int s = 0; s < outline->sees.count && name.length; s++) {
        *where = outline->sees.at[s];
        for (int i = 0; i < (*where)->declared.count; i++) {
            const Declared *declared = &(*where)->declared.at[i];
            if (str_equal(declared->name, name) && !str_equal(declared->word, STR("use")))
                return declared;
        }
    }
    return NULL;
}

/* The one of the file first, at whose own name the token may stand. */
static const Declared *declared_here(const Outline *outline, int mark) {
    const Declared *declared = declared_around(outline, mark);
    return declared && declared->name_mark == mark ? declared : NULL;
}

/* The file that a `use` names. */
static bool used_meaning(const Outline *outline, const Declared *declared, Meaning *meaning) {
    Str path = declared->name;
    if (path.length >= 2 && path.at[0] == '"')
        path = (Str){path.at + 1, path.length - 2};
    for (int s = 1; s < outline->sees.count; s++) {
        Str file = outline->sees.at[s]->file;
        Str stem = {file.at, file.length - 4};
        if (!str_ends(file, path) && !str_equal(stem, path))
            continue;
        *meaning = (Meaning){outline->sees.at[s], 0, NULL};
        return true;
    }
    return false;
}

bool outline_meaning(Arena *arena, const Outline *outline, int mark, Meaning *meaning) {
    const Declared *here = declared_here(outline, mark),
                   *around = declared_around(outline, mark);
    if (around && str_equal(around->word, STR("use")) && mark > around->word_mark)
        return used_meaning(outline, around, meaning);
    if (mark < 0 || !is_name_mark(&outline->marks[mark]))
        return false;
    if (here) {
        *meaning = (Meaning){outline, mark, here};
        return true;
    }
    Str name = outline->marks[mark].text;
    Locals locals = locals_at(arena, outline, mark);
    for (int i = locals.count - 1; i >= 0; i--)
        if (str_equal(locals.at[i].name, name)) {
            *meaning = (Meaning){outline, locals.at[i].mark, NULL};
            return true;
        }
    const Outline *where;
    const Declared *declared = outline_declared(outline, name, &where);
    if (declared)
        *meaning = (Meaning){where, declared->name_mark, declared};
    return declared != NULL;
}
