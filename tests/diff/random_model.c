/* Random recipes: which operators, in which order, with which attributes, formats and styles.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/random_model.h"

#include <string.h>

/* A recipe being drawn, and its network so far. */
typedef struct Drawing {
    Random random;
    Arena *arena;
    Recipe *recipe;
    Net net;
    int64_t macs, elements; /* what one operator may cost */
    int wild;               /* of a hundred operators, how many have extreme constants */
} Drawing;

#define PICK(random, ...)                                                                      \
    ((const int[]){__VA_ARGS__}[random_below(random, COUNT(((const int[]){__VA_ARGS__})))])

static bool one_in(Random *random, int n) {
    return random_below(random, n) == 0;
}

/* ---- operators --------------------------------------------------------------------------- */

/* How often an operator is tried; one that lacks a row is not drawn. */
static const int shares[OP_COUNT] = {
    [OP_CONV] = 30,        [OP_DEPTHWISE] = 18,
    [OP_DENSE] = 5,        [OP_ADD] = 14,
    [OP_RELU] = 3,         [OP_RELU6] = 3,
    [OP_MAX_POOL] = 6,     [OP_AVERAGE_POOL] = 6,
    [OP_BATCH_NORM] = 3,   [OP_GLOBAL_AVERAGE] = 2,
    [OP_MUL] = 7,          [OP_CONCAT] = 5,
    [OP_SLICE] = 3,        [OP_PAD] = 3,
    [OP_UPSAMPLE] = 3,     [OP_CHANNEL_SHUFFLE] = 3,
    [OP_FLATTEN] = 1,      [OP_RESHAPE] = 5,
    [OP_HARD_SIGMOID] = 2, [OP_HARD_SWISH] = 3,
    [OP_SIGMOID] = 2,      [OP_TANH] = 2,
    [OP_SILU] = 2,         [OP_GELU] = 2,
    [OP_SOFTMAX] = 3,      [OP_LAYER_NORM] = 3,
    [OP_MATMUL] = 20,
};

static int draw_kind(Drawing *d) {
    int sum = 0, kind = 0;
    for (int k = 0; k < OP_COUNT; k++)
        sum += shares[k];
    int at = random_below(&d->random, sum);
    while (at >= shares[kind])
        at -= shares[kind++];
    return kind;
}

/* ---- attributes -------------------------------------------------------------------------- */

static int draw_channels(Drawing *d) {
    if (one_in(&d->random, 12))
        return PICK(&d->random, 17, 31, 32, 33, 48, 63, 64, 65, 96);
    return PICK(&d->random, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 12, 13, 15, 16, 16, 20, 24);
}

static int greatest_common_divisor(int a, int b) {
    return b ? greatest_common_divisor(b, a % b) : a;
}

static int draw_divisor(Random *random, int n) {
    int divisor = one_in(random, 3) ? n : random_between(random, 1, n);
    while (n % divisor)
        divisor--;
    return divisor;
}

static int draw_groups(Drawing *d, int in, Draw *draw) {
    if (random_below(&d->random, 3))
        return 1;
    int *channels = &draw->attribute[ATTRIBUTE_CHANNELS];
    if (one_in(&d->random, 3) && in <= 16) /* a depthwise convolution with a multiplier */
        *channels = in * random_between(&d->random, 1, 3);
    return draw_divisor(&d->random, greatest_common_divisor(in, *channels));
}

/* Small and odd mostly; at times wider than the image, or wider than what is sensible. */
static int draw_kernel(Drawing *d) {
    if (one_in(&d->random, 16))
        return random_between(&d->random, 6, 13);
    return PICK(&d->random, 1, 2, 3, 3, 3, 4, 5, 7);
}

static int draw_stride(Drawing *d) {
    return PICK(&d->random, 1, 1, 1, 1, 2, 2, 3, 4);
}

static void draw_window(Drawing *d, Draw *draw) {
    int *a = draw->attribute;
    bool square = random_below(&d->random, 3);
    a[ATTRIBUTE_KERNEL_H] = draw_kernel(d);
    a[ATTRIBUTE_KERNEL_W] = square ? a[ATTRIBUTE_KERNEL_H] : draw_kernel(d);
    a[ATTRIBUTE_STRIDE_H] = draw_stride(d);
    a[ATTRIBUTE_STRIDE_W] = square ? a[ATTRIBUTE_STRIDE_H] : draw_stride(d);
    a[ATTRIBUTE_SAME] = random_below(&d->random, 3) != 0;
    if (draw->kind == OP_CONV && one_in(&d->random, 3))
        for (int k = ATTRIBUTE_KERNEL_H; k <= ATTRIBUTE_STRIDE_W; k++)
            a[k] = 1;
}

static void draw_conv(Drawing *d, Shape in, Draw *draw) {
    draw_window(d, draw);
    draw->attribute[ATTRIBUTE_CHANNELS] = draw_channels(d);
    draw->attribute[ATTRIBUTE_GROUPS] = draw_groups(d, shape_channels(in), draw);
}

static void draw_pool(Drawing *d, Shape in, Draw *draw) {
    (void)in;
    draw_window(d, draw);
}

static void draw_dense(Drawing *d, Shape in, Draw *draw) {
    (void)in;
    draw->attribute[ATTRIBUTE_CHANNELS] = draw_channels(d);
}

static void draw_slice(Drawing *d, Shape in, Draw *draw) {
    int channels = shape_channels(in);
    int *taken = &draw->attribute[ATTRIBUTE_CHANNELS];
    *taken =
        one_in(&d->random, 2) ? (channels + 1) / 2 : random_between(&d->random, 1, channels);
    draw->attribute[ATTRIBUTE_FROM] = random_between(&d->random, 0, channels - *taken);
}

static void draw_pad(Drawing *d, Shape in, Draw *draw) {
    (void)in;
    for (int a = ATTRIBUTE_TOP; a <= ATTRIBUTE_RIGHT; a++)
        draw->attribute[a] = PICK(&d->random, 0, 0, 1, 1, 2, 3);
}

static void draw_upsample(Drawing *d, Shape in, Draw *draw) {
    (void)in;
    draw->attribute[ATTRIBUTE_FACTOR_H] = random_between(&d->random, 1, 3);
    draw->attribute[ATTRIBUTE_FACTOR_W] = random_between(&d->random, 1, 3);
}

static void draw_shuffle(Drawing *d, Shape in, Draw *draw) {
    draw->attribute[ATTRIBUTE_GROUPS] = draw_divisor(&d->random, shape_channels(in));
}

/* Rows and channels mostly, for products of matrices. */
static void draw_reshape(Drawing *d, Shape in, Draw *draw) {
    int left = (int)shape_elements(in), *a = draw->attribute;
    a[ATTRIBUTE_CHANNELS] =
        one_in(&d->random, 2) ? shape_channels(in) : draw_divisor(&d->random, left);
    left /= a[ATTRIBUTE_CHANNELS];
    if (one_in(&d->random, 3))
        a[ATTRIBUTE_HEIGHT] = draw_divisor(&d->random, left);
    a[ATTRIBUTE_WIDTH] = a[ATTRIBUTE_HEIGHT] ? left / a[ATTRIBUTE_HEIGHT] : left;
}

static void draw_matmul(Drawing *d, Shape in, Draw *draw) {
    (void)in;
    draw->attribute[ATTRIBUTE_TRANSPOSED] = random_below(&d->random, 2);
}

/* Of operators that have any. */
static void (*const attribute_draws[OP_COUNT])(Drawing *d, Shape in, Draw *draw) = {
    [OP_CONV] = draw_conv,
    [OP_DEPTHWISE] = draw_pool,
    [OP_DENSE] = draw_dense,
    [OP_MAX_POOL] = draw_pool,
    [OP_AVERAGE_POOL] = draw_pool,
    [OP_SLICE] = draw_slice,
    [OP_PAD] = draw_pad,
    [OP_UPSAMPLE] = draw_upsample,
    [OP_CHANNEL_SHUFFLE] = draw_shuffle,
    [OP_RESHAPE] = draw_reshape,
    [OP_MATMUL] = draw_matmul,
};

/* ---- formats and styles ------------------------------------------------------------------ */

/* Often the lowest, as relus like it; the highest makes constants of them. */
static int draw_zero(Random *random, Format format, bool wild) {
    int low = format_low(format), high = format_high(format);
    if (format == FORMAT_I16)
        return 0;
    if (one_in(random, 5))
        return low;
    if (one_in(random, wild ? 4 : 40))
        return high;
    return random_between(random, low, wild ? high : low + (high - low) * 5 / 8);
}

/* Constants that a trained network could have. */
static void draw_tame(Random *r, Draw *draw) {
    draw->codes = PICK(r, CODES_RANDOM, CODES_RANDOM, CODES_RANDOM, CODES_MIXED, CODES_ENDS);
    draw->bias = PICK(r, BIAS_NONE, BIAS_SMALL, BIAS_SMALL);
    draw->steps = PICK(r, STEPS_EQUAL, STEPS_VARIED);
    draw->norm = PICK(r, NORM_POSITIVE, NORM_SIGNED, NORM_SIGNED, NORM_ZEROS);
    draw->spread = random_between(r, -2, 6);
}

/* Extremes: they often make results constant, so that networks of them alone would hide what
 * comes before. */
static void draw_wild(Random *r, Draw *draw) {
    draw->codes = PICK(r, CODES_MIXED, CODES_HIGHEST, CODES_LOWEST, CODES_ENDS, CODES_SINGLE);
    if (one_in(r, 12))
        draw->codes = CODES_ZERO;
    draw->bias = random_below(r, BIAS_STYLES);
    draw->steps = random_below(r, STEPS_STYLES);
    draw->norm = random_below(r, NORM_STYLES);
    draw->spread = one_in(r, 6) ? random_between(r, -80, 80) : random_between(r, -8, 20);
}

static void draw_constants(Drawing *d, Draw *draw) {
    Random *r = &d->random;
    bool wild = random_below(r, 100) < d->wild;
    draw->weights = PICK(r, FORMAT_I2, FORMAT_I3, FORMAT_I4, FORMAT_I4, FORMAT_I5, FORMAT_I6,
                         FORMAT_I7, FORMAT_I8, FORMAT_I8, FORMAT_I8, FORMAT_I8, FORMAT_I16);
    draw->output =
        PICK(r, FORMAT_I8, FORMAT_I8, FORMAT_I8, FORMAT_I8, FORMAT_I4, FORMAT_I4, FORMAT_I16);
    draw->zero = draw_zero(r, (Format)draw->output, wild);
    draw->stream = random_between(r, 1, 1 << 30);
    (wild ? draw_wild : draw_tame)(r, draw);
}

/* ---- the graph --------------------------------------------------------------------------- */

static bool have_shape(const Drawing *d, const Draw *draw, int partner) {
    Shape shapes[2] = {d->net.ops[draw->input[0]].shape, d->net.ops[partner].shape}, out;
    const char *why;
    return operator_shape((OpKind)draw->kind, draw->attribute, shapes, 2, &out, &why);
}

/* Another tensor that the operator takes beside its first: a near one often, the same where
 * there is no other. */
static int draw_partner(Drawing *d, const Draw *draw) {
    for (int i = d->net.count - 1; i >= 0; i--)
        if (i != draw->input[0] && have_shape(d, draw, i) && random_below(&d->random, 3))
            return i;
    return draw->input[0];
}

/* What follows a weighted operator in most networks. */
static int draw_follower(Drawing *d, int after) {
    OpKind kind = d->net.ops[after].kind;
    bool weighted = operator_facts[kind].weights == WEIGHTED;
    if (weighted && one_in(&d->random, 3))
        return OP_BATCH_NORM;
    if ((weighted || kind == OP_BATCH_NORM || kind == OP_ADD) && one_in(&d->random, 3))
        return one_in(&d->random, 2) ? OP_RELU : OP_RELU6;
    return draw_kind(d);
}

static void try_operator(Drawing *d) {
    Recipe *recipe = d->recipe;
    int last = d->net.count - 1;
    int from = random_below(&d->random, 4) ? last : random_below(&d->random, d->net.count);
    Draw draw = {.kind = draw_follower(d, from)};
    draw.inputs = operator_facts[draw.kind].inputs;
    if (draw.inputs == SEVERAL)
        draw.inputs = PICK(&d->random, 2, 2, 3, 4);
    draw.input[0] = from;
    if (attribute_draws[draw.kind])
        attribute_draws[draw.kind](d, d->net.ops[from].shape, &draw);
    for (int k = 1; k < draw.inputs; k++)
        draw.input[k] = draw_partner(d, &draw);
    draw_constants(d, &draw);
    if (!recipe_append(d->arena, &draw, &d->net))
        return;
    if (shape_elements(d->net.ops[recipe->count].shape) > d->elements ||
        op_macs(&d->net, recipe->count) > d->macs) {
        d->net.output = --d->net.count - 1;
        return;
    }
    recipe->op[recipe->count++] = draw;
}

static Shape draw_shape(Drawing *d, bool large) {
    Random *r = &d->random;
    if (one_in(r, 16))
        return (Shape){1, {random_between(r, 1, large ? 300 : 70)}};
    if (one_in(r, 12))
        return (Shape){2, {random_between(r, 1, 12), random_between(r, 1, 24)}};
    int most = large ? 40 : one_in(r, 8) ? 24 : 11;
    int channels = one_in(r, 3) ? draw_channels(d) : random_between(r, 1, 5);
    return (Shape){3, {random_between(r, 1, most), random_between(r, 1, most), channels}};
}

static void draw_once(Drawing *d, uint64_t seed, int layers) {
    Random *r = &d->random;
    bool large = one_in(r, 40);
    d->macs = large ? 200000 : 12000;
    d->elements = large ? 20000 : 2000;
    d->wild = PICK(r, 0, 10, 10, 60);
    Draw input = {.kind = OP_INPUT,
                  .output = PICK(r, FORMAT_U8, FORMAT_U8, FORMAT_I8, FORMAT_I4, FORMAT_I16)};
    input.zero = draw_zero(r, (Format)input.output, true);
    *d->recipe = (Recipe){.seed = seed, .input = draw_shape(d, large), .count = 1};
    d->recipe->op[0] = input;
    d->net = (Net){.ops = arena_array(d->arena, Op, RECIPE_OPS + 1), .count = 1};
    d->net.ops[0] = (Op){.kind = OP_INPUT,
                         .shape = d->recipe->input,
                         .output = (Format)input.output,
                         .site = -1};
    int target = 1 + random_between(r, 1, layers);
    for (int tries = 0; d->recipe->count < target && tries < 200; tries++)
        try_operator(d);
    d->recipe->output = d->recipe->count - 1;
    if (random_below(r, 8)) /* some keep operators that nobody reads */
        recipe_prune(d->recipe);
}

/* Whether some inputs give other outputs than others: without that, little is seen of what
 * stands before the output. */
static bool is_moved(Arena *arena, const Model *model, uint64_t seed) {
    const Tensor *from = &model->layers[0].out, *to = &model->layers[model->output].out;
    size_t bytes = sizeof(int32_t) * (size_t)shape_elements(to->shape);
    int16_t *codes = arena_array(arena, int16_t, shape_elements(from->shape));
    int32_t **first = arena_array(arena, int32_t *, model->count);
    int32_t **other = arena_array(arena, int32_t *, model->count);
    random_input(from, seed, 3, codes);
    model_run(arena, model, input_unpacked(arena, from, codes), first);
    random_input(from, seed, 4, codes);
    model_run(arena, model, input_unpacked(arena, from, codes), other);
    return memcmp(first[model->output], other[model->output], bytes) != 0;
}

void recipe_draw(Recipe *recipe, uint64_t seed, int layers) {
    enum { MOST_ATTEMPTS = 1000 };
    layers = (int)min_i64(layers, RECIPE_OPS - 1);
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        Arena *arena = arena_new();
        Drawing d = {.random = {seed, (uint64_t)attempt, 0}, .arena = arena, .recipe = recipe};
        Net net;
        Model model;
        Str why;
        draw_once(&d, seed, layers);
        bool good = recipe->count > 1 && recipe_build(arena, recipe, &net, &model, &why) &&
                    (one_in(&d.random, 8) || is_moved(arena, &model, seed));
        arena_free(arena);
        if (good)
            return;
    }
    die(EXIT_ENVIRONMENT, "no random model of seed %llu can be built",
        (unsigned long long)seed);
}

Model random_model(Arena *arena, uint64_t seed, int layers) {
    Recipe recipe;
    Net *net = arena_new_of(arena, Net);
    Model model;
    Str why;
    recipe_draw(&recipe, seed, layers);
    if (!recipe_build(arena, &recipe, net, &model, &why))
        die(EXIT_ENVIRONMENT, "a model builds once and not again: %.*s", STR_ARG(why));
    return model;
}

/* ---- inputs ------------------------------------------------------------------------------ */

void random_input(const Tensor *tensor, uint64_t seed, int which, int16_t *codes) {
    Random random = {seed, 2, (uint64_t)which << 32};
    int low = format_low(tensor->format), high = format_high(tensor->format);
    for (int64_t i = 0; i < shape_elements(tensor->shape); i++)
        codes[i] = (int16_t)(which == 0   ? low
                             : which == 1 ? high
                             : which == 2 ? (i % 2 ? low : high)
                                          : random_between(&random, low, high));
}

const void *input_unpacked(Arena *arena, const Tensor *tensor, const int16_t *codes) {
    int64_t count = shape_elements(tensor->shape);
    int8_t *narrow = arena_alloc(arena, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (int8_t)codes[i];
    return tensor->format == FORMAT_I16 ? (const void *)codes : narrow;
}
