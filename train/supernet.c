/* supernet.c: the parameters that all members of a space share.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <math.h>
#include <string.h>

/* Whether a format can be of floats. */
static bool may_be_float(const Space *space, ExprId id) {
    const Expr *e = &space->exprs.at[id];
    if (e->kind == EXPR_IF)
        return may_be_float(space, e->b) || may_be_float(space, e->c);
    if (e->kind == EXPR_CONSTANT)
        return !format_is_integer((Format)e->value.n);
    const Choice *choice = e->kind == EXPR_CHOICE ? &space->choices.at[e->choice] : NULL;
    for (int v = 0; choice && v < choice->count; v++)
        if (!format_is_integer((Format)choice->values[v].n))
            return true;
    return false;
}

bool supernet_trains(Arena *arena, const Space *space, Span *span, Str *why) {
    for (int i = 0; i < space->ops.count; i++) {
        const SpaceOp *op = &space->ops.at[i];
        const char *name = op->kind == OP_SELECT ? "" : operator_facts[op->kind].name;
        *span = op->span;
        *why = (Str){0};
        if (op->kind > OP_BATCH_NORM && op->kind != OP_SELECT)
            *why = str_format(arena, "`%s` cannot be trained yet", name);
        else if (op->time)
            *why = STR("a network with time steps cannot be trained yet");
        else if (may_be_float(space, op->weights) || may_be_float(space, op->output))
            *why = str_format(arena, "`%s` cannot be trained to be of floats yet", name);
        if (why->length)
            return false;
    }
    return true;
}

static size_t site_weights(const Site *site) {
    return (size_t)site->out * (size_t)site->kernel_h * (size_t)site->kernel_w *
           (size_t)site->in;
}

static bool site_is_norm(const Site *site) {
    return operator_facts[site->kind].weights == NORM;
}

static size_t take(size_t *total, size_t count) {
    size_t at = *total;
    *total += count;
    return at;
}

static void layout(Supernet *supernet) {
    const Space *space = supernet->space;
    size_t *count = &supernet->count;
    for (int i = 0; i < space->sites.count; i++)
        if (!site_is_norm(&space->sites.at[i]))
            supernet->slots[i].weight = take(count, site_weights(&space->sites.at[i]));
    supernet->decayed = *count;
    for (int i = 0; i < space->sites.count; i++) {
        const Site *site = &space->sites.at[i];
        if (site_is_norm(site))
            supernet->slots[i].weight = take(count, (size_t)site->out);
        supernet->slots[i].bias = take(count, (size_t)site->out);
    }
    supernet->quantising = *count;
    for (int i = 0; i < space->sites.count; i++)
        if (!site_is_norm(&space->sites.at[i]))
            supernet->slots[i].step =
                take(count, (size_t)space->sites.at[i].out * FORMAT_COUNT);
    supernet->quantisers = take(count, (size_t)space->ops.count * FORMAT_COUNT * 2);
}

size_t quantiser_slot(const Supernet *supernet, int origin, Format format) {
    return supernet->quantisers + ((size_t)origin * FORMAT_COUNT + (size_t)format) * 2;
}

/* He et al. (arXiv 1502.01852): the deviation that keeps the size of what passes through. */
static void site_begin(Supernet *supernet, int i, uint64_t seed) {
    const Site *site = &supernet->space->sites.at[i];
    float *weight = supernet->value + supernet->slots[i].weight;
    if (site_is_norm(site)) {
        for (int c = 0; c < site->out; c++)
            weight[c] = 1;
        return;
    }
    size_t count = site_weights(site), fan_in = count / (size_t)site->out;
    double deviation = sqrt((site->kind == OP_DENSE ? 1.0 : 2.0) / (double)fan_in);
    for (size_t k = 0; k < count; k++)
        weight[k] = (float)(deviation * random_normal(seed, (uint64_t)i, k));
}

static Supernet *supernet_bare(const Space *space, const Task *task) {
    Supernet *supernet = memory_new(sizeof *supernet);
    supernet->space = space;
    supernet->task = task;
    supernet->slots = memory_new((size_t)space->sites.count * sizeof(Slots) + 1);
    layout(supernet);
    supernet->value = memory_new(supernet->count * sizeof(float));
    supernet->momentum = memory_new(supernet->count * sizeof(float));
    return supernet;
}

Supernet *supernet_new(const Space *space, const Task *task, uint64_t seed) {
    Supernet *supernet = supernet_bare(space, task);
    for (int i = 0; i < space->sites.count; i++)
        site_begin(supernet, i, seed);
    return supernet;
}

Supernet *supernet_copy(const Supernet *from) {
    Supernet *copy = supernet_bare(from->space, from->task);
    memcpy(copy->value, from->value, from->count * sizeof(float));
    memcpy(copy->momentum, from->momentum, from->count * sizeof(float));
    copy->run = from->run;
    copy->step = from->step;
    copy->loss = from->loss;
    copy->correct = from->correct;
    copy->seen = from->seen;
    return copy;
}

void supernet_free(Supernet *supernet) {
    if (!supernet)
        return;
    memory_free(supernet->slots);
    memory_free(supernet->value);
    memory_free(supernet->momentum);
    memory_free(supernet);
}

size_t supernet_bytes(const Supernet *supernet) {
    return sizeof *supernet + (size_t)supernet->space->sites.count * sizeof(Slots) +
           2 * supernet->count * sizeof(float);
}

Key supernet_key(const Supernet *supernet) {
    return key_of(supernet->value, supernet->count * sizeof(float));
}
