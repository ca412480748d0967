/* run.c: the memory of a piece on its way through a graph, and how a reader fetches what it
 * reads.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

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
    tables_carve(run);
    tables_fill(run);
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

Ending run_ending(const Run *run, int i) {
    const Node *node = &run->graph->nodes[i];
    Ending e = {
        run->a + node->channel, run->b + node->channel, node->low, node->high, 0, 0, 0, 0};
    if (node->quantiser >= 0 && run->step[i] > 0) {
        e.step = run->step[i];
        e.inverse = 1.0f / e.step;
        e.code_low = (float)format_low(node->format) - run->zero[i];
        e.code_high = (float)format_high(node->format) - run->zero[i];
    }
    return e;
}

const float *run_read(Run *run, int i, int first, int count, float *scratch) {
    const Node *node = &run->graph->nodes[i];
    const float *y = run->memory + node->y + (size_t)first * image_floats(node);
    if (node->plain)
        return y;
    Ending e = run_ending(run, i);
    ending_apply(&e, node->lanes, count * node->height * node->width, y, scratch);
    return scratch;
}

void run_read_padded(Run *run, const Node *reader, int first, int count, float *scratch) {
    const Node *node = &run->graph->nodes[reader->input[0]];
    size_t row = (size_t)(node->width * node->lanes);
    size_t line = (size_t)(reader->padded_w * node->lanes);
    Ending e = run_ending(run, reader->input[0]);
    const float *y = run->memory + node->y + (size_t)first * image_floats(node);
    for (int n = 0; n < count; n++, scratch += (size_t)reader->padded_h * line)
        for (int i = 0; i < node->height; i++, y += row) {
            float *to = scratch + (size_t)(reader->before_h + i) * line +
                        (size_t)(reader->before_w * node->lanes);
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
