/* test_compiled.c: models as machine code give the interpreter's codes, on random networks.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

enum { MODELS = 60, LAYERS = 6, IMAGES = 3 };

static void check_image(Arena *arena, const Model *model, const CompiledRun *run,
                        const uint8_t *image, uint64_t seed) {
    int outputs = (int)shape_elements(model->layers[model->output].out.shape);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    int32_t *codes = arena_array(arena, int32_t, outputs);
    model_run(arena, model, image, tensors);
    compiled_infer(run, image, codes);
    for (int i = 0; i < outputs; i++)
        if (codes[i] != tensors[model->output][i])
            fail_msg("%llu: code %d is %d, not %d", (unsigned long long)seed, i, codes[i],
                     tensors[model->output][i]);
}

/* Whether the model could be compiled: so many images are announced that it pays. */
static bool check_model(Arena *arena, Jit *jit, uint64_t seed) {
    Model model = random_model(arena, seed, LAYERS);
    int64_t bytes = shape_elements(model.layers[0].out.shape);
    Compiled *compiled = compiled_new(arena, &model, jit, INT32_MAX);
    if (!compiled)
        return false;
    CompiledRun run = compiled_begin(compiled, arena);
    for (int n = 0; n < IMAGES; n++) {
        uint8_t *image = arena_array(arena, uint8_t, bytes);
        for (int64_t i = 0; i < bytes; i++)
            image[i] = (uint8_t)random_bits(seed, (uint64_t)n, (uint64_t)i);
        check_image(arena, &model, &run, image, seed);
    }
    return true;
}

/* For no image at all only what has been compiled before is used. */
static void compiling_has_to_pay(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Str warning;
    Jit *jit = jit_new(arena, NULL, &warning);
    LEAVE_UNLESS(jit, "there is no LLVM");
    LEAVE_UNLESS(isa_of_target(NULL)->vector_bits > 32, "this machine has no schedules");
    Jit *other = jit_new(arena, NULL, &warning);
    uint64_t seed = 1;
    Model model = random_model(arena, seed, LAYERS);
    while (!compiled_new(arena, &model, other, INT32_MAX)) /* it has nothing to multiply */
        model = random_model(arena, ++seed, LAYERS);
    jit_free(other);
    assert_null(compiled_new(arena, &model, jit, 0));
    assert_int_equal(jit_counts(jit).compiled, 0);
    assert_non_null(compiled_new(arena, &model, jit, INT32_MAX));
    assert_non_null(compiled_new(arena, &model, jit, 0));
    jit_free(jit);
    arena_free(arena);
}

static void machine_code_gives_the_interpreters_codes(void **state) {
    (void)state;
    Arena *arena = arena_new(), *keep = arena_new();
    Str warning;
    Jit *jit = jit_new(keep, NULL, &warning);
    int compiled = 0;
    LEAVE_UNLESS(jit, "there is no LLVM");
    LEAVE_UNLESS(isa_of_target(NULL)->vector_bits > 32, "this machine has no schedules");
    for (uint64_t seed = 1; seed <= MODELS; seed++, arena_reset(arena))
        compiled += check_model(arena, jit, seed);
    assert_true(compiled > MODELS / 4);
    jit_free(jit);
    arena_free(arena);
    arena_free(keep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_code_gives_the_interpreters_codes),
        cmocka_unit_test(compiling_has_to_pay),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
