/* Steps timed by the JIT: more work takes longer, and a kernel that crashes costs its profile, not
 * the run.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "device/device.h"

/* A step of the shape given whose routine sums `passes` times over its input. */
static Step step_of(Arena *arena, int passes, int64_t offset) {
    Lowered *code = arena_new_of(arena, Lowered);
    code->routine = routine_new(arena, STR("sum"));
    Routine *r = &code->routine;
    Reg sum = op_constant(r, I32, 32, 0);
    op_loop_n(r, passes);
    Reg pass = op_loop_n(r, 64);
    op2_to(r, sum, INSN_ADD, I32, sum, op_load_at(r, I32, 32, U8, ARG_IN, pass, 1, offset, 1));
    op_store(r, I32, sum, I32, ARG_OUT, 0, 1);
    op_end(r);
    op_end(r);
    return (Step){.kernel = {.in = FORMAT_U8, .out = FORMAT_U8},
                  .inputs = 1,
                  .in_shape = {1, {64}},
                  .out_shape = {1, {64}},
                  .lowered = code};
}

static void more_work_takes_longer(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Str why = STR("");
    Jit *jit = jit_new(arena, NULL, &why);
    LEAVE_UNLESS(jit, "there is no LLVM");
    Step steps[] = {step_of(arena, 10, 0), step_of(arena, 1000, 0)};
    double ns[2] = {0};
    assert_true(host_time(jit, arena, steps, 2, ns, &why));
    assert_true(ns[0] > 0);
    assert_true(ns[1] > 5 * ns[0]);
    jit_free(jit);
    arena_free(arena);
}

static void a_crash_is_survived(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Str why = STR("");
    Jit *jit = jit_new(arena, NULL, &why);
    LEAVE_UNLESS(jit, "there is no LLVM");
    Step steps[] = {step_of(arena, 10, 0), step_of(arena, 10, (int64_t)1 << 46)};
    double ns[2] = {0};
    assert_false(host_time(jit, arena, steps, 2, ns, &why));
    assert_true(str_equal(why, STR("the profile breaks off after 1 of 2 steps")));
    jit_free(jit);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_work_takes_longer),
        cmocka_unit_test(a_crash_is_survived),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
