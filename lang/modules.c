/* modules.c: files, what they use, and whose declaration a name means.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

enum { MAX_SOURCE_BYTES = 1 << 23, MAX_SOURCES = 200 };

/* ---- reading ----------------------------------------------------------------------------- */

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
    return library_text(import->path, &source->text);
}

static void report_library(Spec *spec, const Import *import) {
    int count;
    const Str *names = library_names(spec->arena, &count);
    Str nearest = str_nearest(import->path, names, count), text;
    Str whole = str_format(spec->arena, "std/%.*s", STR_ARG(import->path));
    if (library_text(whole, &text))
        nearest = whole;
    if (nearest.length)
        error_at(spec->diagnostics, import->span,
                 "the library has no `%.*s`; did you mean `%.*s`?", STR_ARG(import->path),
                 STR_ARG(nearest));
    else
        error_at(spec->diagnostics, import->span,
                 "the library has no `%.*s`; `nasc help std` lists what it has",
                 STR_ARG(import->path));
}

/* Without `.` and without `..` after a folder, so that one file has one name. */
static Str path_plain(Arena *arena, Str path) {
    Text out = text_new(arena);
    for (int at = 0, end; at < path.length; at = end + 1) {
        for (end = at; end < path.length && path.at[end] != '/';)
            end++;
        Str part = {path.at + at, end - at}, before = text_str(&out);
        int folder = before.length;
        while (folder > 0 && before.at[folder - 1] != '/')
            folder--;
        Str last = {before.at + folder, before.length - folder};
        if (str_equal(part, STR(".")) || (at > 0 && !part.length))
            continue;
        if (str_equal(part, STR("..")) && last.length && !str_equal(last, STR(".."))) {
            out.length = (int)max_i64(0, folder - 1);
            out.at[out.length] = '\0';
        } else {
            text_add(&out, "%s%.*s", at > 0 && (out.length || path.at[0] == '/') ? "/" : "",
                     STR_ARG(part));
        }
    }
    return text_str(&out);
}

static Str import_file(Spec *spec, const Source *from, const Import *import) {
    Str directory = path_directory(from->name);
    return path_plain(spec->arena, path_join(spec->arena, directory, import->path));
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
    if (spec->options.open_text &&
        spec->options.open_text(spec->options.editor, spec->arena, source->name, &source->text))
        return true;
    if (file_read(spec->arena, str_terminated(spec->arena, source->name), MAX_SOURCE_BYTES,
                  &source->text, &why))
        return true;
    error_at(spec->diagnostics, import->span, "%.*s cannot be read: %s", STR_ARG(source->name),
             why);
    Str text;
    if (library_text(import->path, &text))
        note_at(spec->diagnostics, import->span,
                "modules of the library stand without quotes: `use %.*s`",
                STR_ARG(import->path));
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
        return false;
    bool kinds = a->kind == b->kind || (a->kind <= ITEM_NETWORK && b->kind <= ITEM_NETWORK);
    return kinds && str_equal(a->name, b->name) &&
           (a->kind != ITEM_DECL || str_equal(a->word, b->word));
}

/* The last item of that name, or -1; `namesake` leads to those before. */
static int item_named(const Source *source, Str name) {
    int i;
    return map_get(source->named, name, &i) ? i : -1;
}

/* A network's name and a precision's, at most so long together; else empty: nothing has it. */
enum { MAX_KEY = 256 };
static Str precision_key(Str network, Str name, char room[MAX_KEY]) {
    if (network.length + name.length >= MAX_KEY)
        return (Str){"", 0};
    memcpy(room, network.at, (size_t)network.length);
    room[network.length] = ' ';
    if (name.length) /* an unnamed one may have no text at all */
        memcpy(room + network.length + 1, name.at, (size_t)name.length);
    return (Str){room, network.length + 1 + name.length};
}

static const Item *precision_own(const Source *source, Str network, Str name) {
    char room[MAX_KEY];
    Str key = precision_key(network, name, room);
    int i;
    return source->precisions && map_get(source->precisions, key, &i) ? source->items.at[i]
                                                                      : NULL;
}

const Item *precision_find(const Source *source, Str network, Str name) {
    const Item *found = NULL;
    for (int v = 0; v < source->seen && !found; v++)
        found = precision_own(source->sees[v], network, name);
    return found;
}

static void precision_index(Arena *arena, Source *source, int i) {
    char room[MAX_KEY];
    const Item *item = source->items.at[i];
    Str key = precision_key(item->of, item->name, room);
    if (key.length && !precision_own(source, item->of, item->name))
        map_put(source->precisions, str_copy(arena, key), i);
}

static void source_index(Spec *spec, Source *source) {
    Arena *arena = spec->arena;
    source->named = map_new(arena);
    source->precisions = map_new(arena);
    source->namesake = arena_array(arena, int, source->items.count);
    for (int i = 0; i < source->items.count; i++) {
        Item *item = source->items.at[i];
        item->number = spec->facts.count + 1;
        vec_push(arena, &spec->facts, ((ItemFacts){-1, -1}));
        source->namesake[i] = -1;
        if (item->kind == ITEM_PRECISION)
            precision_index(arena, source, i);
        if (!item->name.length)
            continue;
        source->namesake[i] = item_named(source, item->name);
        map_put(source->named, item->name, i);
    }
}

/* The first declaration of what item i declares again, or NULL. */
static const Item *first_of(const Source *source, int i) {
    const Item *item = source->items.at[i], *first = NULL;
    if (item->kind == ITEM_PRECISION) {
        first = precision_own(source, item->of, item->name);
        return first == item ? NULL : first;
    }
    for (int k = source->namesake[i]; k >= 0; k = source->namesake[k])
        if (same_name(item, source->items.at[k]))
            first = source->items.at[k];
    return first;
}

static void check_duplicates(Spec *spec, const Source *source) {
    for (int i = 0; i < source->items.count; i++) {
        const Item *later = source->items.at[i], *first = first_of(source, i);
        if (!first)
            continue;
        if (later->kind == ITEM_PRECISION && !later->name.length)
            error_at(spec->diagnostics, later->span,
                     "`%.*s` has an unnamed precision already; give this one a name",
                     STR_ARG(later->of));
        else
            error_at(spec->diagnostics, later->span, "`%.*s` is declared twice",
                     STR_ARG(later->name));
        note_at(spec->diagnostics, first->span, "the first declaration is here");
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

/* ---- circles ----------------------------------------------------------------------------- */

/* The files that are being looked through, innermost first. */
typedef struct Trail {
    const struct Trail *before;
    const Source *source;
} Trail;

static void trail_print(const Trail *trail, const Source *from, Text *text) {
    if (trail->source != from)
        trail_print(trail->before, from, text);
    text_add(text, "%.*s -> ", STR_ARG(trail->source->name));
}

static bool on_trail(const Trail *trail, const Source *source) {
    while (trail && trail->source != source)
        trail = trail->before;
    return trail != NULL;
}

typedef VEC(const Source *) Visited;

static bool was_visited(const Visited *visited, const Source *source) {
    for (int i = 0; i < visited->count; i++)
        if (visited->at[i] == source)
            return true;
    return false;
}

/* Files that use each other could not be understood one after another. */
static void check_circles(Spec *spec, const Source *source, const Trail *before,
                          Visited *visited) {
    const Trail trail = {before, source};
    vec_push(spec->arena, visited, source);
    for (int i = 0; i < source->imports.count; i++) {
        const Import *import = &source->imports.at[i];
        if (import->source == source) {
            error_at(spec->diagnostics, import->span, "a file cannot use itself");
        } else if (on_trail(&trail, import->source)) {
            Text chain = text_new(spec->arena);
            trail_print(&trail, import->source, &chain);
            error_at(spec->diagnostics, import->span,
                     "files use each other in a circle: %s%.*s", chain.at,
                     STR_ARG(import->source->name));
        } else if (import->source && !was_visited(visited, import->source)) {
            check_circles(spec, import->source, &trail, visited);
        }
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
        source_index(spec, source);
        check_duplicates(spec, source);
        check_reserved(spec, source);
    }
    Visited visited = {0};
    check_circles(spec, root, NULL, &visited);
}

/* ---- names ------------------------------------------------------------------------------- */

/* All sources that a source sees, itself first, nearest first. */
static void source_link(Arena *arena, Source *source) {
    Visited visited = {0};
    VEC(int) distance = {0};
    vec_push(arena, &visited, source);
    vec_push(arena, &distance, 0);
    for (int next = 0; next < visited.count; next++) {
        const Source *from = visited.at[next];
        for (int k = 0; k < from->imports.count; k++) {
            const Source *used = from->imports.at[k].source;
            if (!used || was_visited(&visited, used))
                continue;
            vec_push(arena, &visited, used);
            vec_push(arena, &distance, distance.at[next] + 1);
        }
    }
    source->sees = visited.at;
    source->distance = distance.at;
    source->seen = visited.count;
}

void sources_link(Spec *spec) {
    for (int i = 0; i < spec->sources.count; i++)
        source_link(spec->arena, spec->sources.at[i]);
}

static bool is_named(const Item *item, ItemKind kind, Str word, Str name) {
    return item->kind == kind && str_equal(item->name, name) &&
           (kind != ITEM_DECL || str_equal(item->word, word));
}

/* The first declaration of that name in one file. */
static const Item *find_own(const Source *source, ItemKind kind, Str word, Str name) {
    const Item *found = NULL;
    if (source->named) {
        for (int i = item_named(source, name); i >= 0; i = source->namesake[i])
            if (is_named(source->items.at[i], kind, word, name))
                found = source->items.at[i];
        return found;
    }
    for (int i = 0; i < source->items.count && !found; i++)
        if (is_named(source->items.at[i], kind, word, name))
            found = source->items.at[i];
    return found;
}

const Item *item_find(const Source *source, ItemKind kind, Str word, Str name) {
    const Item *found = NULL;
    for (int v = 0; v < source->seen && !found; v++)
        found = find_own(source->sees[v], kind, word, name);
    return found;
}

/* What a file declares under the item's name, of the item's kind. */
static const Item *find_alike(const Source *source, const Item *item) {
    if (item->kind == ITEM_PRECISION)
        return precision_own(source, item->of, item->name);
    for (int i = item_named(source, item->name); i >= 0; i = source->namesake[i])
        if (source->items.at[i]->kind == item->kind && same_name(source->items.at[i], item))
            return source->items.at[i];
    return NULL;
}

/* Another declaration of the item's name: in a file as near as the item's where `equal`, else
 * in one further away. */
static const Item *namesake_of(const Source *source, const Item *item, bool equal) {
    int near = -1;
    for (int v = 0; v < source->seen; v++) {
        if (source->sees[v] == item->source)
            near = source->distance[v];
        else if (near >= 0 && equal == (source->distance[v] == near)) {
            const Item *other = find_alike(source->sees[v], item);
            if (other)
                return other;
        }
    }
    return NULL;
}

/* A file's own declaration goes before all; of those that it uses, neither of two equally near
 * ones goes before the other. */
bool item_clash(Diagnostics *diagnostics, Span span, const Source *source, const Item *item) {
    const Item *other = source->distance ? namesake_of(source, item, true) : NULL;
    if (!other)
        return false;
    error_at(diagnostics, span,
             "`%.*s` may mean that of %.*s or that of %.*s; use one of the "
             "two files only, or declare `%.*s` here",
             STR_ARG(item->name), STR_ARG(item->source->name), STR_ARG(other->source->name),
             STR_ARG(item->name));
    note_at(diagnostics, item->span, "declared here");
    note_at(diagnostics, other->span, "and here");
    return true;
}

void note_hidden(Diagnostics *diagnostics, const Source *source, const Item *item) {
    const Item *other = source->distance ? namesake_of(source, item, false) : NULL;
    if (other)
        note_at(diagnostics, item->span, "`%.*s` is declared here and hides that of %.*s",
                STR_ARG(item->name), STR_ARG(other->source->name));
}

void item_names(Arena *arena, const Source *source, ItemKind kind, Str word, const Str **names,
                int *count) {
    VEC(Str) found = {0};
    for (int v = 0; v < source->seen; v++)
        for (int i = 0; i < source->sees[v]->items.count; i++) {
            const Item *item = source->sees[v]->items.at[i];
            if (item->kind == kind && !item->derived &&
                (kind != ITEM_DECL || str_equal(item->word, word)))
                vec_push(arena, &found, item->name);
        }
    *names = found.at;
    *count = found.count;
}
