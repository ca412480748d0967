/* slice.c: a member's weights out of those of its space, and its gradient back: channels from
 * the front, kernels from the centre.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <math.h>
#include <string.h>

/* A member's part of a site's weights: runs of `in` floats that are contiguous in both. */
typedef struct Slice {
    int out, height, width, in;
    size_t begin, out_step, height_step, width_step; /* in the site's */
} Slice;

static Slice dense_slice(const Site *site, const Op *op, Shape from) {
    int pixels = shape_pixels(from), channels = shape_channels(from);
    bool by_pixel = site->in % pixels == 0;
    Slice slice = {.out = shape_channels(op->shape), .height = 1, .out_step = (size_t)site->in};
    slice.width = by_pixel ? pixels : 1;
    slice.in = by_pixel ? channels : pixels * channels;
    slice.width_step = (size_t)(by_pixel ? site->in / pixels : 0);
    return slice;
}

static Slice slice_of(const Supernet *supernet, const Net *net, int i) {
    const Op *op = &net->ops[i];
    const Site *site = &supernet->space->sites.at[op->site];
    Shape from = net->ops[op->input[0]].shape;
    if (op->kind == OP_DENSE)
        return dense_slice(site, op, from);
    int h = op->attribute[ATTRIBUTE_KERNEL_H], w = op->attribute[ATTRIBUTE_KERNEL_W];
    Slice slice = {.out = shape_channels(op->shape), .height = h, .width = w, .in = 1};
    if (op->kind == OP_CONV)
        slice.in = shape_channels(from) / op->attribute[ATTRIBUTE_GROUPS];
    slice.width_step = (size_t)site->in;
    slice.height_step = slice.width_step * (size_t)site->kernel_w;
    slice.out_step = slice.height_step * (size_t)site->kernel_h;
    slice.begin = (size_t)((site->kernel_h - h) / 2) * slice.height_step +
                  (size_t)((site->kernel_w - w) / 2) * slice.width_step;
    return slice;
}

static int slice_row(const Slice *slice) {
    return slice->height * slice->width * slice->in;
}

static size_t slice_at(const Slice *slice, int o, int h, int w) {
    return slice->begin + (size_t)o * slice->out_step + (size_t)h * slice->height_step +
           (size_t)w * slice->width_step;
}

static void slice_gather(const Slice *slice, const float *site, float *to) {
    for (int o = 0; o < slice->out; o++)
        for (int h = 0; h < slice->height; h++)
            for (int w = 0; w < slice->width; w++, to += slice->in)
                memcpy(to, site + slice_at(slice, o, h, w), (size_t)slice->in * sizeof(float));
}

static void slice_scatter(const Slice *slice, const float *from, float *site) {
    for (int o = 0; o < slice->out; o++)
        for (int h = 0; h < slice->height; h++)
            for (int w = 0; w < slice->width; w++, from += slice->in)
                for (int c = 0; c < slice->in; c++)
                    site[slice_at(slice, o, h, w) + (size_t)c] += from[c];
}

/* ---- cutting ----------------------------------------------------------------------------- */

static size_t weight_step_slot(const Supernet *supernet, const Op *op) {
    return supernet->slots[op->site].step +
           (size_t)op->weights * (size_t)supernet->space->sites.at[op->site].out;
}

static bool weights_quantised(const Op *op) {
    return operator_facts[op->kind].weights == WEIGHTED && format_is_integer(op->weights);
}

static void steps_best(const float *weight, int out, int row, Format format, float *step) {
    for (int o = 0; o < out; o++)
        step[o] = weight_step_best(weight + (size_t)o * (size_t)row, row,
                                   format_weight_limit(format));
}

/* The learned steps, or where training never met this format, the best for the weights. */
static const float *steps_cut(const Supernet *supernet, const Op *op, const float *weight,
                              int out, int row, Arena *arena) {
    const float *learned = supernet->value + weight_step_slot(supernet, op);
    if (learned[0] > 0)
        return learned;
    float *step = arena_array(arena, float, out);
    steps_best(weight, out, row, op->weights, step);
    return step;
}

static void weights_cut(const Supernet *supernet, const Net *net, int i, bool full_precision,
                        Arena *arena, OpWeights *to) {
    const Op *op = &net->ops[i];
    const Slots *slots = &supernet->slots[op->site];
    Slice slice = slice_of(supernet, net, i);
    float *weight = arena_array(arena, float, (size_t)slice.out *(size_t)slice_row(&slice));
    slice_gather(&slice, supernet->value + slots->weight, weight);
    to->weight = weight;
    if (net_folded_norm(net, i) < 0)
        to->bias = supernet->value + slots->bias;
    if (!full_precision && weights_quantised(op))
        to->weight_scale = steps_cut(supernet, op, weight, slice.out, slice_row(&slice), arena);
}

static void quantiser_cut(const Supernet *supernet, const Net *net, int i, OpWeights *to) {
    const Op *op = &net->ops[i];
    if (i == 0) {
        to->scale = task_input_scale(supernet->task);
        to->zero = task_input_zero(supernet->task);
    } else if (format_is_integer(op->output) && net_quantiser(net, i) == i) {
        const float *learned =
            supernet->value + quantiser_slot(supernet, op->origin, op->output);
        to->scale = learned[0];
        to->zero = (int)zero_code(learned[1], op->output);
    }
}

void member_cut(const Supernet *supernet, const Net *net, bool full_precision, Arena *arena,
                FloatModel *model) {
    model->net = net;
    model->ops = arena_array(arena, OpWeights, net->count);
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        OpWeights *to = &model->ops[i];
        WeightsKind kind = operator_facts[op->kind].weights;
        if (kind == WEIGHTED) {
            weights_cut(supernet, net, i, full_precision, arena, to);
        } else if (kind == NORM) {
            to->gamma = supernet->value + supernet->slots[op->site].weight;
            to->beta = supernet->value + supernet->slots[op->site].bias;
        }
        quantiser_cut(supernet, net, i, to);
    }
}

void weight_steps_begin(Supernet *supernet, const Net *net) {
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        if (!weights_quantised(op))
            continue;
        const Site *site = &supernet->space->sites.at[op->site];
        float *step = supernet->value + weight_step_slot(supernet, op);
        if (!(step[0] > 0))
            steps_best(supernet->value + supernet->slots[op->site].weight, site->out,
                       site->kernel_h * site->kernel_w * site->in, op->weights, step);
    }
}

/* ---- the gradient ------------------------------------------------------------------------ */

static void weights_gradient(const Supernet *supernet, const Member *member, const Node *node,
                             const float *gradient, float *sum) {
    const Op *op = &member->net.ops[node->op];
    const OpWeights *weights = &member->model.ops[node->op];
    const Node *from = &member->graph->nodes[node->input[0]];
    Slice slice = slice_of(supernet, &member->net, node->op);
    int row = slice_row(&slice), in = row / node->taps;
    float *natural = arena_array(member->arena, float, (size_t)slice.out *(size_t)row);
    for (int o = 0; o < slice.out; o++) {
        float *to = natural + (size_t)o * (size_t)row;
        for (int t = 0; t < node->taps; t++) {
            const float *at = gradient + node->weight + graph_packed_index(node, from, o, t, 0);
            for (int c = 0; c < in; c++)
                to[t * in + c] = at[(size_t)c * (size_t)node->lanes];
        }
        if (weights->weight_scale)
            sum[weight_step_slot(supernet, op) + (size_t)o] +=
                weight_backward(weights->weight + (size_t)o * (size_t)row, row,
                                weights->weight_scale[o], format_weight_limit(op->weights), to);
    }
    slice_scatter(&slice, natural, sum + supernet->slots[op->site].weight);
}

static void add_channels(int count, const float *from, float *to) {
    for (int c = 0; c < count; c++)
        to[c] += from[c];
}

static void affine_gradient(const Supernet *supernet, const Member *member, const Node *node,
                            const float *gradient, float *sum) {
    const float *of = gradient + member->graph->gradient_channels + 2 * node->channel;
    const Op *ops = member->net.ops;
    if (node->norm >= 0) {
        const Slots *slots = &supernet->slots[ops[node->norm].site];
        add_channels(node->channels, of, sum + slots->bias);
        add_channels(node->channels, of + lanes_up(node->channels), sum + slots->weight);
    } else if (node->biased) {
        add_channels(node->channels, of, sum + supernet->slots[ops[node->op].site].bias);
    }
}

/* As LSQ scales the step's gradient; the zero point's is taken to units of codes. */
static void quantiser_gradient(const Supernet *supernet, const Member *member, int i,
                               const float *gradient, float *sum) {
    const Node *node = &member->graph->nodes[i];
    const float *of = gradient + member->graph->gradient_nodes + 2 * i;
    const Op *op = &member->net.ops[node->quantiser];
    float values = (float)(node->height * node->width * node->channels);
    float scale = 1 / sqrtf(values * (float)format_high(node->format));
    float *to = sum + quantiser_slot(supernet, op->origin, op->output);
    to[0] += scale * of[0];
    if (!node->clamped && node->format != FORMAT_I16)
        to[1] += scale * of[1] / node->step;
}

void member_gradient(const Supernet *supernet, const Member *member, float *gradient,
                     float *sum) {
    for (int i = 1; i < member->graph->count; i++) {
        const Node *node = &member->graph->nodes[i];
        if (node->taps)
            weights_gradient(supernet, member, node, gradient, sum);
        affine_gradient(supernet, member, node, gradient, sum);
        if (node->quantiser > 0)
            quantiser_gradient(supernet, member, i, gradient, sum);
    }
}
