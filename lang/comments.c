/* comments.c: the comments before declarations, which are their documentation.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* The tree holds no comments: they are found again in the text, before the line on which a
 * declaration begins. */

static int line_start(Str text, int at) {
    while (at > 0 && text.at[at - 1] != '\n')
        at--;
    return at;
}

/* The line that begins at `at`, without its newline. */
static Str line_at(Str text, int at) {
    int end = at;
    while (end < text.length && text.at[end] != '\n')
        end++;
    return (Str){text.at + at, end - at};
}

static Str trimmed(Str line) {
    while (line.length && (line.at[0] == ' ' || line.at[0] == '\t')) {
        line.at++;
        line.length--;
    }
    while (line.length && (line.at[line.length - 1] == ' ' || line.at[line.length - 1] == '\r'))
        line.length--;
    return line;
}

static bool is_comment(Str line) {
    return str_starts(line, STR("//"));
}

/* Rules such as `// ---- MobileNets ----` divide a file; they document nothing. */
static bool is_divider(Str line) {
    return str_starts(line, STR("// ----"));
}

static bool is_legal_line(Str line) {
    return str_starts(line, STR("// Copyright")) || str_starts(line, STR("// SPDX"));
}

/* The lines from `from` to `to` without their slashes and the one space after them. */
static Str stripped(Arena *arena, Str text, int from, int to) {
    Text out = text_new(arena);
    while (from < to) {
        Str line = line_at(text, from);
        from += line.length + 1;
        if (is_divider(line) || is_legal_line(line))
            continue;
        int skip = line.length > 2 && line.at[2] == ' ' ? 3 : 2;
        text_add(&out, "%.*s\n", line.length - skip, line.at + skip);
    }
    while (out.length && out.at[out.length - 1] == '\n')
        out.at[--out.length] = '\0';
    return text_str(&out);
}

Str comment_before(Arena *arena, Str text, int at) {
    if (at < 0 || at > text.length)
        return (Str){"", 0};
    int end = line_start(text, at), from = end;
    /* Of several declarations on a line the comment is the first one's. */
    for (int i = end; i < at; i++)
        if (text.at[i] == '{' || text.at[i] == ';' || text.at[i] == '=')
            return (Str){"", 0};
    while (from > 0) {
        int before = line_start(text, from - 1);
        Str line = line_at(text, before);
        if (!is_comment(line) || is_divider(line))
            break;
        from = before;
    }
    return stripped(arena, text, from, end);
}

Str item_comment(Arena *arena, const Item *item) {
    return comment_before(arena, item->source->text,
                          (int)(item->span.start - item->source->base));
}

/* The comment at the top of a file, unless it belongs to the first declaration. */
Str source_comment(Arena *arena, const Source *source) {
    Str text = source->text;
    int begin = str_starts(text, STR("nas ")) ? line_at(text, 0).length + 1 : 0;
    int end = (int)min_i64(begin, text.length);
    while (end < text.length && is_comment(line_at(text, end)))
        end += line_at(text, end).length + 1;
    Str next = end < text.length ? trimmed(line_at(text, end)) : (Str){"", 0};
    if (next.length && !str_starts(next, STR("use ")) && !str_starts(next, STR("nas ")))
        return (Str){"", 0};
    return stripped(arena, text, begin, (int)min_i64(end, text.length));
}
