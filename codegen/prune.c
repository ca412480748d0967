/* Pruning: a trained model becomes a smaller one that gives the same codes for every input, by
 * what analyse.c proves of it.
 *
 * Channels that operators carry from operand to result one by one are dropped together: they are
 * a family. It is kept where one of its channels is computed (needed, and not constant), or is a
 * constant that a window cannot take into its bias, since the padding beside it has another
 * value. What else is kept, so that grouped convolutions stay even or a tensor is not empty,
 * computes nothing: its weights are zero. Constants that are dropped go into the biases of those
 * that read them.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <string.h>

typedef struct Prune {
    Arena *arena;
    const Model *from;
    const LayerFacts *facts;
    int *base;   /* layer -> the number of its first channel */
    int *family; /* channel -> another of its family of lower number, or itself */
    bool *kept;  /* by the lowest channel of a family */
    int *to;     /* layer -> its layer in the pruned model; -1: not needed */
    Pruning result;
} Prune;

static bool is_weighted(const Layer *layer) {
    return operator_facts[layer->kind].weights == WEIGHTED;
}

static LayerRole role_at(const Prune *prune, int i) {
    return layer_role(prune->from, &prune->from->layers[i]);
}

/* ---- families ---------------------------------------------------------------------------- */

/* Channels are numbered through all layers; those of one family are kept or dropped together. */
static int channel_at(const Prune *prune, int layer, int c) {
    int at = prune->base[layer] + c;
    while (prune->family[at] != at)
        at = prune->family[at];
    return at;
}

static bool is_kept(const Prune *prune, int layer, int c) {
    return prune->kept[channel_at(prune, layer, c)];
}

static void keep(Prune *prune, int layer, int c) {
    prune->kept[channel_at(prune, layer, c)] = true;
}

static void join(Prune *prune, int layer, int k) {
    const Layer *to = &prune->from->layers[layer];
    ChannelLink link = layer_link(prune->from, to, k);
    for (int c = 0; c < link.count; c++) {
        int a = channel_at(prune, layer, link.out + c);
        int b = channel_at(prune, to->input[k], link.in + c);
        prune->family[max_i64(a, b)] = (int)min_i64(a, b);
    }
}

static void find_families(Prune *prune) {
    int channels = 0;
    prune->base = arena_array(prune->arena, int, prune->from->count);
    for (int i = 0; i < prune->from->count; i++) {
        prune->base[i] = channels;
        channels += prune->facts[i].channels;
    }
    prune->family = arena_array(prune->arena, int, channels);
    prune->kept = arena_array(prune->arena, bool, channels);
    for (int at = 0; at < channels; at++)
        prune->family[at] = at;
    for (int i = 0; i < prune->from->count; i++) {
        LayerRole role = role_at(prune, i);
        bool joins = prune->facts[i].used && (role == ROLE_KEEPS || role == ROLE_WEIGHS);
        for (int k = 0; joins && k < prune->from->layers[i].inputs; k++)
            join(prune, i, k);
    }
    for (int at = 0; at < channels; at++) /* those below are done: the lowest in one step */
        prune->family[at] = prune->family[prune->family[at]];
}

/* ---- which channels stay ----------------------------------------------------------------- */

static void keep_all(Prune *prune, int i) {
    for (int c = 0; c < prune->facts[i].channels; c++)
        keep(prune, i, c);
}

/* Constants that windows with padding read stay where they move those windows unevenly. */
static void keep_uneven_constants(Prune *prune, int i) {
    const Layer *layer = &prune->from->layers[i];
    int input = layer->input[0];
    const LayerFacts *in = &prune->facts[input];
    WeightView view = view_of(prune->arena, prune->from, layer);
    for (int c = 0; c < layer->out_channels; c++)
        for (int k = 0; channel_computed(&prune->facts[i], c) && k < view.group_in; k++) {
            int at = view_first(&view, c) + k;
            int64_t sum;
            if (channel_constant(in, at) && in->codes[at].low != view.zero &&
                !is_kept(prune, input, at) && !view_folds(&view, c, k, &sum))
                keep(prune, input, at);
        }
}

static void keep_required(Prune *prune) {
    keep_all(prune, 0);
    keep_all(prune, prune->from->output);
    for (int i = 0; i < prune->from->count; i++) {
        const LayerFacts *facts = &prune->facts[i];
        LayerRole role = role_at(prune, i);
        if (!facts->used)
            continue;
        for (int c = 0; c < facts->channels; c++)
            if (channel_computed(facts, c))
                keep(prune, i, c);
        if (role == ROLE_MIXES)
            keep_uneven_constants(prune, i);
        if (role == ROLE_OPAQUE)
            keep_all(prune, i);
        for (int k = 0; role == ROLE_OPAQUE && k < prune->from->layers[i].inputs; k++)
            keep_all(prune, prune->from->layers[i].input[k]);
    }
}

/* Of `count` channels of a layer from `first` on. */
static int count_kept(const Prune *prune, int layer, int first, int count) {
    int sum = 0;
    for (int c = first; c < first + count; c++)
        sum += is_kept(prune, layer, c);
    return sum;
}

static int kept_channels(const Prune *prune, int layer) {
    return count_kept(prune, layer, 0, prune->facts[layer].channels);
}

/* Keeps further channels until there are `wanted`; whether any was missing. A family may have
 * several channels of one layer. */
static bool keep_more(Prune *prune, int layer, int first, int count, int wanted) {
    int have = count_kept(prune, layer, first, count);
    bool missing = have < wanted;
    for (int c = first; c < first + count && have < wanted; c++) {
        if (is_kept(prune, layer, c))
            continue;
        keep(prune, layer, c);
        have = count_kept(prune, layer, first, count);
    }
    return missing;
}

/* Groups of which nothing is kept go; the others stay of one size. */
static bool even_groups(Prune *prune, int i) {
    const Layer *layer = &prune->from->layers[i];
    int groups = layer->attribute[ATTRIBUTE_GROUPS], in = layer->input[0];
    int ins = prune->facts[in].channels / groups, outs = prune->facts[i].channels / groups;
    int most_in = 1, most_out = 1;
    bool grown = false;
    for (int g = 0; g < groups; g++) {
        most_in = (int)max_i64(most_in, count_kept(prune, in, g * ins, ins));
        most_out = (int)max_i64(most_out, count_kept(prune, i, g * outs, outs));
    }
    for (int g = 0; g < groups; g++) {
        if (!count_kept(prune, in, g * ins, ins) && !count_kept(prune, i, g * outs, outs))
            continue;
        grown |= keep_more(prune, in, g * ins, ins, most_in);
        grown |= keep_more(prune, i, g * outs, outs, most_out);
    }
    return grown;
}

static bool round_up(Prune *prune, int layer, int granule) {
    int count = prune->facts[layer].channels;
    int wanted = (int)max_i64(1, kept_channels(prune, layer));
    if (count % granule == 0)
        wanted = (wanted + granule - 1) / granule * granule;
    return keep_more(prune, layer, 0, count, wanted);
}

static void keep_even(Prune *prune, int granule) {
    for (bool grown = true; grown;) {
        grown = false;
        for (int i = 0; i < prune->from->count; i++) {
            if (!prune->facts[i].used)
                continue;
            grown |= round_up(prune, i, granule);
            if (prune->from->layers[i].kind == OP_CONV && role_at(prune, i) == ROLE_MIXES)
                grown |= even_groups(prune, i);
        }
    }
}

/* (channels) of a layer, for those who ask often. */
static const bool *kept_of(const Prune *prune, int layer) {
    bool *kept = arena_array(prune->arena, bool, prune->facts[layer].channels);
    for (int c = 0; c < prune->facts[layer].channels; c++)
        kept[c] = is_kept(prune, layer, c);
    return kept;
}

/* ---- weights ----------------------------------------------------------------------------- */

/* A weighted layer being written anew. */
typedef struct Rewrite {
    const Layer *from;
    Layer *to;
    WeightView view;
    const LayerFacts *facts, *in;
    const bool *kept_in;
    int row_in;       /* kept input channels of a group */
    const bool *used; /* (taps) inside the input for some window */
} Rewrite;

/* The channel gives this code everywhere: bias and multiplier as doc/numerics.md has them for
 * channels whose weights are zero. */
static void write_constant(const Rewrite *rewrite, int c, int64_t code) {
    Layer *to = rewrite->to;
    int bits = to->accumulator_bits == 32 ? MULTIPLIER_BITS : MULTIPLIER_BITS_WIDE;
    int power = (int)min_i64(to->shift, bits - 1);
    to->multiplier[c] = (int32_t)1 << power;
    to->bias[c] = (code - to->out.zero) * ((int64_t)1 << (to->shift - power));
}

static void write_tap(const Rewrite *rewrite, int from, int c, int tap) {
    const WeightView *view = &rewrite->view;
    const bool *kept = rewrite->kept_in + view_first(view, from);
    const int16_t *w = view_weights(view, from, tap);
    int16_t *to = rewrite->to->weight + (int64_t)c * rewrite->to->row + tap * rewrite->row_in;
    for (int k = 0; rewrite->used[tap] && k < view->group_in; k++)
        if (kept[k])
            *to++ = w[k];
}

/* Dropped inputs are constants, or have weights of zero. */
static int64_t dropped_sum(const Rewrite *rewrite, int c) {
    const WeightView *view = &rewrite->view;
    int first = view_first(view, c);
    int64_t sum = 0, weights;
    for (int k = 0; k < view->group_in; k++) {
        int64_t code = rewrite->in->codes[first + k].low;
        if (rewrite->kept_in[first + k] || code == view->zero)
            continue;
        bool folds = view_folds(view, c, k, &weights);
        sum += folds ? (code - view->zero) * weights : 0;
    }
    return sum;
}

static void write_channel(const Rewrite *rewrite, int from, int c) {
    Layer *to = rewrite->to;
    if (!channel_computed(rewrite->facts, from)) {
        write_constant(rewrite, c, rewrite->facts->codes[from].low);
        return;
    }
    to->multiplier[c] = rewrite->from->multiplier[from];
    to->bias[c] = rewrite->from->bias[from] + dropped_sum(rewrite, from);
    for (int tap = 0; tap < rewrite->view.kernel_h * rewrite->view.kernel_w; tap++)
        write_tap(rewrite, from, c, tap);
}

static int count_true(const bool *values, int count) {
    int sum = 0;
    for (int c = 0; c < count; c++)
        sum += values[c];
    return sum;
}

/* Input channels that each of the groups left reads. */
static int kept_row(const Rewrite *rewrite, int channels) {
    int most = 0;
    for (int g = 0; g < channels; g += rewrite->view.group_in)
        most = (int)max_i64(most, count_true(rewrite->kept_in + g, rewrite->view.group_in));
    return most;
}

static const bool *taps_used(Arena *arena, const WeightView *view) {
    int taps = view->kernel_h * view->kernel_w;
    bool *used = arena_array(arena, bool, taps);
    for (int tap = 0; tap < taps; tap++)
        used[tap] = view_uses(view, tap);
    return used;
}

static void write_weights(Prune *prune, int i, Layer *to) {
    const Layer *from = &prune->from->layers[i];
    Rewrite rewrite = {.from = from,
                       .to = to,
                       .view = view_of(prune->arena, prune->from, from),
                       .facts = &prune->facts[i],
                       .in = &prune->facts[from->input[0]],
                       .kept_in = kept_of(prune, from->input[0])};
    const bool *kept = kept_of(prune, i);
    rewrite.row_in = from->kind == OP_DEPTHWISE ? 1 : kept_row(&rewrite, rewrite.in->channels);
    to->out_channels = shape_channels(to->out.shape);
    to->row = rewrite.view.kernel_h * rewrite.view.kernel_w * rewrite.row_in;
    if (from->kind == OP_CONV)
        to->attribute[ATTRIBUTE_GROUPS] =
            count_true(rewrite.kept_in, rewrite.in->channels) / rewrite.row_in;
    to->weight = arena_array(prune->arena, int16_t, (int64_t)to->out_channels * to->row);
    to->bias = arena_array(prune->arena, int64_t, to->out_channels);
    to->multiplier = arena_array(prune->arena, int32_t, to->out_channels);
    rewrite.used = taps_used(prune->arena, &rewrite.view);
    for (int c = 0, next = 0; c < rewrite.facts->channels; c++)
        if (kept[c])
            write_channel(&rewrite, c, next++);
}

/* ---- clamps ------------------------------------------------------------------------------ */

/* What the layer's kept channels can be before their clamp. */
static Interval free_codes(const Prune *prune, int i) {
    const LayerFacts *facts = &prune->facts[i];
    Interval all = {INT64_MAX, INT64_MIN};
    for (int c = 0; c < facts->channels; c++) {
        bool constant = is_weighted(&prune->from->layers[i]) && !channel_computed(facts, c);
        Interval free = constant ? facts->codes[c] : facts->free[c];
        if (!is_kept(prune, i, c))
            continue;
        all.low = min_i64(all.low, free.low);
        all.high = max_i64(all.high, free.high);
    }
    return all;
}

static int clamp_ends(const Layer *layer) {
    if (!format_is_integer(layer->out.format))
        return 0;
    return (layer->low > format_low(layer->out.format)) +
           (layer->high < format_high(layer->out.format));
}

/* Ends that cannot bind become those of the format. */
static void write_clamp(const Prune *prune, int i, Layer *to) {
    LayerRole role = role_at(prune, i);
    if (role == ROLE_OPAQUE || role == ROLE_INPUT)
        return;
    Interval free = free_codes(prune, i);
    if (free.low >= to->low)
        to->low = format_low(to->out.format);
    if (free.high <= to->high)
        to->high = format_high(to->out.format);
}

static bool changes_nothing(const Prune *prune, int i) {
    const Layer *layer = &prune->from->layers[i];
    if ((layer->kind != OP_RELU && layer->kind != OP_RELU6) || i == prune->from->output)
        return false;
    Interval free = free_codes(prune, i);
    return free.low >= layer->low && free.high <= layer->high;
}

/* ---- ends of sums ------------------------------------------------------------------------ */

static void sums_alloc(Arena *arena, Layer *layer) {
    layer->sum_low = arena_array(arena, int64_t, layer->out_channels);
    layer->sum_high = arena_array(arena, int64_t, layer->out_channels);
}

/* A channel written as a constant sums to its bias. */
static void write_sums(const Prune *prune, int i, Layer *to) {
    const LayerFacts *facts = &prune->facts[i];
    sums_alloc(prune->arena, to);
    for (int c = 0, next = 0; c < facts->channels; c++) {
        if (!is_kept(prune, i, c))
            continue;
        bool computed = channel_computed(facts, c);
        to->sum_low[next] = computed ? facts->sums[c].low : to->bias[next];
        to->sum_high[next] = computed ? facts->sums[c].high : to->bias[next];
        next++;
    }
}

static Model model_with_sums(const Prune *prune) {
    Model model = *prune->from;
    model.layers = arena_copy(prune->arena, model.layers, sizeof(Layer) * (size_t)model.count);
    for (int i = 0; i < model.count; i++) {
        if (!prune->facts[i].sums)
            continue;
        sums_alloc(prune->arena, &model.layers[i]);
        for (int c = 0; c < prune->facts[i].channels; c++) {
            model.layers[i].sum_low[c] = prune->facts[i].sums[c].low;
            model.layers[i].sum_high[c] = prune->facts[i].sums[c].high;
        }
    }
    return model;
}

/* ---- layers ------------------------------------------------------------------------------ */

static int64_t layer_macs(const Layer *layer) {
    if (!is_weighted(layer))
        return 0;
    int64_t pixels = layer->kind == OP_DENSE ? 1 : shape_pixels(layer->out.shape);
    return pixels * layer->out_channels * layer->row;
}

static void count_channels(const LayerFacts *facts, LayerChange *change) {
    change->channels_before = facts->channels;
    for (int c = 0; c < facts->channels; c++) {
        change->unneeded += !facts->needed[c];
        change->constant += facts->needed[c] && channel_constant(facts, c);
        if (!facts->sums || !channel_computed(facts, c))
            continue;
        change->sum.low = min_i64(change->sum.low, facts->sums[c].low);
        change->sum.high = max_i64(change->sum.high, facts->sums[c].high);
    }
}

static void write_layer(Prune *prune, int i, Layer *to) {
    const Layer *from = &prune->from->layers[i];
    bool shrinks = role_at(prune, i) != ROLE_OPAQUE;
    *to = *from;
    for (int k = 0; k < from->inputs; k++)
        to->input[k] = prune->to[from->input[k]];
    if (!shrinks)
        return;
    int channels = kept_channels(prune, i);
    to->out.shape.dim[to->out.shape.rank - 1] = channels;
    if (operator_has(from->kind, ATTRIBUTE_CHANNELS))
        to->attribute[ATTRIBUTE_CHANNELS] = channels;
    if (from->kind == OP_SLICE)
        to->attribute[ATTRIBUTE_FROM] =
            count_kept(prune, from->input[0], 0, from->attribute[ATTRIBUTE_FROM]);
    if (is_weighted(from)) {
        write_weights(prune, i, to);
        write_sums(prune, i, to);
        to->bound = layer_bound(to, &prune->result.model.layers[to->input[0]].out);
    }
    write_clamp(prune, i, to);
}

static void prune_layer(Prune *prune, int i) {
    Model *model = &prune->result.model;
    const Layer *from = &prune->from->layers[i];
    LayerChange *change = &prune->result.changes[prune->result.count++];
    *change = (LayerChange){.path = from->path,
                            .kind = from->kind,
                            .macs_before = layer_macs(from),
                            .clamps_before = clamp_ends(from),
                            .partial = prune->facts[i].partial};
    count_channels(&prune->facts[i], change);
    change->channels = kept_channels(prune, i);
    change->removed = changes_nothing(prune, i);
    if (change->removed) {
        prune->to[i] = prune->to[from->input[0]];
        return;
    }
    Layer *to = &model->layers[model->count];
    write_layer(prune, i, to);
    prune->to[i] = model->count++;
    change->macs = layer_macs(to);
    change->clamps = clamp_ends(to);
}

Pruning model_prune(Arena *arena, const Model *model, int granule) {
    Prune prune = {.arena = arena,
                   .from = model,
                   .facts = model_analyse(arena, model),
                   .to = arena_array(arena, int, model->count)};
    prune.result.model =
        (Model){.name = model->name, .layers = arena_array(arena, Layer, model->count)};
    prune.result.changes = arena_array(arena, LayerChange, model->count);
    prune.result.whole = model_with_sums(&prune);
    find_families(&prune);
    keep_required(&prune);
    keep_even(&prune, granule);
    for (int i = 0; i < model->count; i++)
        if (i == 0 || prune.facts[i].used)
            prune_layer(&prune, i);
    prune.result.model.output = prune.to[model->output];
    return prune.result;
}

/* ---- programs ---------------------------------------------------------------------------- */

static bool changes_anything(const Pruning *pruning) {
    for (int i = 0; i < pruning->count; i++) {
        const LayerChange *change = &pruning->changes[i];
        if (change->removed || change->channels != change->channels_before ||
            change->clamps != change->clamps_before)
            return true;
    }
    return false;
}

/* Channels by as many as a vector has lanes of 32 bits, since a part of one costs a whole. */
static int granule_of(const Isa *isa) {
    return (int)max_i64(4, isa->vector_bits / 32);
}

static bool needs_no_more(const Program *a, const Program *b) {
    return a->arena_bytes <= b->arena_bytes &&
           a->weight_bytes + a->constant_bytes <= b->weight_bytes + b->constant_bytes;
}

/* By the kernels of kernels.c, or by routines where there are options. */
static bool build(Arena *arena, const Model *model, const Target *target,
                  const BuildOptions *options, Program *program, Span *span, Str *why) {
    return options ? program_build_with(arena, model, target, options, program, span, why)
                   : program_build(arena, model, target, program, span, why);
}

bool program_build_trained_with(Arena *arena, const Model *model, const Target *target,
                                const BuildOptions *options, Program *program, Span *span,
                                Str *why) {
    if (!model_has_constants(model))
        return build(arena, model, target, options, program, span, why);
    const Isa *isa = options && options->isa ? options->isa : isa_of_target(target);
    Pruning *pruning = arena_new_of(arena, Pruning);
    *pruning = model_prune(arena, model, granule_of(isa));
    if (!build(arena, &pruning->whole, target, options, program, span, why))
        return false;
    Program pruned;
    if (changes_anything(pruning) &&
        build(arena, &pruning->model, target, options, &pruned, span, why) &&
        needs_no_more(&pruned, program)) {
        pruning->taken = true;
        *program = pruned;
    }
    program->pruning = pruning;
    return true;
}

bool program_build_trained(Arena *arena, const Model *model, const Target *target,
                           Program *program, Span *span, Str *why) {
    return program_build_trained_with(arena, model, target, NULL, program, span, why);
}

/* ---- what was done ----------------------------------------------------------------------- */

static LayerChange totals(const Pruning *pruning) {
    LayerChange sum = {0};
    for (int i = 0; i < pruning->count; i++) {
        const LayerChange *change = &pruning->changes[i];
        sum.channels_before += change->channels_before;
        sum.channels += change->removed ? change->channels_before : change->channels;
        sum.macs_before += change->macs_before;
        sum.macs += change->macs;
        sum.clamps_before += change->clamps_before;
        sum.clamps += change->clamps;
    }
    return sum;
}

/* Bits of a two's complement number that holds everything in the interval. */
static int bits_of(Interval interval) {
    int bits = 1;
    while (interval.low < -((int64_t)1 << (bits - 1)) || interval.high >= (int64_t)1
                                                                              << (bits - 1))
        bits++;
    return bits;
}

static void print_change(const LayerChange *change, Text *text) {
    text_add(text, "  %-28.*s", STR_ARG(change->path));
    if (change->removed)
        text_add(text, " clamp removed");
    else
        text_add(text, " channels %d of %d", change->channels, change->channels_before);
    if (change->constant || change->unneeded)
        text_add(text, " (%d constant, %d unneeded)", change->constant, change->unneeded);
    if (change->macs_before)
        text_add(text, ", macs %lld of %lld, sums of %d bits (%lld to %lld)",
                 (long long)change->macs, (long long)change->macs_before, bits_of(change->sum),
                 (long long)change->sum.low, (long long)change->sum.high);
    if (!change->removed && change->clamps_before)
        text_add(text, ", clamp ends %d of %d", change->clamps, change->clamps_before);
    text_add(text, "\n");
}

void pruning_print(const Pruning *pruning, Text *text) {
    LayerChange sum = totals(pruning);
    text_add(text, "analysis: channels %d of %d, macs %lld of %lld, clamp ends %d of %d%s\n",
             sum.channels, sum.channels_before, (long long)sum.macs, (long long)sum.macs_before,
             sum.clamps, sum.clamps_before, pruning->taken ? "" : "; the model stays whole");
    for (int i = 0; i < pruning->count; i++)
        print_change(&pruning->changes[i], text);
}

static void report_change(const LayerChange *change, Text *text) {
    text_add(text, "{\"layer\": ");
    json_add_string(text, change->path);
    text_add(text,
             ", \"channels_before\": %d, \"channels\": %d, \"constant\": %d, \"unneeded\": %d",
             change->channels_before, change->channels, change->constant, change->unneeded);
    text_add(text, ", \"macs_before\": %lld, \"macs\": %lld", (long long)change->macs_before,
             (long long)change->macs);
    text_add(text, ", \"clamp_ends_before\": %d, \"clamp_ends\": %d, \"removed\": %s",
             change->clamps_before, change->clamps, change->removed ? "true" : "false");
    if (change->macs_before)
        text_add(text, ", \"sum_low\": %lld, \"sum_high\": %lld, \"partial_sum\": %lld",
                 (long long)change->sum.low, (long long)change->sum.high,
                 (long long)change->partial);
    text_add(text, "}");
}

void pruning_report(const Pruning *pruning, Text *text) {
    LayerChange sum = totals(pruning);
    text_add(text, "{\"taken\": %s, \"channels_before\": %d, \"channels\": %d",
             pruning->taken ? "true" : "false", sum.channels_before, sum.channels);
    text_add(text, ", \"macs_before\": %lld, \"macs\": %lld", (long long)sum.macs_before,
             (long long)sum.macs);
    text_add(text, ", \"clamp_ends_before\": %d, \"clamp_ends\": %d, \"layers\": [",
             sum.clamps_before, sum.clamps);
    for (int i = 0; i < pruning->count; i++) {
        text_add(text, i ? ",\n    " : "\n    ");
        report_change(&pruning->changes[i], text);
    }
    text_add(text, "\n  ]}");
}
