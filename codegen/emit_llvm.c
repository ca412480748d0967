/* Routines as LLVM IR. A register is a stack slot that LLVM turns into values; each instruction
 * sees it as the lanes it wants. Nothing is decided here: one instruction, one pattern, with an
 * intrinsic of the target where it has one.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#if HAVE_LLVM
#include "codegen/llvm.h"

#include <assert.h>
#include <string.h>

enum { MAX_LANES = 64, MAX_DEPTH = 32, BLOCK_BITS = 128 };

typedef LLVMValueRef Value;

typedef struct Loop {
    LLVMBasicBlockRef body, after;
    Value counter, count; /* the slot; the number of passes */
    Reg dst;
} Loop;

/* A function being written. */
typedef struct Writer {
    const LlvmModule *module;
    const Routine *routine;
    LLVMContextRef context;
    LLVMBuilderRef builder;
    Value function;
    Value *slot; /* (regs) */
    Loop loop[MAX_DEPTH];
    int depth;
} Writer;

/* ---- types ------------------------------------------------------------------------------- */

static LLVMTypeRef integer_type(const Writer *w, int bits) {
    return LLVMIntTypeInContext(w->context, (unsigned)bits);
}

static LLVMTypeRef lane_type(const Writer *w, Type type) {
    switch (type) {
    case F16:
        return LLVMHalfTypeInContext(w->context);
    case F32:
        return LLVMFloatTypeInContext(w->context);
    case F64:
        return LLVMDoubleTypeInContext(w->context);
    default:
        return integer_type(w, type_bits(type));
    }
}

/* One lane is a scalar: LLVM makes better code of those than of vectors of one. */
static LLVMTypeRef lanes_of(LLVMTypeRef lane, int count) {
    return count == 1 ? lane : LLVMVectorType(lane, (unsigned)count);
}

/* What a register is kept as. */
static int slot_lane_bits(int bits) {
    return bits <= 64 ? bits : 32;
}

static LLVMTypeRef slot_type(const Writer *w, int bits) {
    if (bits == 0)
        return LLVMPointerTypeInContext(w->context, 0);
    int lane = slot_lane_bits(bits);
    return lanes_of(integer_type(w, lane), bits / lane);
}

static int bits_of(const Writer *w, Reg reg) {
    return w->routine->regs.at[reg].bits;
}

static int lanes_in(const Writer *w, Reg reg, Type type) {
    return bits_of(w, reg) / type_bits(type);
}

/* ---- lanes ------------------------------------------------------------------------------- */

static int value_lanes(Value value) {
    LLVMTypeRef type = LLVMTypeOf(value);
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(type) : 1;
}

static LLVMTypeRef value_lane(Value value) {
    LLVMTypeRef type = LLVMTypeOf(value);
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) : type;
}

static Value i32_constant(const Writer *w, int64_t value) {
    return LLVMConstInt(integer_type(w, 32), (uint64_t)value, true);
}

/* All lanes of a type, equal. */
static Value repeated(Value lane, int count) {
    Value all[MAX_LANES];
    for (int i = 0; i < count; i++)
        all[i] = lane;
    return count == 1 ? lane : LLVMConstVector(all, (unsigned)count);
}

static Value constant(const Writer *w, Type type, int count, int64_t imm) {
    return repeated(LLVMConstInt(lane_type(w, type), (uint64_t)imm, true), count);
}

static Value as_vector(const Writer *w, Value value) {
    if (value_lanes(value) > 1)
        return value;
    LLVMTypeRef vector = LLVMVectorType(LLVMTypeOf(value), 1);
    return LLVMBuildInsertElement(w->builder, LLVMGetPoison(vector), value, i32_constant(w, 0),
                                  "");
}

/* Lane i of the result is lane pick[i] of a's lanes followed by b's (which has as many). */
static Value shuffled(const Writer *w, Value a, Value b, const int *pick, int count) {
    Value mask[MAX_LANES];
    if (count == 1 && pick[0] < value_lanes(a))
        return value_lanes(a) == 1
                   ? a
                   : LLVMBuildExtractElement(w->builder, a, i32_constant(w, pick[0]), "");
    for (int i = 0; i < count; i++)
        mask[i] = i32_constant(w, pick[i]);
    a = as_vector(w, a);
    b = b ? as_vector(w, b) : LLVMGetPoison(LLVMTypeOf(a));
    Value result =
        LLVMBuildShuffleVector(w->builder, a, b, LLVMConstVector(mask, (unsigned)count), "");
    return count == 1 ? LLVMBuildExtractElement(w->builder, result, i32_constant(w, 0), "")
                      : result;
}

/* The first `count` lanes. */
static Value first_lanes(const Writer *w, Value value, int count) {
    int pick[MAX_LANES];
    if (count == value_lanes(value))
        return value;
    for (int i = 0; i < count; i++)
        pick[i] = i;
    return shuffled(w, value, NULL, pick, count);
}

static Value splat(const Writer *w, Value lane, int count) {
    int pick[MAX_LANES] = {0};
    return count == 1 ? lane : shuffled(w, lane, NULL, pick, count);
}

/* Groups of lanes turned round: how bytes of a lane and lanes of bytes differ on a machine
 * whose first byte is the highest. */
static Value groups_reversed(const Writer *w, Value value, int group) {
    int pick[MAX_LANES], count = value_lanes(value);
    for (int i = 0; i < count; i++)
        pick[i] = i / group * group + group - 1 - i % group;
    return shuffled(w, value, NULL, pick, count);
}

/* The same bits as `count` lanes of another type. Lane 0 is the lowest whatever the machine. */
static Value recast(const Writer *w, Value value, LLVMTypeRef lane, int lane_bits,
                    int from_bits, int count) {
    int ratio = max_i64(lane_bits, from_bits) / min_i64(lane_bits, from_bits);
    bool turn = w->module->big_endian && ratio > 1;
    if (turn && from_bits < lane_bits)
        value = groups_reversed(w, value, ratio);
    value = LLVMBuildBitCast(w->builder, value, lanes_of(lane, count), "");
    return turn && from_bits > lane_bits ? groups_reversed(w, value, ratio) : value;
}

static int lane_bits_of(Value value) {
    LLVMTypeRef lane = value_lane(value);
    switch (LLVMGetTypeKind(lane)) {
    case LLVMHalfTypeKind:
        return 16;
    case LLVMFloatTypeKind:
        return 32;
    case LLVMDoubleTypeKind:
        return 64;
    default:
        return (int)LLVMGetIntTypeWidth(lane);
    }
}

/* A register as lanes of a type. */
static Value read_as(const Writer *w, Reg reg, Type type) {
    int bits = bits_of(w, reg);
    Value value = LLVMBuildLoad2(w->builder, slot_type(w, bits), w->slot[reg], "");
    return recast(w, value, lane_type(w, type), type_bits(type), slot_lane_bits(bits),
                  bits / type_bits(type));
}

static Value read_whole(const Writer *w, Reg reg) {
    return LLVMBuildLoad2(w->builder, slot_type(w, bits_of(w, reg)), w->slot[reg], "");
}

static void write_whole(const Writer *w, Reg reg, Value value) {
    LLVMBuildStore(w->builder, value, w->slot[reg]);
}

/* Lanes of any type into a register. */
static void write_lanes(const Writer *w, Reg reg, Value value) {
    int bits = bits_of(w, reg), lane = slot_lane_bits(bits);
    write_whole(
        w, reg,
        recast(w, value, integer_type(w, lane), lane, lane_bits_of(value), bits / lane));
}

/* ---- intrinsics -------------------------------------------------------------------------- */

/* Calls an intrinsic; overloaded ones take `overload` as their type. */
static Value call_intrinsic(const Writer *w, const char *name, LLVMTypeRef overload,
                            Value *arguments, int count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    LLVMTypeRef types[] = {overload};
    size_t overloads = overload != NULL;
    Value function = LLVMGetIntrinsicDeclaration(w->module->module, id, types, overloads);
    LLVMTypeRef type = LLVMIntrinsicGetType(w->context, id, types, overloads);
    return LLVMBuildCall2(w->builder, type, function, arguments, (unsigned)count, "");
}

static Value call2(const Writer *w, const char *name, LLVMTypeRef overload, Value a, Value b) {
    return call_intrinsic(w, name, overload, (Value[]){a, b}, 2);
}

static bool has_x86(const Writer *w, int bits) {
    return w->module->leaves == LEAVES_X86 && bits >= BLOCK_BITS &&
           bits <= w->module->isa->vector_bits;
}

static bool has_vnni(const Writer *w, int bits) {
    return has_x86(w, bits) && w->module->isa->dot == DOT_U8;
}

static bool has_dsp(const Writer *w, int bits) {
    return w->module->leaves == LEAVES_ARM_DSP && bits == 32;
}

/* 0, 1, 2 for vectors of 128, 256, 512 bits. */
static int width_index(int bits) {
    return bits == 128 ? 0 : bits == 256 ? 1 : 2;
}

/* ---- conversions ------------------------------------------------------------------------- */

static Value converted(const Writer *w, Value value, Type from, Type to) {
    LLVMTypeRef type = lanes_of(lane_type(w, to), value_lanes(value));
    LLVMBuilderRef b = w->builder;
    bool from_float = type_is_float(from), to_float = type_is_float(to);
    if (from_float && to_float)
        return LLVMBuildFPCast(b, value, type, "");
    if (from_float)
        return type_is_signed(to) ? LLVMBuildFPToSI(b, value, type, "")
                                  : LLVMBuildFPToUI(b, value, type, "");
    if (to_float)
        return type_is_signed(from) ? LLVMBuildSIToFP(b, value, type, "")
                                    : LLVMBuildUIToFP(b, value, type, "");
    if (type_bits(to) == type_bits(from))
        return value;
    if (type_bits(to) < type_bits(from))
        return LLVMBuildTrunc(b, value, type, "");
    return type_is_signed(from) ? LLVMBuildSExt(b, value, type, "")
                                : LLVMBuildZExt(b, value, type, "");
}

static Value clamped(const Writer *w, Value value, int64_t low, int64_t high) {
    LLVMTypeRef type = LLVMTypeOf(value), lane = value_lane(value);
    int count = value_lanes(value);
    Value least = repeated(LLVMConstInt(lane, (uint64_t)low, true), count);
    Value most = repeated(LLVMConstInt(lane, (uint64_t)high, true), count);
    return call2(w, "llvm.smin", type, call2(w, "llvm.smax", type, value, least), most);
}

static void write_convert(const Writer *w, const Insn *insn) {
    Value a =
        first_lanes(w, read_as(w, insn->a, insn->type2), lanes_in(w, insn->dst, insn->type));
    write_lanes(w, insn->dst, converted(w, a, insn->type2, insn->type));
}

static void write_half(const Writer *w, const Insn *insn) {
    int bits = type_bits(insn->type), count = lanes_in(w, insn->dst, insn->type);
    Value half = constant(w, insn->type, count, bits / 2), a = read_as(w, insn->a, insn->type);
    bool sign = type_is_signed(insn->type);
    if (has_dsp(w, bits_of(w, insn->dst)) && bits == 16) {
        LLVMTypeRef i32 = integer_type(w, 32);
        Value whole = read_whole(w, insn->a);
        if (insn->imm)
            whole = call_intrinsic(w, "llvm.fshr", i32,
                                   (Value[]){whole, whole, i32_constant(w, 8)}, 3);
        write_whole(
            w, insn->dst,
            call_intrinsic(w, sign ? "llvm.arm.sxtb16" : "llvm.arm.uxtb16", NULL, &whole, 1));
        return;
    }
    if (!insn->imm)
        a = LLVMBuildShl(w->builder, a, half, "");
    write_lanes(w, insn->dst,
                sign ? LLVMBuildAShr(w->builder, a, half, "")
                     : LLVMBuildLShr(w->builder, a, half, ""));
}

/* ---- lanes about ------------------------------------------------------------------------- */

static int block_lanes(const Writer *w, Reg reg, Type type) {
    return (int)min_i64(bits_of(w, reg), BLOCK_BITS) / type_bits(type);
}

static void write_interleave(const Writer *w, const Insn *insn) {
    int count = lanes_in(w, insn->dst, insn->type), pick[MAX_LANES];
    int block = block_lanes(w, insn->dst, insn->type);
    for (int i = 0; i < count; i++)
        pick[i] =
            i / block * block + (int)insn->imm * block / 2 + i % block / 2 + i % 2 * count;
    Value a = read_as(w, insn->a, insn->type), b = read_as(w, insn->b, insn->type);
    write_lanes(w, insn->dst, shuffled(w, a, b, pick, count));
}

static void write_transpose(const Writer *w, const Insn *insn) {
    int count = lanes_in(w, insn->dst, insn->type), pick[MAX_LANES];
    int block = block_lanes(w, insn->dst, insn->type), blocks = count / block;
    for (int i = 0; i < count; i++) {
        int other = i % block * blocks + i / block;
        pick[insn->imm ? i : other] = insn->imm ? other : i;
    }
    write_lanes(w, insn->dst, shuffled(w, read_as(w, insn->a, insn->type), NULL, pick, count));
}

static const char *const x86_packs[2][2][3] = {
    {{"llvm.x86.sse2.packsswb.128", "llvm.x86.avx2.packsswb", "llvm.x86.avx512.packsswb.512"},
     {"llvm.x86.sse2.packuswb.128", "llvm.x86.avx2.packuswb", "llvm.x86.avx512.packuswb.512"}},
    {{"llvm.x86.sse2.packssdw.128", "llvm.x86.avx2.packssdw", "llvm.x86.avx512.packssdw.512"},
     {"llvm.x86.sse41.packusdw", "llvm.x86.avx2.packusdw", "llvm.x86.avx512.packusdw.512"}}};

static Type wide_of(Type type) {
    return type_bits(type) == 8 ? I16 : type_bits(type) == 16 ? I32 : I64;
}

static void write_pack(const Writer *w, const Insn *insn) {
    Type wide = wide_of(insn->type);
    Value a = read_as(w, insn->a, wide), b = read_as(w, insn->b, wide);
    int bits = bits_of(w, insn->dst), lane = type_bits(insn->type), pick[MAX_LANES];
    bool sign = type_is_signed(insn->type);
    if (has_x86(w, bits) && lane <= 16) {
        const char *name = x86_packs[lane == 16][!sign][width_index(bits)];
        write_lanes(w, insn->dst, call2(w, name, NULL, a, b));
        return;
    }
    int64_t low = sign ? -((int64_t)1 << (lane - 1)) : 0;
    int64_t high = ((int64_t)1 << (sign ? lane - 1 : lane)) - 1;
    int count = bits / lane, block = block_lanes(w, insn->dst, insn->type);
    for (int i = 0; i < count; i++)
        pick[i] = i / block * block / 2 + i % block % (block / 2) +
                  (i % block >= block / 2 ? count / 2 : 0);
    a = converted(w, clamped(w, a, low, high), wide, insn->type);
    b = converted(w, clamped(w, b, low, high), wide, insn->type);
    write_lanes(w, insn->dst, shuffled(w, a, b, pick, count));
}

static void write_splat(const Writer *w, const Insn *insn) {
    Value lane = first_lanes(w, read_as(w, insn->a, insn->type), 1);
    write_lanes(w, insn->dst, splat(w, lane, lanes_in(w, insn->dst, insn->type)));
}

static void write_constant(const Writer *w, const Insn *insn) {
    int count = lanes_in(w, insn->dst, insn->type);
    Value value = type_is_float(insn->type)
                      ? repeated(LLVMConstReal(lane_type(w, insn->type), insn->real), count)
                      : constant(w, insn->type, count, insn->imm);
    write_lanes(w, insn->dst, value);
}

static void write_copy(const Writer *w, const Insn *insn) {
    write_whole(w, insn->dst, read_whole(w, insn->a));
}

/* ---- memory ------------------------------------------------------------------------------ */

/* pointer + index * scale + offset. Without "inbounds": a pointer may leave its region as long as
 * it is not used there. */
static Value address(const Writer *w, Reg pointer, Reg index, int scale, int64_t offset) {
    LLVMTypeRef i64 = integer_type(w, 64), i8 = integer_type(w, 8);
    Value at = read_whole(w, pointer);
    if (index != NO_REG) {
        Value steps = LLVMBuildSExt(w->builder, read_whole(w, index), i64, "");
        Value bytes = LLVMBuildMul(w->builder, steps,
                                   LLVMConstInt(i64, (uint64_t)(int64_t)scale, true), "");
        at = LLVMBuildGEP2(w->builder, i8, at, &bytes, 1, "");
    }
    Value bytes = LLVMConstInt(i64, (uint64_t)offset, true);
    return offset ? LLVMBuildGEP2(w->builder, i8, at, &bytes, 1, "") : at;
}

static void write_address(const Writer *w, const Insn *insn) {
    write_whole(w, insn->dst, address(w, insn->a, insn->b, insn->scale, insn->imm));
}

/* For reading, into the second nearest cache. */
static void write_prefetch(const Writer *w, const Insn *insn) {
    Value at = address(w, insn->a, insn->b, insn->scale, insn->imm);
    Value arguments[] = {at, i32_constant(w, 0), i32_constant(w, 2), i32_constant(w, 1)};
    call_intrinsic(w, "llvm.prefetch", LLVMTypeOf(at), arguments, 4);
}

static Value load_from(const Writer *w, LLVMTypeRef type, Value at, int align) {
    Value load = LLVMBuildLoad2(w->builder, type, at, "");
    LLVMSetAlignment(load, align > 1 ? (unsigned)align : 1);
    return load;
}

/* A group that is repeated as it is in memory is one wider number, splat: what broadcasts from
 * memory are made of. */
static bool write_broadcast(const Writer *w, const Insn *insn, Value at) {
    int group = insn->count * type_bits(insn->type2), bits = bits_of(w, insn->dst);
    bool whole = group == 8 || group == 16 || group == 32 || group == 64;
    if (!insn->repeat || !whole || group == bits || insn->count == 1 || w->module->big_endian ||
        type_bits(insn->type) != type_bits(insn->type2) ||
        type_is_float(insn->type) != type_is_float(insn->type2))
        return false;
    Value lane = load_from(w, integer_type(w, group), at, insn->align);
    write_lanes(w, insn->dst, splat(w, lane, bits / group));
    return true;
}

/* Whether an access moves a whole register as it is: then as what registers are kept as, which
 * spares LLVM's selector half of the nodes. */
static bool moves_whole(const Writer *w, const Insn *insn, Reg reg) {
    return type_bits(insn->type) == type_bits(insn->type2) &&
           type_is_float(insn->type) == type_is_float(insn->type2) &&
           insn->count == lanes_in(w, reg, insn->type) && !w->module->big_endian;
}

static void write_load(const Writer *w, const Insn *insn) {
    Value at = address(w, insn->a, insn->b, insn->scale, insn->imm);
    if (write_broadcast(w, insn, at))
        return;
    if (moves_whole(w, insn, insn->dst)) {
        LLVMTypeRef whole = slot_type(w, bits_of(w, insn->dst));
        write_whole(w, insn->dst, load_from(w, whole, at, insn->align));
        return;
    }
    LLVMTypeRef stored = lanes_of(lane_type(w, insn->type2), insn->count);
    Value value = converted(w, load_from(w, stored, at, insn->align), insn->type2, insn->type);
    int count = lanes_in(w, insn->dst, insn->type), pick[MAX_LANES];
    if (count > insn->count) {
        for (int i = 0; i < count; i++)
            pick[i] = insn->repeat || i < insn->count ? i % insn->count : insn->count;
        Value zeros = LLVMConstNull(LLVMTypeOf(value));
        value = shuffled(w, value, zeros, pick, count);
    }
    write_lanes(w, insn->dst, value);
}

static void write_store(const Writer *w, const Insn *insn) {
    Value at = address(w, insn->a, insn->b, insn->scale, insn->imm), value;
    if (moves_whole(w, insn, insn->c)) {
        value = read_whole(w, insn->c);
    } else {
        value = first_lanes(w, read_as(w, insn->c, insn->type), insn->count);
        value = converted(w, value, insn->type, insn->type2);
    }
    Value store = LLVMBuildStore(w->builder, value, at);
    LLVMSetAlignment(store, insn->align > 1 ? (unsigned)insn->align : 1);
}

/* ---- arithmetic -------------------------------------------------------------------------- */

static LLVMOpcode binary_opcode(const Insn *insn) {
    bool real = type_is_float(insn->type);
    switch (insn->kind) {
    case INSN_ADD:
        return real ? LLVMFAdd : LLVMAdd;
    case INSN_SUB:
        return real ? LLVMFSub : LLVMSub;
    case INSN_MUL:
        return real ? LLVMFMul : LLVMMul;
    case INSN_AND:
        return LLVMAnd;
    case INSN_DIV:
        return LLVMFDiv;
    default:
        return LLVMXor;
    }
}

/* Sums of bytes or halves in a word. */
static const char *dsp_sum(const Writer *w, const Insn *insn) {
    int lane = type_bits(insn->type);
    bool add = insn->kind == INSN_ADD;
    if (!has_dsp(w, bits_of(w, insn->dst)) || (!add && insn->kind != INSN_SUB) || lane > 16)
        return NULL;
    if (lane == 16)
        return add ? "llvm.arm.sadd16" : "llvm.arm.ssub16";
    return add ? "llvm.arm.sadd8" : "llvm.arm.ssub8";
}

static void write_binary(const Writer *w, const Insn *insn) {
    const char *name = dsp_sum(w, insn);
    if (name) {
        write_whole(w, insn->dst,
                    call2(w, name, NULL, read_whole(w, insn->a), read_whole(w, insn->b)));
        return;
    }
    Value a = read_as(w, insn->a, insn->type), b = read_as(w, insn->b, insn->type);
    write_lanes(w, insn->dst, LLVMBuildBinOp(w->builder, binary_opcode(insn), a, b, ""));
}

static void write_extremum(const Writer *w, const Insn *insn) {
    Value a = read_as(w, insn->a, insn->type), b = read_as(w, insn->b, insn->type), result;
    bool min = insn->kind == INSN_MIN, sign = type_is_signed(insn->type);
    if (type_is_float(insn->type)) {
        Value first = LLVMBuildFCmp(w->builder, min ? LLVMRealOLT : LLVMRealOGT, a, b, "");
        result = LLVMBuildSelect(w->builder, first, a, b, "");
    } else {
        const char *name =
            sign ? (min ? "llvm.smin" : "llvm.smax") : (min ? "llvm.umin" : "llvm.umax");
        result = call2(w, name, LLVMTypeOf(a), a, b);
    }
    write_lanes(w, insn->dst, result);
}

/* Words of odd number where their lower neighbours were. */
static Value odd_words(const Writer *w, Value words) {
    int pick[MAX_LANES], count = value_lanes(words);
    for (int i = 0; i < count; i++)
        pick[i] = i | 1;
    return shuffled(w, words, NULL, pick, count);
}

/* The same, of a vector of 512 bits; by an intrinsic, which nothing makes a shuffle of. */
static Value odd_words_shifted(const Writer *w, Value words) {
    LLVMTypeRef pairs = lanes_of(integer_type(w, 64), value_lanes(words) / 2);
    Value arguments[] = {LLVMBuildBitCast(w->builder, words, pairs, ""), i32_constant(w, 32)};
    return call_intrinsic(w, "llvm.x86.avx512.psrli.q.512", NULL, arguments, 2);
}

/* vpmuldq multiplies the even lanes of 32 bits; odd ones are moved there first, and their
 * products' high words are already where they belong. Of two vectors of 512 bits one is shuffled
 * and one is shifted: each can be done on one port only, and not on the same. */
static Value mulhi_even_odd(const Writer *w, Reg left, Reg right, bool shifts) {
    Value a = read_as(w, left, I32), b = read_as(w, right, I32);
    LLVMBuilderRef builder = w->builder;
    int count = value_lanes(a), pick[MAX_LANES];
    LLVMTypeRef pairs = lanes_of(integer_type(w, 64), count / 2);
    Value half = constant(w, I64, count / 2, 32),
          operand[4] = {a, b, shifts ? odd_words_shifted(w, a) : odd_words(w, a),
                        odd_words(w, b)};
    for (int i = 0; i < 4; i++) {
        Value pair = LLVMBuildBitCast(builder, operand[i], pairs, "");
        pair = LLVMBuildShl(builder, pair, half, "");
        operand[i] = LLVMBuildAShr(builder, pair, half, "");
    }
    Value even = LLVMBuildMul(builder, operand[0], operand[1], "");
    Value odd = LLVMBuildMul(builder, operand[2], operand[3], "");
    even = odd_words(w, LLVMBuildBitCast(builder, even, LLVMTypeOf(a), ""));
    for (int i = 0; i < count; i++)
        pick[i] = i % 2 ? count + i : i;
    return shuffled(w, even, LLVMBuildBitCast(builder, odd, LLVMTypeOf(a), ""), pick, count);
}

static void write_mulhi(const Writer *w, const Insn *insn) {
    if (has_x86(w, bits_of(w, insn->dst)) && type_bits(insn->type) == 32) {
        bool shifts = bits_of(w, insn->dst) == 512 && insn->dst % 2;
        write_lanes(w, insn->dst, mulhi_even_odd(w, insn->a, insn->b, shifts));
        return;
    }
    int bits = type_bits(insn->type), count = lanes_in(w, insn->dst, insn->type);
    LLVMTypeRef type = lanes_of(lane_type(w, insn->type), count),
                wide = lanes_of(integer_type(w, 2 * bits), count);
    Value a = LLVMBuildSExt(w->builder, read_as(w, insn->a, insn->type), wide, "");
    Value b = LLVMBuildSExt(w->builder, read_as(w, insn->b, insn->type), wide, "");
    Value shift =
        repeated(LLVMConstInt(integer_type(w, 2 * bits), (uint64_t)bits, false), count);
    Value product = LLVMBuildMul(w->builder, a, b, "");
    write_lanes(
        w, insn->dst,
        LLVMBuildTrunc(w->builder, LLVMBuildLShr(w->builder, product, shift, ""), type, ""));
}

static const char *const x86_rounded[] = {"llvm.x86.ssse3.pmul.hr.sw.128",
                                          "llvm.x86.avx2.pmul.hr.sw",
                                          "llvm.x86.avx512.pmul.hr.sw.512"};

static void write_mulround(const Writer *w, const Insn *insn) {
    Value a = read_as(w, insn->a, I16), b = read_as(w, insn->b, I16);
    int bits = bits_of(w, insn->dst), count = value_lanes(a);
    if (has_x86(w, bits)) {
        write_lanes(w, insn->dst, call2(w, x86_rounded[width_index(bits)], NULL, a, b));
        return;
    }
    Value product =
        LLVMBuildMul(w->builder, converted(w, a, I16, I32), converted(w, b, I16, I32), "");
    product = LLVMBuildAdd(w->builder, product, constant(w, I32, count, 1 << 14), "");
    product = LLVMBuildLShr(w->builder, product, constant(w, I32, count, 15), "");
    write_lanes(w, insn->dst, converted(w, product, I32, I16));
}

static void write_shift(const Writer *w, const Insn *insn) {
    int count = lanes_in(w, insn->dst, insn->type);
    Value a = read_as(w, insn->a, insn->type), by;
    if (insn->b == NO_REG)
        by = constant(w, insn->type, count, insn->imm);
    else
        by = splat(w, converted(w, read_whole(w, insn->b), U32, insn->type), count);
    LLVMOpcode opcode = insn->kind == INSN_SHL       ? LLVMShl
                        : type_is_signed(insn->type) ? LLVMAShr
                                                     : LLVMLShr;
    write_lanes(w, insn->dst, LLVMBuildBinOp(w->builder, opcode, a, by, ""));
}

/* The lanes are signed; T says whether they are cut to a signed or an unsigned range. */
static void write_saturate(const Writer *w, const Insn *insn) {
    bool sign = type_is_signed(insn->type);
    int bits = (int)insn->imm;
    if (has_dsp(w, bits_of(w, insn->dst)) && type_bits(insn->type) == 32) {
        write_whole(w, insn->dst,
                    call2(w, sign ? "llvm.arm.ssat" : "llvm.arm.usat", NULL,
                          read_whole(w, insn->a), i32_constant(w, bits)));
        return;
    }
    int64_t low = sign ? -((int64_t)1 << (bits - 1)) : 0;
    int64_t high = ((int64_t)1 << (sign ? bits - 1 : bits)) - 1;
    write_lanes(w, insn->dst, clamped(w, read_as(w, insn->a, insn->type), low, high));
}

static void write_root(const Writer *w, const Insn *insn) {
    Value a = read_as(w, insn->a, insn->type);
    write_lanes(w, insn->dst, call_intrinsic(w, "llvm.sqrt", LLVMTypeOf(a), &a, 1));
}

/* ---- dot products ------------------------------------------------------------------------ */

/* acc + the products of each group of `ratio` lanes, lane by lane of the groups. */
static Value dot_generic(const Writer *w, const Insn *insn, Type left, Type right, int ratio) {
    Value a = read_as(w, insn->a, left), b = read_as(w, insn->b, right);
    Value sum = read_as(w, insn->c, I32);
    int count = value_lanes(sum), pick[MAX_LANES];
    for (int k = 0; k < ratio; k++) {
        for (int i = 0; i < count; i++)
            pick[i] = ratio * i + k;
        Value x = converted(w, shuffled(w, a, NULL, pick, count), left, I32);
        Value y = converted(w, shuffled(w, b, NULL, pick, count), right, I32);
        sum = LLVMBuildAdd(w->builder, sum, LLVMBuildMul(w->builder, x, y, ""), "");
    }
    return sum;
}

static const char *const vnni_bytes[] = {"llvm.x86.avx512.vpdpbusd.128",
                                         "llvm.x86.avx512.vpdpbusd.256",
                                         "llvm.x86.avx512.vpdpbusd.512"};
static const char *const vnni_words[] = {"llvm.x86.avx512.vpdpwssd.128",
                                         "llvm.x86.avx512.vpdpwssd.256",
                                         "llvm.x86.avx512.vpdpwssd.512"};
static const char *const x86_pairs[] = {"llvm.x86.sse2.pmadd.wd", "llvm.x86.avx2.pmadd.wd",
                                        "llvm.x86.avx512.pmaddw.d.512"};

static void write_dot2(const Writer *w, const Insn *insn) {
    int bits = bits_of(w, insn->dst);
    Value sum;
    if (has_vnni(w, bits)) {
        Value all[] = {read_whole(w, insn->c), read_whole(w, insn->a), read_whole(w, insn->b)};
        sum = call_intrinsic(w, vnni_words[width_index(bits)], NULL, all, 3);
    } else if (has_x86(w, bits)) {
        sum = call2(w, x86_pairs[width_index(bits)], NULL, read_as(w, insn->a, I16),
                    read_as(w, insn->b, I16));
        sum = LLVMBuildAdd(w->builder, read_as(w, insn->c, I32), sum, "");
    } else if (has_dsp(w, bits)) {
        Value all[] = {read_whole(w, insn->a), read_whole(w, insn->b), read_whole(w, insn->c)};
        sum = call_intrinsic(w, "llvm.arm.smlad", NULL, all, 3);
    } else {
        sum = dot_generic(w, insn, I16, I16, 2);
    }
    write_lanes(w, insn->dst, sum);
}

static void write_dot4(const Writer *w, const Insn *insn) {
    int bits = bits_of(w, insn->dst);
    if (has_vnni(w, bits) && insn->type2 == U8) {
        Value all[] = {read_whole(w, insn->c), read_whole(w, insn->a), read_whole(w, insn->b)};
        write_lanes(w, insn->dst,
                    call_intrinsic(w, vnni_bytes[width_index(bits)], NULL, all, 3));
        return;
    }
    write_lanes(w, insn->dst, dot_generic(w, insn, insn->type2, I8, 4));
}

/* ---- loops ------------------------------------------------------------------------------- */

/* The test stands at the end; where the number of passes is not known to be positive another
 * one stands before. */
static void write_loop(Writer *w, const Insn *insn) {
    LLVMTypeRef i32 = integer_type(w, 32);
    assert(w->depth < MAX_DEPTH);
    Loop *loop = &w->loop[w->depth++];
    loop->dst = insn->dst;
    loop->body = LLVMAppendBasicBlockInContext(w->context, w->function, "loop");
    loop->after = LLVMAppendBasicBlockInContext(w->context, w->function, "after");
    loop->count = insn->a == NO_REG ? i32_constant(w, insn->imm) : read_whole(w, insn->a);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(w->builder);
    if (insn->a == NO_REG && insn->imm > 0) {
        LLVMBuildBr(w->builder, loop->body);
    } else {
        Value any = LLVMBuildICmp(w->builder, LLVMIntSGT, loop->count, i32_constant(w, 0), "");
        LLVMBuildCondBr(w->builder, any, loop->body, loop->after);
    }
    LLVMPositionBuilderAtEnd(w->builder, loop->body);
    loop->counter = LLVMBuildPhi(w->builder, i32, "pass");
    Value zero = i32_constant(w, 0);
    LLVMAddIncoming(loop->counter, &zero, &here, 1);
    if (insn->dst != NO_REG)
        write_whole(w, insn->dst, loop->counter);
}

static void write_end(Writer *w) {
    Loop *loop = &w->loop[--w->depth];
    LLVMBasicBlockRef here = LLVMGetInsertBlock(w->builder);
    Value next = LLVMBuildNSWAdd(w->builder, loop->counter, i32_constant(w, 1), "");
    Value more = LLVMBuildICmp(w->builder, LLVMIntSLT, next, loop->count, "");
    LLVMBuildCondBr(w->builder, more, loop->body, loop->after);
    LLVMAddIncoming(loop->counter, &next, &here, 1);
    LLVMMoveBasicBlockAfter(loop->after, here);
    LLVMPositionBuilderAtEnd(w->builder, loop->after);
}

/* ---- routines ---------------------------------------------------------------------------- */

typedef void WriteInsn(const Writer *w, const Insn *insn);
static WriteInsn *const writers[INSN_COUNT] = {
    [INSN_ADDRESS] = write_address,   [INSN_PREFETCH] = write_prefetch,
    [INSN_CONSTANT] = write_constant, [INSN_COPY] = write_copy,
    [INSN_SPLAT] = write_splat,       [INSN_LOAD] = write_load,
    [INSN_STORE] = write_store,       [INSN_CONVERT] = write_convert,
    [INSN_HALF] = write_half,         [INSN_INTERLEAVE] = write_interleave,
    [INSN_TRANSPOSE] = write_transpose,
    [INSN_PACK] = write_pack,         [INSN_SATURATE] = write_saturate,
    [INSN_ADD] = write_binary,        [INSN_SUB] = write_binary,
    [INSN_MUL] = write_binary,        [INSN_MULHI] = write_mulhi,
    [INSN_MULROUND] = write_mulround, [INSN_AND] = write_binary,
    [INSN_XOR] = write_binary,        [INSN_SHL] = write_shift,
    [INSN_SHR] = write_shift,         [INSN_MIN] = write_extremum,
    [INSN_MAX] = write_extremum,      [INSN_DOT2] = write_dot2,
    [INSN_DOT4] = write_dot4,         [INSN_DIV] = write_binary,
    [INSN_SQRT] = write_root,
};

static void write_insn(Writer *w, const Insn *insn) {
    if (insn->kind == INSN_LOOP)
        write_loop(w, insn);
    else if (insn->kind == INSN_END)
        write_end(w);
    else
        writers[insn->kind](w, insn);
}

static LLVMAttributeRef attribute(LLVMContextRef context, const char *name) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    return LLVMCreateEnumAttribute(context, kind, 0);
}

static void add_text_attribute(const LlvmModule *module, Value function, const char *name,
                               const char *value, int length) {
    LLVMAttributeRef text = LLVMCreateStringAttribute(
        module->context, name, (unsigned)strlen(name), value, (unsigned)length);
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, text);
}

/* LLVM prefers 256 bits on many machines that have 512; the code has decided otherwise. */
void llvm_add_attributes(const LlvmModule *module, Value function) {
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            attribute(module->context, "nounwind"));
    if (module->cpu.length)
        add_text_attribute(module, function, "target-cpu", module->cpu.at, module->cpu.length);
    if (module->features.length)
        add_text_attribute(module, function, "target-features", module->features.at,
                           module->features.length);
    if (module->tune.length)
        add_text_attribute(module, function, "tune-cpu", module->tune.at, module->tune.length);
    if (module->leaves != LEAVES_X86)
        return;
    const char *width = module->isa->vector_bits == 512 ? "512" : "256";
    add_text_attribute(module, function, "min-legal-vector-width", width, 3);
    add_text_attribute(module, function, "prefer-vector-width", width, 3);
}

/* Constants and parameters are read only, and no result overlaps them; scratch is the routine's
 * own. Operands and result may be one place. */
static void add_argument_attributes(const LlvmModule *module, Value function) {
    static const Reg apart[] = {ARG_WEIGHTS, ARG_CONSTANTS, ARG_SCRATCH, ARG_PARAMS};
    for (int i = 0; i < COUNT(apart); i++) {
        unsigned index = (unsigned)apart[i] + 1;
        LLVMAddAttributeAtIndex(function, index, attribute(module->context, "noalias"));
        if (apart[i] != ARG_SCRATCH)
            LLVMAddAttributeAtIndex(function, index, attribute(module->context, "readonly"));
    }
}

LLVMTypeRef llvm_kernel_type(LLVMContextRef context) {
    LLVMTypeRef pointers[ARG_COUNT];
    for (int i = 0; i < ARG_COUNT; i++)
        pointers[i] = LLVMPointerTypeInContext(context, 0);
    return LLVMFunctionType(LLVMVoidTypeInContext(context), pointers, ARG_COUNT, false);
}

static void write_body(Writer *w, Arena *arena) {
    const Routine *r = w->routine;
    LLVMPositionBuilderAtEnd(w->builder,
                             LLVMAppendBasicBlockInContext(w->context, w->function, ""));
    w->slot = arena_array(arena, Value, r->regs.count);
    for (int i = 0; i < r->regs.count; i++)
        w->slot[i] = LLVMBuildAlloca(w->builder, slot_type(w, r->regs.at[i].bits), "");
    for (int i = 0; i < ARG_COUNT; i++)
        write_whole(w, i, LLVMGetParam(w->function, (unsigned)i));
    for (int i = 0; i < r->insns.count; i++)
        write_insn(w, &r->insns.at[i]);
    LLVMBuildRetVoid(w->builder);
}

Value llvm_add_routine(const LlvmModule *module, const Routine *routine, const char *name,
                       bool exported) {
    Arena *arena = arena_new();
    Writer w = {.module = module, .routine = routine, .context = module->context};
    w.function = LLVMAddFunction(module->module, name, llvm_kernel_type(module->context));
    w.builder = LLVMCreateBuilderInContext(module->context);
    LLVMSetLinkage(w.function, exported ? LLVMExternalLinkage : LLVMInternalLinkage);
    llvm_add_attributes(module, w.function);
    add_argument_attributes(module, w.function);
    write_body(&w, arena);
    LLVMDisposeBuilder(w.builder);
    arena_free(arena);
    return w.function;
}
#endif
