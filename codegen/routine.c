/* Routines: written by schedulers, printed as stable text, read back, checked.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <assert.h>
#include <string.h>

/* ---- facts ------------------------------------------------------------------------------ */

const InsnFacts insn_facts[INSN_COUNT] = {
#define INSN(NAME, spelling, dst, a, b, c, flags)                                              \
    [INSN_##NAME] = {spelling, OPERAND_##dst, OPERAND_##a, OPERAND_##b, OPERAND_##c, flags},
#include "codegen/instructions.def"
#undef INSN
};

bool insn_has_address(InsnKind kind) {
    return kind == INSN_ADDRESS || kind == INSN_PREFETCH || insn_facts[kind].flags & HAS_MEMORY;
}

static const struct {
    const char *name;
    int bits;
} types[TYPE_COUNT] = {
    [I8] = {"i8", 8},    [U8] = {"u8", 8},    [I16] = {"i16", 16}, [U16] = {"u16", 16},
    [I32] = {"i32", 32}, [U32] = {"u32", 32}, [I64] = {"i64", 64}, [F16] = {"f16", 16},
    [F32] = {"f32", 32}, [F64] = {"f64", 64},
};

int type_bits(Type type) {
    return types[type].bits;
}

const char *type_name(Type type) {
    return types[type].name;
}

bool type_is_float(Type type) {
    return type >= F16;
}

bool type_is_signed(Type type) {
    return type != U8 && type != U16 && type != U32;
}

/* ---- writing ---------------------------------------------------------------------------- */

Routine routine_new(Arena *arena, Str name) {
    Routine routine = {.arena = arena, .name = name};
    for (int i = 0; i < ARG_COUNT; i++)
        vec_push(arena, &routine.regs, (RegFacts){0});
    return routine;
}

Reg routine_value(Routine *r, int bits) {
    vec_push(r->arena, &r->regs, (RegFacts){bits});
    return r->regs.count - 1;
}

Reg routine_pointer(Routine *r) {
    return routine_value(r, 0);
}

static int bits_of(const Routine *r, Reg reg) {
    assert(reg >= 0 && reg < r->regs.count);
    return r->regs.at[reg].bits;
}

/* An instruction of that kind without operands. */
static Insn blank(InsnKind kind, Type type, Type type2) {
    return (Insn){.kind = kind,
                  .type = type,
                  .type2 = type2,
                  .dst = NO_REG,
                  .a = NO_REG,
                  .b = NO_REG,
                  .c = NO_REG};
}

Insn *op_any(Routine *r, Insn insn) {
    if (insn.kind == INSN_LOOP)
        r->depth++;
    if (insn.kind == INSN_END)
        r->depth--;
    vec_push(r->arena, &r->insns, insn);
    return &r->insns.at[r->insns.count - 1];
}

Reg op_constant(Routine *r, Type type, int bits, int64_t imm) {
    Insn insn = blank(INSN_CONSTANT, type, type);
    insn.dst = routine_value(r, bits);
    insn.imm = imm;
    return op_any(r, insn)->dst;
}

Reg op_real(Routine *r, Type type, int bits, double real) {
    Insn insn = blank(INSN_CONSTANT, type, type);
    insn.dst = routine_value(r, bits);
    insn.real = real;
    return op_any(r, insn)->dst;
}

Reg op_load_at(Routine *r, Type type, int bits, Type memory, Reg pointer, Reg index, int scale,
               int64_t offset, int count) {
    Insn insn = blank(INSN_LOAD, type, memory);
    insn.dst = routine_value(r, bits);
    insn.a = pointer;
    insn.b = index;
    insn.scale = scale;
    insn.imm = offset;
    insn.count = count;
    return op_any(r, insn)->dst;
}

Reg op_load(Routine *r, Type type, int bits, Type memory, Reg pointer, int64_t offset,
            int count) {
    return op_load_at(r, type, bits, memory, pointer, NO_REG, 0, offset, count);
}

Reg op_load_repeat(Routine *r, Type type, int bits, Type memory, Reg pointer, int64_t offset,
                   int count) {
    Reg dst = op_load(r, type, bits, memory, pointer, offset, count);
    r->insns.at[r->insns.count - 1].repeat = true;
    return dst;
}

void op_store_at(Routine *r, Type type, Reg value, Type memory, Reg pointer, Reg index,
                 int scale, int64_t offset, int count) {
    Insn insn = blank(INSN_STORE, type, memory);
    insn.a = pointer;
    insn.b = index;
    insn.c = value;
    insn.scale = scale;
    insn.imm = offset;
    insn.count = count;
    op_any(r, insn);
}

void op_store(Routine *r, Type type, Reg value, Type memory, Reg pointer, int64_t offset,
              int count) {
    op_store_at(r, type, value, memory, pointer, NO_REG, 0, offset, count);
}

Reg op_param(Routine *r, int index) {
    Reg dst = op_load(r, I32, 32, I32, ARG_PARAMS, 4 * (int64_t)index, 1);
    r->insns.at[r->insns.count - 1].align = 4;
    return dst;
}

static Reg address_to(Routine *r, Reg dst, Reg pointer, Reg index, int scale, int64_t offset) {
    Insn insn = blank(INSN_ADDRESS, I8, I8);
    insn.dst = dst;
    insn.a = pointer;
    insn.b = index;
    insn.scale = scale;
    insn.imm = offset;
    return op_any(r, insn)->dst;
}

Reg op_address(Routine *r, Reg pointer, Reg index, int scale, int64_t offset) {
    return address_to(r, routine_pointer(r), pointer, index, scale, offset);
}

void op_prefetch(Routine *r, Reg pointer, int64_t offset) {
    Insn insn = blank(INSN_PREFETCH, I8, I8);
    insn.a = pointer;
    insn.imm = offset;
    op_any(r, insn);
}

void op_advance(Routine *r, Reg pointer, Reg index, int scale, int64_t offset) {
    address_to(r, pointer, pointer, index, scale, offset);
}

static Reg loop(Routine *r, Reg count, int64_t n) {
    Insn insn = blank(INSN_LOOP, I32, I32);
    insn.dst = routine_value(r, 32);
    insn.a = count;
    insn.imm = n;
    return op_any(r, insn)->dst;
}

Reg op_loop(Routine *r, Reg count) {
    return loop(r, count, 0);
}

Reg op_loop_n(Routine *r, int64_t n) {
    return loop(r, NO_REG, n);
}

void op_end(Routine *r) {
    assert(r->depth > 0);
    op_any(r, blank(INSN_END, I8, I8));
}

Reg op1(Routine *r, InsnKind kind, Type type, Reg a, int64_t imm) {
    Insn insn = blank(kind, type, type);
    insn.dst = routine_value(r, bits_of(r, a));
    insn.a = a;
    insn.imm = imm;
    return op_any(r, insn)->dst;
}

void op2_to(Routine *r, Reg dst, InsnKind kind, Type type, Reg a, Reg b) {
    Insn insn = blank(kind, type, type);
    insn.dst = dst;
    insn.a = a;
    insn.b = b;
    op_any(r, insn);
}

Reg op2(Routine *r, InsnKind kind, Type type, Reg a, Reg b) {
    Reg dst = routine_value(r, bits_of(r, a));
    op2_to(r, dst, kind, type, a, b);
    return dst;
}

Reg op_half(Routine *r, Type type, Reg a, int which) {
    return op1(r, INSN_HALF, type, a, which);
}

Reg op_convert(Routine *r, Type type, Type from, int bits, Reg a) {
    Insn insn = blank(INSN_CONVERT, type, from);
    insn.dst = routine_value(r, bits);
    insn.a = a;
    return op_any(r, insn)->dst;
}

Reg op_interleave(Routine *r, Type type, Reg a, Reg b, int high) {
    Reg dst = op2(r, INSN_INTERLEAVE, type, a, b);
    r->insns.at[r->insns.count - 1].imm = high;
    return dst;
}

static Reg dot_to(Routine *r, Reg dst, InsnKind kind, Type left, Reg a, Reg b, Reg c) {
    Insn insn = blank(kind, I32, left);
    insn.dst = dst;
    insn.a = a;
    insn.b = b;
    insn.c = c;
    return op_any(r, insn)->dst;
}

Reg op_dot(Routine *r, InsnKind kind, Type left, Reg a, Reg b, Reg c) {
    return dot_to(r, routine_value(r, bits_of(r, c)), kind, left, a, b, c);
}

void op_dot_into(Routine *r, InsnKind kind, Type left, Reg acc, Reg a, Reg b) {
    dot_to(r, acc, kind, left, a, b, acc);
}

void op_copy_to(Routine *r, Reg dst, Reg a) {
    Insn insn = blank(INSN_COPY, I8, I8);
    insn.dst = dst;
    insn.a = a;
    op_any(r, insn);
}

/* ---- printing --------------------------------------------------------------------------- */

static void print_reg(Text *text, Reg reg) {
    if (reg == NO_REG)
        text_add(text, " _");
    else
        text_add(text, " v%d", reg);
}

/* " [v0 + v7 * 4 + 16]": an address. */
static void print_address(Text *text, const Insn *insn) {
    text_add(text, " [v%d", insn->a);
    if (insn->b != NO_REG)
        text_add(text, " + v%d * %d", insn->b, insn->scale);
    text_add(text, " + %lld]", (long long)insn->imm);
}

static void print_memory(Text *text, const Insn *insn) {
    text_add(text, " x%d", insn->count);
    if (insn->repeat)
        text_add(text, " repeat");
    if (insn->align)
        text_add(text, " align %d", insn->align);
}

static void print_operands(Text *text, const InsnFacts *fact, const Insn *insn) {
    if (insn->kind == INSN_LOOP) {
        insn->a == NO_REG ? text_add(text, " %lld", (long long)insn->imm)
                          : text_add(text, " v%d", insn->a);
        return;
    }
    const int kind[3] = {fact->a, fact->b, fact->c};
    const Reg reg[3] = {insn->a, insn->b, insn->c};
    for (int i = 0; i < 3; i++)
        if (kind[i] != OPERAND_ABSENT)
            print_reg(text, reg[i]);
    if (insn->kind == INSN_CONSTANT && type_is_float(insn->type))
        text_add(text, " %a", insn->real);
    else if (fact->flags & HAS_IMM)
        text_add(text, " %lld", (long long)insn->imm);
}

static void print_insn(Text *text, const Routine *r, const Insn *insn) {
    const InsnFacts *fact = &insn_facts[insn->kind];
    if (insn->dst != NO_REG && bits_of(r, insn->dst))
        text_add(text, "v%d:%d = ", insn->dst, bits_of(r, insn->dst));
    else if (insn->dst != NO_REG)
        text_add(text, "v%d = ", insn->dst);
    text_add(text, "%s", fact->spelling);
    if (fact->flags & HAS_TYPE)
        text_add(text, " %s", type_name(insn->type));
    if (fact->flags & HAS_FROM)
        text_add(text, " %s", type_name(insn->type2));
    if (insn_has_address(insn->kind)) {
        if (insn->kind == INSN_STORE)
            print_reg(text, insn->c);
        print_address(text, insn);
    } else {
        print_operands(text, fact, insn);
    }
    if (fact->flags & HAS_MEMORY)
        print_memory(text, insn);
    text_add(text, "\n");
}

void routine_print(const Routine *routine, Text *text) {
    int depth = 0;
    for (int i = 0; i < routine->insns.count; i++) {
        const Insn *insn = &routine->insns.at[i];
        if (insn->kind == INSN_END && depth > 0)
            depth--;
        text_add(text, "%*s", 4 * depth, "");
        print_insn(text, routine, insn);
        if (insn->kind == INSN_LOOP)
            depth++;
    }
}

/* What is printed of an instruction, as numbers. */
typedef struct InsnNumbers {
    int64_t imm;
    double real;
    int32_t kind, type, type2, dst, dst_bits, a, b, c, count, align, scale, repeat;
} InsnNumbers;

static InsnNumbers numbers_of(const Routine *r, const Insn *insn) {
    const int flags = insn_facts[insn->kind].flags;
    bool address = insn_has_address(insn->kind);
    bool real = insn->kind == INSN_CONSTANT && type_is_float(insn->type);
    bool counted = insn->kind == INSN_LOOP && insn->a != NO_REG;
    return (InsnNumbers){.imm = flags & HAS_IMM && !real && !counted ? insn->imm : 0,
                         .real = real ? insn->real : 0,
                         .kind = insn->kind,
                         .type = flags & HAS_TYPE ? (int32_t)insn->type : -1,
                         .type2 = flags & HAS_FROM ? (int32_t)insn->type2 : -1,
                         .dst = insn->dst,
                         .dst_bits = insn->dst == NO_REG ? 0 : bits_of(r, insn->dst),
                         .a = insn->a,
                         .b = insn->b,
                         .c = insn->c,
                         .count = flags & HAS_MEMORY ? insn->count : 0,
                         .align = flags & HAS_MEMORY ? insn->align : 0,
                         .scale = address && insn->b != NO_REG ? insn->scale : 0,
                         .repeat = flags & HAS_MEMORY && insn->repeat};
}

/* Equal where the print is equal, but many times as quick as printing: a search asks for the keys
 * of every candidate's kernels. */
Key routine_key(const Routine *routine) {
    Arena *arena = arena_new();
    InsnNumbers *numbers = arena_array(arena, InsnNumbers, routine->insns.count);
    for (int i = 0; i < routine->insns.count; i++)
        numbers[i] = numbers_of(routine, &routine->insns.at[i]);
    _Static_assert(sizeof(InsnNumbers) == 16 + 12 * 4, "no padding");
    Key key = key_of(numbers, (size_t)routine->insns.count * sizeof *numbers);
    arena_free(arena);
    return key;
}

/* ---- checking --------------------------------------------------------------------------- */

enum { MAX_LOOPS = 32 };

typedef struct Checker {
    const Routine *r;
    const Insn *insn;
    const char *fault;
    bool *written;  /* (regs): on every path that leads here */
    bool *fixed;    /* (regs): an open loop counts in it or by it */
    bool *constant; /* (regs): pointers to what is only read */
    int depth;
    const Insn *open[MAX_LOOPS];
    bool *before[MAX_LOOPS]; /* `written` where the loop began, if it may make no pass */
} Checker;

/* Notes a fault unless `sound`; the first counts. */
static void require(Checker *check, bool sound, const char *what) {
    if (!sound && !check->fault)
        check->fault = what;
}

static bool is_value_size(int bits) {
    return bits == 8 || bits == 16 || (bits >= 32 && bits <= 512 && !(bits & (bits - 1)));
}

/* Bits of a value operand; 0 for anything else, which has been reported. */
static int value_bits(const Checker *check, Reg reg) {
    return reg >= 0 && reg < check->r->regs.count ? check->r->regs.at[reg].bits : 0;
}

static void check_operand(Checker *check, int kind, Reg reg, bool read) {
    if (kind == OPERAND_ABSENT || reg == NO_REG) {
        require(check, reg == NO_REG, "an operand that this instruction does not have");
        require(check, kind == OPERAND_ABSENT || kind == OPERAND_MAYBE,
                "an operand is missing");
        return;
    }
    if (reg < 0 || reg >= check->r->regs.count) {
        require(check, false, "no such register");
        return;
    }
    int bits = check->r->regs.at[reg].bits;
    require(check, bits == 0 || is_value_size(bits), "a value of odd size");
    require(check, kind != OPERAND_POINTER || bits == 0, "a value where a pointer belongs");
    require(check, kind == OPERAND_POINTER || kind == OPERAND_EITHER || bits,
            "a pointer where a value belongs");
    require(check, !read || check->written[reg], "reads what no path or not each has written");
    require(check, read || !check->fixed[reg], "writes what a loop counts in or by");
    require(check, read || reg >= ARG_COUNT, "writes an argument");
}

static void check_same(Checker *check, Reg dst, Reg a) {
    require(check, value_bits(check, dst) == value_bits(check, a), "operands of other sizes");
}

static void check_index(Checker *check, Reg index) {
    require(check, index == NO_REG || value_bits(check, index) == 32,
            "an index, a count or a shift is a value of 32 bits");
}

static void check_lanes(Checker *check, Reg reg, Type type) {
    require(check, value_bits(check, reg) >= type_bits(type), "a register without one lane");
}

/* A pointer is to what is only read if any instruction makes it from one that is. */
bool *routine_constants(const Routine *routine) {
    bool *constant = arena_array(routine->arena, bool, routine->regs.count);
    for (int i = 0; i < ARG_COUNT; i++)
        constant[i] = i != ARG_OUT && i != ARG_SCRATCH;
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < routine->insns.count; i++) {
            const Insn *insn = &routine->insns.at[i];
            if ((insn->kind == INSN_ADDRESS || insn->kind == INSN_COPY) && constant[insn->a] &&
                !constant[insn->dst])
                changed = constant[insn->dst] = true;
        }
    }
    return constant;
}

static void check_memory(Checker *check, const Insn *insn) {
    Reg value = insn->kind == INSN_LOAD ? insn->dst : insn->c;
    check_index(check, insn->b);
    check_lanes(check, value, insn->type);
    int lanes = value_bits(check, value) / type_bits(insn->type);
    require(check, insn->count >= 1 && insn->count <= lanes, "more elements than lanes");
    require(check, !insn->repeat || (insn->count && lanes % insn->count == 0),
            "lanes are no multiple of the repeated elements");
    require(check, insn->kind == INSN_LOAD || !insn->repeat, "repeats a store");
    require(check, insn->align >= 0 && !(insn->align & (insn->align - 1)), "alignment");
}

static void check_shape(Checker *check, const Insn *insn) {
    int bits = type_bits(insn->type);
    bool integer = !type_is_float(insn->type);
    switch (insn->kind) {
    case INSN_HALF:
        require(check, integer && bits >= 16 && insn->imm >> 1 == 0, "half of what?");
        break;
    case INSN_TRANSPOSE:
    case INSN_INTERLEAVE:
        require(check, insn->imm >> 1 == 0, "halves are 0 and 1");
        require(check, value_bits(check, insn->dst) >= 128, "blocks are of 128 bits");
        break;
    case INSN_PACK:
        require(check, integer && bits <= 16, "packs to 8 or 16 bits");
        require(check, value_bits(check, insn->dst) >= 128, "blocks are of 128 bits");
        break;
    case INSN_SATURATE:
        require(check, integer && insn->imm >= 1 && insn->imm <= bits, "saturates to nothing");
        break;
    case INSN_SHL:
    case INSN_SHR:
        require(check, integer && insn->imm >= 0 && insn->imm < bits, "shifts too far");
        break;
    case INSN_MULROUND:
        require(check, insn->type == I16, "mulround is of i16");
        break;
    case INSN_MULHI:
        require(check, insn->type == I16 || insn->type == I32, "mulhi is of i16 or i32");
        break;
    case INSN_AND:
    case INSN_XOR:
        require(check, integer, "bits of floats");
        break;
    case INSN_DIV:
    case INSN_SQRT:
        require(check, !integer, "integers are not divided");
        break;
    case INSN_DOT4:
        require(check, insn->type2 == U8 || insn->type2 == I8, "dot4 is of u8 or i8");
        break;
    default:
        break;
    }
    require(check, (insn->kind != INSN_DOT2 && insn->kind != INSN_DOT4) || insn->type == I32,
            "sums of i32");
    require(check,
            insn->type != F16 || insn->kind == INSN_CONSTANT || insn->kind == INSN_SPLAT ||
                insn->kind == INSN_INTERLEAVE,
            "f16 is only stored");
}

/* Instructions whose operands all have dst's size, but for a shift's amount. */
static void check_lanewise(Checker *check, const Insn *insn) {
    check_same(check, insn->dst, insn->a);
    if (insn->kind == INSN_SHL || insn->kind == INSN_SHR)
        check_index(check, insn->b);
    else if (insn->b != NO_REG)
        check_same(check, insn->dst, insn->b);
    if (insn->c != NO_REG)
        check_same(check, insn->dst, insn->c);
    check_lanes(check, insn->dst, insn->type);
    check_shape(check, insn);
}

static void check_sizes(Checker *check, const Insn *insn) {
    switch (insn->kind) {
    case INSN_LOOP:
        check_index(check, insn->a);
        check_index(check, insn->dst);
        require(check, insn->a == NO_REG || insn->a != insn->dst, "counts in its count");
        require(check, insn->imm >= INT32_MIN && insn->imm <= INT32_MAX, "a count's range");
        break;
    case INSN_END:
        break;
    case INSN_ADDRESS:
    case INSN_PREFETCH:
        check_index(check, insn->b);
        break;
    case INSN_COPY:
        check_same(check, insn->dst, insn->a);
        break;
    case INSN_CONSTANT:
        check_lanes(check, insn->dst, insn->type);
        break;
    case INSN_SPLAT:
        check_lanes(check, insn->dst, insn->type);
        check_lanes(check, insn->a, insn->type);
        break;
    case INSN_LOAD:
    case INSN_STORE:
        check_memory(check, insn);
        break;
    case INSN_CONVERT:
        check_lanes(check, insn->dst, insn->type);
        require(check,
                value_bits(check, insn->dst) / type_bits(insn->type) <=
                    value_bits(check, insn->a) / type_bits(insn->type2),
                "converts lanes that are not there");
        break;
    default:
        check_lanewise(check, insn);
    }
}

static void open_loop(Checker *check, const Insn *insn) {
    if (check->depth == MAX_LOOPS) {
        require(check, false, "loops too deep");
        return;
    }
    bool surely = insn->a == NO_REG && insn->imm > 0;
    size_t bytes = (size_t)check->r->regs.count * sizeof(bool);
    check->before[check->depth] =
        surely ? NULL : arena_copy(check->r->arena, check->written, bytes);
    check->open[check->depth++] = insn;
    if (insn->a >= 0)
        check->fixed[insn->a] = true;
    if (insn->dst >= 0)
        check->written[insn->dst] = check->fixed[insn->dst] = true;
}

/* Its number is gone after it, and what it wrote, if it may have made no pass. */
static void close_loop(Checker *check) {
    if (check->depth == 0) {
        require(check, false, "an end without a loop");
        return;
    }
    const Insn *insn = check->open[--check->depth];
    if (check->before[check->depth])
        memcpy(check->written, check->before[check->depth],
               (size_t)check->r->regs.count * sizeof(bool));
    if (insn->dst >= 0)
        check->written[insn->dst] = check->fixed[insn->dst] = false;
    if (insn->a >= 0)
        check->fixed[insn->a] = false;
    for (int i = 0; i < check->depth; i++)
        if (check->open[i]->a >= 0)
            check->fixed[check->open[i]->a] = true;
}

static void check_insn(Checker *check, const Insn *insn) {
    if ((unsigned)insn->kind >= INSN_COUNT || (unsigned)insn->type >= TYPE_COUNT ||
        (unsigned)insn->type2 >= TYPE_COUNT) {
        require(check, false, "no such instruction or type");
        return;
    }
    const InsnFacts *fact = &insn_facts[insn->kind];
    check_operand(check, fact->a, insn->a, true);
    check_operand(check, fact->b, insn->b, true);
    check_operand(check, fact->c, insn->c, true);
    check_operand(check, fact->dst, insn->dst, false);
    if (check->fault)
        return;
    check_sizes(check, insn);
    if (insn->dst >= 0)
        check->written[insn->dst] = true;
    if (insn->kind == INSN_LOOP)
        open_loop(check, insn);
    if (insn->kind == INSN_END)
        close_loop(check);
}

static const char *check_fault(const Checker *check, int index) {
    Text text = text_new(check->r->arena);
    text_add(&text, "instruction %d: %s", index, check->fault);
    return text.at;
}

const char *routine_check(const Routine *routine) {
    Checker check = {.r = routine};
    check.written = arena_array(routine->arena, bool, routine->regs.count);
    check.fixed = arena_array(routine->arena, bool, routine->regs.count);
    for (int i = 0; i < ARG_COUNT; i++)
        check.written[i] = true;
    for (int i = 0; i < routine->insns.count; i++) {
        check_insn(&check, &routine->insns.at[i]);
        if (check.fault)
            return check_fault(&check, i);
    }
    if (check.depth)
        return "a loop without an end";
    check.constant = routine_constants(routine);
    for (int i = 0; i < routine->insns.count; i++) {
        const Insn *insn = &routine->insns.at[i];
        require(&check, insn->kind != INSN_STORE || !check.constant[insn->a],
                "a store to what is only read");
        if (check.fault)
            return check_fault(&check, i);
    }
    return NULL;
}
