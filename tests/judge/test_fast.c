/* test_fast.c: the judge's own way of running many images gives the interpreter's codes, on random
 * networks of any operators.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "tests/net/nets.h"

enum { NETS = 600, IMAGES = 3 };

static void check_net(Arena *arena, Random *random, int *seen, int *refused) {
    Net net = random_mixed_net(arena, random, random_between(random, 1, 8));
    FloatModel from = random_weights(arena, random, &net);
    Arena *scratch = arena_new();
    Model model;
    Span span;
    Str why;
    if (!model_quantise(arena, &from, &model, &span, &why)) {
        ++*refused;
    } else {
        int64_t bytes = shape_elements(net.ops[0].shape) * IMAGES;
        uint8_t *images = arena_array(arena, uint8_t, bytes);
        for (int64_t i = 0; i < bytes; i++)
            images[i] = (uint8_t)random_below(random, 256);
        Dataset data = {.count = IMAGES, .image = images};
        for (int i = 0; i < net.count; i++)
            seen[net.ops[i].kind]++;
        if (!fast_equals_interpreter(&model, NULL, scratch, &data, IMAGES)) {
            Text text = text_new(arena);
            net_print(&net, &text);
            fail_msg("not the interpreter's codes:\n%s", text.at);
        }
    }
    arena_free(scratch);
}

static void fast_gives_the_interpreters_codes(void **state) {
    (void)state;
    Random random = {101, 0, 0};
    Arena *arena = arena_new();
    int seen[OP_COUNT] = {0}, refused = 0;
    for (int n = 0; n < NETS; n++, arena_reset(arena))
        check_net(arena, &random, seen, &refused);
    arena_free(arena);
    printf("# %d refused\n", refused);
    for (int k = 0; k < OP_COUNT; k++)
        if (seen[k] < 10 && operator_facts[k].engine == EMITTED)
            fail_msg("%s was drawn %d times", operator_facts[k].name, seen[k]);
    assert_true(refused < NETS / 4);
}

/* In stages, as by the interpreter; asked again, and with another end, from what is kept. */
static void check_stages(Arena *arena, Random *random, Memo *memo) {
    Net net = random_mixed_net(arena, random, random_between(random, 3, 8));
    FloatModel from = random_weights(arena, random, &net);
    Arena *scratch = arena_new();
    Model model;
    Span span;
    Str why;
    int64_t bytes = shape_elements(net.ops[0].shape) * IMAGES;
    uint8_t *images = arena_array(arena, uint8_t, bytes), label[IMAGES];
    for (int64_t i = 0; i < bytes; i++)
        images[i] = (uint8_t)random_below(random, 256);
    Dataset data = {.count = IMAGES, .image = images, .label = label};
    if (model_quantise(arena, &from, &model, &span, &why)) {
        int outputs = (int)shape_elements(model.layers[model.output].out.shape);
        int32_t **tensors = arena_array(arena, int32_t *, model.count);
        for (int n = 0; n < IMAGES; n++) {
            model_run(arena, &model, images + n * (bytes / IMAGES), tensors);
            label[n] = (uint8_t)class_of(tensors[model.output], outputs);
        }
        bool small = outputs <= 256;
        for (int again = 0; again < 3 && small; again++)
            assert_int_equal(staged_correct(arena, &model, NULL, memo, scratch, &data, IMAGES),
                             IMAGES);
    }
    arena_free(scratch);
}

static void stages_give_the_interpreters_classes(void **state) {
    (void)state;
    Random random = {103, 0, 0};
    Arena *arena = arena_new();
    Memo *memo = memo_new(64 << 20);
    for (int n = 0; n < NETS; n++) {
        arena_reset(arena);
        check_stages(arena, &random, memo);
    }
    printf("# %d found\n", (int)memo_found(memo));
    assert_true(memo_found(memo) > NETS / 4);
    memo_free(memo);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fast_gives_the_interpreters_codes),
        cmocka_unit_test(stages_give_the_interpreters_classes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
