/* modules.c: files, what they use, and whose declaration a name means.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"
#include "stdlib/embedded.h"

enum { MAX_SOURCE_BYTES = 1 << 20, MAX_SOURCES = 200 };

/* ---- reading ----------------------------------------------------------------------------- */

static bool read_embedded(Str path, Source *source) {
    for (int i = 0; i < embedded_count; i++)
        if (str_equal(path, str_of(embedded_library[i].name))) {
            source->text = (Str){embedded_library[i].text, embedded_library[i].length};
            return true;
        }
    return false;
}

/* `use std/mobile`: from the folder that goes before the library, else from the library. */
static bool read_library(Spec *spec, const Import *import, Source *source) {
    const char *why;
    Str file = str_format(spec->arena, "%.*s.nas", STR_ARG(import->path));
    source->name = file;
    if (spec->options.std_path) {
        Str path = path_join(spec->arena, str_of(spec->options.std_path), file);
        if (file_read(spec->arena, path.at, MAX_SOURCE_BYTES, &source->text, &why))
            return true;
    }
    return read_embedded(import->path, source);
}

static void report_library(Spec *spec, const Import *import) {
    VEC(Str) names = {0};
    for (int i = 0; i < embedded_count; i++)
        if (str_starts(str_of(embedded_library[i].name), STR("std/")))
            vec_push(spec->arena, &names, str_of(embedded_library[i].name));
    error_at(spec->diagnostics, import->span, "the library has no `%.*s`%.*s",
             STR_ARG(import->path),
             STR_ARG(suggestion(spec->arena, import->path, names.at, names.count)));
}

static Str import_file(Spec *spec, const Source *from, const Import *import) {
    Str directory = path_directory(from->name);
    return str_equal(directory, STR(".")) ? import->path
                                          : path_join(spec->arena, directory, import->path);
}

static bool read_import(Spec *spec, const Source *from, const Import *import, Source *source) {
    if (!import->quoted) {
        if (read_library(spec, import, source))
            return true;
        report_library(spec, import);
        return false;
    }
    const char *why;
    source->name = import_file(spec, from, import);
    if (file_read(spec->arena, str_terminated(spec->arena, source->name), MAX_SOURCE_BYTES,
                  &source->text, &why))
        return true;
    error_at(spec->diagnostics, import->span, "%.*s cannot be read: %s", STR_ARG(source->name),
             why);
    return false;
}

static const Source *source_known(Spec *spec, Str name) {
    for (int i = 0; i < spec->sources.count; i++)
        if (str_equal(spec->sources.at[i]->name, name))
            return spec->sources.at[i];
    return NULL;
}

static const Source *source_import(Spec *spec, const Source *from, const Import *import) {
    Str name = import->quoted ? import_file(spec, from, import)
                              : str_format(spec->arena, "%.*s.nas", STR_ARG(import->path));
    const Source *known = source_known(spec, name);
    if (known)
        return known;
    if (spec->sources.count >= MAX_SOURCES) {
        error_at(spec->diagnostics, import->span, "more than %d files are used", MAX_SOURCES);
        return NULL;
    }
    Source *source = arena_new_of(spec->arena, Source);
    if (!read_import(spec, from, import, source))
        return NULL;
    vec_push(spec->arena, &spec->sources, source);
    return source;
}

/* ---- duplicates -------------------------------------------------------------------------- */

static bool same_name(const Item *a, const Item *b) {
    if (a->kind == ITEM_PRECISION || b->kind == ITEM_PRECISION)
        return a->kind == b->kind && str_equal(a->name, b->name) && str_equal(a->of, b->of);
    bool kinds = a->kind == b->kind || (a->kind <= ITEM_NETWORK && b->kind <= ITEM_NETWORK);
    return kinds && str_equal(a->name, b->name) &&
           (a->kind != ITEM_DECL || str_equal(a->word, b->word));
}

static void check_duplicates(Spec *spec, const Source *source) {
    for (int i = 0; i < source->items.count; i++)
        for (int k = 0; k < i; k++) {
            const Item *later = source->items.at[i], *first = source->items.at[k];
            if (!same_name(later, first))
                continue;
            if (later->kind == ITEM_PRECISION && !later->name.length)
                error_at(spec->diagnostics, later->span,
                         "`%.*s` has an unnamed precision already; give this one a name",
                         STR_ARG(later->of));
            else
                error_at(spec->diagnostics, later->span, "`%.*s` is declared twice",
                         STR_ARG(later->name));
            note_at(spec->diagnostics, first->span, "the first declaration is here");
            break;
        }
}

/* A declaration that hides a primitive operator would change what others mean. */
static void check_reserved(Spec *spec, const Source *source) {
    OpKind kind;
    Format format;
    for (int i = 0; i < source->items.count; i++) {
        const Item *item = source->items.at[i];
        bool value = item->kind == ITEM_LET || item->kind == ITEM_BLOCK;
        if (value && (operator_of(item->name, &kind) || function_of(item->name) >= 0 ||
                      format_of(item->name, &format)))
            error_at(spec->diagnostics, item->span, "`%.*s` is built in; choose another name",
                     STR_ARG(item->name));
    }
}

void modules_read(Spec *spec, Source *root) {
    vec_push(spec->arena, &spec->sources, root);
    for (int i = 0; i < spec->sources.count; i++) {
        Source *source = spec->sources.at[i];
        source->right = source_parse(spec->arena, spec->diagnostics, source);
        for (int k = 0; source->right && k < source->imports.count; k++) {
            Import *import = &source->imports.at[k];
            import->source = source_import(spec, source, import);
        }
        check_duplicates(spec, source);
        check_reserved(spec, source);
    }
}

/* ---- names ------------------------------------------------------------------------------- */

typedef VEC(const Source *) Visited;

/* All sources that a source sees, itself first, nearest first. */
static void visit(Arena *arena, const Source *source, Visited *visited) {
    vec_push(arena, visited, source);
    for (int next = 0; next < visited->count; next++) {
        const Source *from = visited->at[next];
        for (int k = 0; k < from->imports.count; k++) {
            const Source *used = from->imports.at[k].source;
            bool seen = !used;
            for (int v = 0; v < visited->count && !seen; v++)
                seen = visited->at[v] == used;
            if (!seen)
                vec_push(arena, visited, used);
        }
    }
}

void sources_link(Spec *spec) {
    for (int i = 0; i < spec->sources.count; i++) {
        Visited visited = {0};
        visit(spec->arena, spec->sources.at[i], &visited);
        spec->sources.at[i]->sees = visited.at;
        spec->sources.at[i]->seen = visited.count;
    }
}

static bool is_named(const Item *item, ItemKind kind, Str word, Str name) {
    return item->kind == kind && str_equal(item->name, name) &&
           (kind != ITEM_DECL || str_equal(item->word, word));
}

const Item *item_find(const Source *source, ItemKind kind, Str word, Str name) {
    for (int v = 0; v < source->seen; v++)
        for (int i = 0; i < source->sees[v]->items.count; i++)
            if (is_named(source->sees[v]->items.at[i], kind, word, name))
                return source->sees[v]->items.at[i];
    return NULL;
}

void item_names(Arena *arena, const Source *source, ItemKind kind, Str word, const Str **names,
                int *count) {
    VEC(Str) found = {0};
    for (int v = 0; v < source->seen; v++)
        for (int i = 0; i < source->sees[v]->items.count; i++) {
            const Item *item = source->sees[v]->items.at[i];
            if (item->kind == kind && (kind != ITEM_DECL || str_equal(item->word, word)))
                vec_push(arena, &found, item->name);
        }
    *names = found.at;
    *count = found.count;
}
