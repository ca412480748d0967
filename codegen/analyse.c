/* Whole-network integer analysis: which codes each channel can have, whatever the input, in the
 * exact arithmetic of doc/numerics.md, and which channels the output depends on.
 *
 * Forwards: every channel's interval of codes follows from its inputs' intervals, the signs of
 * its weights, and which taps of its window lie inside the input (a tap in the padding has the
 * value of the zero point and contributes nothing). Requantisation is monotone, so the ends of
 * the sums give the ends of the codes. Backwards: a channel is needed where a channel that is
 * needed and not constant reads it with a weight that is not zero. Operators that the table
 * below does not know have any codes and need all that they read.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

#include <string.h>

/* ---- what is known of operators ---------------------------------------------------------- */

/* What of doc/numerics.md the analysis knows; an attribute that it does not know makes an
 * operator opaque, whatever its value. */
static const unsigned known_attributes =
    1u << ATTRIBUTE_CHANNELS | 1u << ATTRIBUTE_KERNEL_H | 1u << ATTRIBUTE_KERNEL_W |
    1u << ATTRIBUTE_STRIDE_H | 1u << ATTRIBUTE_STRIDE_W | 1u << ATTRIBUTE_GROUPS |
    1u << ATTRIBUTE_SAME | 1u << ATTRIBUTE_FACTOR_H | 1u << ATTRIBUTE_FACTOR_W |
    1u << ATTRIBUTE_FROM | 1u << ATTRIBUTE_TOP | 1u << ATTRIBUTE_BOTTOM | 1u << ATTRIBUTE_LEFT |
    1u << ATTRIBUTE_RIGHT;

static const LayerRole roles[OP_COUNT] = {
    [OP_INPUT] = ROLE_INPUT,        [OP_CONV] = ROLE_MIXES,
    [OP_DENSE] = ROLE_MIXES,        [OP_DEPTHWISE] = ROLE_WEIGHS,
    [OP_ADD] = ROLE_KEEPS,          [OP_RELU] = ROLE_KEEPS,
    [OP_RELU6] = ROLE_KEEPS,        [OP_MAX_POOL] = ROLE_KEEPS,
    [OP_AVERAGE_POOL] = ROLE_KEEPS, [OP_GLOBAL_AVERAGE] = ROLE_KEEPS,
};

LayerRole layer_role(const Model *model, const Layer *layer) {
    bool known = !(operator_facts[layer->kind].attributes & ~known_attributes) &&
                 format_is_integer(layer->out.format);
    for (int k = 0; k < layer->inputs; k++)
        known &= format_is_integer(model->layers[layer->input[k]].out.format);
    return known ? roles[layer->kind] : ROLE_OPAQUE;
}

ChannelLink layer_link(const Model *model, const Layer *layer, int k) {
    ChannelLink link = {0, 0, shape_channels(model->layers[layer->input[k]].out.shape)};
    if (layer->kind == OP_SLICE) {
        link.in = layer->attribute[ATTRIBUTE_FROM];
        link.count = shape_channels(layer->out.shape);
    }
    for (int before = 0; layer->kind == OP_CONCAT && before < k; before++)
        link.out += shape_channels(model->layers[layer->input[before]].out.shape);
    return link;
}

bool model_has_constants(const Model *model) {
    for (int i = 0; i < model->count; i++) {
        const Layer *layer = &model->layers[i];
        bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
        bool scaled =
            layer->kind == OP_ADD || layer->kind == OP_MUL || layer->kind == OP_CONCAT;
        if ((weighted && !layer->weight) || (scaled && !layer->multiplier) ||
            (operator_is_curve(layer->kind) && !layer->table))
            return false;
    }
    return true;
}

/* ---- windows ----------------------------------------------------------------------------- */

static TapRange taps_at(int in, int kernel, int before, int start) {
    int first = (int)max_i64(0, before - start),
        end = (int)min_i64(kernel, in + before - start);
    return (TapRange){first, (int)max_i64(first, end)};
}

/* The distinct ranges of taps inside the input, along one dimension: one for all of the
 * interior and a few at the borders. */
static int distinct_taps(Arena *arena, int in, int kernel, int stride, bool same,
                         TapRange **list) {
    int outputs = window_extent(in, kernel, stride, same), count = 0;
    int before = window_before(in, kernel, stride, same);
    *list = arena_array(arena, TapRange, min_i64(outputs, 2 * ((int64_t)kernel + 1)));
    for (int i = 0; i < outputs; i++) {
        TapRange taps = taps_at(in, kernel, before, i * stride);
        int at = 0;
        while (at < count && memcmp(&(*list)[at], &taps, sizeof taps))
            at++;
        (*list)[at] = taps;
        count = (int)max_i64(count, at + 1);
    }
    return count;
}

/* One window that is inside the input with all its taps. */
static void view_whole(Arena *arena, WeightView *view, int taps) {
    view->kernel_h = taps;
    view->kernel_w = 1;
    view->rows = arena_array(arena, TapRange, 1);
    view->columns = arena_array(arena, TapRange, 1);
    view->rows[0] = (TapRange){0, taps};
    view->columns[0] = (TapRange){0, 1};
    view->row_count = view->column_count = 1;
}

static void view_windows(Arena *arena, const Layer *layer, Shape in, WeightView *view) {
    const int *a = layer->attribute;
    view->kernel_h = a[ATTRIBUTE_KERNEL_H];
    view->kernel_w = a[ATTRIBUTE_KERNEL_W];
    view->row_count = distinct_taps(arena, in.dim[0], view->kernel_h, a[ATTRIBUTE_STRIDE_H],
                                    a[ATTRIBUTE_SAME], &view->rows);
    view->column_count = distinct_taps(arena, in.dim[1], view->kernel_w, a[ATTRIBUTE_STRIDE_W],
                                       a[ATTRIBUTE_SAME], &view->columns);
}

WeightView view_of(Arena *arena, const Model *model, const Layer *layer) {
    const Tensor *in = &model->layers[layer->input[0]].out;
    int channels = shape_channels(in->shape);
    WeightView view = {.layer = layer, .zero = in->zero, .group_in = 1, .group_out = 1};
    if (layer->kind == OP_CONV) {
        view.group_in = channels / layer->attribute[ATTRIBUTE_GROUPS];
        view.group_out = layer->out_channels / layer->attribute[ATTRIBUTE_GROUPS];
    }
    if (layer->kind == OP_DENSE) {
        view.group_in = channels;
        view.group_out = layer->out_channels;
    }
    if (layer->kind == OP_DENSE || in->shape.rank != 3)
        view_whole(arena, &view, layer->row / view.group_in);
    else
        view_windows(arena, layer, in->shape, &view);
    return view;
}

int view_first(const WeightView *view, int c) {
    return c / view->group_out * view->group_in;
}

const int16_t *view_weights(const WeightView *view, int c, int tap) {
    return view->layer->weight + (int64_t)c * view->layer->row + (int64_t)tap * view->group_in;
}

/* Whether some window has the tap inside the input. */
bool view_uses(const WeightView *view, int tap) {
    int y = tap / view->kernel_w, x = tap % view->kernel_w;
    bool row = false, column = false;
    for (int i = 0; i < view->row_count; i++)
        row |= view->rows[i].first <= y && y < view->rows[i].end;
    for (int i = 0; i < view->column_count; i++)
        column |= view->columns[i].first <= x && x < view->columns[i].end;
    return row && column;
}

/* The weights from input channel k of its group to c, summed over the taps inside the input. */
static int64_t weights_inside(const WeightView *view, int c, int k, TapRange rows,
                              TapRange columns) {
    int64_t sum = 0;
    for (int y = rows.first; y < rows.end; y++)
        for (int x = columns.first; x < columns.end; x++)
            sum += view_weights(view, c, y * view->kernel_w + x)[k];
    return sum;
}

bool view_folds(const WeightView *view, int c, int k, int64_t *sum) {
    *sum = weights_inside(view, c, k, view->rows[0], view->columns[0]);
    for (int i = 0; i < view->row_count; i++)
        for (int j = 0; j < view->column_count; j++)
            if (weights_inside(view, c, k, view->rows[i], view->columns[j]) != *sum)
                return false;
    return true;
}

/* ---- sums -------------------------------------------------------------------------------- */

static Interval interval_join(Interval a, Interval b) {
    return (Interval){min_i64(a.low, b.low), max_i64(a.high, b.high)};
}

static int64_t interval_size(Interval a) {
    return max_i64(max_i64(a.low, -a.low), max_i64(a.high, -a.high));
}

static Interval interval_times(Interval a, int64_t factor) {
    Interval product = {a.low * factor, a.high * factor};
    return factor < 0 ? (Interval){product.high, product.low} : product;
}

/* What all subsets of some terms can sum to, a term being anything in its interval. */
static void subset_add(Interval *subset, Interval term) {
    subset->low += min_i64(0, term.low);
    subset->high += max_i64(0, term.high);
}

/* One output channel: the range of each tap's products, and what partial sums can be in both
 * forms, with the zero point subtracted from each code or folded into the bias. */
typedef struct ChannelSums {
    Interval *tap;           /* (taps) of sum over k of (x - z) w */
    Interval centred, plain; /* partial sums without the bias */
    int64_t weights;         /* sum of all w */
} ChannelSums;

/* One tap: the hot loop of the analysis. */
static Interval sum_tap(const Interval *x, int64_t zero, const int16_t *w, int channels,
                        ChannelSums *sums) {
    Interval tap = {0, 0}, centred = sums->centred, plain = sums->plain;
    for (int k = 0; k < channels; k++) {
        Interval padded = {min_i64(x[k].low, zero), max_i64(x[k].high, zero)};
        Interval term = interval_times((Interval){x[k].low - zero, x[k].high - zero}, w[k]);
        tap.low += term.low;
        tap.high += term.high;
        subset_add(&centred, term);
        subset_add(&plain, interval_times(padded, w[k]));
        sums->weights += w[k];
    }
    sums->centred = centred;
    sums->plain = plain;
    return tap;
}

static void sum_taps(const WeightView *view, const Interval *x, int c, ChannelSums *sums) {
    const Interval *first = x + view_first(view, c);
    sums->centred = sums->plain = (Interval){0, 0};
    sums->weights = 0;
    for (int t = 0; t < view->kernel_h * view->kernel_w; t++)
        sums->tap[t] =
            sum_tap(first, view->zero, view_weights(view, c, t), view->group_in, sums);
}

/* Over the windows of all positions. */
static Interval window_sums(const WeightView *view, const ChannelSums *sums) {
    Interval all = {INT64_MAX, INT64_MIN};
    for (int i = 0; i < view->row_count; i++)
        for (int j = 0; j < view->column_count; j++) {
            Interval sum = {0, 0};
            for (int y = view->rows[i].first; y < view->rows[i].end; y++)
                for (int w = view->columns[j].first; w < view->columns[j].end; w++) {
                    sum.low += sums->tap[y * view->kernel_w + w].low;
                    sum.high += sums->tap[y * view->kernel_w + w].high;
                }
            all = interval_join(all, sum);
        }
    return all;
}

static int64_t partial_bound(const ChannelSums *sums, int64_t bias, int64_t zero) {
    int64_t folded = bias - zero * sums->weights;
    Interval centred = {bias + sums->centred.low, bias + sums->centred.high};
    Interval plain = {folded + sums->plain.low, folded + sums->plain.high};
    return max_i64(interval_size(centred), interval_size(plain));
}

/* ---- forwards ---------------------------------------------------------------------------- */

static Interval clamped(const Layer *layer, Interval codes) {
    codes.low = min_i64(max_i64(codes.low, layer->low), layer->high);
    codes.high = min_i64(max_i64(codes.high, layer->low), layer->high);
    return codes;
}

/* Sums to codes, with the widest clamp. */
static Interval requantised(const Layer *layer, Interval sum, int32_t multiplier) {
    int zero = layer->out.zero;
    return (Interval){
        requantise(sum.low, multiplier, layer->shift, zero, INT32_MIN, INT32_MAX),
        requantise(sum.high, multiplier, layer->shift, zero, INT32_MIN, INT32_MAX)};
}

static void weighted_codes(Arena *arena, const Model *model, const Layer *layer,
                           const Interval *x, LayerFacts *facts) {
    WeightView view = view_of(arena, model, layer);
    ChannelSums sums = {.tap = arena_array(arena, Interval, view.kernel_h * view.kernel_w)};
    facts->sums = arena_array(arena, Interval, layer->out_channels);
    for (int c = 0; c < layer->out_channels; c++) {
        sum_taps(&view, x, c, &sums);
        Interval sum = window_sums(&view, &sums);
        facts->sums[c] = (Interval){layer->bias[c] + sum.low, layer->bias[c] + sum.high};
        facts->partial =
            max_i64(facts->partial, partial_bound(&sums, layer->bias[c], view.zero));
        facts->free[c] = requantised(layer, facts->sums[c], layer->multiplier[c]);
    }
}

static void add_codes(const Model *model, const Layer *layer, const LayerFacts *all,
                      LayerFacts *facts) {
    for (int c = 0; c < facts->channels; c++) {
        Interval sum = {0, 0};
        for (int k = 0; k < layer->inputs; k++) {
            Interval x = all[layer->input[k]].codes[c];
            int zero = model->layers[layer->input[k]].out.zero;
            sum.low += (x.low - zero) * layer->multiplier[k];
            sum.high += (x.high - zero) * layer->multiplier[k];
        }
        facts->free[c] = requantised(layer, sum, 1);
    }
}

static void concat_codes(const Model *model, const Layer *layer, const LayerFacts *all,
                         LayerFacts *facts) {
    for (int k = 0; k < layer->inputs; k++) {
        ChannelLink link = layer_link(model, layer, k);
        int64_t zero = model->layers[layer->input[k]].out.zero, m = layer->multiplier[k];
        for (int c = 0; c < link.count; c++) {
            Interval x = all[layer->input[k]].codes[c];
            Interval sum = {(x.low - zero) * m, (x.high - zero) * m};
            facts->free[link.out + c] = requantised(layer, sum, 1);
        }
    }
}

static void mul_codes(const Model *model, const Layer *layer, const LayerFacts *all,
                      LayerFacts *facts) {
    int zero1 = model->layers[layer->input[0]].out.zero;
    int zero2 = model->layers[layer->input[1]].out.zero;
    for (int c = 0; c < facts->channels; c++) {
        Interval a = all[layer->input[0]].codes[c], b = all[layer->input[1]].codes[c];
        Interval centred = {a.low - zero1, a.high - zero1};
        Interval product = interval_join(interval_times(centred, b.low - zero2),
                                         interval_times(centred, b.high - zero2));
        facts->free[c] = requantised(layer, product, layer->multiplier[0]);
    }
}

/* Of 8-bit inputs a curve is a table; of 16-bit ones anything is taken to be possible. */
static Interval curve_codes(const Layer *layer, Format in, Interval x) {
    Interval codes = {INT64_MAX, INT64_MIN};
    for (int64_t code = x.low; code <= x.high; code++) {
        int64_t y = layer->table[code - format_low(in)];
        codes = interval_join(codes, (Interval){y, y});
    }
    return codes;
}

static Interval any_code(const Layer *layer) {
    Format format = layer->out.format;
    if (!format_is_integer(format))
        return (Interval){INT32_MIN, INT32_MAX};
    return (Interval){format_low(format), format_high(format)};
}

/* Channel c of an operator that makes it of channel c of its first input alone. */
static Interval kept_codes(const Model *model, const Layer *layer, Interval x) {
    Format in = model->layers[layer->input[0]].out.format;
    if (operator_is_curve(layer->kind))
        return format_bits(in) <= 8 ? curve_codes(layer, in, x) : any_code(layer);
    if (layer->kind == OP_PAD)
        return interval_join(x, (Interval){layer->out.zero, layer->out.zero});
    return x;
}

static void free_codes(Arena *arena, const Model *model, const Layer *layer, LayerRole role,
                       const LayerFacts *all, LayerFacts *facts) {
    const Interval *x = layer->inputs ? all[layer->input[0]].codes : NULL;
    if (role == ROLE_MIXES || role == ROLE_WEIGHS)
        weighted_codes(arena, model, layer, x, facts);
    else if (role != ROLE_KEEPS)
        for (int c = 0; c < facts->channels; c++)
            facts->free[c] = any_code(layer);
    else if (layer->kind == OP_ADD)
        add_codes(model, layer, all, facts);
    else if (layer->kind == OP_MUL)
        mul_codes(model, layer, all, facts);
    else if (layer->kind == OP_CONCAT)
        concat_codes(model, layer, all, facts);
    else
        for (int c = 0; c < facts->channels; c++)
            facts->free[c] = kept_codes(model, layer, x[c + layer_link(model, layer, 0).in]);
}

static void layer_codes(Arena *arena, const Model *model, int i, LayerFacts *all) {
    const Layer *layer = &model->layers[i];
    LayerFacts *facts = &all[i];
    LayerRole role = layer_role(model, layer);
    bool clamps = role != ROLE_OPAQUE && role != ROLE_INPUT && !operator_moves(layer->kind);
    free_codes(arena, model, layer, role, all, facts);
    for (int c = 0; c < facts->channels; c++)
        facts->codes[c] = clamps ? clamped(layer, facts->free[c]) : facts->free[c];
}

/* ---- backwards --------------------------------------------------------------------------- */

bool channel_constant(const LayerFacts *facts, int c) {
    return facts->codes[c].low == facts->codes[c].high;
}

bool channel_computed(const LayerFacts *facts, int c) {
    return facts->needed[c] && !channel_constant(facts, c);
}

static void need_all(LayerFacts *facts) {
    facts->used = true;
    for (int c = 0; c < facts->channels; c++)
        facts->needed[c] = true;
}

static void need_by_weights(Arena *arena, const Model *model, const Layer *layer,
                            const LayerFacts *facts, LayerFacts *in) {
    WeightView view = view_of(arena, model, layer);
    for (int t = 0; t < view.kernel_h * view.kernel_w; t++) {
        bool used = view_uses(&view, t);
        for (int c = 0; used && c < facts->channels; c++) {
            const int16_t *w = view_weights(&view, c, t);
            bool *needed = in->needed + view_first(&view, c);
            for (int k = 0; channel_computed(facts, c) && k < view.group_in; k++)
                needed[k] |= w[k] != 0;
        }
    }
}

static void need_inputs(Arena *arena, const Model *model, int i, LayerFacts *all) {
    const Layer *layer = &model->layers[i];
    const LayerFacts *facts = &all[i];
    LayerRole role = layer_role(model, layer);
    for (int k = 0; k < layer->inputs; k++) {
        LayerFacts *in = &all[layer->input[k]];
        in->used = true;
        if (role == ROLE_OPAQUE)
            need_all(in);
        ChannelLink link = layer_link(model, layer, k);
        for (int c = 0; role == ROLE_KEEPS && c < link.count; c++)
            in->needed[link.in + c] |= channel_computed(facts, link.out + c);
        if (role == ROLE_MIXES || role == ROLE_WEIGHS)
            need_by_weights(arena, model, layer, facts, in);
    }
}

LayerFacts *model_analyse(Arena *arena, const Model *model) {
    LayerFacts *all = arena_array(arena, LayerFacts, model->count);
    for (int i = 0; i < model->count; i++) {
        int channels = shape_channels(model->layers[i].out.shape);
        all[i] = (LayerFacts){.channels = channels,
                              .codes = arena_array(arena, Interval, channels),
                              .free = arena_array(arena, Interval, channels),
                              .needed = arena_array(arena, bool, channels)};
        layer_codes(arena, model, i, all);
    }
    need_all(&all[model->output]);
    for (int i = model->output; i > 0; i--)
        if (all[i].used)
            need_inputs(arena, model, i, all);
    return all;
}
