/* The integer analysis against the interpreter: random networks with many dead and constant
 * channels give the same codes once pruned, every code that is ever seen lies in its interval,
 * every sum in its bounds, and on networks small enough to try all inputs the intervals of the
 * first layer are exact.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/codegen/random_model.h"
#include "tests/device/nets.h"
#include "tests/unit.h"

#include <jansson.h>

enum { MODELS = 500, LAYERS = 12, INPUTS = 4 };

/* MODELS=20000 SEED=5000 for a longer run. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

/* ---- networks with dead channels --------------------------------------------------------- */

static bool is_weighted(const Layer *layer) {
    return operator_facts[layer->kind].weights == WEIGHTED;
}

/* Weights of zero, a bias near the accumulator's end, or a multiplier that leaves one code. */
static void deaden_channel(Random *random, Layer *layer, int c) {
    int64_t room = ((int64_t)1 << (layer->accumulator_bits == 32 ? 31 : 45)) - 1 - layer->bound;
    int16_t *w = layer->weight + (int64_t)c * layer->row;
    switch (random_below(random, 4)) {
    case 0:
        memset(w, 0, sizeof *w * (size_t)layer->row);
        break;
    case 1:
        layer->bias[c] = layer->bias[c] < 0 ? layer->bias[c] - room : layer->bias[c] + room;
        break;
    case 2:
        layer->bias[c] = random_below(random, 2) ? layer->bias[c] / 8 : -layer->bias[c];
        layer->multiplier[c] = 1;
        break;
    default:
        for (int k = 0; k < layer->row; k++)
            w[k] = (int16_t)(w[k] / 16);
    }
}

/* Inputs that nobody weighs, in all taps or in one. */
static void deaden_inputs(Random *random, Layer *layer) {
    int step = 1 + random_below(random, layer->row), from = random_below(random, step);
    for (int c = 0; c < layer->out_channels; c++)
        for (int k = from; k < layer->row; k += step)
            layer->weight[(int64_t)c * layer->row + k] = 0;
}

static void deaden(Model *model, uint64_t seed) {
    Random random = {seed, 9, 0};
    for (int i = 0; i < model->count; i++) {
        Layer *layer = &model->layers[i];
        if (!is_weighted(layer))
            continue;
        int rate = random_below(&random, i == model->output ? 2 : 6);
        for (int c = 0; c < layer->out_channels; c++)
            if (random_below(&random, 8) < rate)
                deaden_channel(&random, layer, c);
        if (random_below(&random, 3) == 0)
            deaden_inputs(&random, layer);
    }
    if (model_check(model))
        fail_msg("%llu: %s", (unsigned long long)seed, model_check(model));
}

/* Anything at all: few of its layers matter, most shapes are odd. */
static Model odd_model(Arena *arena, uint64_t seed) {
    Model model = random_model(arena, seed, LAYERS);
    deaden(&model, seed);
    return model;
}

/* One block of a network as people draw them. */
static int draw_block(Maker *maker, Random *random, int x) {
    int channels = shape_channels(maker->ops.at[x].shape);
    Format weights = random_below(random, 3) ? FORMAT_I8 : FORMAT_I4;
    int stride = 1 + (random_below(random, 4) == 0), y;
    switch (random_below(random, 7)) {
    case 0:
    case 1:
        return net_window(maker, OP_CONV, x, 4 * (2 + random_below(random, 5)), 1, 1, weights,
                          FORMAT_I8);
    case 2:
        return net_window(maker, OP_CONV, x, 4 * (2 + random_below(random, 5)), 3, stride,
                          weights, FORMAT_I8);
    case 3:
        return net_window(maker, OP_DEPTHWISE, x, 0, 3, stride, weights, FORMAT_I8);
    case 4:
        y = net_window(maker, OP_CONV, x, channels, 3, 1, weights, FORMAT_I8);
        return net_binary(maker, OP_ADD, random_below(random, 2) ? x : y, y, FORMAT_I8);
    case 5:
        return net_window(maker, random_below(random, 2) ? OP_MAX_POOL : OP_AVERAGE_POOL, x, 0,
                          3, stride, weights, FORMAT_I8);
    default:
        y = net_window(maker, OP_CONV, x, channels, 1, 1, weights, FORMAT_I8);
        maker->ops.at[y].attribute[ATTRIBUTE_GROUPS] = channels % 4 ? 1 : 4;
        return y;
    }
}

/* The operator without padding, if its input is large enough. */
static void make_valid(Maker *maker, int x) {
    Op *op = &maker->ops.at[x];
    const char *why;
    Shape shape;
    op->attribute[ATTRIBUTE_SAME] = 0;
    if (operator_shape(op->kind, op->attribute, &maker->ops.at[op->input[0]].shape, 1, &shape,
                       &why))
        op->shape = shape;
    else
        op->attribute[ATTRIBUTE_SAME] = 1;
}

/* A chain of blocks, most with a relu, then a classifier. */
static Model drawn_model(Arena *arena, uint64_t seed) {
    Random random = {seed, 11, 0};
    Maker maker = net_begin(arena, 7 + random_below(&random, 3), 8, 3, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 16, 3, 1, FORMAT_I8, FORMAT_I8);
    for (int block = 3 + random_below(&random, 5); block > 0; block--) {
        x = draw_block(&maker, &random, x);
        if (maker.ops.at[x].kind == OP_CONV && random_below(&random, 3) == 0)
            make_valid(&maker, x);
        if (random_below(&random, 3))
            x = net_unary(&maker, random_below(&random, 2) ? OP_RELU : OP_RELU6, x);
    }
    if (random_below(&random, 2))
        x = net_unary(&maker, OP_GLOBAL_AVERAGE, x);
    net_dense(&maker, x, 10, FORMAT_I8, FORMAT_I8);
    Net *net = arena_new_of(arena, Net);
    *net = net_end(&maker);
    FloatModel weights = net_weights(arena, net, seed);
    for (int i = 1; i < net->count; i++)
        weights.ops[i].zero = random_below(&random, 2) ? -128 : random_below(&random, 40) - 20;
    Model model;
    Span span;
    Str why;
    if (!model_quantise(arena, &weights, &model, &span, &why))
        fail_msg("%llu: %.*s", (unsigned long long)seed, STR_ARG(why));
    deaden(&model, seed);
    return model;
}

static int32_t **run_model(Arena *arena, const Model *model, const int16_t *codes) {
    const Tensor *in = &model->layers[0].out;
    int64_t count = shape_elements(in->shape);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    int8_t *narrow = arena_array(arena, int8_t, count);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (int8_t)codes[i];
    model_run(arena, model, in->format == FORMAT_I16 ? (const void *)codes : narrow, tensors);
    return tensors;
}

static int16_t *input_of(Arena *arena, const Model *model, uint64_t seed, int which) {
    const Tensor *in = &model->layers[0].out;
    int16_t *codes = arena_array(arena, int16_t, shape_elements(in->shape));
    random_input(in, seed, which, codes);
    return codes;
}

/* ---- the same codes ---------------------------------------------------------------------- */

static void assert_same_output(Arena *arena, const Model *model, const Model *pruned,
                               uint64_t seed) {
    Shape shape = model->layers[model->output].out.shape;
    assert_true(shape_equal(shape, pruned->layers[pruned->output].out.shape));
    for (int v = 0; v < INPUTS; v++) {
        int16_t *codes = input_of(arena, model, seed, v);
        int32_t *whole = run_model(arena, model, codes)[model->output];
        int32_t *less = run_model(arena, pruned, codes)[pruned->output];
        for (int64_t e = 0; e < shape_elements(shape); e++)
            if (whole[e] != less[e])
                fail_msg("seed %llu, input %d: element %lld is %d, was %d",
                         (unsigned long long)seed, v, (long long)e, less[e], whole[e]);
    }
}

/* What pruning did to all the networks together. */
typedef struct Tally {
    int64_t channels, channels_before, macs, macs_before;
    int constant, unneeded, removed, clamps, groups, alive;
} Tally;

static void tally_add(Tally *tally, const Pruning *pruning) {
    const LayerChange *last = &pruning->changes[pruning->count - 1];
    if (last->constant == last->channels)
        return; /* nothing depends on the input: there is little to see */
    tally->alive++;
    for (int i = 0; i < pruning->count; i++) {
        const LayerChange *change = &pruning->changes[i];
        assert_in_range(change->channels, 1, change->channels_before);
        assert_true(change->macs <= change->macs_before);
        tally->channels += change->channels;
        tally->channels_before += change->channels_before;
        tally->macs += change->macs;
        tally->macs_before += change->macs_before;
        tally->constant += change->constant;
        tally->unneeded += change->unneeded;
        tally->removed += change->removed;
        tally->clamps += change->clamps_before - change->clamps;
    }
    for (int i = 0; i < pruning->model.count; i++)
        tally->groups += pruning->model.layers[i].kind == OP_CONV &&
                         pruning->model.layers[i].attribute[ATTRIBUTE_GROUPS] > 1;
}

typedef Model Draw(Arena *arena, uint64_t seed);

static void prune_many(Draw *draw, int granule) {
    uint64_t first = (uint64_t)setting("SEED", 1), count = (uint64_t)setting("MODELS", MODELS);
    Tally tally = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        Arena *arena = arena_new();
        Model model = draw(arena, seed);
        Pruning pruning = model_prune(arena, &model, granule);
        if (model_check(&pruning.model))
            fail_msg("seed %llu: %s", (unsigned long long)seed, model_check(&pruning.model));
        assert_same_output(arena, &model, &pruning.model, seed);
        tally_add(&tally, &pruning);
        arena_free(arena);
    }
    print_message("# %d networks that compute: %lld of %lld channels, %lld of %lld macs left; "
                  "%d constant, %d unneeded, %d clamps removed, %d ends; %d grouped\n",
                  tally.alive, (long long)tally.channels, (long long)tally.channels_before,
                  (long long)tally.macs, (long long)tally.macs_before, tally.constant,
                  tally.unneeded, tally.removed, tally.clamps, tally.groups);
    assert_true(tally.channels < tally.channels_before && tally.macs < tally.macs_before);
    assert_true(tally.alive > (int)count / 3);
    assert_true(tally.constant && tally.unneeded && tally.removed && tally.groups);
}

static void pruned_networks_give_the_same_codes(void **state) {
    (void)state;
    prune_many(odd_model, 1);
    prune_many(drawn_model, 1);
}

static void so_they_do_with_channels_by_fours(void **state) {
    (void)state;
    prune_many(odd_model, 4);
    prune_many(drawn_model, 4);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void assert_inside(const LayerFacts *facts, int c, int64_t code) {
    assert_in_range(code - facts->codes[c].low, 0, facts->codes[c].high - facts->codes[c].low);
}

/* One finished sum, computed in another order than the interpreter's, all its partial sums
 * within the bound with the zero point subtracted and folded. */
static void assert_sum(const Layer *layer, const LayerFacts *facts, int c, const int32_t *x,
                       const int *tap, int taps, int zero) {
    const int16_t *w = layer->weight + (int64_t)c * layer->row;
    int64_t sum = layer->bias[c], folded = layer->bias[c];
    for (int k = 0; k < layer->row; k++)
        folded -= (int64_t)zero * w[k];
    for (int k = taps - 1; k >= 0; k--) {
        int64_t code = tap[k] < 0 ? zero : x[tap[k]];
        sum += (code - zero) * w[k];
        folded += code * w[k];
        assert_in_range(sum + facts->partial, 0, 2 * facts->partial);
        assert_in_range(folded + facts->partial, 0, 2 * facts->partial);
    }
    assert_int_equal(sum, folded);
    assert_in_range(sum - facts->sums[c].low, 0, facts->sums[c].high - facts->sums[c].low);
}

/* The elements that a window reads, -1 in the padding; in the order of the weights. */
static int window_elements(const Layer *layer, Shape in, int oy, int ox, int first, int group,
                           int *tap) {
    const int *a = layer->attribute;
    int count = 0;
    for (int ky = 0; ky < a[ATTRIBUTE_KERNEL_H]; ky++)
        for (int kx = 0; kx < a[ATTRIBUTE_KERNEL_W]; kx++)
            for (int k = 0; k < group; k++) {
                int y = oy * a[ATTRIBUTE_STRIDE_H] + ky -
                        window_before(in.dim[0], a[ATTRIBUTE_KERNEL_H], a[ATTRIBUTE_STRIDE_H],
                                      a[ATTRIBUTE_SAME]);
                int x = ox * a[ATTRIBUTE_STRIDE_W] + kx -
                        window_before(in.dim[1], a[ATTRIBUTE_KERNEL_W], a[ATTRIBUTE_STRIDE_W],
                                      a[ATTRIBUTE_SAME]);
                bool inside = y >= 0 && y < in.dim[0] && x >= 0 && x < in.dim[1];
                tap[count++] = inside ? (y * in.dim[1] + x) * in.dim[2] + first + k : -1;
            }
    return count;
}

static void check_conv_sums(Arena *arena, const Layer *layer, const LayerFacts *facts,
                            const Tensor *in, const int32_t *x) {
    int channels = in->shape.dim[2], outs = layer->out_channels;
    int groups = layer->kind == OP_CONV ? layer->attribute[ATTRIBUTE_GROUPS] : channels;
    int *tap = arena_array(arena, int, layer->row);
    for (int oy = 0; oy < layer->out.shape.dim[0]; oy++)
        for (int ox = 0; ox < layer->out.shape.dim[1]; ox++)
            for (int c = 0; c < outs; c++) {
                int first = c / (outs / groups) * (channels / groups);
                int taps =
                    window_elements(layer, in->shape, oy, ox, first, channels / groups, tap);
                assert_sum(layer, facts, c, x, tap, taps, in->zero);
            }
}

static void check_dense_sums(Arena *arena, const Layer *layer, const LayerFacts *facts,
                             const Tensor *in, const int32_t *x) {
    int *tap = arena_array(arena, int, layer->row);
    for (int k = 0; k < layer->row; k++)
        tap[k] = k;
    for (int c = 0; c < layer->out_channels; c++)
        assert_sum(layer, facts, c, x, tap, layer->row, in->zero);
}

static void check_layer(Arena *arena, const Model *model, int i, const LayerFacts *facts,
                        int32_t **tensors) {
    const Layer *layer = &model->layers[i];
    for (int64_t e = 0; e < shape_elements(layer->out.shape); e++)
        assert_inside(facts, (int)(e % facts->channels), tensors[i][e]);
    if (!is_weighted(layer))
        return;
    const Tensor *in = &model->layers[layer->input[0]].out;
    assert_true(facts->partial <= layer->bound);
    if (layer->kind == OP_DENSE)
        check_dense_sums(arena, layer, facts, in, tensors[layer->input[0]]);
    else if (in->shape.rank == 3)
        check_conv_sums(arena, layer, facts, in, tensors[layer->input[0]]);
}

static void intervals_hold_all_that_is_seen(void **state) {
    (void)state;
    int constants = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        Arena *arena = arena_new();
        Model model = seed % 2 ? odd_model(arena, seed) : drawn_model(arena, seed);
        LayerFacts *facts = model_analyse(arena, &model);
        for (int v = 0; v < INPUTS; v++) {
            int32_t **tensors = run_model(arena, &model, input_of(arena, &model, seed, v));
            for (int i = 0; i < model.count; i++)
                check_layer(arena, &model, i, &facts[i], tensors);
        }
        for (int i = 0; i < model.count; i++)
            for (int c = 0; c < facts[i].channels; c++)
                constants += channel_constant(&facts[i], c);
        arena_free(arena);
    }
    print_message("# %d constant channels\n", constants);
    assert_true(constants > 1000);
}

/* ---- all inputs -------------------------------------------------------------------------- */

/* What each channel of each layer ever is. */
static Interval **seen_codes(Arena *arena, const Model *model) {
    Interval **seen = arena_array(arena, Interval *, model->count);
    const Tensor *in = &model->layers[0].out;
    int elements = (int)shape_elements(in->shape);
    int16_t *codes = arena_array(arena, int16_t, elements);
    for (int i = 0; i < model->count; i++) {
        int channels = shape_channels(model->layers[i].out.shape);
        seen[i] = arena_array(arena, Interval, channels);
        for (int c = 0; c < channels; c++)
            seen[i][c] = (Interval){INT64_MAX, INT64_MIN};
    }
    Arena *work = arena_new();
    for (int n = 0; n < 1 << 4 * elements; n++, arena_reset(work)) {
        for (int e = 0; e < elements; e++)
            codes[e] = (int16_t)((n >> 4 * e & 15) - 8);
        int32_t **tensors = run_model(work, model, codes);
        for (int i = 0; i < model->count; i++) {
            int channels = shape_channels(model->layers[i].out.shape);
            for (int64_t e = 0; e < shape_elements(model->layers[i].out.shape); e++) {
                Interval *at = &seen[i][e % channels];
                at->low = min_i64(at->low, tensors[i][e]);
                at->high = max_i64(at->high, tensors[i][e]);
            }
        }
    }
    arena_free(work);
    return seen;
}

/* Inputs of three codes of four bits, all of them tried. */
static bool small_enough(const Model *model) {
    const Tensor *in = &model->layers[0].out;
    return in->format == FORMAT_I4 && shape_elements(in->shape) <= 3;
}

static void all_inputs_are_held_and_first_layers_exact(void **state) {
    (void)state;
    int tried = 0, exact = 0, constants = 0;
    for (uint64_t seed = 1; seed <= 100000 && tried < 90; seed++) {
        Arena *arena = arena_new();
        Model model = random_model(arena, seed, 5);
        if (small_enough(&model)) {
            deaden(&model, seed);
            LayerFacts *facts = model_analyse(arena, &model);
            Interval **seen = seen_codes(arena, &model);
            tried++;
            for (int i = 0; i < model.count; i++)
                for (int c = 0; c < facts[i].channels; c++) {
                    const Layer *layer = &model.layers[i];
                    assert_inside(&facts[i], c, seen[i][c].low);
                    assert_inside(&facts[i], c, seen[i][c].high);
                    constants += channel_constant(&facts[i], c);
                    if (!layer->inputs || layer->input[0] || layer->kind == OP_ADD)
                        continue;
                    exact++;
                    assert_int_equal(facts[i].codes[c].low, seen[i][c].low);
                    assert_int_equal(facts[i].codes[c].high, seen[i][c].high);
                }
        }
        arena_free(arena);
    }
    print_message("# %d networks, %d exact intervals, %d constants\n", tried, exact, constants);
    assert_true(tried == 90 && exact > 200 && constants > 100);
}

/* ---- single facts ------------------------------------------------------------------------ */

static int add_layer_of(Model *model, Layer layer, Shape shape, int zero) {
    layer.out = (Tensor){shape, FORMAT_I8, 1.0, zero};
    layer.low = -128;
    layer.high = 127;
    layer.accumulator_bits = 32;
    layer.path = STR("layer");
    model->layers[model->count] = layer;
    return model->count++;
}

static int add_conv(Arena *arena, Model *model, int input, int channels, int kernel, bool same,
                    int zero) {
    Shape in = model->layers[input].out.shape;
    int extent = window_extent(in.dim[0], kernel, 1, same), row = kernel * kernel * in.dim[2];
    Layer layer = {.kind = OP_CONV, .inputs = 1, .input = {input}, .weights = FORMAT_I8};
    int attribute[ATTRIBUTE_COUNT] = {
        [ATTRIBUTE_CHANNELS] = channels, [ATTRIBUTE_KERNEL_H] = kernel,
        [ATTRIBUTE_KERNEL_W] = kernel,   [ATTRIBUTE_STRIDE_H] = 1,
        [ATTRIBUTE_STRIDE_W] = 1,        [ATTRIBUTE_GROUPS] = 1,
        [ATTRIBUTE_SAME] = same};
    memcpy(layer.attribute, attribute, sizeof attribute);
    layer.out_channels = channels;
    layer.row = row;
    layer.weight = arena_array(arena, int16_t, channels * row);
    layer.bias = arena_array(arena, int64_t, channels);
    layer.multiplier = arena_array(arena, int32_t, channels);
    layer.shift = 35;
    for (int k = 0; k < channels * row; k++)
        layer.weight[k] = (int16_t)(k % 5 - 2 ? 20 * (k % 5) - 50 : 17);
    for (int c = 0; c < channels; c++)
        layer.multiplier[c] = 1 << 30;
    return add_layer_of(model, layer, (Shape){3, {extent, extent, channels}}, zero);
}

/* Input -> 1x1 conv of 4 channels, the first a constant of 3 -> 3x3 conv. */
static Model constant_chain(Arena *arena, bool same, int zero) {
    Model model = {.layers = arena_array(arena, Layer, 4)};
    add_layer_of(&model, (Layer){.kind = OP_INPUT}, (Shape){3, {6, 6, 3}}, 0);
    int x = add_conv(arena, &model, 0, 4, 1, true, zero);
    memset(model.layers[x].weight, 0, 3 * sizeof(int16_t));
    model.layers[x].bias[0] = (3 - zero) * 32;
    model.output = add_conv(arena, &model, x, 5, 3, same, 0);
    assert_null(model_check(&model));
    return model;
}

static void constants_fold_where_padding_allows(void **state) {
    (void)state;
    Arena *arena = arena_new();
    static const struct {
        bool same;
        int zero, channels;
    } cases[] = {{true, 0, 4}, {false, 0, 3}, {true, 3, 3}, {false, 3, 3}};
    for (int i = 0; i < COUNT(cases); i++) {
        Model model = constant_chain(arena, cases[i].same, cases[i].zero);
        LayerFacts *facts = model_analyse(arena, &model);
        assert_true(channel_constant(&facts[1], 0));
        assert_int_equal(facts[1].codes[0].low, 3);
        Pruning pruning = model_prune(arena, &model, 1);
        assert_int_equal(pruning.model.layers[1].out_channels, cases[i].channels);
        assert_int_equal(pruning.model.layers[2].row, 9 * cases[i].channels);
        assert_same_output(arena, &model, &pruning.model, 1);
        assert_int_equal(model_prune(arena, &model, 4).model.layers[1].out_channels, 4);
    }
    arena_free(arena);
}

/* A channel whose reader weighs it with zero goes, and what only it read goes too. */
static void what_is_not_read_goes_backwards(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model model = {.layers = arena_array(arena, Layer, 4)};
    add_layer_of(&model, (Layer){.kind = OP_INPUT}, (Shape){3, {4, 4, 3}}, 0);
    int x = add_conv(arena, &model, 0, 4, 1, true, 0);
    int y = add_conv(arena, &model, x, 4, 1, true, 0);
    model.output = add_conv(arena, &model, y, 2, 3, true, 0);
    for (int k = 1; k < 2 * 9 * 4; k += 4)
        model.layers[model.output].weight[k] = 0; /* nobody reads channel 1 of y */
    for (int c = 0; c < 4; c++)
        if (c != 1)
            model.layers[y].weight[4 * c + 2] = 0; /* who alone reads channel 2 of x */
    assert_null(model_check(&model));
    Pruning pruning = model_prune(arena, &model, 1);
    assert_int_equal(pruning.model.layers[y].out_channels, 3);
    assert_int_equal(pruning.model.layers[x].out_channels, 3);
    assert_same_output(arena, &model, &pruning.model, 1);
    arena_free(arena);
}

static void pruning_again_finds_nothing_more(void **state) {
    (void)state;
    int changed = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        Arena *arena = arena_new();
        Model model = seed % 2 ? odd_model(arena, seed) : drawn_model(arena, seed);
        Pruning once = model_prune(arena, &model, 1);
        Pruning twice = model_prune(arena, &once.model, 1);
        for (int i = 0; i < twice.count; i++)
            changed += twice.changes[i].channels != twice.changes[i].channels_before;
        arena_free(arena);
    }
    print_message("# layers that a second pruning changes: %d\n", changed);
    assert_true(changed < 30); /* kept channels that are written as constants may free others */
}

/* ---- programs ---------------------------------------------------------------------------- */

static void trained_programs_only_get_smaller(void **state) {
    (void)state;
    int taken = 0, models = 0;
    int64_t whole_bytes = 0, bytes = 0, whole_arena = 0, room = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        Arena *arena = arena_new();
        Model model = seed % 4 ? drawn_model(arena, seed) : odd_model(arena, seed);
        Program whole, program;
        Span span;
        Str why;
        assert_true(program_build(arena, &model, NULL, &whole, &span, &why));
        assert_true(program_build_trained(arena, &model, NULL, &program, &span, &why));
        assert_null(program_check(&program));
        assert_true(program.arena_bytes <= whole.arena_bytes);
        assert_true(program.weight_bytes + program.constant_bytes <=
                    whole.weight_bytes + whole.constant_bytes);
        assert_non_null(program.pruning);
        assert_ptr_equal(program.model, program.pruning->taken ? &program.pruning->model
                                                               : &program.pruning->whole);
        models++;
        taken += program.pruning->taken;
        whole_bytes += whole.weight_bytes + whole.constant_bytes;
        bytes += program.weight_bytes + program.constant_bytes;
        whole_arena += whole.arena_bytes;
        room += program.arena_bytes;
        arena_free(arena);
    }
    print_message("# %d of %d pruned: constants %lld of %lld bytes, arenas %lld of %lld\n",
                  taken, models, (long long)bytes, (long long)whole_bytes, (long long)room,
                  (long long)whole_arena);
    assert_true(taken > models / 2 && bytes < whole_bytes && room < whole_arena);
}

/* The same of routines, for every instruction set, run by the kernel interpreter. */
static void trained_routines_compute_the_same(void **state) {
    (void)state;
    int taken = 0, reordered = 0;
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (int k = 0; k < isa_count; k++) {
            Arena *arena = arena_new();
            Model model = drawn_model(arena, seed);
            BuildOptions options = {.isa = &isas[k]};
            Program whole, program;
            Span span;
            Str why;
            assert_true(program_build_with(arena, &model, NULL, &options, &whole, &span, &why));
            assert_true(program_build_trained_with(arena, &model, NULL, &options, &program,
                                                   &span, &why));
            assert_null(program_check(&program));
            assert_true(program.arena_bytes <= whole.arena_bytes);
            assert_true(program.weight_bytes + program.constant_bytes <=
                        whole.weight_bytes + whole.constant_bytes);
            int16_t *codes = input_of(arena, &model, seed, 2);
            uint8_t input[10 * 10 * 3];
            int8_t output[10];
            for (int64_t i = 0; i < shape_elements(model.layers[0].out.shape); i++)
                input[i] = (uint8_t)codes[i];
            int32_t *expected = run_model(arena, &model, codes)[model.output];
            if (!program_run(arena, &program, input, output, &why))
                fail_msg("%s: %.*s", isas[k].name, STR_ARG(why));
            for (int i = 0; i < 10; i++)
                assert_int_equal(output[i], expected[i]);
            taken += program.pruning->taken;
            reordered += program.order_peak < program.order_written;
            arena_free(arena);
        }
    print_message("# %d of %d pruned, %d reordered\n", taken, 12 * isa_count, reordered);
    assert_true(taken > 6 * isa_count);
}

/* The ends that the pruned model states are those of its own facts. */
static void pruned_models_state_the_ends_of_their_sums(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        Arena *arena = arena_new();
        Model model = drawn_model(arena, seed);
        Pruning pruning = model_prune(arena, &model, 1);
        LayerFacts *facts = model_analyse(arena, &pruning.model);
        for (int i = 0; i < pruning.model.count; i++) {
            const Layer *layer = &pruning.model.layers[i];
            for (int c = 0; is_weighted(layer) && c < layer->out_channels; c++) {
                assert_true(layer->sum_low[c] <= facts[i].sums[c].low);
                assert_true(layer->sum_high[c] >= facts[i].sums[c].high);
            }
        }
        arena_free(arena);
    }
}

static void models_without_constants_are_built_as_they_are(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model model = drawn_model(arena, 5);
    for (int i = 0; i < model.count; i++)
        model.layers[i].weight = NULL;
    Program program;
    Span span;
    Str why;
    assert_false(model_has_constants(&model));
    assert_true(program_build_trained(arena, &model, NULL, &program, &span, &why));
    assert_ptr_equal(program.model, &model);
    assert_null(program.pruning);
    arena_free(arena);
}

static void reports_say_what_was_done(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model model = constant_chain(arena, false, 0);
    Pruning pruning = model_prune(arena, &model, 1);
    Text text = text_new(arena), json = text_new(arena);
    pruning_print(&pruning, &text);
    assert_non_null(strstr(text.at, "channels 3 of 4 (1 constant, 0 unneeded)"));
    pruning_report(&pruning, &json);
    assert_non_null(
        strstr(json.at, "\"channels_before\": 4, \"channels\": 3, \"constant\": 1"));
    json_error_t error;
    json_t *root = json_loads(json.at, 0, &error);
    assert_non_null(root);
    assert_int_equal(json_array_size(json_object_get(root, "layers")), 3);
    json_decref(root);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pruned_networks_give_the_same_codes),
        cmocka_unit_test(so_they_do_with_channels_by_fours),
        cmocka_unit_test(intervals_hold_all_that_is_seen),
        cmocka_unit_test(all_inputs_are_held_and_first_layers_exact),
        cmocka_unit_test(constants_fold_where_padding_allows),
        cmocka_unit_test(what_is_not_read_goes_backwards),
        cmocka_unit_test(pruning_again_finds_nothing_more),
        cmocka_unit_test(trained_programs_only_get_smaller),
        cmocka_unit_test(trained_routines_compute_the_same),
        cmocka_unit_test(pruned_models_state_the_ends_of_their_sums),
        cmocka_unit_test(models_without_constants_are_built_as_they_are),
        cmocka_unit_test(reports_say_what_was_done),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
