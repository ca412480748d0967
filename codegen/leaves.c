/* Leaves in C that every compiler takes: their names, their bodies lane by lane, and what these
 * stand on. Values of up to 64 bits are unsigned integers, wider ones vectors of the machine or
 * structs of 32-bit words, lane 0 lowest.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/leaves.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

/* ---- texts with a prefix ---------------------------------------------------------------- */

static void add_expanded(Text *text, Str prefix, Str from) {
    for (int i = 0; i < from.length; i++) {
        if (from.at[i] == '@')
            text_add_str(text, prefix);
        else if (from.at[i] == '$')
            for (int k = 0; k < prefix.length; k++)
                text_add(text, "%c", toupper((unsigned char)prefix.at[k]));
        else
            text_add(text, "%c", from.at[i]);
    }
}

void leaf_say(Text *text, Str prefix, const char *format, ...) {
    Arena *scratch = arena_new();
    va_list list;
    va_start(list, format);
    char line[2048];
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    assert(length >= 0 && length < (int)sizeof line);
    add_expanded(text, prefix, (Str){line, length});
    arena_free(scratch);
}

/* ---- C's types and numbers -------------------------------------------------------------- */

const char *c_type(int bits, CKind kind) {
    static const char *const names[4][3] = {{"uint8_t", "int8_t", NULL},
                                            {"uint16_t", "int16_t", NULL},
                                            {"uint32_t", "int32_t", "float"},
                                            {"uint64_t", "int64_t", "double"}};
    int size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    assert(bits <= 64 && names[size][kind]);
    return names[size][kind];
}

CKind c_kind(Type type) {
    if (type == F32 || type == F64)
        return C_REAL;
    return type_is_signed(type) && type != F16 ? C_SIGNED : C_UNSIGNED;
}

static const char *type_c(Type type) {
    return c_type(type_bits(type), c_kind(type));
}

Str integer_literal(Arena *arena, int bits, CKind kind, int64_t value) {
    if (kind == C_SIGNED) {
        if (bits == 64)
            return value == INT64_MIN ? STR("(-INT64_C(9223372036854775807) - 1)")
                                      : str_format(arena, "INT64_C(%lld)", (long long)value);
        int64_t wrapped = bits == 8    ? (int8_t)value
                          : bits == 16 ? (int16_t)value
                                       : (int32_t)value;
        return wrapped == INT32_MIN ? STR("(-2147483647 - 1)")
                                    : str_format(arena, "%lld", (long long)wrapped);
    }
    uint64_t low = bits == 64 ? (uint64_t)value : (uint64_t)value & ((1ull << bits) - 1);
    return str_format(arena, bits == 64 ? "UINT64_C(%llu)" : "%lluu", (unsigned long long)low);
}

Str real_literal(Arena *arena, int bits, double value) {
    if (!isfinite(value)) {
        float narrow = (float)value;
        uint32_t word;
        uint64_t wide;
        memcpy(&word, &narrow, 4);
        memcpy(&wide, &value, 8);
        return bits == 32
                   ? str_format(arena, "@_f32(0x%xu)", word)
                   : str_format(arena, "@_f64(UINT64_C(%llu))", (unsigned long long)wide);
    }
    return str_format(arena, bits == 32 ? "%af" : "%a",
                      bits == 32 ? (double)(float)value : value);
}

/* ---- lanes ------------------------------------------------------------------------------ */

CKind lane_operands(const Insn *insn) {
    if (c_kind(insn->type) == C_REAL)
        return C_REAL;
    switch (insn->kind) {
    case INSN_MIN:
    case INSN_MAX:
    case INSN_SHR:
        return c_kind(insn->type);
    case INSN_SATURATE:
    case INSN_MULHI:
    case INSN_MULROUND:
        return C_SIGNED;
    default:
        return C_UNSIGNED;
    }
}

static Str clamp_expression(Arena *arena, const Insn *insn, const char *x) {
    int bits = type_bits(insn->type);
    bool is_signed = type_is_signed(insn->type);
    int left = (int)insn->imm - is_signed; /* bits of the largest */
    int64_t high = left >= bits - 1 ? INT64_MAX >> (64 - bits) : ((int64_t)1 << left) - 1;
    Str top = integer_literal(arena, bits, C_SIGNED, high);
    Str bottom = integer_literal(arena, bits, C_SIGNED, is_signed ? -high - 1 : 0);
    Text text = text_new(arena); /* without comparisons that no value fails */
    if (!is_signed || left < bits - 1)
        text_add(&text, "%s < %.*s ? %.*s : ", x, STR_ARG(bottom), STR_ARG(bottom));
    if (left < bits - 1)
        text_add(&text, "%s > %.*s ? %.*s : ", x, STR_ARG(top), STR_ARG(top));
    text_add(&text, "%s", x);
    return text_str(&text);
}

static const char *operator_text(InsnKind kind) {
    switch (kind) {
    case INSN_ADD:
        return "+";
    case INSN_SUB:
        return "-";
    case INSN_MUL:
        return "*";
    case INSN_DIV:
        return "/";
    case INSN_AND:
        return "&";
    case INSN_XOR:
        return "^";
    case INSN_SHL:
        return "<<";
    case INSN_SHR:
        return ">>";
    case INSN_MIN:
        return "<";
    default:
        assert(kind == INSN_MAX);
        return ">";
    }
}

/* y: the second operand, or a shift's amount where a register has it. */
Str lane_expression(Arena *arena, const Insn *insn, const char *x, const char *y,
                    CKind *result) {
    int bits = type_bits(insn->type);
    *result = lane_operands(insn);
    switch (insn->kind) {
    case INSN_SATURATE:
        return clamp_expression(arena, insn, x);
    case INSN_SQRT:
        return str_format(arena, "@_sqrt%d(%s)", bits, x);
    case INSN_MULROUND:
        return str_format(arena, "(%s * %s + 16384) >> 15", x, y);
    case INSN_MULHI:
        return str_format(arena, bits == 16 ? "(%s * %s) >> 16" : "((int64_t)%s * %s) >> 32", x,
                          y);
    case INSN_MIN:
    case INSN_MAX:
        if (!strcmp(x, y))
            return str_format(arena, "%s", x);
        return str_format(arena, "%s %s %s ? %s : %s", x, operator_text(insn->kind), y, x, y);
    case INSN_SHL:
    case INSN_SHR:
        if (insn->b == NO_REG && insn->imm == bits - 1 && *result == C_SIGNED)
            return str_format(arena, "%s < 0 ? -1 : 0", x);
        if (insn->b == NO_REG)
            y = str_format(arena, "%d", (int)insn->imm).at;
        break;
    case INSN_MUL:
        if (bits == 16) /* which int may not hold */
            return str_format(arena, "(uint32_t)%s * %s", x, y);
        break;
    default:
        break;
    }
    return str_format(arena, "%s %s %s", x, operator_text(insn->kind), y);
}

/* Floats of 16 bits are computed with as double, which holds them all. */
Str convert_expression(Arena *arena, Type to, Type from, Str x) {
    if (to == from)
        return x;
    if (from == F16)
        return to == F64 ? str_format(arena, "@_unhalf(%.*s)", STR_ARG(x))
                         : str_format(arena, "(%s)@_unhalf(%.*s)", type_c(to), STR_ARG(x));
    if (to == F16)
        return str_format(arena, "@_half((double)%.*s)", STR_ARG(x));
    return str_format(arena, "(%s)%.*s", type_c(to), STR_ARG(x));
}

/* The byte at "v8 + v7 * 4 + 16": "v8[v7 * 4 + 16]". */
static Str byte_at(Arena *arena, Str address) {
    int base = 0;
    while (base < address.length && address.at[base] != ' ')
        base++;
    if (base == address.length)
        return str_format(arena, "*%.*s", STR_ARG(address));
    bool minus = address.at[base + 1] == '-';
    return str_format(arena, "%.*s[%s%.*s]", base, address.at, minus ? "-" : "",
                      address.length - base - 3, address.at + base + 3);
}

Str element_expression(Arena *arena, Type type, int align, Str address) {
    int bits = type_bits(type);
    if (bits == 8)
        return str_format(arena, type == I8 ? "(int8_t)%.*s" : "%.*s",
                          STR_ARG(byte_at(arena, address)));
    int known = align * 8 >= bits ? bits / 8 : align >= 4 ? 4 : 1;
    Str read = str_format(arena, "@_read%d_%d(%.*s)", bits, known, STR_ARG(address));
    if (c_kind(type) == C_REAL)
        return str_format(arena, "@_f%d(%.*s)", bits, STR_ARG(read));
    return c_kind(type) == C_SIGNED ? str_format(arena, "(%s)%.*s", type_c(type), STR_ARG(read))
                                    : read;
}

/* `value` is of type `type`. */
void element_store(Text *text, Type type, int align, Str address, Str value) {
    int bits = type_bits(type), known = align * 8 >= bits ? bits / 8 : align >= 4 ? 4 : 1;
    if (bits == 8)
        text_add(text, "%.*s = (uint8_t)(%.*s);", STR_ARG(byte_at(text->arena, address)),
                 STR_ARG(value));
    else if (c_kind(type) == C_REAL)
        text_add(text, "@_write%d_%d(%.*s, @_b%d(%.*s));", bits, known, STR_ARG(address), bits,
                 STR_ARG(value));
    else
        text_add(text, "@_write%d_%d(%.*s, (%s)(%.*s));", bits, known, STR_ARG(address),
                 c_type(bits, C_UNSIGNED), STR_ARG(value));
}

/* ---- names ------------------------------------------------------------------------------ */

static int lanes_of(const Leaf *leaf) {
    return leaf->bits / type_bits(leaf->insn.type);
}

static void name_memory(Text *text, const Leaf *leaf) {
    const Insn *insn = &leaf->insn;
    if (insn->type2 != insn->type)
        text_add(text, "_%s", type_name(insn->type2));
    if (insn->count != lanes_of(leaf))
        text_add(text, insn->repeat ? "_repeat%d" : "_first%d", insn->count);
    if (leaf->bits <= 64 && insn->align > 1)
        text_add(text, "_align%d", insn->align);
}

static void name_rest(Text *text, const Leaf *leaf) {
    const Insn *insn = &leaf->insn;
    switch (insn->kind) {
    case INSN_LOAD:
    case INSN_STORE:
        name_memory(text, leaf);
        break;
    case INSN_CONVERT:
        text_add(text, "_%s_of%d", type_name(insn->type2), leaf->a_bits);
        break;
    case INSN_SPLAT:
        text_add(text, "_of%d", leaf->a_bits);
        break;
    case INSN_INTERLEAVE:
        text_add(text, insn->imm ? "_high" : "_low");
        break;
    case INSN_TRANSPOSE:
    case INSN_HALF:
    case INSN_SATURATE:
        text_add(text, "_%d", (int)insn->imm);
        break;
    case INSN_SHL:
    case INSN_SHR:
        if (insn->b == NO_REG)
            text_add(text, "_%d", (int)insn->imm);
        break;
    case INSN_DOT4:
        text_add(text, "_%s", type_name(insn->type2));
        break;
    default:
        break;
    }
    if (leaf->fusion == FUSED_MULHI_ADD)
        text_add(text, "_add");
    if (leaf->fusion == FUSED_SHIFT_SATURATE)
        text_add(text, "_shr%d", leaf->shift);
}

void leaf_name(Text *text, const Leaf *leaf) {
    text_add(text, "@_%s_%s", insn_facts[leaf->insn.kind].spelling, type_name(leaf->insn.type));
    if (lanes_of(leaf) > 1)
        text_add(text, "x%d", lanes_of(leaf));
    name_rest(text, leaf);
}

void leaf_add(Leaves *leaves, const Leaf *leaf) {
    Text name = text_new(leaves->arena);
    leaf_name(&name, leaf);
    if (map_get(leaves->known, text_str(&name), NULL))
        return;
    map_put(leaves->known, text_str(&name), leaves->all.count);
    vec_push(leaves->arena, &leaves->all, *leaf);
}

bool isa_is_x86(const Isa *isa) {
    return isa->vector_bits >= 256 && !strncmp(isa->name, "x86", 3);
}

bool isa_is_arm(const Isa *isa) {
    return !strncmp(isa->name, "armv7e-m", 8);
}

/* ---- bodies, lane by lane --------------------------------------------------------------- */

/* The function being printed. */
typedef struct Body {
    Leaves *leaves;
    Arena *arena;
    Text *text;
    const Leaf *leaf;
} Body;

static void say(const Body *body, const char *format, ...) PRINTF(2, 3);
static void say(const Body *body, const char *format, ...) {
    char line[2048];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    assert(length >= 0 && length < (int)sizeof line);
    add_expanded(body->text, body->leaves->prefix, (Str){line, length});
}

static Str value_type(Arena *arena, int bits) {
    return bits <= 64 ? str_of(c_type(bits, C_UNSIGNED)) : str_format(arena, "@_v%d", bits);
}

/* Lane `index` of a value of `bits` bits, as unsigned; wide ones have been taken into words. */
static Str lane_get(const Body *body, const char *value, int bits, int width,
                    const char *index) {
    if (bits > 64)
        return str_format(body->arena, "@_get%d(%s_.w, %s)", width, value, index);
    if (bits == width)
        return str_of(value);
    return str_format(body->arena, "(%s)(%s >> (%d * (%s)))", c_type(width, C_UNSIGNED), value,
                      width, index);
}

/* The same as a value of a kind. */
static Str lane_as(const Body *body, const char *value, int bits, int width, CKind kind,
                   const char *index) {
    Str lane = lane_get(body, value, bits, width, index);
    if (kind == C_REAL)
        return str_format(body->arena, "@_f%d(%.*s)", width, STR_ARG(lane));
    if (kind == C_SIGNED)
        return str_format(body->arena, "(%s)%.*s", c_type(width, C_SIGNED), STR_ARG(lane));
    return lane;
}

/* Sets lane `index` of the result, whose lanes were 0, to an expression of that kind. */
static void lane_put(const Body *body, int width, CKind kind, const char *index, Str value) {
    int bits = body->leaf->bits;
    Str lane = kind == C_REAL ? str_format(body->arena, "@_b%d(%.*s)", width, STR_ARG(value))
                              : str_format(body->arena, "(%s)(%.*s)", c_type(width, C_UNSIGNED),
                                           STR_ARG(value));
    const char *type = bits <= 64 ? c_type(bits, C_UNSIGNED) : "";
    if (bits > 64)
        say(body, "@_put%d(d.w, %s, %.*s);\n", width, index, STR_ARG(lane));
    else if (bits == width || !strcmp(index, "0"))
        say(body, "d = %.*s;\n", STR_ARG(lane));
    else
        say(body, "d = (%s)(d | (%s)((%s)%.*s << (%d * (%s))));\n", type, type, type,
            STR_ARG(lane), width, index);
}

/* Wide operands as words, and the result with all lanes 0. */
static void begin_lanes(const Body *body, const char *operands, bool result) {
    for (const char *o = operands; *o; o++) {
        int bits = *o == 'a' && body->leaf->a_bits ? body->leaf->a_bits : body->leaf->bits;
        if (bits > 64)
            say(body, "    const @_w%d %c_ = @_words%d(%c);\n", bits, *o, bits, *o);
    }
    if (result && body->leaf->bits > 64)
        say(body, "    @_w%d d = {{0}};\n", body->leaf->bits);
    else if (result)
        say(body, "    %s d = 0;\n", c_type(body->leaf->bits, C_UNSIGNED));
}

static void end_lanes(const Body *body) {
    if (body->leaf->bits > 64)
        say(body, "    return @_value%d(d);\n", body->leaf->bits);
    else
        say(body, "    return d;\n");
}

/* Without a loop where there is one lane. */
static const char *begin_loop(const Body *body, int count) {
    if (count == 1) {
        say(body, "    ");
        return "0";
    }
    say(body, "    for (int i = 0; i < %d; i++)\n        ", count);
    return "i";
}

static void body_lanewise(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bits = body->leaf->bits, width = type_bits(insn->type);
    bool shift = insn->kind == INSN_SHL || insn->kind == INSN_SHR;
    bool two = insn_facts[insn->kind].b == OPERAND_VALUE;
    CKind kind = lane_operands(insn), result;
    begin_lanes(body, two ? "ab" : "a", true);
    const char *i = lanes_of(body->leaf) > 1 ? "i" : "0";
    Str x = lane_as(body, "a", bits, width, kind, i);
    Str y = two ? lane_as(body, "b", bits, width, kind, i) : shift ? STR("n") : STR("");
    Str value = lane_expression(body->arena, insn, str_terminated(body->arena, x),
                                str_terminated(body->arena, y), &result);
    begin_loop(body, lanes_of(body->leaf));
    lane_put(body, width, result, i, value);
    end_lanes(body);
}

/* c + products of lanes `width` wide, so many to a sum. */
static void body_dot(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bits = body->leaf->bits, terms = insn->kind == INSN_DOT2 ? 2 : 4, width = 32 / terms;
    CKind left = terms == 4 && insn->type2 == U8 ? C_UNSIGNED : C_SIGNED;
    begin_lanes(body, "abc", true);
    const char *i = lanes_of(body->leaf) > 1 ? "i" : "0";
    Text sum = text_new(body->arena);
    text_add_str(&sum, lane_get(body, "c", bits, 32, i));
    for (int k = 0; k < terms; k++) {
        const char *lane = *i == '0' ? str_format(body->arena, "%d", k).at
                                     : str_format(body->arena, "%d * i + %d", terms, k).at;
        Str a = lane_as(body, "a", bits, width, left, lane);
        Str b = lane_as(body, "b", bits, width, C_SIGNED, lane);
        text_add(&sum, " + (uint32_t)(%.*s * %.*s)", STR_ARG(a), STR_ARG(b));
    }
    begin_loop(body, lanes_of(body->leaf));
    lane_put(body, 32, C_UNSIGNED, i, text_str(&sum));
    end_lanes(body);
}

static void body_half(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int width = type_bits(insn->type), lanes = lanes_of(body->leaf);
    begin_lanes(body, "a", true);
    Str from = lanes > 1 ? str_format(body->arena, "2 * i + %d", (int)insn->imm)
                         : str_format(body->arena, "%d", (int)insn->imm);
    Str x = lane_as(body, "a", body->leaf->bits, width / 2, c_kind(insn->type), from.at);
    const char *i = begin_loop(body, lanes);
    lane_put(body, width, C_UNSIGNED, i, x);
    end_lanes(body);
}

static void body_interleave(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bits = body->leaf->bits, width = type_bits(insn->type), block = 128 / width;
    begin_lanes(body, "ab", true);
    Str from = str_format(body->arena, "i / %d * %d + %d + i %% %d / 2", block, block,
                          insn->imm ? block / 2 : 0, block);
    Str a = lane_get(body, "a", bits, width, from.at);
    Str b = lane_get(body, "b", bits, width, from.at);
    const char *i = begin_loop(body, lanes_of(body->leaf));
    lane_put(body, width, C_UNSIGNED, i,
             str_format(body->arena, "i %% 2 ? %.*s : %.*s", STR_ARG(b), STR_ARG(a)));
    end_lanes(body);
}

static void body_transpose(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bits = body->leaf->bits, width = type_bits(insn->type), block = 128 / width;
    int inner = insn->imm ? block : bits / 128, outer = insn->imm ? bits / 128 : block;
    begin_lanes(body, "a", true);
    Str from = str_format(body->arena, "i %% %d * %d + i / %d", inner, outer, inner);
    Str a = lane_get(body, "a", bits, width, from.at);
    const char *i = begin_loop(body, lanes_of(body->leaf));
    lane_put(body, width, C_UNSIGNED, i, a);
    end_lanes(body);
}

static void body_pack(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bits = body->leaf->bits, width = type_bits(insn->type), block = 128 / width;
    bool is_signed = type_is_signed(insn->type);
    int low = is_signed ? -(1 << (width - 1)) : 0, high = (1 << (width - is_signed)) - 1;
    begin_lanes(body, "ab", true);
    Str from = str_format(body->arena, "i / %d * %d + i %% %d", block, block / 2, block / 2);
    Str a = lane_as(body, "a", bits, 2 * width, C_SIGNED, from.at);
    Str b = lane_as(body, "b", bits, 2 * width, C_SIGNED, from.at);
    say(body, "    for (int i = 0; i < %d; i++) {\n", lanes_of(body->leaf));
    say(body, "        const int32_t x = i %% %d < %d ? %.*s : %.*s;\n        ", block,
        block / 2, STR_ARG(a), STR_ARG(b));
    lane_put(body, width, C_UNSIGNED, "i",
             str_format(body->arena, "x < %d ? %d : x > %d ? %d : x", low, low, high, high));
    say(body, "    }\n");
    end_lanes(body);
}

static void body_splat(const Body *body) {
    int width = type_bits(body->leaf->insn.type);
    begin_lanes(body, "a", true);
    Str x = lane_get(body, "a", body->leaf->a_bits, width, "0");
    const char *i = begin_loop(body, lanes_of(body->leaf));
    lane_put(body, width, C_UNSIGNED, i, x);
    end_lanes(body);
}

static void body_constant(const Body *body) {
    begin_lanes(body, "", true);
    Type type = body->leaf->insn.type;
    const char *i = begin_loop(body, lanes_of(body->leaf));
    lane_put(body, type_bits(type), c_kind(type), i, STR("x"));
    end_lanes(body);
}

static void body_convert(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int lanes = lanes_of(body->leaf);
    begin_lanes(body, "a", true);
    Str x = lane_as(body, "a", body->leaf->a_bits, type_bits(insn->type2), c_kind(insn->type2),
                    lanes > 1 ? "i" : "0");
    const char *i = begin_loop(body, lanes);
    lane_put(body, type_bits(insn->type), c_kind(insn->type), i,
             convert_expression(body->arena, insn->type, insn->type2, x));
    end_lanes(body);
}

static Str element_address(const Body *body, int count) {
    int bytes = type_bits(body->leaf->insn.type2) / 8;
    return count == 1   ? STR("p")
           : bytes == 1 ? STR("p + i")
                        : str_format(body->arena, "p + %d * i", bytes);
}

static void body_load(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bytes = type_bits(insn->type2) / 8,
        count = insn->repeat ? lanes_of(body->leaf) : insn->count;
    int align = (int)min_i64(insn->align, bytes);
    begin_lanes(body, "", true);
    Str at = element_address(body, count);
    if (insn->repeat)
        at = insn->count == 1
                 ? STR("p")
                 : str_format(body->arena, "p + %d * (i %% %d)", bytes, insn->count);
    Str x = element_expression(body->arena, insn->type2, align, at);
    const char *i = begin_loop(body, count);
    lane_put(body, type_bits(insn->type), c_kind(insn->type), i,
             convert_expression(body->arena, insn->type, insn->type2, x));
    end_lanes(body);
}

static void body_store(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int align = (int)min_i64(insn->align, type_bits(insn->type2) / 8);
    begin_lanes(body, "c", false);
    Str x = lane_as(body, "c", body->leaf->bits, type_bits(insn->type), c_kind(insn->type),
                    insn->count > 1 ? "i" : "0");
    Str value = convert_expression(body->arena, insn->type2, insn->type, x);
    begin_loop(body, insn->count);
    Text store = text_new(body->arena);
    element_store(&store, insn->type2, align, element_address(body, insn->count), value);
    say(body, "%s\n", store.at);
}

/* Where lanes lie in memory as in the register on a little-endian machine, one access is all. */
static bool whole_access(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    int bits = body->leaf->bits, width = type_bits(insn->type);
    bool plain = width == type_bits(insn->type2) &&
                 type_is_float(insn->type) == type_is_float(insn->type2);
    if (bits > 64 || bits == width || insn->count != bits / width || insn->repeat || !plain)
        return false;
    int known = insn->align * 8 >= bits ? bits / 8 : insn->align >= 4 ? 4 : 1;
    say(body, "#if $_LITTLE\n");
    if (insn->kind == INSN_LOAD)
        say(body, "    return @_read%d_%d(p);\n", bits, known);
    else
        say(body, "    @_write%d_%d(p, c);\n", bits, known);
    say(body, "#else\n");
    return true;
}

static void body_memory(const Body *body) {
    bool whole = whole_access(body);
    if (body->leaf->insn.kind == INSN_LOAD)
        body_load(body);
    else
        body_store(body);
    if (whole)
        say(body, "#endif\n");
}

static void body_fused(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    Insn shifted = {.kind = INSN_SATURATE, .type = insn->type, .imm = insn->imm, .b = NO_REG};
    if (body->leaf->fusion == FUSED_MULHI_ADD) {
        say(body, "    return (uint32_t)(((int64_t)(int32_t)a * (int32_t)b) >> 32) + c;\n");
        return;
    }
    Str clamped = clamp_expression(body->arena, &shifted, "x");
    say(body, "    const int32_t x = (int32_t)a >> %d;\n    return (uint32_t)(%.*s);\n",
        body->leaf->shift, STR_ARG(clamped));
}

static void print_generic(const Body *body) {
    if (body->leaf->fusion) {
        body_fused(body);
        return;
    }
    switch (body->leaf->insn.kind) {
    case INSN_LOAD:
    case INSN_STORE:
        body_memory(body);
        break;
    case INSN_CONSTANT:
        body_constant(body);
        break;
    case INSN_SPLAT:
        body_splat(body);
        break;
    case INSN_CONVERT:
        body_convert(body);
        break;
    case INSN_HALF:
        body_half(body);
        break;
    case INSN_INTERLEAVE:
        body_interleave(body);
        break;
    case INSN_TRANSPOSE:
        body_transpose(body);
        break;
    case INSN_PACK:
        body_pack(body);
        break;
    case INSN_DOT2:
    case INSN_DOT4:
        body_dot(body);
        break;
    default:
        body_lanewise(body);
    }
}

/* ---- functions -------------------------------------------------------------------------- */

static void print_parameters(const Body *body) {
    const Insn *insn = &body->leaf->insn;
    const InsnFacts *facts = &insn_facts[insn->kind];
    Str value = value_type(body->arena, body->leaf->bits);
    if (insn->kind == INSN_LOAD)
        say(body, "const uint8_t *p");
    else if (insn->kind == INSN_STORE)
        say(body, "uint8_t *p, %.*s c", STR_ARG(value));
    else if (insn->kind == INSN_CONSTANT)
        say(body, "%s x", type_c(insn->type));
    else
        say(body, "%.*s a", STR_ARG(value_type(body->arena, body->leaf->a_bits)));
    if (facts->b == OPERAND_VALUE || body->leaf->fusion == FUSED_MULHI_ADD)
        say(body, ", %.*s b", STR_ARG(value));
    if ((insn->kind == INSN_SHL || insn->kind == INSN_SHR) && insn->b != NO_REG)
        say(body, ", int32_t n");
    if ((facts->c == OPERAND_VALUE && insn->kind != INSN_STORE) ||
        body->leaf->fusion == FUSED_MULHI_ADD)
        say(body, ", %.*s c", STR_ARG(value));
}

static void print_head(const Body *body) {
    Text name = text_new(body->arena);
    leaf_name(&name, body->leaf);
    bool stores = body->leaf->insn.kind == INSN_STORE;
    say(body, "$_LEAF %s ", stores ? "void" : value_type(body->arena, body->leaf->bits).at);
    say(body, "%s(", name.at);
    print_parameters(body);
    say(body, ")\n{\n");
}

static bool intrinsic(Leaves *leaves, const Leaf *leaf, Text *out) {
    int widest = leaves->isa->vector_bits < 64 ? 64 : leaves->isa->vector_bits;
    if (leaf->bits > widest || leaf->a_bits > widest)
        return false;
    if (isa_is_x86(leaves->isa))
        return leaf_x86(leaves, leaf, out);
    return isa_is_arm(leaves->isa) && leaf_arm(leaves, leaf, out);
}

/* One function; with intrinsics where they are and `fast`. */
static void print_leaf(Leaves *leaves, Text *text, const Leaf *leaf, bool fast) {
    Body body = {leaves, text->arena, text, leaf};
    Text out = text_new(text->arena);
    print_head(&body);
    bool found = fast && intrinsic(leaves, leaf, &out);
    if (found && str_starts(text_str(&out), STR(ASSEMBLED)))
        say(&body, "    %s;\n    return d;\n", out.at);
    else if (found)
        say(&body, leaf->insn.kind == INSN_STORE ? "    %s;\n" : "    return %s;\n", out.at);
    else
        print_generic(&body);
    say(&body, "}\n");
}

/* ---- what leaves stand on --------------------------------------------------------------- */

/* A helper is printed where its name is mentioned. '@' prefix, '$' in capitals. */
typedef struct Helper {
    const char *name, *text;
} Helper;

#define READ(bits, align, attribute)                                                           \
    {                                                                                          \
        "@_read" #bits "_" #align "(",                                                         \
            "#if defined(__GNUC__)\n"                                                          \
            "struct @_r" #bits "_" #align " { uint" #bits "_t x; } __attribute__((" attribute  \
            "may_alias));\n"                                                                   \
            "$_LEAF uint" #bits "_t @_read" #bits "_" #align "(const uint8_t *p)\n{\n"         \
            "    return ((const struct @_r" #bits "_" #align " *)(const void *)p)->x;\n}\n"    \
            "#else\n"                                                                          \
            "$_LEAF uint" #bits "_t @_read" #bits "_" #align "(const uint8_t *p)\n{\n"         \
            "    union { uint" #bits "_t x; uint8_t b[" #bits " / 8]; } u;\n"                  \
            "    for (int i = 0; i < " #bits " / 8; i++)\n        u.b[i] = p[i];\n"            \
            "    return u.x;\n}\n#endif\n"                                                     \
    }
#define WRITE(bits, align, attribute)                                                          \
    {                                                                                          \
        "@_write" #bits "_" #align "(",                                                        \
            "#if defined(__GNUC__)\n"                                                          \
            "struct @_s" #bits "_" #align " { uint" #bits "_t x; } __attribute__((" attribute  \
            "may_alias));\n"                                                                   \
            "$_LEAF void @_write" #bits "_" #align "(uint8_t *p, uint" #bits "_t x)\n{\n"      \
            "    ((struct @_s" #bits "_" #align " *)(void *)p)->x = x;\n}\n"                   \
            "#else\n"                                                                          \
            "$_LEAF void @_write" #bits "_" #align "(uint8_t *p, uint" #bits "_t x)\n{\n"      \
            "    union { uint" #bits "_t x; uint8_t b[" #bits " / 8]; } u;\n"                  \
            "    u.x = x;\n"                                                                   \
            "    for (int i = 0; i < " #bits " / 8; i++)\n        p[i] = u.b[i];\n"            \
            "}\n#endif\n"                                                                      \
    }
#define CAST(name, to, from)                                                                   \
    {                                                                                          \
        "@_" #name "(", "$_LEAF " #to " @_" #name "(" #from " x)\n{\n"                         \
                        "    union { " #from " x; " #to " y; } u;\n"                           \
                        "    u.x = x;\n    return u.y;\n}\n"                                   \
    }
#define GET(bits, lanes)                                                                       \
    {                                                                                          \
        "@_get" #bits "(",                                                                     \
            "$_LEAF uint" #bits "_t @_get" #bits "(const uint32_t *w, int i)\n{\n"             \
            "    return (uint" #bits "_t)(w[i / " #lanes "] >> (i % " #lanes " * " #bits       \
            "));\n}\n"                                                                         \
    }
#define PUT(bits, lanes)                                                                       \
    {                                                                                          \
        "@_put" #bits "(",                                                                     \
            "$_LEAF void @_put" #bits "(uint32_t *w, int i, uint" #bits "_t x)\n{\n"           \
            "    w[i / " #lanes "] |= (uint32_t)x << (i % " #lanes " * " #bits ");\n}\n"       \
    }

/* Each mentions only those above it. */
static const Helper helpers[] = {
    CAST(f32, float, uint32_t),
    CAST(f64, double, uint64_t),
    CAST(b32, uint32_t, float),
    CAST(b64, uint64_t, double),
    READ(16, 1, "packed, "),
    READ(16, 2, ""),
    READ(32, 1, "packed, "),
    READ(32, 4, ""),
    READ(64, 1, "packed, "),
    READ(64, 4, "packed, aligned(4), "),
    READ(64, 8, ""),
    WRITE(16, 1, "packed, "),
    WRITE(16, 2, ""),
    WRITE(32, 1, "packed, "),
    WRITE(32, 4, ""),
    WRITE(64, 1, "packed, "),
    WRITE(64, 4, "packed, aligned(4), "),
    WRITE(64, 8, ""),
    GET(8, 4),
    GET(16, 2),
    {"@_get32(", "$_LEAF uint32_t @_get32(const uint32_t *w, int i)\n{\n    return w[i];\n}\n"},
    {"@_get64(", "$_LEAF uint64_t @_get64(const uint32_t *w, int i)\n{\n"
                 "    return (uint64_t)w[2 * i + 1] << 32 | w[2 * i];\n}\n"},
    PUT(8, 4),
    PUT(16, 2),
    {"@_put32(", "$_LEAF void @_put32(uint32_t *w, int i, uint32_t x)\n{\n    w[i] = x;\n}\n"},
    {"@_put64(", "$_LEAF void @_put64(uint32_t *w, int i, uint64_t x)\n{\n"
                 "    w[2 * i] = (uint32_t)x;\n    w[2 * i + 1] = (uint32_t)(x >> 32);\n}\n"},
    {"@_half(",
     "/* A float as the nearest of 16 bits, ties to even. */\n"
     "$_LEAF uint16_t @_half(double x)\n{\n"
     "    const uint64_t b = @_b64(x), all = b & UINT64_C(0x7fffffffffffffff);\n"
     "    const uint32_t sign = (uint32_t)(b >> 48) & 0x8000u;\n"
     "    const int exponent = (int)(all >> 52) - 1023;\n"
     "    uint64_t fraction = (all & UINT64_C(0xfffffffffffff)) | UINT64_C(1) << 52;\n"
     "    int drop = 42;\n"
     "    if (all > UINT64_C(0x7ff0000000000000))\n"
     "        return (uint16_t)(sign | 0x7e00u);\n"
     "    if (exponent > 15)\n"
     "        return (uint16_t)(sign | 0x7c00u);\n"
     "    if (exponent < -25)\n"
     "        return (uint16_t)sign;\n"
     "    if (exponent < -14)\n"
     "        drop += -14 - exponent;\n"
     "    fraction += ((UINT64_C(1) << (drop - 1)) - 1) + (fraction >> drop & 1);\n"
     "    fraction >>= drop;\n"
     "    return (uint16_t)(sign + (uint32_t)fraction +\n"
     "                      (exponent < -14 ? 0u : (uint32_t)(exponent + 14) << 10));\n"
     "}\n"},
    {"@_unhalf(", "$_LEAF double @_unhalf(uint16_t h)\n{\n"
                  "    const uint64_t sign = (uint64_t)(h >> 15) << 63;\n"
                  "    uint64_t exponent = h >> 10 & 31u, fraction = h & 1023u;\n"
                  "    if (exponent == 31)\n"
                  "        exponent = 2047;\n"
                  "    else if (exponent)\n"
                  "        exponent += 1008;\n"
                  "    else if (fraction) {\n"
                  "        for (exponent = 1009; !(fraction & 1024u); exponent--)\n"
                  "            fraction <<= 1;\n"
                  "        fraction &= 1023u;\n"
                  "    }\n"
                  "    return @_f64(sign | exponent << 52 | fraction << 42);\n}\n"},
    {"@_root(",
     "/* The root of n * 4^steps rounded down, its last bit set where that is not it. */\n"
     "$_LEAF uint64_t @_root(uint64_t n, int steps)\n{\n"
     "    uint64_t root = 0, rest = 0;\n"
     "    for (int i = 0; i < 32 + steps; i++) {\n"
     "        rest = rest << 2 | n >> 62;\n"
     "        n <<= 2;\n"
     "        root <<= 1;\n"
     "        if (rest > root << 1) {\n"
     "            rest -= (root << 1) + 1;\n"
     "            root++;\n"
     "        }\n"
     "    }\n"
     "    return root << 1 | (rest != 0);\n}\n"},
    {"@_sqrt64(", "$_LEAF double @_sqrt64(double x)\n{\n"
                  "    uint64_t b = @_b64(x), root;\n"
                  "    int exponent = (int)(b >> 52);\n"
                  "    if (b << 1 == 0 || b == UINT64_C(0x7ff0000000000000))\n"
                  "        return x;\n"
                  "    if (b > UINT64_C(0x7ff0000000000000))\n"
                  "        return @_f64(UINT64_C(0x7ff8000000000000));\n"
                  "    b &= UINT64_C(0xfffffffffffff);\n"
                  "    if (exponent)\n"
                  "        b |= UINT64_C(1) << 52;\n"
                  "    else\n"
                  "        for (exponent = 1; !(b >> 52); exponent--)\n"
                  "            b <<= 1;\n"
                  "    exponent -= 1023;\n"
                  "    if (exponent & 1) {\n"
                  "        b <<= 1;\n"
                  "        exponent--;\n"
                  "    }\n"
                  "    root = @_root(b << 10, 22);\n"
                  "    root = (root >> 2) + (root >> 1 & (root | root >> 2) & 1u);\n"
                  "    return @_f64(((uint64_t)(exponent / 2 + 1022) << 52) + root);\n}\n"},
    {"@_sqrt32(",
     "$_LEAF float @_sqrt32(float x)\n{\n    return (float)@_sqrt64((double)x);\n}\n"},
};

/* Backwards, so that what a helper mentions is known to be wanted before it is reached. */
static void print_helpers(Leaves *leaves, Text *text, Text *mentions) {
    bool wanted[COUNT(helpers)];
    for (int h = COUNT(helpers) - 1; h >= 0; h--) {
        Text name = text_new(text->arena), body = text_new(text->arena);
        add_expanded(&name, leaves->prefix, str_of(helpers[h].name));
        add_expanded(&body, leaves->prefix, str_of(helpers[h].text));
        wanted[h] = mentions->at && strstr(mentions->at, name.at);
        if (wanted[h])
            text_add_str(mentions, text_str(&body));
    }
    for (int h = 0; h < COUNT(helpers); h++)
        if (wanted[h])
            add_expanded(text, leaves->prefix, str_of(helpers[h].text));
}

/* ---- files ------------------------------------------------------------------------------ */

static const char preamble[] =
    "#if defined(__GNUC__)\n"
    "#define $_LEAF static inline __attribute__((always_inline, unused))\n"
    "#define $_PREFETCH(at) __builtin_prefetch((at), 0, 2)\n"
    "#else\n"
    "#define $_LEAF static inline\n"
    "#define $_PREFETCH(at) ((void)(at))\n"
    "#endif\n"
    "/* Kernels stay functions of their own, so that what was measured is what runs. */\n"
    "#ifndef $_KERNEL\n"
    "#if defined(__clang__)\n"
    "#define $_KERNEL static __attribute__((noinline)) void\n"
    "#elif defined(__GNUC__) && __GNUC__ >= 8\n"
    "#define $_KERNEL static __attribute__((noipa)) void\n"
    "#else\n"
    "#define $_KERNEL static void\n"
    "#endif\n"
    "#endif\n"
    "#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__\n"
    "#define $_LITTLE 1\n"
    "#else\n"
    "#define $_LITTLE 0\n"
    "#endif\n"
    "/* Numbers below zero are shifted right with their sign, as every compiler in use does. "
    "*/\n"
    "typedef char @_shifts_keep_the_sign[(-2 >> 1) == -1 ? 1 : -1];\n";

static const char float_preamble[] = "#if defined(__clang__)\n"
                                     "#pragma STDC FP_CONTRACT OFF\n"
                                     "#elif defined(__GNUC__)\n"
                                     "#pragma GCC optimize(\"fp-contract=off\")\n"
                                     "#endif\n";

/* gcc's scheduler before register allocation spills what a tile keeps in registers. */
static const char arm_preamble[] =
    "#if defined(__GNUC__) && !defined(__clang__) && defined(__ARM_ARCH_7EM__)\n"
    "#pragma GCC optimize(\"no-schedule-insns\")\n"
    "#endif\n";

/* Values as words, so that one body text serves intrinsics and plain C. */
static void print_vectors(Leaves *leaves, Text *text, bool fast) {
    for (int bits = 128; bits <= 512; bits *= 2) {
        const char *name = bits == 512 ? "si512" : bits == 256 ? "si256" : "si128";
        leaf_say(text, leaves->prefix, "typedef struct @_w%d { uint32_t w[%d]; } @_w%d;\n",
                 bits, bits / 32, bits);
        if (!fast || bits > leaves->isa->vector_bits) {
            leaf_say(
                text, leaves->prefix,
                "typedef @_w%d @_v%d;\n#define @_words%d(v) (v)\n#define @_value%d(w) (w)\n",
                bits, bits, bits, bits);
            continue;
        }
        leaf_say(text, leaves->prefix,
                 "typedef __m%di @_v%d;\n"
                 "$_LEAF @_w%d @_words%d(@_v%d v)\n{\n    @_w%d w;\n"
                 "    _mm%s_storeu_%s((void *)w.w, v);\n    return w;\n}\n"
                 "$_LEAF @_v%d @_value%d(@_w%d w)\n{\n"
                 "    return _mm%s_loadu_%s((const void *)w.w);\n}\n",
                 bits, bits, bits, bits, bits, bits,
                 bits == 512   ? "512"
                 : bits == 256 ? "256"
                               : "",
                 name, bits, bits, bits,
                 bits == 512   ? "512"
                 : bits == 256 ? "256"
                               : "",
                 name);
    }
}

static const char some_bytes[] =
    "/* The first bytes of a vector whose others are 0. */\n"
    "$_LEAF __m128i @_some128(const uint8_t *p, int n)\n{\n"
    "    uint8_t b[16] = {0};\n    for (int i = 0; i < n; i++)\n        b[i] = p[i];\n"
    "    return _mm_loadu_si128((const __m128i *)(const void *)b);\n}\n"
    "$_LEAF __m256i @_some256(const uint8_t *p, int n)\n{\n"
    "    uint8_t b[32] = {0};\n    for (int i = 0; i < n; i++)\n        b[i] = p[i];\n"
    "    return _mm256_loadu_si256((const __m256i *)(const void *)b);\n}\n";

static bool uses_vectors(const Leaves *leaves) {
    for (int i = 0; i < leaves->all.count; i++)
        if (leaves->all.at[i].bits > 64 || leaves->all.at[i].a_bits > 64)
            return true;
    return false;
}

static bool uses_floats(const Leaves *leaves, Str body) {
    for (int i = 0; i < leaves->all.count; i++)
        if (type_is_float(leaves->all.at[i].insn.type))
            return true;
    return body.length && (strstr(body.at, "float") || strstr(body.at, "double"));
}

/* Loads that repeat stand on others, so they come last. */
static void print_all(Leaves *leaves, Text *text, bool fast) {
    for (int i = 0; i < leaves->all.count; i++)
        if (!leaves->all.at[i].insn.repeat)
            print_leaf(leaves, text, &leaves->all.at[i], fast);
    for (int i = 0; i < leaves->all.count; i++)
        if (leaves->all.at[i].insn.repeat)
            print_leaf(leaves, text, &leaves->all.at[i], fast);
}

/* Adds the leaves that others stand on. */
static void find_all(Leaves *leaves) {
    for (int i = 0; i < leaves->all.count; i++) {
        Text out = text_new(leaves->arena);
        intrinsic(leaves, &leaves->all.at[i], &out);
    }
}

static void print_fast(Leaves *leaves, Text *text, bool vectors) {
    if (isa_is_x86(leaves->isa))
        text_add(text, "#include <immintrin.h>\n");
    if (isa_is_arm(leaves->isa))
        text_add(text, "#include <arm_acle.h>\n");
    if (vectors)
        print_vectors(leaves, text, isa_is_x86(leaves->isa));
    if (vectors && isa_is_x86(leaves->isa))
        add_expanded(text, leaves->prefix, str_of(some_bytes));
    print_all(leaves, text, true);
}

static void print_plain(Leaves *leaves, Text *text, bool vectors) {
    if (vectors)
        print_vectors(leaves, text, false);
    print_all(leaves, text, false);
}

/* What the file says where its instructions are not there and plain C was not asked for. */
static void print_refusal(Leaves *leaves, Text *text) {
    text_add(text, "#error \"this file is for %s: let the compiler use its instructions\"\n",
             leaves->isa->name);
}

void leaves_write(Leaves *leaves, Text *text, Str body, bool portable) {
    Arena *arena = text->arena;
    Text functions = text_new(arena), mentions = text_new(arena);
    bool special = isa_is_x86(leaves->isa) || isa_is_arm(leaves->isa);
    find_all(leaves);
    bool vectors = uses_vectors(leaves);
    if (special) {
        text_add(&functions, "#if %s\n", leaves->isa->guard);
        print_fast(leaves, &functions, vectors);
        text_add(&functions, "#else\n");
    }
    if (!special || portable)
        print_plain(leaves, &functions, vectors);
    else
        print_refusal(leaves, &functions);
    if (special)
        text_add(&functions, "#endif\n");
    add_expanded(text, leaves->prefix, str_of(preamble));
    if (isa_is_arm(leaves->isa))
        text_add(text, "%s", arm_preamble);
    if (uses_floats(leaves, body))
        text_add(text, "%s", float_preamble);
    text_add_str(&mentions, text_str(&functions));
    text_add_str(&mentions, body);
    print_helpers(leaves, text, &mentions);
    text_add_str(text, text_str(&functions));
}
