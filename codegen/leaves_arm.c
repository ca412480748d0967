/* Leaves as instructions of Cortex-M's DSP extension: intrinsics where compilers have them, one
 * instruction of inline assembly where they do not or do not see it.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/leaves.h"

/* An instruction of a, and of b and c where they are: statements, not an expression. */
static bool assembled(Text *out, const char *instruction, const char *inputs) {
    text_add(out, "%s__asm__(\"%s\" : \"=r\"(d) : %s)", ASSEMBLED, instruction, inputs);
    return true;
}

static bool leaf_fused(const Leaf *leaf, Text *out) {
    if (leaf->fusion == FUSED_MULHI_ADD)
        return assembled(out, "smmla %0, %1, %2, %3", "\"r\"(a), \"r\"(b), \"r\"(c)");
    bool is_signed = type_is_signed(leaf->insn.type);
    Str text = str_format(out->arena, "%s %%0, #%d, %%1, asr #%d", is_signed ? "ssat" : "usat",
                          (int)leaf->insn.imm, leaf->shift);
    return assembled(out, text.at, "\"r\"(a)");
}

/* In assembly, since compilers differ in the signs of what their intrinsics take and give. */
static bool leaf_half(const Leaf *leaf, Text *out) {
    bool is_signed = leaf->insn.type == I16;
    Str text = str_format(out->arena, "%s %%0, %%1%s", is_signed ? "sxtb16" : "uxtb16",
                          leaf->insn.imm ? ", ror #8" : "");
    return assembled(out, text.at, "\"r\"(a)");
}

static bool leaf_saturate(const Leaf *leaf, Text *out) {
    if (type_bits(leaf->insn.type) != 32 || leaf->insn.imm > 31)
        return false;
    Str text = str_format(out->arena, "%s %%0, #%d, %%1",
                          leaf->insn.type == I32 ? "ssat" : "usat", (int)leaf->insn.imm);
    return assembled(out, text.at, "\"r\"(a)");
}

bool leaf_arm(Leaves *leaves, const Leaf *leaf, Text *out) {
    const Insn *insn = &leaf->insn;
    (void)leaves;
    if (leaf->fusion)
        return leaf_fused(leaf, out);
    if (leaf->bits != 32)
        return false;
    switch (insn->kind) {
    case INSN_DOT2:
        text_add(out, "(uint32_t)__smlad((int16x2_t)a, (int16x2_t)b, (int32_t)c)");
        return true;
    case INSN_MULHI:
        return insn->type == I32 && assembled(out, "smmul %0, %1, %2", "\"r\"(a), \"r\"(b)");
    case INSN_HALF:
        return (insn->type == I16 || insn->type == U16) && leaf_half(leaf, out);
    case INSN_SATURATE:
        return leaf_saturate(leaf, out);
    default:
        return false;
    }
}
