/* references.c: where else in a text a name stands that means the same.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/outline.h"

int outline_references(Arena *arena, const Outline *outline, int at, int **places,
                       int *length) {
    enum { MOST = 5000 }; /* each is looked up by itself */
    VEC(int) found = {0};
    Meaning meaning, other;
    int mark = mark_touched(outline, at), tried = 0;
    if (mark < 0 || !mark_meaning(arena, outline, mark, &meaning) || meaning.outline != outline)
        return 0;
    Str name = outline->marks[mark].text;
    for (int i = 0; i < outline->mark_count && tried < MOST; i++) {
        if (!str_equal(outline->marks[i].text, name))
            continue;
        tried++;
        if (mark_meaning(arena, outline, i, &other) && other.outline == outline &&
            other.mark == meaning.mark)
            vec_push(arena, &found, outline->marks[i].at);
    }
    *places = found.at;
    *length = name.length;
    return tried < MOST ? found.count : 0;
}

bool outline_is_name(Arena *arena, Str text) {
    enum { LONGEST = 64 };
    Str copy = str_copy(arena, text);
    Lexer lexer = {diagnostics_new(arena), copy.at, copy.at, copy.at + copy.length, 1, 0};
    Token token = lexer_next(&lexer);
    OpKind kind;
    Format format;
    return token.kind == TOKEN_NAME && token.text.length == text.length &&
           text.length <= LONGEST && !operator_of(text, &kind) && function_of(text) < 0 &&
           !format_of(text, &format);
}
