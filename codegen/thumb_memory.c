/* Loads and stores of neighbours as one instruction, and addresses that the access itself moves
 * on.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/thumb.h"

static bool is_access(const Thumb *t) {
    return t->kind == T_LOAD || t->kind == T_LOAD2 || t->kind == T_LOAD3 ||
           t->kind == T_STORE || t->kind == T_STORE2;
}

static bool mentions(const Thumb *t, int reg) {
    int uses[MOST_USES], defs[MOST_DEFS];
    int count = thumb_uses(t, uses);
    for (int i = 0; i < count; i++)
        if (uses[i] == reg)
            return true;
    count = thumb_defs(t, defs);
    for (int i = 0; i < count; i++)
        if (defs[i] == reg)
            return true;
    return false;
}

static void drop(ThumbCode *code, bool *gone) {
    int kept = 0;
    for (int i = 0; i < code->code.count; i++)
        if (!gone[i])
            code->code.at[kept++] = code->code.at[i];
    code->code.count = kept;
}

/* ---- two words --------------------------------------------------------------------------- */

static bool is_plain_word(const Thumb *t, ThumbKind kind) {
    return t->kind == kind && (t->type == I32 || t->type == U32) && t->b == T_NONE &&
           !t->writeback;
}

/* May the load at `j` come up to `i`? Nothing between may store, write its base or its
 * result, or read its result. */
static bool can_rise(const ThumbCode *code, int i, int j) {
    const Thumb *late = &code->code.at[j];
    for (int k = i + 1; k < j; k++) {
        const Thumb *t = &code->code.at[k];
        if (thumb_is_border(t) || t->kind == T_STORE || t->kind == T_STORE2 ||
            thumb_writes(t, late->a) || mentions(t, late->dst))
            return false;
    }
    return !thumb_writes(&code->code.at[i], late->a);
}

/* May the store at `i` wait until `j`? Nothing between may touch memory or write what it
 * reads. */
static bool can_wait(const ThumbCode *code, int i, int j) {
    const Thumb *early = &code->code.at[i];
    for (int k = i + 1; k < j; k++) {
        const Thumb *t = &code->code.at[k];
        if (thumb_is_border(t) || is_access(t) || thumb_writes(t, early->a) ||
            thumb_writes(t, early->c))
            return false;
    }
    return true;
}

static bool fits_two(int64_t offset) {
    return offset >= -1020 && offset <= 1020 && offset % 4 == 0;
}

enum { REACH = 6 };

static void pair_loads(ThumbCode *code, bool *gone) {
    for (int i = 0; i < code->code.count; i++) {
        Thumb *t = &code->code.at[i];
        if (gone[i] || !is_plain_word(t, T_LOAD) || !t->aligned)
            continue;
        for (int j = i + 1; j < code->code.count && j <= i + REACH; j++) {
            const Thumb *next = &code->code.at[j];
            bool beside = !gone[j] && is_plain_word(next, T_LOAD) && next->a == t->a &&
                          next->imm == t->imm + 4 && next->dst != t->dst;
            if (!beside || !fits_two(t->imm) || !can_rise(code, i, j))
                continue;
            t->kind = T_LOAD2;
            t->name = "ldrd";
            t->dst2 = next->dst;
            gone[j] = true;
            break;
        }
    }
}

static void pair_stores(ThumbCode *code, bool *gone) {
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        if (gone[i] || !is_plain_word(t, T_STORE) || !t->aligned)
            continue;
        for (int j = i + 1; j < code->code.count && j <= i + REACH; j++) {
            Thumb *next = &code->code.at[j];
            bool beside = !gone[j] && is_plain_word(next, T_STORE) && next->a == t->a &&
                          next->imm == t->imm + 4;
            if (!beside || !fits_two(t->imm) || !can_wait(code, i, j))
                continue;
            next->kind = T_STORE2;
            next->name = "strd";
            next->d = next->c;
            next->c = t->c;
            next->imm = t->imm;
            gone[i] = true;
            break;
        }
    }
}

/* ---- three words ------------------------------------------------------------------------- */

static bool loads_word_at(const Thumb *t, int base, int64_t offset) {
    return is_plain_word(t, T_LOAD) && t->aligned && t->a == base && t->imm == offset &&
           t->dst != base;
}

/* The addition of 12 to `base` in the line after instruction `at`, where nothing else
 * touches it in between; or -1. */
static int step_after(const ThumbCode *code, int at, int base) {
    for (int i = at + 1; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        if (thumb_is_border(t))
            return -1;
        if (!mentions(t, base))
            continue;
        bool adds = t->kind == T_ALU && t->dst == base && t->a == base && t->b == T_NONE &&
                    !strcmp(t->name, "add") && t->imm == 12;
        return adds ? i : -1;
    }
    return -1;
}

static void triple_loads(ThumbCode *code, bool *gone) {
    for (int i = 0; i + 2 < code->code.count; i++) {
        Thumb *t = &code->code.at[i];
        if (!loads_word_at(t, t->a, 0) || !loads_word_at(t + 1, t->a, 4) ||
            !loads_word_at(t + 2, t->a, 8))
            continue;
        int step = step_after(code, i + 2, t->a);
        if (step < 0)
            continue;
        t->kind = T_LOAD3;
        t->name = "ldmia";
        t->dst2 = t[1].dst, t->dst3 = t[2].dst;
        t->writeback = true;
        t->step = 12;
        gone[i + 1] = gone[i + 2] = gone[step] = true;
    }
}

/* ---- moving addresses -------------------------------------------------------------------- */

static bool can_reach(const Thumb *t, int64_t offset) {
    bool two = t->kind == T_LOAD2 || t->kind == T_STORE2;
    return two ? fits_two(offset) : offset >= -255 && offset <= 4095;
}

/* May this access, at the pointer itself, also move it? */
static bool can_move(const Thumb *t, int64_t step) {
    bool two = t->kind == T_LOAD2 || t->kind == T_STORE2;
    return t->imm == 0 && t->dst != t->a && t->dst2 != t->a &&
           (two ? fits_two(step) : step >= -255 && step <= 255);
}

/* An addition of a number to a pointer is done by an access through it that stands before it in
 * the line, at offset 0; those between are moved back by as much. */
static bool move_into_access(ThumbCode *code, int add) {
    Thumb *move = &code->code.at[add];
    int64_t step = move->name[0] == 's' ? -move->imm : move->imm;
    int at = add - 1;
    for (;; at--) {
        const Thumb *t = at >= 0 ? &code->code.at[at] : NULL;
        if (!t || thumb_is_border(t) || thumb_writes(t, move->a))
            return false;
        if (!mentions(t, move->a))
            continue;
        if (!is_access(t) || t->a != move->a || t->b != T_NONE || t->writeback ||
            t->c == move->a || t->d == move->a)
            return false;
        if (can_move(t, step))
            break;
        if (!can_reach(t, t->imm - step))
            return false;
    }
    for (int i = at + 1; i < add; i++)
        if (is_access(&code->code.at[i]) && code->code.at[i].a == move->a)
            code->code.at[i].imm -= step;
    code->code.at[at].writeback = true;
    code->code.at[at].step = (int)step;
    return true;
}

static void move_addresses(ThumbCode *code, bool *gone) {
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        bool adds = t->kind == T_ALU && t->dst == t->a && t->b == T_NONE &&
                    (!strcmp(t->name, "add") || !strcmp(t->name, "sub"));
        if (adds && move_into_access(code, i))
            gone[i] = true;
    }
}

void thumb_memory(ThumbCode *code) {
    bool *gone = arena_array(code->arena, bool, code->code.count + 1);
    triple_loads(code, gone);
    drop(code, gone);
    memset(gone, 0, (size_t)code->code.count);
    pair_loads(code, gone);
    pair_stores(code, gone);
    drop(code, gone);
    memset(gone, 0, (size_t)code->code.count);
    move_addresses(code, gone);
    drop(code, gone);
}

/* ---- the frame ----------------------------------------------------------------------------- */

/* The machine registers of an instruction, as bits. */
static unsigned colors_of(const ThumbCode *code, const Thumb *t) {
    unsigned colors = 0;
    int regs[MOST_USES], count = thumb_uses(t, regs);
    for (int i = 0; i < count; i++)
        colors |= 1u << code->regs.at[regs[i]].color;
    count = thumb_defs(t, regs);
    for (int i = 0; i < count; i++)
        colors |= 1u << code->regs.at[regs[i]].color;
    return colors;
}

/* Do two slots lie side by side? Arguments in registers, those on the stack and all others are
 * three places. */
static bool slots_touch(int64_t a, int64_t b) {
    bool apart = (a < 4) != (b < 4) || (a < THUMB_ARGS) != (b < THUMB_ARGS);
    return b == a + 1 && !apart;
}

static bool touches_slot(const Thumb *t, int64_t slot) {
    bool two = t->kind == T_RELOAD2 || t->kind == T_SPILL2;
    bool one = t->kind == T_RELOAD || t->kind == T_SPILL;
    return (one && t->imm == slot) || (two && (t->imm == slot || t->imm + 1 == slot));
}

/* The last instruction of the line that reads a register; `at` writes it. */
static int last_use(const ThumbCode *code, int at, int reg) {
    int last = at;
    for (int i = at + 1; i < code->code.count && !thumb_is_border(&code->code.at[i]); i++)
        if (mentions(&code->code.at[i], reg))
            last = i;
    return last;
}

/* A machine register that nothing has from instruction i to instruction `last`; or T_NONE. */
static int free_color(const ThumbCode *code, const ThumbLive *live, int i, int last, int reg) {
    unsigned used = 0;
    for (int k = i; k <= last; k++) {
        const Thumb *t = &code->code.at[k];
        used |= mentions(t, reg) ? 0 : colors_of(code, t);
        for (int other = 0; other < code->regs.count; other++)
            if (other != reg && thumb_lives(live, k, other))
                used |= 1u << code->regs.at[other].color;
    }
    for (int k = i; k <= last; k++) { /* what stands beside it where it is read */
        const Thumb *t = &code->code.at[k];
        int regs[MOST_USES], count = thumb_uses(t, regs);
        for (int d = 0; d < count; d++)
            used |= regs[d] == reg ? 0 : 1u << code->regs.at[regs[d]].color;
        count = thumb_defs(t, regs);
        for (int d = 0; d < count; d++)
            used |= regs[d] == reg ? 0 : 1u << code->regs.at[regs[d]].color;
    }
    for (int color = 0; color < THUMB_REGISTERS; color++)
        if (!(used >> color & 1))
            return color;
    return T_NONE;
}

/* Can what `at` loads be in a register of its own from instruction i on? It is given one. */
static bool rises_elsewhere(ThumbCode *code, int i, int at) {
    int reg = code->code.at[at].dst, writes = 0;
    for (int k = 0; k < code->code.count; k++)
        writes += thumb_writes(&code->code.at[k], reg);
    if (writes != 1)
        return false;
    Arena *arena = arena_new();
    ThumbLive live = thumb_live(code, arena);
    int last = last_use(code, at, reg);
    bool leaves = thumb_lives(&live, last, reg); /* the line */
    int color = leaves ? T_NONE : free_color(code, &live, i, last, reg);
    arena_free(arena);
    if (color == T_NONE)
        return false;
    code->regs.at[reg].color = color;
    return true;
}

/* Two loads from slots as one, where the later one can come up, if need be to another register. */
static bool pair_reloads(ThumbCode *code, int i, int j) {
    Thumb *a = &code->code.at[i], *b = &code->code.at[j];
    unsigned color = 1u << code->regs.at[b->dst].color;
    bool touch = slots_touch(a->imm, b->imm) || slots_touch(b->imm, a->imm);
    bool taken = color & colors_of(code, a);
    for (int k = i + 1; k < j && touch; k++) {
        taken |= colors_of(code, &code->code.at[k]) & color;
        if (code->code.at[k].kind != T_RELOAD && touches_slot(&code->code.at[k], b->imm))
            touch = false;
    }
    if (!touch || (taken && !rises_elsewhere(code, i, j)))
        return false;
    a->dst2 = b->dst;
    if (b->imm < a->imm) {
        a->dst2 = a->dst;
        a->dst = b->dst;
        a->imm = b->imm;
    }
    a->kind = T_RELOAD2;
    a->name = "ldrd";
    return true;
}

/* Two stores to slots as one, where the earlier one can wait. */
static bool pair_spills(ThumbCode *code, int i, int j) {
    Thumb *a = &code->code.at[i], *b = &code->code.at[j];
    unsigned color = 1u << code->regs.at[a->a].color;
    if (!slots_touch(a->imm, b->imm) && !slots_touch(b->imm, a->imm))
        return false;
    for (int k = i + 1; k < j; k++) {
        const Thumb *t = &code->code.at[k];
        int defs[MOST_DEFS], count = thumb_defs(t, defs);
        for (int d = 0; d < count; d++)
            if (1u << code->regs.at[defs[d]].color & color)
                return false;
        if (touches_slot(t, a->imm))
            return false;
    }
    b->b = b->a;
    b->a = a->a;
    if (b->imm < a->imm) {
        b->a = b->b;
        b->b = a->a;
    } else {
        b->imm = a->imm;
    }
    b->kind = T_SPILL2;
    b->name = "strd";
    return true;
}

/* One pair in the lines that begin at instruction i. */
static bool pair_from(ThumbCode *code, int i) {
    for (int j = i + 1; j < code->code.count && j <= i + 3 * REACH; j++) {
        const Thumb *a = &code->code.at[i], *b = &code->code.at[j];
        if (thumb_is_border(b))
            return false;
        if (a->kind != b->kind)
            continue;
        bool loads = a->kind == T_RELOAD && pair_reloads(code, i, j);
        if (!loads && !(a->kind == T_SPILL && pair_spills(code, i, j)))
            continue;
        int gone = loads ? j : i;
        for (int k = gone + 1; k < code->code.count; k++)
            code->code.at[k - 1] = code->code.at[k];
        code->code.count--;
        return true;
    }
    return false;
}

void thumb_pair_slots(ThumbCode *code) {
    for (int i = 0; i < code->code.count; i++)
        pair_from(code, i);
}
