/* Loops of Thumb-2 code: those that end where a pointer does need no counter; and what a loop
 * loads from the frame in each pass is loaded before it, where a register is free.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/thumb.h"

/* ---- ends -------------------------------------------------------------------------------- */

typedef struct Loop {
    int enter, label, count, branch; /* instructions */
} Loop;

static bool find_loop(const ThumbCode *code, int number, Loop *loop) {
    *loop = (Loop){-1, -1, -1, -1};
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        if (t->kind == T_ENTER && t->loop == number)
            loop->enter = i;
        if (t->kind == T_LABEL && t->loop == number)
            loop->label = i;
        if (t->kind == T_COUNT && t->loop == number)
            loop->count = i;
        if (t->kind == T_BRANCH && t->loop == number)
            loop->branch = i;
    }
    return loop->enter >= 0 && loop->count >= 0;
}

/* The only instruction that writes a register, or -1. */
static int only_def(const ThumbCode *code, int reg) {
    int def = -1;
    for (int i = 0; i < code->code.count; i++)
        if (thumb_writes(&code->code.at[i], reg)) {
            if (def >= 0)
                return -1;
            def = i;
        }
    return def;
}

/* By how much a pass moves a pointer with one instruction of its own; 0: it does not. */
static int64_t moved_by(const Thumb *t, int *pointer) {
    *pointer = t->a;
    if (t->writeback)
        return t->step;
    bool adds = t->kind == T_ALU && t->dst == t->a && t->b == T_NONE && !strcmp(t->name, "add");
    return adds ? t->imm : 0;
}

/* Does an instruction stand in this loop's body, and in no loop within? */
static bool is_own(const ThumbCode *code, const Loop *loop, int at) {
    int inner = 0;
    for (int i = loop->label + 1; i < at; i++) {
        inner += code->code.at[i].kind == T_LABEL;
        inner -= code->code.at[i].kind == T_BRANCH;
    }
    return inner == 0;
}

/* By how much a pass moves a pointer in all, each time by a number and outside inner loops;
 * 0: it cannot be said. */
static int64_t moved_in_all(const ThumbCode *code, const Loop *loop, int pointer) {
    int64_t sum = 0;
    for (int i = loop->label; i <= loop->branch; i++) {
        int moved;
        const Thumb *t = &code->code.at[i];
        if (!thumb_writes(t, pointer))
            continue;
        int64_t step = moved_by(t, &moved);
        if (step <= 0 || moved != pointer || !is_own(code, loop, i))
            return 0;
        sum += step;
    }
    return sum;
}

/* The copy that gives a register its value before the loop, in the line that leads to it. */
static int copy_before(const ThumbCode *code, int enter, int reg) {
    for (int i = enter - 1; i >= 0 && !thumb_is_border(&code->code.at[i]); i--)
        if (thumb_writes(&code->code.at[i], reg))
            return code->code.at[i].kind == T_MOVE ? i : -1;
    return -1;
}

static Thumb of_kind(ThumbKind kind, const char *name, int depth) {
    return (Thumb){.kind = kind,
                   .name = name,
                   .depth = depth,
                   .dst = T_NONE,
                   .dst2 = T_NONE,
                   .dst3 = T_NONE,
                   .a = T_NONE,
                   .b = T_NONE,
                   .c = T_NONE,
                   .d = T_NONE};
}

/* end = base + count * step, right after both are known. Returns how many instructions it
 * took. */
static int put_end(ThumbCode *code, int at, int end, int base, int count, int64_t step) {
    int depth = code->code.at[at].depth, shift = 0;
    while ((int64_t)1 << shift < step)
        shift++;
    Thumb add = of_kind(T_ALU, "add", depth);
    add.dst = end, add.a = base, add.b = count;
    add.shift_name = shift ? "lsl" : NULL;
    add.shift = shift;
    if ((int64_t)1 << shift == step) {
        thumb_insert(code, at + 1, add);
        return 1;
    }
    Thumb number = of_kind(T_CONST, "mov", depth),
          product = of_kind(T_ACCUMULATE, "mla", depth);
    number.dst = thumb_new_reg(code), number.imm = step;
    product.dst = end, product.a = count, product.b = number.dst, product.c = base;
    thumb_insert(code, at + 1, product);
    thumb_insert(code, at + 1, number);
    return 2;
}

/* A loop's counter gives way to the end of a pointer that it moves from a fixed base. */
static bool end_by_pointer(ThumbCode *code, const Loop *loop, int at) {
    int pointer, counter = code->code.at[loop->enter].a;
    if (moved_by(&code->code.at[at], &pointer) <= 0 || pointer == counter)
        return false;
    int64_t step = moved_in_all(code, loop, pointer);
    if (step == 0)
        return false;
    int begin = copy_before(code, loop->enter, pointer);
    int counted = copy_before(code, loop->enter, counter);
    if (begin < 0 || counted < 0)
        return false;
    int base = code->code.at[begin].a, count = code->code.at[counted].a;
    int base_def = only_def(code, base), count_def = only_def(code, count);
    if (base_def < 0 || count_def < 0)
        return false;
    int known = base_def > count_def ? base_def : count_def;
    if (code->code.at[known].depth >= code->code.at[loop->enter].depth)
        return false;
    int end = thumb_new_reg(code);
    code->code.at[loop->enter].a = code->code.at[loop->count].a = pointer;
    code->code.at[loop->enter].b = code->code.at[loop->count].b = end;
    code->code.at[loop->count].name = "cmp";
    code->code.at[loop->branch].name = "blo";
    put_end(code, known, end, base, count, step);
    return true;
}

void thumb_end_loops(ThumbCode *code) {
    for (int loop = 0; loop < code->loops; loop++) {
        Loop at;
        if (!find_loop(code, loop, &at))
            continue;
        for (int i = at.label; i < at.branch; i++)
            if (end_by_pointer(code, &at, i))
                break;
    }
}

/* ---- what does not change ---------------------------------------------------------------- */

/* The colours that something has anywhere in the loop, or that live through it. */
static unsigned colors_in(const ThumbCode *code, const ThumbLive *live, const Loop *loop) {
    unsigned used = 0;
    for (int i = loop->enter; i <= loop->branch; i++) {
        int regs[MOST_USES], count = thumb_uses(&code->code.at[i], regs);
        for (int k = 0; k < count; k++)
            used |= 1u << code->regs.at[regs[k]].color;
        count = thumb_defs(&code->code.at[i], regs);
        for (int k = 0; k < count; k++)
            used |= 1u << code->regs.at[regs[k]].color;
        for (int reg = 0; reg < code->regs.count; reg++)
            if (thumb_lives(live, i, reg))
                used |= 1u << code->regs.at[reg].color;
    }
    return used;
}

static bool same_source(const Thumb *a, const Thumb *b) {
    return a->kind == b->kind && a->imm == b->imm;
}

static bool is_stored(const ThumbCode *code, const Loop *loop, const Thumb *load) {
    for (int i = loop->label; i <= loop->branch; i++)
        if (load->kind == T_RELOAD && code->code.at[i].kind == T_SPILL &&
            code->code.at[i].imm == load->imm)
            return true;
    return false;
}

/* A reload or a number made in the loop whose register nothing else writes. */
static bool can_leave(const ThumbCode *code, const Loop *loop, int at) {
    const Thumb *t = &code->code.at[at];
    return (t->kind == T_RELOAD || t->kind == T_CONST) && only_def(code, t->dst) == at &&
           !is_stored(code, loop, t);
}

static double gain_of(const ThumbCode *code, const Loop *loop, int at) {
    double gain = 0;
    for (int i = loop->label; i <= loop->branch; i++) {
        const Thumb *t = &code->code.at[i];
        double cost = 1;
        if (!can_leave(code, loop, i) || !same_source(t, &code->code.at[at]))
            continue;
        for (int d = 0; d < t->depth; d++)
            cost *= 8;
        gain += cost;
    }
    return gain;
}

/* One register's worth of loads, moved before the loop into a free one. */
static bool move_out(ThumbCode *code, const Loop *loop, int color) {
    int best = -1;
    double most = 0;
    for (int i = loop->label; i <= loop->branch; i++) {
        double gain = can_leave(code, loop, i) ? gain_of(code, loop, i) : 0;
        if (gain > most) {
            most = gain;
            best = i;
        }
    }
    if (best < 0)
        return false;
    Thumb load = code->code.at[best];
    int reg = thumb_new_reg(code), kept = 0;
    code->regs.at[reg].color = color;
    load.dst = reg;
    load.depth = code->code.at[loop->enter].depth;
    bool *gone = arena_array(code->arena, bool, code->code.count);
    for (int i = loop->label; i <= loop->branch; i++)
        gone[i] = can_leave(code, loop, i) && same_source(&code->code.at[i], &load);
    for (int i = 0; i < code->code.count; i++)
        if (gone[i])
            for (int k = 0; k < code->code.count; k++)
                thumb_rename(&code->code.at[k], code->code.at[i].dst, reg, true, false);
    for (int i = 0; i < code->code.count; i++)
        if (!gone[i])
            code->code.at[kept++] = code->code.at[i];
    code->code.count = kept;
    thumb_insert(code, loop->enter, load);
    return true;
}

void thumb_lighten_loops(ThumbCode *code) {
    for (int loop = code->loops - 1; loop >= 0; loop--)
        for (int round = 0; round < THUMB_REGISTERS; round++) {
            Loop at;
            if (!find_loop(code, loop, &at) || code->code.at[at.enter].rare)
                break;
            Arena *arena = arena_new();
            ThumbLive live = thumb_live(code, arena);
            unsigned used = colors_in(code, &live, &at);
            arena_free(arena);
            int color = 0;
            while (used >> color & 1)
                color++;
            if (color >= THUMB_REGISTERS || !move_out(code, &at, color))
                break;
        }
}
