/* random_spec.h: random `.nas` texts: blocks, decisions of every form, loops, conditions,
 * residual sums that may not agree, kernels that may not fit, precision rules. A text is made
 * from a recipe, which is a tape of bytes: it can be drawn from a seed, given by a fuzzer, and
 * made smaller while something stays true of it.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef RANDOM_SPEC_H
#define RANDOM_SPEC_H

#include "base/base.h"

enum { SPEC_TAPE = 400 };
/* Every tape makes a text; past its end all draws give 0, the plainest. */
typedef struct SpecRecipe {
    uint8_t tape[SPEC_TAPE];
    int count;
    bool valid;     /* right by construction; else it may hold mistakes that only some members
                     * show */
    double members; /* about the most that the space has */
} SpecRecipe;

/* The same for the same seed; `length` bytes of tape, at most SPEC_TAPE: 40 makes a small text,
 * 200 a large one. */
SpecRecipe spec_recipe_draw(uint64_t seed, int length, bool valid, double members);
/* From bytes that someone else chose. */
SpecRecipe spec_recipe_of(const uint8_t *bytes, size_t count, bool valid, double members);
/* One network `n` with an unnamed precision. */
Str spec_recipe_text(Arena *arena, const SpecRecipe *recipe);
/* The smallest recipe found for which `holds` is still true; it is true of the one given. */
SpecRecipe spec_recipe_shrink(SpecRecipe recipe,
                              bool (*holds)(void *context, const SpecRecipe *recipe),
                              void *context);

#endif
