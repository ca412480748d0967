/* graph.c: a network regrouped into nodes, its geometry, its weights packed for the kernels.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A block of images should stay in the second-level cache along with what is made of it. */
enum { BLOCK_FLOATS = 24 << 10, LEAST_SCRATCH = 8 << 10 };

/* ---- nodes ------------------------------------------------------------------------------- */

static bool is_clamp(OpKind kind) {
    return kind == OP_RELU || kind == OP_RELU6;
}

static bool is_pool(OpKind kind) {
    return kind == OP_AVERAGE_POOL || kind == OP_GLOBAL_AVERAGE || kind == OP_MAX_POOL;
}

static bool is_product(OpKind kind) {
    return kind == OP_CONV || kind == OP_DENSE;
}

/* The only reader of each operator's result, -1 for none or several. */
static int *only_readers(Arena *arena, const Net *net) {
    int *reader = arena_array(arena, int, net->count),
        *readers = arena_array(arena, int, net->count);
    for (int i = 0; i < net->count; i++)
        for (int k = 0; k < net->ops[i].inputs; k++) {
            reader[net->ops[i].input[k]] = i;
            readers[net->ops[i].input[k]]++;
        }
    readers[net->output]++;
    for (int i = 0; i < net->count; i++)
        if (readers[i] != 1 || i == net->output)
            reader[i] = -1;
    return reader;
}

/* Makes batch norm or clamp i the node's end. */
static bool node_ends_in(const Net *net, Node *node, int i) {
    OpKind kind = net->ops[i].kind;
    if (kind == OP_BATCH_NORM && node->norm < 0)
        node->norm = i;
    else if (is_clamp(kind))
        node->clamped = true, node->low = 0, node->high = kind == OP_RELU6 ? 6 : FLT_MAX;
    else
        return false;
    node->last = i;
    return true;
}

/* Takes operator i into the node if the order of an ending allows: nothing follows a clamp or a
 * rounding, and pooling rounds where it stands. */
static bool node_takes(const Net *net, Node *node, int i) {
    bool rounded = net_quantiser(net, node->last) == node->last || is_pool(node->head);
    return node->head != OP_INPUT && !node->clamped && !rounded && node_ends_in(net, node, i);
}

static void node_open(const Net *net, Node *node, int i) {
    *node = (Node){.head = net->ops[i].kind,
                   .op = i,
                   .norm = -1,
                   .last = i,
                   .quantiser = -1,
                   .low = -FLT_MAX,
                   .high = FLT_MAX};
    if (node_ends_in(net, node, i))
        node->head = OP_RELU;
}

static void node_close(const Graph *graph, Node *node, const int *node_of) {
    const Net *net = graph->net;
    const Op *op = &net->ops[node->op];
    node->inputs = op->inputs;
    for (int k = 0; k < op->inputs; k++) {
        Node *from = &graph->nodes[node_of[op->input[k]]];
        node->input[k] = node_of[op->input[k]];
        if (from->first_reader < 0)
            from->first_reader = graph->count;
    }
    int quantiser = net_quantiser(net, node->last);
    node->format = net->ops[node->last].output;
    node->owns_quantiser = quantiser == node->last;
    bool rounds = node->head != OP_INPUT && node->head != OP_MAX_POOL;
    if (!graph->full_precision && format_is_integer(node->format) && rounds)
        node->quantiser = quantiser;
}

static void nodes_make(Arena *arena, Graph *graph) {
    const Net *net = graph->net;
    int *reader = only_readers(arena, net), *node_of = arena_array(arena, int, net->count);
    bool *taken = arena_array(arena, bool, net->count);
    graph->nodes = arena_array(arena, Node, net->count);
    for (int i = 0; i < net->count; i++) {
        if (taken[i])
            continue;
        Node *node = &graph->nodes[graph->count];
        node_open(net, node, i);
        int next = i;
        node->first_reader = -1;
        node_of[i] = graph->count;
        while ((next = reader[next]) >= 0 && node_takes(net, node, next)) {
            taken[next] = true;
            node_of[next] = graph->count;
        }
        node_close(graph, node, node_of);
        graph->count++;
    }
    graph->output = node_of[net->output];
}

/* ---- geometry ---------------------------------------------------------------------------- */

/* The input may stay as narrow as it is where all its readers gather windows. */
static bool input_stays_narrow(const Graph *graph) {
    for (int i = 1; i < graph->count; i++)
        for (int k = 0; k < graph->nodes[i].inputs; k++)
            if (graph->nodes[i].input[k] == 0 && !is_product(graph->nodes[i].head))
                return false;
    return graph->output != 0;
}

static void extents(Node *node, Shape shape) {
    node->channels = shape_channels(shape);
    node->width = shape.rank == 3 ? shape.dim[1] : 1;
    node->height = shape_pixels(shape) / node->width;
    node->lanes = lanes_up(node->channels);
}

static void window_geometry(const Op *op, const Node *from, Node *node) {
    const int *a = op->attribute;
    bool same = a[ATTRIBUTE_SAME];
    node->kernel_h = a[ATTRIBUTE_KERNEL_H], node->kernel_w = a[ATTRIBUTE_KERNEL_W];
    node->stride_h = a[ATTRIBUTE_STRIDE_H], node->stride_w = a[ATTRIBUTE_STRIDE_W];
    node->before_h = window_before(from->height, node->kernel_h, node->stride_h, same);
    node->before_w = window_before(from->width, node->kernel_w, node->stride_w, same);
    int h = (node->height - 1) * node->stride_h + node->kernel_h;
    int w = (node->width - 1) * node->stride_w + node->kernel_w;
    node->padded_h = h > node->before_h + from->height ? h : node->before_h + from->height;
    node->padded_w = w > node->before_w + from->width ? w : node->before_w + from->width;
}

static int even_block(size_t floats_per_image) {
    int block = PIECE;
    while (block > 1 && (size_t)block * floats_per_image > BLOCK_FLOATS)
        block /= 2;
    return block;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* The largest thing of one image that the node's kernels touch. */
static size_t working_floats(const Graph *graph, const Node *node) {
    size_t most = image_floats(node);
    for (int k = 0; k < node->inputs; k++)
        most = larger(most, image_floats(&graph->nodes[node->input[k]]));
    if (!node->kernel_h)
        return most;
    int lanes = graph->nodes[node->input[0]].lanes;
    most = larger(most, (size_t)node->padded_h * (size_t)node->padded_w * (size_t)lanes);
    /* The gradient of a depthwise output is padded by less than a kernel on each side. */
    most = larger(most, (size_t)(node->height + 2 * node->kernel_h + node->before_h) *
                            (size_t)(node->width + 2 * node->kernel_w + node->before_w) *
                            (size_t)node->lanes);
    if (node->head == OP_CONV && !node->direct)
        most = larger(most, (size_t)node->height * (size_t)node->width * (size_t)node->row);
    return most;
}

static void product_geometry(const Op *op, const Node *from, Node *node) {
    bool dense = node->head == OP_DENSE;
    node->groups = dense ? 1 : op->attribute[ATTRIBUTE_GROUPS];
    node->taps = dense ? from->height * from->width : node->kernel_h * node->kernel_w;
    node->row = node->taps * from->lanes;
    node->depth = (node->taps - 1) * from->lanes + from->channels;
    node->direct = dense || (node->taps == 1 && node->stride_h == 1 && node->stride_w == 1);
}

static void node_geometry(const Graph *graph, Node *node) {
    const Op *op = &graph->net->ops[node->op];
    extents(node, op->shape);
    if (node->head == OP_INPUT) {
        if (input_stays_narrow(graph))
            node->lanes = node->channels;
        return;
    }
    const Node *from = &graph->nodes[node->input[0]];
    node->descending = !from->descending;
    if (operator_has(node->head, ATTRIBUTE_KERNEL_H))
        window_geometry(op, from, node);
    if (is_product(node->head))
        product_geometry(op, from, node);
    if (node->head == OP_DEPTHWISE)
        node->taps = node->kernel_h * node->kernel_w;
}

static size_t take(size_t *total, size_t count) {
    size_t at = *total;
    *total += (count + LANES - 1) / LANES * LANES;
    return at;
}

/* The lowest place from `base` for the gradient of node i among those alive. */
static size_t gradient_place(const Graph *graph, const bool *alive, int i, size_t base) {
    size_t place = base, size = image_floats(&graph->nodes[i]) * PIECE;
    for (int k = 1; k < graph->count; k++) {
        const Node *other = &graph->nodes[k];
        size_t end = other->g + image_floats(other) * PIECE;
        if (!alive[k] || place >= end || other->g >= place + size)
            continue;
        place = end;
        k = 0; /* again with all, from the higher place */
    }
    return place;
}

/* Gradients of activations live from their first reader's turn to their own: they share memory,
 * which stays in the cache for it. */
static void gradients_place(Arena *arena, Graph *graph) {
    bool *alive = arena_array(arena, bool, graph->count);
    size_t base = graph->run_floats;
    for (int i = graph->count - 1; i > 0; i--) {
        Node *node = &graph->nodes[i];
        for (int k = -1; k < node->inputs; k++) {
            int at = k < 0 ? i : node->input[k];
            if (at == 0 || alive[at])
                continue;
            Node *now = &graph->nodes[at];
            now->g = gradient_place(graph, alive, at, base);
            alive[at] = true;
            graph->run_floats = larger(graph->run_floats, now->g + image_floats(now) * PIECE);
        }
        alive[i] = false;
    }
}

static void graph_layout(Arena *arena, Graph *graph, bool training) {
    graph->block_floats = LEAST_SCRATCH;
    for (int i = 0; i < graph->count; i++) {
        Node *node = &graph->nodes[i];
        node_geometry(graph, node);
        size_t working = working_floats(graph, node);
        node->block = even_block(working);
        graph->block_floats = larger(graph->block_floats, working * (size_t)node->block);
        node->y = take(&graph->run_floats, image_floats(node) * PIECE);
        node->channel = graph->channels;
        graph->channels += lanes_up(node->channels);
        if (is_product(node->head) || node->head == OP_DEPTHWISE)
            node->weight = take(&graph->packed_floats,
                                (size_t)(node->head == OP_DEPTHWISE ? node->taps : node->row) *
                                    (size_t)node->lanes);
    }
    if (training)
        gradients_place(arena, graph);
    graph->block_floats =
        larger(graph->block_floats, PIECE * image_floats(&graph->nodes[graph->output]));
    graph->block_floats = (graph->block_floats + LANES) / LANES * LANES + LANES;
    graph->gradient_channels = graph->packed_floats;
    graph->gradient_nodes = graph->gradient_channels + 2 * (size_t)graph->channels;
    graph->gradient_floats = graph->gradient_nodes + 2 * (size_t)graph->count;
    for (int i = 0; training && i < graph->count; i++) {
        Node *node = &graph->nodes[i];
        if (is_product(node->head) && node->input[0] != 0)
            node->transposed =
                take(&graph->packed_floats, (size_t)node->channels * (size_t)node->row);
    }
}

/* ---- constants --------------------------------------------------------------------------- */

size_t graph_packed_index(const Node *node, const Node *from, int o, int tap, int c) {
    if (node->head == OP_DEPTHWISE)
        return (size_t)tap * (size_t)node->lanes + (size_t)o;
    int group = o / (node->channels / node->groups);
    int group_channels = from->channels / node->groups;
    int k = tap * from->lanes + group * group_channels + c;
    return (size_t)k * (size_t)node->lanes + (size_t)o;
}

static void weights_pack(const Graph *graph, const Node *node, bool training) {
    const Node *from = &graph->nodes[node->input[0]];
    const OpWeights *op = &graph->model->ops[node->op];
    Format format = graph->net->ops[node->op].weights;
    bool quantised = !graph->full_precision && format_is_integer(format) && op->weight_scale;
    float limit = quantised ? (float)format_weight_limit(format) : 0;
    int channels = node->head == OP_DEPTHWISE ? 1 : from->channels / node->groups;
    const float *weight = op->weight;
    bool transposed = training && is_product(node->head) && node->input[0] != 0;
    for (int o = 0; o < node->channels; o++)
        for (int t = 0; t < node->taps; t++) {
            float *to = graph->packed + node->weight + graph_packed_index(node, from, o, t, 0);
            float *back = graph->packed + node->transposed + (size_t)o * (size_t)node->row +
                          graph_packed_index(node, from, o, t, 0) / (size_t)node->lanes;
            for (int c = 0; c < channels; c++, weight++) {
                float w =
                    quantised ? weight_quantise(*weight, op->weight_scale[o], limit) : *weight;
                to[(size_t)c * (size_t)node->lanes] = w;
                if (transposed)
                    back[c] = w;
            }
        }
}

/* The ending's affine part, from the model's statistics where a batch norm has any. */
static void affine_pack(const Graph *graph, const Node *node) {
    const OpWeights *op = &graph->model->ops[node->op];
    const OpWeights *norm = node->norm >= 0 ? &graph->model->ops[node->norm] : NULL;
    float *a = graph->a + node->channel, *b = graph->b + node->channel;
    const float *bias = node->biased ? op->bias : NULL;
    for (int c = 0; c < node->channels; c++) {
        a[c] = 1;
        b[c] = bias ? bias[c] : 0;
        if (!norm || !norm->mean)
            continue;
        a[c] = norm->gamma[c] / sqrtf(norm->variance[c] + (float)BATCH_NORM_EPSILON);
        b[c] = norm->beta[c] + a[c] * (b[c] - norm->mean[c]);
    }
}

static void constants_pack(Arena *arena, Graph *graph, bool training) {
    graph->packed = arena_array(arena, float, graph->packed_floats);
    graph->a = arena_array(arena, float, graph->channels);
    graph->b = arena_array(arena, float, graph->channels);
    graph->gamma = arena_array(arena, const float *, graph->count);
    graph->beta = arena_array(arena, const float *, graph->count);
    for (int i = 0; i < graph->count; i++) {
        Node *node = &graph->nodes[i];
        const OpWeights *ops = graph->model->ops;
        bool weighted = is_product(node->head) || node->head == OP_DEPTHWISE;
        node->biased = weighted && ops[node->op].bias;
        if (weighted)
            weights_pack(graph, node, training);
        if (node->norm >= 0) {
            graph->gamma[i] = ops[node->norm].gamma;
            graph->beta[i] = ops[node->norm].beta;
        }
        if (node->quantiser >= 0) {
            node->step = (float)ops[node->quantiser].scale;
            node->zero = (float)ops[node->quantiser].zero;
        }
        affine_pack(graph, node);
        node->plain = node->norm < 0 && !node->biased && !node->clamped && node->quantiser < 0;
    }
}

Graph *graph_new(Arena *arena, const FloatModel *model, bool full_precision, bool training) {
    Graph *graph = arena_new_of(arena, Graph);
    graph->net = model->net;
    graph->model = model;
    graph->full_precision = full_precision;
    nodes_make(arena, graph);
    graph_layout(arena, graph, training);
    constants_pack(arena, graph, training);
    return graph;
}
