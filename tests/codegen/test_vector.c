/* The vector schedules, layer by layer: each in a small network with what comes before and after
 * it, through the kernel interpreter, against the reference. Channels beside and beyond the widths
 * of vectors, tiles that overlap, borders, groups, fused adds, weights and sums at their extremes.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/jit.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

/* A layer to be tested. */
typedef struct Case {
    OpKind kind;
    int h, w, c, out_c;
    int kernel_h, kernel_w, stride_h, stride_w;
    bool same;
    int groups;
    bool outer, adds; /* outer: reads the network's input and is its output */
    Format in, weights, out;
} Case;

enum { VECTORS = 3 };

/* For longer runs: MODELS=2000 SEED=1000 tests this many layers from that seed on. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

/* ---- models ------------------------------------------------------------------------------ */

static Layer *layer_add(RandomModel *r, OpKind kind, int input) {
    Layer *layer = &r->model.layers[r->model.count];
    *layer = (Layer){.kind = kind,
                     .path = str_format(r->arena, "layer%d", r->model.count),
                     .inputs = kind != OP_INPUT,
                     .input = {input},
                     .accumulator_bits = 32};
    for (int a = ATTRIBUTE_KERNEL_H; a <= ATTRIBUTE_STRIDE_W; a++)
        layer->attribute[a] = 1;
    layer->attribute[ATTRIBUTE_GROUPS] = 1;
    r->model.output = r->model.count++;
    return layer;
}

/* A layer that only moves codes: what is before it is stored as inside a program. */
static void copy_add(RandomModel *r) {
    const Tensor *in = &r->model.layers[r->model.output].out;
    if (in->shape.rank != 3)
        return; /* pools are of images */
    Layer *layer = layer_add(r, OP_MAX_POOL, r->model.output);
    layer->out = *in;
    layer->low = format_low(in->format);
    layer->high = format_high(in->format);
}

static bool tested_add(RandomModel *r, const Case *c, int input) {
    Layer *layer = layer_add(r, c->kind, input);
    const Tensor *in = &r->model.layers[input].out;
    int *a = layer->attribute;
    a[ATTRIBUTE_KERNEL_H] = c->kernel_h;
    a[ATTRIBUTE_KERNEL_W] = c->kernel_w;
    a[ATTRIBUTE_STRIDE_H] = c->stride_h;
    a[ATTRIBUTE_STRIDE_W] = c->stride_w;
    a[ATTRIBUTE_SAME] = c->same;
    a[ATTRIBUTE_CHANNELS] = c->out_c;
    a[ATTRIBUTE_GROUPS] = c->groups;
    const char *why;
    if (!operator_shape(c->kind, a, &in->shape, 1, &layer->out.shape, &why))
        return false;
    finish_layer(r, layer, in);
    if (operator_facts[c->kind].weights != WEIGHTED)
        return true;
    Shape shape = layer->out.shape;
    layer->out = random_tensor(&r->random, shape, c->out);
    layer->low = format_low(c->out);
    layer->high = format_high(c->out);
    if (random_below(&r->random, 3) == 0)
        layer->low = (int32_t)max_i64(layer->low, layer->out.zero);
    layer->weights = c->weights;
    random_codes(r, layer);
    random_biases(r, layer, in);
    random_multipliers(r, layer);
    return true;
}

static bool add_add(RandomModel *r, int a, int b) {
    Layer *layer = layer_add(r, OP_ADD, a);
    layer->out = random_tensor(&r->random, r->model.layers[a].out.shape, FORMAT_I8);
    finish_add(r, layer);
    layer->input[1] = b;
    double scale[2] = {random_below(&r->random, 4000), random_below(&r->random, 4000)};
    if (random_below(&r->random, 4) == 0) /* small shifts */
        layer->shift = requantise_constants(scale, 2, MULTIPLIER_BITS_ADD, layer->multiplier);
    layer->low = random_below(&r->random, 2) ? layer->out.zero : -128;
    layer->high = 127;
    return true;
}

static bool case_model(Arena *arena, const Case *c, uint64_t seed, Model *model) {
    RandomModel r = {.random = {seed, 7, 0}, .arena = arena};
    r.model.name = STR("case");
    r.model.layers = arena_array(arena, Layer, 8);
    Layer *input = layer_add(&r, OP_INPUT, 0);
    input->out = random_tensor(&r.random, (Shape){3, {c->h, c->w, c->c}}, c->in);
    input->low = format_low(c->in);
    input->high = format_high(c->in);
    if (!c->outer)
        copy_add(&r);
    int in = r.model.output;
    if (!tested_add(&r, c, in))
        return false;
    int first = r.model.output;
    if (c->adds)
        tested_add(&r, c, in);
    if (c->adds)
        add_add(&r, first, r.model.output);
    if (!c->outer)
        copy_add(&r);
    *model = r.model;
    return true;
}

/* ---- running ----------------------------------------------------------------------------- */

static void case_print(const Case *c, const Isa *isa, uint64_t seed) {
    print_message("%s, %llu: %s [%d, %d, %d] to %d channels, kernel %d x %d, stride %d x %d%s, "
                  "%d groups, %s %s %s%s%s\n",
                  isa->name, (unsigned long long)seed, operator_facts[c->kind].name, c->h, c->w,
                  c->c, c->out_c, c->kernel_h, c->kernel_w, c->stride_h, c->stride_w,
                  c->same ? ", same" : "", c->groups, format_name(c->in),
                  format_name(c->weights), format_name(c->out), c->outer ? ", outer" : "",
                  c->adds ? ", adds" : "");
}

static int64_t output_code(Format format, const uint8_t *bytes, int64_t i) {
    return format == FORMAT_I16  ? ((const int16_t *)bytes)[i]
           : format == FORMAT_U8 ? bytes[i]
                                 : (int8_t)bytes[i];
}

/* Where a program runs: in the kernel interpreter, or as machine code. */
typedef struct Runner {
    Jit *jit; /* NULL: the interpreter */
    const JitProgram *code;
} Runner;

static void run_program(Arena *arena, const Program *program, const Runner *runner,
                        const void *input, void *output) {
    Str why = STR("");
    if (!runner->jit && !program_run(arena, program, input, output, &why))
        fail_msg("%.*s", STR_ARG(why));
    if (runner->jit)
        jit_run(runner->code, input, output,
                arena_alloc(arena, (size_t)program->arena_bytes + 64));
}

/* The first element that differs, or -1. */
static int64_t first_difference(Arena *arena, const Model *model, const Program *program,
                                const Runner *runner, uint64_t seed, int vector) {
    const Tensor *from = &model->layers[0].out, *to = &model->layers[model->output].out;
    int64_t count = shape_elements(from->shape);
    int16_t *codes = arena_array(arena, int16_t, count);
    random_input(from, seed, vector, codes);
    int8_t *narrow = arena_alloc(arena, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (int8_t)codes[i];
    const void *input = from->format == FORMAT_I16 ? (void *)codes : narrow;
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    model_run(arena, model, input, tensors);
    uint8_t *output = arena_alloc(arena, (size_t)tensor_bytes(to->shape, to->format));
    run_program(arena, program, runner, input, output);
    for (int64_t i = 0; i < shape_elements(to->shape); i++)
        if (output_code(to->format, output, i) != tensors[model->output][i])
            return i;
    return -1;
}

/* How many of the program's steps the vector scheduler left to another. */
static int not_in_lanes(const Program *program) {
    int count = 0;
    for (int i = 0; i < program->count; i++)
        count += !str_ends(program->steps[i].lowered->routine.name, STR(" lanes"));
    return count;
}

/* Returns how many steps are not in lanes. */
static int case_run(Jit *jit, const Case *c, const Isa *isa, uint64_t seed) {
    Arena *arena = arena_new();
    Model model;
    Program program;
    Span span;
    Str why = STR("");
    Runner runner = {.jit = jit};
    if (!case_model(arena, c, seed, &model)) {
        arena_free(arena);
        return 0;
    }
    if (!program_build_isa(arena, &model, NULL, isa, &program, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    assert_null(program_check(&program));
    if (jit && !(runner.code = jit_program(jit, &program, arena, &why)))
        fail_msg("%.*s", STR_ARG(why));
    for (int v = 0; v < VECTORS; v++) {
        int64_t at = first_difference(arena, &model, &program, &runner, seed, v);
        if (at >= 0) {
            case_print(c, isa, seed);
            fail_msg("input %d: element %lld differs", v, (long long)at);
        }
    }
    int left = not_in_lanes(&program);
    arena_free(arena);
    return left;
}

static void run_everywhere(const Case *c, uint64_t seed) {
    for (int i = 0; i < isa_count; i++)
        if (isas[i].vector_bits > 32)
            case_run(NULL, c, &isas[i], seed);
}

/* ---- what is tested ---------------------------------------------------------------------- */

#define I8S FORMAT_I8, FORMAT_I8, FORMAT_I8
static const Case shapes[] = {
    {OP_CONV, 8, 8, 16, 32, 3, 3, 1, 1, true, 1, false, false, I8S},
    {OP_CONV, 7, 9, 3, 16, 3, 3, 2, 2, true, 1, true, false, FORMAT_U8, FORMAT_I8, FORMAT_I8},
    {OP_CONV, 5, 7, 8, 64, 3, 3, 1, 1, true, 1, false, true, I8S},
    {OP_CONV, 7, 7, 20, 130, 1, 1, 1, 1, false, 1, false, false, I8S},
    {OP_CONV, 40, 40, 8, 8, 3, 3, 1, 1, true, 1, false, false, I8S},
    {OP_CONV, 49, 10, 1, 64, 10, 4, 2, 2, true, 1, true, false, I8S},
    {OP_CONV, 6, 6, 32, 32, 3, 3, 1, 1, true, 4, false, false, I8S},
    {OP_CONV, 6, 6, 12, 48, 3, 1, 2, 1, true, 3, false, true, I8S},
    {OP_CONV, 60, 70, 5, 24, 5, 5, 1, 1, true, 1, false, false, I8S},
    {OP_CONV, 4, 4, 40, 96, 1, 1, 2, 2, true, 1, false, false, FORMAT_I16, FORMAT_I4,
     FORMAT_I16},
    {OP_CONV, 7, 7, 40, 72, 3, 3, 1, 1, true, 1, false, false, FORMAT_I16, FORMAT_I8,
     FORMAT_I16},
    {OP_CONV, 5, 6, 33, 20, 1, 1, 1, 1, false, 1, false, false, FORMAT_I16, FORMAT_I16,
     FORMAT_I8},
    {OP_DENSE, 1, 1, 900, 40, 1, 1, 1, 1, false, 1, false, false, FORMAT_I8, FORMAT_I16,
     FORMAT_I16},
    {OP_DENSE, 1, 1, 640, 128, 1, 1, 1, 1, false, 1, false, false, I8S},
    {OP_DENSE, 3, 3, 33, 10, 1, 1, 1, 1, false, 1, true, false, I8S},
    {OP_DENSE, 1, 1, 64, 1000, 1, 1, 1, 1, false, 1, false, false, FORMAT_I8, FORMAT_I2,
     FORMAT_I8},
    {OP_DENSE, 1, 1, 515, 130, 1, 1, 1, 1, false, 1, false, false, FORMAT_I8, FORMAT_I4,
     FORMAT_I8},
    {OP_DENSE, 1, 1, 1030, 70, 1, 1, 1, 1, false, 1, false, false, FORMAT_I8, FORMAT_I3,
     FORMAT_I8},
    {OP_DENSE, 2, 2, 512, 40, 1, 1, 1, 1, false, 1, true, false, FORMAT_U8, FORMAT_I2,
     FORMAT_I16},
    {OP_CONV, 5, 5, 260, 260, 1, 1, 1, 1, false, 1, false, false, I8S},
    {OP_CONV, 4, 6, 72, 200, 3, 3, 1, 1, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 12, 12, 64, 64, 3, 3, 1, 1, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 9, 10, 96, 96, 3, 3, 2, 2, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 11, 13, 8, 8, 3, 3, 1, 1, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 11, 13, 16, 16, 3, 3, 2, 2, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 10, 11, 144, 144, 5, 5, 1, 1, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 10, 11, 24, 24, 3, 3, 1, 1, true, 1, false, false, I8S},
    {OP_DEPTHWISE, 6, 6, 32, 32, 3, 3, 1, 1, false, 1, true, false, I8S},
    {OP_MAX_POOL, 9, 9, 70, 70, 3, 3, 2, 2, true, 1, false, false, I8S},
    {OP_AVERAGE_POOL, 8, 8, 70, 70, 2, 2, 2, 2, false, 1, false, false, I8S},
    {OP_GLOBAL_AVERAGE, 7, 7, 130, 130, 1, 1, 1, 1, false, 1, false, false, I8S},
    {OP_RELU, 5, 5, 23, 23, 1, 1, 1, 1, false, 1, true, false, I8S},
};

static void shapes_of_networks(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++)
        for (uint64_t seed = 1; seed <= 3; seed++)
            run_everywhere(&shapes[i], seed);
}

/* The same as machine code, for the instruction sets that this machine has. */
static void shapes_compiled(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Str warning;
    Jit *jit = jit_new(arena, NULL, &warning);
    const Isa *own = isa_of_target(NULL);
    LEAVE_UNLESS(jit && own->vector_bits > 32, "LLVM, or lanes");
    for (int i = 0; i < COUNT(shapes); i++)
        for (const Isa *isa = own; isa < isas + isa_count; isa++)
            if (isa->vector_bits > 32)
                case_run(jit, &shapes[i], isa, 1);
    jit_free(jit);
    arena_free(arena);
}

static Case random_case(uint64_t seed) {
    static const OpKind kinds[] = {OP_CONV,      OP_CONV,          OP_CONV,         OP_DENSE,
                                   OP_DEPTHWISE, OP_MAX_POOL,      OP_AVERAGE_POOL, OP_RELU,
                                   OP_DEPTHWISE, OP_GLOBAL_AVERAGE};
    static const Format formats[] = {FORMAT_I8, FORMAT_I8, FORMAT_I8, FORMAT_I16, FORMAT_U8};
    static const Format weights[] = {FORMAT_I2, FORMAT_I4, FORMAT_I8, FORMAT_I8, FORMAT_I16};
    Random random = {seed, 8, 0};
    int kernel = random_between(&random, 1, 4), stride = random_between(&random, 1, 3);
    bool wide = random_below(&random, 4) == 0;
    Case c = {.kind = kinds[random_below(&random, COUNT(kinds))],
              .h = random_between(&random, 1, 12),
              .w = random_between(&random, 1, 17),
              .c = random_between(&random, 1, wide ? 150 : 24),
              .out_c = random_between(&random, 1, wide ? 150 : 40),
              .kernel_h = kernel,
              .kernel_w = random_below(&random, 4) ? kernel : random_between(&random, 1, 5),
              .stride_h = stride,
              .stride_w = random_below(&random, 4) ? stride : random_between(&random, 1, 3),
              .same = random_below(&random, 3),
              .groups = 1,
              .outer = random_below(&random, 3) == 0,
              .adds = random_below(&random, 4) == 0,
              .in = formats[random_below(&random, COUNT(formats))],
              .weights = weights[random_below(&random, COUNT(weights))],
              .out = formats[random_below(&random, COUNT(formats) - 1)]};
    if (c.kind == OP_CONV && random_below(&random, 3) == 0)
        c.groups = random_divisor(&random, greatest_divisor_of_both(c.c, c.out_c));
    return c;
}

static void random_layers(void **state) {
    (void)state;
    uint64_t first = (uint64_t)setting("SEED", 1), count = (uint64_t)setting("MODELS", 300);
    for (uint64_t seed = first; seed < first + count; seed++) {
        Case c = random_case(seed);
        run_everywhere(&c, seed);
    }
}

/* The shapes above are not left to the plain scheduler. */
static void are_taken(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(shapes); i++) {
        const Case *c = &shapes[i];
        int left = case_run(NULL, c, &isas[0], 1);
        if (left) {
            case_print(c, &isas[0], 1);
            fail_msg("%d steps are not in lanes", left);
        }
    }
}

/* More taps than code should be written for one by one are left to others, who compute the same. */
static void are_refused(void **state) {
    (void)state;
    Case c = {OP_DEPTHWISE, 3, 40, 4, 4, 1, 33, 1, 1, true, 1, false, false, I8S};
    assert_int_equal(case_run(NULL, &c, &isas[0], 1), 1);
}

/* How often the code of a layer's steps says that something will be read. */
static int prefetches(const Case *c, const Isa *isa) {
    Arena *arena = arena_new();
    Model model;
    Program program;
    Span span;
    Str why;
    int count = 0;
    assert_true(case_model(arena, c, 1, &model));
    assert_true(program_build_isa(arena, &model, NULL, isa, &program, &span, &why));
    for (int s = 0; s < program.count; s++) {
        const Routine *routine = &program.steps[s].lowered->routine;
        for (int i = 0; i < routine->insns.count; i++)
            count += routine->insns.at[i].kind == INSN_PREFETCH;
    }
    arena_free(arena);
    return count;
}

/* Weights that the nearest cache cannot hold are asked for before they are used; others, and
 * those that are read once, are not. */
static void large_weights_are_fetched(void **state) {
    (void)state;
    Case c = {OP_CONV, 5, 5, 260, 260, 1, 1, 1, 1, false, 1, false, false, I8S};
    for (int i = 0; i < 2; i++)
        assert_true(prefetches(&c, &isas[i]) > 0);
    c.out_c = 20;
    assert_int_equal(prefetches(&c, &isas[0]), 0);
    c = (Case){OP_DENSE, 1, 1, 640, 128, 1, 1, 1, 1, false, 1, false, false, I8S};
    assert_int_equal(prefetches(&c, &isas[0]), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_of_networks), cmocka_unit_test(are_taken),
        cmocka_unit_test(shapes_compiled),    cmocka_unit_test(are_refused),
        cmocka_unit_test(random_layers),      cmocka_unit_test(large_weights_are_fetched),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
