/* The constants of operators without weights: how floats become them, and what keeps every
 * step of the arithmetic in its range. doc/numerics.md.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/layers.h"

#include <math.h>

static const Tensor *input_of(const Model *model, const Layer *layer, int k) {
    return &model->layers[layer->input[k]].out;
}

static bool is_hard(OpKind kind) {
    return kind == OP_HARD_SIGMOID || kind == OP_HARD_SWISH;
}

/* ---- how many ---------------------------------------------------------------------------- */

int layer_multipliers(const Model *model, const Layer *layer) {
    switch (layer->kind) {
    case OP_ADD:
    case OP_CONCAT:
        return layer->inputs;
    case OP_MUL:
    case OP_MATMUL:
    case OP_SOFTMAX:
    case OP_MEAN:
        return 1;
    case OP_HARD_SIGMOID:
    case OP_HARD_SWISH:
        return input_of(model, layer, 0)->format == FORMAT_I16;
    case OP_LAYER_NORM:
        return shape_channels(layer->out.shape);
    default:
        return operator_facts[layer->kind].weights == WEIGHTED ? layer->out_channels : 0;
    }
}

int layer_table(const Model *model, const Layer *layer) {
    bool softmax = layer->kind == OP_SOFTMAX;
    if (!softmax && !operator_is_curve(layer->kind))
        return 0;
    Format in = input_of(model, layer, 0)->format;
    if (in != FORMAT_I16)
        return 1 << format_bits(in);
    return softmax ? 2 * SOFTMAX_ENTRIES : is_hard(layer->kind) ? HARD_ENTRIES : KNOTS;
}

/* ---- from floats to constants ------------------------------------------------------------ */

static const char too_far[] = "the scales of its inputs are too far above that of its output";

/* relu: codes at or above that of 0; relu6: at or below that of 6. */
static const char *quantise_clamp(Layer *layer) {
    int zero = layer->out.zero;
    layer->low = (int32_t)max_i64(layer->low, zero);
    double six = zero + floor(6.0 / layer->out.scale + 0.5);
    if (layer->kind == OP_RELU6 && six < layer->high)
        layer->high = (int32_t)six;
    return NULL;
}

static const char *quantise_sum(const Model *model, Layer *layer) {
    double scale[MAX_INPUTS];
    for (int k = 0; k < layer->inputs; k++)
        scale[k] = input_of(model, layer, k)->scale / layer->out.scale;
    layer->shift =
        requantise_constants(scale, layer->inputs, MULTIPLIER_BITS_ADD, layer->multiplier);
    return layer->shift >= 1 ? NULL : too_far;
}

/* One multiplier for products of codes, whose sums have `accumulator_bits`. */
static const char *quantise_products(double scale, Layer *layer) {
    int bits = layer->accumulator_bits == 32 ? MULTIPLIER_BITS : MULTIPLIER_BITS_WIDE;
    layer->shift = requantise_constants(&scale, 1, bits, layer->multiplier);
    return layer->shift >= 1 ? NULL : too_far;
}

static int64_t size_of(int64_t x) {
    return x < 0 ? -x : x;
}

static int64_t plain_size(const Tensor *t) {
    return max_i64(size_of(format_low(t->format)), size_of(format_high(t->format)));
}

static int64_t centred_size(const Tensor *t) {
    return max_i64(size_of(format_low(t->format) - t->zero),
                   size_of(format_high(t->format) - t->zero));
}

/* Of sums of n products, whether zero points are subtracted first, or as row sums after. */
static int64_t products_bound(const Tensor *a, const Tensor *b, int n) {
    int64_t centred = centred_size(a) * centred_size(b);
    int64_t folded = (plain_size(a) + size_of(a->zero)) * (plain_size(b) + size_of(b->zero));
    return n * max_i64(centred, folded);
}

static const char *quantise_matmul(const Model *model, Layer *layer) {
    const Tensor *a = input_of(model, layer, 0), *b = input_of(model, layer, 1);
    bool wide = a->format == FORMAT_I16 || b->format == FORMAT_I16;
    int64_t bound = products_bound(a, b, shape_channels(a->shape));
    layer->accumulator_bits = wide && bound >= (int64_t)1 << 31 ? 64 : 32;
    return quantise_products(a->scale * b->scale / layer->out.scale, layer);
}

static int64_t places_of(const Model *model, const Layer *layer) {
    return shape_elements(input_of(model, layer, 0)->shape) / shape_elements(layer->out.shape);
}

/* Of a sum of n codes, whether the zero point is subtracted from each or once. */
static int64_t sum_bound(const Tensor *in, int64_t n) {
    return n * max_i64(centred_size(in), plain_size(in) + size_of(in->zero));
}

static const char *quantise_mean(const Model *model, Layer *layer) {
    const Tensor *in = input_of(model, layer, 0);
    int64_t n = places_of(model, layer);
    layer->accumulator_bits = sum_bound(in, n) >= (int64_t)1 << 31 ? 64 : 32;
    return quantise_products(in->scale / ((double)n * layer->out.scale), layer);
}

static bool table_scale(double scale) {
    return scale > 0x1p-28 && scale < 0x1p28;
}

static const char bad_scale[] =
    "its scale and that of its input must be between 2^-28 and 2^28";

/* The largest product of a hard curve: of x and x + 3, or x + 3 alone. */
static int64_t hard_bound(const Layer *layer) {
    int64_t most = (int64_t)INT16_MAX + layer->table[HARD_THREE];
    most = most < layer->table[HARD_SIX] ? most : layer->table[HARD_SIX];
    return layer->kind == OP_HARD_SWISH ? most << 15 : most;
}

static const char *quantise_curve(Arena *arena, const Model *model, Layer *layer) {
    const Tensor *in = input_of(model, layer, 0);
    if (!table_scale(in->scale) || !table_scale(layer->out.scale))
        return bad_scale;
    curve_table(arena, in, layer);
    if (layer_multipliers(model, layer) == 0)
        return NULL;
    layer->accumulator_bits = hard_bound(layer) < (int64_t)1 << 31 ? 32 : 64;
    double one = layer->kind == OP_HARD_SWISH ? in->scale : 1;
    return quantise_products(one / (layer->table[HARD_SIX] * layer->out.scale), layer);
}

static const char *quantise_softmax(Arena *arena, const Model *model, Layer *layer) {
    const Tensor *in = input_of(model, layer, 0);
    if (!table_scale(in->scale) || !table_scale(layer->out.scale))
        return bad_scale;
    softmax_table(arena, in, layer);
    return quantise_products(0x1p-30 / layer->out.scale, layer);
}

int norm_bits(const Tensor *in) {
    int bits = 31 - format_bits(in->format);
    for (int n = 1; n < shape_channels(in->shape); n *= 2)
        bits--;
    return bits < 8 ? bits : 8;
}

static double gamma_of(const OpWeights *op, int c) {
    return op->gamma ? op->gamma[c] : 1;
}

static double beta_of(const OpWeights *op, int c) {
    return op->beta ? op->beta[c] : 0;
}

/* gamma and beta at one shift, the output's scale taken out of both. */
static void norm_constants(const OpWeights *op, int channels, Layer *layer) {
    double largest = 0;
    for (int c = 0; c < channels; c++)
        largest = fmax(largest, fabs(gamma_of(op, c)) / layer->out.scale);
    int exponent;
    frexp(ldexp(largest, -NORM_FRACTION), &exponent);
    int shift = largest > 0 ? MULTIPLIER_BITS - 1 - exponent : SHIFT_LIMIT_NORM;
    layer->shift = shift < SHIFT_LIMIT_NORM ? shift : SHIFT_LIMIT_NORM;
    for (int c = 0; c < channels && layer->shift >= 1; c++) {
        double gamma = gamma_of(op, c) / layer->out.scale;
        double beta = beta_of(op, c) / layer->out.scale;
        beta = fmax(fmin(beta, 0x1p20), -0x1p20);
        layer->multiplier[c] = (int32_t)rint(ldexp(gamma, layer->shift - NORM_FRACTION));
        layer->bias[c] = (int64_t)rint(ldexp(beta, layer->shift));
    }
}

static const char *quantise_norm(Arena *arena, const Model *model, const OpWeights *op,
                                 Layer *layer) {
    const Tensor *in = input_of(model, layer, 0);
    int channels = shape_channels(layer->out.shape);
    for (int c = 0; c < channels; c++)
        if (!isfinite(gamma_of(op, c)) || !isfinite(beta_of(op, c)))
            return "its weights are not all finite numbers";
    double n = channels, epsilon = n * n * LAYER_NORM_EPSILON / (in->scale * in->scale);
    epsilon = ldexp(epsilon, 2 * norm_bits(in));
    layer->epsilon = epsilon >= 0x1p60 ? (int64_t)1 << 60 : (int64_t)fmax(rint(epsilon), 1);
    layer->bias = arena_array(arena, int64_t, channels);
    norm_constants(op, channels, layer);
    return layer->shift >= 1 ? NULL : "its factors are too far above the scale of its output";
}

const char *unweighted_quantise(Arena *arena, const Model *model, const OpWeights *op,
                                Layer *layer) {
    layer->multiplier = arena_array(arena, int32_t, layer_multipliers(model, layer));
    switch (layer->kind) {
    case OP_RELU:
    case OP_RELU6:
        return quantise_clamp(layer);
    case OP_ADD:
    case OP_CONCAT:
        return quantise_sum(model, layer);
    case OP_MUL:
        return quantise_products(input_of(model, layer, 0)->scale *
                                     input_of(model, layer, 1)->scale / layer->out.scale,
                                 layer);
    case OP_MATMUL:
        return quantise_matmul(model, layer);
    case OP_MEAN:
        return quantise_mean(model, layer);
    case OP_SOFTMAX:
        return quantise_softmax(arena, model, layer);
    case OP_LAYER_NORM:
        return quantise_norm(arena, model, op, layer);
    default:
        return operator_is_curve(layer->kind) ? quantise_curve(arena, model, layer) : NULL;
    }
}

/* ---- are they sound? --------------------------------------------------------------------- */

static const char *multipliers_fault(const Model *model, const Layer *layer, int bits,
                                     int shift_limit) {
    for (int k = 0; k < layer_multipliers(model, layer); k++)
        if (layer->multiplier[k] < 1 || layer->multiplier[k] > ((int64_t)1 << bits) - 1)
            return "a multiplier outside its range";
    return layer->shift < 1 || layer->shift > shift_limit ? "a shift outside its range" : NULL;
}

static const char *products_fault(const Model *model, Layer *layer, int64_t bound) {
    bool wide = layer->accumulator_bits == 64;
    layer->bound = bound;
    if (bound >= (int64_t)1 << (wide ? 46 : 31))
        return "an accumulator that may not hold its sum";
    return multipliers_fault(model, layer, wide ? MULTIPLIER_BITS_WIDE : MULTIPLIER_BITS,
                             SHIFT_LIMIT);
}

static bool table_within(const int32_t *table, int count, int32_t low, int32_t high) {
    for (int i = 0; i < count; i++)
        if (table[i] < low || table[i] > high)
            return false;
    return true;
}

static const char *curve_fault(const Model *model, Layer *layer) {
    int32_t low = layer->low, high = layer->high;
    bool hard = layer_multipliers(model, layer) > 0;
    if (hard)
        low = 0, high = INT32_MAX;
    else if (input_of(model, layer, 0)->format == FORMAT_I16)
        low = -KNOT_LIMIT + 1, high = KNOT_LIMIT - 1;
    if (!table_within(layer->table, layer_table(model, layer), low, high))
        return "a table with an entry outside its range";
    if (layer->shift < 0 || (layer->shift > KNOT_BITS && !hard))
        return "a shift outside its range";
    return hard ? products_fault(model, layer, hard_bound(layer)) : NULL;
}

/* Its sum is neither 0 nor beyond 2^31. */
static const char *softmax_fault(const Model *model, Layer *layer) {
    const Tensor *in = input_of(model, layer, 0);
    int32_t most = 1 << softmax_bits(shape_channels(in->shape)), low = 1 << SOFTMAX_LOW_BITS;
    bool wide = in->format == FORMAT_I16;
    int first = wide ? SOFTMAX_ENTRIES : layer_table(model, layer);
    const int32_t *second = layer->table + first;
    bool sound = table_within(layer->table, first, 0, most) && layer->table[0] == most;
    if (sound && wide)
        sound = table_within(second, SOFTMAX_ENTRIES, 0, low) && second[0] == low;
    if (!sound)
        return "a table with an entry outside its range";
    return products_fault(model, layer, (int64_t)1 << 30);
}

static const char *norm_fault(const Layer *layer) {
    int64_t limit = (int64_t)1 << 60;
    if (layer->epsilon < 1 || layer->epsilon > limit)
        return "a least variance outside its range";
    for (int c = 0; c < shape_channels(layer->out.shape); c++)
        if (layer->multiplier[c] == INT32_MIN || layer->bias[c] > limit ||
            layer->bias[c] < -limit)
            return "a factor or an offset outside its range";
    return layer->shift < 1 || layer->shift > SHIFT_LIMIT_NORM ? "a shift outside its range"
                                                               : NULL;
}

const char *unweighted_fault(const Model *model, Layer *layer) {
    const Tensor *a = layer->inputs > 0 ? input_of(model, layer, 0) : NULL;
    const Tensor *b = layer->inputs > 1 ? input_of(model, layer, 1) : NULL;
    switch (layer->kind) {
    case OP_ADD:
    case OP_CONCAT:
        return multipliers_fault(model, layer, MULTIPLIER_BITS_ADD, SHIFT_LIMIT_ADD);
    case OP_MUL:
        return products_fault(model, layer, products_bound(a, b, 1));
    case OP_MATMUL:
        return products_fault(model, layer, products_bound(a, b, shape_channels(a->shape)));
    case OP_MEAN:
        return products_fault(model, layer, sum_bound(a, places_of(model, layer)));
    case OP_SOFTMAX:
        return softmax_fault(model, layer);
    case OP_LAYER_NORM:
        return norm_fault(layer);
    default:
        return operator_is_curve(layer->kind) ? curve_fault(model, layer) : NULL;
    }
}
