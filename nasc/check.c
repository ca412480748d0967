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

/* One line for each search. */
static void print_space_json(const Run *run) {
    Text text = text_new(run->arena);
    SpaceCount count = space_count(run->arena, run->plan.space);
    text_add(&text, "{\"search\": ");
    json_add_string(&text, run->plan.name);
    text_add(&text, ", \"network\": ");
    json_add_string(&text, run->plan.network);
    text_add(&text, ", \"decisions\": %d, \"members\": \"%.*s\", \"exact\": %s}",
             run->plan.space->choices.count, STR_ARG(count.digits),
             count.exact ? "true" : "false");
    printf("%.*s\n", STR_ARG(text_str(&text)));
}

/* Flash, RAM and latency of random designs need a device's table, but neither data nor
 * training. */
static int space_of_search(Session *session, const Decl *decl) {
    Run run;
    int code = run_bind(session, decl, &run);
    if (code)
        return code;
    if (session->options.json) {
        print_space_json(&run);
        return run_end(&run, EXIT_DONE);
    }
    printf("search %.*s\n", STR_ARG(run.plan.name));
    show_space(run.plan.space, stdout);
    code = run_survey(&run);
    return run_end(&run, code);
}

/* What cannot be run yet can be counted. */
static void space_unbound(Session *session, const Decl *decl) {
    const SpecValue *precision = decl_value(decl, "precision");
    Str network = spec_subject(session->spec, decl);
    const Space *space =
        spec_space(session->spec, network, precision ? precision->text : STR(""));
    printf("search %.*s\n", STR_ARG(decl->name));
    if (space)
        show_space(space, stdout);
    else
        printf("network %.*s: counted once it is imported\n", STR_ARG(network));
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
    int searches = 0, code = EXIT_DONE;
    const Decl *decl;
    for (; !code && (decl = spec_root_decl(session->spec, DECL_SEARCH, searches)); searches++)
        if (is_runnable(session, decl))
            code = space_of_search(session, decl);
        else
            space_unbound(session, decl);
    for (int i = 0; !searches && spec_network(session->spec, i).length; i++)
        show_space(spec_space(session->spec, spec_network(session->spec, i), STR("")), stdout);
    return code;
}
