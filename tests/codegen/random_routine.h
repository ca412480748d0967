/* Random routines, for tests that run one in two ways: any instruction, type and width, loops, and
 * addresses that stay inside their regions. Everything computed is stored in the end.
 * To be included by one file of a test program.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef RANDOM_ROUTINE_H
#define RANDOM_ROUTINE_H

#include "codegen/routine.h"

enum { ROUTINE_BYTES = 4096, ROUTINE_INSNS = 30 };

typedef struct RandomRoutine {
    Random random;
    Routine r;
    VEC(Reg) values; /* of integers, any width */
    VEC(Reg) reals;  /* of F32 lanes, finite and not large */
} RandomRoutine;

static int pick_below(RandomRoutine *x, int n) {
    return random_below(&x->random, n);
}

static Type pick_integer(RandomRoutine *x, int most_bits) {
    static const Type types[] = {I8, U8, I16, U16, I32, U32, I64};
    Type type;
    do
        type = types[pick_below(x, COUNT(types))];
    while (type_bits(type) > most_bits);
    return type;
}

static int pick_width(RandomRoutine *x) {
    static const int widths[] = {8, 16, 32, 32, 64, 128, 128, 256, 512};
    return widths[pick_below(x, COUNT(widths))];
}

static int width_of(const RandomRoutine *x, Reg reg) {
    return x->r.regs.at[reg].bits;
}

static Reg keep(RandomRoutine *x, Reg reg) {
    vec_push(x->r.arena, &x->values, reg);
    return reg;
}

static Insn random_insn(InsnKind kind, Type type, Type type2) {
    return (Insn){.kind = kind,
                  .type = type,
                  .type2 = type2,
                  .dst = NO_REG,
                  .a = NO_REG,
                  .b = NO_REG,
                  .c = NO_REG};
}

/* A load of some elements from somewhere, perhaps by an index of a loop. */
static Reg random_load(RandomRoutine *x, int bits, Reg index) {
    static const Reg from[] = {ARG_IN, ARG_IN2, ARG_WEIGHTS, ARG_CONSTANTS};
    Type type = pick_integer(x, bits), memory = pick_integer(x, 64);
    int lanes = bits / type_bits(type);
    Insn insn = random_insn(INSN_LOAD, type, memory);
    insn.dst = routine_value(&x->r, bits);
    insn.a = from[pick_below(x, COUNT(from))];
    insn.b = index;
    insn.scale = index == NO_REG ? 0 : 1 + pick_below(x, 20);
    insn.count = 1 + pick_below(x, lanes);
    insn.repeat = lanes % insn.count == 0 && pick_below(x, 2);
    insn.imm = pick_below(x, 1024);
    if (index == NO_REG && pick_below(x, 2)) {
        insn.align = 16;
        insn.imm &= ~15;
    }
    op_any(&x->r, insn);
    return keep(x, insn.dst);
}

/* A register of the width: one that there is, or a new one. */
static Reg operand(RandomRoutine *x, int bits) {
    for (int tries = 0; tries < 12; tries++) {
        Reg reg = x->values.at[pick_below(x, x->values.count)];
        if (width_of(x, reg) == bits)
            return reg;
    }
    return random_load(x, bits, NO_REG);
}

static void random_lanewise(RandomRoutine *x, InsnKind kind) {
    int bits = pick_width(x);
    Type type = pick_integer(x, bits);
    if (kind == INSN_MULHI)
        type = bits >= 32 && pick_below(x, 2) ? I32 : I16, bits = bits < 16 ? 16 : bits;
    if (kind == INSN_MULROUND)
        type = I16, bits = bits < 16 ? 16 : bits;
    if (kind == INSN_MULROUND)
        type = I16, bits = bits < 16 ? 16 : bits;
    Reg a = operand(x, bits), b = operand(x, bits);
    if (pick_below(x, 3))
        keep(x, op2(&x->r, kind, type, a, b));
    else
        op2_to(&x->r, a, kind, type, a, b);
}

static void random_shift(RandomRoutine *x, InsnKind kind) {
    int bits = pick_width(x);
    Type type = pick_integer(x, bits);
    Insn insn = random_insn(kind, type, type);
    insn.a = operand(x, bits);
    if (pick_below(x, 2)) {
        Reg any = operand(x, 32), mask = op_constant(&x->r, I32, 32, type_bits(type) - 1);
        insn.b = op2(&x->r, INSN_AND, I32, any, mask);
    } else {
        insn.imm = pick_below(x, type_bits(type));
    }
    insn.dst = routine_value(&x->r, bits);
    op_any(&x->r, insn);
    keep(x, insn.dst);
}

static void random_convert(RandomRoutine *x) {
    int from_bits = pick_width(x), bits = pick_width(x);
    Type from = pick_integer(x, from_bits), to = pick_integer(x, bits);
    int lanes = bits / type_bits(to), given = from_bits / type_bits(from);
    if (given >= lanes)
        keep(x, op_convert(&x->r, to, from, bits, operand(x, from_bits)));
}

static void random_blocks(RandomRoutine *x, InsnKind kind) {
    int bits = 128 << pick_below(x, 3);
    Type type = pick_integer(x, kind == INSN_PACK ? 16 : 64);
    Insn insn = random_insn(kind, type, type);
    insn.a = operand(x, bits);
    insn.b = operand(x, bits);
    insn.imm = kind == INSN_PACK ? 0 : pick_below(x, 2);
    insn.dst = routine_value(&x->r, bits);
    op_any(&x->r, insn);
    keep(x, insn.dst);
}

static void random_dot(RandomRoutine *x, InsnKind kind) {
    int bits = 32 << pick_below(x, 5);
    Type left = kind == INSN_DOT2 ? I16 : pick_below(x, 2) ? U8 : I8;
    Reg a = operand(x, bits), b = operand(x, bits), c = operand(x, bits);
    if (pick_below(x, 2))
        keep(x, op_dot(&x->r, kind, left, a, b, c));
    else
        op_dot_into(&x->r, kind, left, c, a, b);
}

static void random_transpose(RandomRoutine *x) {
    int bits = 128 << pick_below(x, 3);
    Reg a = operand(x, bits);
    keep(x, op1(&x->r, INSN_TRANSPOSE, pick_below(x, 2) ? I32 : I64, a, pick_below(x, 2)));
}

static void random_unary(RandomRoutine *x, InsnKind kind) {
    int bits = pick_width(x);
    if (kind == INSN_HALF && bits == 8)
        bits = 16;
    Type type = pick_integer(x, bits);
    if (kind == INSN_HALF && type_bits(type) == 8)
        type = U16;
    Insn insn = random_insn(kind, type, type);
    insn.a = operand(x, kind == INSN_SPLAT ? 64 : bits);
    insn.imm = kind == INSN_SATURATE ? 1 + pick_below(x, type_bits(type)) : pick_below(x, 2);
    if (kind == INSN_SATURATE && !type_is_signed(type) && insn.imm == type_bits(type))
        insn.imm--;
    insn.dst = routine_value(&x->r, bits);
    op_any(&x->r, insn);
    keep(x, insn.dst);
}

/* Floats made of small integers, so that no NaN shows which operand came first. */
static void random_real(RandomRoutine *x) {
    static const InsnKind kinds[] = {INSN_ADD, INSN_SUB, INSN_MUL, INSN_DIV,
                                     INSN_MIN, INSN_MAX, INSN_SQRT};
    int bits = 32 << pick_below(x, 5), lanes = bits / 32;
    Type bytes = pick_below(x, 2) ? I8 : U8;
    Reg a = op_load(&x->r, F32, bits, bytes, ARG_IN, pick_below(x, 512), lanes);
    Reg b = op_load(&x->r, F32, bits, U8, ARG_IN2, pick_below(x, 512), lanes);
    b = op2(&x->r, INSN_ADD, F32, b, op_real(&x->r, F32, bits, 0.5));
    InsnKind kind = kinds[pick_below(x, COUNT(kinds))];
    Reg y = kind == INSN_SQRT ? op1(&x->r, kind, F32, b, 0) : op2(&x->r, kind, F32, a, b);
    y = op2(&x->r, INSN_ADD, F32, op2(&x->r, INSN_MUL, F32, y, b), a);
    keep(x, op_convert(&x->r, I32, F32, bits, y));
    keep(x, y);
}

static void random_one(RandomRoutine *x) {
    static const InsnKind lanewise[] = {INSN_ADD, INSN_SUB, INSN_MUL, INSN_MULHI, INSN_MULROUND,
                                        INSN_AND, INSN_XOR, INSN_MIN, INSN_MAX};
    static const InsnKind unary[] = {INSN_HALF, INSN_SATURATE, INSN_SPLAT};
    switch (pick_below(x, 9)) {
    case 0:
        random_load(x, pick_width(x), NO_REG);
        break;
    case 1:
        random_shift(x, pick_below(x, 2) ? INSN_SHL : INSN_SHR);
        break;
    case 2:
        random_convert(x);
        break;
    case 3:
        random_blocks(x, pick_below(x, 2) ? INSN_PACK : INSN_INTERLEAVE);
        break;
    case 4:
        random_dot(x, pick_below(x, 2) ? INSN_DOT2 : INSN_DOT4);
        break;
    case 5:
        if (pick_below(x, 4) == 0)
            random_transpose(x);
        random_unary(x, unary[pick_below(x, COUNT(unary))]);
        break;
    case 6:
        random_real(x);
        break;
    default:
        random_lanewise(x, lanewise[pick_below(x, COUNT(lanewise))]);
    }
}

/* Sums over two loops, the inner of a count from the parameters, perhaps none. */
static void random_loops(RandomRoutine *x) {
    Type type = pick_integer(x, 32);
    Reg sum = op_constant(&x->r, type, 128, pick_below(x, 100)), count = op_param(&x->r, 0);
    Reg at = op_address(&x->r, ARG_IN, NO_REG, 0, 7);
    Reg outer = op_loop_n(&x->r, 1 + pick_below(x, 4));
    Reg inner = op_loop(&x->r, count);
    Reg value = op_load_at(&x->r, type, 128, U8, at, inner, 3, 1, 128 / type_bits(type));
    op2_to(&x->r, sum, INSN_ADD, type, sum, value);
    op_end(&x->r);
    op_advance(&x->r, at, outer, 5, 2);
    op_end(&x->r);
    keep(x, sum);
}

static void store_all(RandomRoutine *x) {
    int64_t at = 0;
    for (int i = 0; i < x->values.count; i++) {
        Reg reg = x->values.at[i];
        int bytes = width_of(x, reg) / 8;
        if (at + bytes <= ROUTINE_BYTES)
            op_store(&x->r, U8, reg, U8, ARG_OUT, at, bytes);
        at += bytes;
    }
    op_store(&x->r, I32, x->values.at[0], I32, ARG_SCRATCH, 0, 1);
}

static Routine random_routine(Arena *arena, uint64_t seed) {
    RandomRoutine x = {.random = {seed, 0x524f, 0}, .r = routine_new(arena, STR("random"))};
    random_load(&x, 32, NO_REG);
    random_load(&x, 512, NO_REG);
    random_loops(&x);
    for (int i = 0; i < ROUTINE_INSNS; i++)
        random_one(&x);
    store_all(&x);
    return x.r;
}

#endif
