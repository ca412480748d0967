/* nasc train and nasc search: the first phases of a build, and a stop. Copyright the nasc
 * authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

static int up_to(Session *session, bool search) {
    bool sound =
        session_read(session) && session_has(session, true) && session_runs(session, true);
    int code = sound ? EXIT_DONE : EXIT_FILE;
    const Decl *decl;
    for (int i = 0; !code && (decl = spec_root_decl(session->spec, DECL_SEARCH, i)); i++) {
        Run run;
        code = run_bind(session, decl, &run);
        if (!code)
            code = run_open(&run);
        if (!code)
            code = run_bounds(&run);
        if (!code)
            code = run_train(&run);
        if (!code && search)
            code = run_search(&run);
        if (!code && search && session->options.json)
            printf("%.*s", STR_ARG(result_front(&run)));
        else if (!code && search)
            show_front(&run, -1, stdout);
        code = run_end(&run, code);
    }
    return code;
}

int train_command(Session *session) {
    return up_to(session, false);
}

int search_command(Session *session) {
    return up_to(session, true);
}
