/* What the phases of a run share: the file as read, its mistakes, threads, where data is found.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include "config.h"

#include <stdlib.h>

void session_load(Session *session) {
    LangOptions lang = {.std_path = session->options.library};
    session->spec =
        spec_read(session->arena, session->diagnostics, session->options.file, lang);
}

bool session_read(Session *session) {
    session_load(session);
    return error_count(session->diagnostics) == 0 || !session_print_errors(session);
}

bool session_print_errors(Session *session) {
    enum { SHOWN = 20 };
    if (session->options.json)
        printf("%.*s\n", STR_ARG(diagnostics_json(session->diagnostics, session->arena)));
    else
        diagnostics_print(session->diagnostics, stderr, SHOWN);
    return error_count(session->diagnostics) > 0;
}

void session_error(Session *session, Span span, Str why) {
    Place place;
    if (!span_place(session->diagnostics, span, &place)) {
        fprintf(stderr, "nasc: %.*s\n", STR_ARG(why));
        return;
    }
    error_at(session->diagnostics, span, "%.*s", STR_ARG(why));
    diagnostics_print(session->diagnostics, stderr, 0);
}

/* Where data is looked for: beside the file, --data, NASC_DATA, the system's folder. */
DataPath session_data_path(Session *session) {
    const Options *options = &session->options;
    const char **folder = arena_array(session->arena, const char *, 4);
    int count = 0;
    folder[count++] = str_terminated(session->arena, path_directory(str_of(options->file)));
    if (options->data)
        folder[count++] = options->data;
    if (getenv("NASC_DATA"))
        folder[count++] = getenv("NASC_DATA");
    folder[count++] = NASC_DATA_DIR;
    return (DataPath){folder, count};
}

bool session_open_test(Session *session, const Task *task, Dataset *test) {
    Str why;
    if (data_open_test(session->arena, task, session_data_path(session), test, &why))
        return true;
    fprintf(stderr, "nasc: %.*s\n", STR_ARG(why));
    return false;
}

void session_pool(Session *session) {
    if (!session->pool)
        session->pool = pool_new(session->options.threads);
}
