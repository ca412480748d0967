/* Any bytes as a .nas file: reading ends, and says what is wrong or gives sound spaces.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lang/lang.h"

static void require_sound(Spec *spec, Arena *arena) {
    for (int i = 0; spec_network(spec, i).length; i++) {
        const Space *space = spec_space(spec, spec_network(spec, i), (Str){"", 0});
        const char *fault = space ? space_check(space) : "no space, and no error";
        if (!fault)
            continue;
        fprintf(stderr, "%s\n", fault);
        abort();
    }
    Text text = text_new(arena);
    spec_print(spec, &text);
    spec_print_syntax(spec, &text);
}

/* Every member that is legal can be built; a few are tried. */
static void require_members(Spec *spec, Arena *arena) {
    enum { MEMBERS = 8 };
    Random random = {1, 2, 3};
    for (int i = 0; spec_network(spec, i).length; i++) {
        const Space *space = spec_space(spec, spec_network(spec, i), (Str){"", 0});
        Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
        for (int m = 0; m < MEMBERS; m++) {
            for (int c = 0; c < space->choices.count; c++)
                gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
            genotype_canonical(space, gene);
            Net net;
            Span span;
            Str why;
            if (!genotype_legal(space, gene) ||
                space_instantiate(arena, space, gene, &net, &span, &why))
                continue;
            fprintf(stderr, "a legal member fails: %.*s\n", STR_ARG(why));
            abort();
        }
    }
}

int fuzz_lang(const uint8_t *bytes, size_t count) {
    double begun = fuzz_clock();
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Str text = {(const char *)bytes, (int)count};
    Spec *spec = spec_read_text(arena, diagnostics, STR("fuzz.nas"), text, (LangOptions){0});
    if (error_count(diagnostics) == 0) {
        require_sound(spec, arena);
        require_members(spec, arena);
    }
    FILE *sink = fopen("/dev/null", "w");
    diagnostics_print(diagnostics, sink, 0);
    fclose(sink);
    arena_free(arena);
    fuzz_require_quick(begun);
    return 0;
}
