/* The engine against a naive second implementation in doubles: results, and gradients against
 * finite differences of it, for every operator, at f32 and with learned step sizes.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "tests/train/naive.h"

enum { IMAGES = 3, CLASSES = 3 };

typedef struct Case {
    Arena *arena;
    Builder builder;
    Task task;
    Supernet *supernet;
    Member member;
    Gene *gene;
    Run run;
    float *input;
    float *weights; /* of the loss: (images, classes) */
} Case;

static Case case_new(int height, int channels) {
    Case c = {.arena = arena_new()};
    c.builder = builder_new(c.arena, (Shape){3, {height, height, channels}});
    c.task = (Task){.classes = CLASSES, .mean = 0.5, .deviation = 0.5};
    return c;
}

/* Parameters away from their beginnings, so that no gradient vanishes by symmetry. */
static void parameters_stir(Supernet *s) {
    for (size_t i = 0; i < s->quantising; i++)
        s->value[i] += 0.2f * (float)random_normal(7, 0, i);
}

static void forward(Case *c) {
    Shape in = c->builder.space->input;
    size_t count = (size_t)shape_elements(in) * IMAGES, channels = (size_t)shape_channels(in);
    run_begin(&c->run, c->member.graph, IMAGES, true);
    float *to = run_input(&c->run);
    size_t lanes = (size_t)c->member.graph->nodes[0].lanes;
    memset(to, 0, count / channels * lanes * sizeof(float));
    for (size_t i = 0; i < count; i++)
        to[i / channels * lanes + i % channels] = c->input[i];
    run_forward(&c->run);
}

static void graph_make(Case *c) {
    Member *m = &c->member;
    member_cut(c->supernet, &m->net, m->full_precision, m->arena, &m->model);
    m->graph = graph_new(m->arena, &m->model, m->full_precision, true);
}

/* Steps smaller than best, so that some values are cut off. */
static void steps_begin(Case *c) {
    Supernet *s = c->supernet;
    weight_steps_begin(s, &c->member.net);
    graph_make(c);
    forward(c);
    for (int i = 1; i < c->member.graph->count; i++) {
        const Node *node = &c->member.graph->nodes[i];
        const Op *op = &c->member.net.ops[node->last];
        if (node->quantiser < 0 || !node->owns_quantiser)
            continue;
        float *to = s->value + quantiser_slot(s, op->origin, op->output);
        to[0] = 0.8f * c->run.step[i];
        to[1] = c->run.zero[i];
    }
    graph_make(c);
}

static void case_begin(Case *c, const Gene *gene, bool full_precision) {
    Space *space = c->builder.space;
    c->gene = arena_array(c->arena, Gene, space->choices.count + 1);
    if (gene)
        memcpy(c->gene, gene, (size_t)space->choices.count);
    c->supernet = supernet_new(space, &c->task, 3);
    parameters_stir(c->supernet);
    c->member.arena = c->arena;
    c->member.full_precision = full_precision;
    c->member.net = net_of(c->arena, space, c->gene);
    assert_true(c->member.net.count > 0);
    c->input = arena_array(c->arena, float, shape_elements(space->input) * IMAGES);
    for (int64_t i = 0; i < shape_elements(space->input) * IMAGES; i++)
        c->input[i] = (float)random_normal(11, 1, (uint64_t)i);
    c->weights = arena_array(c->arena, float, IMAGES *CLASSES);
    for (int i = 0; i < IMAGES * CLASSES; i++)
        c->weights[i] = (float)random_normal(13, 2, (uint64_t)i);
    if (!full_precision)
        steps_begin(c);
    graph_make(c);
}

static void case_end(Case *c) {
    supernet_free(c->supernet);
    run_free(&c->run);
    arena_free(c->arena);
}

static void results_check(Case *c, Naive *naive) {
    const Node *node = &c->member.graph->nodes[c->member.graph->output];
    const float *z = run_result(&c->run);
    double largest = 1;
    for (int k = 0; k < IMAGES * CLASSES; k++)
        largest = fmax(largest, fabs(naive->value[c->member.net.output][k]));
    for (int n = 0; n < IMAGES; n++)
        for (int k = 0; k < CLASSES; k++) {
            double wanted = naive->value[c->member.net.output][n * CLASSES + k];
            if (fabs(z[n * node->lanes + k] - wanted) > 1e-4 * largest)
                fail_msg("result %d of image %d: %g, expected %g", k, n, z[n * node->lanes + k],
                         wanted);
        }
}

static double loss_at(Case *c, Naive *naive, double nudge) {
    double loss = 0;
    naive->nudge = nudge;
    naive_forward(naive);
    for (int k = 0; k < IMAGES * CLASSES; k++)
        loss += c->weights[k] * naive->value[c->member.net.output][k];
    return loss;
}

/* What the engine's gradient of a quantiser's parameter is scaled by. */
static double scale_of(Case *c, size_t slot) {
    const Supernet *s = c->supernet;
    for (int i = 1; i < c->member.net.count; i++) {
        const Op *op = &c->member.net.ops[i];
        if (operator_facts[op->kind].weights == WEIGHTED) {
            size_t first = s->slots[op->site].step +
                           (size_t)op->weights * (size_t)s->space->sites.at[op->site].out;
            if (slot >= first && slot < first + (size_t)shape_channels(op->shape))
                return 1 / sqrt((double)op_fan_in(&c->member.net, i) *
                                format_weight_limit(op->weights));
        }
        size_t at = quantiser_slot(s, op->origin, op->output);
        double scale = 1 / sqrt((double)shape_elements(op->shape) * format_high(op->output));
        if (slot == at)
            return scale;
        if (slot == at + 1)
            return scale / s->value[at] / s->value[at];
    }
    return 1;
}

static bool learns(const Case *c, size_t slot) {
    const Supernet *s = c->supernet;
    if (slot < s->quantising)
        return true;
    if (slot >= s->quantisers && (slot - s->quantisers) % 2 == 1) {
        for (int i = 1; i < c->member.graph->count; i++) {
            const Node *node = &c->member.graph->nodes[i];
            const Op *op = &c->member.net.ops[node->last];
            if (slot == quantiser_slot(s, op->origin, op->output) + 1)
                return node->owns_quantiser && !node->clamped && s->value[slot - 1] > 0;
        }
        return false;
    }
    return s->value[slot] > 0;
}

static bool has_format(const Case *c, Format format) {
    for (int i = 0; i < c->member.net.count; i++)
        if (operator_facts[c->member.net.ops[i].kind].weights == WEIGHTED &&
            c->member.net.ops[i].weights == format && !c->member.full_precision)
            return true;
    return false;
}

/* Step sizes that an average inherits have a second node; its share of the gradient has that
 * node's scale, which is why such cases leave them out (`inherited`). */
static void gradients_check(Case *c, Naive *naive, bool inherited) {
    const Node *node = &c->member.graph->nodes[c->member.graph->output];
    float *gradient = arena_array(c->arena, float, c->member.graph->gradient_floats);
    float *sum = arena_array(c->arena, float, c->supernet->count);
    float *g = run_result_gradient(&c->run);
    for (int n = 0; n < IMAGES; n++)
        for (int k = 0; k < node->lanes; k++)
            g[n * node->lanes + k] = k < CLASSES ? c->weights[n * CLASSES + k] : 0;
    run_backward(&c->run, gradient);
    member_gradient(c->supernet, &c->member, gradient, sum);
    double largest = 0, tolerance = 2e-3;
    /* Codes of 16 bits in floats: a few round the other way, and the sum of errors is
     * another. */
    bool wide = has_format(c, FORMAT_I16);
    naive->frozen = true;
    for (size_t i = 0; i < c->supernet->count; i++)
        largest = fmax(largest, i < c->supernet->quantising ? fabs(sum[i]) : 0);
    assert_true(largest > 0.01);
    for (size_t i = 0; i < c->supernet->count; i++) {
        if (i < c->supernet->decayed && i % 3 != 0)
            continue; /* a third of the weights keeps the test quick */
        if (!learns(c, i) || (inherited && i >= c->supernet->quantisers) ||
            (wide && i >= c->supernet->quantising))
            continue;
        naive->nudged = (int64_t)i;
        double h = 1e-6, wanted = (loss_at(c, naive, h) - loss_at(c, naive, -h)) / (2 * h);
        wanted *= scale_of(c, i);
        double scale = i < c->supernet->quantising ? largest : fmax(fabs(wanted), 1e-3);
        if (fabs(sum[i] - wanted) > tolerance * scale)
            fail_msg(
                "parameter %zu (of %zu, quantising from %zu, quantisers from %zu): gradient "
                "%g, expected %g",
                i, c->supernet->count, c->supernet->quantising, c->supernet->quantisers,
                (double)sum[i], wanted);
    }
}

static void case_check(Case *c, const Gene *gene, bool full_precision, bool inherited) {
    case_begin(c, gene, full_precision);
    forward(c);
    Naive naive =
        naive_new(c->arena, c->supernet, &c->member.net, full_precision, IMAGES, c->input);
    naive_forward(&naive);
    results_check(c, &naive);
    gradients_check(c, &naive, inherited);
    case_end(c);
}

/* ---- one case for each operator ---------------------------------------------------------- */

/* A first convolution, so that the operator under test owes its input a gradient. */
static int stem(Case *c, int channels, int weights) {
    Builder *b = &c->builder;
    ConvFacts f = {fixed(b, channels),
                   fixed(b, 3),
                   fixed(b, weights),
                   1,
                   1,
                   false,
                   b->space->input.dim[2],
                   channels,
                   3};
    return unary(b, OP_RELU, norm(b, conv(b, 0, f), channels));
}

static void head(Case *c, int x, int inputs, int weights) {
    dense(&c->builder, x, CLASSES, inputs, fixed(&c->builder, weights));
}

static void conv_case(int kernel, int stride, int groups, bool valid, int weights, bool bits) {
    Case c = case_new(6, 2);
    Builder *b = &c.builder;
    int side = valid ? (6 - kernel) / stride + 1 : (6 + stride - 1) / stride;
    ConvFacts f = {
        fixed(b, 6), fixed(b, kernel), fixed(b, weights), stride, groups, valid, 4 / groups, 6,
        kernel};
    head(&c, conv(b, stem(&c, 4, weights), f), side * side * 6, weights);
    case_check(&c, NULL, !bits, false);
}

static void depthwise_case(int kernel, int stride, bool valid, int weights, bool bits) {
    Case c = case_new(7, 1);
    Builder *b = &c.builder;
    int side = valid ? (7 - kernel) / stride + 1 : (7 + stride - 1) / stride;
    ConvFacts f = {0, fixed(b, kernel), fixed(b, weights), stride, 1, valid, 1, 5, kernel};
    int y = norm(b, depthwise(b, stem(&c, 5, weights), f), 5);
    head(&c, unary(b, OP_RELU6, y), side * side * 5, weights);
    case_check(&c, NULL, !bits, false);
}

static void test_conv(void **state) {
    (void)state;
    conv_case(1, 1, 1, false, FORMAT_I8, false);
    conv_case(3, 1, 1, false, FORMAT_I8, false);
    conv_case(3, 2, 1, false, FORMAT_I8, false);
    conv_case(5, 2, 2, false, FORMAT_I8, false);
    conv_case(3, 1, 1, true, FORMAT_I8, false);
    conv_case(1, 2, 2, true, FORMAT_I8, false);
}

static void test_depthwise(void **state) {
    (void)state;
    for (int kernel = 1; kernel <= 5; kernel++)
        for (int stride = 1; stride <= 3; stride++) {
            depthwise_case(kernel, stride, false, FORMAT_I8, false);
            depthwise_case(kernel, stride, true, FORMAT_I8, false);
        }
}

static void pool_case(OpKind kind, int kernel, int stride, bool same, bool bits) {
    Case c = case_new(6, 1);
    Builder *b = &c.builder;
    int side = same ? (6 + stride - 1) / stride : (6 - kernel) / stride + 1;
    head(&c, pool(b, kind, stem(&c, 4, FORMAT_I8), kernel, stride, same), side * side * 4,
         FORMAT_I8);
    case_check(&c, NULL, !bits, kind == OP_AVERAGE_POOL);
}

static void test_pools(void **state) {
    (void)state;
    for (int bits = 0; bits < 2; bits++) {
        pool_case(OP_AVERAGE_POOL, 2, 2, false, bits);
        pool_case(OP_AVERAGE_POOL, 3, 2, true, bits);
        pool_case(OP_MAX_POOL, 2, 2, false, false);
        pool_case(OP_MAX_POOL, 3, 1, true, false);
        Case c = case_new(6, 1);
        int x = unary(&c.builder, OP_GLOBAL_AVERAGE, stem(&c, 4, FORMAT_I8));
        head(&c, x, 4, FORMAT_I8);
        case_check(&c, NULL, !bits, true);
    }
}

/* A sum read twice, a batch norm and clamps that no product owns. */
static void test_sums_and_lone_endings(void **state) {
    (void)state;
    for (int bits = 0; bits < 2; bits++) {
        Case c = case_new(4, 1);
        Builder *b = &c.builder;
        int x = stem(&c, 4, FORMAT_I8);
        ConvFacts f = {fixed(b, 4), fixed(b, 1), fixed(b, FORMAT_I8), 1, 1, false, 4, 4, 1};
        int y = add(b, x, norm(b, conv(b, x, f), 4));
        y = add(b, y, unary(b, OP_RELU6, norm(b, y, 4)));
        y = unary(b, OP_RELU, add(b, y, y));
        y = unary(b, OP_RELU6, unary(b, OP_RELU, pool(b, OP_MAX_POOL, y, 2, 2, true)));
        head(&c, y, 16, FORMAT_I8);
        case_check(&c, NULL, !bits, bits);
    }
}

static void test_input_read_by_others(void **state) {
    (void)state;
    Case c = case_new(5, 3);
    Builder *b = &c.builder;
    ConvFacts f = {0, fixed(b, 3), fixed(b, FORMAT_I8), 1, 1, false, 1, 3, 3};
    int y = add(b, unary(b, OP_RELU, depthwise(b, 0, f)), 0);
    head(&c, y, 75, FORMAT_I8);
    case_check(&c, NULL, true, false);
}

static void test_bits(void **state) {
    (void)state;
    static const int formats[] = {FORMAT_I2, FORMAT_I3, FORMAT_I4, FORMAT_I8, FORMAT_I16};
    for (int i = 0; i < COUNT(formats); i++) {
        conv_case(3, 1, 1, false, formats[i], true);
        depthwise_case(3, 2, false, formats[i], true);
    }
}

/* Slices: a narrow member with a small kernel of a wide space. */
static void test_slices(void **state) {
    (void)state;
    for (int bits = 0; bits < 2; bits++)
        for (int which = 0; which < 4; which++) {
            Case c = case_new(6, 1);
            Builder *b = &c.builder;
            ExprId channels = NUMBERS(b, "channels", 3, 20),
                   kernel = NUMBERS(b, "kernel", 1, 3, 5);
            ExprId weights = BITS(b, "weights", FORMAT_I4, FORMAT_I8);
            ConvFacts f = {channels, kernel, weights, 1, 1, false, 1, 20, 5};
            int x = unary(b, OP_RELU, norm(b, conv(b, 0, f), 20));
            ConvFacts d = {0, kernel, weights, 2, 1, false, 1, 20, 5};
            head(&c, norm(b, depthwise(b, x, d), 20), 180, FORMAT_I8);
            case_check(&c, (Gene[]){(Gene)(which % 2), (Gene)(which / 2), 1}, !bits, false);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_sums_and_lone_endings),
        cmocka_unit_test(test_input_read_by_others),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_slices),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
