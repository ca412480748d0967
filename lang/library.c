/* library.c: the modules of the standard library: where their text is, who declares a name, and
 * what they say of themselves.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"
#include "stdlib/embedded.h"

#include <string.h>

static bool is_module(const Embedded *file) {
    return str_starts(str_of(file->name), STR("std/"));
}

static const Embedded *module_find(Str name) {
    for (int i = 0; i < embedded_count; i++)
        if (is_module(&embedded_library[i]) &&
            str_equal(name, str_of(embedded_library[i].name)))
            return &embedded_library[i];
    return NULL;
}

bool library_text(Str name, Str *text) {
    const Embedded *file = module_find(name);
    if (file)
        *text = (Str){file->text, file->length};
    return file != NULL;
}

const Str *library_names(Arena *arena, int *count) {
    Str *names = arena_array(arena, Str, embedded_count);
    *count = 0;
    for (int i = 0; i < embedded_count; i++)
        if (is_module(&embedded_library[i]))
            names[(*count)++] = str_of(embedded_library[i].name);
    return names;
}

/* Looks for the text of the declaration: a file with a mistake need not parse the library. */
Str library_module(Arena *arena, const char *word, Str name) {
    Str line = str_format(arena, "\n%s %.*s", word, STR_ARG(name));
    for (int i = 0; i < embedded_count; i++) {
        const char *found = strstr(embedded_library[i].text, line.at);
        char after = found ? found[line.length] : 'x';
        if (is_module(&embedded_library[i]) && (after == ' ' || after == '('))
            return str_of(embedded_library[i].name);
    }
    return (Str){"", 0};
}

static int name_length(const char *at) {
    int length = 0;
    while (at[length] && !strchr(" (:{\n", at[length]))
        length++;
    return length;
}

const Str *library_declared(Arena *arena, const char *word, int *count) {
    Str line = str_format(arena, "\n%s ", word);
    VEC(Str) names = {0};
    for (int i = 0; i < embedded_count; i++)
        for (const char *at = embedded_library[i].text;
             is_module(&embedded_library[i]) && (at = strstr(at, line.at));) {
            at += line.length;
            vec_push(arena, &names, ((Str){at, name_length(at)}));
        }
    *count = names.count;
    return names.at;
}

/* ---- help -------------------------------------------------------------------------------- */

static Source *module_parse(Arena *arena, const Embedded *file) {
    Source *source = arena_new_of(arena, Source);
    *source = (Source){.name = str_of(file->name), .text = {file->text, file->length}};
    source->right = source_parse(arena, diagnostics_new(arena), source);
    return source;
}

static Str source_slice(const Source *source, Span first, Span last) {
    int from = (int)(first.start - source->base);
    int to = (int)(last.start + last.length - source->base);
    return (Str){source->text.at + from, to - from};
}

static Str word_of(const Item *item) {
    static const char *const words[] = {[ITEM_LET] = "let",
                                        [ITEM_BLOCK] = "block",
                                        [ITEM_NETWORK] = "network",
                                        [ITEM_PRECISION] = "precision"};
    return item->kind == ITEM_DECL ? item->word : str_of(words[item->kind]);
}

/* block mbconv(x, channels, expand: 4) */
static void signature_print(const Item *item, Text *text) {
    text_add(text, "%.*s %.*s", STR_ARG(word_of(item)), STR_ARG(item->name));
    if (item->base.length)
        text_add(text, " : %.*s", STR_ARG(item->base));
    if (item->kind != ITEM_BLOCK && item->kind != ITEM_NETWORK)
        return;
    for (int i = 0; i < item->parameters.count; i++) {
        const Parameter *parameter = &item->parameters.at[i];
        text_add(text, "%s%.*s", i ? ", " : "(", STR_ARG(parameter->name));
        for (int w = 0; w < parameter->words.count; w++)
            text_add(text, "%s%.*s%s", w ? ", " : " in [", STR_ARG(parameter->words.at[w]),
                     w + 1 < parameter->words.count ? "" : "]");
        if (parameter->initial) {
            Span span = parameter->initial->span;
            text_add(text, ": %.*s", STR_ARG(source_slice(item->source, span, span)));
        }
    }
    text_add(text, ")");
}

static void print_indented(Str lines, const char *indent, Text *text) {
    while (lines.length > 0) {
        const char *end = memchr(lines.at, '\n', (size_t)lines.length);
        int length = end ? (int)(end - lines.at) : lines.length;
        text_add(text, "%s%.*s\n", length ? indent : "", length, lines.at);
        lines.at += length + (end != NULL);
        lines.length -= length + (end != NULL);
    }
}

static const Entry *entry_named(const Item *item, const char *key) {
    for (int i = 0; i < item->entries.count; i++)
        if (str_equal(item->entries.at[i].key, str_of(key)))
            return &item->entries.at[i];
    return NULL;
}

/* The comment before it; of a device, what it says itself. */
static void documentation_print(Arena *arena, const Item *item, Text *text) {
    Str comment = item_comment(arena, item);
    const Entry *entry = entry_named(item, "documentation");
    print_indented(comment, "  ", text);
    for (int i = 0; entry && !comment.length && i < entry->values.count; i++)
        print_indented(entry->values.at[i].value->text, "  ", text);
}

static void entries_print(const Item *item, Text *text) {
    for (int i = 0; i < item->entries.count; i++) {
        const Entry *entry = &item->entries.at[i];
        if (!entry->values.count || str_equal(entry->key, STR("documentation")))
            continue;
        Span last = entry->values.at[entry->values.count - 1].value->span;
        text_add(text, "    %.*s\n", STR_ARG(source_slice(item->source, entry->span, last)));
    }
}

static void item_print(Arena *arena, const Item *item, bool whole, Text *text) {
    signature_print(item, text);
    if (whole)
        text_add(text, ", in %.*s", STR_ARG(item->source->name));
    text_add(text, "\n");
    documentation_print(arena, item, text);
    if (whole)
        entries_print(item, text);
}

/* What the comment of a module says after its name: one line of it, or all. */
static Str module_summary(Arena *arena, const Source *source, bool whole) {
    Str comment = source_comment(arena, source), name = source->name;
    if (str_starts(comment, name) && comment.length > name.length + 2) {
        comment.at += name.length + 2;
        comment.length -= name.length + 2;
    }
    const char *end = memchr(comment.at, '\n', (size_t)comment.length);
    return end && !whole ? (Str){comment.at, (int)(end - comment.at)} : comment;
}

static void module_print(Arena *arena, const Source *source, Text *text) {
    text_add(text, "use %.*s\n", STR_ARG(source->name));
    print_indented(module_summary(arena, source, true), "  ", text);
    if (source->imports.count)
        text_add(text, "  With it comes what it uses:");
    for (int i = 0; i < source->imports.count; i++)
        text_add(text, "%s %.*s%s", i ? "," : "", STR_ARG(source->imports.at[i].path),
                 i + 1 < source->imports.count ? "" : ".\n");
    for (int i = 0; i < source->items.count; i++) {
        text_add(text, "\n");
        item_print(arena, source->items.at[i], false, text);
    }
}

static void modules_print(Arena *arena, Text *text) {
    text_add(text, "the standard library; `nasc help std/mobile` tells what a module holds\n");
    for (int i = 0; i < embedded_count; i++)
        if (is_module(&embedded_library[i])) {
            Str summary =
                module_summary(arena, module_parse(arena, &embedded_library[i]), false);
            text_add(text, "  %-16s  %.*s\n", embedded_library[i].name, STR_ARG(summary));
        }
}

/* Every declaration of that name in the library. */
static bool items_print(Arena *arena, Str topic, Text *text) {
    bool found = false;
    for (int m = 0; m < embedded_count; m++) {
        if (!is_module(&embedded_library[m]))
            continue;
        const Source *source = module_parse(arena, &embedded_library[m]);
        for (int i = 0; i < source->items.count; i++)
            if (str_equal(source->items.at[i]->name, topic)) {
                item_print(arena, source->items.at[i], true, text);
                found = true;
            }
    }
    return found;
}

bool library_help(Str topic, Text *text) {
    Arena *arena = arena_new();
    const Embedded *file = module_find(topic);
    bool found = true;
    if (str_equal(topic, STR("std")))
        modules_print(arena, text);
    else if (file)
        module_print(arena, module_parse(arena, file), text);
    else
        found = items_print(arena, topic, text);
    arena_free(arena);
    return found;
}

const Str *library_topics(Arena *arena, int *count) {
    VEC(Str) names = {0};
    vec_push(arena, &names, STR("std"));
    for (int m = 0; m < embedded_count; m++) {
        if (!is_module(&embedded_library[m]))
            continue;
        const Source *source = module_parse(arena, &embedded_library[m]);
        vec_push(arena, &names, source->name);
        for (int i = 0; i < source->items.count; i++)
            vec_push(arena, &names, source->items.at[i]->name);
    }
    *count = names.count;
    return names.at;
}
