/* backward.c: the gradient of a piece, from the network's result to its weights.
 *
 * g of a node holds first the gradient of z, summed over its readers, then that before the ending.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>

typedef struct Backward {
    Run *run;
    const Node *node;
    float *gradient; /* of the piece, as the graph lays it out */
    int first, count;
    const float *y, *dy; /* of the block */
} Backward;

static size_t image_floats(const Node *node) {
    return (size_t)node->height * (size_t)node->width * (size_t)node->lanes;
}

/* Where input k's gradient of the block goes, and whether something is there already; NULL where
 * nobody asks for it. */
static float *input_gradient(const Backward *b, int k, bool *add) {
    int input = b->node->input[k];
    const Node *from = &b->run->graph->nodes[input];
    *add = b->run->written[input];
    for (int j = 0; j < k; j++)
        *add |= b->node->input[j] == input;
    if (input == 0)
        return NULL;
    return b->run->memory + from->g + (size_t)b->first * image_floats(from);
}

/* ---- products ------------------------------------------------------------------------------------ */

static void copy_padded(const Node *node, const Node *from, int count, const float *padded,
                        bool add, float *dx) {
    size_t row = (size_t)from->width * (size_t)from->lanes;
    size_t line = (size_t)node->padded_w * (size_t)from->lanes;
    for (int n = 0; n < count; n++)
        for (int y = 0; y < from->height; y++, dx += row) {
            const float *at =
                padded +
                ((size_t)n * (size_t)node->padded_h + (size_t)y + (size_t)node->before_h) *
                    line +
                (size_t)(node->before_w * from->lanes);
            for (size_t k = 0; k < row; k += LANES)
                vec_store(dx + k, add ? vec_load(dx + k) + vec_load(at + k) : vec_load(at + k));
        }
}

static void product_input(const Backward *b, int rows) {
    const Node *node = b->node, *from = &b->run->graph->nodes[node->input[0]];
    bool add;
    float *dx = input_gradient(b, 0, &add);
    if (!dx)
        return;
    Gemm g = {rows,
              node->row,
              node->channels,
              b->dy,
              (size_t)node->lanes,
              1,
              b->run->graph->packed + node->transposed,
              (size_t)node->row,
              dx,
              (size_t)node->row,
              add};
    if (node->direct) {
        gemm(&g);
        return;
    }
    float *windows = b->run->scratch[1], *padded = b->run->scratch[0];
    g.c = windows, g.add = false;
    gemm(&g);
    memset(padded, 0,
           (size_t)b->count * (size_t)node->padded_h * (size_t)node->padded_w *
               (size_t)from->lanes * sizeof(float));
    windows_scatter(node, from->lanes, b->count, windows, padded);
    copy_padded(node, from, b->count, padded, add, dx);
}

static void product(const Backward *b) {
    const Node *node = b->node, *from = &b->run->graph->nodes[node->input[0]];
    int rows = b->count * (node->head == OP_DENSE ? 1 : node->height * node->width);
    const float *x;
    if (node->direct) {
        x = run_read(b->run, node->input[0], b->first, b->count, b->run->scratch[0]);
    } else {
        run_read_padded(b->run, node, b->first, b->count, b->run->scratch[0]);
        windows_gather(node, from->lanes, b->count, b->run->scratch[0], b->run->scratch[1]);
        x = b->run->scratch[1];
    }
    gemm(&(Gemm){node->depth, node->lanes, rows, x, 1, (size_t)node->row, b->dy,
                 (size_t)node->lanes, b->gradient + node->weight, (size_t)node->lanes, true});
    product_input(b, rows);
}

/* ---- depthwise ----------------------------------------------------------------------------------- */

/* One dimension of the input's gradient, at the inputs that meet the taps phase, phase + stride, ...:
 * a correlation of as many taps with the output's gradient, backwards. */
typedef struct Phase {
    int taps, begin, count; /* inputs begin, begin + stride, ... */
    int offset;             /* of the first tap in the padded gradient */
} Phase;

static Phase phase_of(int phase, int kernel, int stride, int before, int extent) {
    Phase p;
    int border = (kernel + stride - 1) / stride - 1;
    p.taps = kernel > phase ? (kernel - phase + stride - 1) / stride : 0;
    p.begin = ((phase - before) % stride + stride) % stride;
    p.count = extent > p.begin ? (extent - p.begin + stride - 1) / stride : 0;
    p.offset = (p.begin + before - phase) / stride - (p.taps - 1) + border;
    return p;
}

/* The output's gradient with zeros around, so that every phase finds its taps. */
typedef struct Padded {
    int before_h, before_w, height, width;
} Padded;

static int padded_extent(int kernel, int stride, int before, int extent, int out) {
    int border = (kernel + stride - 1) / stride - 1, last = (extent - 1 + before) / stride;
    return border + (last + 1 > out ? last + 1 : out);
}

static Padded padded_geometry(const Node *node, const Node *from) {
    int h = node->kernel_h, w = node->kernel_w;
    return (Padded){
        (h + node->stride_h - 1) / node->stride_h - 1,
        (w + node->stride_w - 1) / node->stride_w - 1,
        padded_extent(h, node->stride_h, node->before_h, from->height, node->height),
        padded_extent(w, node->stride_w, node->before_w, from->width, node->width)};
}

static void pad_gradient(const Node *node, const Padded *p, const float *dy, float *padded) {
    size_t row = (size_t)node->width * (size_t)node->lanes,
           line = (size_t)(p->width * node->lanes);
    memset(padded, 0, (size_t)p->height * line * sizeof(float));
    padded += (size_t)p->before_h * line + (size_t)(p->before_w * node->lanes);
    for (int y = 0; y < node->height; y++)
        memcpy(padded + (size_t)y * line, dy + (size_t)y * row, row * sizeof(float));
}

/* The taps of a phase, last first. */
static void phase_weights(const Node *node, const float *weight, int phase_h, int phase_w,
                          Phase v, Phase h, float *out) {
    for (int i = v.taps - 1; i >= 0; i--)
        for (int j = h.taps - 1; j >= 0; j--, out += node->lanes) {
            int tap =
                (phase_h + node->stride_h * i) * node->kernel_w + phase_w + node->stride_w * j;
            memcpy(out, weight + (size_t)tap * (size_t)node->lanes,
                   (size_t)node->lanes * sizeof(float));
        }
}

static void clear_phase(const Correlation *c) {
    for (int y = 0; y < c->out_h; y++)
        for (int x = 0; x < c->out_w; x++)
            memset(c->out + (size_t)y * c->out_y + (size_t)x * c->out_x, 0,
                   (size_t)c->channels * sizeof(float));
}

static void depthwise_phase(const Backward *b, const Padded *p, int phase_h, int phase_w,
                            bool add, float *dx) {
    const Node *node = b->node, *from = &b->run->graph->nodes[node->input[0]];
    Phase v = phase_of(phase_h, node->kernel_h, node->stride_h, node->before_h, from->height);
    Phase h = phase_of(phase_w, node->kernel_w, node->stride_w, node->before_w, from->width);
    size_t lanes = (size_t)node->lanes, line = (size_t)p->width * lanes;
    float *weight = b->run->scratch[1];
    phase_weights(node, b->run->graph->packed + node->weight, phase_h, phase_w, v, h, weight);
    Correlation c = {v.taps,
                     h.taps,
                     node->lanes,
                     v.count,
                     h.count,
                     NULL,
                     line,
                     lanes,
                     line,
                     lanes,
                     weight,
                     dx + ((size_t)v.begin * (size_t)from->width + (size_t)h.begin) * lanes,
                     (size_t)(node->stride_h * from->width) * lanes,
                     (size_t)node->stride_w * lanes,
                     add};
    if (v.taps && h.taps) {
        c.in = b->run->scratch[0] + (size_t)v.offset * line + (size_t)h.offset * lanes;
        correlate(&c);
    } else if (!add) {
        clear_phase(&c);
    }
}

static void depthwise_input(const Backward *b) {
    const Node *node = b->node, *from = &b->run->graph->nodes[node->input[0]];
    Padded p = padded_geometry(node, from);
    bool add;
    float *dx = input_gradient(b, 0, &add);
    for (int n = 0; dx && n < b->count; n++, dx += image_floats(from)) {
        pad_gradient(node, &p, b->dy + (size_t)n * image_floats(node), b->run->scratch[0]);
        for (int i = 0; i < node->stride_h; i++)
            for (int j = 0; j < node->stride_w; j++)
                depthwise_phase(b, &p, i, j, add, dx);
    }
}

static void depthwise(const Backward *b) {
    const Node *node = b->node;
    run_read_padded(b->run, node, b->first, b->count, b->run->scratch[0]);
    size_t lanes = (size_t)node->lanes, row = (size_t)node->padded_w * lanes;
    Correlation c = {node->kernel_h,
                     node->kernel_w,
                     node->lanes,
                     node->height,
                     node->width,
                     b->run->scratch[0],
                     (size_t)node->stride_h * row,
                     (size_t)node->stride_w * lanes,
                     row,
                     lanes,
                     NULL,
                     (float *)(uintptr_t)b->dy,
                     (size_t)node->width * lanes,
                     lanes,
                     false};
    for (int n = 0; n < b->count; n++) {
        correlate_weights(&c, b->gradient + node->weight);
        c.in += (size_t)node->padded_h * row;
        c.out += image_floats(node);
    }
    depthwise_input(b);
}

/* ---- the rest -------------------------------------------------------------------------------------- */

static void pass_on(const Backward *b, int k, const float *dy) {
    bool add;
    float *dx = input_gradient(b, k, &add);
    for (size_t i = 0; dx && i < (size_t)b->count * image_floats(b->node); i += LANES)
        vec_store(dx + i, add ? vec_load(dx + i) + vec_load(dy + i) : vec_load(dy + i));
}

static void pool(const Backward *b) {
    bool add;
    float *dx = input_gradient(b, 0, &add);
    if (dx)
        pool_backward(
            b->node, &b->run->graph->nodes[b->node->input[0]], b->count,
            run_read(b->run, b->node->input[0], b->first, b->count, b->run->scratch[0]), b->y,
            b->dy, add, dx);
}

static void block_backward(const Backward *b) {
    switch (b->node->head) {
    case OP_CONV:
    case OP_DENSE:
        product(b);
        break;
    case OP_DEPTHWISE:
        depthwise(b);
        break;
    case OP_MAX_POOL:
    case OP_AVERAGE_POOL:
    case OP_GLOBAL_AVERAGE:
        pool(b);
        break;
    default:
        for (int k = 0; k < b->node->inputs; k++)
            pass_on(b, k, b->dy);
        break;
    }
}

/* dy = a * g + c * y + d: what is left of g once its mean and its part along y are taken out. */
static void norm_constants(Run *run, const Node *node, const EndingSums *sums) {
    float count = (float)(run->images * node->height * node->width);
    for (int k = 0; k < node->channels; k++) {
        int at = node->channel + k;
        run->c[at] = -run->a[at] * run->inverse[at] * sums->gx[k] / count;
        run->d[at] = -run->a[at] * sums->g[k] / count - run->c[at] * run->mean[at];
    }
    for (int k = node->channels; k < lanes_up(node->channels); k++)
        run->c[node->channel + k] = run->d[node->channel + k] = 0;
}

/* From the gradient of z to that before the ending, with all that it says of the parameters. */
static void ending_gradient(Run *run, int i, float *gradient) {
    const Graph *graph = run->graph;
    const Node *node = &graph->nodes[i];
    bool normed = node->norm >= 0;
    float *of_channels = gradient + graph->gradient_channels + 2 * node->channel;
    float *of_node = gradient + graph->gradient_nodes + 2 * i;
    EndingSums sums = {normed ? run->mean + node->channel : NULL,
                       run->inverse + node->channel,
                       of_channels,
                       of_channels + node->lanes,
                       vec_all(0),
                       vec_all(0)};
    Ending e = run_ending(run, i);
    for (int first = 0; first < run->images; first += node->block) {
        int count = run->images - first < node->block ? run->images - first : node->block;
        size_t at = (size_t)first * image_floats(node);
        ending_backward(&e, node->lanes, count * node->height * node->width,
                        run->memory + node->y + at, run->memory + node->g + at, &sums);
    }
    of_node[0] += vec_sum(sums.step);
    of_node[1] += vec_sum(sums.zero);
    if (normed)
        norm_constants(run, node, &sums);
}

static void node_backward(Run *run, int i, float *gradient) {
    const Node *node = &run->graph->nodes[i];
    if (!node->plain)
        ending_gradient(run, i, gradient);
    for (int first = (run->images - 1) / node->block * node->block; first >= 0;
         first -= node->block) {
        int count = run->images - first < node->block ? run->images - first : node->block;
        size_t at = (size_t)first * image_floats(node);
        const float *y = run->memory + node->y + at, *g = run->memory + node->g + at;
        Backward b = {run, node, gradient, first, count, y, g};
        if (node->norm >= 0) {
            b.dy = run->scratch[2];
            norm_backward(run->a + node->channel, run->c + node->channel,
                          run->d + node->channel, node->lanes,
                          count * node->height * node->width, y, g, run->scratch[2]);
        }
        block_backward(&b);
    }
    for (int k = 0; k < node->inputs; k++)
        run->written[node->input[k]] = true;
}

float *run_result_gradient(Run *run) {
    run->written[run->graph->output] = true;
    return run->memory + run->graph->nodes[run->graph->output].g;
}

void run_backward(Run *run, float *gradient) {
    memset(gradient, 0, run->graph->gradient_floats * sizeof(float));
    for (int i = run->graph->count - 1; i > 0; i--)
        node_backward(run, i, gradient);
}
