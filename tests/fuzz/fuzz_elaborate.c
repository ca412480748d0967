/* Bytes as the tape of a random text that is right by construction: it is accepted, its space is
 * sound, and members of it can be built.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lang/lang.h"
#include "tests/lang/random_spec.h"

static void give_up(const char *why, Str text) {
    fprintf(stderr, "%s:\n%.*s", why, STR_ARG(text));
    abort();
}

/* The first member, the last, and some between. */
static void build_members(Arena *arena, const Space *space, Str text) {
    enum { MEMBERS = 6 };
    Gene *gene = arena_array(arena, Gene, space->choices.count + 1);
    Random random = {1, 2, 3};
    for (int m = 0; m < MEMBERS; m++) {
        Net net;
        Span span;
        Str why;
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        if (m < 2)
            genotype_extreme(space, gene, m);
        genotype_canonical(space, gene);
        if (!genotype_legal(space, gene))
            continue;
        if (!space_instantiate(arena, space, gene, &net, &span, &why) || net_check(&net))
            give_up("a legal member cannot be built", text);
    }
}

int fuzz_elaborate(const uint8_t *bytes, size_t count) {
    double begun = fuzz_clock();
    enum { MEMBERS = 100000 };
    SpecRecipe recipe = spec_recipe_of(bytes, count, true, MEMBERS);
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Str text = spec_recipe_text(arena, &recipe);
    Spec *spec = spec_read_text(arena, diagnostics, STR("fuzz.nas"), text, (LangOptions){0});
    const Space *space = spec_space(spec, STR("n"), (Str){"", 0});
    if (error_count(diagnostics) || !space) {
        diagnostics_print(diagnostics, stderr, 0);
        give_up("a text that is right is refused", text);
    }
    if (space_check(space))
        give_up(space_check(space), text);
    build_members(arena, space, text);
    arena_free(arena);
    fuzz_require_quick(begun);
    return 0;
}
