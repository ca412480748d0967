/* Schedules for instruction sets that multiply two pairs of 16-bit halves at once (Cortex-M
 * with DSP): which operator takes which, and what they all need. Code is shared by layers of
 * one kind: what differs between their shapes comes in parameters.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

/* ---- small instructions ------------------------------------------------------------------ */

Reg pair_param(Pair *p, int64_t value) {
    vec_push(p->r->arena, &p->params, (int32_t)value);
    return op_param(p->r, p->params.count - 1);
}

Reg pair_count(Pair *p, int64_t value) {
    Reg count = pair_param(p, value);
    return value >= 1 ? op2(p->r, INSN_MAX, I32, count, pair_fixed(p, 1)) : count;
}

Reg pair_number(Pair *p, int64_t value) {
    vec_push(p->r->arena, &p->numbers, (int32_t)value);
    return pair_load_word(p, ARG_CONSTANTS, 4 * (p->numbers.count - 1), 4);
}

Reg pair_fixed(Pair *p, int64_t value) {
    return op_constant(p->r, I32, 32, value);
}

Reg pair_add(Pair *p, Reg a, Reg b) {
    return op2(p->r, INSN_ADD, I32, a, b);
}

Reg pair_sub(Pair *p, Reg a, Reg b) {
    return op2(p->r, INSN_SUB, I32, a, b);
}

Reg pair_mul(Pair *p, Reg a, Reg b) {
    return op2(p->r, INSN_MUL, I32, a, b);
}

Reg pair_and(Pair *p, Reg a, Reg b) {
    return op2(p->r, INSN_AND, I32, a, b);
}

Reg pair_shift(Pair *p, InsnKind kind, Type type, Reg a, Reg by) {
    Reg dst = routine_value(p->r, type_bits(type));
    op_any(p->r, (Insn){.kind = kind, .type = type, .dst = dst, .a = a, .b = by, .c = NO_REG});
    return dst;
}

Reg pair_copy(Pair *p, Reg a) {
    Reg dst = routine_value(p->r, p->r->regs.at[a].bits);
    op_copy_to(p->r, dst, a);
    return dst;
}

static void set_align(Pair *p, int align) {
    p->r->insns.at[p->r->insns.count - 1].align = align;
}

Reg pair_load_word(Pair *p, Reg pointer, int64_t offset, int align) {
    Reg word = op_load(p->r, I32, 32, I32, pointer, offset, 1);
    set_align(p, align);
    return word;
}

void pair_store_word(Pair *p, Reg value, Reg pointer, int64_t offset, int align) {
    op_store(p->r, I32, value, I32, pointer, offset, 1);
    set_align(p, align);
}

Type pair_type(Format format) {
    return format == FORMAT_U8 ? U8 : I8;
}

/* ---- the table --------------------------------------------------------------------------- */

typedef bool Write(Pair *p);

static Write *const writers[OP_COUNT] = {
    [OP_CONV] = pair_conv,    [OP_DENSE] = pair_dense,          [OP_DEPTHWISE] = pair_depthwise,
    [OP_ADD] = pair_add_step, [OP_AVERAGE_POOL] = pair_average,
};

static bool is_narrow(Format format) {
    return format == FORMAT_I4 || format == FORMAT_I8 || format == FORMAT_U8;
}

bool schedule_pair(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered, Str *why) {
    Kernel kernel = step->kernel;
    Write *write = writers[kernel.kind];
    *why = STR("no schedule of pair words for these formats");
    if (!isa->shared_kernels || !write || kernel.accumulator_bits != 32 ||
        kernel.weights == FORMAT_I16 || !is_narrow(kernel.in) || !is_narrow(kernel.in2) ||
        !is_narrow(kernel.out))
        return false;
    Str name = str_format(arena, "%.*s", STR_ARG(kernel_print(arena, kernel)));
    *lowered = (Lowered){
        .routine = routine_new(arena, name), .weights_type = I32, .constants_type = I32};
    Pair pair = {.r = &lowered->routine, .step = step, .lowered = lowered};
    if (!write(&pair))
        return false;
    int64_t *constants = arena_array(arena, int64_t, pair.numbers.count + 1);
    for (int i = 0; i < pair.numbers.count; i++)
        constants[i] = pair.numbers.at[i];
    lowered->constants = constants;
    lowered->constants_count = pair.numbers.count;
    lowered->params = pair.params.at;
    lowered->param_count = pair.params.count;
    return true;
}
