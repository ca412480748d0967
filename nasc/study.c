/* nasc study: what the study of an output folder holds. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

typedef struct Listing {
    bool json;
    int rows;
} Listing;

static void list_design(void *context, Str key, Str value) {
    Listing *listing = context;
    if (listing->json)
        printf("%s  {\"key\": \"%.*s\", \"row\": %.*s}", listing->rows ? ",\n" : "",
               STR_ARG(key), STR_ARG(value));
    else
        printf("%.*s\n", STR_ARG(value));
    listing->rows++;
}

int study_command(Session *session) {
    Arena *arena = session->arena;
    const char *path = str_terminated(arena, path_join(arena, session->out, STR("study.db")));
    if (!file_exists(path)) {
        fprintf(stderr, "nasc: there is no study at %s; `nasc build %s -o %.*s` makes one\n",
                path, session->options.file, STR_ARG(session->out));
        return EXIT_ENVIRONMENT;
    }
    Store *store = session_open_study(session, arena);
    if (!store)
        return EXIT_ENVIRONMENT;
    Listing listing = {.json = session->options.json};
    if (listing.json)
        printf("[\n");
    store_each(store, "design", list_design, &listing);
    if (listing.json)
        printf("\n]\n");
    else
        printf("%d designs, %d topologies at full precision, %d sets of weights in %s\n",
               listing.rows, store_count(store, "full_precision"),
               store_count(store, "weights"), path);
    store_close(store);
    return EXIT_DONE;
}
