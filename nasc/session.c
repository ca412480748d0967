/* What the phases of a run share: the file as read, its mistakes, threads, where data is found.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include "config.h"

#include <stdlib.h>
#include <string.h>

/* A folder that an option names is there, or the run ends: what is sought in it might be found
 * elsewhere, and be something else. */
static const char *named_folder(Arena *arena, const char *option, const char *folder) {
    Str inside = path_join(arena, str_of(folder), STR("."));
    if (!file_exists(str_terminated(arena, inside)))
        die(EXIT_ENVIRONMENT, "%s: there is no folder %s", option, folder);
    return folder;
}

void session_load(Session *session) {
    LangOptions lang = {.std_path = session->options.library};
    if (lang.std_path)
        named_folder(session->arena, "--library", lang.std_path);
    session->spec =
        spec_read(session->arena, session->diagnostics, session->options.file, lang);
}

bool session_read(Session *session) {
    session_load(session);
    bool quiet = session->options.json && error_count(session->diagnostics) == 0;
    return quiet || !session_print_errors(session);
}

bool session_print_errors(Session *session) {
    enum { SHOWN = 20 };
    if (session->options.json)
        printf("%.*s\n", STR_ARG(diagnostics_json(session->diagnostics, session->arena)));
    else
        diagnostics_print(session->diagnostics, stderr, SHOWN);
    bool any = error_count(session->diagnostics) > 0;
    diagnostics_forget(session->diagnostics);
    return any;
}

static void report_missing(Session *session, const Decl *decl, Map *said) {
    int count;
    const Missing *missing = decl_missing(session->spec, decl, &count);
    for (int i = 0; i < count; i++) {
        Str place = str_format(session->arena, "%u", (unsigned)missing[i].span.start);
        if (!map_get(said, place, NULL))
            error_at(session->diagnostics, missing[i].span, "%.*s", STR_ARG(missing[i].what));
        map_put(said, place, 1);
    }
}

bool session_runs(Session *session, bool searches) {
    static const DeclKind kinds[] = {DECL_SEARCH, DECL_SPLIT, DECL_EMIT, DECL_EXPERIMENT};
    Map *said = map_new(session->arena);
    const Decl *decl;
    for (int k = 0; k < (searches ? 1 : COUNT(kinds)); k++)
        for (int i = 0; (decl = spec_root_decl(session->spec, kinds[k], i)); i++)
            report_missing(session, decl, said);
    return error_count(session->diagnostics) == 0 || !session_print_errors(session);
}

void session_error(Session *session, Span span, Str why) {
    Place place;
    if (!span_place(session->diagnostics, span, &place)) {
        fprintf(stderr, "nasc: %.*s\n", STR_ARG(why));
        return;
    }
    error_at(session->diagnostics, span, "%.*s", STR_ARG(why));
    session_print_errors(session);
}

/* Where data is looked for: beside the file, --data, NASC_DATA, the system's folder. */
DataPath session_data_path(Session *session) {
    const Options *options = &session->options;
    const char **folder = arena_array(session->arena, const char *, 4);
    int count = 0;
    folder[count++] = str_terminated(session->arena, path_directory(str_of(options->file)));
    if (options->data)
        folder[count++] = named_folder(session->arena, "--data", options->data);
    if (getenv("NASC_DATA"))
        folder[count++] = getenv("NASC_DATA");
    folder[count++] = NASC_DATA_DIR;
    return (DataPath){folder, count};
}

bool session_fits(Session *session, const Task *task, const char *key, Shape input,
                  const Dataset *data) {
    Arena *arena = session->arena;
    Shape image = {3, {data->height, data->width, data->channels}};
    if (shape_equal(image, input))
        return true;
    const Decl *decl = spec_decl(session->spec, DECL_TASK, task->name);
    const DataSource *source = !strcmp(key, "test") ? &task->test : &task->train;
    session_error(session, decl_entry(decl, key)->span,
                  str_format(arena, "the images of %.*s are %.*s, but the network takes %.*s",
                             STR_ARG(source->images), STR_ARG(shape_print(arena, image)),
                             STR_ARG(shape_print(arena, input))));
    return false;
}

int session_open_test(Session *session, const Task *task, Shape input, Dataset *test) {
    Str why;
    if (data_open_test(session->arena, task, session_data_path(session), test, &why))
        return session_fits(session, task, "test", input, test) ? EXIT_DONE : EXIT_FILE;
    fprintf(stderr, "nasc: %.*s\n", STR_ARG(why));
    return EXIT_ENVIRONMENT;
}

Store *session_open_study(Session *session, Arena *arena) {
    const char *why;
    Str path = path_join(arena, session->out, STR("study.db"));
    Store *store = store_open(arena, str_terminated(arena, path), STUDY_SCHEMA, &why);
    if (!store)
        fprintf(stderr, "nasc: the study %.*s: %s\n", STR_ARG(path), why);
    return store;
}

bool session_has(Session *session, bool search) {
    bool found = search ? spec_root_decl(session->spec, DECL_SEARCH, 0) != NULL
                        : spec_network(session->spec, 0).length > 0 ||
                              spec_root_decl(session->spec, DECL_EMIT, 0) != NULL ||
                              spec_root_decl(session->spec, DECL_SEARCH, 0) != NULL;
    if (!found)
        fprintf(stderr, "nasc: %s has no %s\n", session->options.file,
                search ? "search" : "network, search or emit of its own");
    return found;
}

void session_pool(Session *session) {
    if (!session->pool)
        session->pool = pool_new(session->options.threads);
}

const char *session_cache(Arena *arena) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *why;
    Str folder;
    if (cache && *cache == '/')
        folder = path_join(arena, str_of(cache), STR("nasc"));
    else if (home && *home == '/')
        folder = path_join(arena, str_of(home), STR(".cache/nasc"));
    else
        return NULL;
    const char *path = str_terminated(arena, folder);
    return directory_make(path, &why) ? path : NULL;
}

/* Kernels are machine code, so they are never taken from a folder of results, which others may
 * have made. */
static const char *kernel_file(Arena *arena) {
    const char *folder = session_cache(arena);
    return folder ? str_terminated(arena, path_join(arena, str_of(folder), STR("kernels.db")))
                  : NULL;
}

void session_jit(Session *session) {
    Str warning;
    if (session->jit || !llvm_available())
        return;
    session->jit = jit_new(session->arena, kernel_file(session->arena), &warning);
    if (warning.length)
        fprintf(stderr, "nasc: %.*s\n", STR_ARG(warning));
}
