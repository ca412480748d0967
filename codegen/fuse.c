/* Fusion: a clamp that alone reads a layer becomes that layer's own clamp, and an add that alone
 * reads a convolution or dense layer is done to its results before they are stored. Batch norms
 * were folded when the model was made. Fusing changes no byte: two clamps in a row are one clamp,
 * and the inner result of an add is still rounded and clamped as if it were stored.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

static bool *layers_needed(Arena *arena, const Model *model) {
    bool *needed = arena_array(arena, bool, model->count);
    needed[model->output] = true;
    for (int i = model->count - 1; i >= 0; i--)
        for (int k = 0; needed[i] && k < model->layers[i].inputs; k++)
            needed[model->layers[i].input[k]] = true;
    return needed;
}

/* For each layer its only reader among those needed; -1: none, -2: several. */
static int *only_readers(Arena *arena, const Model *model, const bool *needed) {
    int *reader = arena_array(arena, int, model->count);
    for (int i = 0; i < model->count; i++)
        reader[i] = -1;
    for (int i = 0; i < model->count; i++)
        for (int k = 0; needed[i] && k < model->layers[i].inputs; k++) {
            int *of = &reader[model->layers[i].input[k]];
            *of = *of == -1 ? i : -2;
        }
    return reader;
}

static int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

static bool is_clamp(const Layer *layer) {
    return layer->kind == OP_RELU || layer->kind == OP_RELU6;
}

/* Takes the clamps that follow `fused->tail` into it. */
static void absorb_clamps(const Model *model, const int *reader, bool *absorbed, Fused *fused,
                          int32_t *low, int32_t *high) {
    while (fused->tail != model->output && reader[fused->tail] >= 0) {
        int next = reader[fused->tail];
        const Layer *layer = &model->layers[next];
        if (!is_clamp(layer) || layer->out.format != model->layers[fused->tail].out.format)
            return;
        *low = clamp(*low, layer->low, layer->high);
        *high = clamp(*high, layer->low, layer->high);
        fused->tail = next;
        absorbed[next] = true;
    }
}

static bool is_byte(const Model *model, int layer) {
    return format_bits(model->layers[layer].out.format) <= 8;
}

/* The add that alone reads the tail, if its other operand is there by then: that is, comes from
 * an earlier layer. In bytes, for then its sums stay in 32 bits. */
static void absorb_add(const Model *model, const int *reader, bool *absorbed, Fused *fused) {
    OpKind kind = model->layers[fused->layer].kind;
    int next = fused->tail == model->output ? -1 : reader[fused->tail];
    if ((kind != OP_CONV && kind != OP_DENSE) || next < 0 || model->layers[next].kind != OP_ADD)
        return;
    const Layer *add = &model->layers[next];
    int other = add->input[add->input[0] == fused->tail];
    if (other >= fused->layer || !is_byte(model, other) || !is_byte(model, fused->tail) ||
        !is_byte(model, next))
        return;
    fused->add = next;
    fused->add_input = other;
    fused->tail = next;
    fused->add_low = add->low;
    fused->add_high = add->high;
    absorbed[next] = true;
    absorb_clamps(model, reader, absorbed, fused, &fused->add_low, &fused->add_high);
}

int fuse_layers(Arena *arena, const Model *model, bool adds, Fused **fused) {
    bool *needed = layers_needed(arena, model);
    int *reader = only_readers(arena, model, needed);
    bool *absorbed = arena_array(arena, bool, model->count);
    *fused = arena_array(arena, Fused, model->count);
    int count = 0;
    for (int i = 1; i < model->count; i++) {
        if (!needed[i] || absorbed[i])
            continue;
        Fused *at = &(*fused)[count++];
        *at = (Fused){i, i, model->layers[i].low, model->layers[i].high, .add = -1};
        absorb_clamps(model, reader, absorbed, at, &at->low, &at->high);
        if (adds)
            absorb_add(model, reader, absorbed, at);
    }
    return count;
}
