/* test_compiled.c: models as machine code give the interpreter's codes, on random networks.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

enum { MODELS = 60, LAYERS = 6, IMAGES = 3 };

/* Whether the model could be compiled. */
static bool check_model(Arena *arena, Jit *jit, uint64_t seed) {
    Model model = random_model(arena, seed, LAYERS);
    const Tensor *in = &model.layers[0].out;
    if (format_bits(in->format) != 8)
        return false;
    Arena *scratch = arena_new();
    int64_t bytes = shape_elements(in->shape) * IMAGES;
    uint8_t *images = arena_array(arena, uint8_t, bytes);
    for (int64_t i = 0; i < bytes; i++)
        images[i] = (uint8_t)random_bits(seed, 0x494d, (uint64_t)i);
    Dataset data = {.count = IMAGES, .image = images};
    bool compiled = compiled_new(arena, &model, jit) != NULL;
    if (compiled && !fast_equals_interpreter(&model, jit, scratch, &data, IMAGES))
        fail_msg("%llu: not the interpreter's codes", (unsigned long long)seed);
    arena_free(scratch);
    return compiled;
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
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
