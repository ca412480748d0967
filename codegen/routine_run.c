/* The kernel interpreter: executes a routine with every access held to its region. Written from
 * the definitions in routine.h alone, to be what emitted code is compared with. Instructions are
 * decoded once into functions for their type, since a network takes millions of them.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/half.h"
#include "codegen/routine.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- registers -------------------------------------------------------------------------- */

enum { VALUE_BYTES = 64, MAX_LANES = VALUE_BYTES };

typedef union Value {
    int8_t i8[64];
    uint8_t u8[64];
    int16_t i16[32];
    uint16_t u16[32];
    int32_t i32[16];
    uint32_t u32[16];
    int64_t i64[8];
    uint64_t u64[8];
    uint16_t f16[32];
    float f32[16];
    double f64[8];
} Value;

/* Lane 0 is the lowest whatever the width, so on big-endian hosts lanes count from the end. */
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LANE(value, field, i) (value)->field[COUNT((value)->field) - 1 - (i)]
#else
#define LANE(value, field, i) (value)->field[i]
#endif

typedef struct Pointer {
    int region;
    int64_t offset;
} Pointer;

/* Lanes on their way between two types. */
typedef union Wide {
    int64_t integer[MAX_LANES];
    double real[MAX_LANES];
} Wide;

typedef struct Cell Cell;
typedef struct Machine {
    Value *value;     /* (registers) */
    Pointer *pointer; /* (registers) */
    const Region *region;
    int32_t *pass, *passes; /* (ops): of a loop */
    const Cell *first;
    const char *fault;
} Machine;

typedef const Cell *(*Handler)(Machine *machine, const Cell *op); /* the next op; NULL: done */
struct Cell {
    Handler run;
    const Insn *insn;
    Reg dst, a, b, c;
    int lanes, bytes; /* of dst, or of what is stored */
    int other;        /* a loop's end, an end's loop */
};

/* ---- lanes to and from one wide type ---------------------------------------------------- */

#define SAME(x) (x)
#define MOVES(field, T, array, from_lane, to_lane)                                             \
    static void value_out_##field(const Value *value, Wide *wide, int count) {                 \
        for (int i = 0; i < count; i++)                                                        \
            wide->array[i] = from_lane(LANE(value, field, i));                                 \
    }                                                                                          \
    static void value_in_##field(Value *value, const Wide *wide, int count) {                  \
        for (int i = 0; i < count; i++)                                                        \
            LANE(value, field, i) = (T)to_lane(wide->array[i]);                                \
    }                                                                                          \
    static void memory_out_##field(const uint8_t *at, Wide *wide, int count) {                 \
        for (int i = 0; i < count; i++) {                                                      \
            T element;                                                                         \
            memcpy(&element, at + (size_t)i * sizeof element, sizeof element);                 \
            wide->array[i] = from_lane(element);                                               \
        }                                                                                      \
    }                                                                                          \
    static void memory_in_##field(uint8_t *at, const Wide *wide, int count) {                  \
        for (int i = 0; i < count; i++) {                                                      \
            T element = (T)to_lane(wide->array[i]);                                            \
            memcpy(at + (size_t)i * sizeof element, &element, sizeof element);                 \
        }                                                                                      \
    }
MOVES(i8, int8_t, integer, SAME, SAME)
MOVES(u8, uint8_t, integer, SAME, SAME)
MOVES(i16, int16_t, integer, SAME, SAME)
MOVES(u16, uint16_t, integer, SAME, SAME)
MOVES(i32, int32_t, integer, SAME, SAME)
MOVES(u32, uint32_t, integer, SAME, SAME)
MOVES(i64, int64_t, integer, SAME, SAME)
MOVES(f16, uint16_t, real, half_to_double, half_of_double)
MOVES(f32, float, real, SAME, SAME)
MOVES(f64, double, real, SAME, SAME)

typedef struct Moves {
    void (*value_out)(const Value *value, Wide *wide, int count);
    void (*value_in)(Value *value, const Wide *wide, int count);
    void (*memory_out)(const uint8_t *at, Wide *wide, int count);
    void (*memory_in)(uint8_t *at, const Wide *wide, int count);
} Moves;
#define MOVES_ROW(field)                                                                       \
    { value_out_##field, value_in_##field, memory_out_##field, memory_in_##field }
static const Moves moves[TYPE_COUNT] = {
    [I8] = MOVES_ROW(i8),   [U8] = MOVES_ROW(u8),   [I16] = MOVES_ROW(i16),
    [U16] = MOVES_ROW(u16), [I32] = MOVES_ROW(i32), [U32] = MOVES_ROW(u32),
    [I64] = MOVES_ROW(i64), [F16] = MOVES_ROW(f16), [F32] = MOVES_ROW(f32),
    [F64] = MOVES_ROW(f64),
};

/* C leaves these conversions undefined, so the emitted code must not meet them. */
static bool real_fits(double real, Type type) {
    int bits = type_bits(type) - type_is_signed(type);
    double end = ldexp(1, bits), below = type_is_signed(type) ? -end - 1 : -1;
    if (type == I64)
        return real >= -end && real < end;
    return real > below && real < end;
}

/* Lanes of `from` as lanes of `to`, in place. */
static bool convert(Machine *machine, Wide *wide, Type from, Type to, int count) {
    bool was_real = type_is_float(from), is_real = type_is_float(to);
    for (int i = 0; i < count && was_real && !is_real; i++) {
        if (!real_fits(wide->real[i], to)) {
            machine->fault = "a float that the integer cannot hold";
            return false;
        }
        wide->integer[i] = (int64_t)wide->real[i];
    }
    for (int i = 0; i < count && is_real && !was_real; i++) /* each rounded once */
        wide->real[i] = to == F32 ? (double)(float)wide->integer[i] : (double)wide->integer[i];
    return true;
}

/* ---- memory ----------------------------------------------------------------------------- */

static int64_t displacement(const Machine *machine, const Cell *op) {
    int64_t index = op->b == NO_REG ? 0 : LANE(&machine->value[op->b], i32, 0);
    return index * op->insn->scale + op->insn->imm;
}

/* The bytes that an access means; NULL and a fault where they are not the region's. */
static uint8_t *reach(Machine *machine, const Cell *op) {
    const Insn *insn = op->insn;
    Pointer pointer = machine->pointer[op->a];
    const Region *region = &machine->region[pointer.region];
    int64_t offset = pointer.offset + displacement(machine, op);
    int64_t bytes = (int64_t)insn->count * type_bits(insn->type2) / 8;
    if (offset < 0 || offset > region->bytes - bytes) {
        machine->fault = "an access outside its region";
        return NULL;
    }
    if (insn->align && offset % insn->align) {
        machine->fault = "an access less aligned than it says";
        return NULL;
    }
    return region->at + offset;
}

/* Lanes past `count`: zeros, or the first ones again. */
static void fill_rest(Value *value, const Cell *op) {
    int done = op->insn->count * op->bytes / op->lanes;
    if (!op->insn->repeat) {
        memset(value->u8 + done, 0, (size_t)(op->bytes - done));
        return;
    }
    for (int i = done; i < op->bytes; i++)
        value->u8[i] = value->u8[i - done];
}

static const Cell *run_load(Machine *machine, const Cell *op) {
    const Insn *insn = op->insn;
    const uint8_t *at = reach(machine, op);
    if (!at)
        return NULL;
    Wide wide;
    moves[insn->type2].memory_out(at, &wide, insn->count);
    if (insn->type != insn->type2 &&
        !convert(machine, &wide, insn->type2, insn->type, insn->count))
        return NULL;
    if (!insn->repeat)
        for (int i = insn->count; i < op->lanes; i++)
            wide.integer[i] = 0; /* 0.0 as well */
    else
        for (int i = insn->count; i < op->lanes; i++)
            wide.integer[i] = wide.integer[i - insn->count];
    moves[insn->type].value_in(&machine->value[op->dst], &wide, op->lanes);
    return op + 1;
}

static const Cell *run_store(Machine *machine, const Cell *op) {
    const Insn *insn = op->insn;
    uint8_t *at = reach(machine, op);
    if (!at)
        return NULL;
    if (machine->pointer[op->a].region != ARG_OUT &&
        machine->pointer[op->a].region != ARG_SCRATCH) {
        machine->fault = "a store to what is only read";
        return NULL;
    }
    Wide wide;
    moves[insn->type].value_out(&machine->value[op->c], &wide, insn->count);
    if (insn->type != insn->type2 &&
        !convert(machine, &wide, insn->type, insn->type2, insn->count))
        return NULL;
    moves[insn->type2].memory_in(at, &wide, insn->count);
    return op + 1;
}

/* Where nothing is converted and lanes lie as elements do. */
static const Cell *run_load_same(Machine *machine, const Cell *op) {
    const uint8_t *at = reach(machine, op);
    if (!at)
        return NULL;
    Value *value = &machine->value[op->dst];
    memcpy(value->u8, at, (size_t)(op->insn->count * op->bytes / op->lanes));
    fill_rest(value, op);
    return op + 1;
}

static const Cell *run_store_same(Machine *machine, const Cell *op) {
    uint8_t *at = reach(machine, op);
    if (!at)
        return NULL;
    int region = machine->pointer[op->a].region;
    if (region != ARG_OUT && region != ARG_SCRATCH)
        return run_store(machine, op);
    memcpy(at, machine->value[op->c].u8, (size_t)(op->insn->count * op->bytes / op->lanes));
    return op + 1;
}

static const Cell *run_address(Machine *machine, const Cell *op) {
    Pointer pointer = machine->pointer[op->a];
    uint64_t moved = (uint64_t)pointer.offset + (uint64_t)displacement(machine, op);
    machine->pointer[op->dst] = (Pointer){pointer.region, (int64_t)moved};
    return op + 1;
}

static const Cell *run_prefetch(Machine *machine, const Cell *op) {
    (void)machine;
    return op + 1;
}

/* ---- control and moves ------------------------------------------------------------------ */

static const Cell *run_loop(Machine *machine, const Cell *op) {
    int32_t passes =
        op->a == NO_REG ? (int32_t)op->insn->imm : LANE(&machine->value[op->a], i32, 0);
    if (passes <= 0)
        return machine->first + op->other + 1;
    machine->pass[op - machine->first] = 0;
    machine->passes[op - machine->first] = passes;
    if (op->dst != NO_REG)
        LANE(&machine->value[op->dst], i32, 0) = 0;
    return op + 1;
}

static const Cell *run_end(Machine *machine, const Cell *op) {
    const Cell *loop = machine->first + op->other;
    int32_t pass = ++machine->pass[op->other];
    if (pass == machine->passes[op->other])
        return op + 1;
    if (loop->dst != NO_REG)
        LANE(&machine->value[loop->dst], i32, 0) = pass;
    return loop + 1;
}

static const Cell *run_done(Machine *machine, const Cell *op) {
    (void)machine, (void)op;
    return NULL;
}

static const Cell *run_copy(Machine *machine, const Cell *op) {
    machine->value[op->dst] = machine->value[op->a];
    machine->pointer[op->dst] = machine->pointer[op->a];
    return op + 1;
}

static const Cell *run_constant(Machine *machine, const Cell *op) {
    Wide wide;
    bool real = type_is_float(op->insn->type);
    for (int i = 0; i < op->lanes; i++)
        if (real)
            wide.real[i] = op->insn->real;
        else
            wide.integer[i] = op->insn->imm;
    moves[op->insn->type].value_in(&machine->value[op->dst], &wide, op->lanes);
    return op + 1;
}

static const Cell *run_splat(Machine *machine, const Cell *op) {
    const Moves *move = &moves[op->insn->type];
    Wide wide;
    move->value_out(&machine->value[op->a], &wide, 1);
    for (int i = 1; i < op->lanes; i++)
        wide.integer[i] = wide.integer[0]; /* the union's bytes: reals too */
    move->value_in(&machine->value[op->dst], &wide, op->lanes);
    return op + 1;
}

static const Cell *run_convert(Machine *machine, const Cell *op) {
    const Insn *insn = op->insn;
    Wide wide;
    moves[insn->type2].value_out(&machine->value[op->a], &wide, op->lanes);
    if (!convert(machine, &wide, insn->type2, insn->type, op->lanes))
        return NULL;
    moves[insn->type].value_in(&machine->value[op->dst], &wide, op->lanes);
    return op + 1;
}

static const Cell *run_half(Machine *machine, const Cell *op) {
    static const Type halves[TYPE_COUNT] = {
        [I16] = I8, [U16] = U8, [I32] = I16, [U32] = U16, [I64] = I32};
    Type type = op->insn->type;
    Wide wide;
    moves[halves[type]].value_out(&machine->value[op->a], &wide, 2 * op->lanes);
    for (int i = 0; i < op->lanes; i++)
        wide.integer[i] = wide.integer[2 * i + op->insn->imm];
    moves[type].value_in(&machine->value[op->dst], &wide, op->lanes);
    return op + 1;
}

/* ---- across lanes, in blocks of 128 bits ------------------------------------------------ */

static const Cell *run_interleave(Machine *machine, const Cell *op) {
    const Moves *move = &moves[op->insn->type];
    int block = 128 / type_bits(op->insn->type);
    Wide a, b, out;
    move->value_out(&machine->value[op->a], &a, op->lanes);
    move->value_out(&machine->value[op->b], &b, op->lanes);
    for (int i = 0; i < op->lanes; i++) {
        int from = i / block * block + (op->insn->imm ? block / 2 : 0) + i % block / 2;
        out.integer[i] = i % 2 ? b.integer[from] : a.integer[from];
    }
    move->value_in(&machine->value[op->dst], &out, op->lanes);
    return op + 1;
}

static const Cell *run_transpose(Machine *machine, const Cell *op) {
    const Moves *move = &moves[op->insn->type];
    int block = 128 / type_bits(op->insn->type), blocks = op->lanes / block;
    Wide a, out;
    move->value_out(&machine->value[op->a], &a, op->lanes);
    for (int i = 0; i < op->lanes; i++) {
        int other = i % block * blocks + i / block;
        if (op->insn->imm)
            out.integer[i] = a.integer[other];
        else
            out.integer[other] = a.integer[i];
    }
    move->value_in(&machine->value[op->dst], &out, op->lanes);
    return op + 1;
}

static int64_t saturate(int64_t x, int bits, bool is_signed) {
    int64_t high = is_signed ? INT64_MAX >> (64 - bits) : (INT64_C(1) << bits) - 1;
    int64_t low = is_signed ? -high - 1 : 0;
    return x < low ? low : x > high ? high : x;
}

static const Cell *run_pack(Machine *machine, const Cell *op) {
    Type type = op->insn->type;
    int block = 128 / type_bits(type);
    const Moves *twice = &moves[type_bits(type) == 8 ? I16 : I32];
    Wide a, b, out;
    twice->value_out(&machine->value[op->a], &a, op->lanes / 2);
    twice->value_out(&machine->value[op->b], &b, op->lanes / 2);
    for (int i = 0; i < op->lanes; i++) {
        const Wide *from = i % block < block / 2 ? &a : &b;
        int lane = i / block * (block / 2) + i % (block / 2);
        out.integer[i] = saturate(from->integer[lane], type_bits(type), type_is_signed(type));
    }
    moves[type].value_in(&machine->value[op->dst], &out, op->lanes);
    return op + 1;
}

static const Cell *run_saturate(Machine *machine, const Cell *op) {
    static const Type as_signed[TYPE_COUNT] = {
        [U8] = I8, [I16] = I16, [U16] = I16, [I32] = I32, [U32] = I32, [I64] = I64};
    Type type = op->insn->type;
    const Moves *move = &moves[as_signed[type]];
    Wide wide;
    move->value_out(&machine->value[op->a], &wide, op->lanes);
    for (int i = 0; i < op->lanes; i++)
        wide.integer[i] = saturate(wide.integer[i], (int)op->insn->imm, type_is_signed(type));
    move->value_in(&machine->value[op->dst], &wide, op->lanes);
    return op + 1;
}

static const Cell *run_dot2(Machine *machine, const Cell *op) {
    const Value *a = &machine->value[op->a], *b = &machine->value[op->b];
    const Value *c = &machine->value[op->c];
    Value *dst = &machine->value[op->dst];
    for (int i = 0; i < op->lanes; i++) {
        int32_t low = LANE(a, i16, 2 * i) * LANE(b, i16, 2 * i);
        int32_t high = LANE(a, i16, 2 * i + 1) * LANE(b, i16, 2 * i + 1);
        LANE(dst, u32, i) = LANE(c, u32, i) + (uint32_t)low + (uint32_t)high;
    }
    return op + 1;
}

#define DOT4(NAME, left)                                                                       \
    static const Cell *NAME(Machine *machine, const Cell *op) {                                \
        const Value *a = &machine->value[op->a], *b = &machine->value[op->b];                  \
        const Value *c = &machine->value[op->c];                                               \
        Value *dst = &machine->value[op->dst];                                                 \
        for (int i = 0; i < op->lanes; i++) {                                                  \
            int32_t sum = 0;                                                                   \
            for (int k = 4 * i; k < 4 * i + 4; k++)                                            \
                sum += LANE(a, left, k) * LANE(b, i8, k);                                      \
            LANE(dst, u32, i) = LANE(c, u32, i) + (uint32_t)sum;                               \
        }                                                                                      \
        return op + 1;                                                                         \
    }
DOT4(run_dot4_u8, u8)
DOT4(run_dot4_i8, i8)

/* ---- lane by lane ----------------------------------------------------------------------- */

/* x, y: the lanes of a and b. */
#define LANEWISE(NAME, field, T, result)                                                       \
    static const Cell *run_##NAME##_##field(Machine *machine, const Cell *op) {                \
        const Value *a = &machine->value[op->a], *b = &machine->value[op->b];                  \
        Value *dst = &machine->value[op->dst];                                                 \
        for (int i = 0; i < op->lanes; i++) {                                                  \
            T x = LANE(a, field, i), y = LANE(b, field, i);                                    \
            LANE(dst, field, i) = (T)(result);                                                 \
        }                                                                                      \
        return op + 1;                                                                         \
    }
#define UNSIGNED(NAME, result)                                                                 \
    LANEWISE(NAME, u8, uint8_t, result)                                                        \
    LANEWISE(NAME, u16, uint16_t, result)                                                      \
    LANEWISE(NAME, u32, uint32_t, result)                                                      \
    LANEWISE(NAME, u64, uint64_t, result)
#define FLOATS(NAME, result)                                                                   \
    LANEWISE(NAME, f32, float, result)                                                         \
    LANEWISE(NAME, f64, double, result)
#define ALL(NAME, result)                                                                      \
    LANEWISE(NAME, i8, int8_t, result)                                                         \
    LANEWISE(NAME, u8, uint8_t, result)                                                        \
    LANEWISE(NAME, i16, int16_t, result)                                                       \
    LANEWISE(NAME, u16, uint16_t, result)                                                      \
    LANEWISE(NAME, i32, int32_t, result)                                                       \
    LANEWISE(NAME, u32, uint32_t, result)                                                      \
    LANEWISE(NAME, i64, int64_t, result)                                                       \
    FLOATS(NAME, result)

UNSIGNED(add, (uint64_t)x + y)
UNSIGNED(sub, (uint64_t)x - y)
UNSIGNED(mul, (uint64_t)x *y)
UNSIGNED(and, x &y)
UNSIGNED(xor, x ^ y)
FLOATS(add, x + y)
FLOATS(sub, x - y)
FLOATS(mul, x *y)
FLOATS(div, x / y)
ALL(min, x < y ? x : y)
ALL(max, x > y ? x : y)
LANEWISE(mulhi, i16, int16_t, ((int32_t)x * y) >> 16)
LANEWISE(mulround, i16, int16_t, ((int32_t)x * y + 16384) >> 15)
LANEWISE(mulhi, i32, int32_t, ((int64_t)x * y) >> 32)

/* x: the lane of a; s: by how much. */
#define SHIFT(NAME, field, T, result)                                                          \
    static const Cell *run_##NAME##_##field(Machine *machine, const Cell *op) {                \
        const Value *a = &machine->value[op->a];                                               \
        Value *dst = &machine->value[op->dst];                                                 \
        int64_t s = op->b == NO_REG ? op->insn->imm : LANE(&machine->value[op->b], i32, 0);    \
        if (s < 0 || s >= 8 * (int64_t)sizeof(T)) {                                            \
            machine->fault = "a shift past the lane";                                          \
            return NULL;                                                                       \
        }                                                                                      \
        for (int i = 0; i < op->lanes; i++) {                                                  \
            T x = LANE(a, field, i);                                                           \
            LANE(dst, field, i) = (T)(result);                                                 \
        }                                                                                      \
        return op + 1;                                                                         \
    }
SHIFT(shl, u8, uint8_t, x << s)
SHIFT(shl, u16, uint16_t, (uint32_t)x << s)
SHIFT(shl, u32, uint32_t, x << s)
SHIFT(shl, u64, uint64_t, x << s)
SHIFT(shr, i8, int8_t, x >> s)
SHIFT(shr, u8, uint8_t, x >> s)
SHIFT(shr, i16, int16_t, x >> s)
SHIFT(shr, u16, uint16_t, x >> s)
SHIFT(shr, i32, int32_t, x >> s)
SHIFT(shr, u32, uint32_t, x >> s)
SHIFT(shr, i64, int64_t, x >> s)

#define ROOT(field, root)                                                                      \
    static const Cell *run_sqrt_##field(Machine *machine, const Cell *op) {                    \
        const Value *a = &machine->value[op->a];                                               \
        for (int i = 0; i < op->lanes; i++)                                                    \
            LANE(&machine->value[op->dst], field, i) = root(LANE(a, field, i));                \
        return op + 1;                                                                         \
    }
ROOT(f32, sqrtf)
ROOT(f64, sqrt)

/* ---- decoding --------------------------------------------------------------------------- */

#define ROW_UNSIGNED(NAME)                                                                     \
    [I8] = run_##NAME##_u8, [U8] = run_##NAME##_u8, [I16] = run_##NAME##_u16,                  \
    [U16] = run_##NAME##_u16, [I32] = run_##NAME##_u32, [U32] = run_##NAME##_u32,              \
    [I64] = run_##NAME##_u64
#define ROW_SIGNED(NAME)                                                                       \
    [I8] = run_##NAME##_i8, [U8] = run_##NAME##_u8, [I16] = run_##NAME##_i16,                  \
    [U16] = run_##NAME##_u16, [I32] = run_##NAME##_i32, [U32] = run_##NAME##_u32,              \
    [I64] = run_##NAME##_i64
#define ROW_FLOATS(NAME) [F32] = run_##NAME##_f32, [F64] = run_##NAME##_f64

static const Handler typed[INSN_COUNT][TYPE_COUNT] = {
    [INSN_ADD] = {ROW_UNSIGNED(add), ROW_FLOATS(add)},
    [INSN_SUB] = {ROW_UNSIGNED(sub), ROW_FLOATS(sub)},
    [INSN_MUL] = {ROW_UNSIGNED(mul), ROW_FLOATS(mul)},
    [INSN_AND] = {ROW_UNSIGNED(and)},
    [INSN_XOR] = {ROW_UNSIGNED(xor)},
    [INSN_SHL] = {ROW_UNSIGNED(shl)},
    [INSN_SHR] = {ROW_SIGNED(shr)},
    [INSN_MIN] = {ROW_SIGNED(min), ROW_FLOATS(min)},
    [INSN_MAX] = {ROW_SIGNED(max), ROW_FLOATS(max)},
    [INSN_MULROUND] = {[I16] = run_mulround_i16},
    [INSN_MULHI] = {[I16] = run_mulhi_i16, [I32] = run_mulhi_i32},
    [INSN_DIV] = {ROW_FLOATS(div)},
    [INSN_SQRT] = {ROW_FLOATS(sqrt)},
};

static const Handler untyped[INSN_COUNT] = {
    [INSN_LOOP] = run_loop,         [INSN_END] = run_end,
    [INSN_ADDRESS] = run_address,   [INSN_PREFETCH] = run_prefetch,
    [INSN_CONSTANT] = run_constant, [INSN_COPY] = run_copy,
    [INSN_SPLAT] = run_splat,       [INSN_LOAD] = run_load,
    [INSN_STORE] = run_store,       [INSN_CONVERT] = run_convert,
    [INSN_HALF] = run_half,         [INSN_INTERLEAVE] = run_interleave,
    [INSN_TRANSPOSE] = run_transpose,
    [INSN_PACK] = run_pack,         [INSN_SATURATE] = run_saturate,
    [INSN_DOT2] = run_dot2,
};

/* Whether elements of one are bit for bit lanes of the other, in the host's order. */
static bool is_plain_move(const Insn *insn) {
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return false && insn;
#else
    return insn->type == insn->type2 ||
           (type_bits(insn->type) == type_bits(insn->type2) && !type_is_float(insn->type) &&
            !type_is_float(insn->type2));
#endif
}

static Handler handler_of(const Insn *insn) {
    if (insn->kind == INSN_DOT4)
        return insn->type2 == U8 ? run_dot4_u8 : run_dot4_i8;
    if (insn->kind == INSN_LOAD && is_plain_move(insn))
        return run_load_same;
    if (insn->kind == INSN_STORE && is_plain_move(insn))
        return run_store_same;
    Handler handler = untyped[insn->kind];
    return handler ? handler : typed[insn->kind][insn->type];
}

static Cell decode_insn(const Routine *routine, const Insn *insn) {
    Cell op = {.run = handler_of(insn),
               .insn = insn,
               .dst = insn->dst,
               .a = insn->a,
               .b = insn->b,
               .c = insn->c};
    Reg sized = insn->kind == INSN_STORE ? insn->c : insn->dst;
    if (sized != NO_REG) {
        op.bytes = routine->regs.at[sized].bits / 8;
        op.lanes = op.bytes * 8 / type_bits(insn->type);
    }
    assert(op.run);
    return op;
}

static Cell *decode(Arena *arena, const Routine *routine) {
    int count = routine->insns.count, depth = 0;
    Cell *ops = arena_array(arena, Cell, count + 1);
    int *open = arena_array(arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        ops[i] = decode_insn(routine, &routine->insns.at[i]);
        if (ops[i].insn->kind == INSN_LOOP)
            open[depth++] = i;
        if (ops[i].insn->kind == INSN_END) {
            ops[i].other = open[--depth];
            ops[ops[i].other].other = i;
        }
    }
    ops[count].run = run_done;
    return ops;
}

bool routine_run(Arena *arena, const Routine *routine, const Region region[ARG_COUNT],
                 Str *why) {
    const char *fault = routine_check(routine);
    if (fault) {
        *why = str_of(fault);
        return false;
    }
    int registers = routine->regs.count, count = routine->insns.count;
    Machine machine = {.value = arena_array(arena, Value, registers),
                       .pointer = arena_array(arena, Pointer, registers),
                       .region = region,
                       .pass = arena_array(arena, int32_t, count + 1),
                       .passes = arena_array(arena, int32_t, count + 1),
                       .first = decode(arena, routine)};
    for (int i = 0; i < ARG_COUNT; i++)
        machine.pointer[i].region = i;
    const Cell *op = machine.first, *last = op;
    while (op)
        op = (last = op)->run(&machine, op);
    if (machine.fault)
        *why =
            str_format(arena, "instruction %d: %s", (int)(last - machine.first), machine.fault);
    return !machine.fault;
}
