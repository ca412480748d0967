/* run.c: the memory of a piece on its way through a graph, and how a reader fetches what it
 * reads.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <float.h>
#include <string.h>

enum { CHANNEL_ARRAYS = 10, SCRATCHES = 4 };

static void *carve(char **at, size_t bytes) {
    char *block = *at;
    *at += (bytes + 63) / 64 * 64;
    return block;
}

static void tables_carve(Run *run) {
    size_t channels = (size_t)run->graph->channels, nodes = (size_t)run->graph->count;
    size_t bytes = CHANNEL_ARRAYS * sizeof(float) * channels +
                   (2 * sizeof(float) + sizeof(bool) + 2 * sizeof(Vec)) * nodes +
                   64 * (CHANNEL_ARRAYS + 8);
    if (bytes > run->table_bytes) {
        memory_free(run->tables);
        run->tables = memory_new(bytes);
        run->table_bytes = bytes;
    }
    char *at = run->tables;
    float **arrays[CHANNEL_ARRAYS] = {&run->a,        &run->b,     &run->mean, &run->inverse,
                                      &run->variance, &run->c,     &run->d,    &run->pivot,
                                      &run->sum,      &run->square};
    for (int i = 0; i < CHANNEL_ARRAYS; i++)
        *arrays[i] = carve(&at, channels * sizeof(float));
    run->step = carve(&at, nodes * sizeof(float));
    run->zero = carve(&at, nodes * sizeof(float));
    run->step_sum = carve(&at, nodes * sizeof(Vec));
    run->zero_sum = carve(&at, nodes * sizeof(Vec));
    run->written = carve(&at, nodes * sizeof(bool));
}

static void tables_fill(Run *run) {
    const Graph *graph = run->graph;
    size_t channels = (size_t)graph->channels;
    memset(run->tables, 0, run->table_bytes);
    memcpy(run->a, graph->a, channels * sizeof(float));
    memcpy(run->b, graph->b, channels * sizeof(float));
    for (int i = 0; i < graph->count; i++) {
        run->step[i] = graph->nodes[i].step;
        run->zero[i] = graph->nodes[i].zero;
    }
}

void run_begin(Run *run, const Graph *graph, int images, bool batch_statistics) {
    size_t floats = graph->run_floats + SCRATCHES * graph->block_floats;
    run->graph = graph;
    run->images = images;
    run->batch_statistics = batch_statistics;
    if (floats > run->memory_floats) {
        memory_free(run->memory);
        run->memory = memory_new(floats * sizeof(float));
        run->memory_floats = floats;
    }
    for (int i = 0; i < SCRATCHES; i++)
        run->scratch[i] = run->memory + graph->run_floats + (size_t)i * graph->block_floats;
    run->held = 0;
    tables_carve(run);
    tables_fill(run);
}

void run_hold(Run *run, int held, const float *floats, const uint8_t *codes) {
    const Node *node = &run->graph->nodes[held];
    run->held = held;
    run->held_floats = floats;
    run->held_codes = codes;
    for (int c = 0; floats && c < node->lanes; c++)
        run->a[node->channel + c] = 1, run->b[node->channel + c] = 0;
}

void run_free(Run *run) {
    memory_free(run->memory);
    memory_free(run->tables);
}

int run_block(const Run *run, const Node *node, int at, int *first) {
    int blocks = (run->images + node->block - 1) / node->block;
    *first = (node->descending ? blocks - 1 - at : at) * node->block;
    int left = run->images - *first;
    return at >= blocks ? 0 : left < node->block ? left : node->block;
}

float *run_input(Run *run) {
    return run->memory + run->graph->nodes[0].y;
}

static bool is_held(const Run *run, int i) {
    return i > 0 && i == run->held;
}

Ending run_ending(const Run *run, int i) {
    const Node *node = &run->graph->nodes[i];
    const float *a = run->a + node->channel, *b = run->b + node->channel;
    if (is_held(run, i) && run->held_floats)
        return (Ending){.a = a, .b = b, .low = -FLT_MAX, .high = FLT_MAX};
    Ending e = {.a = a, .b = b, .low = node->low, .high = node->high};
    if (node->quantiser >= 0 && run->step[i] > 0) {
        e.step = run->step[i];
        e.inverse = 1.0f / e.step;
        e.code_low = (float)format_low(node->format) - run->zero[i];
        e.code_high = (float)format_high(node->format) - run->zero[i];
    }
    return e;
}

static const uint8_t *held_codes(const Run *run, int i, int first) {
    if (!is_held(run, i) || run->held_floats)
        return NULL;
    return run->held_codes + (size_t)first * image_floats(&run->graph->nodes[i]);
}

const float *run_y(const Run *run, int i, int first) {
    const Node *node = &run->graph->nodes[i];
    const float *y = is_held(run, i) ? run->held_floats : run->memory + node->y;
    return y ? y + (size_t)first * image_floats(node) : NULL;
}

const float *run_read(Run *run, int i, int first, int count, float *scratch) {
    const Node *node = &run->graph->nodes[i];
    const float *y = run_y(run, i, first);
    const uint8_t *codes = held_codes(run, i, first);
    int pixels = count * node->height * node->width;
    Ending e = run_ending(run, i);
    if (codes)
        codes_decode(&e, node->lanes, 1, pixels, codes, node->lanes, scratch, 0);
    else if (node->plain || is_held(run, i))
        return y;
    else
        ending_apply(&e, node->lanes, pixels, y, scratch);
    return scratch;
}

void run_read_panel(const Run *run, const Ending *e, int i, int n, int v, float *panel,
                    size_t panel_row) {
    const Node *node = &run->graph->nodes[i];
    const uint8_t *codes = held_codes(run, i, n);
    if (codes)
        codes_decode(e, LANES, node->height, node->width, codes + v, node->lanes, panel,
                     panel_row);
    else
        ending_apply_panel(e, v, node->lanes, node->height, node->width, run_y(run, i, n),
                           panel, panel_row);
}

void run_read_padded(Run *run, const Node *reader, int first, int count, float *scratch) {
    const int i = reader->input[0];
    const Node *node = &run->graph->nodes[i];
    size_t line = (size_t)(reader->padded_w * node->lanes);
    size_t image = (size_t)reader->padded_h * line, row = (size_t)(node->width * node->lanes);
    size_t begin = (size_t)reader->before_h * line + (size_t)(reader->before_w * node->lanes);
    Ending e = run_ending(run, i);
    for (int n = first; n < first + count; n++, scratch += image) {
        const uint8_t *codes = held_codes(run, i, n);
        const float *y = run_y(run, i, n);
        float *to = scratch + begin;
        if (codes) {
            codes_decode(&e, node->lanes, node->height, node->width, codes, node->lanes, to,
                         line);
            continue;
        }
        for (int r = 0; r < node->height; r++, y += row, to += line)
            if (node->plain)
                memcpy(to, y, row * sizeof(float));
            else
                ending_apply(&e, node->lanes, node->width, y, to);
    }
}

void run_clear_borders(Run *run, const Node *reader, float *scratch) {
    if (reader->head != OP_DEPTHWISE && (reader->head != OP_CONV || reader->direct))
        return;
    const Node *node = &run->graph->nodes[reader->input[0]];
    size_t pixels = (size_t)reader->padded_h * (size_t)reader->padded_w;
    size_t floats =
        reader->head == OP_DEPTHWISE ? LANES : (size_t)reader->block * (size_t)node->lanes;
    memset(scratch, 0, pixels * floats * sizeof(float));
}
