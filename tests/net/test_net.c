/* test_net.c: members of a space, which quantiser is whose, costs, shape rules, and the
 * printed form.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/nets.h"

/* ---- instantiation ----------------------------------------------------------------------- */

enum { WIDTH, KERNEL, WAY, BITS, CHOICES };

/* An input, one convolution of 4 or 8 channels, then by WAY: nothing, a convolution of
 * kernel 1, 3 or 5, or an add of both; then a dense layer of i8 or i4 weights. */
static void space_ways(Arena *arena, Space *space) {
    static Rational widths[] = {{4, 1}, {8, 1}, {9, 2}}, kernels[] = {{1, 1}, {3, 1}, {5, 1}};
    static Rational ways[] = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
    static Rational bits[] = {{FORMAT_I8, 1}, {FORMAT_I4, 1}};
    static const struct {
        Rational *values;
        int count;
    } choices[CHOICES] = {{widths, 3}, {kernels, 3}, {ways, 4}, {bits, 2}};
    *space = (Space){.name = STR("ways"), .input = {3, {6, 4, 3}}, .input_format = FORMAT_U8};
    for (int c = 0; c < CHOICES; c++) {
        Choice choice = {
            .name = STR("c"), .count = choices[c].count, .values = choices[c].values};
        vec_push(arena, &space->choices, choice);
    }
}

static ExprId constant(Arena *arena, Space *space, int value) {
    return expr_constant(arena, space, RATIONAL(value));
}

static int add_op(Arena *arena, Space *space, SpaceOp op, const char *path) {
    static const int conv[ATTRIBUTE_COUNT] = {[ATTRIBUTE_STRIDE_H] = 1,
                                              [ATTRIBUTE_STRIDE_W] = 1,
                                              [ATTRIBUTE_GROUPS] = 1,
                                              [ATTRIBUTE_SAME] = 0};
    op.path = str_of(path);
    op.span = (Span){(uint32_t)space->ops.count * 10, 3};
    op.output = constant(arena, space, space->ops.count ? FORMAT_I8 : FORMAT_U8);
    op.site = operator_facts[op.kind % OP_COUNT].weights == WEIGHTED ? space->ops.count : -1;
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(op.kind, (Attribute)a) && !op.attribute[a])
            op.attribute[a] = constant(arena, space, conv[a]);
    vec_push(arena, &space->ops, op);
    return space->ops.count - 1;
}

static SpaceOp conv_of(Arena *arena, Space *space, int x, ExprId kernel, ExprId channels) {
    SpaceOp conv = {.kind = OP_CONV, .inputs = 1, .input = {x}};
    conv.weights = constant(arena, space, FORMAT_I8);
    conv.attribute[ATTRIBUTE_CHANNELS] = channels;
    conv.attribute[ATTRIBUTE_KERNEL_H] = conv.attribute[ATTRIBUTE_KERNEL_W] = kernel;
    return conv;
}

static Space ways(Arena *arena) {
    Space space;
    space_ways(arena, &space);
    ExprId width = expr_choice(arena, &space, WIDTH), way = expr_choice(arena, &space, WAY);
    ExprId one = constant(arena, &space, 1),
           taken = expr_make(arena, &space, EXPR_LESS_EQUAL, one, way, 0);
    add_op(arena, &space, (SpaceOp){.kind = OP_INPUT}, "image");
    int stem = add_op(arena, &space, conv_of(arena, &space, 0, one, width), "stem");
    SpaceOp more = conv_of(arena, &space, stem, expr_choice(arena, &space, KERNEL), width);
    more.active = taken;
    int second = add_op(arena, &space, more, "second");
    SpaceOp both = {.kind = OP_ADD, .inputs = 2, .input = {stem, second}, .active = taken};
    int sum = add_op(arena, &space, both, "sum");
    SpaceOp select = {
        .kind = OP_SELECT, .inputs = 3, .input = {stem, second, sum}, .select = way};
    int chosen = add_op(arena, &space, select, "way");
    SpaceOp relu = {.kind = OP_RELU, .inputs = 1, .input = {chosen}};
    SpaceOp dense = {.kind = OP_DENSE, .inputs = 1};
    dense.input[0] = add_op(arena, &space, relu, "relu");
    dense.weights = expr_choice(arena, &space, BITS);
    dense.attribute[ATTRIBUTE_CHANNELS] = constant(arena, &space, 10);
    space.output = add_op(arena, &space, dense, "head");
    return space;
}

static Net member_of(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why;
    if (!space_instantiate(arena, space, gene, &net, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    assert_null(net_check(&net));
    return net;
}

static const char *paths_of(Arena *arena, const Net *net) {
    Text text = text_new(arena);
    for (int i = 0; i < net->count; i++)
        text_add(&text, "%s%.*s", i ? " " : "", STR_ARG(net->ops[i].path));
    return text.at;
}

static void members_hold_what_their_output_needs(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Space space = ways(arena);
    Net net = member_of(arena, &space, (Gene[]){0, 0, 0, 0});
    assert_string_equal(paths_of(arena, &net), "image stem relu head");
    assert_int_equal(net.output, 3);
    assert_int_equal(net.ops[2].input[0], 1);
    net = member_of(arena, &space, (Gene[]){1, 1, 1, 1});
    assert_string_equal(paths_of(arena, &net), "image stem second relu head");
    assert_true(shape_equal(net.ops[2].shape, (Shape){3, {4, 2, 8}}));
    assert_int_equal(net.ops[2].attribute[ATTRIBUTE_KERNEL_W], 3);
    assert_int_equal(net.ops[4].weights, FORMAT_I4);
    assert_int_equal(net.ops[4].site, 6);
    assert_int_equal(net.ops[4].origin, 6);
    assert_int_equal(net.ops[3].site, -1);
    net = member_of(arena, &space, (Gene[]){0, 0, 2, 0});
    assert_string_equal(paths_of(arena, &net), "image stem second sum relu head");
    assert_int_equal(net.ops[3].input[0], 1);
    assert_int_equal(net.ops[3].input[1], 2);
    assert_int_equal(net.ops[5].weights, FORMAT_I8);
    arena_free(arena);
}

static void members_that_are_none_say_why(void **state) {
    (void)state;
    static const struct {
        Gene gene[CHOICES];
        unsigned span;
        const char *why;
    } cases[] = {
        {{2, 0, 0, 0}, 10, "an attribute is not a natural number"},
        {{0, 2, 1, 0}, 20, "the kernel is larger than the input, and padding is valid"},
        {{0, 1, 2, 0}, 30, "needs two inputs of one shape"},
        {{0, 0, 3, 0}, 40, "no alternative has that number"},
    };
    Arena *arena = arena_new();
    Space space = ways(arena);
    for (int i = 0; i < COUNT(cases); i++) {
        Net net;
        Span span;
        Str why;
        assert_false(space_instantiate(arena, &space, cases[i].gene, &net, &span, &why));
        assert_string_equal(str_terminated(arena, why), cases[i].why);
        assert_int_equal(span.start, cases[i].span);
    }
    Net net;
    Span span;
    Str why;
    ExprId never = constant(arena, &space, 0);
    space.ops.at[4].active = never;
    assert_false(space_instantiate(arena, &space, (Gene[]){0, 0, 0, 0}, &net, &span, &why));
    assert_int_equal(span.start, 40);
    arena_free(arena);
}

/* ---- shape rules ------------------------------------------------------------------------- */

static void shape_rules_say_why(void **state) {
    (void)state;
    static const struct {
        OpKind kind;
        Shape in;
        int channels, kernel, stride, groups, same;
        Shape out;       /* rank 0: */
        const char *why; /* refused */
    } cases[] = {
        {OP_CONV, {3, {28, 28, 1}}, 8, 3, 2, 1, 1, {3, {14, 14, 8}}, NULL},
        {OP_CONV, {3, {28, 28, 6}}, 9, 5, 1, 3, 0, {3, {24, 24, 9}}, NULL},
        {OP_CONV,
         {3, {1, 1, 65536}},
         1,
         255,
         1,
         65536,
         1,
         {0},
         "groups must divide the channels "
         "of input and output"},
        {OP_CONV, {3, {1, 1, 65536}}, 1, 255, 1, 1, 1, {0}, "has too many inputs"},
        {OP_CONV,
         {3, {65536, 65536, 1}},
         1,
         1,
         1,
         1,
         1,
         {0},
         "has an output of more than 2^31 - 1 elements"},
        {OP_CONV,
         {3, {5, 5, 4}},
         8,
         3,
         1,
         3,
         1,
         {0},
         "groups must divide the channels of input "
         "and output"},
        {OP_CONV,
         {3, {5, 5, 4}},
         0,
         3,
         1,
         1,
         1,
         {0},
         "the number of channels must be between 1 "
         "and 65536"},
        {OP_CONV, {3, {5, 5, 4}}, 8, 256, 1, 1, 1, {0}, "the kernel must be between 1 and 255"},
        {OP_CONV, {3, {5, 5, 4}}, 8, 3, 0, 1, 1, {0}, "the stride must be between 1 and 255"},
        {OP_CONV,
         {1, {5}},
         8,
         3,
         1,
         1,
         1,
         {0},
         "needs an input with height, width and channels"},
        {OP_DEPTHWISE, {3, {7, 9, 4}}, 0, 3, 2, 0, 1, {3, {4, 5, 4}}, NULL},
        {OP_MAX_POOL, {3, {7, 9, 4}}, 0, 2, 2, 0, 0, {3, {3, 4, 4}}, NULL},
        {OP_AVERAGE_POOL,
         {3, {2, 9, 4}},
         0,
         3,
         1,
         0,
         0,
         {0},
         "the kernel is larger than the input, and padding is valid"},
        {OP_DENSE, {3, {3, 3, 2}}, 10, 0, 0, 0, 0, {1, {10}}, NULL},
        {OP_DENSE, {3, {2048, 2048, 2}}, 10, 0, 0, 0, 0, {0}, "has too many inputs"},
        {OP_GLOBAL_AVERAGE, {3, {3, 3, 2}}, 0, 0, 0, 0, 0, {1, {2}}, NULL},
        {OP_GLOBAL_AVERAGE,
         {1, {3}},
         0,
         0,
         0,
         0,
         0,
         {0},
         "needs an input with height, width and channels"},
        {OP_RELU, {1, {3}}, 0, 0, 0, 0, 0, {1, {3}}, NULL},
        {OP_ADD, {1, {3}}, 0, 0, 0, 0, 0, {0}, "has the wrong number of inputs"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        int attribute[ATTRIBUTE_COUNT] = {cases[i].channels, cases[i].kernel, cases[i].kernel,
                                          cases[i].stride,   cases[i].stride, cases[i].groups,
                                          cases[i].same};
        Shape out;
        const char *why = NULL;
        bool made = operator_shape(cases[i].kind, attribute, &cases[i].in, 1, &out, &why);
        if (made != !cases[i].why)
            fail_msg("case %d: %s", i, why ? why : "not refused");
        if (made)
            assert_true(shape_equal(out, cases[i].out));
        else
            assert_string_equal(why, cases[i].why);
    }
}

static void costs_are_counted_by_hand(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = maker_begin(arena, (Shape){3, {8, 6, 4}}, FORMAT_U8);
    Op conv = op_window(OP_CONV, 0, 6, 3, 2);
    conv.attribute[ATTRIBUTE_GROUPS] = 2;
    int grouped = maker_add(&maker, conv); /* (4, 3, 6) */
    int norm = maker_add(&maker, op_norm(grouped, FORMAT_I8));
    int depthwise = maker_add(&maker, op_window(OP_DEPTHWISE, norm, 0, 5, 1));
    int pool = maker_add(&maker, op_window(OP_MAX_POOL, depthwise, 0, 2, 2)); /* (2, 2, 6) */
    int dense = maker_dense(&maker, pool, 7, FORMAT_I8, FORMAT_I8);
    Net net = maker_end(&maker);
    assert_int_equal(op_fan_in(&net, grouped), 3 * 3 * 2);
    assert_int_equal(op_macs(&net, grouped), 4 * 3 * 6 * 18);
    assert_int_equal(op_parameters(&net, grouped), 6 * 19);
    assert_int_equal(op_macs(&net, depthwise), 4 * 3 * 6 * 25);
    assert_int_equal(op_parameters(&net, depthwise), 6 * 26);
    assert_int_equal(op_macs(&net, dense), 24 * 7);
    assert_int_equal(op_parameters(&net, norm), 0);
    assert_int_equal(net_macs(&net), 72 * 18 + 72 * 25 + 168);
    assert_int_equal(net_parameters(&net), 6 * 19 + 6 * 26 + 7 * 25);
    arena_free(arena);
}

/* ---- quantisers -------------------------------------------------------------------------- */

/* Operators 1 on, as letters, and the operator that each reads: c conv, n batch norm, r
 * relu, s relu6, p pool, a add (of the operator named and the one before). */
static Net chain(Arena *arena, const char *kinds, const int *reads) {
    Maker maker = maker_begin(arena, (Shape){3, {4, 4, 4}}, FORMAT_I8);
    for (int i = 0; kinds[i]; i++) {
        int x = reads[i];
        Op op = kinds[i] == 'c'   ? op_window(OP_CONV, x, 4, 3, 1)
                : kinds[i] == 'n' ? op_norm(x, FORMAT_I8)
                : kinds[i] == 'r' ? op_of(OP_RELU, x)
                : kinds[i] == 's' ? op_of(OP_RELU6, x)
                : kinds[i] == 'p' ? op_window(OP_MAX_POOL, x, 0, 2, 1)
                                  : op_add(x, i, FORMAT_I8);
        maker_add(&maker, op);
    }
    return maker_end(&maker);
}

static void quantisers_end_their_chains(void **state) {
    (void)state;
    static const struct {
        const char *kinds;
        int reads[6], quantiser[7], folded[7];
    } cases[] = {
        {"cnr", {0, 1, 2}, {0, 3, 3, 3}, {-1, 2, -1, -1}},
        {"cn", {0, 1}, {0, 2, 2}, {-1, 2, -1}},
        {"cs", {0, 1}, {0, 2, 2}, {-1, -1, -1}},
        {"crp", {0, 1, 2}, {0, 2, 2, 2}, {-1, -1, -1, -1}},
        {"cpr", {0, 1, 2}, {0, 1, 1, 1}, {-1, -1, -1, -1}},
        /* the relu of the input keeps the input's scale */
        {"rc", {0, 1}, {0, 0, 2}, {-1, -1, -1}},
        /* add, then relu */
        {"ccar", {0, 0, 1, 3}, {0, 1, 2, 4, 4}, {-1, -1, -1, -1, -1}},
        /* a convolution with two readers absorbs nothing: its batch norm stands alone */
        {"cnpa", {0, 1, 1, 2}, {0, 1, 2, 1, 4}, {-1, -1, -1, -1, -1}},
        /* a batch norm with two readers folds, but its relu does not join */
        {"cnrpa", {0, 1, 2, 2, 3}, {0, 2, 2, 2, 2, 5}, {-1, 2, -1, -1, -1, -1}},
        /* a batch norm of the input, and one after another */
        {"nr", {0, 1}, {0, 2, 2}, {-1, -1, -1}},
        {"cnnr", {0, 1, 2, 3}, {0, 2, 2, 4, 4}, {-1, 2, -1, -1, -1}},
        {"crn", {0, 1, 2}, {0, 2, 2, 3}, {-1, -1, -1, -1}},
        /* relu of relu: the first ends the chain */
        {"crs", {0, 1, 2}, {0, 2, 2, 2}, {-1, -1, -1, -1}},
    };
    Arena *arena = arena_new();
    for (int n = 0; n < COUNT(cases); n++, arena_reset(arena)) {
        Net net = chain(arena, cases[n].kinds, cases[n].reads);
        for (int i = 0; i < net.count; i++) {
            if (net_quantiser(&net, i) != cases[n].quantiser[i])
                fail_msg("%s: quantiser of %d is %d", cases[n].kinds, i,
                         net_quantiser(&net, i));
            assert_int_equal(net_folded_norm(&net, i), cases[n].folded[i]);
        }
    }
    arena_free(arena);
}

/* The network's result is a reader too. */
static void outputs_keep_their_scale(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Net net = chain(arena, "cnr", (int[]){0, 1, 2});
    net.output = 1;
    assert_int_equal(net_folded_norm(&net, 1), -1);
    assert_int_equal(net_quantiser(&net, 1), 1);
    net.output = 2;
    assert_int_equal(net_folded_norm(&net, 1), 2);
    assert_int_equal(net_quantiser(&net, 1), 2);
    assert_int_equal(net_quantiser(&net, 3), 2);
    arena_free(arena);
}

/* ---- the printed form -------------------------------------------------------------------- */

static Net printed(Arena *arena) {
    Maker maker = maker_begin(arena, (Shape){3, {9, 8, 2}}, FORMAT_U8);
    Op conv = op_window(OP_CONV, 0, 6, 3, 2);
    conv.attribute[ATTRIBUTE_KERNEL_W] = 5;
    conv.attribute[ATTRIBUTE_GROUPS] = 2;
    conv.weights = FORMAT_I3;
    maker_add(&maker, conv);
    maker_add(&maker, op_norm(1, FORMAT_I8));
    maker_add(&maker, op_of(OP_RELU6, 2));
    Op depthwise = op_window(OP_DEPTHWISE, 3, 0, 3, 1);
    depthwise.attribute[ATTRIBUTE_STRIDE_W] = 2;
    depthwise.attribute[ATTRIBUTE_SAME] = 0;
    depthwise.weights = FORMAT_I2;
    maker_add(&maker, depthwise);
    maker_add(&maker, op_window(OP_CONV, 4, 6, 1, 1));
    maker_add(&maker, op_add(4, 5, FORMAT_I16));
    maker_add(&maker, op_norm(6, FORMAT_I4));
    maker_add(&maker, op_window(OP_AVERAGE_POOL, 7, 0, 2, 1));
    maker_add(&maker, op_of(OP_GLOBAL_AVERAGE, 8));
    maker_dense(&maker, 9, 10, FORMAT_I8, FORMAT_I16);
    maker.ops.at[5].path = STR("conv[1]");
    return maker_end(&maker);
}

/* A batch norm that folds has no line of precision: it has the format of what absorbs it. */
static void a_network_prints_as_source(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Net net = printed(arena);
    Text text = text_new(arena);
    net_print(&net, &text);
    assert_string_equal(
        text.at,
        "network test(image: [9, 8, 2]) -> [10] {\n"
        "    let conv_0 = conv(image, 6, kernel: [3, 5], stride: 2, groups: 2) // conv_1\n"
        "    let batch_norm_0 = batch_norm(conv_0) // batch_norm_2\n"
        "    let relu6_0 = relu6(batch_norm_0) // relu6_3\n"
        "    let depthwise_0 = depthwise(relu6_0, kernel: 3, stride: [1, 2], padding: valid) "
        "// "
        "depthwise_4\n"
        "    let conv_1 = conv(depthwise_0, 6, kernel: 1)\n"
        "    let add_0 = add(depthwise_0, conv_1) // add_6\n"
        "    let batch_norm_1 = batch_norm(add_0) // batch_norm_7\n"
        "    let average_pool_0 = average_pool(batch_norm_1, kernel: 2) // average_pool_8\n"
        "    let global_average_0 = global_average(average_pool_0) // global_average_9\n"
        "    let dense_0 = dense(global_average_0, 10) // dense_10\n"
        "    return dense_0\n"
        "}\n"
        "\n"
        "precision of test {\n"
        "    conv[0]: weights = i3, activations = i8\n"
        "    depthwise[0]: weights = i2, activations = i8\n"
        "    conv[1]: weights = i8, activations = i8\n"
        "    add[0]: activations = i16\n"
        "    batch_norm[1]: activations = i4\n"
        "    dense[0]: weights = i8, activations = i16\n"
        "}\n");
    arena_free(arena);
}

static void keys_are_of_what_is_computed(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Net net = printed(arena), straight = net_straightened(arena, &net);
    Key key = net_key(&net);
    assert_true(key_equal(key, net_key(&straight)));
    straight.ops[3].span = (Span){5, 5};
    assert_true(key_equal(key, net_key(&straight)));
    straight.ops[4].attribute[ATTRIBUTE_STRIDE_W] = 1;
    assert_false(key_equal(key, net_key(&straight)));
    straight = net_straightened(arena, &net);
    straight.ops[1].weights = FORMAT_I4;
    assert_false(key_equal(key, net_key(&straight)));
    straight = net_straightened(arena, &net);
    straight.ops[6].input[0] = 5;
    assert_false(key_equal(key, net_key(&straight)));
    straight = net_straightened(arena, &net);
    straight.output = 8;
    assert_false(key_equal(key, net_key(&straight)));
    arena_free(arena);
}

static void faults_of_ours_are_found(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Net sound = printed(arena), net = net_straightened(arena, &sound);
    net.ops[6].inputs = MAX_INPUTS + 4;
    assert_string_equal(net_check(&net), "an operator with the wrong number of inputs");
    net = net_straightened(arena, &sound);
    net.ops[6].input[1] = 6;
    assert_non_null(net_check(&net));
    net = net_straightened(arena, &sound);
    net.ops[1].shape.dim[0]++;
    assert_non_null(net_check(&net));
    net = net_straightened(arena, &sound);
    net.ops[3].output = FORMAT_I4;
    assert_non_null(net_check(&net));
    net = net_straightened(arena, &sound);
    net.ops[3].kind = OP_COUNT;
    assert_non_null(net_check(&net));
    net = net_straightened(arena, &sound);
    net.output = net.count;
    assert_non_null(net_check(&net));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_hold_what_their_output_needs),
        cmocka_unit_test(members_that_are_none_say_why),
        cmocka_unit_test(shape_rules_say_why),
        cmocka_unit_test(costs_are_counted_by_hand),
        cmocka_unit_test(quantisers_end_their_chains),
        cmocka_unit_test(outputs_keep_their_scale),
        cmocka_unit_test(a_network_prints_as_source),
        cmocka_unit_test(keys_are_of_what_is_computed),
        cmocka_unit_test(faults_of_ours_are_found),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
