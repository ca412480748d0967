/* The differential tester itself: what it draws, that recipes read back, that shrinking finds
 * the cause, and that a wrong byte is found wherever it stands.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/diff.h"
#include "tests/unit.h"

#include <signal.h>

static void networks_are_of_all_kinds(void **state) {
    (void)state;
    int kinds[OP_COUNT] = {0}, weights[FORMAT_COUNT] = {0}, outputs[FORMAT_COUNT] = {0};
    int wide = 0, near = 0, groups = 0, larger = 0, negative = 0, flat = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        Arena *arena = arena_new();
        Recipe recipe;
        Net net;
        Model model;
        Str why;
        recipe_draw(&recipe, seed, TRIAL_LAYERS);
        assert_true(recipe_build(arena, &recipe, &net, &model, &why));
        for (int i = 0; i < model.count; i++) {
            const Layer *layer = &model.layers[i];
            const Tensor *in = &model.layers[layer->input[0]].out;
            const int *a = layer->attribute;
            kinds[layer->kind]++;
            outputs[layer->out.format]++;
            flat += i > 0 && in->shape.rank == 1;
            if (!layer->weight)
                continue;
            weights[layer->weights]++;
            wide += layer->accumulator_bits == 64;
            near += layer->accumulator_bits == 32 && layer->bound > (1LL << 31) - (1 << 20);
            groups += a[ATTRIBUTE_GROUPS] > 1;
            larger += in->shape.rank == 3 && a[ATTRIBUTE_KERNEL_H] > in->shape.dim[0];
            negative += layer->out.zero == layer->high;
        }
        arena_free(arena);
    }
    for (int k = OP_INPUT; k < OP_COUNT; k++)
        /* A batch norm is a depthwise in a model. */
        if (k != OP_BATCH_NORM && operator_facts[k].engine == EMITTED)
            assert_in_range(kinds[k], 10, 100000);
    for (Format f = FORMAT_I2; f <= FORMAT_I16; f++)
        assert_in_range(weights[f], 50, 100000);
    assert_in_range(outputs[FORMAT_I4], 100, 100000);
    assert_in_range(outputs[FORMAT_U8], 100, 100000);
    assert_in_range(outputs[FORMAT_I16], 100, 100000);
    assert_true(wide > 4 && near > 5 && groups > 60 && larger > 50 && negative > 15);
    assert_true(flat > 100);
}

static void most_outputs_depend_on_the_input(void **state) {
    (void)state;
    enum { NETWORKS = 200 };
    int moved = 0;
    for (uint64_t seed = 1; seed <= NETWORKS; seed++) {
        Arena *arena = arena_new();
        Recipe recipe;
        Trial trial;
        Str why;
        recipe_draw(&recipe, seed, TRIAL_LAYERS);
        assert_true(trial_begin(arena, &recipe, &trial, &why));
        const uint8_t *random = trial.expected + 3 * trial.out_bytes;
        moved += memcmp(random, random + trial.out_bytes, (size_t)trial.out_bytes) != 0;
        arena_free(arena);
    }
    assert_in_range(moved, NETWORKS * 85 / 100, NETWORKS);
}

static Key key_of_recipe(const Recipe *recipe) {
    Arena *arena = arena_new();
    Net net;
    Model model;
    Str why;
    assert_true(recipe_build(arena, recipe, &net, &model, &why));
    Key key = model_key(&model);
    arena_free(arena);
    return key;
}

static void recipes_read_back(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        Arena *arena = arena_new();
        Recipe recipe, again;
        Text text = text_new(arena);
        recipe_draw(&recipe, seed, TRIAL_LAYERS);
        text_add(&text, "network that(stands: [before]) {}\n");
        recipe_print(&recipe, &text);
        text_add(&text, "and after\n");
        assert_true(recipe_parse(text_str(&text), &again));
        assert_true(key_equal(key_of_recipe(&recipe), key_of_recipe(&again)));
        arena_free(arena);
    }
    Recipe recipe;
    assert_false(recipe_parse(STR("// recipe seed=1 output=0\n// end\n"), &recipe));
    assert_false(recipe_parse(STR("// recipe rank=1 d0=1 output=0\n// op conv in=1\n// end\n"),
                              &recipe));
    assert_false(
        recipe_parse(STR("// recipe rank=1 d0=1 output=1\n// op input\n// end\n"), &recipe));
}

/* A fault that shows only in a depthwise of stride 2 that reads more than one channel. */
static bool has_fault(void *context, const Recipe *recipe) {
    Arena *arena = arena_new();
    Net net;
    Str why;
    bool fails = false;
    ++*(int *)context;
    assert_true(recipe_net(arena, recipe, &net, &why));
    for (int i = 1; i < net.count; i++)
        fails |= net.ops[i].kind == OP_DEPTHWISE && shape_channels(net.ops[i].shape) > 1 &&
                 net.ops[i].attribute[ATTRIBUTE_STRIDE_W] == 2;
    arena_free(arena);
    return fails;
}

static void shrinking_leaves_the_cause(void **state) {
    (void)state;
    int found = 0;
    for (uint64_t seed = 1; seed <= 400 && found < 20; seed++) {
        Recipe recipe, smallest;
        int asked = 0;
        recipe_draw(&recipe, seed, TRIAL_LAYERS);
        if (!has_fault(&asked, &recipe))
            continue;
        found++;
        assert_in_range(recipe_shrink(&recipe, 20, has_fault, &asked, &smallest), 1, 5000);
        const Draw *left = &smallest.op[smallest.output];
        assert_in_range(smallest.count, 2, smallest.input.dim[2] == 2 ? 2 : 3);
        assert_int_equal(left->kind, OP_DEPTHWISE);
        assert_int_equal(left->attribute[ATTRIBUTE_KERNEL_H], 1);
        assert_int_equal(left->attribute[ATTRIBUTE_STRIDE_W], 2);
        assert_int_equal(left->weights, FORMAT_I8);
        assert_int_equal(left->bias, BIAS_NONE);
    }
    assert_int_equal(found, 20);
}

/* Of packed codes too, and the bits that hold none. */
static void a_wrong_byte_is_found(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        Arena *arena = arena_new();
        Recipe recipe;
        Trial trial;
        Difference difference;
        Str why;
        recipe_draw(&recipe, seed, TRIAL_LAYERS);
        assert_true(trial_begin(arena, &recipe, &trial, &why));
        int all = TRIAL_VECTORS * trial.out_bytes, at = (int)(seed * 7919 % (uint64_t)all);
        memcpy(trial.got, trial.expected, (size_t)all);
        assert_false(trial_differs(&trial, &difference));
        trial.got[at] ^= 16;
        assert_true(trial_differs(&trial, &difference));
        assert_int_equal(difference.vector, at / trial.out_bytes);
        int flipped = difference.got ^ difference.expected;
        if (trial.to.format == FORMAT_I8)
            assert_int_equal(flipped & 255, 16);
        if (trial.to.format == FORMAT_I4)
            assert_int_equal(flipped & 15, 1);
        if (trial.to.format == FORMAT_I16)
            assert_int_equal(flipped & 0xffff, at % 2 ? 0x1000 : 16);
        arena_free(arena);
    }
}

/* A path that is never right, one that dies, one that is the reference. */
static void run_wrong(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    (void)arena, (void)path, (void)made;
    for (int i = 0; i < count; i++) {
        memcpy(trials[i].got, trials[i].expected,
               (size_t)(TRIAL_VECTORS * trials[i].out_bytes));
        trials[i].got[0] ^= 1;
    }
}

static void run_dying(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    (void)arena, (void)path, (void)made, (void)trials, (void)count;
    raise(SIGKILL);
}

static void run_right(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    run_wrong(arena, path, made, trials, count);
    for (int i = 0; i < count; i++)
        trials[i].got[0] ^= 1;
}

static void what_fails_is_told_apart(void **state) {
    (void)state;
    const Path wrong = {.name = "wrong", .batch = 1, .run = run_wrong};
    const Path dying = {.name = "dying", .batch = 1, .run = run_dying};
    const Path right = {.name = "right", .batch = 1, .run = run_right};
    Recipe recipe;
    Difference difference;
    recipe_draw(&recipe, 1, TRIAL_LAYERS);
    assert_false(recipe_fails(&right, &recipe, &difference));
    assert_true(recipe_fails(&wrong, &recipe, &difference));
    assert_int_equal(difference.vector, 0);
    assert_int_equal(difference.element, 0);
    assert_true(recipe_fails(&dying, &recipe, &difference));
    assert_non_null(strstr(difference.said, "Killed"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_of_all_kinds),
        cmocka_unit_test(most_outputs_depend_on_the_input),
        cmocka_unit_test(recipes_read_back),
        cmocka_unit_test(shrinking_leaves_the_cause),
        cmocka_unit_test(a_wrong_byte_is_found),
        cmocka_unit_test(what_fails_is_told_apart),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
