/* Registers for Thumb-2 code: what is live where; what the fourteen registers cannot hold goes
 * to the frame, the least used first; the rest is coloured in the order of the code.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/thumb.h"

#include <stdlib.h>

/* ---- what instructions read and write ---------------------------------------------------- */

static int add_reg(int *list, int count, int reg) {
    if (reg != T_NONE)
        list[count++] = reg;
    return count;
}

int thumb_uses(const Thumb *t, int uses[MOST_USES]) {
    if (t->kind == T_ENTER && !t->imm) /* asks nothing */
        return 0;
    int count = add_reg(uses, 0, t->a);
    count = add_reg(uses, count, t->b);
    count = add_reg(uses, count, t->c);
    return add_reg(uses, count, t->d);
}

int thumb_defs(const Thumb *t, int defs[MOST_DEFS]) {
    int count = add_reg(defs, 0, t->dst);
    count = add_reg(defs, count, t->dst2);
    count = add_reg(defs, count, t->dst3);
    return add_reg(defs, count,
                   t->writeback || (t->kind == T_COUNT && t->b == T_NONE) ? t->a : T_NONE);
}

static void rename_reg(int *reg, int from, int to) {
    if (*reg == from)
        *reg = to;
}

void thumb_rename(Thumb *t, int from, int to, bool use, bool def) {
    if (use) {
        rename_reg(&t->a, from, to);
        rename_reg(&t->b, from, to);
        rename_reg(&t->c, from, to);
        rename_reg(&t->d, from, to);
    }
    if (def) {
        rename_reg(&t->dst, from, to);
        rename_reg(&t->dst2, from, to);
        rename_reg(&t->dst3, from, to);
    }
}

bool thumb_is_border(const Thumb *t) {
    return t->kind == T_LABEL || t->kind == T_ENTER || t->kind == T_BRANCH;
}

int thumb_new_reg(ThumbCode *code) {
    vec_push(code->arena, &code->regs,
             ((ThumbReg){.slot = T_NONE, .home = T_NONE, .color = T_NONE}));
    return code->regs.count - 1;
}

void thumb_insert(ThumbCode *code, int at, Thumb add) {
    vec_push(code->arena, &code->code, add);
    for (int i = code->code.count - 1; i > at; i--)
        code->code.at[i] = code->code.at[i - 1];
    code->code.at[at] = add;
}

/* ---- what is live ------------------------------------------------------------------------ */

static bool has(const uint64_t *set, int reg) {
    return set[reg / 64] >> reg % 64 & 1;
}

static void put_in(uint64_t *set, int reg) {
    set[reg / 64] |= (uint64_t)1 << reg % 64;
}

static void take_out(uint64_t *set, int reg) {
    set[reg / 64] &= ~((uint64_t)1 << reg % 64);
}

/* The set before an instruction, from that after it. */
static void step_back(const Thumb *t, uint64_t *set) {
    int regs[MOST_USES];
    int count = thumb_defs(t, regs);
    for (int i = 0; i < count; i++)
        take_out(set, regs[i]);
    count = thumb_uses(t, regs);
    for (int i = 0; i < count; i++)
        put_in(set, regs[i]);
}

static uint64_t *out_of(const ThumbLive *live, int at) {
    return live->out + (int64_t)at * live->words;
}

/* The set before instruction `at`, added to `to`; whether that grew. */
static bool flow(const ThumbCode *code, const ThumbLive *live, int at, uint64_t *to,
                 uint64_t *set) {
    bool grew = false;
    if (at >= code->code.count)
        return false;
    memcpy(set, out_of(live, at), sizeof *set * (size_t)live->words);
    step_back(&code->code.at[at], set);
    for (int w = 0; w < live->words; w++) {
        grew |= (set[w] & ~to[w]) != 0;
        to[w] |= set[w];
    }
    return grew;
}

ThumbLive thumb_live(const ThumbCode *code, Arena *arena) {
    int count = code->code.count;
    ThumbLive live = {.words = (code->regs.count + 63) / 64,
                      .label = arena_array(arena, int, code->loops + 1),
                      .end = arena_array(arena, int, code->loops + 1)};
    live.out = arena_array(arena, uint64_t, (int64_t)count * live.words + 1);
    uint64_t *set = arena_array(arena, uint64_t, live.words + 1);
    for (int i = 0; i < count; i++) {
        if (code->code.at[i].kind == T_LABEL)
            live.label[code->code.at[i].loop] = i;
        if (code->code.at[i].kind == T_BRANCH)
            live.end[code->code.at[i].loop] = i;
    }
    for (bool grew = true; grew;) {
        grew = false;
        for (int i = count - 1; i >= 0; i--) {
            const Thumb *t = &code->code.at[i];
            grew |= flow(code, &live, i + 1, out_of(&live, i), set);
            if (t->kind == T_BRANCH)
                grew |= flow(code, &live, live.label[t->loop], out_of(&live, i), set);
            if (t->kind == T_ENTER && t->imm)
                grew |= flow(code, &live, live.end[t->loop] + 1, out_of(&live, i), set);
        }
    }
    return live;
}

bool thumb_lives(const ThumbLive *live, int at, int reg) {
    return reg < 64 * live->words && has(out_of(live, at), reg);
}

/* ---- what nobody reads ------------------------------------------------------------------- */

static bool only_computes(const Thumb *t) {
    return t->kind == T_RELOAD || (t->kind >= T_CONST && t->kind <= T_EXTREME) ||
           ((t->kind == T_LOAD) && !t->writeback);
}

void thumb_drop_dead(ThumbCode *code) {
    for (bool changed = true; changed;) {
        Arena *arena = arena_new();
        ThumbLive live = thumb_live(code, arena);
        int kept = 0;
        changed = false;
        for (int i = 0; i < code->code.count; i++) {
            const Thumb *t = &code->code.at[i];
            bool dead = only_computes(t) && !has(out_of(&live, i), t->dst);
            changed |= dead;
            if (!dead)
                code->code.at[kept++] = *t;
        }
        code->code.count = kept;
        arena_free(arena);
    }
}

/* A copy that is written once, of what is written once, is that. */
void thumb_drop_copies(ThumbCode *code) {
    int *defs = arena_array(code->arena, int, code->regs.count + 1);
    for (int i = 0; i < code->code.count; i++) {
        int regs[MOST_DEFS], count = thumb_defs(&code->code.at[i], regs);
        for (int k = 0; k < count; k++)
            defs[regs[k]]++;
    }
    for (int i = 0; i < code->code.count; i++) {
        Thumb copy = code->code.at[i];
        if (copy.kind != T_MOVE || defs[copy.dst] != 1 || defs[copy.a] != 1)
            continue;
        for (int k = i + 1; k < code->code.count; k++)
            thumb_rename(&code->code.at[k], copy.dst, copy.a, true, false);
    }
}

/* ---- spilling ---------------------------------------------------------------------------- */

static Thumb slot_access(ThumbKind kind, int reg, int slot) {
    return (Thumb){.kind = kind,
                   .name = kind == T_RELOAD ? "ldr" : "str",
                   .dst = kind == T_RELOAD ? reg : T_NONE,
                   .dst2 = T_NONE,
                   .dst3 = T_NONE,
                   .a = kind == T_RELOAD ? T_NONE : reg,
                   .b = T_NONE,
                   .c = T_NONE,
                   .d = T_NONE,
                   .imm = slot};
}

static Thumb constant_load(int reg, int64_t value) {
    Thumb t = slot_access(T_RELOAD, reg, 0);
    t.kind = T_CONST;
    t.name = "mov";
    t.imm = value;
    return t;
}

static bool reads(const Thumb *t, int reg) {
    if (t->kind == T_ENTER && !t->imm)
        return false;
    return t->a == reg || t->b == reg || t->c == reg || t->d == reg;
}

bool thumb_writes(const Thumb *t, int reg) {
    int defs[MOST_DEFS], count = thumb_defs(t, defs);
    for (int i = 0; i < count; i++)
        if (defs[i] == reg)
            return true;
    return false;
}

/* Numbers and arguments need no store: they can be made again. */
static bool is_remade(const ThumbReg *known) {
    return known->constant || known->slot != T_NONE;
}

static int new_kept(ThumbCode *code, int from, int kept) {
    int reg = thumb_new_reg(code);
    ThumbReg *known = &code->regs.at[reg];
    *known = code->regs.at[from];
    known->kept = kept;
    known->color = T_NONE;
    return reg;
}

/* The slot from which alone `reg` is written, if that is so: it can be loaded from there
 * again. */
static int loaded_from(const ThumbCode *code, int reg) {
    int slot = T_NONE;
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        if (!thumb_writes(t, reg))
            continue;
        if (t->kind != T_RELOAD || (slot != T_NONE && slot != (int)t->imm))
            return T_NONE;
        slot = (int)t->imm;
    }
    return slot;
}

static void put(ThumbCode *code, Thumb t, int depth) {
    t.depth = depth;
    vec_push(code->arena, &code->code, t);
}

/* What is rewritten, and the code as it was. */
typedef struct Spilling {
    ThumbCode *code;
    int reg, slot, kept;
    bool stores; /* each write, to the slot */
    bool remade; /* else it is only written where it is first made: that goes */
    int here;    /* what holds it now, or T_NONE */
    ThumbReg known;
} Spilling;

static void spill_use(Spilling *s, const Thumb *t) {
    bool own = t->kind == T_SPILL && (int)t->imm == s->slot && s->here != T_NONE;
    if (own || (s->here != T_NONE && s->kept == 1))
        return;
    s->here = new_kept(s->code, s->reg, s->kept);
    put(s->code,
        s->known.constant ? constant_load(s->here, s->known.value)
                          : slot_access(T_RELOAD, s->here, s->slot),
        t->depth);
}

static void spill_one(Spilling *s, Thumb t) {
    bool uses = reads(&t, s->reg), defines = thumb_writes(&t, s->reg);
    bool again = t.kind == T_RELOAD && (int)t.imm == s->slot;
    if (thumb_is_border(&t) && !uses)
        s->here = T_NONE;
    if (defines && !uses && (s->remade || again))
        return;
    if (uses)
        spill_use(s, &t);
    else if (defines && (s->here == T_NONE || s->kept > 1))
        s->here = new_kept(s->code, s->reg, s->kept);
    if (uses || defines)
        thumb_rename(&t, s->reg, s->here, true, true);
    put(s->code, t, t.depth);
    if (defines && s->stores)
        put(s->code, slot_access(T_SPILL, s->here, s->slot), t.depth);
    if (thumb_is_border(&t))
        s->here = T_NONE;
}

/* `reg` lives in the frame (or is made again): each straight line loads it once, or at each use
 * where even that was too much, and stores it where it is written. */
static void spill(ThumbCode *code, int reg) {
    ThumbReg *now = &code->regs.at[reg];
    if (now->slot == T_NONE && now->home == T_NONE)
        now->slot = loaded_from(code, reg);
    Spilling s = {.code = code,
                  .reg = reg,
                  .kept = now->kept + 1,
                  .remade = is_remade(now),
                  .here = T_NONE};
    s.stores = !s.remade && now->home == T_NONE;
    if (s.stores)
        now->home = code->slots++;
    s.slot = s.remade ? now->slot : now->home;
    s.known = *now;
    VEC(Thumb) old = {code->code.at, code->code.count, code->code.capacity};
    code->code.at = NULL, code->code.count = code->code.capacity = 0;
    for (int i = 0; i < old.count; i++)
        spill_one(&s, old.at[i]);
}

/* ---- which ones -------------------------------------------------------------------------- */

/* For how many instructions each register is taken. */
static void find_lengths(const ThumbCode *code, const ThumbLive *live, double *length) {
    for (int i = 0; i < code->code.count; i++)
        for (int w = 0; w < live->words; w++)
            for (uint64_t set = out_of(live, i)[w]; set; set &= set - 1)
                length[64 * w + __builtin_ctzll(set)]++;
}

/* What spilling a register costs, by what it gives. */
static double *weights_of(const ThumbCode *code, const ThumbLive *live, Arena *arena) {
    double *weight = arena_array(arena, double, code->regs.count + 1);
    double *length = arena_array(arena, double, 64 * live->words + 1);
    find_lengths(code, live, length);
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        int regs[MOST_USES], count = thumb_uses(t, regs);
        double cost = 1;
        for (int d = 0; d < t->depth; d++)
            cost *= 8;
        for (int k = 0; k < count; k++)
            weight[regs[k]] += cost;
        count = thumb_defs(t, regs);
        for (int k = 0; k < count; k++)
            weight[regs[k]] += cost;
    }
    for (int i = 0; i < code->regs.count; i++) {
        weight[i] /= length[i] + 1;
        if (is_remade(&code->regs.at[i]))
            weight[i] *= 0.6;
        if (code->regs.at[i].kept >= 2)
            weight[i] = 1e30;
    }
    return weight;
}

/* What must have registers after instruction `at`, its results too. */
static int pressure_at(const ThumbCode *code, const ThumbLive *live, int at, uint64_t *set) {
    int defs[MOST_DEFS], count = thumb_defs(&code->code.at[at], defs), sum = 0;
    memcpy(set, out_of(live, at), sizeof *set * (size_t)live->words);
    for (int i = 0; i < count; i++)
        put_in(set, defs[i]);
    for (int w = 0; w < live->words; w++)
        sum += __builtin_popcountll(set[w]);
    return sum;
}

static int least_in(const ThumbCode *code, const uint64_t *set, const double *weight) {
    int best = T_NONE;
    for (int reg = 0; reg < code->regs.count; reg++)
        if (has(set, reg) && weight[reg] < 1e29 &&
            (best == T_NONE || weight[reg] < weight[best]))
            best = reg;
    return best;
}

/* Spills one register where most are needed, deepest first; false: none is needed too many. */
static bool relieve(ThumbCode *code, bool *failed) {
    Arena *arena = arena_new();
    ThumbLive live = thumb_live(code, arena);
    double *weight = weights_of(code, &live, arena);
    uint64_t *set = arena_array(arena, uint64_t, live.words + 1);
    int worst = -1, most = THUMB_REGISTERS, depth = -1, reg = T_NONE;
    for (int i = 0; i < code->code.count; i++) {
        int pressure = pressure_at(code, &live, i, set), at = code->code.at[i].depth;
        if (pressure > THUMB_REGISTERS && (at > depth || (at == depth && pressure > most))) {
            worst = i;
            most = pressure;
            depth = at;
        }
    }
    if (worst >= 0) {
        pressure_at(code, &live, worst, set);
        reg = least_in(code, set, weight);
        *failed |= reg == T_NONE;
    }
    arena_free(arena);
    if (reg != T_NONE)
        spill(code, reg);
    return reg != T_NONE;
}

/* ---- colours ----------------------------------------------------------------------------- */

typedef struct Conflicts {
    int words;
    uint64_t *with; /* (regs, words) */
} Conflicts;

static void add_conflict(Conflicts *c, int a, int b) {
    if (a == b)
        return;
    put_in(c->with + (int64_t)a * c->words, b);
    put_in(c->with + (int64_t)b * c->words, a);
}

static Conflicts conflicts_of(const ThumbCode *code, const ThumbLive *live, Arena *arena) {
    Conflicts c = {.words = live->words};
    c.with = arena_array(arena, uint64_t, (int64_t)code->regs.count * c.words + 1);
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        int defs[MOST_DEFS], count = thumb_defs(t, defs);
        const uint64_t *out = out_of(live, i);
        for (int k = 0; k < count; k++) {
            for (int other = 0; other < code->regs.count; other++)
                if (has(out, other) && !(t->kind == T_MOVE && other == t->a))
                    add_conflict(&c, defs[k], other);
            for (int other = 0; other < k; other++)
                add_conflict(&c, defs[k], defs[other]);
        }
        if (t->kind == T_EXTREME && t->b != T_NONE && t->a != t->b) /* dst is written early */
            add_conflict(&c, t->dst, t->b);
    }
    return c;
}

static unsigned taken(const ThumbCode *code, const Conflicts *c, int reg) {
    unsigned colors = 0;
    const uint64_t *with = c->with + (int64_t)reg * c->words;
    for (int other = 0; other < code->regs.count; other++)
        if (has(with, other) && code->regs.at[other].color != T_NONE)
            colors |= 1u << code->regs.at[other].color;
    return colors;
}

/* The colour of what `reg` is copied from or to, if it is free. */
static int hinted(const ThumbCode *code, const int *hint, int reg, unsigned used) {
    int color = hint[reg] == T_NONE ? T_NONE : code->regs.at[hint[reg]].color;
    return color != T_NONE && !(used >> color & 1) ? color : T_NONE;
}

static int lowest_free(unsigned used) {
    for (int color = 0; color < THUMB_REGISTERS; color++)
        if (!(used >> color & 1))
            return color;
    return T_NONE;
}

/* The least used of `reg` and what it conflicts with; it goes to the frame. */
static int victim_of(const ThumbCode *code, const Conflicts *c, const double *weight, int reg) {
    uint64_t *set = arena_array(code->arena, uint64_t, c->words + 1);
    memcpy(set, c->with + (int64_t)reg * c->words, sizeof *set * (size_t)c->words);
    put_in(set, reg);
    return least_in(code, set, weight);
}

static void find_hints(const ThumbCode *code, int *hint) {
    for (int i = 0; i < code->regs.count; i++)
        hint[i] = T_NONE;
    for (int i = 0; i < code->code.count; i++) {
        const Thumb *t = &code->code.at[i];
        bool two = t->kind == T_MOVE || t->kind == T_EXTREME;
        if (!two)
            continue;
        hint[t->dst] = t->a;
        if (hint[t->a] == T_NONE)
            hint[t->a] = t->dst;
    }
}

/* Three registers in rising order, as one instruction loads them. */
static bool color_three(ThumbCode *code, const Conflicts *c, const Thumb *t) {
    const int reg[3] = {t->dst, t->dst2, t->dst3};
    int color = -1;
    for (int k = 0; k < 3; k++)
        code->regs.at[reg[k]].color = T_NONE;
    for (int k = 0; k < 3; k++) {
        unsigned used = taken(code, c, reg[k]);
        for (color++; color < THUMB_REGISTERS && used >> color & 1;)
            color++;
        if (color >= THUMB_REGISTERS)
            return false;
        code->regs.at[reg[k]].color = color;
    }
    return true;
}

/* Colours all; the register to be spilled where there are too few, or T_NONE. */
static int color_all(ThumbCode *code) {
    Arena *arena = arena_new();
    ThumbLive live = thumb_live(code, arena);
    Conflicts conflicts = conflicts_of(code, &live, arena);
    double *weight = weights_of(code, &live, arena);
    int *hint = arena_array(arena, int, code->regs.count + 1), victim = T_NONE;
    find_hints(code, hint);
    for (int i = 0; i < code->regs.count; i++)
        code->regs.at[i].color = T_NONE;
    for (int i = 0; i < code->code.count && victim == T_NONE; i++) {
        const Thumb *t = &code->code.at[i];
        int defs[MOST_DEFS], count = thumb_defs(t, defs);
        if (t->kind == T_LOAD3 && !color_three(code, &conflicts, t)) {
            victim = victim_of(code, &conflicts, weight, t->dst2);
            victim = victim == T_NONE ? -2 : victim;
        }
        for (int k = 0; k < count && victim == T_NONE; k++) {
            ThumbReg *reg = &code->regs.at[defs[k]];
            if (reg->color != T_NONE)
                continue;
            unsigned used = taken(code, &conflicts, defs[k]);
            reg->color = hinted(code, hint, defs[k], used);
            if (reg->color == T_NONE)
                reg->color = lowest_free(used);
            if (reg->color == T_NONE)
                victim = victim_of(code, &conflicts, weight, defs[k]);
            if (reg->color == T_NONE && victim == T_NONE)
                victim = -2;
        }
    }
    arena_free(arena);
    return victim;
}

bool thumb_allocate(ThumbCode *code) {
    enum { ROUNDS = 1000 };
    bool failed = false;
    for (int round = 0; round < ROUNDS && !failed; round++) {
        if (relieve(code, &failed))
            continue;
        int victim = color_all(code);
        if (victim == T_NONE)
            return true;
        failed |= victim < T_NONE;
        if (!failed)
            spill(code, victim);
    }
    return false;
}
