/* forward.c: a piece through a graph, node by node, a block of images at a time.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <math.h>
#include <string.h>

enum { CALIBRATION_VALUES = 8192 };

static void product(Run *run, const Node *node, int first, int count, float *y) {
    const Node *from = &run->graph->nodes[node->input[0]];
    bool dense = node->head == OP_DENSE;
    int pixels = dense ? 1 : node->height * node->width;
    size_t row = (size_t)(dense || !node->direct ? node->row : from->lanes);
    const float *x;
    if (node->direct) {
        x = run_read(run, node->input[0], first, count, run->scratch[0]);
    } else {
        run_read_padded(run, node, first, count, run->scratch[0]);
        windows_gather(node, from->lanes, count, run->scratch[0], run->scratch[1]);
        x = run->scratch[1];
    }
    gemm(&(Gemm){count * pixels, node->lanes, node->depth, x, row, 1,
                 run->graph->packed + node->weight, (size_t)node->lanes, y, (size_t)node->lanes,
                 false});
}

/* One vector of channels of one image after the other, so that what is read stays close. */
static void depthwise(Run *run, const Node *node, int first, int count, float *y) {
    size_t line = (size_t)node->padded_w * LANES, lanes = (size_t)node->lanes;
    float *panel = run->scratch[0];
    float *inside = panel + (size_t)node->before_h * line + (size_t)(node->before_w * LANES);
    Ending e = run_ending(run, node->input[0]);
    Correlation c = {.kernel_h = node->kernel_h,
                     .kernel_w = node->kernel_w,
                     .out_h = node->height,
                     .out_w = node->width,
                     .in = panel,
                     .in_y = (size_t)node->stride_h * line,
                     .in_x = (size_t)node->stride_w * LANES,
                     .tap_y = line,
                     .weight_tap = lanes,
                     .out_y = (size_t)node->width * lanes,
                     .out_x = lanes};
    for (int v = 0; v < node->lanes; v += LANES)
        for (int n = 0; n < count; n++) {
            run_read_panel(run, &e, node->input[0], first + n, v, inside, line);
            c.weight = run->graph->packed + node->weight + v;
            c.out = y + (size_t)n * image_floats(node) + v;
            correlate(&c);
        }
}

static void add(Run *run, const Node *node, int first, int count, float *y) {
    const float *a = run_read(run, node->input[0], first, count, run->scratch[0]);
    const float *b = run_read(run, node->input[1], first, count, run->scratch[1]);
    for (size_t i = 0; i < (size_t)count * image_floats(node); i += LANES)
        vec_store(y + i, vec_load(a + i) + vec_load(b + i));
}

static void copy(Run *run, const Node *node, int first, int count, float *y) {
    const float *x = run_read(run, node->input[0], first, count, run->scratch[0]);
    for (size_t i = 0; i < (size_t)count * image_floats(node); i += LANES)
        vec_store(y + i, vec_load(x + i));
}

static void block_forward(Run *run, const Node *node, int first, int count, float *y) {
    switch (node->head) {
    case OP_CONV:
    case OP_DENSE:
        product(run, node, first, count, y);
        break;
    case OP_DEPTHWISE:
        depthwise(run, node, first, count, y);
        break;
    case OP_ADD:
        add(run, node, first, count, y);
        break;
    case OP_MAX_POOL:
    case OP_AVERAGE_POOL:
    case OP_GLOBAL_AVERAGE:
        pool_forward(node, &run->graph->nodes[node->input[0]], count,
                     run_read(run, node->input[0], first, count, run->scratch[0]), y);
        break;
    default:
        copy(run, node, first, count, y);
        break;
    }
}

/* The batch norm's affine map from the statistics of the piece. Sums are about a pivot, a
 * pixel of the piece itself, so that a large mean costs no digits. */
static void normalise(Run *run, int i) {
    const Graph *graph = run->graph;
    const Node *node = &graph->nodes[i];
    double count = (double)run->images * node->height * node->width;
    for (int k = 0; k < node->channels; k++) {
        int c = node->channel + k;
        double mean = run->sum[c] / count;
        double variance = fmax(run->square[c] / count - mean * mean, 0);
        run->mean[c] = run->pivot[c] + (float)mean;
        run->variance[c] = (float)variance;
        run->inverse[c] = (float)(1 / sqrt(variance + BATCH_NORM_EPSILON));
        run->a[c] = graph->gamma[i][k] * run->inverse[c];
        run->b[c] = graph->beta[i][k] - run->mean[c] * run->a[c];
    }
}

/* A quantiser met for the first time: its step from what it sees. */
static void calibrate(Run *run, int i) {
    const Node *node = &run->graph->nodes[i];
    size_t pixels = (size_t)(run->images * node->height * node->width);
    size_t every = pixels * (size_t)node->channels / CALIBRATION_VALUES + 1;
    const float *y = run->memory + node->y;
    float *value = run->scratch[0];
    int count = 0;
    for (size_t k = 0; k < pixels * (size_t)node->channels; k += every) {
        size_t pixel = k / (size_t)node->channels, channel = k % (size_t)node->channels;
        int c = node->channel + (int)channel;
        float x = run->a[c] * y[pixel * (size_t)node->lanes + channel] + run->b[c];
        value[count++] = fminf(fmaxf(x, node->low), node->high);
    }
    activation_calibrate(value, count, node->format, node->clamped, &run->step[i],
                         &run->zero[i]);
}

static void node_forward(Run *run, int i) {
    const Node *node = &run->graph->nodes[i];
    bool normed = node->norm >= 0 && run->batch_statistics;
    float *y = run->memory + node->y, *pivot = run->pivot + node->channel;
    run_clear_borders(run, node, run->scratch[0]);
    for (int at = 0, first, count; (count = run_block(run, node, at, &first)) > 0; at++) {
        float *block = y + (size_t)first * image_floats(node);
        block_forward(run, node, first, count, block);
        if (!normed)
            continue;
        if (at == 0)
            memcpy(pivot, block, (size_t)node->lanes * sizeof(float));
        statistics_add(pivot, node->lanes, count * node->height * node->width, block,
                       run->sum + node->channel, run->square + node->channel);
    }
    if (normed)
        normalise(run, i);
    if (node->quantiser >= 0 && node->owns_quantiser && !(run->step[i] > 0))
        calibrate(run, i);
}

/* A node that rounds to another's codes takes over what calibration has just found. */
static void step_inherit(Run *run, int i) {
    const Node *nodes = run->graph->nodes;
    if (nodes[i].quantiser < 0 || nodes[i].owns_quantiser)
        return;
    for (int k = 0; k < i; k++)
        if (nodes[k].last == nodes[i].quantiser)
            run->step[i] = run->step[k], run->zero[i] = run->zero[k];
}

void run_forward(Run *run) {
    for (int i = run->held + 1; i < run->graph->count; i++) {
        step_inherit(run, i);
        node_forward(run, i);
    }
}

const float *run_result(Run *run) {
    return run_read(run, run->graph->output, 0, run->images, run->scratch[2]);
}
