/* Leaves: the small functions that an emitted routine is made of, one for each (instruction, types,
 * bits) that C has no plain expression for. Known to emit_routine.c and leaves*.c alone.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef LEAVES_H
#define LEAVES_H

#include "codegen/routine.h"

/* Two instructions that one instruction of the machine does, where C compilers do not see it. */
typedef enum { FUSED_NONE, FUSED_MULHI_ADD, FUSED_SHIFT_SATURATE } Fusion;

typedef struct Leaf {
    Insn insn;  /* its registers do not matter */
    int bits;   /* of dst; of c where it stores */
    int a_bits; /* of a, where it is a value */
    Fusion fusion;
    int shift; /* FUSED_SHIFT_SATURATE */
} Leaf;

/* Where leaves are printed: '@' in a text stands for the prefix, '$' for it in capitals. */
typedef struct Leaves {
    Arena *arena;
    Str prefix;
    const Isa *isa;
    VEC(Leaf) all;
    Map *known; /* their names */
} Leaves;

/* ---- leaves.c --------------------------------------------------------------------------- */

void leaf_say(Text *text, Str prefix, const char *format, ...) PRINTF(3, 4);
/* "@_add_i32x16" */
void leaf_name(Text *text, const Leaf *leaf);
void leaf_add(Leaves *leaves, const Leaf *leaf); /* once by name */
/* Macros, helpers and all leaves; `body`: the functions that follow, which may mention helpers. */
void leaves_write(Leaves *leaves, Text *text, Str body, bool portable);
bool isa_is_x86(const Isa *isa);
bool isa_is_arm(const Isa *isa);

/* A lane, or a scalar, as C sees it. */
typedef enum { C_UNSIGNED, C_SIGNED, C_REAL } CKind;
const char *c_type(int bits, CKind kind); /* "uint32_t" */
CKind c_kind(Type type);                  /* F16: its bits, unsigned */
/* What the operands of a lane-wise instruction are best given as. */
CKind lane_operands(const Insn *insn);
/* An expression of x and y, which are of that kind; its own kind is *result. */
Str lane_expression(Arena *arena, const Insn *insn, const char *x, const char *y,
                    CKind *result);
/* x of type `from` as an expression of type `to`. */
Str convert_expression(Arena *arena, Type to, Type from, Str x);
/* The element of type S at an address, which is known to be a multiple of `align`. */
Str element_expression(Arena *arena, Type type, int align, Str address);
void element_store(Text *text, Type type, int align, Str address, Str value);
Str integer_literal(Arena *arena, int bits, CKind kind, int64_t value);
Str real_literal(Arena *arena, int bits, double value);

/* ---- leaves_x86.c, leaves_arm.c: expressions of intrinsics ------------------------------ */

/* What the leaf returns (or does, where it stores), of a, b, c, p, x, n; false: there is no such
 * intrinsic. Leaves that it stands on are added. */
#define ASSEMBLED                                                                              \
    "uint32_t d;\n    " /* begins statements that set d, in place of an expression */
bool leaf_x86(Leaves *leaves, const Leaf *leaf, Text *out);
bool leaf_arm(Leaves *leaves, const Leaf *leaf, Text *out);

#endif
