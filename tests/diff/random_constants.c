/* Random constants of a recipe: floats as training would leave them, then the integer model.
 * Codes are drawn first and the floats made from them, so that what shall be extreme is.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/random_model.h"

#include <math.h>

typedef struct Constants {
    Arena *arena;
    const Recipe *recipe;
    const Net *net;
    OpWeights *ops; /* (net->count) */
} Constants;

/* ---- tensors ----------------------------------------------------------------------------- */

static const OpWeights *quantiser_of(const Constants *c, int op) {
    return &c->ops[net_quantiser(c->net, op)];
}

static Format format_of_result(const Constants *c, int op) {
    return c->net->ops[net_quantiser(c->net, op)].output;
}

/* The largest distance of a code from the zero point. */
static double reach_of(const Constants *c, int op) {
    Format format = format_of_result(c, op);
    int zero = quantiser_of(c, op)->zero;
    return (double)max_i64(zero - format_low(format), format_high(format) - zero);
}

/* The largest real number that the tensor can hold. */
static double range_of(const Constants *c, int op) {
    return quantiser_of(c, op)->scale * reach_of(c, op);
}

/* Scale and zero point for results up to `range`, which `spread` lets go beyond the codes. */
static void quantiser_set(Constants *c, int op, double range) {
    const Draw *draw = &c->recipe->op[op];
    OpWeights *owner = &c->ops[net_quantiser(c->net, op)];
    Format format = format_of_result(c, op);
    int low = format_low(format), high = format_high(format);
    int zero = format == FORMAT_I16 ? 0 : draw->zero;
    owner->scale = (range > 0 ? range : 1) * exp2(-draw->spread / 4.0) / (high - low);
    owner->zero = zero < low ? low : zero > high ? high : zero;
}

/* ---- weights ----------------------------------------------------------------------------- */

static int draw_code(Random *random, int limit, int style) {
    switch (style) {
    case CODES_HIGHEST:
        return limit;
    case CODES_LOWEST:
        return -limit;
    case CODES_ENDS:
        return random_below(random, 2) ? limit : -limit;
    case CODES_ZERO:
    case CODES_SINGLE:
        return 0;
    default:
        return random_between(random, -limit, limit);
    }
}

/* Codes of one channel; returns the sum of their sizes. */
static double channel_codes(Random *random, int limit, int style, int row, int16_t *code) {
    static const int mixed[] = {CODES_RANDOM, CODES_RANDOM, CODES_RANDOM, CODES_HIGHEST,
                                CODES_LOWEST, CODES_ENDS,   CODES_ZERO,   CODES_SINGLE};
    if (style == CODES_MIXED)
        style = mixed[random_below(random, COUNT(mixed))];
    double sum = 0;
    for (int k = 0; k < row; k++)
        code[k] = (int16_t)draw_code(random, limit, style);
    if (style == CODES_SINGLE)
        code[random_below(random, row)] =
            (int16_t)(random_below(random, 2) ? limit : -random_between(random, 1, limit));
    for (int k = 0; k < row; k++)
        sum += fabs((double)code[k]);
    return sum;
}

static double draw_step(Random *random, int style) {
    if (style == STEPS_TINY && random_below(random, 4) == 0)
        return 1e-9;
    return style == STEPS_EQUAL ? 1 : exp2(-5 * random_next_unit(random));
}

static float *draw_floats(Arena *arena, Random *random, int count, double size) {
    float *values = arena_array(arena, float, count);
    for (int i = 0; i < count; i++)
        values[i] = (float)((2 * random_next_unit(random) - 1) * size);
    return values;
}

/* Weights of operator `op`; `sum` gets each channel's sum of weight sizes. */
static void draw_weights(Constants *c, Random *random, int op, double *sum) {
    const Op *at = &c->net->ops[op];
    const Draw *draw = &c->recipe->op[op];
    int channels = shape_channels(at->shape), row = op_fan_in(c->net, op);
    int16_t *codes = arena_array(c->arena, int16_t, (int64_t)channels * row);
    float *weight = arena_array(c->arena, float, (int64_t)channels *row);
    float *step = arena_array(c->arena, float, channels);
    double largest = 1, range = range_of(c, at->input[0]);
    for (int k = 0; k < channels; k++) {
        sum[k] = channel_codes(random, format_weight_limit(at->weights), draw->codes, row,
                               codes + (int64_t)k * row);
        largest = fmax(largest, sum[k]);
    }
    /* results of about this size, so that what says 6 in reals is within the codes at times */
    double base = exp2(5 * random_next_unit(random)) / (range * largest);
    for (int k = 0; k < channels; k++) {
        step[k] = (float)(base * draw_step(random, draw->steps));
        sum[k] *= step[k];
        for (int64_t i = (int64_t)k * row; i < (int64_t)(k + 1) * row; i++)
            weight[i] = (float)((double)codes[i] * step[k]);
    }
    c->ops[op].weight = weight;
    c->ops[op].weight_scale = step;
}

static void draw_biases(Constants *c, Random *random, int op, const double *range) {
    int channels = shape_channels(c->net->ops[op].shape), style = c->recipe->op[op].bias;
    if (style == BIAS_NONE || style == BIAS_BOUND)
        return;
    float *bias = draw_floats(c->arena, random, channels, style == BIAS_LARGE ? 4 : 0.25);
    for (int k = 0; k < channels; k++)
        bias[k] *= (float)range[k];
    c->ops[op].bias = bias;
}

/* ---- batch norms ------------------------------------------------------------------------- */

static float draw_gain(Random *random, int style) {
    float gain = (float)(0.05 + 2 * random_next_unit(random));
    if (style != NORM_POSITIVE && random_below(random, 2))
        gain = -gain;
    if ((style == NORM_ZEROS || style == NORM_TINY) && random_below(random, 3) == 0)
        gain = style == NORM_ZEROS ? 0 : 1e-9f;
    return gain;
}

/* Of channels whose results reach `range`, which becomes what the norm makes of them. */
static void draw_norm(Constants *c, Random *random, int op, double *range) {
    int channels = shape_channels(c->net->ops[op].shape);
    OpWeights *norm = &c->ops[op];
    float *gamma = arena_array(c->arena, float, channels);
    float *mean = draw_floats(c->arena, random, channels, 0.5);
    float *variance = arena_array(c->arena, float, channels);
    norm->beta = draw_floats(c->arena, random, channels, 1);
    for (int k = 0; k < channels; k++) {
        gamma[k] = draw_gain(random, c->recipe->op[op].norm);
        mean[k] *= (float)range[k];
        double deviation = range[k] * (0.05 + 0.5 * random_next_unit(random));
        variance[k] = (float)(deviation * deviation);
        double gain = fabs(gamma[k]) / sqrt(variance[k] + BATCH_NORM_EPSILON);
        range[k] = gain * (range[k] + fabs(mean[k])) + fabs(norm->beta[k]);
    }
    norm->gamma = gamma;
    norm->mean = mean;
    norm->variance = variance;
}

/* ---- sums at their bound ----------------------------------------------------------------- */

/* Which channels get the largest biases that are proven to fit. All: results are scaled so that
 * these are not lost at the ends of the codes, but little else is seen. Some: the others stay
 * as they are. */
typedef enum { STRETCH_NONE, STRETCH_SOME, STRETCH_ALL } Stretch;

static Stretch stretches(const Draw *draw, const Net *net, int op) {
    if (draw->bias != BIAS_BOUND || operator_facts[draw->kind].weights != WEIGHTED ||
        net_folded_norm(net, op) >= 0)
        return STRETCH_NONE;
    return draw->stream % 3 ? STRETCH_SOME : STRETCH_ALL;
}

/* Biases of either sign, as large as can be proven or somewhat less. */
static void stretch_biases(Random *random, const Model *model, Layer *layer, Stretch how) {
    for (int k = 0; k < layer->out_channels; k++)
        layer->bias[k] = 0;
    int64_t bound = layer_bound(layer, &model->layers[layer->input[0]].out);
    int64_t room = (layer->accumulator_bits == 32 ? 1LL << 31 : 1LL << 46) - 1 - bound;
    for (int k = 0; k < layer->out_channels; k++) {
        double share = 2 * random_next_unit(random) - 1;
        if (how == STRETCH_ALL || random_below(random, 3) == 0)
            layer->bias[k] = random_below(random, 2)   ? (int64_t)(share * (double)room)
                             : random_below(random, 2) ? room
                                                       : -room;
    }
}

/* ---- operators --------------------------------------------------------------------------- */

static double largest_of(const double *values, int count) {
    double largest = 0;
    for (int i = 0; i < count; i++)
        largest = fmax(largest, values[i]);
    return largest;
}

/* Sums that fill the accumulator, in reals: biases go to the bound once codes are known. */
static double range_of_bound(const Constants *c, int op, double range) {
    const Op *at = &c->net->ops[op];
    const OpWeights *w = &c->ops[op];
    double step = 0, in_scale = quantiser_of(c, at->input[0])->scale;
    for (int k = 0; k < shape_channels(at->shape); k++)
        step = fmax(step, w->weight_scale[k]);
    bool wide = range / (in_scale * step) >= 0x1p30;
    return in_scale * step * (wide ? 0x1p45 : 0x1p31);
}

/* Sums of many products seldom come near what they could be. */
static void weighted_constants(Constants *c, Random *random, int op) {
    const Op *at = &c->net->ops[op];
    int channels = shape_channels(at->shape), norm = net_folded_norm(c->net, op);
    double *range = arena_array(c->arena, double, channels);
    draw_weights(c, random, op, range);
    for (int k = 0; k < channels; k++)
        range[k] *= range_of(c, at->input[0]) * fmin(1, 2 / sqrt(op_fan_in(c->net, op)));
    draw_biases(c, random, op, range);
    for (int k = 0; k < channels; k++)
        range[k] += c->ops[op].bias ? fabs(c->ops[op].bias[k]) : 0;
    if (norm >= 0)
        draw_norm(c, random, norm, range);
    double reach = largest_of(range, channels);
    bool bound = stretches(&c->recipe->op[op], c->net, op) == STRETCH_ALL;
    quantiser_set(c, op, bound ? range_of_bound(c, op, reach) : reach);
}

static void lone_norm_constants(Constants *c, Random *random, int op) {
    int channels = shape_channels(c->net->ops[op].shape);
    double *range = arena_array(c->arena, double, channels);
    for (int k = 0; k < channels; k++)
        range[k] = range_of(c, c->net->ops[op].input[0]);
    draw_norm(c, random, op, range);
    quantiser_set(c, op, largest_of(range, channels));
}

/* ---- operators without weights ----------------------------------------------------------- */

/* What the results reach where the inputs reach so far. */
static double range_of_sum(const Constants *c, const Op *op) {
    return range_of(c, op->input[0]) + range_of(c, op->input[1]);
}

static double range_of_product(const Constants *c, const Op *op) {
    return range_of(c, op->input[0]) * range_of(c, op->input[1]);
}

static double range_of_matrices(const Constants *c, const Op *op) {
    return range_of_product(c, op) *
           fmax(1, 0.5 * sqrt(shape_channels(c->net->ops[op->input[0]].shape)));
}

static double range_of_largest(const Constants *c, const Op *op) {
    double range = 0;
    for (int k = 0; k < op->inputs; k++)
        range = fmax(range, range_of(c, op->input[k]));
    return range;
}

static double range_of_one(const Constants *c, const Op *op) {
    (void)c, (void)op;
    return 1;
}

typedef double Range(const Constants *c, const Op *op);
static Range *const ranges[OP_COUNT] = {
    [OP_ADD] = range_of_sum,
    [OP_MUL] = range_of_product,
    [OP_CONCAT] = range_of_largest,
    [OP_MATMUL] = range_of_matrices,
    [OP_HARD_SIGMOID] = range_of_one,
    [OP_SIGMOID] = range_of_one,
    [OP_TANH] = range_of_one,
    [OP_SOFTMAX] = range_of_one,
    [OP_HARD_SWISH] = range_of_largest,
    [OP_SILU] = range_of_largest,
    [OP_GELU] = range_of_largest,
};

static void unweighted_constants(Constants *c, Random *random, int op) {
    (void)random;
    quantiser_set(c, op, ranges[c->net->ops[op].kind](c, &c->net->ops[op]));
}

static void layer_norm_constants(Constants *c, Random *random, int op) {
    int channels = shape_channels(c->net->ops[op].shape), style = c->recipe->op[op].norm;
    float *gamma = arena_array(c->arena, float, channels);
    double largest = 0;
    for (int k = 0; k < channels; k++) {
        gamma[k] = draw_gain(random, style);
        largest = fmax(largest, fabs(gamma[k]));
    }
    c->ops[op].gamma = gamma;
    c->ops[op].beta = draw_floats(c->arena, random, channels, 1);
    quantiser_set(c, op, 2 * largest + 1);
}

/* Operators whose results have a scale of their own; the others inherit. */
static void (*const makers[OP_COUNT])(Constants *c, Random *random, int op) = {
    [OP_CONV] = weighted_constants,         [OP_DEPTHWISE] = weighted_constants,
    [OP_DENSE] = weighted_constants,        [OP_BATCH_NORM] = lone_norm_constants,
    [OP_LAYER_NORM] = layer_norm_constants,
};

static bool is_folded(const Net *net, int op) {
    return net->ops[op].kind == OP_BATCH_NORM &&
           net_folded_norm(net, net->ops[op].input[0]) == op;
}

static FloatModel draw_floats_of(Arena *arena, const Recipe *recipe, const Net *net) {
    Constants c = {arena, recipe, net, arena_array(arena, OpWeights, net->count)};
    for (int i = 0; i < net->count; i++) {
        Random random = {recipe->seed, (uint64_t)recipe->op[i].stream, 1};
        OpKind kind = net->ops[i].kind;
        if (i == 0)
            quantiser_set(&c, 0, exp2(4 * random_next_unit(&random)));
        else if (operator_facts[kind].output == OWN && !is_folded(net, i))
            (makers[kind] ? makers[kind] : unweighted_constants)(&c, &random, i);
    }
    return (FloatModel){net, c.ops};
}

bool recipe_build(Arena *arena, const Recipe *recipe, Net *net, Model *model, Str *why) {
    Span span;
    if (!recipe_net(arena, recipe, net, why))
        return false;
    FloatModel floats = draw_floats_of(arena, recipe, net);
    if (!model_quantise(arena, &floats, model, &span, why))
        return false;
    for (int i = 1; i < model->count; i++) {
        Layer *layer = &model->layers[i];
        const Draw *draw = &recipe->op[layer->op];
        Random random = {recipe->seed, (uint64_t)draw->stream, 1 << 20};
        Stretch how = stretches(draw, net, layer->op);
        if (how)
            stretch_biases(&random, model, layer, how);
    }
    const char *fault = model_check(model);
    *why = fault ? str_of(fault) : (Str){0};
    return !fault;
}
