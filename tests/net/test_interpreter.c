/* test_interpreter.c: each operator of the interpreter against a direct reading of the
 * contract, with padding written out, over random networks.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/nets.h"

typedef __int128 Wide;

/* ---- the contract, read directly --------------------------------------------------------- */

/* A tensor with its padding laid around it. */
typedef struct Padded {
    int h, w, c;
    int64_t *code; /* (h, w, c) */
    bool *inside;  /* (h, w) */
} Padded;

static int64_t floor_ratio(Wide over, Wide under) {
    Wide quotient = over / under;
    return (int64_t)(quotient - (over % under < 0));
}

static int32_t clamped(const Layer *layer, int64_t code) {
    return (int32_t)(code < layer->low ? layer->low : code > layer->high ? layer->high : code);
}

static int32_t rescaled(const Layer *layer, Wide scaled) {
    Wide half = (Wide)1 << (layer->shift - 1);
    return clamped(layer, layer->out.zero + floor_ratio(scaled + half, 2 * half));
}

static int same_padding(int in, int kernel, int stride) {
    int outputs = in / stride + (in % stride != 0);
    int padding = (outputs - 1) * stride + kernel - in;
    return padding > 0 ? padding : 0;
}

/* The input of a window operator, padded by the code `fill`. */
static Padded padded(Arena *arena, const Layer *layer, const Tensor *in, const int32_t *x,
                     int64_t fill) {
    const int *a = layer->attribute, *dim = in->shape.dim;
    bool same = a[ATTRIBUTE_SAME] != 0;
    int ph = same ? same_padding(dim[0], a[ATTRIBUTE_KERNEL_H], a[ATTRIBUTE_STRIDE_H]) : 0;
    int pw = same ? same_padding(dim[1], a[ATTRIBUTE_KERNEL_W], a[ATTRIBUTE_STRIDE_W]) : 0;
    Padded p = {dim[0] + ph, dim[1] + pw, dim[2], NULL, NULL};
    p.code = arena_array(arena, int64_t, p.h * p.w * p.c);
    p.inside = arena_array(arena, bool, p.h *p.w);
    for (int i = 0; i < p.h * p.w * p.c; i++)
        p.code[i] = fill;
    for (int y = 0; y < dim[0]; y++)
        for (int i = 0; i < dim[1]; i++) {
            int at = (y + ph / 2) * p.w + i + pw / 2;
            p.inside[at] = true;
            for (int c = 0; c < p.c; c++)
                p.code[at * p.c + c] = x[(y * dim[1] + i) * p.c + c];
        }
    return p;
}

static int32_t conv_at(const Layer *layer, const Tensor *in, const Padded *p, int top, int left,
                       int c) {
    int kernel_h = layer->attribute[ATTRIBUTE_KERNEL_H];
    int kernel_w = layer->attribute[ATTRIBUTE_KERNEL_W];
    int groups = layer->kind == OP_DEPTHWISE ? p->c : layer->attribute[ATTRIBUTE_GROUPS];
    int per_group = p->c / groups, group = c / (layer->out_channels / groups);
    assert_int_equal(layer->row, kernel_h * kernel_w * per_group);
    Wide acc = layer->bias[c];
    for (int k = 0; k < layer->row; k++) {
        int i = k % per_group, kx = k / per_group % kernel_w, ky = k / per_group / kernel_w;
        int at = ((top + ky) * p->w + left + kx) * p->c + group * per_group + i;
        acc += (p->code[at] - in->zero) * layer->weight[c * layer->row + k];
    }
    assert_true(acc <= layer->bound && acc >= -layer->bound);
    return rescaled(layer, acc * layer->multiplier[c]);
}

static int32_t pool_at(const Layer *layer, const Padded *p, int top, int left, int c) {
    int64_t largest = INT64_MIN, sum = 0, taps = 0;
    for (int y = top; y < top + layer->attribute[ATTRIBUTE_KERNEL_H]; y++)
        for (int x = left; x < left + layer->attribute[ATTRIBUTE_KERNEL_W]; x++) {
            int64_t code = p->code[(y * p->w + x) * p->c + c];
            largest = code > largest ? code : largest;
            sum += p->inside[y * p->w + x] ? code : 0;
            taps += p->inside[y * p->w + x];
        }
    assert_true(taps > 0);
    return (int32_t)(layer->kind == OP_MAX_POOL ? largest
                                                : floor_ratio(2 * sum + taps, 2 * taps));
}

static void windows(Arena *arena, const Layer *layer, const Tensor *in, const int32_t *x,
                    int32_t *y) {
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    Padded p = padded(arena, layer, in, x, weighted ? in->zero : INT32_MIN);
    Shape out = layer->out.shape;
    for (int i = 0; i < shape_elements(out); i++) {
        int c = i % out.dim[2], left = i / out.dim[2] % out.dim[1];
        int top = i / out.dim[2] / out.dim[1] * layer->attribute[ATTRIBUTE_STRIDE_H];
        left *= layer->attribute[ATTRIBUTE_STRIDE_W];
        y[i] =
            weighted ? conv_at(layer, in, &p, top, left, c) : pool_at(layer, &p, top, left, c);
    }
}

static void dense(const Layer *layer, const Tensor *in, const int32_t *x, int32_t *y) {
    assert_int_equal(layer->row, shape_elements(in->shape));
    for (int c = 0; c < layer->out_channels; c++) {
        Wide acc = layer->bias[c];
        for (int k = 0; k < layer->row; k++)
            acc += (int64_t)(x[k] - in->zero) * layer->weight[c * layer->row + k];
        y[c] = rescaled(layer, acc * layer->multiplier[c]);
    }
}

/* A batch norm of a vector: one weight for each channel. */
static void per_channel(const Layer *layer, const Tensor *in, const int32_t *x, int32_t *y) {
    for (int i = 0; i < shape_elements(in->shape); i++) {
        int c = i % shape_channels(in->shape);
        Wide acc = layer->bias[c] + (int64_t)(x[i] - in->zero) * layer->weight[c];
        y[i] = rescaled(layer, acc * layer->multiplier[c]);
    }
}

static void sum_of_two(const Layer *layer, const Tensor *a, const int32_t *x1, const Tensor *b,
                       const int32_t *x2, int32_t *y) {
    for (int i = 0; i < shape_elements(a->shape); i++)
        y[i] = rescaled(layer, (Wide)(x1[i] - a->zero) * layer->multiplier[0] +
                                   (Wide)(x2[i] - b->zero) * layer->multiplier[1]);
}

static void relu(const Layer *layer, const Tensor *in, const int32_t *x, int32_t *y) {
    int64_t top = format_high(in->format);
    double six = in->zero + 6 / in->scale + 0.5;
    if (layer->kind == OP_RELU6 && six < (double)top)
        top = (int64_t)six - (six < (double)(int64_t)six);
    for (int i = 0; i < shape_elements(in->shape); i++)
        y[i] = (int32_t)(x[i] < in->zero ? in->zero : x[i] > top ? top : x[i]);
}

static void global_average(const Tensor *in, const int32_t *x, int32_t *y) {
    int pixels = in->shape.dim[0] * in->shape.dim[1], channels = in->shape.dim[2];
    for (int c = 0; c < channels; c++) {
        int64_t sum = 0;
        for (int p = 0; p < pixels; p++)
            sum += x[p * channels + c];
        y[c] = (int32_t)floor_ratio(2 * sum + pixels, 2 * (Wide)pixels);
    }
}

static void expected_layer(Arena *arena, const Model *model, int i, int32_t **tensors,
                           int32_t *y) {
    const Layer *layer = &model->layers[i];
    const Tensor *in = &model->layers[layer->input[0]].out;
    const int32_t *x = tensors[layer->input[0]];
    if (layer->kind == OP_RELU || layer->kind == OP_RELU6)
        relu(layer, in, x, y);
    else if (layer->kind == OP_ADD)
        sum_of_two(layer, in, x, &model->layers[layer->input[1]].out, tensors[layer->input[1]],
                   y);
    else if (layer->kind == OP_DENSE)
        dense(layer, in, x, y);
    else if (layer->kind == OP_GLOBAL_AVERAGE)
        global_average(in, x, y);
    else if (in->shape.rank == 1)
        per_channel(layer, in, x, y);
    else
        windows(arena, layer, in, x, y);
}

/* ---- random networks --------------------------------------------------------------------- */

/* How often each kind and format was really there. */
typedef struct Seen {
    int kind[OP_COUNT], weights[FORMAT_COUNT], output[FORMAT_COUNT], wide, lone;
} Seen;

static void check_layers(Arena *arena, const Model *model, const void *input, Seen *seen) {
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    model_run(arena, model, input, tensors);
    for (int i = 1; i < model->count; i++) {
        const Layer *layer = &model->layers[i];
        int64_t elements = shape_elements(layer->out.shape);
        int32_t *expected = arena_array(arena, int32_t, elements);
        expected_layer(arena, model, i, tensors, expected);
        for (int64_t k = 0; k < elements; k++)
            if (tensors[i][k] != expected[k])
                fail_msg("%.*s: code %lld is %d, not %d", STR_ARG(layer->path), (long long)k,
                         tensors[i][k], expected[k]);
        seen->kind[layer->kind]++;
        seen->output[layer->out.format]++;
        if (operator_facts[layer->kind].weights == WEIGHTED) {
            seen->weights[layer->weights]++;
            seen->wide += layer->accumulator_bits == 64;
        }
    }
}

/* One layer for each operator but the batch norms that fold, which are counted here by their
 * rule. */
static int layers_expected(const Net *net, Seen *seen) {
    int layers = net->count;
    for (int i = 1; i < net->count; i++) {
        if (net->ops[i].kind != OP_BATCH_NORM)
            continue;
        int from = net->ops[i].input[0], readers = from == net->output;
        for (int j = 1; j < net->count; j++)
            for (int k = 0; k < net->ops[j].inputs; k++)
                readers += net->ops[j].input[k] == from;
        OpKind kind = net->ops[from].kind;
        bool weighted = kind == OP_CONV || kind == OP_DEPTHWISE || kind == OP_DENSE;
        layers -= weighted && readers == 1;
        seen->lone += !(weighted && readers == 1);
    }
    return layers;
}

static void operators_compute_what_the_contract_says(void **state) {
    (void)state;
    enum { NETS = 1500 };
    Random random = {51, 0, 0};
    Seen seen = {0};
    int refused = 0;
    Arena *arena = arena_new();
    for (int n = 0; n < NETS; n++, arena_reset(arena)) {
        Net net = random_net(arena, &random, random_between(&random, 1, 8));
        FloatModel from = random_weights(arena, &random, &net);
        Model model;
        Span span;
        Str why;
        if (!model_quantise(arena, &from, &model, &span, &why)) {
            refused++;
            continue;
        }
        assert_int_equal(model.count, layers_expected(&net, &seen));
        const Tensor *in = &model.layers[0].out;
        for (int i = 0; i < 2; i++)
            check_layers(arena, &model, random_input(arena, &random, in->shape, in->format),
                         &seen);
    }
    arena_free(arena);
    for (int k = OP_INPUT + 1; k < OP_BATCH_NORM; k++)
        assert_true(seen.kind[k] > 50);
    for (int f = FORMAT_I2; f <= FORMAT_I16; f++)
        assert_true(seen.weights[f] > 50);
    assert_true(seen.output[FORMAT_I4] > 50 && seen.output[FORMAT_I16] > 50);
    assert_true(seen.wide > 20 && seen.lone > 50 && refused < NETS / 10);
}

/* ---- what the numbers mean --------------------------------------------------------------- */

/* The float operators in their plainest form, for one conv -> batch norm -> relu6 -> dense. */
typedef struct Floats {
    double x[4 * 4 * 3], conv[4 * 4 * 5], y[2];
} Floats;

static double norm_of(const OpWeights *w, int c, double x, double deviation) {
    return w->gamma[c] * (x - w->mean[c]) / deviation + w->beta[c];
}

static double square_root(double x) {
    double root = x > 1 ? x : 1;
    for (int i = 0; i < 100; i++)
        root = (root + x / root) / 2;
    return root;
}

static void float_conv(const OpWeights *conv, const OpWeights *norm, Floats *f) {
    for (int i = 0; i < COUNT(f->conv); i++) {
        int c = i % 5, ox = i / 5 % 4, oy = i / 20;
        double sum = conv->bias ? conv->bias[c] : 0;
        for (int k = 0; k < 27; k++) {
            int y = oy - 1 + k / 9, x = ox - 1 + k / 3 % 3;
            if (y >= 0 && y < 4 && x >= 0 && x < 4)
                sum += f->x[(y * 4 + x) * 3 + k % 3] * conv->weight[c * 27 + k];
        }
        double z = norm_of(norm, c, sum, square_root(norm->variance[c] + BATCH_NORM_EPSILON));
        f->conv[i] = z < 0 ? 0 : z > 6 ? 6 : z;
    }
}

static void float_dense(const OpWeights *w, Floats *f) {
    for (int c = 0; c < 2; c++) {
        f->y[c] = w->bias ? w->bias[c] : 0;
        for (int k = 0; k < COUNT(f->conv); k++)
            f->y[c] += f->conv[k] * w->weight[c * COUNT(f->conv) + k];
    }
}

/* In formats of 16 bits the integer network comes near the float network, whatever the signs
 * and sizes of its batch norm: conv, its folding, the clamp at 6 and dense agree on what
 * codes mean. */
static void sixteen_bits_come_near_the_floats(void **state) {
    (void)state;
    Random random = {52, 0, 0};
    for (int n = 0; n < 200; n++) {
        Arena *arena = arena_new();
        Maker maker = maker_begin(arena, (Shape){3, {4, 4, 3}}, FORMAT_U8);
        Op conv = op_window(OP_CONV, 0, 5, 3, 1);
        conv.weights = conv.output = FORMAT_I16;
        maker_add(&maker, conv);
        maker_add(&maker, op_norm(1, FORMAT_I16));
        maker_add(&maker, op_of(OP_RELU6, 2));
        maker_dense(&maker, 3, 2, FORMAT_I16, FORMAT_I16);
        Net net = maker_end(&maker);
        FloatModel from = random_weights(arena, &random, &net);
        from.ops[1].weight_scale = from.ops[4].weight_scale = NULL;
        from.ops[3].scale = 8.0 / 32767;
        from.ops[4].scale = 400.0 / 32767;
        Model model = model_of(arena, &from);
        uint8_t *input = random_input(arena, &random, net.ops[0].shape, FORMAT_U8);
        int32_t **tensors = arena_array(arena, int32_t *, model.count);
        model_run(arena, &model, input, tensors);
        Floats f;
        for (int i = 0; i < COUNT(f.x); i++)
            f.x[i] = from.ops[0].scale * (input[i] - from.ops[0].zero);
        float_conv(&from.ops[1], &from.ops[2], &f);
        float_dense(&from.ops[4], &f);
        for (int c = 0; c < 2; c++) {
            double y = tensors[model.output][c] * from.ops[4].scale, error = y - f.y[c];
            if (error < -0.02 || error > 0.02)
                fail_msg("network %d: %g, but in floats %g", n, y, f.y[c]);
        }
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_compute_what_the_contract_says),
        cmocka_unit_test(sixteen_bits_come_near_the_floats),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
