/* The backbones of the standard library, against the figures that are published of them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/lang.h"

/* What is known of a network from elsewhere: multiplications from the MLPerf Tiny models and the
 * papers' code, parameters as Keras counts them (four for each normalised channel, and a bias
 * before the norm in the benchmark's networks only). */
typedef struct Known {
    const char *name, *input, *call;
    int outputs;
    int64_t macs, keras_parameters;
    bool biased;                    /* before a batch norm too, as published */
    int weighted;                   /* operators with weights */
    int last_extent, last_channels; /* of the tensor before the classifier */
} Known;

static const Known known[] = {
    {"resnet8", "[32, 32, 3]", "resnet8", 10, 12501632, 78666, true, 10, 8, 64},
    {"ds_cnn", "[49, 10, 1]", "ds_cnn", 12, 2656768, 24908, true, 10, 25, 64},
    {"vww", "[96, 96, 3]", "mobilenet_v1(classes: 2, width: 0.25)", 2, 7489664, 221794, true,
     28, 3, 256},
    {"autoencoder", "[640]", "autoencoder", 640, 264192, 269992, true, 10, 128, 128},
    {"mobilenet_v1", "[224, 224, 3]", "mobilenet_v1", 1000, 568740352, 4253864, false, 28, 7,
     1024},
    {"mobilenet_v2", "[224, 224, 3]", "mobilenet_v2", 1000, 300774272, 3538984, false, 53, 7,
     1280},
};

static const Space *space_read(Arena *arena, Str text) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("test.nas"), text, (LangOptions){0});
    if (error_count(diagnostics))
        diagnostics_print(diagnostics, stdout, 0);
    assert_int_equal(error_count(diagnostics), 0);
    return spec_space(spec, STR("n"), (Str){"", 0});
}

static Str text_of(Arena *arena, const char *input, int outputs, const char *call) {
    return str_format(arena,
                      "use std/backbones\nnetwork n(x: %s) -> [%d] {\n"
                      "    return x |> %s\n}\n",
                      input, outputs, call);
}

static Net member(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why;
    assert_true(space_instantiate(arena, space, gene, &net, &span, &why));
    assert_null(net_check(&net));
    return net;
}

/* The operators with weights, and their parameters as Keras counts them. */
static int64_t keras_parameters(const Net *net, bool biased, int *weighted) {
    int64_t sum = 0;
    *weighted = 0;
    for (int i = 1; i < net->count; i++) {
        int channels = shape_channels(net->ops[i].shape);
        if (net->ops[i].kind == OP_BATCH_NORM)
            sum += 4 * channels;
        if (operator_facts[net->ops[i].kind].weights != WEIGHTED)
            continue;
        ++*weighted;
        sum += op_parameters(net, i);
        if (!biased && net_folded_norm(net, i) >= 0)
            sum -= channels;
    }
    return sum;
}

static void require_known(const Known *k) {
    Arena *arena = arena_new();
    const Space *space = space_read(arena, text_of(arena, k->input, k->outputs, k->call));
    assert_int_equal(space->choices.count, 0);
    Gene none[1] = {0};
    Net net = member(arena, space, none);
    int weighted;
    int64_t parameters = keras_parameters(&net, k->biased, &weighted);
    int before = net.output;
    while (net.ops[before].kind == OP_DENSE || net.ops[before].kind == OP_GLOBAL_AVERAGE)
        before = net.ops[before].input[0];
    printf("# %s: %lld multiplications, %lld parameters here, %lld in Keras\n", k->name,
           (long long)net_macs(&net), (long long)net_parameters(&net), (long long)parameters);
    assert_int_equal(net_macs(&net), k->macs);
    assert_int_equal(parameters, k->keras_parameters);
    assert_int_equal(weighted, k->weighted);
    assert_int_equal(net.ops[before].shape.dim[0], k->last_extent);
    assert_int_equal(shape_channels(net.ops[before].shape), k->last_channels);
    arena_free(arena);
}

static void figures_are_the_published_ones(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(known); i++)
        require_known(&known[i]);
}

/* Arguments may be decisions: each member is the network that its values name. */
static void widths_may_be_chosen(void **state) {
    (void)state;
    static const char *const widths[] = {"0.25", "0.5", "1"};
    Arena *arena = arena_new();
    const Space *space =
        space_read(arena, text_of(arena, "[96, 96, 3]", 2,
                                  "mobilenet_v1(classes: 2, width: choice(0.25, 0.5, 1))"));
    assert_int_equal(space->choices.count, 1);
    for (int i = 0; i < COUNT(widths); i++) {
        Gene gene[1] = {(Gene)i}, none[1] = {0};
        Str call = str_format(arena, "mobilenet_v1(classes: 2, width: %s)", widths[i]);
        const Space *alone = space_read(arena, text_of(arena, "[96, 96, 3]", 2, call.at));
        Net chosen = member(arena, space, gene), fixed = member(arena, alone, none);
        assert_true(key_equal(net_key(&chosen), net_key(&fixed)));
    }
    arena_free(arena);
}

/* Widths whose channels are no multiples of 8 become what the published code makes of them. */
static void narrow_channels_are_rounded_as_published(void **state) {
    (void)state;
    static const struct {
        const char *width;
        int64_t parameters;
    } rows[] = {{"0.5", 1987224}, {"0.75", 2663064}, {"1.4", 6156712}};
    for (int i = 0; i < COUNT(rows); i++) {
        Arena *arena = arena_new();
        Str call = str_format(arena, "mobilenet_v2(width: %s)", rows[i].width);
        Gene none[1] = {0};
        int weighted;
        Net net = member(
            arena, space_read(arena, text_of(arena, "[224, 224, 3]", 1000, call.at)), none);
        assert_int_equal(keras_parameters(&net, false, &weighted), rows[i].parameters);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_the_published_ones),
        cmocka_unit_test(widths_may_be_chosen),
        cmocka_unit_test(narrow_channels_are_rounded_as_published),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
