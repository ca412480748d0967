/* nasc check and nasc space: what a file says, before anything runs. Copyright the nasc
 * authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <string.h>

/* What lacks an engine is not bound: its words mean nothing to a plan yet. */
static bool is_runnable(const Session *session, const Decl *decl) {
    int missing;
    (void)decl_missing(session->spec, decl, &missing);
    return missing == 0;
}

/* Every network under the precisions that the searches ask for: elaboration is part of
 * checking. */
bool session_bind(Session *session) {
    for (int i = 0; spec_network(session->spec, i).length; i++)
        (void)spec_space(session->spec, spec_network(session->spec, i), STR(""));
    const Decl *decl;
    for (int i = 0; (decl = spec_root_decl(session->spec, DECL_SEARCH, i)); i++) {
        SearchBinding binding;
        if (is_runnable(session, decl))
            (void)bind_search(session, decl, &binding);
    }
    for (int i = 0; (decl = spec_root_decl(session->spec, DECL_EMIT, i)); i++) {
        EmitBinding binding;
        if (is_runnable(session, decl))
            (void)bind_emit(session, decl, &binding);
    }
    return error_count(session->diagnostics) == 0;
}

bool emit_early(Session *session) {
    const char *what = session->options.emit;
    Text text = text_new(session->arena);
    LlvmForm form;
    if (!what)
        return false;
    if (llvm_form_of(what, &form) && !llvm_available())
        die(EXIT_ENVIRONMENT, "--emit=%s wants LLVM, which this nasc was built without", what);
    if (!strcmp(what, "ast"))
        spec_print_syntax(session->spec, &text);
    else if (!strcmp(what, "spec"))
        spec_print(session->spec, &text);
    else if (!strcmp(what, "space"))
        for (int i = 0; spec_network(session->spec, i).length; i++)
            space_print(spec_space(session->spec, spec_network(session->spec, i), STR("")),
                        &text);
    else
        return false;
    printf("%.*s", STR_ARG(text_str(&text)));
    return true;
}

int check_command(Session *session) {
    session_load(session);
    bool sound = error_count(session->diagnostics) == 0 && session_bind(session);
    session_print_errors(session);
    if (!sound)
        return EXIT_FILE;
    if (!emit_early(session) && !session->options.json)
        printf("%s: no mistakes found\n", session->options.file);
    return EXIT_DONE;
}

int space_command(Session *session) {
    if (!session_read(session))
        return EXIT_FILE;
    if (!session_bind(session)) {
        session_print_errors(session);
        return EXIT_FILE;
    }
    if (emit_early(session))
        return EXIT_DONE;
    if (!session_has(session, false))
        return EXIT_FILE;
    return space_of_all(session);
}
