/* hover.c: what the token at a place means, and where it is declared.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/outline.h"

#include <string.h>

/* ---- definitions ------------------------------------------------------------------------- */

int mark_touched(const Outline *outline, int at) {
    int mark = mark_at(outline, at);
    if (mark < 0)
        return -1;
    const Mark *here = &outline->marks[mark];
    if (here->at == at && !is_name_mark(here) && mark > 0) {
        int before = mark_at(outline, at - 1);
        const Mark *last = before >= 0 ? &outline->marks[before] : NULL;
        if (last && is_name_mark(last) && last->at + last->text.length == at)
            return before;
    }
    return at <= here->at + here->text.length ? mark : -1;
}

static const Mark *mark_or_none(const Outline *outline, int i) {
    static const Mark none = {.kind = TOKEN_EOF, .text = {"", 0}, .opener = -1, .entry = -1};
    return i >= 0 && i < outline->mark_count ? &outline->marks[i] : &none;
}

static Around around_mark(const Outline *outline, int mark) {
    const Mark *here = &outline->marks[mark];
    return around_of(outline, mark + 1, here->opener, here->entry);
}

/* Whether the token names an argument of the call around it. */
static bool names_argument(const Outline *outline, int mark, const Around *around) {
    return around->call >= 0 && mark_or_none(outline, mark + 1)->kind == TOKEN_COLON &&
           is_name_mark(&outline->marks[mark]);
}

/* The parameter of a block that an argument's name means. */
static bool parameter_of(Arena *arena, const Outline *outline, int call, Str name,
                         Meaning *meaning) {
    Meaning callee;
    if (!outline_meaning(arena, outline, call, &callee) || !callee.declared ||
        callee.declared->brace < 0)
        return false;
    Locals locals = locals_at(arena, callee.outline, callee.declared->brace);
    for (int i = 0; i < locals.count; i++)
        if (str_equal(locals.at[i].name, name)) {
            *meaning = (Meaning){callee.outline, locals.at[i].mark, NULL};
            return true;
        }
    return false;
}

bool mark_meaning(Arena *arena, const Outline *outline, int mark, Meaning *meaning) {
    Around around = around_mark(outline, mark);
    if (names_argument(outline, mark, &around))
        return parameter_of(arena, outline, around.call, outline->marks[mark].text, meaning);
    bool field = mark_or_none(outline, mark - 1)->kind == TOKEN_DOT;
    bool key = around.kind >= 0 && mark == outline->marks[mark].entry;
    return !field && !(key && mark != around.declared->word_mark) &&
           outline_meaning(arena, outline, mark, meaning);
}

bool outline_definition(Arena *arena, const Outline *outline, int at, TextPlace *place) {
    Meaning meaning;
    int mark = mark_touched(outline, at);
    if (mark < 0 || !mark_meaning(arena, outline, mark, &meaning))
        return false;
    const Mark *found = mark_or_none(meaning.outline, meaning.mark);
    bool file = meaning.outline != outline && !meaning.mark;
    *place = (TextPlace){meaning.outline->file, meaning.outline->library, meaning.outline->text,
                         file ? 0 : found->at, file ? 0 : found->text.length};
    return true;
}

int outline_items(Arena *arena, const Outline *outline, OutlineItem **items) {
    int count = 0;
    *items = arena_array(arena, OutlineItem, outline->declared.count);
    for (int i = 0; i < outline->declared.count; i++) {
        const Declared *declared = &outline->declared.at[i];
        if (str_equal(declared->word, STR("use")))
            continue;
        const Mark *from = &outline->marks[declared->word_mark];
        const Mark *last = &outline->marks[declared->end - 1];
        const Mark *name = &outline->marks[declared->name_mark];
        if (last->kind == TOKEN_END && declared->end - 1 > declared->word_mark)
            last--;
        (*items)[count++] = (OutlineItem){declared->word, declared->name,
                                          from->at,       last->at + last->text.length,
                                          name->at,       name->text.length};
    }
    return count;
}

/* ---- hovers ------------------------------------------------------------------------------ */

static void add_code(Text *markdown, Str code) {
    text_add(markdown, "```nas\n%.*s\n```\n", STR_ARG(code));
}

static void add_plain(Text *markdown, Str lines) {
    if (lines.length)
        text_add(markdown, "```text\n%.*s\n```\n", STR_ARG(lines));
}

static bool add_help(Text *markdown, Str topic) {
    Text text = text_new(markdown->arena);
    bool module = str_starts(topic, STR("std/"));
    if (!(module ? library_help(topic, &text) : tables_help(topic, &text)))
        return false;
    add_plain(markdown, text_str(&text));
    return true;
}

/* The text from one token to the end of the entry, cut where it is long. */
static Str entry_text(const Outline *outline, int first, int stop) {
    enum { LONGEST = 400 };
    int last = first;
    for (int i = first; i < outline->mark_count && i < stop; i++) {
        if (outline->marks[i].kind == TOKEN_END &&
            outline->marks[i].opener == outline->marks[first].opener)
            break;
        last = i;
    }
    const Mark *from = &outline->marks[first], *to = &outline->marks[last];
    int length = to->at + to->text.length - from->at;
    return (Str){from->text.at, length < LONGEST ? length : LONGEST};
}

/* Decisions that are made between two offsets of the root's text. */
static void add_decisions(Text *markdown, const Spec *spec, int from, int to) {
    enum { SHOWN = 12 };
    Map *told = map_new(markdown->arena);
    int count = 0;
    for (int s = 0; spec && s < spec->spaces.count; s++) {
        const Space *space = spec->spaces.at[s].space;
        for (int i = 0; space && i < space->choices.count; i++) {
            const Choice *choice = &space->choices.at[i];
            int at = (int)(choice->span.start - spec->sources.at[0]->base);
            if (at < from || at >= to || map_get(told, choice->name, NULL))
                continue;
            map_put(told, choice->name, 1);
            if (count++ < SHOWN)
                text_add(markdown, "%sdecision `%.*s`: %.*s\n", count > 1 ? "\n" : "",
                         STR_ARG(choice->name),
                         STR_ARG(choice_values(markdown->arena, choice)));
        }
    }
    if (count > SHOWN)
        text_add(markdown, "\nand %d more\n", count - SHOWN);
}

static void hover_local(Text *markdown, const Spec *spec, const Meaning *meaning) {
    const Outline *outline = meaning->outline;
    int entry = outline->marks[meaning->mark].entry;
    const Declared *declared = declared_around(outline, meaning->mark);
    int stop =
        declared && declared->brace > meaning->mark ? declared->brace : outline->mark_count;
    Str text = entry_text(outline, entry, stop);
    add_code(markdown, text);
    if (outline->sees.count) /* the root's */
        add_decisions(markdown, spec, outline->marks[entry].at,
                      outline->marks[entry].at + text.length);
}

static void hover_declared(Text *markdown, const Spec *spec, const Meaning *meaning) {
    const Outline *outline = meaning->outline;
    const Declared *declared = meaning->declared;
    int stop = declared->brace >= 0 ? declared->brace : declared->end;
    int at = outline->marks[declared->word_mark].at;
    Str text = entry_text(outline, declared->word_mark, stop);
    Str comment = comment_before(markdown->arena, outline->text, at);
    add_code(markdown, text);
    add_plain(markdown, comment);
    if (!outline->sees.count)
        text_add(markdown, "in `%.*s`\n", STR_ARG(outline->file));
    else if (str_equal(declared->word, STR("let")))
        add_decisions(markdown, spec, at, at + text.length);
}

static bool hover_meaning(Text *markdown, const Outline *outline, const Spec *spec, int mark) {
    Meaning meaning;
    if (!mark_meaning(markdown->arena, outline, mark, &meaning))
        return false;
    if (meaning.declared)
        hover_declared(markdown, spec, &meaning);
    else if (meaning.mark || meaning.outline == outline)
        hover_local(markdown, spec, &meaning);
    else
        return add_help(markdown,
                        (Str){meaning.outline->file.at, meaning.outline->file.length - 4});
    return true;
}

/* In declarations: keys, arguments, and what the tables say of values. */
static bool hover_fact(Text *markdown, const Outline *outline, const Around *around, int mark) {
    Text text = text_new(markdown->arena);
    Str name = outline->marks[mark].text;
    bool key = around->colon == mark + 1 && mark == outline->marks[mark].entry;
    bool argument = names_argument(outline, mark, around);
    bool told = key        ? lang_help_key((DeclKind)around->kind, name, &text)
                : argument ? lang_help_argument(outline->marks[around->call].text, name, &text)
                           : false;
    if (told)
        add_plain(markdown, text_str(&text));
    return told || (!key && !argument && (call_of(name) || metric_of(name)) &&
                    add_help(markdown, name));
}

/* `kernel:` of an operator. */
static bool hover_attribute(Text *markdown, const Outline *outline, const Around *around,
                            int mark) {
    OpKind kind;
    Str name = outline->marks[mark].text;
    if (!names_argument(outline, mark, around) ||
        !operator_of(outline->marks[around->call].text, &kind))
        return false;
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(kind, (Attribute)a) &&
            str_equal(name, str_of(attribute_facts[a].name))) {
            text_add(markdown, "`%.*s` of `%s`: %s\n", STR_ARG(name), operator_facts[kind].name,
                     attribute_facts[a].documentation);
            return true;
        }
    return false;
}

/* `weights`, `activations` and the like of a precision. */
static bool hover_property(Text *markdown, const Around *around, const Mark *here) {
    for (int i = 0; str_equal(around->word, STR("precision")) && precision_property(i); i++)
        if (str_equal(here->text, str_of(precision_property(i))))
            return add_help(markdown, around->word);
    return false;
}

bool outline_hover(Arena *arena, const Outline *outline, const Spec *spec, int at,
                   Text *markdown, int *from, int *length) {
    int mark = mark_touched(outline, at);
    if (mark < 0 || outline->marks[mark].kind == TOKEN_STRING)
        return false;
    const Mark *here = &outline->marks[mark];
    Around around = around_mark(outline, mark);
    *from = here->at;
    *length = here->text.length;
    markdown->arena = arena;
    if (around.kind >= 0 && hover_fact(markdown, outline, &around, mark))
        return true;
    if (hover_property(markdown, &around, here) ||
        hover_attribute(markdown, outline, &around, mark) ||
        hover_meaning(markdown, outline, spec, mark))
        return true;
    bool found = here->text.at[0] >= 'A' && add_help(markdown, here->text);
    bool decides = mark_or_none(outline, mark + 1)->kind == TOKEN_LPAREN;
    if (found && decides)
        add_decisions(markdown, spec, here->at, here->at + here->text.length);
    return found;
}
