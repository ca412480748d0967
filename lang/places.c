/* places.c: what a place in a text is part of: a declaration, its entry, a call.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/outline.h"

const KeyFacts *key_facts_of(int kind, Str key) {
    for (int i = 0; i < key_count; i++)
        if ((int)key_facts[i].kind == kind && str_equal(key, str_of(key_facts[i].key)))
            return &key_facts[i];
    return NULL;
}

const ArgumentFacts *argument_facts_of(Str call, Str name) {
    for (int i = 0; i < argument_count; i++)
        if (str_equal(call, str_of(argument_facts[i].call)) &&
            str_equal(name, str_of(argument_facts[i].name)))
            return &argument_facts[i];
    return NULL;
}

/* The colon after the key of the entry that begins at a token, if it stands before `mark`. */
static int key_colon(const Outline *outline, int entry, int mark, int brace) {
    for (int i = entry; i >= 0 && i <= mark && i < outline->mark_count; i++)
        if (outline->marks[i].kind == TOKEN_COLON && outline->marks[i].opener == brace)
            return i;
    return -1;
}

static int innermost_call(const Outline *outline, int opener) {
    if (opener < 1 || outline->marks[opener].kind != TOKEN_LPAREN)
        return -1;
    return is_name_mark(&outline->marks[opener - 1]) ? opener - 1 : -1;
}

/* In `5 of jetson_orin { memory: 8 GiB }` the keys are those of what is changed. */
static void change_of(const Outline *outline, int opener, Around *around) {
    const Outline *where;
    while (opener >= 0 && outline->marks[opener].kind != TOKEN_LBRACE)
        opener = outline->marks[opener].opener;
    if (around->kind < 0 || opener < 1 || opener == around->brace)
        return;
    const Declared *changed =
        outline_declared(outline, outline->marks[opener - 1].text, &where);
    around->brace = opener;
    around->kind = changed ? decl_kind_of(changed->word) : -1;
}

Around around_of(const Outline *outline, int mark, int opener, int entry) {
    Around around = {.kind = -1, .colon = -1, .call = innermost_call(outline, opener)};
    int outermost = opener;
    while (outermost >= 0 && outline->marks[outermost].opener >= 0)
        outermost = outline->marks[outermost].opener;
    around.declared = declared_around(outline, outermost >= 0 ? outermost : mark);
    if (!around.declared)
        return around;
    around.word = around.declared->word;
    around.kind = decl_kind_of(around.word);
    around.brace = around.declared->brace;
    change_of(outline, opener, &around);
    around.colon = key_colon(outline, entry, mark, around.brace);
    if (around.colon > entry)
        around.key = outline->marks[entry].text;
    return around;
}
