/* One random network with inputs, and what the reference makes of them.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/diff.h"

#include <string.h>

/* Codes as a caller of emitted code stores them, in the order of this machine. */
static void store(const Tensor *tensor, const int16_t *codes, uint8_t *to) {
    if (tensor->format == FORMAT_I16)
        memcpy(to, codes, (size_t)tensor_bytes(tensor->shape, tensor->format));
    else
        pack_rows(codes, shape_pixels(tensor->shape), shape_channels(tensor->shape),
                  tensor->format, to);
}

const void *trial_input(Arena *arena, const Trial *trial, int v) {
    int16_t *input = arena_array(arena, int16_t, shape_elements(trial->from.shape));
    random_input(&trial->from, trial->recipe->seed, v, input);
    return input_unpacked(arena, &trial->from, input);
}

static void output_store(Arena *arena, const Trial *trial, const int32_t *codes, uint8_t *to) {
    int64_t elements = shape_elements(trial->to.shape);
    int16_t *narrow = arena_array(arena, int16_t, elements);
    for (int64_t i = 0; i < elements; i++)
        narrow[i] = (int16_t)codes[i];
    store(&trial->to, narrow, to);
}

void trial_output(Arena *arena, Trial *trial, int v, const int32_t *codes) {
    output_store(arena, trial, codes, trial->got + v * trial->out_bytes);
}

static void vector_begin(Arena *arena, Trial *trial, int v) {
    int16_t *input = arena_array(arena, int16_t, shape_elements(trial->from.shape));
    int32_t **tensors = arena_array(arena, int32_t *, trial->model.count);
    random_input(&trial->from, trial->recipe->seed, v, input);
    store(&trial->from, input, trial->inputs + v * trial->in_bytes);
    model_run(arena, &trial->model, trial_input(arena, trial, v), tensors);
    output_store(arena, trial, tensors[trial->model.output],
                 trial->expected + v * trial->out_bytes);
}

bool trial_begin(Arena *arena, const Recipe *recipe, Trial *trial, Str *why) {
    *trial = (Trial){.recipe = recipe};
    if (!recipe_build(arena, recipe, &trial->net, &trial->model, why))
        return false;
    trial->from = trial->model.layers[0].out;
    trial->to = trial->model.layers[trial->model.output].out;
    trial->in_bytes = (int)tensor_bytes(trial->from.shape, trial->from.format);
    trial->out_bytes = (int)tensor_bytes(trial->to.shape, trial->to.format);
    trial->inputs = arena_alloc(arena, (size_t)(TRIAL_VECTORS * trial->in_bytes));
    trial->expected = arena_alloc(arena, (size_t)(TRIAL_VECTORS * trial->out_bytes));
    trial->got = arena_alloc(arena, (size_t)(TRIAL_VECTORS * trial->out_bytes));
    for (int v = 0; v < TRIAL_VECTORS; v++)
        vector_begin(arena, trial, v);
    return true;
}


/* Which code a byte of the output belongs to, and its value. */
static int code_at(const Trial *trial, const uint8_t *bytes, int byte, int differing,
                   int *element) {
    Format format = trial->to.format;
    int16_t wide;
    switch (format) {
    case FORMAT_I16:
        *element = byte / 2;
        memcpy(&wide, bytes + byte / 2 * 2, 2);
        return wide;
    case FORMAT_I4: {
        int channels = shape_channels(trial->to.shape);
        int row = (int)format_row_bytes(format, channels), high = (differing & 15) == 0;
        *element = byte / row * channels + byte % row * 2 + high;
        return (int8_t)(uint8_t)(bytes[byte] << (high ? 0 : 4)) >> 4;
    }
    default:
        *element = byte;
        return format == FORMAT_U8 ? bytes[byte] : (int8_t)bytes[byte];
    }
}

bool trial_differs(const Trial *trial, Difference *difference) {
    *difference = (Difference){.vector = -1, .element = -1};
    if (trial->fault.length) {
        snprintf(difference->said, sizeof difference->said, "%.*s", STR_ARG(trial->fault));
        return true;
    }
    for (int i = 0; i < TRIAL_VECTORS * trial->out_bytes; i++)
        if (trial->got[i] != trial->expected[i]) {
            int v = i / trial->out_bytes, byte = i % trial->out_bytes;
            int differing = trial->got[i] ^ trial->expected[i];
            size_t start = (size_t)v * (size_t)trial->out_bytes;
            difference->vector = v;
            difference->expected =
                code_at(trial, trial->expected + start, byte, differing, &difference->element);
            difference->got =
                code_at(trial, trial->got + start, byte, differing, &difference->element);
            return true;
        }
    return false;
}
