/* Lowering: what is fused, what is done in place, what is refused; sizes known without
 * constants.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/diff/random_model.h"
#include "tests/device/nets.h"
#include "tests/unit.h"

static Program lowered(Arena *arena, const Model *model) {
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_isa(arena, model, NULL, isa_named(STR("armv7e-m")), &program, &span,
                           &why))
        fail_msg("%.*s", STR_ARG(why));
    if (program_check(&program))
        fail_msg("%s", program_check(&program));
    return program;
}

static Model *model_of(Arena *arena, Maker *maker) {
    Net *net = arena_new_of(arena, Net);
    Model *model = arena_new_of(arena, Model);
    *net = net_end(maker);
    *model = model_build(arena, net);
    return model;
}

/* ---- sizes ------------------------------------------------------------------------------- */

/* The model as it is before there are weights. */
static Model bare(Arena *arena, const Model *model) {
    Model copy = *model;
    copy.layers = arena_copy(arena, model->layers, sizeof(Layer) * (size_t)model->count);
    for (int i = 0; i < model->count; i++) {
        Layer *layer = &copy.layers[i];
        layer->weight = NULL;
        layer->bias = NULL;
        layer->multiplier = NULL;
        layer->table = NULL;
        layer->accumulator_bits = 32;
        layer->low = format_low(layer->out.format);
        layer->high = format_high(layer->out.format);
        layer->out.zero = 0;
    }
    return copy;
}

static void sizes_need_no_constants(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        Arena *arena = arena_new();
        Model model = random_model(arena, seed, 12), without = bare(arena, &model);
        Program full = lowered(arena, &model), plan = lowered(arena, &without);
        assert_int_equal(full.arena_bytes, plan.arena_bytes);
        assert_int_equal(full.weight_bytes, plan.weight_bytes);
        assert_int_equal(full.constant_bytes, plan.constant_bytes);
        assert_int_equal(full.count, plan.count);
        for (int i = 0; i < full.count; i++)
            assert_string_equal(step_shapes(arena, &full.steps[i]).at,
                                step_shapes(arena, &plan.steps[i]).at);
        for (int b = 0; b < full.buffer_count; b++)
            assert_int_equal(full.buffers[b].offset, plan.buffers[b].offset);
        arena_free(arena);
    }
}

static void stored_constants_have_the_stated_bytes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        Arena *arena = arena_new();
        Model model = random_model(arena, seed, 12);
        Program program = lowered(arena, &model);
        int64_t bytes = 0;
        for (int i = 0; i < program.count; i++) {
            const Lowered *code = program.steps[i].lowered;
            if (program.steps[i].shares < 0)
                bytes += code->weights_count * type_bits(code->weights_type) / 8;
        }
        assert_int_equal(program.weight_bytes, bytes);
        arena_free(arena);
    }
}

/* An add that alone reads a convolution is done to its results; not one that also has the
 * convolution's result as its other operand. */
static void adds_go_into_convolutions(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    int y = net_window(&maker, OP_CONV, x, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    y = net_binary(&maker, OP_ADD, x, y, FORMAT_I8);
    net_binary(&maker, OP_ADD, y, y, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.count, 3);
    assert_true(program.steps[1].kernel.adds);
    assert_int_equal(program.steps[1].inputs, 2);
    assert_false(program.steps[2].kernel.adds);
    arena_free(arena);
}

/* ---- fusion ------------------------------------------------------------------------------ */

static void clamps_go_into_what_they_follow(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 3, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    x = net_unary(&maker, OP_RELU, net_unary(&maker, OP_RELU6, x));
    int y = net_window(&maker, OP_DEPTHWISE, x, 0, 3, 1, FORMAT_I4, FORMAT_I8);
    net_unary(&maker, OP_RELU, net_binary(&maker, OP_ADD, x, y, FORMAT_I8));
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.count, 3);
    assert_int_equal(program.steps[0].layer, 3);
    assert_int_equal(program.steps[2].output, -1);
    arena_free(arena);
}

static void a_clamp_of_a_tensor_with_two_readers_stands_alone(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 3, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    int y = net_unary(&maker, OP_RELU, x);
    net_binary(&maker, OP_ADD, x, y, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.count, 3);
    assert_int_equal(program.steps[1].kernel.kind, OP_RELU);
    assert_int_equal(program.arena_bytes, program.bound_bytes);
    arena_free(arena);
}

static void fused_clamps_are_the_clamps_in_a_row(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 4, 4, 3, FORMAT_I8);
    int x = net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    net_unary(&maker, OP_RELU6, net_unary(&maker, OP_RELU, x));
    Model *model = model_of(arena, &maker);
    model->layers[2].low = -20;
    model->layers[3].low = 10, model->layers[3].high = 90;
    Program program = lowered(arena, model);
    assert_int_equal(program.steps[0].low, 10);
    assert_int_equal(program.steps[0].high, 90);
    model->layers[2].high = 5; /* below the next clamp's least code: a constant */
    program = lowered(arena, model);
    assert_int_equal(program.steps[0].low, 10);
    assert_int_equal(program.steps[0].high, 10);
    arena_free(arena);
}

/* ---- memory ------------------------------------------------------------------------------ */

/* The convolution that adds overwrites the other operand, and its own only where it may. */
static void adds_are_done_in_place(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    int y = net_window(&maker, OP_CONV, x, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    int z = net_binary(&maker, OP_ADD, x, y, FORMAT_I8);
    net_window(&maker, OP_CONV, z, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.arena_bytes, program.bound_bytes);
    assert_int_equal(program.count, 3);
    assert_int_equal(program.steps[1].inputs, 2);
    arena_free(arena);
}

static void depthwise_is_done_in_place(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 64, 1, 1, FORMAT_I8, FORMAT_I8);
    x = net_window(&maker, OP_DEPTHWISE, x, 0, 3, 2, FORMAT_I8, FORMAT_I8);
    net_window(&maker, OP_CONV, x, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.arena_bytes, 8 * 8 * 64 + program.steps[1].scratch_bytes);
    assert_int_equal(program.buffers[program.steps[1].output].offset,
                     program.buffers[program.steps[0].output].offset);
    arena_free(arena);
}

static void a_wider_result_is_not_in_place(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    x = net_binary(&maker, OP_ADD, x, x, FORMAT_I16);
    net_window(&maker, OP_CONV, x, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.buffers[program.steps[1].output].same_as, -1);
    assert_int_equal(program.arena_bytes, 3 * 256);
    arena_free(arena);
}

/* ---- operators that move codes ----------------------------------------------------------- */

/* Each operand of a concat is written by a step of its own into the one buffer. */
static void concats_share_a_buffer(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    int y = net_window(&maker, OP_CONV, x, 8, 1, 1, FORMAT_I8, FORMAT_I8);
    int z = net_add(
        &maker, (Op){.kind = OP_CONCAT, .inputs = 3, .input = {x, y, x}, .output = FORMAT_I8});
    net_window(&maker, OP_CONV, net_unary(&maker, OP_RELU, z), 4, 1, 1, FORMAT_I8, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    int concats = 0, first = 0, buffer = -1;
    for (int i = 0; i < program.count; i++) {
        const Step *step = &program.steps[i];
        if (step->kernel.kind != OP_CONCAT)
            continue;
        assert_int_equal(step->operand, concats);
        assert_int_equal(step->first, first);
        assert_true(buffer < 0 || buffer == step->output);
        assert_true(buffer < 0 || step->routine == program.steps[i - 1].routine);
        buffer = step->output;
        first += shape_channels(step->in_shape);
        concats++;
    }
    assert_int_equal(concats, 3);
    assert_int_equal(first, 16);
    assert_int_equal(program.count, 6);             /* the relu is the concat's clamp */
    assert_int_equal(program.arena_bytes, 64 * 28); /* x, y and the result, then the result */
    arena_free(arena);
}

/* The same bytes in another shape are read where they lie; the output is the caller's. */
static void reshapes_need_no_step(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I8, FORMAT_I8);
    x = net_unary(&maker, OP_FLATTEN, x);
    Op dense = {.kind = OP_DENSE, .inputs = 1, .input = {x}};
    dense.attribute[ATTRIBUTE_CHANNELS] = 6;
    dense.weights = dense.output = FORMAT_I8;
    x = net_add(&maker, dense);
    net_unary(&maker, OP_FLATTEN, x);
    Program program = lowered(arena, model_of(arena, &maker));
    assert_int_equal(program.count, 3);
    assert_int_equal(program.steps[1].kernel.kind, OP_DENSE);
    assert_int_equal(program.steps[1].input[0], program.steps[0].output);
    assert_int_equal(program.steps[2].output, -1);
    arena_free(arena);
}

/* ---- refusals and faults ----------------------------------------------------------------- */

static void assert_refused(Arena *arena, const Model *model, const Target *target,
                           const char *said) {
    Program program;
    Span span;
    Str why = STR("");
    assert_false(program_build(arena, model, target, &program, &span, &why));
    assert_string_equal(str_terminated(arena, why), said);
}

static void what_cannot_be_computed_is_refused(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 4, 4, 4, FORMAT_U8);
    assert_refused(arena, model_of(arena, &maker), NULL,
                   "the network computes nothing: its output is its input");
    net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I8, FORMAT_I3);
    assert_refused(arena, model_of(arena, &maker), NULL,
                   "activations of format i3 cannot be computed");
    Target target = {.name = STR("toy"),
                     .weight_formats = 1u << FORMAT_I8,
                     .activation_formats = 1u << FORMAT_I8};
    maker = net_begin(arena, 4, 4, 4, FORMAT_U8);
    net_window(&maker, OP_CONV, 0, 4, 1, 1, FORMAT_I4, FORMAT_I8);
    assert_refused(arena, model_of(arena, &maker), &target,
                   "weights of format i4 cannot be computed by toy");
    maker = net_begin(arena, 1, 40000, 1, FORMAT_U8);
    net_window(&maker, OP_CONV, 0, 1, 1, 1, FORMAT_I8, FORMAT_I8);
    assert_refused(arena, model_of(arena, &maker), NULL,
                   "a dimension of 40000 is more than 32767");
    maker = net_begin(arena, 20000, 20000, 1, FORMAT_U8);
    net_window(&maker, OP_CONV, 0, 1, 1, 1, FORMAT_I8, FORMAT_I8);
    assert_refused(arena, model_of(arena, &maker), NULL,
                   "a number of elements of 400000000 is more than 268435456");
    arena_free(arena);
}

static void faulty_plans_are_found(void **state) {
    (void)state;
    Arena *arena = arena_new();
    int found = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        Model model = random_model(arena, seed, 12);
        Program program = lowered(arena, &model);
        for (int b = 0; b < program.buffer_count; b++) {
            Buffer kept = program.buffers[b];
            program.buffers[b].offset = program.arena_bytes;
            assert_non_null(program_check(&program));
            program.buffers[b] = kept;
            program.buffers[b].offset = 0;
            found += program_check(&program) != NULL;
            program.buffers[b] = kept;
        }
        assert_null(program_check(&program));
    }
    assert_true(found > 20);
    arena_free(arena);
}

/* Steps that differ in anything their time depends on have different keys. */
static void keys_tell_steps_apart(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Maker maker = net_begin(arena, 8, 8, 4, FORMAT_I8);
    int x = net_window(&maker, OP_CONV, 0, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    x = net_window(&maker, OP_CONV, x, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    x = net_window(&maker, OP_CONV, x, 4, 3, 1, FORMAT_I4, FORMAT_I8);
    x = net_window(&maker, OP_CONV, x, 4, 5, 1, FORMAT_I8, FORMAT_I8);
    x = net_window(&maker, OP_CONV, x, 4, 3, 2, FORMAT_I8, FORMAT_I8);
    net_window(&maker, OP_CONV, x, 4, 3, 1, FORMAT_I8, FORMAT_I8);
    Program program = lowered(arena, model_of(arena, &maker));
    for (int i = 0; i < program.count; i++)
        for (int k = 0; k < i; k++)
            assert_int_equal(str_equal(step_key(arena, &program.steps[i]),
                                       step_key(arena, &program.steps[k])),
                             i == 1 && k == 0);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_need_no_constants),
        cmocka_unit_test(stored_constants_have_the_stated_bytes),
        cmocka_unit_test(adds_go_into_convolutions),
        cmocka_unit_test(clamps_go_into_what_they_follow),
        cmocka_unit_test(a_clamp_of_a_tensor_with_two_readers_stands_alone),
        cmocka_unit_test(fused_clamps_are_the_clamps_in_a_row),
        cmocka_unit_test(adds_are_done_in_place),
        cmocka_unit_test(depthwise_is_done_in_place),
        cmocka_unit_test(a_wider_result_is_not_in_place),
        cmocka_unit_test(concats_share_a_buffer),
        cmocka_unit_test(reshapes_need_no_step),
        cmocka_unit_test(what_cannot_be_computed_is_refused),
        cmocka_unit_test(faulty_plans_are_found),
        cmocka_unit_test(keys_tell_steps_apart),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
