/* random_model.h: random integer models for whatever runs one model in two ways: any operators,
 * shapes and formats, zero points at both ends, weights at their extremes, sums near their
 * bound. A model is made from a recipe, which is numbers alone: it can be drawn from a seed,
 * made smaller, written down and read back.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef RANDOM_MODEL_H
#define RANDOM_MODEL_H

#include "net/net.h"

/* How the weight codes of an operator are drawn. */
typedef enum {
    CODES_RANDOM,
    CODES_MIXED, /* each channel in a way of its own */
    CODES_HIGHEST,
    CODES_LOWEST,
    CODES_ENDS, /* highest or lowest */
    CODES_ZERO,
    CODES_SINGLE, /* one code that is not zero */
    CODES_STYLES
} CodeStyle;
/* Biases: as far as the accumulator is proven for BOUND. */
typedef enum { BIAS_NONE, BIAS_SMALL, BIAS_LARGE, BIAS_BOUND, BIAS_STYLES } BiasStyle;
/* Steps of the channels' codes; TINY: some channels at 1e-9 of the others. */
typedef enum { STEPS_EQUAL, STEPS_VARIED, STEPS_TINY, STEPS_STYLES } StepStyle;
/* The gains of a batch norm: of one sign, of both, some 0, some 1e-9. */
typedef enum { NORM_POSITIVE, NORM_SIGNED, NORM_ZEROS, NORM_TINY, NORM_STYLES } NormStyle;

/* An operator and how its constants are drawn; ints alone, see the table in recipe.c. */
typedef struct Draw {
    int kind, inputs, input[MAX_INPUTS], attribute[ATTRIBUTE_COUNT];
    int weights, output; /* formats */
    int zero;            /* of its result; brought into the format's range */
    int stream;          /* of its random numbers */
    int codes, bias, steps, norm;
    int spread; /* quarters of powers of two that its results are wider than the codes */
} Draw;

enum { RECIPE_OPS = 32 };
typedef struct Recipe {
    uint64_t seed;
    Shape input;
    int count, output;
    Draw op[RECIPE_OPS]; /* op[0] is the input */
} Recipe;

/* ---- random_model.c: drawing ------------------------------------------------------------- */

/* A recipe of up to `layers` operators that builds; the same for the same seed. */
void recipe_draw(Recipe *recipe, uint64_t seed, int layers);
/* The model of recipe_draw. */
Model random_model(Arena *arena, uint64_t seed, int layers);
/* Codes of a tensor by `which`: all lowest (0), all highest (1), both in turn (2), or random
 * (from 3 on). */
void random_input(const Tensor *tensor, uint64_t seed, int which, int16_t *codes);
/* The same as model_run takes them: one element for each code. */
const void *input_unpacked(Arena *arena, const Tensor *tensor, const int16_t *codes);

/* ---- recipe.c: recipes to networks and text ---------------------------------------------- */

/* Appends the operator to a network; false where it has no shape. */
bool recipe_append(Arena *arena, const Draw *draw, Net *net);
/* False and *why where an operator has no shape. */
bool recipe_net(Arena *arena, const Recipe *recipe, Net *net, Str *why);
/* Without the operators that the output does not need. */
void recipe_prune(Recipe *recipe);
/* Lines "// op conv in=0 a0=3 ...", which may stand in a .nas file. */
void recipe_print(const Recipe *recipe, Text *text);
/* Reads the first recipe of a text, whatever stands around it. */
bool recipe_parse(Str text, Recipe *recipe);

/* ---- random_constants.c: recipes to models ----------------------------------------------- */

/* False and *why where there is no such network or integer model. */
bool recipe_build(Arena *arena, const Recipe *recipe, Net *net, Model *model, Str *why);

static inline int random_between(Random *random, int low, int high) {
    return low + random_below(random, high - low + 1);
}

#endif
