/* prefix.c: the first nodes of a graph, run once for all graphs that begin alike and see the same
 * images. Kept is what a node gives for every piece, with the statistics and steps up to it: where
 * nothing else crosses, little is to be kept, and much was computed.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>

/* A result is kept where it saves so many products for each byte. About eight take as long as
 * fetching one that is far away; and besides products a value costs as much as so many. */
enum { LEAST_WORK = 16, WORK_OF_VALUE = 8, MOST_CUTS = 24 };

/* Where a graph may be cut. */
typedef struct Cut {
    int node;
    Key key; /* of everything up to it */
    bool coded;
    char *room; /* being filled; or NULL */
} Cut;

struct Prefix {
    Memo *memo;
    Graph *graph;
    const Statistics *statistics; /* or NULL */
    int images;
    Cut cuts[MOST_CUTS];
    int count;
    int held; /* the cut whose results are used; -1: none */
    const char *content;
};

/* ---- what is kept of a cut ---------------------------------------------------------------- */

static size_t sums_count(const Prefix *prefix, const Cut *cut) {
    const Node *node = &prefix->graph->nodes[cut->node];
    return prefix->statistics ? (size_t)(node->channel + node->lanes) : 0;
}

/* Sums of three kinds, then a step and a zero point for each node, then the values. */
static size_t steps_at(const Prefix *prefix, const Cut *cut) {
    return 3 * sums_count(prefix, cut) * sizeof(double);
}

static size_t values_at(const Prefix *prefix, const Cut *cut) {
    size_t at = steps_at(prefix, cut) + 2 * sizeof(float) * (size_t)(cut->node + 1);
    return (at + 63) / 64 * 64;
}

static size_t value_bytes(const Cut *cut) {
    return cut->coded ? 1 : sizeof(float);
}

static size_t cut_bytes(const Prefix *prefix, const Cut *cut) {
    size_t values = image_floats(&prefix->graph->nodes[cut->node]) * (size_t)prefix->images;
    return values_at(prefix, cut) + values * value_bytes(cut) + 64;
}

static char *piece_at(const Prefix *prefix, const Cut *cut, const char *content, int p) {
    size_t values = image_floats(&prefix->graph->nodes[cut->node]) * PIECE;
    return (char *)(uintptr_t)content + values_at(prefix, cut) +
           (size_t)p * values * value_bytes(cut);
}

/* ---- where graphs are cut ----------------------------------------------------------------- */

static Key key_of_node(const Graph *graph, int i, bool statistics) {
    const Node *n = &graph->nodes[i];
    int facts[] = {n->head,
                   n->norm >= 0,
                   n->quantiser >= 0,
                   n->owns_quantiser,
                   n->clamped,
                   n->biased,
                   n->plain,
                   n->inputs,
                   n->height,
                   n->width,
                   n->channels,
                   n->lanes,
                   n->kernel_h,
                   n->kernel_w,
                   n->stride_h,
                   n->stride_w,
                   n->before_h,
                   n->before_w,
                   n->padded_h,
                   n->padded_w,
                   n->groups,
                   n->taps,
                   n->row,
                   n->depth,
                   n->direct,
                   n->block,
                   n->descending,
                   (int)n->format,
                   graph->full_precision};
    float numbers[] = {n->low, n->high, n->step, n->zero};
    size_t channels = (size_t)n->channels * sizeof(float);
    bool product = n->head == OP_CONV || n->head == OP_DENSE;
    size_t row = (size_t)(product ? n->row : n->head == OP_DEPTHWISE ? n->taps : 0);
    Key key = key_join(key_of(facts, sizeof facts), key_of(numbers, sizeof numbers));
    key = key_join(key, key_of(n->input, sizeof *n->input * (size_t)n->inputs));
    key = key_join(key,
                   key_of(graph->packed + n->weight, row * (size_t)n->lanes * sizeof(float)));
    key = key_join(key, key_of(graph->a + n->channel, channels));
    key = key_join(key, key_of(graph->b + n->channel, channels));
    if (!statistics || n->norm < 0)
        return key;
    key = key_join(key, key_of(graph->gamma[i], channels));
    return key_join(key, key_of(graph->beta[i], channels));
}

/* A node that rounds to another's codes needs to find it. */
static bool is_coded(const Node *node) {
    return node->quantiser >= 0 && format_high(node->format) - format_low(node->format) < 256;
}

static double work_of(const Node *node) {
    bool product = node->head == OP_CONV || node->head == OP_DENSE;
    int each = product ? node->depth : node->taps;
    return (double)image_floats(node) * (each + WORK_OF_VALUE);
}

/* The last node that reads anything before node i. */
static int reach_before(const Graph *graph, int i) {
    int reach = 0;
    for (int j = 1; j < graph->count; j++)
        for (int k = 0; k < graph->nodes[j].inputs; k++)
            if (graph->nodes[j].input[k] < i)
                reach = j;
    return reach;
}

/* Nothing but node i is read after it, and it is no larger than the next: better cut there. */
static bool is_neck(const Graph *graph, int i) {
    return i < graph->output && reach_before(graph, i) <= i &&
           image_floats(&graph->nodes[i]) <= image_floats(&graph->nodes[i + 1]);
}

static void cuts_find(Prefix *prefix, Key key) {
    const Graph *graph = prefix->graph;
    double work = 0;
    for (int i = 1; i < graph->count && prefix->count < MOST_CUTS; i++) {
        const Node *node = &graph->nodes[i];
        Cut *cut = &prefix->cuts[prefix->count];
        key = key_join(key, key_of_node(graph, i, prefix->statistics));
        work += work_of(node);
        *cut = (Cut){.node = i, .key = key, .coded = is_coded(node)};
        double bytes = (double)(image_floats(node) * value_bytes(cut));
        if (!is_neck(graph, i) || work < LEAST_WORK * bytes ||
            !memo_takes(prefix->memo, cut_bytes(prefix, cut)))
            continue;
        work = 0;
        prefix->count++;
    }
}

/* ---- what is known ------------------------------------------------------------------------ */

static void sums_copy(const Prefix *prefix, const Cut *cut, char *content, bool give) {
    size_t count = sums_count(prefix, cut);
    double *kept = (double *)(void *)content;
    double *const own[] = {prefix->statistics->mean, prefix->statistics->square,
                           prefix->statistics->variance};
    for (int k = 0; k < COUNT(own); k++)
        memcpy(give ? own[k] : kept + (size_t)k * count,
               give ? kept + (size_t)k * count : own[k], count * sizeof(double));
}

static void steps_copy(const Prefix *prefix, const Cut *cut, char *content, bool give) {
    float *kept = (float *)(void *)(content + steps_at(prefix, cut));
    for (int i = 0; i <= cut->node; i++, kept += 2) {
        Node *node = &prefix->graph->nodes[i];
        if (give)
            node->step = kept[0], node->zero = kept[1];
        else
            kept[0] = node->step, kept[1] = node->zero;
    }
}

Prefix *prefix_new(Arena *arena, Memo *memo, Graph *graph, Key key, int images,
                   const Statistics *statistics) {
    if (!memo)
        return NULL;
    Prefix *prefix = arena_new_of(arena, Prefix);
    *prefix = (Prefix){memo, graph, statistics, images, .held = -1};
    cuts_find(prefix, key);
    for (int i = prefix->count - 1; i >= 0 && !prefix->content; i--) {
        prefix->content = memo_take(memo, prefix->cuts[i].key);
        prefix->held = prefix->content ? i : -1;
    }
    for (int i = prefix->held + 1; i < prefix->count; i++)
        if (i == 0 || memo_sought(memo, prefix->cuts[i].key))
            prefix->cuts[i].room = memo_room(cut_bytes(prefix, &prefix->cuts[i]));
    if (prefix->content) {
        const Cut *cut = &prefix->cuts[prefix->held];
        char *content = (char *)(uintptr_t)prefix->content;
        steps_copy(prefix, cut, content, true);
        if (statistics)
            sums_copy(prefix, cut, content, true);
    }
    return prefix;
}

bool prefix_hold(const Prefix *prefix, Run *run, int p) {
    if (!prefix || prefix->held < 0)
        return false;
    const Cut *cut = &prefix->cuts[prefix->held];
    const void *values = piece_at(prefix, cut, prefix->content, p);
    run_hold(run, cut->node, cut->coded ? NULL : values, cut->coded ? values : NULL);
    return true;
}

void prefix_keep(Prefix *prefix, Run *run, int p) {
    for (int i = 0; prefix && i < prefix->count; i++) {
        const Cut *cut = &prefix->cuts[i];
        size_t floats = image_floats(&run->graph->nodes[cut->node]);
        char *to = cut->room ? piece_at(prefix, cut, cut->room, p) : NULL;
        for (int n = 0; to && n < run->images; n++, to += floats * value_bytes(cut)) {
            const float *z = run_read(run, cut->node, n, 1, run->scratch[0]);
            Ending e = run_ending(run, cut->node);
            if (cut->coded)
                codes_encode(&e, floats, z, (uint8_t *)to);
            else
                memcpy(to, z, floats * sizeof(float));
        }
    }
}

void prefix_end(Prefix *prefix) {
    if (!prefix)
        return;
    for (int i = 0; i < prefix->count; i++) {
        const Cut *cut = &prefix->cuts[i];
        if (!cut->room)
            continue;
        if (prefix->statistics)
            sums_copy(prefix, cut, cut->room, false);
        steps_copy(prefix, cut, cut->room, false);
        memo_put(prefix->memo, cut->key, cut->room);
        memo_release(prefix->memo, cut->room);
    }
    memo_release(prefix->memo, prefix->content);
}
