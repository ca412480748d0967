/* Models: the layers of integer execution, their bounds and their identity.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/layers.h"

#include "base/half.h"

/* ---- building ---------------------------------------------------------------------------- */

static void layer_weights_shape(const Net *net, int op, Layer *layer) {
    layer->out_channels = shape_channels(layer->out.shape);
    layer->row = net->ops[op].kind == OP_BATCH_NORM ? 1 : op_fan_in(net, op);
}

/* A batch norm that nothing can absorb: a depthwise of kernel 1 with weights -1, 0, 1. */
static void lower_lone_norm(Layer *layer) {
    layer->kind = OP_DEPTHWISE;
    layer->weights = format_is_integer(layer->out.format) ? FORMAT_I2 : FORMAT_F32;
    layer->attribute[ATTRIBUTE_KERNEL_H] = layer->attribute[ATTRIBUTE_KERNEL_W] = 1;
    layer->attribute[ATTRIBUTE_STRIDE_H] = layer->attribute[ATTRIBUTE_STRIDE_W] = 1;
    layer->attribute[ATTRIBUTE_SAME] = 1;
}

static void layer_build(const Net *net, int i, const int *layer_of, Layer *layer) {
    const Op *op = &net->ops[i];
    layer->kind = op->kind;
    layer->path = op->path;
    layer->span = op->span;
    layer->op = i;
    layer->inputs = op->inputs;
    for (int k = 0; k < op->inputs; k++)
        layer->input[k] = layer_of[op->input[k]];
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        layer->attribute[a] = op->attribute[a];
    layer->out.shape = op->shape;
    layer->out.format = net->ops[net_quantiser(net, i)].output;
    layer->weights = op->weights;
    layer->low = format_is_integer(layer->out.format) ? format_low(layer->out.format) : 0;
    layer->high = format_is_integer(layer->out.format) ? format_high(layer->out.format) : 0;
    layer->accumulator_bits = 32;
    if (op->kind == OP_BATCH_NORM)
        lower_lone_norm(layer);
    if (operator_facts[layer->kind].weights == WEIGHTED)
        layer_weights_shape(net, i, layer);
}

Model model_build(Arena *arena, const Net *net) {
    Model model = {.name = net->name, .layers = arena_array(arena, Layer, net->count)};
    int *layer_of = arena_array(arena, int, net->count);
    bool *folded = arena_array(arena, bool, net->count);
    for (int i = 0; i < net->count; i++) {
        int norm = net_folded_norm(net, i);
        if (norm >= 0)
            folded[norm] = true;
        if (folded[i]) {
            layer_of[i] = layer_of[net->ops[i].input[0]];
            continue;
        }
        layer_build(net, i, layer_of, &model.layers[model.count]);
        layer_of[i] = model.count++;
    }
    model.output = layer_of[net->output];
    return model;
}

/* ---- checking ---------------------------------------------------------------------------- */

static int64_t size_of(int64_t x) {
    return x < 0 ? -x : x;
}

/* No partial sum of an output, in whatever order, exceeds the bound: neither of (x - z) w +
 * bias, nor of x w + (bias - z sum w), the folded form. */
int64_t layer_bound(const Layer *layer, const Tensor *in) {
    int64_t low = format_low(in->format), high = format_high(in->format), zero = in->zero;
    int64_t centred = max_i64(size_of(low - zero), size_of(high - zero));
    int64_t plain = max_i64(size_of(low), size_of(high));
    int64_t bound = 0;
    for (int c = 0; c < layer->out_channels; c++) {
        const int16_t *w = layer->weight + (int64_t)c * layer->row;
        int64_t sum = 0, sizes = 0;
        for (int k = 0; k < layer->row; k++) {
            sum += w[k];
            sizes += size_of(w[k]);
        }
        bound = max_i64(bound, size_of(layer->bias[c]) + centred * sizes);
        bound = max_i64(bound, size_of(layer->bias[c] - zero * sum) + plain * sizes);
    }
    return bound;
}

static const char *weights_fault(const Layer *layer) {
    if (!format_is_signed(layer->weights))
        return "weights that are not of a signed integer format";
    int limit = format_weight_limit(layer->weights);
    for (int64_t i = 0; i < (int64_t)layer->out_channels * layer->row; i++)
        if (layer->weight[i] < -limit || layer->weight[i] > limit)
            return "a weight code outside its format";
    bool wide = layer->accumulator_bits == 64;
    int64_t largest = ((int64_t)1 << (wide ? MULTIPLIER_BITS_WIDE : MULTIPLIER_BITS)) - 1;
    for (int c = 0; c < layer->out_channels; c++)
        if (layer->multiplier[c] < 1 || layer->multiplier[c] > largest)
            return "a multiplier outside its range";
    if (layer->shift < 1 || layer->shift > SHIFT_LIMIT)
        return "a shift outside its range";
    return NULL;
}

static bool tensor_inherited(const Tensor *out, const Tensor *in) {
    return out->format == in->format && out->scale == in->scale && out->zero == in->zero;
}

/* Floats have no scale, and nothing to prove; their weights are values of their formats. */
static const char *float_fault(const Layer *layer) {
    const Tensor *out = &layer->out;
    bool half = layer->weights == FORMAT_F16;
    if (out->scale != 1 || out->zero != 0)
        return "floats with a scale or a zero point";
    if (!layer_is_float(layer) || layer_reals(layer) == 0)
        return NULL;
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    if (weighted && !half && layer->weights != FORMAT_F32)
        return "floats with weights that are none";
    for (int64_t i = 0; i < layer_reals(layer); i++) {
        double w = layer->real_weight[i];
        if (!isfinite(w) || (weighted && half && half_to_double(half_of_double(w)) != w))
            return "a weight outside its format";
    }
    for (int c = 0; c < shape_channels(out->shape); c++)
        if (!isfinite(layer->real_bias[c]))
            return "a bias that is not finite";
    return NULL;
}

static const char *layer_fault(const Model *model, int i) {
    Layer *layer = &model->layers[i];
    const Tensor *out = &layer->out;
    for (int k = 0; k < layer->inputs; k++)
        if (layer->input[k] < 0 || layer->input[k] >= i)
            return "a layer that reads one that does not come before it";
    if (!format_is_integer(out->format))
        return float_fault(layer);
    for (int k = 0; k < layer->inputs; k++)
        if (!format_is_integer(model->layers[layer->input[k]].out.format))
            return "a layer of integers that reads floats";
    if (out->zero < format_low(out->format) || out->zero > format_high(out->format) ||
        (out->format == FORMAT_I16 && out->zero))
        return "a zero point outside its format";
    if (layer->low > layer->high || layer->low < format_low(out->format) ||
        layer->high > format_high(out->format))
        return "a clamp outside its format";
    if (layer->inputs && operator_facts[layer->kind].output == INHERITS &&
        !tensor_inherited(out, &model->layers[layer->input[0]].out))
        return "a tensor that does not keep its input's format, scale and zero point";
    if (operator_facts[layer->kind].weights == WEIGHTED)
        return weights_fault(layer);
    return unweighted_fault(model, layer);
}

const char *model_check(Model *model) {
    if (model->count < 1 || model->layers[0].kind != OP_INPUT)
        return "a model whose first layer is not the input";
    for (int i = 0; i < model->count; i++) {
        const char *fault = layer_fault(model, i);
        if (fault)
            return fault;
        Layer *layer = &model->layers[i];
        if (operator_facts[layer->kind].weights != WEIGHTED || layer_is_float(layer))
            continue;
        layer->bound = layer_bound(layer, &model->layers[layer->input[0]].out);
        if (layer->bound >=
            (layer->accumulator_bits == 32 ? (int64_t)1 << 31 : (int64_t)1 << 46))
            return "an accumulator that may not hold its sum";
    }
    return NULL;
}

/* ---- identity ---------------------------------------------------------------------------- */

Key model_key(const Model *model) {
    Arena *arena = arena_new();
    Str bytes = model_write(arena, model);
    Key key = key_of(bytes.at, (size_t)bytes.length);
    arena_free(arena);
    return key;
}
