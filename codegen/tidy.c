/* Instructions whose result nobody reads go, and loops without a body: schedulers may write what
 * some of their variants do not need.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

static bool acts(const Insn *insn) {
    return insn->kind == INSN_STORE || insn->kind == INSN_PREFETCH || insn->kind == INSN_LOOP ||
           insn->kind == INSN_END;
}

static void mark_reads(const Routine *r, bool *read) {
    for (int i = 0; i < r->insns.count; i++) {
        const Insn *insn = &r->insns.at[i];
        const Reg operands[] = {insn->a, insn->b, insn->c};
        for (int k = 0; k < COUNT(operands); k++)
            /* What only adds to itself is not read by that. */
            if (operands[k] >= 0 && (acts(insn) || operands[k] != insn->dst))
                read[operands[k]] = true;
    }
}

static bool is_empty_loop(const Routine *r, int i) {
    return r->insns.at[i].kind == INSN_LOOP && i + 1 < r->insns.count &&
           r->insns.at[i + 1].kind == INSN_END;
}

static bool tidied(Routine *r, bool *read) {
    int kept = 0, count = r->insns.count;
    for (int i = 0; i < r->regs.count; i++)
        read[i] = false;
    mark_reads(r, read);
    for (int i = 0; i < count; i++) {
        Insn insn = r->insns.at[i];
        if (insn.kind == INSN_LOOP && insn.dst >= 0 && !read[insn.dst])
            insn.dst = NO_REG;
        if (is_empty_loop(r, i))
            i++;
        else if (acts(&insn) || read[insn.dst])
            r->insns.at[kept++] = insn;
    }
    r->insns.count = kept;
    return kept < count;
}

void routine_tidy(Routine *r) {
    bool *read = arena_array(r->arena, bool, r->regs.count);
    while (tidied(r, read))
        ;
}
