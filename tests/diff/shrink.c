/* A failing network made smaller, edit by edit, as long as it fails.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/diff.h"

#include <string.h>

/* Edits change a recipe at one place; false where they change nothing there. */
typedef struct Edit {
    bool (*apply)(Recipe *recipe, int at, int variant);
    int variants;
    bool whole; /* the place does not matter */
} Edit;

/* ---- the graph --------------------------------------------------------------------------- */

/* The network ends early. */
static bool edit_end(Recipe *recipe, int at, int variant) {
    (void)variant;
    if (recipe->output == at || at == 0)
        return false;
    recipe->output = at;
    recipe_prune(recipe);
    return true;
}

static bool edit_prune(Recipe *recipe, int at, int variant) {
    (void)at, (void)variant;
    int before = recipe->count;
    recipe_prune(recipe);
    return recipe->count < before;
}

/* Readers of an operator read its input instead. */
static bool edit_drop(Recipe *recipe, int at, int variant) {
    if (at == 0 || at == recipe->output || variant >= recipe->op[at].inputs)
        return false;
    for (int i = at + 1; i < recipe->count; i++)
        for (int k = 0; k < recipe->op[i].inputs; k++)
            if (recipe->op[i].input[k] == at)
                recipe->op[i].input[k] = recipe->op[at].input[variant];
    recipe_prune(recipe);
    return true;
}

/* An operator reads the network's input. */
static bool edit_rise(Recipe *recipe, int at, int variant) {
    if (at == 0 || variant >= recipe->op[at].inputs || recipe->op[at].input[variant] == 0)
        return false;
    recipe->op[at].input[variant] = 0;
    recipe_prune(recipe);
    return true;
}

/* ---- sizes ------------------------------------------------------------------------------- */

static bool int_set(int *at, int value) {
    if (*at == value)
        return false;
    *at = value;
    return true;
}

/* To 1, to half, or by one less. */
static bool int_reduce(int *at, int variant) {
    int value = *at;
    return value > 1 && int_set(at, variant == 0 ? 1 : variant == 1 ? value / 2 : value - 1);
}

static bool edit_input(Recipe *recipe, int at, int variant) {
    return at < recipe->input.rank && int_reduce(&recipe->input.dim[at], variant);
}

static bool edit_channels(Recipe *recipe, int at, int variant) {
    return operator_has((OpKind)recipe->op[at].kind, ATTRIBUTE_CHANNELS) &&
           int_reduce(&recipe->op[at].attribute[ATTRIBUTE_CHANNELS], variant);
}

/* Of all operators and the input at once, since sums want equal shapes. */
static bool edit_all_channels(Recipe *recipe, int at, int variant) {
    bool changed = int_reduce(&recipe->input.dim[recipe->input.rank - 1], variant);
    for (at = 1; at < recipe->count; at++)
        changed |= edit_channels(recipe, at, variant);
    return changed;
}

/* Attributes to their simplest; variant: which attribute. */
static bool edit_attribute(Recipe *recipe, int at, int variant) {
    Draw *draw = &recipe->op[at];
    if (!operator_has((OpKind)draw->kind, (Attribute)variant) || variant == ATTRIBUTE_CHANNELS)
        return false;
    const AttributeFacts *facts = &attribute_facts[variant];
    int usual = facts->initial == NEEDED ? facts->least : facts->initial;
    int *value = &draw->attribute[variant];
    return (*value > usual || variant == ATTRIBUTE_SAME) && int_set(value, usual);
}

static bool edit_attribute_less(Recipe *recipe, int at, int variant) {
    Draw *draw = &recipe->op[at];
    return operator_has((OpKind)draw->kind, (Attribute)variant) &&
           int_reduce(&draw->attribute[variant], 2);
}

/* ---- formats and constants --------------------------------------------------------------- */

static bool edit_weights(Recipe *recipe, int at, int variant) {
    (void)variant;
    return at > 0 && operator_facts[recipe->op[at].kind].weights == WEIGHTED &&
           int_set(&recipe->op[at].weights, FORMAT_I8);
}

static bool edit_output(Recipe *recipe, int at, int variant) {
    (void)variant;
    return operator_facts[recipe->op[at].kind].output == OWN &&
           int_set(&recipe->op[at].output, FORMAT_I8);
}

/* The styles of constants, each to its plainest. */
static bool edit_style(Recipe *recipe, int at, int variant) {
    Draw *draw = &recipe->op[at];
    int *const styles[] = {&draw->bias, &draw->steps, &draw->norm, &draw->spread, &draw->zero};
    static const int plain[] = {BIAS_NONE, STEPS_EQUAL, NORM_POSITIVE, 0, 0};
    return int_set(styles[variant], plain[variant]);
}

/* The plainest codes come first; only plainer ones are tried, so that shrinking ends. */
static const int plain_codes[] = {CODES_HIGHEST, CODES_SINGLE, CODES_RANDOM};

static int plainness(int codes) {
    int i = 0;
    while (i < COUNT(plain_codes) && plain_codes[i] != codes)
        i++;
    return i;
}

static bool edit_codes(Recipe *recipe, int at, int variant) {
    return at > 0 && variant < plainness(recipe->op[at].codes) &&
           int_set(&recipe->op[at].codes, plain_codes[variant]);
}

/* In this order: what removes most comes first. */
static const Edit edits[] = {
    {edit_end, 1, false},
    {edit_prune, 1, true},
    {edit_drop, 2, false},
    {edit_rise, 2, false},
    {edit_all_channels, 3, true},
    {edit_input, 3, false},
    {edit_channels, 3, false},
    {edit_attribute, ATTRIBUTE_COUNT, false},
    {edit_attribute_less, ATTRIBUTE_COUNT, false},
    {edit_weights, 1, false},
    {edit_output, 1, false},
    {edit_style, 5, false},
    {edit_codes, 3, false},
};

/* Numbers that an operator does not look at would be edited for nothing. */
static bool is_applied(const Edit *edit, const Recipe *from, int at, int variant, Recipe *to) {
    *to = *from;
    if (!edit->apply(to, at, variant) || to->count < 2)
        return false;
    Arena *arena = arena_new();
    Net net;
    Model model;
    Str why;
    bool builds = recipe_build(arena, to, &net, &model, &why);
    arena_free(arena);
    return builds;
}

/* Goes through all edits once; returns whether any made the network smaller. */
static bool shrink_once(Recipe *smallest, double until,
                        bool (*fails)(void *context, const Recipe *recipe), void *context,
                        int *tried) {
    bool smaller = false;
    for (int e = 0; e < COUNT(edits); e++)
        for (int at = 0; at < (edits[e].whole ? 1 : smallest->count); at++)
            for (int variant = 0; variant < edits[e].variants; variant++) {
                Recipe candidate;
                if (clock_seconds() > until)
                    return false;
                if (!is_applied(&edits[e], smallest, at, variant, &candidate))
                    continue;
                ++*tried;
                if (!fails(context, &candidate))
                    continue;
                *smallest = candidate;
                smaller = true;
                if (at >= smallest->count)
                    break;
            }
    return smaller;
}

int recipe_shrink(const Recipe *from, double seconds,
                  bool (*fails)(void *context, const Recipe *recipe), void *context,
                  Recipe *smallest) {
    int tried = 0;
    double until = clock_seconds() + seconds;
    *smallest = *from;
    while (shrink_once(smallest, until, fails, context, &tried))
        ;
    return tried;
}
