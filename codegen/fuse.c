/* Fusion: a clamp that alone reads a layer becomes that layer's own clamp. Batch norms were
 * folded when the model was made. Fusing changes no byte: two clamps in a row are one clamp.
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
static void absorb_clamps(const Model *model, const int *reader, bool *absorbed, Fused *fused) {
    while (fused->tail != model->output && reader[fused->tail] >= 0) {
        int next = reader[fused->tail];
        const Layer *layer = &model->layers[next];
        if (!is_clamp(layer) || layer->out.format != model->layers[fused->tail].out.format)
            return;
        fused->low = clamp(fused->low, layer->low, layer->high);
        fused->high = clamp(fused->high, layer->low, layer->high);
        fused->tail = next;
        absorbed[next] = true;
    }
}

int fuse_layers(Arena *arena, const Model *model, Fused **fused) {
    bool *needed = layers_needed(arena, model);
    int *reader = only_readers(arena, model, needed);
    bool *absorbed = arena_array(arena, bool, model->count);
    *fused = arena_array(arena, Fused, model->count);
    int count = 0;
    for (int i = 1; i < model->count; i++) {
        if (!needed[i] || absorbed[i])
            continue;
        Fused *at = &(*fused)[count++];
        *at = (Fused){i, i, model->layers[i].low, model->layers[i].high};
        absorb_clamps(model, reader, absorbed, at);
    }
    return count;
}
