/* C for measuring: steps alone, each with weights of constant pattern, and kernels alone. What
 * is timed is what ships, since kernels are never specialised for a call.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

enum { ALIGNMENT = 64 };

static int64_t rounded_up(int64_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t operand_bytes(const Step *step, int k) {
    if (k == 2)
        return rounded_up(tensor_bytes(step->out_shape, step->kernel.out));
    if (k >= step->inputs)
        return 0;
    return rounded_up(k ? tensor_bytes(step_second(step), step->kernel.in2)
                        : tensor_bytes(step->in_shape, step->kernel.in));
}

int64_t step_arena_bytes(const Step *step) {
    return operand_bytes(step, 0) + operand_bytes(step, 1) + operand_bytes(step, 2) +
           rounded_up(step->scratch_bytes);
}

/* For each step the first with the same code. */
static int *first_alike(Arena *arena, const Step *steps, int count) {
    int *first = arena_array(arena, int, count);
    for (int i = 0; i < count; i++)
        while (first[i] < i && !key_equal(steps[first[i]].code, steps[i].code))
            first[i]++;
    return first;
}

static void print_routines(Text *text, Str prefix, const Isa *isa, const Step *steps,
                           const int *first, int count) {
    const Routine **routines = arena_array(text->arena, const Routine *, count);
    int distinct = 0;
    for (int i = 0; i < count; i++)
        if (first[i] == i)
            routines[distinct++] = &steps[i].lowered->routine;
    leaves_print(text, prefix, isa, routines, distinct);
    for (int i = 0; i < count; i++)
        if (first[i] == i)
            routine_print_c(text, prefix,
                            str_format(text->arena, "%.*s_k%d", STR_ARG(prefix), i), isa,
                            &steps[i].lowered->routine);
}

/* One array serves the weights of all steps, one their constants. */
static void print_constants(Text *text, Str prefix, const Step *steps, int count) {
    int64_t weights = 8, constants = 8;
    for (int i = 0; i < count; i++) {
        const Lowered *code = steps[i].lowered;
        weights = max_i64(weights, code->weights_count * type_bits(code->weights_type) / 8);
        constants =
            max_i64(constants, code->constants_count * type_bits(code->constants_type) / 8);
    }
    text_add(text,
             "#if defined(__GNUC__)\n__attribute__((aligned(%d)))\n#endif\n"
             "static const int64_t %.*s_weights[%lld] = {0x21b65a93};\n",
             ALIGNMENT, STR_ARG(prefix), (long long)(weights + 7) / 8);
    text_add(text,
             "#if defined(__GNUC__)\n__attribute__((aligned(%d)))\n#endif\n"
             "static const int64_t %.*s_constants[%lld] = {0x0123456789};\n",
             ALIGNMENT, STR_ARG(prefix), (long long)(constants + 7) / 8);
}

static void print_params(Text *text, Str prefix, const Lowered *code, int index) {
    if (code->param_count == 0)
        return;
    text_add(text, "static const int32_t %.*s_p%d[%d] = {", STR_ARG(prefix), index,
             code->param_count);
    for (int i = 0; i < code->param_count; i++)
        text_add(text, "%s%d", i ? ", " : "", code->params[i]);
    text_add(text, "};\n");
}

static void print_step(Text *text, Str prefix, const Step *step, int index, int code) {
    int64_t in2 = operand_bytes(step, 0), out = in2 + operand_bytes(step, 1),
            scratch = out + operand_bytes(step, 2);
    print_params(text, prefix, step->lowered, index);
    text_add(text, "void %.*s_step_%d(uint8_t *arena);\n", STR_ARG(prefix), index);
    text_add(text, "void %.*s_step_%d(uint8_t *arena)\n{\n", STR_ARG(prefix), index);
    text_add(text, "    %.*s_k%d(arena, arena + %lld, arena + %lld, %.*s_weights, ",
             STR_ARG(prefix), code, (long long)in2, (long long)out, STR_ARG(prefix));
    text_add(text, "%.*s_constants, arena + %lld, ", STR_ARG(prefix), (long long)scratch);
    if (step->lowered->param_count)
        text_add(text, "%.*s_p%d);\n}\n\n", STR_ARG(prefix), index);
    else
        text_add(text, "0);\n}\n\n");
}

Str emit_c_steps(Arena *arena, Str prefix, const Isa *isa, const Step *steps, int count) {
    Text text = text_new(arena);
    int64_t bytes = ALIGNMENT;
    for (int i = 0; i < count; i++)
        bytes = max_i64(bytes, step_arena_bytes(&steps[i]));
    int *first = first_alike(arena, steps, count);
    Str macro = capitals(arena, prefix);
    text_add(&text, "/* Steps alone, for measuring. SPDX-License-Identifier: 0BSD */\n");
    text_add(&text, "#include <stdint.h>\n\n#define %.*s_STEPS_ARENA_BYTES %lld\n\n",
             STR_ARG(macro), (long long)bytes);
    print_routines(&text, prefix, isa, steps, first, count);
    print_constants(&text, prefix, steps, count);
    for (int i = 0; i < count; i++)
        print_step(&text, prefix, &steps[i], i, first[i]);
    return text_str(&text);
}

Str emit_c_kernel(Arena *arena, Str prefix, const Isa *isa, const Step *step) {
    Text text = text_new(arena);
    const Routine *routine = &step->lowered->routine;
    text_add(&text,
             "/* One kernel, for measuring its size. SPDX-License-Identifier: 0BSD */\n");
    text_add(&text, "#include <stdint.h>\n\n#define %.*s_KERNEL void\n",
             STR_ARG(capitals(arena, prefix)));
    leaves_print(&text, prefix, isa, &routine, 1);
    routine_print_c(&text, prefix, str_format(arena, "%.*s_kernel", STR_ARG(prefix)), isa,
                    routine);
    return text_str(&text);
}

/* ---- the emitter's identity ------------------------------------------------------------- */

/* Every instruction of words and what schedulers do with them: what the emitter prints for it
 * tells one emitter from another. */
static Routine sample_routine(Arena *arena) {
    static const InsnKind pairwise[] = {INSN_ADD, INSN_SUB, INSN_MUL, INSN_MULHI,
                                        INSN_AND, INSN_XOR, INSN_MIN, INSN_MAX};
    Routine routine = routine_new(arena, STR("sample")), *r = &routine;
    Reg count = op_param(r, 0), shift = op_param(r, 1), from = routine_pointer(r);
    op_copy_to(r, from, ARG_IN);
    Reg sum = op_constant(r, I32, 32, 7), i = op_loop(r, count);
    Reg word = op_load(r, U8, 32, U8, from, 0, 4), other = op_load(r, I32, 32, I32, from, 4, 1);
    Reg byte = op_load_at(r, I32, 32, I8, ARG_IN2, i, 1, 0, 1);
    op_dot_into(r, INSN_DOT2, I16, sum, op_half(r, I16, word, 0), op_half(r, U16, other, 1));
    op_dot_into(r, INSN_DOT4, U8, sum, word, other);
    for (int k = 0; k < COUNT(pairwise); k++)
        op2_to(r, sum, pairwise[k], I32, sum, k % 2 ? byte : other);
    Reg high = op2(r, INSN_ADD, I32, op2(r, INSN_MULHI, I32, sum, other), byte);
    Reg wide = op2(r, INSN_MUL, I64, op_convert(r, I64, I32, 64, sum),
                   op_load(r, I64, 64, I64, ARG_CONSTANTS, 0, 1));
    Reg code = op1(r, INSN_SATURATE, I32, op1(r, INSN_SHR, I32, high, 9), 8);
    op_store(r, I32, code, I8, ARG_OUT, 0, 1);
    op_store(r, I32, op_convert(r, I32, I64, 32, op1(r, INSN_SHR, I64, wide, 21)), I16, ARG_OUT,
             2, 1);
    op_any(r, (Insn){.kind = INSN_SHL, .type = I32, .dst = sum, .a = sum, .b = shift});
    op_advance(r, from, count, 1, 4);
    op_end(r);
    return routine;
}

Key emit_c_key(const Isa *isa) {
    Arena *arena = arena_new();
    Routine sample = sample_routine(arena);
    const Routine *routine = &sample;
    Text text = text_new(arena);
    leaves_print(&text, STR("p"), isa, &routine, 1);
    routine_print_c(&text, STR("p"), STR("p_sample"), isa, routine);
    Key key = key_of(text.at, (size_t)text.length);
    arena_free(arena);
    return key;
}
