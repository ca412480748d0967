/* test_operators.c: the operators without weights, against vectors that exact arithmetic made;
 * curves, softmax and layer norm of 16 bits against the real functions, with the largest errors
 * that doc/numerics.md allows.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/real.h"
#include "tests/net/vectors.h"

#include <math.h>

/* ---- one operator ------------------------------------------------------------------------ */

/* Some inputs and an operator that reads them all; room for a batch norm after it. */
typedef struct Bench {
    Net net;
    OpWeights *ops;
    Model model;
} Bench;

static Bench *bench_new(Arena *arena, int inputs) {
    Bench *bench = arena_new_of(arena, Bench);
    bench->net = (Net){STR("bench"), arena_array(arena, Op, inputs + 2), inputs + 1, inputs};
    bench->ops = arena_array(arena, OpWeights, inputs + 2);
    for (int i = 0; i <= inputs; i++)
        bench->net.ops[i].path = STR("op");
    for (int k = 0; k < inputs; k++)
        bench->net.ops[inputs].input[k] = k;
    bench->net.ops[inputs].inputs = inputs;
    return bench;
}

static void bench_tensor(Bench *bench, int i, Shape shape, Format format, double scale,
                         int zero) {
    bench->net.ops[i].shape = shape;
    bench->net.ops[i].output = format;
    bench->ops[i].scale = scale;
    bench->ops[i].zero = zero;
}

/* Its shape rule must allow it. */
static void bench_shape(const Bench *bench) {
    const Op *op = &bench->net.ops[bench->net.output];
    Shape inputs[MAX_INPUTS], shape;
    const char *why = "";
    for (int k = 0; k < op->inputs; k++)
        inputs[k] = bench->net.ops[k].shape;
    if (!operator_shape(op->kind, op->attribute, inputs, op->inputs, &shape, &why))
        fail_msg("%s: %s", operator_facts[op->kind].name, why);
    assert_true(shape_equal(shape, op->shape));
}

static bool bench_quantise(Arena *arena, Bench *bench) {
    FloatModel from = {&bench->net, bench->ops};
    Span span;
    Str why;
    bench_shape(bench);
    return model_quantise(arena, &from, &bench->model, &span, &why);
}

/* ---- shapes, costs, quantisers ----------------------------------------------------------- */

static void shapes_and_costs_by_hand(void **state) {
    (void)state;
    static const struct {
        OpKind kind;
        int inputs;
        Shape in[3];
        int attribute[ATTRIBUTE_COUNT];
        Shape out; /* rank 0: */
        const char *why;
        int64_t macs, parameters;
    } cases[] = {
#define A(name, value) [ATTRIBUTE_##name] = value
        {OP_MUL, 2, {{3, {2, 3, 4}}, {3, {2, 3, 4}}}, {0}, {3, {2, 3, 4}}, NULL, 0, 0},
        {OP_MUL, 2, {{3, {2, 3, 4}}, {1, {4}}}, {0}, {3, {2, 3, 4}}, NULL, 0, 0},
        {OP_MUL,
         2,
         {{3, {2, 3, 4}}, {1, {3}}},
         {0},
         {0},
         "needs two inputs of one shape, or a second with one value for each channel",
         0,
         0},
        {OP_CONCAT, 3, {{2, {5, 4}}, {2, {5, 1}}, {2, {5, 2}}}, {0}, {2, {5, 7}}, NULL, 0, 0},
        {OP_CONCAT,
         2,
         {{2, {5, 4}}, {2, {6, 4}}},
         {0},
         {0},
         "needs inputs that differ in their channels only",
         0,
         0},
        {OP_CONCAT,
         2,
         {{1, {65536}}, {1, {1}}},
         {0},
         {0},
         "has more than 65536 channels",
         0,
         0},
        {OP_CONCAT, 1, {{1, {4}}}, {0}, {0}, "has the wrong number of inputs", 0, 0},
        {OP_SLICE, 1, {{1, {8}}}, {A(CHANNELS, 3), A(FROM, 5)}, {1, {3}}, NULL, 0, 0},
        {OP_SLICE,
         1,
         {{1, {8}}},
         {A(CHANNELS, 3), A(FROM, 6)},
         {0},
         "takes channels that its input has not",
         0,
         0},
        {OP_PAD,
         1,
         {{3, {2, 3, 4}}},
         {A(TOP, 1), A(BOTTOM, 2), A(RIGHT, 4)},
         {3, {5, 7, 4}},
         NULL,
         0,
         0},
        {OP_PAD,
         1,
         {{3, {2, 3, 4}}},
         {A(TOP, 65535)},
         {0},
         "has an output dimension above 65536",
         0,
         0},
        {OP_UPSAMPLE,
         1,
         {{3, {2, 3, 4}}},
         {A(FACTOR_H, 3), A(FACTOR_W, 1)},
         {3, {6, 3, 4}},
         NULL,
         0,
         0},
        {OP_UPSAMPLE,
         1,
         {{3, {65536, 65536, 1}}},
         {A(FACTOR_H, 255), A(FACTOR_W, 255)},
         {0},
         "has an output dimension above 65536",
         0,
         0},
        {OP_CHANNEL_SHUFFLE, 1, {{2, {2, 6}}}, {A(GROUPS, 3)}, {2, {2, 6}}, NULL, 0, 0},
        {OP_CHANNEL_SHUFFLE,
         1,
         {{2, {2, 6}}},
         {A(GROUPS, 4)},
         {0},
         "groups must divide the channels of the input",
         0,
         0},
        {OP_FLATTEN, 1, {{3, {2, 3, 4}}}, {0}, {1, {24}}, NULL, 0, 0},
        {OP_RESHAPE,
         1,
         {{3, {2, 3, 4}}},
         {A(CHANNELS, 8), A(WIDTH, 3)},
         {2, {3, 8}},
         NULL,
         0,
         0},
        {OP_RESHAPE,
         1,
         {{1, {24}}},
         {A(CHANNELS, 2), A(WIDTH, 3), A(HEIGHT, 4)},
         {3, {4, 3, 2}},
         NULL,
         0,
         0},
        {OP_RESHAPE,
         1,
         {{1, {24}}},
         {A(CHANNELS, 2), A(HEIGHT, 12)},
         {0},
         "each dimension must be between 1 and 65536",
         0,
         0},
        {OP_RESHAPE,
         1,
         {{1, {24}}},
         {A(CHANNELS, 5)},
         {0},
         "must have as many values as its input",
         0,
         0},
        {OP_GELU, 1, {{2, {2, 6}}}, {0}, {2, {2, 6}}, NULL, 0, 0},
        {OP_SOFTMAX, 1, {{1, {6}}}, {0}, {1, {6}}, NULL, 0, 0},
        {OP_LAYER_NORM, 1, {{2, {2, 6}}}, {0}, {2, {2, 6}}, NULL, 0, 12},
        {OP_LAYER_NORM, 1, {{1, {32769}}}, {0}, {0}, "normalises at most 32768 channels", 0, 0},
        {OP_MATMUL, 2, {{2, {2, 6}}, {2, {6, 5}}}, {0}, {2, {2, 5}}, NULL, 60, 0},
        {OP_MATMUL,
         2,
         {{2, {2, 6}}, {2, {5, 6}}},
         {A(TRANSPOSED, 1)},
         {2, {2, 5}},
         NULL,
         60,
         0},
        {OP_MATMUL,
         2,
         {{2, {2, 6}}, {2, {5, 6}}},
         {0},
         {0},
         "the channels of the first input must be the rows of the second",
         0,
         0},
        {OP_MATMUL,
         2,
         {{1, {6}}, {2, {6, 5}}},
         {0},
         {0},
         "needs two inputs with rows and channels",
         0,
         0},
#undef A
    };
    Arena *arena = arena_new();
    for (int i = 0; i < COUNT(cases); i++) {
        Shape out;
        const char *why = NULL;
        bool made = operator_shape(cases[i].kind, cases[i].attribute, cases[i].in,
                                   cases[i].inputs, &out, &why);
        if (made != !cases[i].why)
            fail_msg("case %d: %s", i, why ? why : "not refused");
        if (!made) {
            assert_string_equal(why, cases[i].why);
            continue;
        }
        assert_true(shape_equal(out, cases[i].out));
        Bench *bench = bench_new(arena, cases[i].inputs);
        for (int k = 0; k < cases[i].inputs; k++)
            bench_tensor(bench, k, cases[i].in[k], FORMAT_I8, 1, 0);
        bench_tensor(bench, cases[i].inputs, out, FORMAT_I8, 1, 0);
        bench->net.ops[cases[i].inputs].kind = cases[i].kind;
        assert_int_equal(op_macs(&bench->net, cases[i].inputs), cases[i].macs);
        assert_int_equal(op_parameters(&bench->net, cases[i].inputs), cases[i].parameters);
    }
    arena_free(arena);
}

/* What moves values shares its input's quantiser, and a relu sets that of what it alone reads. */
static void quantisers_are_shared(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = maker_begin(arena, (Shape){3, {4, 4, 4}}, FORMAT_U8);
    Op shuffle = {.kind = OP_CHANNEL_SHUFFLE, .inputs = 1, .input = {1}};
    shuffle.attribute[ATTRIBUTE_GROUPS] = 2;
    maker_add(&maker, op_window(OP_CONV, 0, 4, 1, 1)); /* 1 */
    maker_add(&maker, shuffle);                        /* 2 */
    maker_add(&maker, op_of(OP_FLATTEN, 2));           /* 3 */
    Op swish = op_of(OP_HARD_SWISH, 3);
    swish.output = FORMAT_I16;
    maker_add(&maker, swish); /* 4 */
    Op both = {.kind = OP_CONCAT, .inputs = 3, .input = {3, 4, 3}, .output = FORMAT_I4};
    maker_add(&maker, both);              /* 5 */
    maker_add(&maker, op_of(OP_RELU, 5)); /* 6 */
    Net net = maker_end(&maker);
    static const int expected[] = {0, 1, 1, 1, 4, 6, 6};
    static const Format formats[] = {FORMAT_U8,  FORMAT_I8, FORMAT_I8, FORMAT_I8,
                                     FORMAT_I16, FORMAT_I4, FORMAT_I4};
    Model model = model_build(arena, &net);
    assert_int_equal(model.count, 7);
    for (int i = 0; i < net.count; i++) {
        if (i < 5)
            assert_int_equal(net_quantiser(&net, i), expected[i]);
        assert_int_equal(model.layers[i].out.format, formats[i]);
    }
    assert_int_equal(net_quantiser(&net, 5), net_quantiser(&net, 6));
    arena_free(arena);
}

/* ---- vectors ----------------------------------------------------------------------------- */

static void next_tensor(Words *words, Bench *bench, int i) {
    Shape shape = {.rank = (int)next_int(words)};
    for (int d = 0; d < shape.rank; d++)
        shape.dim[d] = (int)next_int(words);
    Codes codes = next_codes(words);
    bench_tensor(bench, i, shape, codes.format, codes.scale, codes.zero);
}

static Bench *next_bench(Arena *arena, Words *words) {
    OpKind kind = OP_COUNT;
    assert_true(operator_of(str_of(next_word(words)), &kind));
    int inputs = (int)next_int(words);
    Bench *bench = bench_new(arena, inputs);
    Op *op = &bench->net.ops[inputs];
    op->kind = kind;
    for (int i = 0; i <= inputs; i++)
        next_tensor(words, bench, i);
    int attributes = (int)next_int(words);
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(kind, (Attribute)a)) {
            op->attribute[a] = (int)next_int(words);
            attributes--;
        }
    assert_int_equal(attributes, 0);
    if (operator_facts[kind].weights == NORM) {
        bench->ops[inputs].gamma = next_floats(arena, words, shape_channels(op->shape));
        bench->ops[inputs].beta = next_floats(arena, words, shape_channels(op->shape));
    }
    return bench;
}

static void check_op_constants(Words *words, const Model *model, const Layer *layer) {
    check_next(words, "the accumulator's width", layer->accumulator_bits);
    check_next(words, "the shift", layer->shift);
    check_next(words, "the number of multipliers", layer_multipliers(model, layer));
    for (int k = 0; k < layer_multipliers(model, layer); k++)
        check_next(words, "a multiplier", layer->multiplier[k]);
    check_next(words, "the size of the table", layer_table(model, layer));
    for (int k = 0; k < layer_table(model, layer); k++)
        check_next(words, "an entry of the table", layer->table[k]);
    check_next(words, "epsilon", layer->epsilon);
    int biases = (int)next_int(words);
    for (int k = 0; k < biases; k++)
        check_next(words, "an offset", layer->bias[k]);
}

static void check_op_run(Arena *arena, Words *words, const Model *model, const Layer *layer) {
    const int32_t *inputs[MAX_INPUTS];
    for (int k = 0; k < layer->inputs; k++) {
        int64_t elements = shape_elements(model->layers[k].out.shape);
        int32_t *codes = arena_array(arena, int32_t, elements);
        for (int64_t i = 0; i < elements; i++)
            codes[i] = (int32_t)next_int(words);
        inputs[k] = codes;
    }
    int64_t elements = shape_elements(layer->out.shape);
    int32_t *y = arena_array(arena, int32_t, elements);
    layer_run(model, layer, inputs, y);
    for (int64_t i = 0; i < elements; i++)
        check_next(words, "an output code", y[i]);
}

/* In a file of its network, the layer reads back as it is. */
static void check_op_file(Arena *arena, const Bench *bench) {
    Model again;
    Str why;
    Str bytes = model_write(arena, &bench->model);
    if (!model_read(arena, bytes, &bench->net, &again, &why))
        fail_msg("%.*s", STR_ARG(why));
    assert_true(key_equal(model_key(&again), model_key(&bench->model)));
    assert_int_equal(again.layers[again.output].bound,
                     bench->model.layers[bench->model.output].bound);
}

/* Damaged, but with the right checksum, it is refused, or what was read is sound and runs. */
static void check_op_hostile(Arena *arena, Random *random, const Bench *bench, int *accepted) {
    Str bytes = model_write(arena, &bench->model);
    char *copy = arena_copy(arena, bytes.at, (size_t)bytes.length);
    int body = bytes.length - 8, changes = random_between(random, 1, 3);
    for (int i = 0; i < changes; i++)
        copy[random_below(random, body)] ^= (char)(1 << random_below(random, 8));
    uint64_t sum = key_of(copy, (size_t)body).lo;
    for (int i = 0; i < 8; i++)
        copy[body + i] = (char)(sum >> (8 * i));
    Model model;
    Str why;
    if (!model_read(arena, (Str){copy, bytes.length}, &bench->net, &model, &why)) {
        assert_true(why.length > 0);
        return;
    }
    const Layer *layer = &model.layers[model.output];
    const int32_t *inputs[MAX_INPUTS];
    for (int k = 0; k < layer->inputs; k++) {
        const Tensor *in = &model.layers[k].out;
        int32_t *codes = arena_array(arena, int32_t, shape_elements(in->shape));
        for (int64_t i = 0; i < shape_elements(in->shape); i++)
            codes[i] = random_between(random, format_low(in->format), format_high(in->format));
        inputs[k] = codes;
    }
    int32_t *y = arena_array(arena, int32_t, shape_elements(layer->out.shape));
    layer_run(&model, layer, inputs, y);
    for (int64_t i = 0; i < shape_elements(layer->out.shape); i++)
        assert_true(y[i] >= format_low(layer->out.format) &&
                    y[i] <= format_high(layer->out.format));
    ++*accepted;
}

static void check_hostile(Arena *arena, Words *words) {
    Random random = {91, (uint64_t)words->line, 0};
    Bench *bench = next_bench(arena, words);
    int accepted = 0;
    words->at += strlen(words->at); /* the rest is checked elsewhere */
    if (!bench_quantise(arena, bench))
        return;
    for (int i = 0; i < 40; i++)
        check_op_hostile(arena, &random, bench, &accepted);
    assert_true(accepted < 40);
}

static void damaged_files_are_refused_or_sound(void **state) {
    (void)state;
    each_record("tests/net/operator_vectors.txt", "op", check_hostile);
}

static void check_op(Arena *arena, Words *words) {
    Bench *bench = next_bench(arena, words);
    bool made = bench_quantise(arena, bench);
    if (strncmp(words->at, "refused", 7) == 0) {
        next_word(words);
        if (made)
            fail_msg("%s:%d: it is not refused", words->path, words->line);
        return;
    }
    if (!made)
        fail_msg("%s:%d: it is refused", words->path, words->line);
    const Layer *layer = &bench->model.layers[bench->model.output];
    check_op_constants(words, &bench->model, layer);
    int runs = (int)next_int(words);
    for (int i = 0; i < runs; i++)
        check_op_run(arena, words, &bench->model, layer);
    check_op_file(arena, bench);
}

static void vectors_of_operators(void **state) {
    (void)state;
    each_record("tests/net/operator_vectors.txt", "op", check_op);
}

/* ---- floats ------------------------------------------------------------------------------ */

/* Weights, biases, and a batch norm that folds, which is one more operator of the network. */
static void next_real_weights(Arena *arena, Words *words, Bench *bench) {
    Op *op = &bench->net.ops[bench->net.output];
    OpWeights *w = &bench->ops[bench->net.output];
    int channels = shape_channels(op->shape);
    op->weights = next_format(words);
    w->weight = next_floats(arena, words, channels * op_fan_in(&bench->net, bench->net.output));
    w->bias = next_floats(arena, words, channels);
    if (!next_int(words))
        return;
    bench->net.ops[bench->net.count] = (Op){.kind = OP_BATCH_NORM,
                                            .path = STR("norm"),
                                            .inputs = 1,
                                            .input = {bench->net.output},
                                            .shape = op->shape,
                                            .output = op->output};
    bench->net.output = bench->net.count++;
    float *norm[4];
    for (int k = 0; k < 4; k++)
        norm[k] = arena_array(arena, float, channels);
    for (int c = 0; c < channels; c++)
        for (int k = 0; k < 4; k++)
            norm[k][c] = (float)next_double(words);
    bench->ops[bench->net.output] =
        (OpWeights){.gamma = norm[0], .beta = norm[1], .mean = norm[2], .variance = norm[3]};
}

static void check_real(Arena *arena, Words *words) {
    Bench *bench = next_bench(arena, words);
    bench_shape(bench);
    if (operator_facts[bench->net.ops[bench->net.output].kind].weights == WEIGHTED)
        next_real_weights(arena, words, bench);
    FloatModel from = {&bench->net, bench->ops};
    Span span;
    Str why;
    if (!model_quantise(arena, &from, &bench->model, &span, &why))
        fail_msg("%s:%d: %.*s", words->path, words->line, STR_ARG(why));
    check_op_run(arena, words, &bench->model, &bench->model.layers[bench->model.output]);
    check_op_file(arena, bench);
}

static void vectors_of_floats(void **state) {
    (void)state;
    each_record("tests/net/operator_vectors.txt", "real", check_real);
}

static void integers_read_no_floats(void **state) {
    (void)state;
    Arena *arena = arena_new();
    static const Format formats[] = {FORMAT_F16, FORMAT_F32};
    for (int f = 0; f < COUNT(formats); f++)
        for (int k = OP_MUL; k <= OP_GELU; k++) {
            if (operator_facts[k].output == INHERITS)
                continue;
            Bench *bench = bench_new(arena, operator_takes((OpKind)k, 1) ? 1 : 2);
            int inputs = bench->net.output;
            for (int i = 0; i < inputs; i++)
                bench_tensor(bench, i, (Shape){1, {4}}, formats[f], 1, 0);
            bench_tensor(bench, inputs, (Shape){1, {k == OP_CONCAT ? 8 : 4}}, FORMAT_I8, 1, 0);
            bench->net.ops[inputs].kind = (OpKind)k;
            assert_false(bench_quantise(arena, bench));
        }
    arena_free(arena);
}

static void float_layers_in_damaged_files(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Random random = {95, 0, 0};
    Bench *bench = bench_new(arena, 1);
    bench_tensor(bench, 0, (Shape){1, {4}}, FORMAT_I8, 0.1, 3);
    bench_tensor(bench, 1, (Shape){1, {3}}, FORMAT_F32, 1, 0);
    Op *op = &bench->net.ops[1];
    op->kind = OP_DENSE;
    op->attribute[ATTRIBUTE_CHANNELS] = 3;
    int refused = 0;
    for (int n = 0; n < 2000; n++) {
        op->weights = n % 2 ? FORMAT_F16 : FORMAT_F32;
        bench->ops[1].weight = random_floats(arena, &random, 12, 1);
        assert_true(bench_quantise(arena, bench));
        Str bytes = model_write(arena, &bench->model), why;
        char *copy = arena_copy(arena, bytes.at, (size_t)bytes.length);
        int body = bytes.length - 8;
        copy[random_below(&random, body)] ^= (char)(1 << random_below(&random, 8));
        uint64_t sum = key_of(copy, (size_t)body).lo;
        for (int i = 0; i < 8; i++)
            copy[body + i] = (char)(sum >> (8 * i));
        Model model;
        if (!model_read(arena, (Str){copy, bytes.length}, &bench->net, &model, &why)) {
            refused++;
            continue;
        }
        int32_t x[4] = {-128, 127, 0, 3}, y[3];
        layer_run(&model, &model.layers[1], (const int32_t *[]){x}, y);
    }
    assert_true(refused > 500 && refused < 2000);
    arena_free(arena);
}

static double curve_in_floats(OpKind kind, double x) {
    double hard = fmin(fmax(x + 3, 0), 6) / 6;
    switch (kind) {
    case OP_HARD_SIGMOID:
        return hard;
    case OP_HARD_SWISH:
        return x * hard;
    case OP_SIGMOID:
        return 1 / (1 + exp(-x));
    case OP_TANH:
        return tanh(x);
    case OP_SILU:
        return x / (1 + exp(-x));
    default:
        return x * erfc(-x * sqrt(0.5)) / 2;
    }
}

/* What doc/numerics.md says of the float functions. */
static void float_functions_are_near(void **state) {
    (void)state;
    double worst = 0;
    for (double x = -87; x <= 0; x += 0x1p-12)
        worst = fmax(worst, fabs(float_exp((float)x) / exp((float)x) - 1));
    printf("# exp is off by %.3g, relatively\n", worst);
    assert_true(worst < 1.1e-7);
    assert_true(float_exp(-88) == 0 && float_exp(-INFINITY) == 0 && float_exp(NAN) == 0);
    assert_true(float_exp(0) == 1);
    static const OpKind kinds[] = {OP_SIGMOID, OP_TANH, OP_SILU, OP_GELU};
    for (int k = 0; k < COUNT(kinds); k++) {
        Arena *arena = arena_new();
        enum { N = 40 << 10 };
        Bench *bench = bench_new(arena, 1);
        bench->net.ops[1].kind = kinds[k];
        bench_tensor(bench, 0, (Shape){1, {N}}, FORMAT_F32, 1, 0);
        bench_tensor(bench, 1, (Shape){1, {N}}, FORMAT_F32, 1, 0);
        assert_true(bench_quantise(arena, bench));
        int32_t *x = arena_array(arena, int32_t, N), *y = arena_array(arena, int32_t, N);
        for (int i = 0; i < N; i++) {
            float real = (float)(i - N / 2) / 1024;
            memcpy(&x[i], &real, sizeof real);
        }
        layer_run(&bench->model, &bench->model.layers[1], (const int32_t *[]){x}, y);
        worst = 0;
        for (int i = 0; i < N; i++) {
            float real, found;
            memcpy(&real, &x[i], sizeof real);
            memcpy(&found, &y[i], sizeof found);
            double error = fabs(found - curve_in_floats(kinds[k], real));
            worst = fmax(worst, kinds[k] == OP_SILU || kinds[k] == OP_GELU
                                    ? error / fmax(1, fabs(real))
                                    : error);
        }
        printf("# %s is off by %.3g\n", operator_facts[kinds[k]].name, worst);
        assert_true(worst < 3e-7);
        arena_free(arena);
    }
}

/* ---- curves over the whole range --------------------------------------------------------- */

/* What doc/numerics.md allows, in output codes. */
static double curve_error(OpKind kind, double x_scale, double y_scale, int shift) {
    static const double bend[OP_COUNT] = {
        [OP_SIGMOID] = 0.097, [OP_TANH] = 0.77, [OP_SILU] = 0.5, [OP_GELU] = 0.8};
    double knots = ldexp(x_scale, shift);
    double level = kind == OP_SIGMOID ? exp(-12) : kind == OP_TANH ? 2 * exp(-12) : 0;
    if (kind == OP_HARD_SIGMOID)
        return 0.5 + x_scale / 6 / y_scale + 0.01;
    if (kind == OP_HARD_SWISH)
        return 0.5 + x_scale / 2 / y_scale + 0.3; /* multipliers of 16 bits, where they are */
    return 0.5 + 1.0 / 128 + (knots * knots * bend[kind] / 8 + level) / y_scale;
}

static double largest_error(const Bench *bench, const int32_t *y) {
    const Op *op = &bench->net.ops[1];
    Format format = op->output;
    double largest = 0;
    for (int code = -32768; code <= 32767; code++) {
        double exact = curve_in_floats(op->kind, code * bench->ops[0].scale);
        exact = bench->ops[1].zero + exact / bench->ops[1].scale;
        exact = fmin(fmax(exact, format_low(format)), format_high(format));
        largest = fmax(largest, fabs(y[code + 32768] - exact));
    }
    return largest;
}

static void check_wide_curve(OpKind kind, double x_scale, Format out, double y_scale,
                             int zero) {
    Arena *arena = arena_new();
    Bench *bench = bench_new(arena, 1);
    Shape all = {3, {256, 16, 16}};
    bench->net.ops[1].kind = kind;
    bench_tensor(bench, 0, all, FORMAT_I16, x_scale, 0);
    bench_tensor(bench, 1, all, out, y_scale, zero);
    assert_true(bench_quantise(arena, bench));
    int32_t *x = arena_array(arena, int32_t, 65536), *y = arena_array(arena, int32_t, 65536);
    for (int i = 0; i < 65536; i++)
        x[i] = i - 32768;
    layer_run(&bench->model, &bench->model.layers[1], (const int32_t *[]){x}, y);
    double error = largest_error(bench, y),
           allowed = curve_error(kind, x_scale, y_scale, bench->model.layers[1].shift);
    printf("# %-12s i16 at %-10g to %-3s at %-10g off by at most %.3f codes of %.3f\n",
           operator_facts[kind].name, x_scale, format_name(out), y_scale, error, allowed);
    assert_true(error <= allowed);
    arena_free(arena);
}

static void wide_curves_are_near_the_functions(void **state) {
    (void)state;
    static const double scales[] = {0x1p-14, 0x1p-12, 8.0 / 32767, 0x1p-11, 0x1p-10, 0x1p-8};
    for (int k = OP_HARD_SIGMOID; k <= OP_GELU; k++) {
        OpKind kind = (OpKind)k;
        bool unit = kind == OP_SIGMOID || kind == OP_HARD_SIGMOID || kind == OP_TANH;
        for (int i = 0; i < COUNT(scales); i++)
            check_wide_curve(kind, scales[i], FORMAT_I16, unit ? 0x1p-15 : scales[i], 0);
        check_wide_curve(kind, 0x1p-12, FORMAT_I8, unit ? 0x1p-7 : 0x1p-4, -3);
        check_wide_curve(kind, 0x1p-12, FORMAT_I4, unit ? 0x1p-3 : 1, 0);
    }
}

/* ---- rows -------------------------------------------------------------------------------- */

/* The largest error of softmax or layer norm over random rows, in output codes. */
typedef struct RowCase {
    OpKind kind;
    int n;
    Format in;
    double x_scale;
    Format out;
    double y_scale;
    int zero;
    double allowed;
} RowCase;

static void softmax_in_floats(const double *x, int n, double *y) {
    double most = x[0], sum = 0;
    for (int k = 0; k < n; k++)
        most = fmax(most, x[k]);
    for (int k = 0; k < n; k++)
        sum += y[k] = exp(x[k] - most);
    for (int k = 0; k < n; k++)
        y[k] /= sum;
}

static void norm_in_floats(const OpWeights *w, const double *x, int n, double *y) {
    double mean = 0, variance = 0;
    for (int k = 0; k < n; k++)
        mean += x[k] / n;
    for (int k = 0; k < n; k++)
        variance += (x[k] - mean) * (x[k] - mean) / n;
    for (int k = 0; k < n; k++)
        y[k] = w->gamma[k] * ((x[k] - mean) / sqrt(variance + 1e-5)) + w->beta[k];
}

static double row_error(Arena *arena, const RowCase *c, const Bench *bench, Random *random) {
    int32_t *x = arena_array(arena, int32_t, c->n), *y = arena_array(arena, int32_t, c->n);
    double *real = arena_array(arena, double, c->n), *exact = arena_array(arena, double, c->n);
    int low = format_low(c->in), high = format_high(c->in), spread = random_below(random, 16);
    double largest = 0;
    for (int k = 0; k < c->n; k++) {
        x[k] = random_between(random, low >> spread, high >> spread);
        real[k] = x[k] * c->x_scale;
    }
    layer_run(&bench->model, &bench->model.layers[1], (const int32_t *[]){x}, y);
    if (c->kind == OP_SOFTMAX)
        softmax_in_floats(real, c->n, exact);
    else
        norm_in_floats(&bench->ops[1], real, c->n, exact);
    for (int k = 0; k < c->n; k++) {
        double code = c->zero + exact[k] / c->y_scale;
        code = fmin(fmax(code, format_low(c->out)), format_high(c->out));
        largest = fmax(largest, fabs(code - y[k]));
    }
    return largest;
}

static void check_rows(const RowCase *c) {
    Arena *arena = arena_new(), *scratch = arena_new();
    Random random = {71, 0, 0};
    Bench *bench = bench_new(arena, 1);
    double largest = 0;
    bench->net.ops[1].kind = c->kind;
    bench_tensor(bench, 0, (Shape){1, {c->n}}, c->in, c->x_scale, 0);
    bench_tensor(bench, 1, (Shape){1, {c->n}}, c->out, c->y_scale, c->zero);
    bench->ops[1].gamma = random_floats(arena, &random, c->n, 1);
    bench->ops[1].beta = random_floats(arena, &random, c->n, 1);
    assert_true(bench_quantise(arena, bench));
    for (int i = 0; i < 300; i++, arena_reset(scratch))
        largest = fmax(largest, row_error(scratch, c, bench, &random));
    printf("# %-10s of %4d %s at %-9g to %-3s at %-9g off by at most %.3f codes of %.3f\n",
           operator_facts[c->kind].name, c->n, format_name(c->in), c->x_scale,
           format_name(c->out), c->y_scale, largest, c->allowed);
    assert_true(largest <= c->allowed);
    arena_free(scratch);
    arena_free(arena);
}

static void rows_are_near_the_functions(void **state) {
    (void)state;
    static const RowCase cases[] = {
        {OP_SOFTMAX, 10, FORMAT_I8, 0.1, FORMAT_I8, 0x1p-8, -128, 0.51},
        {OP_SOFTMAX, 1000, FORMAT_I8, 0.1, FORMAT_I8, 0x1p-8, -128, 0.51},
        {OP_SOFTMAX, 10, FORMAT_I16, 0x1p-11, FORMAT_I16, 0x1p-15, 0, 0.6},
        {OP_SOFTMAX, 196, FORMAT_I16, 0x1p-11, FORMAT_I16, 0x1p-15, 0, 0.6},
        {OP_SOFTMAX, 1000, FORMAT_I16, 0x1p-11, FORMAT_I16, 0x1p-15, 0, 0.6},
        {OP_SOFTMAX, 10, FORMAT_I4, 0.5, FORMAT_I4, 0x1p-4, -8, 0.51},
        {OP_LAYER_NORM, 64, FORMAT_I8, 0x1p-5, FORMAT_I8, 0x1p-5, 3, 0.51},
        {OP_LAYER_NORM, 768, FORMAT_I8, 0x1p-5, FORMAT_I8, 0x1p-5, 3, 0.51},
        {OP_LAYER_NORM, 64, FORMAT_I16, 0x1p-12, FORMAT_I16, 0x1p-12, 0, 0.51},
        {OP_LAYER_NORM, 768, FORMAT_I16, 0x1p-12, FORMAT_I16, 0x1p-12, 0, 0.51},
        {OP_LAYER_NORM, 16, FORMAT_I4, 0.25, FORMAT_I8, 0x1p-5, 0, 0.51},
    };
    for (int i = 0; i < COUNT(cases); i++)
        check_rows(&cases[i]);
}

/* The longest rows there may be keep every step in its range (under the sanitizers, too). */
static void longest_rows_overflow_nothing(void **state) {
    (void)state;
    static const RowCase cases[] = {
        {OP_SOFTMAX, 65536, FORMAT_I16, 0x1p-20, FORMAT_I16, 0x1p-20, 0, 20},
        {OP_SOFTMAX, 65536, FORMAT_I8, 0x1p-20, FORMAT_I16, 0x1p-20, 0, 20},
    };
    for (int i = 0; i < COUNT(cases); i++)
        check_rows(&cases[i]);
    Arena *arena = arena_new();
    enum { N = 32768 };
    Bench *bench = bench_new(arena, 1);
    float *ones = arena_array(arena, float, N);
    int32_t *x = arena_array(arena, int32_t, N), *y = arena_array(arena, int32_t, N);
    for (int k = 0; k < N; k++) {
        ones[k] = 1;
        x[k] = k % 2 ? 32767 : -32768;
    }
    bench->net.ops[1].kind = OP_LAYER_NORM;
    bench->ops[1].gamma = bench->ops[1].beta = ones;
    bench_tensor(bench, 0, (Shape){1, {N}}, FORMAT_I16, 0x1p-12, 0);
    bench_tensor(bench, 1, (Shape){1, {N}}, FORMAT_I16, 0x1p-12, 0);
    assert_true(bench_quantise(arena, bench));
    layer_run(&bench->model, &bench->model.layers[1], (const int32_t *[]){x}, y);
    for (int k = 0; k < N; k++)
        assert_int_equal(y[k], k % 2 ? 8192 : 0); /* 1 of 1 deviation, plus 1 */
    memset(x, 0, sizeof *x * N);
    x[7] = 32767; /* one that stands out by 181 deviations */
    layer_run(&bench->model, &bench->model.layers[1], (const int32_t *[]){x}, y);
    assert_int_equal(y[7], 32767);
    assert_int_equal(y[8], (int)floor((1 - 1 / sqrt(N - 1.0)) * 4096 + 0.5));
    arena_free(arena);
}

/* ---- numbers of 256 bits ----------------------------------------------------------------- */

static void reals_calculate(void **state) {
    (void)state;
    Random random = {81, 0, 0};
    for (int i = 0; i < 20000; i++) {
        double a =
            ldexp((double)(int32_t)random_next(&random), random_between(&random, -70, 70));
        double b =
            ldexp((double)(int32_t)random_next(&random), random_between(&random, -70, 70));
        Real x = real_of(a), y = real_of(b);
        assert_int_equal(real_compare(x, y), (a > b) - (a < b));
        /* (x + y) - y = x, and (x y) / y is x or just below: exactly, far beyond binary64 */
        assert_int_equal(real_compare(real_sub(real_add(x, y), y), x), 0);
        if (b == 0)
            continue;
        Real error = real_sub(real_div(real_mul(x, y), y), x);
        assert_true(!error.sign || error.exponent <= x.exponent + 2 - REAL_BITS);
        if (fabs(a) < 0x1p50)
            assert_true(real_round(x) == (int64_t)floor(a + 0.5) || fabs(a) > 0x1p40);
    }
    assert_int_equal(real_round(real_of(-2.5)), -2);
    assert_int_equal(real_round(real_of(2.5)), 3);
    assert_int_equal(real_round(real_sub(real_of(2.5), real_scaled(real_of(1), -199))), 2);
    assert_int_equal(real_round(real_sub(real_of(2.5), real_scaled(real_of(1), -201))), 3);
    assert_int_equal(real_round(real_scaled(real_of(-1), -1000)), 0);
    for (double x = 0; x < 30; x += 0.37) {
        double e = (double)real_round(real_scaled(real_exp(real_of(-x)), 61)) / 0x1p61;
        assert_true(fabs(e - exp(-x)) <= 1e-15 * exp(-x) + 0x1p-61);
        double p = (double)real_round(real_scaled(real_normal(real_of(x)), 61)) / 0x1p61;
        assert_true(fabs(p - erfc(-x * sqrt(0.5)) / 2) < 1e-15);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_costs_by_hand),
        cmocka_unit_test(quantisers_are_shared),
        cmocka_unit_test(vectors_of_operators),
        cmocka_unit_test(damaged_files_are_refused_or_sound),
        cmocka_unit_test(vectors_of_floats),
        cmocka_unit_test(integers_read_no_floats),
        cmocka_unit_test(float_layers_in_damaged_files),
        cmocka_unit_test(float_functions_are_near),
        cmocka_unit_test(wide_curves_are_near_the_functions),
        cmocka_unit_test(rows_are_near_the_functions),
        cmocka_unit_test(longest_rows_overflow_nothing),
        cmocka_unit_test(reals_calculate),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
