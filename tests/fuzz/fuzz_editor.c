/* Any text as an editor has it: laid out, a text stays as it is and says the same; what is asked of
 * any place in it gets an answer.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lang/lang.h"

static void lay_out(Arena *arena, Str text) {
    Str once, twice;
    Diagnostics *diagnostics = diagnostics_new(arena);
    if (!lang_format(arena, diagnostics, STR("fuzz.nas"), text, &once)) {
        Message *messages;
        int count = diagnostics_list(diagnostics, arena, &messages);
        for (int i = 0; i < count; i++) /* only mistakes of the text stop it */
            if (!messages[i].span.start)
                abort();
        return;
    }
    if (!lang_format(arena, diagnostics, STR("fuzz.nas"), once, &twice) ||
        !str_equal(once, twice))
        abort();
}

static void ask(Arena *arena, const Outline *outline, Str text, int at) {
    TextPlace place;
    Completion *found;
    int from = 0, length = 0;
    Text markdown = text_new(arena);
    if (outline_definition(arena, outline, at, &place) &&
        (place.at < 0 || place.length < 0 || place.at + place.length > place.text.length))
        abort();
    if (outline_hover(arena, outline, NULL, at, &markdown, &from, &length) &&
        (from < 0 || length <= 0 || from + length > text.length || from > at))
        abort();
    int count = outline_complete(arena, outline, at, &found, &from);
    if (from < 0 || from > at || count < 0)
        abort();
}

int fuzz_editor(const uint8_t *bytes, size_t count) {
    enum { PLACES = 9 };
    double begun = fuzz_clock();
    Arena *arena = arena_new();
    Str text = str_copy(arena, (Str){(const char *)bytes, (int)count});
    OutlineItem *items;
    lay_out(arena, text);
    const Outline *outline =
        outline_read(arena, (LangOptions){0}, STR("nowhere/fuzz.nas"), text);
    for (int i = 0; i <= PLACES; i++)
        ask(arena, outline, text, (int)((int64_t)text.length * i / PLACES));
    int declared = outline_items(arena, outline, &items);
    for (int i = 0; i < declared; i++)
        if (items[i].from > items[i].at || items[i].at + items[i].length > items[i].to)
            abort();
    arena_free(arena);
    fuzz_require_quick(begun);
    return 0;
}
