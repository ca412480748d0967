/* suggest.c: names that nothing has, and what may have been meant.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

enum { MAX_LISTED = 12 };

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same name in other letters: NSGA2, nsga2. */
static Str other_case(Str name, const Str *known, int count) {
    for (int i = 0; i < count; i++) {
        int same = 0;
        while (same < name.length && same < known[i].length &&
               lower(name.at[same]) == lower(known[i].at[same]))
            same++;
        if (same == name.length && same == known[i].length)
            return known[i];
    }
    return (Str){"", 0};
}

/* A name that begins with what was written, if only one does: jetson, jetson_orin. */
static Str only_longer(Str name, const Str *known, int count) {
    enum { SHORTEST = 3 };
    Str found = {"", 0};
    for (int i = 0; i < count && name.length >= SHORTEST; i++)
        if (str_starts(known[i], name) && known[i].length > name.length) {
            if (found.length)
                return (Str){"", 0};
            found = known[i];
        }
    return found;
}

Str suggestion(Arena *arena, Str name, const Str *known, int count) {
    Text text = text_new(arena);
    Str nearest = str_nearest(name, known, count);
    if (!nearest.length)
        nearest = other_case(name, known, count);
    if (!nearest.length)
        nearest = only_longer(name, known, count);
    if (nearest.length) {
        text_add(&text, "; did you mean `%.*s`?", STR_ARG(nearest));
    } else if (count > 0 && count <= MAX_LISTED) {
        text_add(&text, count == 1 ? "; there is only " : "; there are ");
        for (int i = 0; i < count; i++)
            text_add(&text, "%s`%.*s`",
                     i == 0          ? ""
                     : i < count - 1 ? ", "
                                     : " and ",
                     STR_ARG(known[i]));
    }
    return text_str(&text);
}

typedef VEC(Str) Names;

static void add_items(Elab *elab, Names *names, ItemKind kind) {
    const Str *items;
    int count;
    item_names(elab->arena, elab->frame->source, kind, (Str){0}, &items, &count);
    for (int i = 0; i < count; i++)
        vec_push(elab->arena, names, items[i]);
}

static void add_bindings(Elab *elab, Names *names) {
    for (const Scope *scope = elab->scope; scope; scope = scope->parent)
        for (int i = 0; i < scope->bindings.count; i++)
            vec_push(elab->arena, names, scope->bindings.at[i].name);
}

static void add_callable(Elab *elab, Names *names) {
    add_items(elab, names, ITEM_BLOCK);
    for (int k = OP_INPUT + 1; k < OP_COUNT; k++)
        vec_push(elab->arena, names, str_of(operator_facts[k].name));
    for (int i = 0; i < function_count; i++)
        vec_push(elab->arena, names, str_of(functions[i].name));
}

/* What other frameworks call it. */
static const char *const foreign[][2] = {
    {"conv2d", "conv"},
    {"convolution", "conv"},
    {"linear", "dense"},
    {"fc", "dense"},
    {"fully_connected", "dense"},
    {"maxpool2d", "max_pool"},
    {"avg_pool", "average_pool"},
    {"avgpool2d", "average_pool"},
    {"gap", "global_average"},
    {"global_avg", "global_average"},
    {"global_avg_pool", "global_average"},
    {"global_average_pooling", "global_average"},
    {"concatenate", "concat"},
    {"cat", "concat"},
    {"multiply", "mul"},
    {"swish", "silu"},
};

/* A call's name is looked for among what can be called, any other among all. */
void report_unknown_name(Elab *elab, const Node *name, bool called) {
    Names names = {0};
    if (!called) {
        add_bindings(elab, &names);
        add_items(elab, &names, ITEM_LET);
        for (int f = 0; f < FORMAT_COUNT; f++)
            vec_push(elab->arena, &names, str_of(format_name((Format)f)));
    }
    add_callable(elab, &names);
    const char *what = called ? "no block or operator is called" : "nothing is called";
    Str also = declared_suggestion(elab->arena, "block", name->text, names.at, names.count);
    for (int i = 0; i < COUNT(foreign); i++)
        if (str_equal(name->text, str_of(foreign[i][0])))
            also = str_format(elab->arena, "; here it is `%s`", foreign[i][1]);
    elab_error(elab, name->span, "%s `%.*s`%.*s", what, STR_ARG(name->text), STR_ARG(also));
}

/* What is declared under that very name in the library goes first; then what is near among the
 * names that are known; then what is near in the library. */
Str declared_suggestion(Arena *arena, const char *word, Str name, const Str *known, int count) {
    Str module = library_module(arena, word, name);
    if (module.length)
        return str_format(arena, "; `use %.*s` brings one", STR_ARG(module));
    int declared = 0;
    const Str *library = library_declared(arena, word, &declared);
    Str far = str_nearest(name, library, declared);
    if (str_nearest(name, known, count).length || !far.length)
        return suggestion(arena, name, known, count);
    return str_format(arena, "; did you mean `%.*s`? `use %.*s` brings it", STR_ARG(far),
                      STR_ARG(library_module(arena, word, far)));
}
