/* A routine as a C99 function: one variable for each register, declared in the innermost block that
 * has all its uses; loops as for loops; plain expressions for what C has, leaves for the rest.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/leaves.h"

#include <assert.h>
#include <string.h>

/* What C variable a register is. */
typedef enum { VAR_UNSIGNED, VAR_SIGNED, VAR_REAL, VAR_VECTOR, VAR_POINTER } VarKind;

typedef struct Var {
    VarKind kind;
    int block;       /* the innermost that has all mentions; -1: not mentioned */
    int first;       /* the instruction that mentions it first */
    int first_block; /* where that stands */
    int writes, reads;
    int loops; /* writes that are loops */
} Var;

typedef struct Emit {
    Arena *arena;
    Text *text;
    Leaves *leaves;
    const Routine *r;
    Var *var;       /* (regs) */
    bool *constant; /* (regs): pointers to what is only read */
    int *block; /* (insns): that it stands in; 0 is the function's, others a loop's index + 1 */
    int *parent;    /* (blocks) */
    Fusion *fusion; /* (insns): of this with `partner` */
    int *partner;   /* (insns): the earlier of two fused */
    bool *skipped;  /* (insns): printed with a later one */
    int depth;
} Emit;

static void say(const Emit *e, const char *format, ...) PRINTF(2, 3);
static void say(const Emit *e, const char *format, ...) {
    va_list list;
    va_start(list, format);
    char line[2048];
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    assert(length >= 0 && length < (int)sizeof line);
    leaf_say(e->text, e->leaves->prefix, "%s", line);
}

static int bits_of(const Emit *e, Reg reg) {
    return e->r->regs.at[reg].bits;
}

/* ---- what nobody reads ------------------------------------------------------------------ */

static int loop_of_end(const Emit *e, int end) {
    int depth = 0;
    for (int i = end;; i--) {
        InsnKind kind = e->r->insns.at[i].kind;
        depth += kind == INSN_END;
        depth -= kind == INSN_LOOP;
        if (depth == 0)
            return i;
    }
}

static void read_operands(const Insn *insn, bool *live) {
    const Reg reads[] = {insn->a, insn->b, insn->c};
    for (int i = 0; i < COUNT(reads); i++)
        if (reads[i] != NO_REG)
            live[reads[i]] = true;
}

static void find_unread(Emit *e, int first, int end, bool *live);

/* What a pass reads is read after the pass before, so a body is gone over until nothing is added;
 * a loop may make no pass, so nothing is taken away. Returns where the loop begins. */
static int find_unread_in_loop(Emit *e, int end, bool *live) {
    int loop = loop_of_end(e, end);
    for (bool changed = true; changed;) {
        bool *before = arena_copy(e->arena, live, (size_t)e->r->regs.count * sizeof *live);
        find_unread(e, loop + 1, end, before);
        changed = false;
        for (int reg = 0; reg < e->r->regs.count; reg++) {
            changed |= before[reg] && !live[reg];
            live[reg] |= before[reg];
        }
    }
    read_operands(&e->r->insns.at[loop], live);
    return loop;
}

/* Goes backwards over instructions [first, end) and skips those whose result is not read. `live`:
 * the registers that are read later; in the end, those that are read from `first` on. */
static void find_unread(Emit *e, int first, int end, bool *live) {
    for (int i = end - 1; i >= first; i--) {
        const Insn *insn = &e->r->insns.at[i];
        if (insn->kind == INSN_END) {
            i = find_unread_in_loop(e, i, live);
            continue;
        }
        e->skipped[i] = insn->dst != NO_REG && !live[insn->dst];
        if (e->skipped[i])
            continue;
        if (insn->dst != NO_REG)
            live[insn->dst] = false;
        read_operands(insn, live);
    }
}

/* ---- blocks and variables --------------------------------------------------------------- */

static void find_blocks(Emit *e) {
    int block = 0;
    for (int i = 0; i < e->r->insns.count; i++) {
        e->block[i] = block;
        if (e->r->insns.at[i].kind == INSN_LOOP) {
            e->parent[i + 1] = block;
            block = i + 1;
        }
        if (e->r->insns.at[i].kind == INSN_END)
            block = e->parent[block];
    }
}

/* Blocks begin in order, so the later of two that differ is not around the other. */
static int common_block(const Emit *e, int a, int b) {
    while (a != b)
        if (a > b)
            a = e->parent[a];
        else
            b = e->parent[b];
    return a;
}

static void mention(Emit *e, Reg reg, int insn, int block, bool written) {
    if (reg == NO_REG)
        return;
    Var *var = &e->var[reg];
    if (var->block < 0) {
        var->block = var->first_block = block;
        var->first = insn;
    }
    var->block = common_block(e, var->block, block);
    *(written ? &var->writes : &var->reads) += 1;
}

/* Whether an instruction's result is best kept as a signed, or a real, variable. */
static VarKind result_kind(const Insn *insn, int bits) {
    if (insn->kind == INSN_LOOP)
        return VAR_SIGNED;
    if (type_bits(insn->type) != bits || insn->kind == INSN_COPY)
        return VAR_UNSIGNED;
    if (c_kind(insn->type) == C_REAL)
        return VAR_REAL;
    bool chosen = insn->kind == INSN_LOAD || insn->kind == INSN_CONSTANT ||
                  insn->kind == INSN_CONVERT ||
                  (lane_operands(insn) == C_SIGNED && insn->kind != INSN_END);
    return chosen && c_kind(insn->type) == C_SIGNED && bits >= 32 ? VAR_SIGNED : VAR_UNSIGNED;
}

static void find_kinds(Emit *e) {
    bool *seen = arena_array(e->arena, bool, e->r->regs.count);
    for (int i = 0; i < e->r->insns.count; i++) {
        const Insn *insn = &e->r->insns.at[i];
        if (insn->dst == NO_REG || e->skipped[i])
            continue;
        Var *var = &e->var[insn->dst];
        int bits = bits_of(e, insn->dst);
        VarKind kind = bits == 0   ? VAR_POINTER
                       : bits > 64 ? VAR_VECTOR
                                   : result_kind(insn, bits);
        if (seen[insn->dst] && var->kind != kind)
            kind = VAR_UNSIGNED;
        var->kind = kind;
        seen[insn->dst] = true;
        var->loops += insn->kind == INSN_LOOP;
    }
}

static void find_variables(Emit *e) {
    for (int i = 0; i < e->r->regs.count; i++)
        e->var[i].block = -1;
    for (int i = 0; i < e->r->insns.count; i++) {
        const Insn *insn = &e->r->insns.at[i];
        if (e->skipped[i])
            continue;
        mention(e, insn->a, i, e->block[i], false);
        mention(e, insn->b, i, e->block[i], false);
        mention(e, insn->c, i, e->block[i], false);
        mention(e, insn->dst, i, insn->kind == INSN_LOOP ? i + 1 : e->block[i], true);
    }
    for (int i = 0; i < ARG_COUNT; i++)
        e->var[i].kind = VAR_POINTER;
    find_kinds(e);
}

/* A loop's counter that nothing else writes lives in its for statement. */
static bool is_counter(const Emit *e, Reg reg) {
    return e->var[reg].loops && e->var[reg].loops == e->var[reg].writes;
}

static bool declared_at_first(const Emit *e, Reg reg) {
    return e->var[reg].block == e->var[reg].first_block;
}

static Str var_type(const Emit *e, Reg reg) {
    int bits = bits_of(e, reg);
    switch (e->var[reg].kind) {
    case VAR_POINTER:
        return e->constant[reg] ? STR("const uint8_t *") : STR("uint8_t *");
    case VAR_VECTOR:
        return str_format(e->arena, "@_v%d ", bits);
    case VAR_REAL:
        return str_format(e->arena, "%s ", c_type(bits, C_REAL));
    default:
        return str_format(e->arena, "%s ",
                          c_type(bits, e->var[reg].kind == VAR_SIGNED ? C_SIGNED : C_UNSIGNED));
    }
}

static void indent(const Emit *e) {
    say(e, "%*s", 4 * e->depth, "");
}

/* Variables of a block that are first written further in. */
static void declare_late(const Emit *e, int block) {
    for (Reg reg = ARG_COUNT; reg < e->r->regs.count; reg++) {
        if (e->var[reg].block != block || is_counter(e, reg) || declared_at_first(e, reg))
            continue;
        indent(e);
        say(e, "%.*sv%d;\n", STR_ARG(var_type(e, reg)), reg);
    }
}

/* ---- two instructions as one ------------------------------------------------------------ */

static bool writes(const Insn *insn, Reg reg) {
    return reg != NO_REG && insn->dst == reg;
}

/* The only instruction that reads what `index` writes, if it comes in the same straight line and
 * nothing in between writes what `index` reads; or -1. */
static int only_reader(const Emit *e, int index) {
    const Insn *from = &e->r->insns.at[index];
    if (e->var[from->dst].writes != 1 || e->var[from->dst].reads != 1)
        return -1;
    for (int i = index + 1; i < e->r->insns.count; i++) {
        const Insn *insn = &e->r->insns.at[i];
        if (insn->kind == INSN_LOOP || insn->kind == INSN_END)
            return -1;
        if (e->skipped[i])
            continue;
        if (insn->a == from->dst || insn->b == from->dst || insn->c == from->dst)
            return i;
        if (writes(insn, from->a) || writes(insn, from->b))
            return -1;
    }
    return -1;
}

static Fusion fusion_of(const Insn *first, const Insn *second) {
    bool words = type_bits(first->type) == 32 && type_bits(second->type) == 32;
    if (!words)
        return FUSED_NONE;
    if (first->kind == INSN_MULHI && second->kind == INSN_ADD)
        return FUSED_MULHI_ADD;
    bool shift = first->kind == INSN_SHR && first->type == I32 && first->b == NO_REG &&
                 first->imm >= 1 && second->kind == INSN_SATURATE && second->imm <= 31;
    return shift ? FUSED_SHIFT_SATURATE : FUSED_NONE;
}

static void find_fusions(Emit *e) {
    for (int i = 0; i < e->r->insns.count && isa_is_arm(e->leaves->isa); i++) {
        const Insn *first = &e->r->insns.at[i];
        if (first->dst == NO_REG || e->skipped[i] || bits_of(e, first->dst) != 32)
            continue;
        int reader = only_reader(e, i);
        if (reader < 0 || e->fusion[reader])
            continue;
        const Insn *second = &e->r->insns.at[reader];
        e->fusion[reader] = fusion_of(first, second);
        e->partner[reader] = i;
        e->skipped[i] = e->fusion[reader] != FUSED_NONE;
    }
}

/* ---- operands --------------------------------------------------------------------------- */

/* Lane 0 of a scalar register, `bits` wide, as a value of that kind. */
static Str operand(const Emit *e, Reg reg, int bits, CKind kind) {
    VarKind has = e->var[reg].kind;
    bool same = bits == bits_of(e, reg);
    if (has == VAR_REAL) {
        if (kind == C_REAL && same)
            return str_format(e->arena, "v%d", reg);
        Str word = str_format(e->arena, "@_b%d(v%d)", bits_of(e, reg), reg);
        return kind == C_UNSIGNED && same
                   ? word
                   : str_format(e->arena, "(%s)%.*s", c_type(bits, kind), STR_ARG(word));
    }
    if (kind == C_REAL) {
        Str word = operand(e, reg, bits, C_UNSIGNED);
        return str_format(e->arena, "@_f%d(%.*s)", bits, STR_ARG(word));
    }
    if (same && (has == VAR_SIGNED) == (kind == C_SIGNED))
        return str_format(e->arena, "v%d", reg);
    return str_format(e->arena, "(%s)v%d", c_type(bits, kind), reg);
}

/* A register whole, as leaves take it. */
static Str whole(const Emit *e, Reg reg) {
    if (e->var[reg].kind == VAR_VECTOR || e->var[reg].kind == VAR_POINTER)
        return str_format(e->arena, "v%d", reg);
    return operand(e, reg, bits_of(e, reg), C_UNSIGNED);
}

static Str signed_word(const Emit *e, Reg reg) {
    return operand(e, reg, 32, C_SIGNED);
}

static Str address(const Emit *e, const Insn *insn) {
    Text text = text_new(e->arena);
    text_add(&text, "v%d", insn->a);
    if (insn->b != NO_REG && insn->scale == 1)
        text_add(&text, " + %.*s", STR_ARG(signed_word(e, insn->b)));
    else if (insn->b != NO_REG)
        text_add(&text, " + %.*s * %d", STR_ARG(signed_word(e, insn->b)), insn->scale);
    if (insn->imm)
        text_add(&text, insn->imm < 0 ? " - %lld" : " + %lld",
                 (long long)(insn->imm < 0 ? -insn->imm : insn->imm));
    return text_str(&text);
}

/* ---- results ---------------------------------------------------------------------------- */

/* "const uint32_t v12 = " or "v12 = ". */
static void begin_assignment(const Emit *e, int index) {
    Reg reg = e->r->insns.at[index].dst;
    const Var *var = &e->var[reg];
    indent(e);
    if (var->first == index && declared_at_first(e, reg)) {
        bool once = var->writes == 1;
        if (var->kind == VAR_POINTER)
            say(e, "%.*s%s", STR_ARG(var_type(e, reg)), once ? "const " : "");
        else
            say(e, "%s%.*s", once ? "const " : "", STR_ARG(var_type(e, reg)));
    }
    say(e, "v%d = ", reg);
}

/* The instruction's result, an expression of that kind as wide as the register; a value narrower
 * than int has been promoted, so it is cast whatever it was. */
static void assign(const Emit *e, int index, CKind kind, Str value, bool exact) {
    Reg reg = e->r->insns.at[index].dst;
    VarKind var = e->var[reg].kind;
    int bits = bits_of(e, reg);
    begin_assignment(e, index);
    if (var == VAR_REAL) {
        assert(kind == C_REAL);
        say(e, "%.*s;\n", STR_ARG(value));
        return;
    }
    CKind wanted = var == VAR_SIGNED ? C_SIGNED : C_UNSIGNED;
    if (kind == C_REAL)
        say(e, wanted == C_SIGNED ? "(%s)@_b%d(%.*s);\n" : "%.0s@_b%d(%.*s);\n",
            c_type(bits, C_SIGNED), bits, STR_ARG(value));
    else if (exact && kind == wanted)
        say(e, "%.*s;\n", STR_ARG(value));
    else
        say(e, "(%s)(%.*s);\n", c_type(bits, wanted), STR_ARG(value));
}

/* ---- leaves ----------------------------------------------------------------------------- */

static Leaf leaf_of(const Emit *e, const Insn *insn) {
    Leaf leaf = {.insn = *insn};
    leaf.bits = bits_of(e, insn->kind == INSN_STORE ? insn->c : insn->dst);
    if (insn->a != NO_REG)
        leaf.a_bits = bits_of(e, insn->a);
    if (insn->kind == INSN_LOAD && insn->count == leaf.bits / type_bits(insn->type))
        leaf.insn.repeat = false;
    if (leaf.bits > 64) /* one leaf for all */
        leaf.insn.align = 0;
    return leaf;
}

static void leaf_arguments(const Emit *e, const Leaf *leaf, Text *call) {
    const Insn *insn = &leaf->insn;
    bool shift = insn->kind == INSN_SHL || insn->kind == INSN_SHR;
    if (insn->kind == INSN_CONSTANT) {
        int bits = type_bits(insn->type);
        Str x = c_kind(insn->type) == C_REAL
                    ? real_literal(e->arena, bits, insn->real)
                    : integer_literal(e->arena, bits, c_kind(insn->type), insn->imm);
        text_add_str(call, x);
        return;
    }
    if (insn_facts[insn->kind].flags & HAS_MEMORY) {
        text_add_str(call, address(e, insn));
        if (insn->kind == INSN_STORE)
            text_add(call, ", %.*s", STR_ARG(whole(e, insn->c)));
        return;
    }
    text_add_str(call, whole(e, insn->a));
    if (insn->b != NO_REG)
        text_add(call, ", %.*s", STR_ARG(shift ? signed_word(e, insn->b) : whole(e, insn->b)));
    if (insn->c != NO_REG)
        text_add(call, ", %.*s", STR_ARG(whole(e, insn->c)));
}

static Str leaf_call(const Emit *e, const Leaf *leaf) {
    Text call = text_new(e->arena);
    leaf_add(e->leaves, leaf);
    leaf_name(&call, leaf);
    text_add(&call, "(");
    leaf_arguments(e, leaf, &call);
    text_add(&call, ")");
    return text_str(&call);
}

static void print_leaf_call(const Emit *e, int index, const Leaf *leaf) {
    Str call = leaf_call(e, leaf);
    if (leaf->insn.kind == INSN_STORE) {
        indent(e);
        say(e, "%.*s;\n", STR_ARG(call));
        return;
    }
    Reg reg = e->r->insns.at[index].dst;
    VarKind kind = e->var[reg].kind;
    begin_assignment(e, index);
    if (kind == VAR_SIGNED)
        say(e, "(%s)", c_type(leaf->bits, C_SIGNED));
    if (kind == VAR_REAL)
        say(e, "@_f%d(%.*s);\n", leaf->bits, STR_ARG(call));
    else
        say(e, "%.*s;\n", STR_ARG(call));
}

/* ---- instructions that C has ------------------------------------------------------------ */

static bool is_arm_leaf(const Emit *e, const Insn *insn) {
    return isa_is_arm(e->leaves->isa) &&
           (insn->kind == INSN_MULHI || insn->kind == INSN_SATURATE) &&
           type_bits(insn->type) == 32;
}

/* Whether the result is one lane in a scalar, from scalars. */
static bool is_plain(const Emit *e, const Insn *insn) {
    Reg value = insn->kind == INSN_STORE ? insn->c : insn->dst;
    int bits = bits_of(e, value);
    if (bits > 64 || is_arm_leaf(e, insn))
        return false;
    bool bitwise = insn->kind == INSN_AND || insn->kind == INSN_XOR;
    if (insn->kind == INSN_CONSTANT || bitwise)
        return true;
    if (insn->kind == INSN_STORE)
        return insn->count == 1;
    if (insn->kind == INSN_DOT2 || insn->kind == INSN_DOT4 || insn->kind == INSN_HALF)
        return false;
    if ((insn->kind == INSN_CONVERT || insn->kind == INSN_SPLAT) && bits_of(e, insn->a) > 64)
        return false;
    return bits == type_bits(insn->type);
}

/* A scalar constant, in all its lanes. */
static void print_constant(const Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    int bits = bits_of(e, insn->dst), width = type_bits(insn->type);
    if (c_kind(insn->type) == C_REAL && width == bits) {
        assign(e, index, C_REAL, real_literal(e->arena, bits, insn->real), true);
        return;
    }
    uint64_t lane = (uint64_t)insn->imm, all = 0;
    if (c_kind(insn->type) == C_REAL) {
        float narrow = (float)insn->real;
        uint32_t word;
        memcpy(&word, &narrow, 4); /* two to a register */
        lane = word;
    }
    for (int at = 0; at < bits; at += width)
        all |= (width == 64 ? lane : lane & ((1ull << width) - 1)) << at;
    CKind kind = e->var[insn->dst].kind == VAR_SIGNED ? C_SIGNED : C_UNSIGNED;
    Str text = integer_literal(e->arena, bits, kind, (int64_t)all);
    assign(e, index, kind, text, true);
}

static void print_load(const Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    Str element = element_expression(e->arena, insn->type2, insn->align, address(e, insn));
    Str value = convert_expression(e->arena, insn->type, insn->type2, element);
    assign(e, index, c_kind(insn->type), value, true);
}

static void print_store(const Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    Str x = operand(e, insn->c, type_bits(insn->type), c_kind(insn->type));
    Str value = convert_expression(e->arena, insn->type2, insn->type, x);
    Text store = text_new(e->arena);
    element_store(&store, insn->type2, insn->align, address(e, insn), value);
    indent(e);
    say(e, "%s\n", store.at);
}

static void print_convert(const Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    Str x = operand(e, insn->a, type_bits(insn->type2), c_kind(insn->type2));
    assign(e, index, c_kind(insn->type),
           convert_expression(e->arena, insn->type, insn->type2, x), true);
}

static void print_address_of(const Emit *e, int index) {
    begin_assignment(e, index);
    say(e, "%.*s;\n", STR_ARG(address(e, &e->r->insns.at[index])));
}

static void print_copy(const Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    VarKind kind = e->var[insn->dst].kind;
    if (kind == VAR_VECTOR || kind == VAR_POINTER) {
        begin_assignment(e, index);
        say(e, "v%d;\n", insn->a);
        return;
    }
    CKind as = kind == VAR_SIGNED ? C_SIGNED : C_UNSIGNED;
    assign(e, index, as, operand(e, insn->a, bits_of(e, insn->a), as), true);
}

static void print_lanewise(const Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    Insn at = *insn;
    bool bitwise = insn->kind == INSN_AND || insn->kind == INSN_XOR;
    int bits = bitwise ? bits_of(e, insn->dst) : type_bits(insn->type);
    if (bitwise) /* lanes do not matter */
        at.type = bits == 8 ? U8 : bits == 16 ? U16 : bits == 32 ? U32 : I64;
    CKind kind = lane_operands(&at), result;
    bool shift = insn->kind == INSN_SHL || insn->kind == INSN_SHR;
    Str x = operand(e, insn->a, bits, kind), y = STR("");
    if (insn->b != NO_REG)
        y = shift ? signed_word(e, insn->b) : operand(e, insn->b, bits, kind);
    Str value = lane_expression(e->arena, &at, str_terminated(e->arena, x),
                                str_terminated(e->arena, y), &result);
    assign(e, index, result, value, bits >= 32 && insn->kind != INSN_MULHI);
}

/* ---- statements ------------------------------------------------------------------------- */

static void print_loop(Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    bool own = insn->dst != NO_REG && is_counter(e, insn->dst);
    Str i = own ? str_format(e->arena, "v%d", insn->dst) : str_format(e->arena, "i%d", index);
    Str n = insn->a == NO_REG ? integer_literal(e->arena, 32, C_SIGNED, insn->imm)
                              : signed_word(e, insn->a);
    indent(e);
    say(e, "for (int32_t %.*s = 0; %.*s < %.*s; %.*s++) {\n", STR_ARG(i), STR_ARG(i),
        STR_ARG(n), STR_ARG(i));
    e->depth++;
    declare_late(e, index + 1);
    if (insn->dst == NO_REG || own)
        return;
    assign(e, index, C_SIGNED, i, true);
}

static void print_fused(const Emit *e, int index) {
    const Insn *second = &e->r->insns.at[index];
    const Insn *first = &e->r->insns.at[e->partner[index]];
    Leaf leaf = leaf_of(e, e->fusion[index] == FUSED_MULHI_ADD ? first : second);
    leaf.fusion = e->fusion[index];
    leaf.bits = leaf.a_bits = 32;
    if (leaf.fusion == FUSED_MULHI_ADD) {
        leaf.insn.type = I32;
        leaf.insn.c = second->a == first->dst ? second->b : second->a;
    } else {
        leaf.insn.a = first->a;
        leaf.shift = (int)first->imm;
    }
    print_leaf_call(e, index, &leaf);
}

static void print_plain(const Emit *e, int index) {
    switch (e->r->insns.at[index].kind) {
    case INSN_CONSTANT:
        print_constant(e, index);
        break;
    case INSN_LOAD:
        print_load(e, index);
        break;
    case INSN_STORE:
        print_store(e, index);
        break;
    case INSN_CONVERT:
        print_convert(e, index);
        break;
    case INSN_SPLAT: {
        const Insn *insn = &e->r->insns.at[index];
        CKind kind = c_kind(insn->type);
        assign(e, index, kind, operand(e, insn->a, type_bits(insn->type), kind), true);
        break;
    }
    default:
        print_lanewise(e, index);
    }
}

static void print_insn(Emit *e, int index) {
    const Insn *insn = &e->r->insns.at[index];
    if (e->skipped[index])
        return;
    if (insn->kind == INSN_LOOP) {
        print_loop(e, index);
    } else if (insn->kind == INSN_END) {
        e->depth--;
        indent(e);
        say(e, "}\n");
    } else if (insn->kind == INSN_ADDRESS) {
        print_address_of(e, index);
    } else if (insn->kind == INSN_PREFETCH) {
        indent(e);
        say(e, "$_PREFETCH(%.*s);\n", STR_ARG(address(e, insn)));
    } else if (insn->kind == INSN_COPY) {
        print_copy(e, index);
    } else if (e->fusion[index]) {
        print_fused(e, index);
    } else if (is_plain(e, insn)) {
        print_plain(e, index);
    } else {
        Leaf leaf = leaf_of(e, insn);
        print_leaf_call(e, index, &leaf);
    }
}

/* ---- functions -------------------------------------------------------------------------- */

static const char *const argument_names[ARG_COUNT] = {
    "in", "in2", "out", "weights", "constants", "scratch", "params"};

static void print_arguments(const Emit *e) {
    for (int i = 0; i < ARG_COUNT; i++) {
        bool written = i == ARG_OUT || i == ARG_SCRATCH;
        indent(e);
        if (e->var[i].block < 0)
            say(e, "(void)%s;\n", argument_names[i]);
        else if (i == ARG_PARAMS)
            say(e, "const uint8_t *const v%d = (const uint8_t *)params;\n", i);
        else
            say(e, written ? "uint8_t *const v%d = %s;\n" : "const uint8_t *const v%d = %s;\n",
                i, argument_names[i]);
    }
}

static void print_function(Emit *e, Str name) {
    say(e,
        "\n$_KERNEL %.*s(const void *in, const void *in2, void *out,\n"
        "        const void *weights, const void *constants, void *scratch,\n"
        "        const int32_t *params)\n{\n",
        STR_ARG(name));
    e->depth = 1;
    print_arguments(e);
    declare_late(e, 0);
    for (int i = 0; i < e->r->insns.count; i++)
        print_insn(e, i);
    say(e, "}\n");
}

static void print_routine(Text *text, Leaves *leaves, Str name, const Routine *r) {
    Arena *arena = text->arena;
    int count = r->insns.count;
    Emit e = {.arena = arena,
              .text = text,
              .leaves = leaves,
              .r = r,
              .var = arena_array(arena, Var, r->regs.count),
              .constant = routine_constants(r),
              .block = arena_array(arena, int, count + 1),
              .parent = arena_array(arena, int, count + 1),
              .fusion = arena_array(arena, Fusion, count),
              .partner = arena_array(arena, int, count),
              .skipped = arena_array(arena, bool, count)};
    find_unread(&e, 0, count, arena_array(arena, bool, r->regs.count));
    find_blocks(&e);
    find_variables(&e);
    find_fusions(&e);
    print_function(&e, name);
}

static Leaves leaves_new(Arena *arena, Str prefix, const Isa *isa) {
    return (Leaves){.arena = arena, .prefix = prefix, .isa = isa, .known = map_new(arena)};
}

/* Routines are printed twice: here for what they mention. */
static void print_leaves(Text *text, Str prefix, const Isa *isa, const Routine *const *routines,
                         int count, bool portable) {
    Text body = text_new(text->arena);
    Leaves leaves = leaves_new(text->arena, prefix, isa);
    for (int i = 0; i < count; i++)
        print_routine(&body, &leaves, STR("f"), routines[i]);
    leaves_write(&leaves, text, text_str(&body), portable);
}

void leaves_print(Text *text, Str prefix, const Isa *isa, const Routine *const *routines,
                  int count) {
    print_leaves(text, prefix, isa, routines, count, true);
}

void leaves_print_only(Text *text, Str prefix, const Isa *isa, const Routine *const *routines,
                       int count) {
    print_leaves(text, prefix, isa, routines, count, false);
}

/* The macro may leave a routine to C where it would be assembly. */
static void print_assembly(Text *text, Str prefix, Str assembly) {
    leaf_say(text, prefix,
             "\n#if defined(__thumb2__) && defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && "
             "!defined($_NO_ASSEMBLY)\n");
    text_add_str(text, assembly);
    text_add(text, "#else");
}

void routine_print_c(Text *text, Str prefix, Str name, const Isa *isa, const Routine *routine) {
    Leaves leaves = leaves_new(text->arena, prefix, isa);
    Text assembly = text_new(text->arena);
    bool assembled = isa_is_arm(isa) && routine_print_thumb(&assembly, prefix, name, routine);
    if (assembled)
        print_assembly(text, prefix, text_str(&assembly));
    print_routine(text, &leaves, name, routine);
    if (assembled)
        text_add(text, "#endif\n");
}
