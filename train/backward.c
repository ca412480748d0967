/* backward.c: the gradient of a piece, from the network's result to its weights.
 *
 * g of a node holds first the gradient of z, summed over its readers, then that before the
 * ending.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>

typedef struct Backward {
    Run *run;
    const Node *node;
    float *gradient; /* of the piece, as the graph lays it out */
    int first, count;
    const float *y, *g; /* of the block: g is before the batch norm */
    const float *dy;
    NormGradient norm; /* what makes dy of them */
} Backward;

/* Where input k's gradient of the block goes, and whether something is there already; NULL
 * where nobody asks for it. */
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

/* ---- products ---------------------------------------------------------------------------- */

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
    float *windows = b->run->scratch[1], *padded = b->run->scratch[3];
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

/* ---- depthwise --------------------------------------------------------------------------- */

/* One dimension of the input's gradient, at the inputs that meet the taps phase, phase +
 * stride, ...: a correlation of as many taps with the output's gradient, backwards. */
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

static size_t panel_floats(const Padded *p) {
    return (size_t)(p->height * p->width) * LANES;
}

static void clear_gradient_borders(Run *run, const Node *node) {
    Padded p = padded_geometry(node, &run->graph->nodes[node->input[0]]);
    memset(run->scratch[2], 0, (size_t)node->block * panel_floats(&p) * sizeof(float));
}

/* The taps of a phase, last first, for the vector of channels from v. */
static void phase_weights(const Node *node, const float *weight, int phase_h, int phase_w,
                          Phase v, Phase h, float *out) {
    for (int i = v.taps - 1; i >= 0; i--)
        for (int j = h.taps - 1; j >= 0; j--, out += LANES) {
            int tap =
                (phase_h + node->stride_h * i) * node->kernel_w + phase_w + node->stride_w * j;
            vec_store(out, vec_load(weight + (size_t)tap * (size_t)node->lanes));
        }
}

static void clear_phase(const Correlation *c) {
    for (int y = 0; y < c->out_h; y++)
        for (int x = 0; x < c->out_w; x++)
            vec_store(c->out + (size_t)y * c->out_y + (size_t)x * c->out_x, vec_all(0));
}

/* One phase of all images of the block, whose gradients are in panels. */
static void phase_input(const Backward *b, const Padded *p, int v, int phase_h, int phase_w,
                        bool add, float *dx) {
    const Node *node = b->node, *from = &b->run->graph->nodes[node->input[0]];
    Phase down =
        phase_of(phase_h, node->kernel_h, node->stride_h, node->before_h, from->height);
    Phase right =
        phase_of(phase_w, node->kernel_w, node->stride_w, node->before_w, from->width);
    size_t lanes = (size_t)node->lanes, line = (size_t)p->width * LANES;
    Correlation c = {.kernel_h = down.taps,
                     .kernel_w = right.taps,
                     .out_h = down.count,
                     .out_w = right.count,
                     .in_y = line,
                     .in_x = LANES,
                     .tap_y = line,
                     .weight = b->run->scratch[1],
                     .weight_tap = LANES,
                     .out = dx + (size_t)(down.begin * from->width + right.begin) * lanes,
                     .out_y = (size_t)(node->stride_h * from->width) * lanes,
                     .out_x = (size_t)node->stride_w * lanes,
                     .add = add};
    phase_weights(node, b->run->graph->packed + node->weight + v, phase_h, phase_w, down, right,
                  b->run->scratch[1]);
    for (int n = 0; n < b->count; n++, c.out += image_floats(from)) {
        c.in = b->run->scratch[2] + (size_t)n * panel_floats(p) + (size_t)down.offset * line +
               (size_t)(right.offset * LANES);
        if (down.taps && right.taps)
            correlate(&c);
        else if (!add)
            clear_phase(&c);
    }
}

/* Panels of the gradient of y for all images of the block, and of the input for one at a
 * time. */
static void panels_weights(const Backward *b, const Padded *p, int v) {
    const Node *node = b->node, *from = &b->run->graph->nodes[node->input[0]];
    size_t line = (size_t)node->padded_w * LANES, out_line = (size_t)p->width * LANES;
    const float *x = b->run->memory + from->y + (size_t)b->first * image_floats(from);
    float *panel = b->run->scratch[0];
    Ending e = run_ending(b->run, node->input[0]);
    Correlation c = {.kernel_h = node->kernel_h,
                     .kernel_w = node->kernel_w,
                     .out_h = node->height,
                     .out_w = node->width,
                     .in = panel,
                     .in_y = (size_t)node->stride_h * line,
                     .in_x = (size_t)node->stride_w * LANES,
                     .tap_y = line,
                     .weight_tap = (size_t)node->lanes,
                     .out = b->run->scratch[2] + (size_t)p->before_h * out_line +
                            (size_t)(p->before_w * LANES),
                     .out_y = out_line,
                     .out_x = LANES};
    panel += (size_t)node->before_h * line + (size_t)(node->before_w * LANES);
    for (int n = 0; n < b->count; n++, c.out += panel_floats(p)) {
        size_t at = (size_t)n * image_floats(node);
        ending_apply_panel(&e, v, from->lanes, from->height, from->width,
                           x + (size_t)n * image_floats(from), panel, line);
        norm_backward_panel(&b->norm, v, node->lanes, node->height, node->width, b->y + at,
                            b->g + at, c.out, out_line);
        correlate_weights(&c, b->gradient + node->weight + v);
    }
}

static void depthwise(const Backward *b) {
    const Node *node = b->node;
    Padded p = padded_geometry(node, &b->run->graph->nodes[node->input[0]]);
    bool add;
    float *dx = input_gradient(b, 0, &add);
    for (int v = 0; v < node->lanes; v += LANES) {
        panels_weights(b, &p, v);
        for (int i = 0; dx && i < node->stride_h; i++)
            for (int j = 0; j < node->stride_w; j++)
                phase_input(b, &p, v, i, j, add, dx + v);
    }
}

/* ---- the rest ---------------------------------------------------------------------------- */

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

/* For a block, from the gradient of z to that before the ending, with all that it says of
 * the parameters: as soon as the last of the node's readers has given its part, while that
 * is near. */
static void ending_gradient(Run *run, int i, int first, int count, float *gradient) {
    const Graph *graph = run->graph;
    const Node *node = &graph->nodes[i];
    if (node->plain)
        return;
    float *of_channels = gradient + graph->gradient_channels + 2 * node->channel;
    EndingSums sums = {node->norm >= 0 ? run->mean + node->channel : NULL,
                       run->inverse + node->channel,
                       of_channels,
                       of_channels + node->lanes,
                       run->step_sum[i],
                       run->zero_sum[i]};
    Ending e = run_ending(run, i);
    size_t at = (size_t)first * image_floats(node);
    ending_backward(&e, node->lanes, count * node->height * node->width,
                    run->memory + node->y + at, run->memory + node->g + at, &sums);
    run->step_sum[i] = sums.step;
    run->zero_sum[i] = sums.zero;
}

/* dy = a * g + c * y + d: what is left of g once its mean and its part along y are taken
 * out. */
static void norm_constants(Run *run, const Node *node, const float *of_channels) {
    float count = (float)(run->images * node->height * node->width);
    const float *g = of_channels, *gx = of_channels + lanes_up(node->channels);
    for (int k = 0; k < node->channels; k++) {
        int at = node->channel + k;
        run->c[at] = -run->a[at] * run->inverse[at] * gx[k] / count;
        run->d[at] = -run->a[at] * g[k] / count - run->c[at] * run->mean[at];
    }
}

/* A depthwise takes g and y through the batch norm itself, panel by panel. */
static void gradient_of_y(Backward *b) {
    b->dy = b->g;
    if (b->node->norm < 0 || b->node->head == OP_DEPTHWISE)
        return;
    b->dy = b->run->scratch[2];
    norm_backward(&b->norm, b->node->lanes, b->count * b->node->height * b->node->width, b->y,
                  b->g, b->run->scratch[2]);
}

static void block_through(Run *run, int i, int first, int count, float *gradient) {
    const Node *node = &run->graph->nodes[i];
    size_t at = (size_t)first * image_floats(node);
    Backward b = {run,
                  node,
                  gradient,
                  first,
                  count,
                  run->memory + node->y + at,
                  run->memory + node->g + at,
                  NULL,
                  {run->a + node->channel, run->c + node->channel, run->d + node->channel}};
    gradient_of_y(&b);
    block_backward(&b);
    for (int k = 0; k < node->inputs; k++)
        if (node->input[k] > 0 && run->graph->nodes[node->input[k]].first_reader == i &&
            !(k > 0 && node->input[k] == node->input[0]))
            ending_gradient(run, node->input[k], first, count, gradient);
}

static void node_backward(Run *run, int i, float *gradient) {
    const Graph *graph = run->graph;
    const Node *node = &graph->nodes[i];
    if (node->norm >= 0)
        norm_constants(run, node, gradient + graph->gradient_channels + 2 * node->channel);
    gradient[graph->gradient_nodes + 2 * (size_t)i] = vec_sum(run->step_sum[i]);
    gradient[graph->gradient_nodes + 2 * (size_t)i + 1] = vec_sum(run->zero_sum[i]);
    run_clear_borders(run, node, run->scratch[0]);
    if (node->head == OP_DEPTHWISE)
        clear_gradient_borders(run, node);
    for (int at = 0, first, count; (count = run_block(run, node, at, &first)) > 0; at++)
        block_through(run, i, first, count, gradient);
    for (int k = 0; k < node->inputs; k++)
        run->written[node->input[k]] = true;
}

float *run_result_gradient(Run *run) {
    run->written[run->graph->output] = true;
    return run->memory + run->graph->nodes[run->graph->output].g;
}

void run_backward(Run *run, float *gradient) {
    memset(gradient, 0, run->graph->gradient_floats * sizeof(float));
    int output = run->graph->output;
    if (run->graph->nodes[output].first_reader < 0)
        ending_gradient(run, output, 0, run->images, gradient);
    for (int i = run->graph->count - 1; i > 0; i--)
        node_backward(run, i, gradient);
}
