/* test_numerics.c: the implementation against vectors.txt, which exact rational arithmetic
 * made, and requantisation of whole small formats against 128-bit floor division.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/vectors.h"

#include <float.h>
#include <math.h>

/* ---- arithmetic.c ------------------------------------------------------------------------ */

static void check_requantise(Arena *arena, Words *words) {
    (void)arena;
    long long acc = next_int(words), m = next_int(words), t = next_int(words);
    long long z = next_int(words), low = next_int(words), high = next_int(words);
    check_next(words, "the output code",
               requantise(acc, (int32_t)m, (int)t, (int)z, (int32_t)low, (int32_t)high));
}

static void check_constants(Arena *arena, Words *words) {
    int bits = (int)next_int(words), count = (int)next_int(words);
    double *scale = arena_array(arena, double, count);
    int32_t *multiplier = arena_array(arena, int32_t, count);
    for (int i = 0; i < count; i++)
        scale[i] = next_double(words);
    int t = requantise_constants(scale, count, bits, multiplier);
    check_next(words, "the shift", t < 1 ? 0 : t);
    for (int i = 0; i < count && t >= 1; i++)
        check_next(words, "a multiplier", multiplier[i]);
}

static void check_average(Arena *arena, Words *words) {
    (void)arena;
    long long sum = next_int(words), n = next_int(words);
    check_next(words, "the mean", average_round(sum, n));
}

static void check_window(Arena *arena, Words *words) {
    (void)arena;
    int in = (int)next_int(words), kernel = (int)next_int(words);
    int stride = (int)next_int(words), same = (int)next_int(words);
    check_next(words, "the extent", window_extent(in, kernel, stride, same));
    check_next(words, "the padding before", window_before(in, kernel, stride, same));
}

static void check_input(Arena *arena, Words *words) {
    (void)arena;
    Task task = {.mean = next_double(words)};
    task.deviation = next_double(words);
    assert_true(task_input_scale(&task) == next_double(words));
    check_next(words, "the zero point", task_input_zero(&task));
}

static void check_bound(Arena *arena, Words *words) {
    Tensor in = {.format = next_format(words)};
    in.zero = (int)next_int(words);
    Layer layer = {.out_channels = (int)next_int(words)};
    layer.row = (int)next_int(words);
    layer.bias = arena_array(arena, int64_t, layer.out_channels);
    layer.weight = arena_array(arena, int16_t, layer.out_channels * layer.row);
    for (int c = 0; c < layer.out_channels; c++)
        layer.bias[c] = next_int(words);
    for (int i = 0; i < layer.out_channels * layer.row; i++)
        layer.weight[i] = (int16_t)next_int(words);
    check_next(words, "the bound", layer_bound(&layer, &in));
}

/* ---- operators, through model_quantise and the interpreter ------------------------------- */

static void *codes_as_input(Arena *arena, Format format, const int *codes, int count) {
    int16_t *wide = arena_array(arena, int16_t, count);
    int8_t *narrow = arena_array(arena, int8_t, count);
    for (int i = 0; i < count; i++) {
        wide[i] = (int16_t)codes[i];
        narrow[i] = (int8_t)codes[i];
    }
    return format == FORMAT_I16 ? (void *)wide : (void *)narrow;
}

static const int32_t *outputs_of(Arena *arena, const Model *model, const int *codes) {
    const Tensor *in = &model->layers[0].out;
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    model_run(arena, model,
              codes_as_input(arena, in->format, codes, (int)shape_elements(in->shape)),
              tensors);
    return tensors[model->output];
}

static void check_clamp(Arena *arena, Words *words) {
    OpKind kind = OP_COUNT;
    assert_true(operator_of(str_of(next_word(words)), &kind));
    Codes x = next_codes(words);
    int ends[] = {format_low(x.format), x.zero, format_high(x.format)};
    Maker maker = maker_begin(arena, (Shape){1, {3}}, x.format);
    maker_add(&maker, op_of(kind, 0));
    Net net = maker_end(&maker);
    FloatModel from = {&net, (OpWeights[2]){{.scale = x.scale, .zero = x.zero}}};
    Model model = model_of(arena, &from);
    int low = model.layers[1].low, high = model.layers[1].high;
    check_next(words, "the lower clamp", low);
    check_next(words, "the upper clamp", high);
    const int32_t *y = outputs_of(arena, &model, ends);
    for (int i = 0; i < 3; i++)
        assert_int_equal(y[i], ends[i] < low ? low : ends[i] > high ? high : ends[i]);
}

/* An add of operands of any two scales: each is one channel of the input, moved by a
 * convolution with one weight of 1 to its own scale and zero point. */
static Model model_of_add(Arena *arena, Codes a, Codes b, Codes y) {
    Maker maker = maker_begin(arena, (Shape){3, {1, 1, 2}}, FORMAT_I16);
    Op move = op_window(OP_CONV, 0, 1, 1, 1);
    move.output = a.format;
    maker_add(&maker, move);
    move.output = b.format;
    maker_add(&maker, move);
    maker_add(&maker, op_add(1, 2, y.format));
    Net *net = arena_new_of(arena, Net);
    *net = maker_end(&maker);
    float steps[] = {(float)a.scale, (float)b.scale};
    float first[] = {steps[0], 0}, second[] = {0, steps[1]};
    OpWeights ops[] = {
        {.scale = 1},
        {.weight = first, .weight_scale = &steps[0], .scale = a.scale, .zero = a.zero},
        {.weight = second, .weight_scale = &steps[1], .scale = b.scale, .zero = b.zero},
        {.scale = y.scale, .zero = y.zero}};
    FloatModel from = {net, ops};
    return model_of(arena, &from);
}

static void check_add(Arena *arena, Words *words) {
    Codes a = next_codes(words), b = next_codes(words), y = next_codes(words);
    Model model = model_of_add(arena, a, b, y);
    check_next(words, "the shift", model.layers[3].shift);
    check_next(words, "the first multiplier", model.layers[3].multiplier[0]);
    check_next(words, "the second multiplier", model.layers[3].multiplier[1]);
    for (int n = (int)next_int(words); n > 0; n--) {
        int first = (int)next_int(words), second = (int)next_int(words);
        int moved[] = {first - a.zero, second - b.zero};
        check_next(words, "the sum", outputs_of(arena, &model, moved)[0]);
    }
}

/* A dense layer with or without batch norm, or a batch norm alone. */
typedef struct Fold {
    bool lone;
    Codes x, y;
    Format weights;
    int channels, row;
    Net net;
    OpWeights ops[3];
} Fold;

static void next_norm(Arena *arena, Words *words, int channels, OpWeights *w) {
    float *values = next_floats(arena, words, 4 * channels);
    float *parts = arena_array(arena, float, 4 * channels);
    for (int c = 0; c < channels; c++)
        for (int k = 0; k < 4; k++)
            parts[k * channels + c] = values[c * 4 + k];
    w->gamma = parts;
    w->beta = parts + channels;
    w->mean = parts + 2 * channels;
    w->variance = parts + 3 * channels;
}

static void next_fold(Arena *arena, Words *words, Fold *fold) {
    char *weights = next_word(words);
    fold->lone = strcmp(weights, "norm") == 0;
    assert_true(fold->lone || format_of(str_of(weights), &fold->weights));
    fold->x = next_codes(words);
    fold->y = next_codes(words);
    fold->channels = (int)next_int(words);
    fold->row = (int)next_int(words);
    bool steps = next_int(words), bias = next_int(words), norm = next_int(words);
    Maker maker = maker_begin(arena, (Shape){1, {fold->lone ? fold->channels : fold->row}},
                              fold->x.format);
    OpWeights *dense = &fold->ops[1];
    if (!fold->lone) {
        maker_dense(&maker, 0, fold->channels, fold->weights, fold->y.format);
        dense->weight = next_floats(arena, words, fold->channels * fold->row);
        dense->weight_scale = steps ? next_floats(arena, words, fold->channels) : NULL;
        dense->bias = bias ? next_floats(arena, words, fold->channels) : NULL;
    }
    if (norm) {
        int i = maker_add(&maker, op_norm(maker.ops.count - 1, fold->y.format));
        next_norm(arena, words, fold->channels, &fold->ops[i]);
    }
    fold->net = maker_end(&maker);
    fold->ops[0].scale = fold->x.scale;
    fold->ops[0].zero = fold->x.zero;
    fold->ops[fold->net.output].scale = fold->y.scale;
    fold->ops[fold->net.output].zero = fold->y.zero;
}

static void check_layer(Words *words, const Layer *layer) {
    check_next(words, "the accumulator's width", layer->accumulator_bits);
    check_next(words, "the shift", layer->shift);
    check_next(words, "the bound", layer->bound);
    for (int c = 0; c < layer->out_channels; c++)
        check_next(words, "a multiplier", layer->multiplier[c]);
    for (int c = 0; c < layer->out_channels; c++)
        check_next(words, "a bias", layer->bias[c]);
    for (int i = 0; i < layer->out_channels * layer->row; i++)
        check_next(words, "a weight code", layer->weight[i]);
}

static void check_fold(Arena *arena, Words *words) {
    Fold fold = {0};
    next_fold(arena, words, &fold);
    FloatModel from = {&fold.net, fold.ops};
    Model model;
    Span span;
    Str why;
    bool made = model_quantise(arena, &from, &model, &span, &why);
    if (words->at && strcmp(words->at, "refused") == 0) {
        next_word(words);
        if (made)
            fail_msg("vectors.txt:%d: the layer is not refused", words->line);
        return;
    }
    if (!made)
        fail_msg("vectors.txt:%d: %.*s", words->line, STR_ARG(why));
    assert_int_equal(model.count, 2);
    check_layer(words, &model.layers[1]);
    int inputs = fold.lone ? fold.channels : fold.row;
    int *x = arena_array(arena, int, inputs);
    for (int runs = (int)next_int(words); runs > 0; runs--) {
        for (int k = 0; k < inputs; k++)
            x[k] = (int)next_int(words);
        const int32_t *y = outputs_of(arena, &model, x);
        for (int c = 0; c < fold.channels; c++)
            check_next(words, "an output code", y[c]);
    }
}

#define VECTORS(kind)                                                                          \
    static void vectors_of_##kind(void **state) {                                              \
        (void)state;                                                                           \
        each_record("tests/net/vectors.txt", #kind, check_##kind);                             \
    }
VECTORS(requantise)
VECTORS(constants)
VECTORS(average)
VECTORS(window)
VECTORS(input)
VECTORS(bound)
VECTORS(clamp)
VECTORS(add)
VECTORS(fold)

/* ---- whole small formats ----------------------------------------------------------------- */

typedef __int128 Wide;

/* The floor of (2 acc m + 2^t) / 2^(t+1), by division. */
static int64_t rounded(int64_t acc, int64_t m, int t) {
    Wide over = 2 * (Wide)acc * m + ((Wide)1 << t), under = (Wide)1 << (t + 1);
    Wide quotient = over / under;
    return (int64_t)(quotient - (over % under < 0));
}

/* The form of Cortex-M's smmul: only the high word of the product is looked at. */
static int64_t by_high_word(int64_t acc, int64_t m, int t, int z) {
    int64_t h = (acc * m) >> 32, r = ((int64_t)1 << (t - 33)) + (int64_t)z * (1LL << (t - 32));
    assert_true(h + r == (int32_t)(h + r));
    return (h + r) >> (t - 32);
}

static void requantise_is_exact_on_small_formats(void **state) {
    (void)state;
    static const int32_t multipliers[] = {1,        3, 1 << 15, 65535, 1 << 30, (1 << 30) + 1,
                                          INT32_MAX};
    static const struct {
        int z, low, high;
    } codes[] = {{0, -128, 127}, {-128, -128, 127}, {127, 127, 127},
                 {5, 5, 100},    {-3, -8, 7},       {0, -32768, 32767}};
    for (int m = 0; m < COUNT(multipliers); m++)
        for (int t = 1; t <= 45; t++)
            for (int k = 0; k < COUNT(codes); k++)
                for (int64_t acc = -4096; acc <= 4096; acc += t % 4 ? 7 : 1) {
                    int64_t y = codes[k].z + rounded(acc, multipliers[m], t);
                    y = y < codes[k].low ? codes[k].low : y > codes[k].high ? codes[k].high : y;
                    if (requantise(acc, multipliers[m], t, codes[k].z, codes[k].low,
                                   codes[k].high) != y)
                        fail_msg("acc %lld, m %d, t %d", (long long)acc, multipliers[m], t);
                }
}

static void high_word_form_is_equal(void **state) {
    (void)state;
    Random random = {31, 0, 0};
    for (int i = 0; i < 1000000; i++) {
        int64_t acc = (int32_t)random_next(&random) >> random_below(&random, 20);
        int64_t m = (int64_t)(random_next(&random) >> 34) | (random_below(&random, 2) << 30);
        int t = random_between(&random, 33, 45), z = random_between(&random, -128, 255);
        assert_true(by_high_word(acc, m, t, z) == z + rounded(acc, m, t));
    }
}

static void averages_are_exact(void **state) {
    (void)state;
    for (int n = 1; n <= 70; n++)
        for (int sum = -1000; sum <= 1000; sum++) {
            int32_t y = average_round(sum, n); /* 2 y - 1 <= 2 sum / n < 2 y + 1 */
            assert_true((2 * y - 1) * n <= 2 * sum && 2 * sum < (2 * y + 1) * n);
        }
}

/* ---- proofs at their limits, with more weights than a line of vectors holds -------------- */

typedef struct Refusal {
    bool made;
    const char *why;
    int bits;
    int64_t bound;
} Refusal;

/* A dense layer of one channel whose codes are all at the limit, on inputs of zero point
 * `zero`. */
static Refusal quantise_full(Arena *arena, Format x, Format weights, int zero, int row) {
    Maker maker = maker_begin(arena, (Shape){1, {row}}, x);
    maker_dense(&maker, 0, 1, weights, FORMAT_I8);
    Net net = maker_end(&maker);
    float *w = arena_array(arena, float, row), step = 1;
    for (int k = 0; k < row; k++)
        w[k] = (float)format_weight_limit(weights);
    OpWeights ops[] = {{.scale = 1, .zero = zero},
                       {.weight = w, .weight_scale = &step, .scale = 1e6}};
    FloatModel from = {&net, ops};
    Model model;
    Span span;
    Str why;
    bool made = model_quantise(arena, &from, &model, &span, &why);
    const Layer *layer = &model.layers[1];
    return (Refusal){made, str_terminated(arena, why), layer->accumulator_bits, layer->bound};
}

static void accumulators_are_proven_to_their_limits(void **state) {
    (void)state;
    static const struct {
        Format x, weights;
        int zero;
        int64_t tap, limit; /* what each tap adds to the bound, z folded into the bias or not */
        int bits;
    } cases[] = {{FORMAT_I8, FORMAT_I8, 0, 128 * 127, 1LL << 31, 32},
                 {FORMAT_I8, FORMAT_I8, 127, 255 * 127, 1LL << 31, 32},
                 {FORMAT_U8, FORMAT_I8, 255, (255 + 255) * 127, 1LL << 31, 32},
                 {FORMAT_U8, FORMAT_I7, 0, 255 * 63, 1LL << 31, 32},
                 {FORMAT_I16, FORMAT_I16, 0, 32768LL * 32767, 1LL << 46, 64}};
    for (int i = 0; i < COUNT(cases); i++) {
        Arena *arena = arena_new();
        int row = (int)((cases[i].limit - 1) / cases[i].tap);
        Refusal most = quantise_full(arena, cases[i].x, cases[i].weights, cases[i].zero, row);
        assert_true(most.made);
        assert_int_equal(most.bits, cases[i].bits);
        assert_int_equal(most.bound, row * cases[i].tap);
        Refusal over =
            quantise_full(arena, cases[i].x, cases[i].weights, cases[i].zero, row + 1);
        assert_false(over.made);
        assert_string_equal(over.why, "its accumulator cannot be proven to hold the sum");
        arena_free(arena);
    }
}

/* ---- what is not a number ---------------------------------------------------------------- */

/* conv -> batch norm, every number of which may be replaced. */
typedef struct Soft {
    float weight[2], step, bias, gamma, beta, mean, variance;
    double scale_x, scale_y;
    int zero_x, zero_y;
} Soft;

static const Soft sound = {{0.5f, -0.25f}, 0.01f, 0.1f, 1, 0.5f, 0.1f, 1, 0.02, 0.05, 3, -4};

static const char *soft_fault(Arena *arena, const Soft *soft, Format weights, Format output) {
    Maker maker = maker_begin(arena, (Shape){1, {2}}, FORMAT_I8);
    maker_dense(&maker, 0, 1, weights, output);
    maker_add(&maker, op_norm(1, output));
    Net net = maker_end(&maker);
    OpWeights ops[] = {
        {.scale = soft->scale_x, .zero = soft->zero_x},
        {.weight = soft->weight, .weight_scale = &soft->step, .bias = &soft->bias},
        {.gamma = &soft->gamma,
         .beta = &soft->beta,
         .mean = &soft->mean,
         .variance = &soft->variance,
         .scale = soft->scale_y,
         .zero = soft->zero_y}};
    FloatModel from = {&net, ops};
    Model model;
    Span span;
    Str why;
    return model_quantise(arena, &from, &model, &span, &why) ? NULL
                                                             : str_terminated(arena, why);
}

static void what_is_not_finite_is_refused(void **state) {
    (void)state;
    Arena *arena = arena_new();
    assert_null(soft_fault(arena, &sound, FORMAT_I8, FORMAT_I8));
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < COUNT(bad); i++)
        for (int field = 0; field < 8; field++) {
            Soft soft = sound;
            float *fields[] = {&soft.weight[1], &soft.step, &soft.bias,    &soft.gamma,
                               &soft.beta,      &soft.mean, &soft.variance};
            if (field < COUNT(fields))
                *fields[field] = bad[i];
            else
                soft.scale_y = bad[i];
            assert_non_null(soft_fault(arena, &soft, FORMAT_I8, FORMAT_I8));
        }
    Soft soft = sound;
    soft.variance = -0.5f;
    assert_non_null(soft_fault(arena, &soft, FORMAT_I8, FORMAT_I8));
    soft = sound;
    soft.step = 0;
    assert_non_null(soft_fault(arena, &soft, FORMAT_I8, FORMAT_I8));
    soft = sound;
    soft.scale_x = 1e12;
    assert_string_equal(
        soft_fault(arena, &soft, FORMAT_I8, FORMAT_I8),
        "the scales of its input and weights are too far above that of its output");
    soft = sound;
    soft.zero_y = 128;
    assert_string_equal(soft_fault(arena, &soft, FORMAT_I8, FORMAT_I8),
                        "a zero point outside its format");
    assert_string_equal(soft_fault(arena, &sound, FORMAT_I8, FORMAT_I16),
                        "a zero point outside its format");
    arena_free(arena);
}

static void floats_have_no_codes(void **state) {
    (void)state;
    Arena *arena = arena_new();
    assert_non_null(soft_fault(arena, &sound, FORMAT_F32, FORMAT_I8));
    assert_non_null(soft_fault(arena, &sound, FORMAT_F16, FORMAT_I8));
    assert_non_null(soft_fault(arena, &sound, FORMAT_I8, FORMAT_F32));
    assert_non_null(soft_fault(arena, &sound, FORMAT_S1, FORMAT_I8));
    assert_non_null(soft_fault(arena, &sound, FORMAT_U8, FORMAT_I8));
    arena_free(arena);
}

/* Every corner of the range of floats makes a model or a refusal, and no undefined
 * conversion. */
static void extreme_floats_are_made_or_refused(void **state) {
    (void)state;
    static const float floats[] = {0, 1e-45f, -1e-38f, 1, -1e19f, FLT_MAX, -FLT_MAX};
    static const double scales[] = {1e-300, 1e-140, 1e-60, 1e-9, 1, 1e9, 1e60, 1e140, 1e300};
    Random random = {41, 0, 0};
    int made = 0;
    for (int i = 0; i < 30000; i++) {
        Arena *arena = arena_new();
        Soft soft = sound;
        float *fields[] = {&soft.weight[0], &soft.weight[1], &soft.step, &soft.bias,
                           &soft.gamma,     &soft.beta,      &soft.mean, &soft.variance};
        for (int k = 0; k < COUNT(fields); k++)
            if (random_below(&random, 3) == 0)
                *fields[k] = floats[random_below(&random, COUNT(floats))];
        if (random_below(&random, 2))
            soft.scale_x = scales[random_below(&random, COUNT(scales))];
        if (random_below(&random, 2))
            soft.scale_y = scales[random_below(&random, COUNT(scales))];
        made += !soft_fault(arena, &soft, FORMAT_I8, FORMAT_I8);
        arena_free(arena);
    }
    assert_true(made > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_requantise),
        cmocka_unit_test(vectors_of_constants),
        cmocka_unit_test(vectors_of_average),
        cmocka_unit_test(vectors_of_window),
        cmocka_unit_test(vectors_of_input),
        cmocka_unit_test(vectors_of_bound),
        cmocka_unit_test(vectors_of_clamp),
        cmocka_unit_test(vectors_of_add),
        cmocka_unit_test(vectors_of_fold),
        cmocka_unit_test(requantise_is_exact_on_small_formats),
        cmocka_unit_test(high_word_form_is_equal),
        cmocka_unit_test(averages_are_exact),
        cmocka_unit_test(accumulators_are_proven_to_their_limits),
        cmocka_unit_test(what_is_not_finite_is_refused),
        cmocka_unit_test(floats_have_no_codes),
        cmocka_unit_test(extreme_floats_are_made_or_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
