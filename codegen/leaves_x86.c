/* Leaves as intrinsics of AVX2 and AVX-512: the table leaves.def, and what depends on more than
 * it can say: memory, conversions, splats.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/leaves.h"

#include <assert.h>
#include <string.h>

/* ---- the table -------------------------------------------------------------------------- */

enum { V256 = 256, V512 = 512 };
enum { ANY = -1, VARIABLE = -2 };
#define S(type) (1u << type)
#define BYTES (S(I8) | S(U8))
#define HALVES (S(I16) | S(U16))
#define WORDS (S(I32) | S(U32))
#define INTEGERS (BYTES | HALVES | WORDS | S(I64))
#define REALS (S(F32) | S(F64))
#define ALL (INTEGERS | REALS | S(F16))

typedef struct Row {
    InsnKind kind;
    unsigned types, from;
    int level, bits, imm;
    const char *text;
} Row;

static const Row rows[] = {
#define LEAF(KIND, types, from, level, bits, imm, text)                                        \
    {INSN_##KIND, types, from, level, bits, imm, text},
#include "codegen/leaves.def"
#undef LEAF
};

static bool row_fits(const Row *row, const Leaves *leaves, const Leaf *leaf) {
    const Insn *insn = &leaf->insn;
    bool shift = insn->kind == INSN_SHL || insn->kind == INSN_SHR;
    bool variable = shift && insn->b != NO_REG;
    return row->kind == insn->kind && row->types & S(insn->type) &&
           row->from & S(insn->type2) && leaves->isa->vector_bits >= row->level &&
           (!row->bits || row->bits == leaf->bits) && variable == (row->imm == VARIABLE) &&
           (row->imm < 0 || row->imm == insn->imm);
}

/* "", "256", "512": of what width an intrinsic is. */
static const char *width_name(int bits) {
    return bits == 512 ? "512" : bits == 256 ? "256" : "";
}

static void expand_mark(Text *out, char mark, const Leaf *leaf) {
    const Insn *insn = &leaf->insn;
    int bits = type_bits(insn->type);
    bool is_signed = type_is_signed(insn->type);
    int left = (int)insn->imm - is_signed;
    long long high = left >= bits - 1 ? (1ll << (bits - 1)) - 1 : (1ll << left) - 1;
    switch (mark) {
    case '~':
        text_add(out, "%s", width_name(leaf->bits));
        break;
    case '#':
        text_add(out, "%d", leaf->bits);
        break;
    case '^':
        text_add(out, insn->type == F64 ? "pd" : "ps");
        break;
    case '%':
        text_add(out, "%d", bits);
        break;
    case '&':
        text_add(out, is_signed ? "i" : "u");
        break;
    case '=':
        text_add(out, "%d", (int)insn->imm);
        break;
    case '<':
        text_add(out, is_signed ? "%lld - 1" : "0", -high);
        break;
    default:
        text_add(out, "%lld", high);
    }
}

static void expand_row(Text *out, const Row *row, const Leaf *leaf) {
    for (const char *at = row->text; *at; at++) {
        bool bound = (*at == '<' || *at == '>') && row->kind == INSN_SATURATE;
        if (strchr("~#^%&=", *at) || bound)
            expand_mark(out, *at, leaf);
        else
            text_add(out, "%c", *at);
    }
}

static bool leaf_table(Leaves *leaves, const Leaf *leaf, Text *out) {
    for (int i = 0; i < COUNT(rows); i++)
        if (row_fits(&rows[i], leaves, leaf)) {
            expand_row(out, &rows[i], leaf);
            return true;
        }
    return false;
}

/* ---- parts of values -------------------------------------------------------------------- */

static bool has_512(const Leaves *leaves) {
    return leaves->isa->vector_bits == 512;
}

/* The low bits of a vector (or of a scalar) as a vector of `bits`, at least 128. */
static Str low_part(Arena *arena, const char *value, int from, int bits) {
    if (from == bits)
        return str_of(value);
    if (from > bits)
        return str_format(arena, "_mm%s_castsi%d_si%d(%s)", width_name(from), from, bits,
                          value);
    assert(from <= 64 && bits == 128);
    return str_format(
        arena, from == 64 ? "_mm_cvtsi64_si128((long long)%s)" : "_mm_cvtsi32_si128((int)%s)",
        value);
}

/* ---- from memory ------------------------------------------------------------------------ */

/* Lanes that are there, as a mask's literal. */
static Str mask_literal(Arena *arena, int count, int lanes) {
    unsigned long long ones = count == 64 ? ~0ull : (1ull << count) - 1;
    int size = lanes <= 8 ? 8 : lanes;
    return str_format(arena, "(__mmask%d)0x%llx%s", size, ones, size == 64 ? "ull" : "u");
}

/* n bytes from p in a vector of `bits`, the others 0. */
static Str raw_load(const Leaves *leaves, Arena *arena, int n, int bits) {
    const char *w = width_name(bits);
    if (n * 8 == bits)
        return str_format(arena, "_mm%s_loadu_si%d((const void *)p)", w, bits);
    if (bits == 128 && n == 8)
        return STR("_mm_loadl_epi64((const void *)p)");
    if (bits == 128 && n == 4)
        return STR("_mm_cvtsi32_si128((int)@_read32_1(p))");
    if (bits == 128 && n == 2)
        return STR("_mm_cvtsi32_si128((int)@_read16_1(p))");
    if (has_512(leaves))
        return str_format(arena, "_mm%s_maskz_loadu_epi8(%.*s, p)", w,
                          STR_ARG(mask_literal(arena, n, bits / 8)));
    return str_format(arena, "@_some%d(p, %d)", bits, n);
}

static bool same_lanes(Type a, Type b) {
    return a == b || (type_bits(a) == type_bits(b) && !type_is_float(a) && !type_is_float(b));
}

/* Lanes of S, as many as the result has, to T; false where no intrinsic does it. x is of at
 * least 128 bits. */
static bool widen(Arena *arena, const Leaf *leaf, Str x, Text *out) {
    Type to = leaf->insn.type, from = leaf->insn.type2;
    const char *w = width_name(leaf->bits);
    bool integer = !type_is_float(from);
    if (same_lanes(to, from)) {
        text_add_str(out, x);
        return true;
    }
    if (to == F32 && integer && type_bits(from) < 32) {
        Str wide = str_format(arena, "_mm%s_cvtep%c%d_epi32(%.*s)", w,
                              type_is_signed(from) ? 'i' : 'u', type_bits(from), STR_ARG(x));
        text_add(out, "_mm%s_castps_si%d(_mm%s_cvtepi32_ps(%.*s))", w, leaf->bits, w,
                 STR_ARG(wide));
        return true;
    }
    if (to == F32 && from == I32)
        text_add(out, "_mm%s_castps_si%d(_mm%s_cvtepi32_ps(%.*s))", w, leaf->bits, w,
                 STR_ARG(x));
    else if (to == I32 && from == F32)
        text_add(out, "_mm%s_cvttps_epi32(_mm%s_castsi%d_ps(%.*s))", w, w, leaf->bits,
                 STR_ARG(x));
    else if (integer && !type_is_float(to) && type_bits(to) > type_bits(from))
        text_add(out, "_mm%s_cvtep%c%d_epi%d(%.*s)", w, type_is_signed(from) ? 'i' : 'u',
                 type_bits(from), type_bits(to), STR_ARG(x));
    else
        return false;
    return true;
}

/* A group of lanes that a leaf of its own loads, all over the vector. */
static bool load_repeat(Leaves *leaves, Arena *arena, const Leaf *leaf, Text *out) {
    Leaf group = *leaf;
    group.bits = leaf->insn.count * type_bits(leaf->insn.type);
    group.insn.repeat = false;
    if (group.bits & (group.bits - 1))
        return false;
    leaf_add(leaves, &group);
    Text name = text_new(arena);
    leaf_name(&name, &group);
    const char *w = width_name(leaf->bits);
    if (group.bits == leaf->bits)
        text_add(out, "%s(p)", name.at);
    else if (group.bits <= 32)
        text_add(out, "_mm%s_set1_epi%d((%s)%s(p))", w, group.bits,
                 group.bits == 8    ? "char"
                 : group.bits == 16 ? "short"
                                    : "int",
                 name.at);
    else if (group.bits == 64)
        text_add(out, "_mm%s_set1_epi64%s((long long)%s(p))", w, leaf->bits == 512 ? "" : "x",
                 name.at);
    else if (group.bits == 128 && leaf->bits == 256)
        text_add(out, "_mm256_broadcastsi128_si256(%s(p))", name.at);
    else
        text_add(out,
                 group.bits == 128 ? "_mm512_broadcast_i32x4(%s(p))"
                                   : "_mm512_broadcast_i64x4(%s(p))",
                 name.at);
    return true;
}

static bool leaf_load(Leaves *leaves, Arena *arena, const Leaf *leaf, Text *out) {
    const Insn *insn = &leaf->insn;
    if (leaf->bits <= 64)
        return false;
    if (insn->repeat)
        return load_repeat(leaves, arena, leaf, out);
    int lanes = leaf->bits / type_bits(insn->type);
    int needed = lanes * type_bits(insn->type2),
        bytes = insn->count * type_bits(insn->type2) / 8;
    if (needed > 512)
        return false;
    Str x = raw_load(leaves, arena, bytes, needed < 128 ? 128 : needed);
    return widen(arena, leaf, x, out);
}

/* ---- to memory -------------------------------------------------------------------------- */

static bool store_same(const Leaves *leaves, Arena *arena, const Leaf *leaf, Text *out) {
    const Insn *insn = &leaf->insn;
    int bytes = insn->count * type_bits(insn->type) / 8;
    const char *w = width_name(leaf->bits);
    Str low = low_part(arena, "c", leaf->bits, 128);
    if (bytes * 8 == leaf->bits)
        text_add(out, "_mm%s_storeu_si%d((void *)p, c)", w, leaf->bits);
    else if (bytes == 16)
        text_add(out, "_mm_storeu_si128((void *)p, %.*s)", STR_ARG(low));
    else if (bytes == 8)
        text_add(out, "_mm_storel_epi64((void *)p, %.*s)", STR_ARG(low));
    else if (bytes == 4)
        text_add(out, "@_write32_1(p, (uint32_t)_mm_cvtsi128_si32(%.*s))", STR_ARG(low));
    else if (has_512(leaves))
        text_add(out, "_mm%s_mask_storeu_epi8(p, %.*s, c)", w,
                 STR_ARG(mask_literal(arena, bytes, leaf->bits / 8)));
    else
        return false;
    return true;
}

/* Words to bytes in AVX2: the lowest byte of each to the front of its half. */
static bool store_bytes_256(const Leaf *leaf, Text *out) {
    const Insn *insn = &leaf->insn;
    if (leaf->bits != 256 || insn->count != 8 || type_bits(insn->type) != 32 ||
        type_bits(insn->type2) != 8)
        return false;
    text_add(out,
             "_mm_storel_epi64((void *)p, _mm256_castsi256_si128("
             "_mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(c, "
             "_mm256_set1_epi32(0x0c080400)), _mm256_setr_epi32(0, 4, 0, 0, 0, 0, 0, 0))))");
    return true;
}

static bool leaf_store(const Leaves *leaves, Arena *arena, const Leaf *leaf, Text *out) {
    const Insn *insn = &leaf->insn;
    if (leaf->bits <= 64)
        return false;
    if (same_lanes(insn->type, insn->type2))
        return store_same(leaves, arena, leaf, out);
    int to = type_bits(insn->type2), from = type_bits(insn->type);
    if (type_is_float(insn->type) || type_is_float(insn->type2) || to > from)
        return false;
    if (!has_512(leaves))
        return store_bytes_256(leaf, out);
    int lanes = leaf->bits / from;
    const char *w = width_name(leaf->bits);
    if (insn->count == lanes && lanes * to >= 128)
        text_add(out, "_mm%s_storeu_si%d((void *)p, _mm%s_cvtepi%d_epi%d(c))",
                 width_name(lanes * to), lanes * to, w, from, to);
    else if (insn->count == lanes && lanes * to == 64)
        text_add(out, "_mm_storel_epi64((void *)p, _mm%s_cvtepi%d_epi%d(c))", w, from, to);
    else
        text_add(out, "_mm%s_mask_cvtepi%d_storeu_epi%d((void *)p, %.*s, c)", w, from, to,
                 STR_ARG(mask_literal(arena, insn->count, lanes)));
    return true;
}

/* ---- between registers ------------------------------------------------------------------ */

/* A vector's low bits as a scalar. */
static bool to_scalar(const Leaf *leaf, Str x, Text *out) {
    if (leaf->bits == 64)
        text_add(out, "(uint64_t)_mm_cvtsi128_si64(%.*s)", STR_ARG(x));
    else
        text_add(out, "(uint%d_t)_mm_cvtsi128_si32(%.*s)", leaf->bits, STR_ARG(x));
    return true;
}

static bool leaf_convert(const Leaves *leaves, Arena *arena, const Leaf *leaf, Text *out) {
    const Insn *insn = &leaf->insn;
    int to = type_bits(insn->type), from = type_bits(insn->type2);
    int lanes = leaf->bits / to, needed = lanes * from;
    bool integer = !type_is_float(insn->type) && !type_is_float(insn->type2);
    if (needed > 512 || (leaf->bits <= 64 && leaf->a_bits <= 64) || leaf->a_bits < 32)
        return false;
    if (needed < 128)
        needed = 128;
    Str x = leaf->a_bits < needed && leaf->a_bits > 64
                ? STR("a")
                : low_part(arena, "a", leaf->a_bits, needed);
    if (leaf->bits <= 64)
        return same_lanes(insn->type, insn->type2) && to_scalar(leaf, x, out);
    if (to >= from)
        return widen(arena, leaf, x, out);
    if (!integer || !has_512(leaves) || lanes * from < 128)
        return false;
    text_add(out, "_mm%s_cvtepi%d_epi%d(%.*s)", width_name(needed), from, to, STR_ARG(x));
    return true;
}

static bool leaf_splat(Arena *arena, const Leaf *leaf, Text *out) {
    int bits = type_bits(leaf->insn.type);
    const char *w = width_name(leaf->bits);
    static const char letters[] = "bwdq";
    if (leaf->bits <= 64)
        return false;
    if (leaf->a_bits > 64) {
        Str low = low_part(arena, "a", leaf->a_bits, 128);
        text_add(out, "_mm%s_broadcast%c_epi%d(%.*s)", w,
                 letters[bits == 8    ? 0
                         : bits == 16 ? 1
                         : bits == 32 ? 2
                                      : 3],
                 bits, STR_ARG(low));
        return true;
    }
    text_add(out, "_mm%s_set1_epi%d%s((%s)a)", w, bits, bits == 64 && *w != '5' ? "x" : "",
             bits == 8    ? "char"
             : bits == 16 ? "short"
             : bits == 32 ? "int"
                          : "long long");
    return true;
}

static bool leaf_constant(const Leaf *leaf, Text *out) {
    Type type = leaf->insn.type;
    int bits = type_bits(type);
    const char *w = width_name(leaf->bits);
    if (leaf->bits <= 64 || type == F16)
        return false;
    if (type == F32 || type == F64)
        text_add(out, "_mm%s_castp%c_si%d(_mm%s_set1_p%c(x))", w, type == F32 ? 's' : 'd',
                 leaf->bits, w, type == F32 ? 's' : 'd');
    else
        text_add(out, "_mm%s_set1_epi%d%s((%s)x)", w, bits, bits == 64 && *w != '5' ? "x" : "",
                 bits == 8    ? "char"
                 : bits == 16 ? "short"
                 : bits == 32 ? "int"
                              : "long long");
    return true;
}

bool leaf_x86(Leaves *leaves, const Leaf *leaf, Text *out) {
    Arena *arena = out->arena;
    switch (leaf->insn.kind) {
    case INSN_LOAD:
        return leaf_load(leaves, arena, leaf, out);
    case INSN_STORE:
        return leaf_store(leaves, arena, leaf, out);
    case INSN_CONVERT:
        return leaf_convert(leaves, arena, leaf, out);
    case INSN_SPLAT:
        return leaf_splat(arena, leaf, out);
    case INSN_CONSTANT:
        return leaf_constant(leaf, out);
    default:
        return leaf->bits > 64 && leaf_table(leaves, leaf, out);
    }
}
