/* The backbones of the standard library, against the figures that are published of them.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

/* How a publication counts parameters beside weights: Keras four for each normalised channel,
 * PyTorch two, because it does not count the running means and variances. */
enum { KERAS = 4, TORCH = 2 };

/* What is known of a network from elsewhere. */
typedef struct Known {
    const char *name, *input, *call;
    int outputs;
    int64_t macs, rounded; /* multiplications, as published: to the nearest `rounded` */
    int64_t parameters;
    int counted; /* KERAS or TORCH */
    bool biased; /* with a bias before a batch norm too, as published */
} Known;

#define IMAGE "[224, 224, 3]"
#define MILLION 1000000

/* The benchmark's networks: the models of MLPerf Tiny (Banbury et al., arXiv 2106.07597), with
 * biases before the norms. MobileNet V1, and V2 at other widths: the papers' code and Keras.
 *
 * The others: torchvision 0.20, of each model its `num_params` and `_ops`, which counts billions
 * of multiplications to three places; its SE layers are convolutions of one pixel, and count the
 * same as dense layers.
 *
 * ResNet-20: 269,722 with shortcuts without parameters (He et al., arXiv 1512.03385, option A, as
 * github.com/akamaster/pytorch_resnet_cifar10 has it); the projections of option B add 16 * 32 +
 * 32 * 64 weights and 2 * (32 + 64) of their norms. Multiplications by hand: 442,368 of the first
 * convolution, 14,155,776 and twice 12,976,128 of the stages, 262,144 of the projections, 640.
 *
 * Vision transformers have neither class token nor table of positions (dim + (1 + tokens) * dim
 * fewer parameters), but a depthwise convolution (10 * dim more): 5,717,416 is DeiT-tiny's count,
 * 86,567,656 and 17.564 billion those of torchvision's vit_b_16. Their multiplications at t = 196
 * tokens: t * 768 * dim of the patches, 12 times t * dim * (12 * dim + 2 * t), 9 * t * dim, and
 * 1000 * dim; with t = 197 where the class token goes along, and without the convolution, those
 * of vit_b_16 come out.
 *
 * The smallest GPT-2 (Radford et al. 2019) has 124,439,808, as Hugging Face counts it, its last
 * layer being the transpose of the table of tokens; here it has weights and biases of its own.
 * At t = 1024 tokens of 768: 12 times t * 768 * (12 * 768 + 2 * t), and t * 768 * 50257. */
static const Known known[] = {
    {"resnet8", "[32, 32, 3]", "resnet8", 10, 12501632, 1, 78666, KERAS, true},
    {"ds_cnn", "[49, 10, 1]", "ds_cnn", 12, 2656768, 1, 24908, KERAS, true},
    {"vww", "[96, 96, 3]", "mobilenet_v1(classes: 2, width: 0.25)", 2, 7489664, 1, 221794,
     KERAS, true},
    {"autoencoder", "[640]", "autoencoder", 640, 264192, 1, 269992, KERAS, true},
    {"mobilenet_v1", IMAGE, "mobilenet_v1(1000)", 1000, 568740352, 1, 4253864, KERAS, false},
    {"mobilenet_v2", IMAGE, "mobilenet_v2(1000)", 1000, 300774272, 1, 3538984, KERAS, false},
    {"mobilenet_v2 x0.5", IMAGE, "mobilenet_v2(1000, width: 0.5)", 1000, 97 * MILLION, MILLION,
     1987224, KERAS, false},
    {"mobilenet_v2 x0.75", IMAGE, "mobilenet_v2(1000, width: 0.75)", 1000, 209 * MILLION,
     MILLION, 2663064, KERAS, false},
    {"mobilenet_v2 x1.4", IMAGE, "mobilenet_v2(1000, width: 1.4)", 1000, 582 * MILLION, MILLION,
     6156712, KERAS, false},
    {"mobilenet_v3_small", IMAGE, "mobilenet_v3_small(1000)", 1000, 57 * MILLION, MILLION,
     2542856, TORCH, false},
    {"mobilenet_v3_large", IMAGE, "mobilenet_v3_large(1000)", 1000, 217 * MILLION, MILLION,
     5483032, TORCH, false},
    {"efficientnet b0", IMAGE, "efficientnet(1000)", 1000, 386 * MILLION, MILLION, 5288548,
     TORCH, false},
    {"efficientnet b1", "[240, 240, 3]", "efficientnet(1000, depth: 1.1)", 1000, 687 * MILLION,
     MILLION, 7794184, TORCH, false},
    {"efficientnet b2", "[288, 288, 3]", "efficientnet(1000, 1.1, 1.2)", 1000, 1088 * MILLION,
     MILLION, 9109994, TORCH, false},
    {"efficientnet b4", "[380, 380, 3]", "efficientnet(1000, 1.4, 1.8)", 1000, 4394LL * MILLION,
     MILLION, 19341616, TORCH, false},
    {"resnet20", "[32, 32, 3]", "resnet(depth: 20)", 10, 40813184, 1, 269722 + 2560 + 192,
     TORCH, false},
    {"resnet18", IMAGE, "resnet18(1000)", 1000, 1814 * MILLION, MILLION, 11689512, TORCH,
     false},
    {"resnet34", IMAGE, "resnet34(1000)", 1000, 3664LL * MILLION, MILLION, 21797672, TORCH,
     false},
    {"resnet50", IMAGE, "resnet50(1000)", 1000, 4089LL * MILLION, MILLION, 25557032, TORCH,
     false},
    {"squeezenet 1.1", IMAGE, "squeezenet(1000, padding: valid)", 1000, 349 * MILLION, MILLION,
     1235496, TORCH, false},
    {"shufflenet_v2 x0.5", IMAGE, "shufflenet_v2(1000, width: 0.5)", 1000, 40 * MILLION,
     MILLION, 1366792, TORCH, false},
    {"shufflenet_v2 x1", IMAGE, "shufflenet_v2(1000)", 1000, 145 * MILLION, MILLION, 2278604,
     TORCH, false},
    {"shufflenet_v2 x1.5", IMAGE, "shufflenet_v2(1000, width: 1.5)", 1000, 296 * MILLION,
     MILLION, 3503624, TORCH, false},
    {"vit tiny", IMAGE, "vit(192, 12, heads: 3, patch: 16, classes: 1000)", 1000, 1246902528, 1,
     5717416 - 198 * 192 + 10 * 192, TORCH, false},
    {"vit base", IMAGE, "vit(768, 12, heads: 12, patch: 16, classes: 1000)", 1000, 17473004544,
     1, 86567656 - 198 * 768 + 10 * 768, TORCH, false},
    {"gpt-2", "[tokens 1024, 1]", "decoder(50257, dim: 768, depth: 12, heads: 12)", 50257,
     12LL * 1024 * 768 * (12 * 768 + 2 * 1024) + 1024LL * 768 * 50257, 1,
     124439808 + 50257 * 768 + 50257, TORCH, false},
    {"shufflenet_v2 x2", IMAGE, "shufflenet_v2(1000, width: 2)", 1000, 583 * MILLION, MILLION,
     7393996, TORCH, false},
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
                      "use std/backbones\nuse std/vit\nuse std/decoder\n"
                      "network n(x: %s) -> [%s%d] {\n    return x |> %s\n}\n",
                      input, strstr(input, "tokens") ? "tokens 1024, " : "", outputs, call);
}

static Net member(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why;
    assert_true(space_instantiate(arena, space, gene, &net, &span, &why));
    assert_null(net_check(&net));
    return net;
}

/* Parameters as the publication counts them. */
static int64_t parameters_as(const Net *net, const Known *k) {
    int64_t sum = 0;
    for (int i = 1; i < net->count; i++) {
        int channels = shape_channels(net->ops[i].shape);
        if (net->ops[i].kind == OP_BATCH_NORM)
            sum += k->counted * channels;
        sum += op_parameters(net, i);
        if (operator_facts[net->ops[i].kind].weights == WEIGHTED && !k->biased &&
            net_folded_norm(net, i) >= 0)
            sum -= channels;
    }
    return sum;
}

static bool is_known(const Known *k) {
    Arena *arena = arena_new();
    const Space *space = space_read(arena, text_of(arena, k->input, k->outputs, k->call));
    assert_int_equal(space->choices.count, 0);
    Gene none[1] = {0};
    Net net = member(arena, space, none);
    int64_t macs = net_macs(&net), parameters = parameters_as(&net, k);
    printf("# %s: %lld multiplications, %lld parameters here, %lld as published\n", k->name,
           (long long)macs, (long long)net_parameters(&net), (long long)parameters);
    arena_free(arena);
    return 2 * llabs(macs - k->macs) <= k->rounded - 1 + (k->rounded > 1) &&
           parameters == k->parameters;
}

static void figures_are_the_published_ones(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(known); i++)
        if (!is_known(&known[i]))
            fail_msg("%s is not as published", known[i].name);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_the_published_ones),
        cmocka_unit_test(widths_may_be_chosen),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
