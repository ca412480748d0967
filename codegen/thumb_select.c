/* Routines to Thumb-2 instructions over unlimited registers: one for one, but for those that
 * the machine does together, constants that fit an instruction, and 64-bit loads of two words.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/thumb.h"

typedef struct Select {
    const Routine *r;
    ThumbCode *out;
    int *reads, *writes; /* (regs) */
    int *def;            /* (regs): the only instruction that writes it, or -1 */
    int *reader;         /* (regs): the last instruction that reads it */
    bool *skip;          /* (insns): done by another */
    int (*half)[2];      /* (regs): words of a 64-bit register */
    int depth;
    bool failed;
    VEC(int) open; /* loops: number, counter, index (or T_NONE), rare */
} Select;

static Thumb blank(ThumbKind kind, const char *name) {
    return (Thumb){.kind = kind,
                   .name = name,
                   .dst = T_NONE,
                   .dst2 = T_NONE,
                   .dst3 = T_NONE,
                   .a = T_NONE,
                   .b = T_NONE,
                   .c = T_NONE,
                   .d = T_NONE};
}

static void put(Select *s, Thumb t) {
    t.depth = s->depth;
    vec_push(s->out->arena, &s->out->code, t);
}

bool thumb_immediate(int64_t value) {
    uint32_t x = (uint32_t)value, low = x & 255, second = x >> 8 & 255;
    if (x < 256 || x == (low | low << 16) || x == (second << 8 | second << 24) ||
        x == low * 0x01010101u)
        return true;
    for (int shift = 1; shift <= 24; shift++)
        if ((x & ~(255u << shift)) == 0)
            return true;
    return false;
}

/* ---- what is known of the routine -------------------------------------------------------- */

static void note_read(Select *s, Reg reg, int insn) {
    if (reg == NO_REG)
        return;
    s->reads[reg]++;
    s->reader[reg] = insn;
}

static void find_uses(Select *s) {
    for (int i = 0; i < s->r->regs.count; i++)
        s->def[i] = s->reader[i] = -1;
    for (int i = 0; i < s->r->insns.count; i++) {
        const Insn *insn = &s->r->insns.at[i];
        note_read(s, insn->a, i);
        note_read(s, insn->b, i);
        note_read(s, insn->c, i);
        if (insn->dst == NO_REG)
            continue;
        s->writes[insn->dst]++;
        s->def[insn->dst] = i;
    }
}

static const Insn *only_def(const Select *s, Reg reg) {
    return reg != NO_REG && s->writes[reg] == 1 && s->def[reg] >= 0
               ? &s->r->insns.at[s->def[reg]]
               : NULL;
}

/* The number that a register always holds. */
static bool constant_of(const Select *s, Reg reg, int64_t *value) {
    const Insn *def = only_def(s, reg);
    if (!def || def->kind != INSN_CONSTANT || type_bits(def->type) != 32)
        return false;
    *value = (int32_t)def->imm;
    return true;
}

static bool is_border(InsnKind kind) {
    return kind == INSN_LOOP || kind == INSN_END;
}

/* The instruction that writes `reg` for `at` alone, in the same straight line, nothing in
 * between writing what it reads: the two may be one. */
static const Insn *private_def(const Select *s, Reg reg, int at) {
    const Insn *def = only_def(s, reg);
    if (!def || s->reads[reg] != 1 || s->reader[reg] != at)
        return NULL;
    for (int i = s->def[reg] + 1; i < at; i++) {
        const Insn *insn = &s->r->insns.at[i];
        if (is_border(insn->kind))
            return NULL;
        if (insn->dst != NO_REG &&
            (insn->dst == def->a || insn->dst == def->b || insn->dst == def->c))
            return NULL;
    }
    return def;
}

static bool is_word(const Select *s, Reg reg) {
    return reg == NO_REG || s->r->regs.at[reg].bits == 32 || s->r->regs.at[reg].bits == 0;
}

/* ---- fusions ----------------------------------------------------------------------------- */

/* The product that an addition of words adds to something. */
static const Insn *added_product(const Select *s, const Insn *insn, int at) {
    for (int side = 0; side < 2 && insn->kind == INSN_ADD && insn->type == I32; side++) {
        const Insn *def = private_def(s, side ? insn->b : insn->a, at);
        if (def && def->type == I32 && (def->kind == INSN_MULHI || def->kind == INSN_MUL))
            return def;
    }
    return NULL;
}

/* The shift of an operand that the instruction can do itself. */
static const Insn *shifted_operand(const Select *s, const Insn *insn, int at) {
    int64_t value;
    bool sums = insn->kind == INSN_ADD || insn->kind == INSN_SUB;
    if (!sums && insn->kind != INSN_AND)
        return NULL;
    if (type_bits(insn->type) != 32 || added_product(s, insn, at) ||
        (sums && (constant_of(s, insn->a, &value) || constant_of(s, insn->b, &value))))
        return NULL;
    for (int side = 0; side < (insn->kind == INSN_SUB ? 1 : 2); side++) {
        const Insn *def = private_def(s, side ? insn->a : insn->b, at);
        if (def && (def->kind == INSN_SHR || def->kind == INSN_SHL) && def->b == NO_REG &&
            def->imm > 0 && type_bits(def->type) == 32)
            return def;
    }
    return NULL;
}

static const Insn *saturated_shift(const Select *s, const Insn *insn, int at) {
    const Insn *def = insn->kind == INSN_SATURATE ? private_def(s, insn->a, at) : NULL;
    return def && def->kind == INSN_SHR && def->type == I32 && def->b == NO_REG && def->imm > 0
               ? def
               : NULL;
}

/* Marks the instructions that a later one does too. */
static void find_fusions(Select *s) {
    for (int i = 0; i < s->r->insns.count; i++) {
        const Insn *insn = &s->r->insns.at[i];
        const Insn *first = added_product(s, insn, i);
        first = first ? first : shifted_operand(s, insn, i);
        first = first ? first : saturated_shift(s, insn, i);
        if (first)
            s->skip[s->def[first->dst]] = true;
    }
}

static const char *shift_name(const Insn *insn) {
    return insn->kind == INSN_SHL ? "lsl" : type_is_signed(insn->type) ? "asr" : "lsr";
}

/* ---- instructions ------------------------------------------------------------------------ */

static void put_constant(Select *s, int dst, int64_t value) {
    Thumb t = blank(T_CONST, "mov");
    t.dst = dst;
    t.imm = (int32_t)value;
    put(s, t);
}

static void put_move(Select *s, int dst, int a) {
    Thumb t = blank(T_MOVE, "mov");
    t.dst = dst;
    t.a = a;
    put(s, t);
}

static bool fits_add(int64_t value) {
    return value >= 0 && (value <= 4095 || thumb_immediate(value));
}

/* dst = a + value */
static void put_add_constant(Select *s, int dst, int a, int64_t value) {
    bool down = !fits_add(value) && fits_add(-value);
    Thumb t = blank(T_ALU, down ? "sub" : "add");
    t.dst = dst;
    t.a = a;
    t.imm = down ? -value : value;
    if (!fits_add(t.imm)) {
        t.b = thumb_new_reg(s->out);
        put_constant(s, t.b, value);
        t.imm = 0;
    }
    if (value == 0)
        put_move(s, dst, a);
    else
        put(s, t);
}

/* dst = c + a b, or the high word of that product. */
static void put_accumulate(Select *s, const Insn *insn, const Insn *product) {
    Thumb t = blank(T_ACCUMULATE, product->kind == INSN_MULHI ? "smmla" : "mla");
    t.dst = insn->dst, t.a = product->a, t.b = product->b;
    t.c = insn->a == product->dst ? insn->b : insn->a;
    put(s, t);
}

static void put_shifted(Select *s, Thumb t, const Insn *insn, const Insn *shift) {
    t.a = insn->b == shift->dst ? insn->a : insn->b;
    t.b = shift->a;
    t.shift_name = shift_name(shift);
    t.shift = (int)shift->imm;
    put(s, t);
}

/* With a number that fits the instruction: true. */
static bool put_immediate(Select *s, Thumb t, const Insn *insn) {
    int64_t value;
    bool sums = insn->kind == INSN_ADD || insn->kind == INSN_SUB;
    if (insn->kind == INSN_SUB && constant_of(s, insn->a, &value) && thumb_immediate(value)) {
        t.name = "rsb", t.a = insn->b, t.b = T_NONE, t.imm = value;
        put(s, t);
        return true;
    }
    if (insn->kind != INSN_SUB && constant_of(s, insn->a, &value))
        t.a = insn->b;
    else if (!constant_of(s, insn->b, &value))
        return false;
    if (sums) {
        put_add_constant(s, t.dst, t.a, insn->kind == INSN_ADD ? value : -value);
        return true;
    }
    t.b = T_NONE;
    t.imm = value;
    if (value == -1 && insn->kind == INSN_XOR)
        t.kind = T_SHIFT, t.name = "mvn";
    else if (!thumb_immediate(value))
        return false;
    put(s, t);
    return true;
}

static void select_alu(Select *s, const Insn *insn, int at) {
    static const char *const names[INSN_COUNT] = {
        [INSN_ADD] = "add", [INSN_SUB] = "sub", [INSN_AND] = "and", [INSN_XOR] = "eor"};
    Thumb t = blank(T_ALU, names[insn->kind]);
    t.dst = insn->dst, t.a = insn->a, t.b = insn->b;
    const Insn *product = added_product(s, insn, at), *shift = shifted_operand(s, insn, at);
    if (product)
        put_accumulate(s, insn, product);
    else if (shift)
        put_shifted(s, t, insn, shift);
    else if (!put_immediate(s, t, insn))
        put(s, t);
}

static void select_shift(Select *s, const Insn *insn) {
    Thumb t = blank(T_SHIFT, shift_name(insn));
    t.dst = insn->dst, t.a = insn->a, t.b = insn->b, t.imm = insn->imm;
    if (t.b == NO_REG && t.imm == 0)
        put_move(s, insn->dst, insn->a);
    else
        put(s, t);
}

/* (0, l) and (h, 0) made of one word multiply one half of the other operand by one of that. */
static bool is_half_word(const Select *s, Reg reg, const Insn **shift) {
    const Insn *def = only_def(s, reg);
    if (!def || def->b != NO_REG || def->imm != 16 || type_bits(def->type) != 32 ||
        s->writes[def->a] != 1)
        return false;
    *shift = def;
    return def->kind == INSN_SHL || (def->kind == INSN_SHR && def->type == U32);
}

static void select_dot(Select *s, const Insn *insn) {
    Thumb t = blank(T_ACCUMULATE, "smlad");
    const Insn *shift;
    t.dst = insn->dst, t.a = insn->a, t.b = insn->b, t.c = insn->c;
    if (is_half_word(s, insn->b, &shift)) {
        t.name = shift->kind == INSN_SHL ? "smlatb" : "smlabt";
        t.b = shift->a;
    }
    put(s, t);
}

static void select_saturate(Select *s, const Insn *insn, int at) {
    Thumb t = blank(T_SATURATE, type_is_signed(insn->type) ? "ssat" : "usat");
    const Insn *shift = saturated_shift(s, insn, at);
    t.dst = insn->dst, t.a = insn->a, t.imm = insn->imm;
    if (shift)
        t.a = shift->a, t.shift = (int)shift->imm;
    put(s, t);
}

static void select_half(Select *s, const Insn *insn) {
    Thumb t = blank(T_EXTEND, insn->type == I16 ? "sxtb16" : "uxtb16");
    t.dst = insn->dst, t.a = insn->a, t.shift = 8 * (int)insn->imm;
    put(s, t);
}

static void select_extreme(Select *s, const Insn *insn) {
    Thumb t = blank(T_EXTREME, insn->kind == INSN_MIN ? "gt" : "lt");
    t.dst = insn->dst, t.a = insn->a, t.b = insn->b;
    put(s, t);
}

static void select_product(Select *s, const Insn *insn) {
    Thumb t = blank(T_MULTIPLY, insn->kind == INSN_MULHI ? "smmul" : "mul");
    t.dst = insn->dst, t.a = insn->a, t.b = insn->b;
    put(s, t);
}

static void select_address(Select *s, const Insn *insn) {
    Thumb t = blank(T_ALU, "add");
    int scale = 0;
    while (1 << scale < insn->scale)
        scale++;
    t.dst = insn->dst, t.a = insn->a, t.b = insn->b;
    if (insn->b == NO_REG) {
        put_add_constant(s, insn->dst, insn->a, insn->imm);
        return;
    }
    if (1 << scale != insn->scale) { /* by a product */
        Thumb product = blank(T_ACCUMULATE, "mla");
        int factor = thumb_new_reg(s->out);
        put_constant(s, factor, insn->scale);
        product.dst = insn->dst, product.a = insn->b, product.b = factor, product.c = insn->a;
        put(s, product);
    } else {
        t.shift_name = scale ? "lsl" : NULL;
        t.shift = scale;
        put(s, t);
    }
    if (insn->imm)
        put_add_constant(s, insn->dst, insn->dst, insn->imm);
}

/* ---- memory ------------------------------------------------------------------------------ */

static const char *load_name(Type type) {
    static const char *const names[TYPE_COUNT] = {
        [I8] = "ldrsb", [U8] = "ldrb", [I16] = "ldrsh",
        [U16] = "ldrh", [I32] = "ldr", [U32] = "ldr"};
    return names[type];
}

static const char *store_name(Type type) {
    static const char *const names[TYPE_COUNT] = {[I8] = "strb",  [U8] = "strb", [I16] = "strh",
                                                  [U16] = "strh", [I32] = "str", [U32] = "str"};
    return names[type];
}

/* Base, index and offset of an access. */
static void put_access(Select *s, Thumb t, const Insn *insn) {
    int scale = 0;
    while (1 << scale < insn->scale)
        scale++;
    t.a = insn->a, t.b = insn->b, t.imm = insn->imm, t.type = insn->type2;
    t.aligned = insn->align >= 4;
    t.shift = insn->b == NO_REG ? 0 : scale;
    s->failed |= insn->b != NO_REG && (1 << scale != insn->scale || scale > 3);
    if (t.imm < -255 || t.imm > 4095 || (t.b != T_NONE && t.imm)) {
        int base = thumb_new_reg(s->out);
        put_add_constant(s, base, t.a, t.imm);
        t.a = base;
        t.imm = 0;
    }
    put(s, t);
}

static void select_load(Select *s, const Insn *insn) {
    if (s->r->regs.at[insn->dst].bits == 64) { /* two words, each read by a conversion */
        s->failed |= insn->type2 != I64 || insn->b != NO_REG;
        for (int i = 0; i < 2; i++) {
            Thumb t = blank(T_LOAD, "ldr");
            Insn word = *insn;
            word.type2 = I32;
            word.imm += 4 * i;
            t.dst = s->half[insn->dst][i] = thumb_new_reg(s->out);
            put_access(s, t, &word);
        }
        return;
    }
    Thumb t = blank(T_LOAD, load_name(insn->type2));
    s->failed |= !t.name || insn->count != 1;
    t.dst = insn->dst;
    put_access(s, t, insn);
}

static void select_store(Select *s, const Insn *insn) {
    Thumb t = blank(T_STORE, store_name(insn->type2));
    s->failed |= !t.name || insn->count != 1;
    t.c = insn->c;
    put_access(s, t, insn);
}

/* A conversion takes a word of a 64-bit load: its low one, or what was shifted down. */
static void select_convert(Select *s, const Insn *insn) {
    const Insn *from = only_def(s, insn->a);
    if (is_word(s, insn->a)) {
        s->failed |= type_bits(insn->type) != 32 || type_bits(insn->type2) != 32;
        put_move(s, insn->dst, insn->a);
        return;
    }
    int word = 0;
    if (from && from->kind == INSN_SHR && from->imm == 32) {
        word = 1;
        from = only_def(s, from->a);
    }
    if (!from || from->kind != INSN_LOAD || insn->type != I32) {
        s->failed = true;
        return;
    }
    put_move(s, insn->dst, s->half[from->dst][word]);
}

/* ---- loops ------------------------------------------------------------------------------- */

/* A count that is a difference says whether, not how often: schedules have no other
 * conditions. */
static bool is_condition(const Select *s, const Insn *insn) {
    const Insn *def = only_def(s, insn->a);
    return def && def->kind == INSN_SUB;
}

/* Whether a loop surely makes a pass: its count is the larger of something and 1. */
static bool surely_passes(const Select *s, const Insn *insn) {
    const Insn *def = only_def(s, insn->a);
    int64_t least;
    if (insn->a == NO_REG)
        return insn->imm > 0;
    return def && def->kind == INSN_MAX && constant_of(s, def->b, &least) && least >= 1;
}

static void select_loop(Select *s, const Insn *insn) {
    int loop = s->out->loops++, counter = thumb_new_reg(s->out);
    bool counts = insn->dst != NO_REG && s->reads[insn->dst] > 0;
    if (insn->a == NO_REG)
        put_constant(s, counter, insn->imm);
    else
        put_move(s, counter, insn->a);
    if (counts)
        put_constant(s, insn->dst, 0);
    Thumb enter = blank(T_ENTER, ""), label = blank(T_LABEL, "");
    enter.a = counter, enter.loop = label.loop = loop;
    enter.imm = !surely_passes(s, insn); /* whether it must test */
    enter.rare = is_condition(s, insn);
    put(s, enter);
    s->depth += !enter.rare;
    put(s, label);
    vec_push(s->out->arena, &s->open, loop);
    vec_push(s->out->arena, &s->open, counter);
    vec_push(s->out->arena, &s->open, counts ? insn->dst : T_NONE);
    vec_push(s->out->arena, &s->open, enter.rare);
}

static void select_end(Select *s) {
    int *top = &s->open.at[s->open.count - 4];
    if (top[2] != T_NONE)
        put_add_constant(s, top[2], top[2], 1);
    Thumb count = blank(T_COUNT, "subs"), branch = blank(T_BRANCH, "bne");
    count.a = top[1], count.loop = branch.loop = top[0];
    put(s, count);
    put(s, branch);
    s->depth -= !top[3];
    s->open.count -= 4;
}

/* ---- all of them ------------------------------------------------------------------------- */

/* 64-bit values live only between a load and its conversions. */
static bool is_known(const Select *s, const Insn *insn) {
    if (insn->kind == INSN_LOAD || insn->kind == INSN_CONVERT || insn->kind == INSN_END)
        return true;
    if (insn->kind == INSN_SHR && insn->type == I64)
        return insn->imm == 32 && insn->b == NO_REG;
    return is_word(s, insn->dst) && is_word(s, insn->a) && is_word(s, insn->b) &&
           is_word(s, insn->c);
}

static bool has_lanes(const Insn *insn) {
    bool lanes = insn->kind == INSN_HALF || insn->kind == INSN_STORE ||
                 insn->kind == INSN_LOAD || insn->kind == INSN_COPY ||
                 insn->kind == INSN_ADDRESS || insn->kind == INSN_END;
    return !lanes && type_bits(insn->type) != 32 && insn->type != I64;
}

static void select_insn(Select *s, int at) {
    const Insn *insn = &s->r->insns.at[at];
    if (s->skip[at])
        return;
    if ((insn->kind == INSN_ADD || insn->kind == INSN_SUB) && insn->type == I16) {
        Thumb t = blank(T_MULTIPLY, insn->kind == INSN_ADD ? "sadd16" : "ssub16");
        t.dst = insn->dst, t.a = insn->a, t.b = insn->b;
        put(s, t);
        return;
    }
    if (!is_known(s, insn) || has_lanes(insn)) {
        s->failed = true;
        return;
    }
    switch (insn->kind) {
    case INSN_LOOP:
        select_loop(s, insn);
        break;
    case INSN_END:
        select_end(s);
        break;
    case INSN_ADDRESS:
        select_address(s, insn);
        break;
    case INSN_CONSTANT:
        put_constant(s, insn->dst, insn->imm);
        break;
    case INSN_COPY:
        put_move(s, insn->dst, insn->a);
        break;
    case INSN_LOAD:
        select_load(s, insn);
        break;
    case INSN_STORE:
        select_store(s, insn);
        break;
    case INSN_CONVERT:
        select_convert(s, insn);
        break;
    case INSN_HALF:
        s->failed |= type_bits(insn->type) != 16;
        select_half(s, insn);
        break;
    case INSN_SATURATE:
        select_saturate(s, insn, at);
        break;
    case INSN_ADD:
    case INSN_SUB:
    case INSN_AND:
    case INSN_XOR:
        select_alu(s, insn, at);
        break;
    case INSN_MUL:
    case INSN_MULHI:
        select_product(s, insn);
        break;
    case INSN_SHL:
    case INSN_SHR:
        if (insn->type != I64)
            select_shift(s, insn);
        break;
    case INSN_MIN:
    case INSN_MAX:
        s->failed |= !type_is_signed(insn->type);
        select_extreme(s, insn);
        break;
    case INSN_DOT2:
        select_dot(s, insn);
        break;
    default:
        s->failed = true;
    }
}

/* Arguments stand in the frame's first slots, from where they can always be loaded again. */
static void select_arguments(Select *s) {
    for (int i = 0; i < ARG_COUNT; i++) {
        Thumb t = blank(T_RELOAD, "ldr");
        t.dst = t.imm = i;
        put(s, t);
        s->out->regs.at[i].slot = i;
    }
}

bool thumb_select(const Routine *routine, ThumbCode *code) {
    Arena *arena = code->arena;
    int regs = routine->regs.count;
    Select s = {.r = routine,
                .out = code,
                .reads = arena_array(arena, int, regs),
                .writes = arena_array(arena, int, regs),
                .def = arena_array(arena, int, regs),
                .reader = arena_array(arena, int, regs),
                .skip = arena_array(arena, bool, routine->insns.count + 1),
                .half = arena_alloc(arena, sizeof(int[2]) * (size_t)(regs + 1))};
    for (int i = 0; i < regs; i++)
        thumb_new_reg(code);
    code->slots = ARG_COUNT;
    find_uses(&s);
    find_fusions(&s);
    select_arguments(&s);
    for (int i = 0; i < routine->insns.count && !s.failed; i++)
        select_insn(&s, i);
    for (int i = 0; i < regs; i++) {
        int64_t value;
        if (constant_of(&s, i, &value)) {
            code->regs.at[i].constant = true;
            code->regs.at[i].value = value;
        }
    }
    return !s.failed;
}
