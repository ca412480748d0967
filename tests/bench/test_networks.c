/* The networks that benches run: no channel of theirs is dead, few codes are cut, the same seed
 * gives the same model; and inputs of other formats than u8.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "bench/networks.h"

static Model model_of(Arena *arena, const char *name, uint64_t seed) {
    const BenchNetwork *network = bench_network(str_of(name));
    assert_non_null(network);
    return bench_model(arena, bench_source(arena, network, ""), seed, network->images);
}

static void require_live(const char *name, int inputs) {
    Arena *arena = arena_new();
    Model model = model_of(arena, name, 1);
    BenchLife life = bench_life(&model, 1, inputs);
    printf("# %s: %d channels, %d constant; of %lld codes %lld cut\n", name, life.channels,
           life.constant, (long long)life.codes, (long long)life.saturated);
    assert_int_equal(life.constant, 0);
    assert_true(life.channels > 300 && life.codes > 0);
    assert_true(life.saturated * 100 < life.codes);
    arena_free(arena);
}

static void every_channel_is_live(void **state) {
    (void)state;
    require_live("resnet8", 6);
    require_live("ds_cnn", 6);
    require_live("vww", 6);
    require_live("autoencoder", 64);
}

static void seeds_make_models(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Model one = model_of(arena, "ds_cnn", 1), again = model_of(arena, "ds_cnn", 1),
          other = model_of(arena, "ds_cnn", 2);
    assert_true(key_equal(model_key(&one), model_key(&again)));
    assert_false(key_equal(model_key(&one), model_key(&other)));
    assert_null(bench_network(STR("lenet")));
    arena_free(arena);
}

/* Formats of weights, activations and input are those asked for, and still nothing is dead. */
static void formats_are_as_asked(void **state) {
    (void)state;
    static const Format inputs[] = {FORMAT_I4, FORMAT_I8, FORMAT_I16};
    for (int i = 0; i < COUNT(inputs); i++) {
        Arena *arena = arena_new();
        Str source = str_format(arena,
                                "network n(x: [9, 9, 8]) -> [9, 9, 16] {\n"
                                "    return x |> conv(16, kernel: 3)\n}\n"
                                "precision of n { *: weights = i4, activations = %s }\n",
                                format_name(inputs[i]));
        Model model = bench_model_from(arena, source, inputs[i], 1, 4);
        BenchLife life = bench_life(&model, 1, 4);
        assert_int_equal(model.layers[0].out.format, inputs[i]);
        assert_int_equal(model.layers[1].out.format, inputs[i]);
        assert_int_equal(model.layers[1].weights, FORMAT_I4);
        assert_int_equal(life.channels, 16);
        assert_int_equal(life.constant, 0);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_channel_is_live),
        cmocka_unit_test(seeds_make_models),
        cmocka_unit_test(formats_are_as_asked),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
