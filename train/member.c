/* member.c: a member as it would ship: weights cut from the supernet, batch norms recalibrated;
 * and how many images it classifies rightly in floats.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct Workspace {
    Run run;
    Arena *arena; /* of the graph at hand */
    const Task *task;
    const uint8_t *images; /* of the data set that `order` is a permutation of */
    int *order;
    int ordered;
    /* The statistics of the pieces so far, by channel of the graph. */
    double *mean, *square, *variance;
    size_t channels;
    Memo *memo; /* or NULL */
};

/* The permutation is fixed: every member sees the same images. */
static const uint64_t RECALIBRATION_SEED = 0x6e617363, RECALIBRATION_STREAM = 1;

Workspace *workspace_new(const Supernet *supernet) {
    Workspace *workspace = memory_new(sizeof *workspace);
    workspace->arena = arena_new();
    workspace->task = supernet->task;
    return workspace;
}

void workspace_share(Workspace *workspace, Memo *memo) {
    workspace->memo = memo;
}

void workspace_free(Workspace *workspace) {
    if (!workspace)
        return;
    run_free(&workspace->run);
    arena_free(workspace->arena);
    memory_free(workspace->order);
    memory_free(workspace->mean);
    memory_free(workspace);
}

static void order_reserve(Workspace *w, const Dataset *data) {
    if (w->ordered == data->count)
        return;
    Random random = {RECALIBRATION_SEED, RECALIBRATION_STREAM, 0};
    memory_free(w->order);
    w->order = memory_new((size_t)data->count * sizeof(int));
    w->ordered = data->count;
    for (int i = 0; i < data->count; i++)
        w->order[i] = i;
    random_shuffle(&random, w->order, data->count);
}

static void statistics_reserve(Workspace *w, int channels) {
    size_t count = (size_t)channels;
    if (count > w->channels) {
        memory_free(w->mean);
        w->mean = memory_new(3 * count * sizeof(double));
        w->channels = count;
    }
    w->square = w->mean + w->channels;
    w->variance = w->square + w->channels;
    memset(w->mean, 0, 3 * w->channels * sizeof(double));
}

/* Images as they are, into the run's first node. */
static void input_load(Run *run, const Task *task, const Dataset *data, const int *order,
                       int first) {
    const Node *node = &run->graph->nodes[0];
    assert(node->height == data->height && node->width == data->width &&
           node->channels == data->channels);
    size_t values = (size_t)node->height * (size_t)node->width * (size_t)node->channels;
    size_t channels = (size_t)node->channels, lanes = (size_t)node->lanes;
    float scale = (float)task_input_scale(task), *to = run_input(run);
    int zero = task_input_zero(task);
    if (channels != lanes)
        memset(to, 0, (size_t)run->images * values / channels * lanes * sizeof(float));
    for (int n = 0; n < run->images; n++) {
        int index = order ? order[first + n] : first + n;
        const uint8_t *image = data->image + (size_t)index * values;
        if (channels == lanes)
            for (size_t k = 0; k < values; k++)
                to[k] = (float)(image[k] - zero) * scale;
        else
            for (size_t k = 0; k < values; k++)
                to[k / channels * lanes + k % channels] = (float)(image[k] - zero) * scale;
        to += values / channels * lanes;
    }
}

/* Which images, and what for. */
typedef enum { RECALIBRATED, EVALUATED } Purpose;
static Key images_key(const Task *task, const Dataset *data, Purpose purpose, int first,
                      int count) {
    double scale = task_input_scale(task);
    int64_t facts[] = {(int64_t)(uintptr_t)data->image,
                       data->count,
                       data->height,
                       data->width,
                       data->channels,
                       purpose,
                       first,
                       count,
                       task_input_zero(task)};
    return key_join(key_of(facts, sizeof facts), key_of(&scale, sizeof scale));
}

/* ---- recalibration ----------------------------------------------------------------------- */

/* What a quantiser learned from the first piece, where training had left it without a step. */
static void steps_keep(Graph *graph, const Run *run) {
    for (int i = 1; i < graph->count; i++) {
        Node *node = &graph->nodes[i];
        if (node->quantiser < 0 || node->step > 0)
            continue;
        node->step = run->step[i];
        node->zero = run->zero[i];
    }
}

static void steps_give(const Graph *graph, FloatModel *model) {
    for (int i = 1; i < graph->count; i++) {
        const Node *node = &graph->nodes[i];
        if (node->quantiser < 0 || !node->owns_quantiser ||
            model->ops[node->quantiser].scale > 0)
            continue;
        model->ops[node->quantiser].scale = node->step;
        model->ops[node->quantiser].zero = (int)node->zero;
    }
}

static void statistics_collect(Workspace *w, const Graph *graph) {
    const Run *run = &w->run;
    for (int c = 0; c < graph->channels; c++) {
        w->mean[c] += run->mean[c];
        w->square[c] += (double)run->mean[c] * run->mean[c];
        w->variance[c] += run->variance[c];
    }
}

/* The variance within pieces and between them. */
static void statistics_give(const Workspace *w, const Graph *graph, int pieces, Arena *arena,
                            FloatModel *model) {
    for (int i = 1; i < graph->count; i++) {
        const Node *node = &graph->nodes[i];
        if (node->norm < 0)
            continue;
        float *mean = arena_array(arena, float, node->channels);
        float *variance = arena_array(arena, float, node->channels);
        for (int k = 0; k < node->channels; k++) {
            int c = node->channel + k;
            double m = w->mean[c] / pieces;
            mean[k] = (float)m;
            variance[k] =
                (float)(w->variance[c] / pieces + fmax(w->square[c] / pieces - m * m, 0));
        }
        model->ops[node->norm].mean = mean;
        model->ops[node->norm].variance = variance;
    }
}

/* What the model refers to must outlive changes of the supernet. */
static void weights_keep(Arena *arena, FloatModel *model) {
    for (int i = 0; i < model->net->count; i++) {
        OpWeights *op = &model->ops[i];
        size_t bytes = (size_t)shape_channels(model->net->ops[i].shape) * sizeof(float);
        const float **shared[] = {&op->bias, &op->weight_scale, &op->gamma, &op->beta};
        for (int k = 0; k < COUNT(shared); k++)
            if (*shared[k])
                *shared[k] = arena_copy(arena, *shared[k], bytes);
    }
}

void supernet_member(const Supernet *supernet, Workspace *workspace, const Net *net,
                     bool full_precision, const Dataset *train, int images, Arena *arena,
                     FloatModel *out) {
    arena_reset(workspace->arena);
    member_cut(supernet, net, full_precision, arena, out);
    weights_keep(arena, out);
    Graph *graph = graph_new(workspace->arena, out, full_precision, false);
    order_reserve(workspace, train);
    statistics_reserve(workspace, graph->channels);
    if (images > train->count)
        images = train->count;
    int piece = images < PIECE ? images : PIECE, pieces = images / piece;
    Statistics sums = {workspace->mean, workspace->square, workspace->variance};
    Prefix *prefix =
        prefix_new(workspace->arena, workspace->memo, graph,
                   images_key(workspace->task, train, RECALIBRATED, 0, images), images, &sums);
    unsigned before = denormals_flush();
    for (int p = 0; p < pieces; p++) {
        run_begin(&workspace->run, graph, piece, true);
        if (!prefix_hold(prefix, &workspace->run, p))
            input_load(&workspace->run, workspace->task, train, workspace->order, p * piece);
        run_forward(&workspace->run);
        steps_keep(graph, &workspace->run);
        statistics_collect(workspace, graph);
        prefix_keep(prefix, &workspace->run, p);
    }
    denormals_restore(before);
    prefix_end(prefix);
    steps_give(graph, out);
    statistics_give(workspace, graph, pieces, arena, out);
}

/* ---- evaluation -------------------------------------------------------------------------- */

int float_correct(Workspace *workspace, const FloatModel *model, bool full_precision,
                  const Task *task, const Dataset *data, int first, int count) {
    int correct = 0;
    arena_reset(workspace->arena);
    Graph *graph = graph_new(workspace->arena, model, full_precision, false);
    const Node *node = &graph->nodes[graph->output];
    Prefix *prefix = prefix_new(workspace->arena, workspace->memo, graph,
                                images_key(task, data, EVALUATED, first, count), count, NULL);
    unsigned before = denormals_flush();
    for (int end = first + count, p = 0; first < end; first += PIECE, p++) {
        int n = end - first < PIECE ? end - first : PIECE;
        run_begin(&workspace->run, graph, n, false);
        if (!prefix_hold(prefix, &workspace->run, p))
            input_load(&workspace->run, task, data, NULL, first);
        run_forward(&workspace->run);
        const float *logit = run_result(&workspace->run);
        for (int i = 0; i < n; i++)
            correct += largest_at(logit + (size_t)i * (size_t)node->lanes, task->classes) ==
                       data->label[first + i];
        prefix_keep(prefix, &workspace->run, p);
    }
    denormals_restore(before);
    prefix_end(prefix);
    return correct;
}
