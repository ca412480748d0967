/* Routines as Thumb-2 assembly: a naked function with one string of instructions. It depends on
 * no compiler's registers or schedule, and assembles under gcc and clang alike.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/thumb.h"

static const char *const names[THUMB_REGISTERS] = {"r0", "r1", "r2", "r3",  "r4",  "r5",  "r6",
                                                   "r7", "r8", "r9", "r10", "r11", "r12", "lr"};

typedef struct Print {
    Text *text;
    const ThumbCode *code;
    int frame; /* bytes between the stack pointer and what was pushed */
} Print;

static const char *name_of(const Print *p, int reg) {
    return names[p->code->regs.at[reg].color];
}

static void line(const Print *p, const char *format, ...) PRINTF(2, 3);
static void line(const Print *p, const char *format, ...) {
    va_list list;
    va_start(list, format);
    char buffer[256];
    vsnprintf(buffer, sizeof buffer, format, list);
    va_end(list);
    text_add(p->text, "        \"%s\\n\"\n", buffer);
}

/* The first four arguments are stored into the frame's first slots; the others lie above
 * what was pushed: nine registers. */
static int slot_offset(const Print *p, int slot) {
    if (slot < 4)
        return 4 * slot;
    if (slot < THUMB_ARGS)
        return p->frame + 36 + 4 * (slot - 4);
    return 4 * (slot - 3);
}

static void print_constant(const Print *p, const Thumb *t) {
    uint32_t value = (uint32_t)t->imm;
    if (thumb_immediate(value))
        line(p, "mov %s, #%u", name_of(p, t->dst), value);
    else if (thumb_immediate((int64_t)~value & 0xffffffff))
        line(p, "mvn %s, #%u", name_of(p, t->dst), ~value);
    else {
        line(p, "movw %s, #%u", name_of(p, t->dst), value & 0xffff);
        if (value >> 16)
            line(p, "movt %s, #%u", name_of(p, t->dst), value >> 16);
    }
}

static void print_access(const Print *p, const Thumb *t) {
    char regs[32], at[48];
    bool two = t->kind == T_LOAD2 || t->kind == T_STORE2;
    bool loads = t->kind == T_LOAD || t->kind == T_LOAD2;
    int first = loads ? t->dst : t->c, second = loads ? t->dst2 : t->d;
    snprintf(regs, sizeof regs, two ? "%s, %s" : "%s", name_of(p, first),
             two ? name_of(p, second) : "");
    if (t->writeback)
        snprintf(at, sizeof at, "[%s], #%d", name_of(p, t->a), t->step);
    else if (t->b != T_NONE && t->shift)
        snprintf(at, sizeof at, "[%s, %s, lsl #%d]", name_of(p, t->a), name_of(p, t->b),
                 t->shift);
    else if (t->b != T_NONE)
        snprintf(at, sizeof at, "[%s, %s]", name_of(p, t->a), name_of(p, t->b));
    else if (t->imm)
        snprintf(at, sizeof at, "[%s, #%d]", name_of(p, t->a), (int)t->imm);
    else
        snprintf(at, sizeof at, "[%s]", name_of(p, t->a));
    line(p, "%s %s, %s", t->name, regs, at);
}

static void print_alu(const Print *p, const Thumb *t) {
    const char *dst = name_of(p, t->dst), *a = name_of(p, t->a);
    if (t->kind == T_SHIFT && t->b == T_NONE && t->name[0] == 'm')
        line(p, "%s %s, %s", t->name, dst, a);
    else if (t->b == T_NONE)
        line(p, "%s %s, %s, #%u", t->name, dst, a, (uint32_t)t->imm);
    else if (t->shift_name)
        line(p, "%s %s, %s, %s, %s #%d", t->name, dst, a, name_of(p, t->b), t->shift_name,
             t->shift);
    else
        line(p, "%s %s, %s, %s", t->name, dst, a, name_of(p, t->b));
}

/* The smaller or larger: in place of one operand, or of a copy. */
static void print_extreme(const Print *p, const Thumb *t) {
    const char *dst = name_of(p, t->dst), *a = name_of(p, t->a), *b = name_of(p, t->b);
    if (strcmp(dst, a))
        line(p, "mov %s, %s", dst, a);
    line(p, "cmp %s, %s", dst, b);
    line(p, "it %s", t->name);
    line(p, "mov%s %s, %s", t->name, dst, b);
}

static void print_saturate(const Print *p, const Thumb *t) {
    if (t->shift)
        line(p, "%s %s, #%d, %s, asr #%d", t->name, name_of(p, t->dst), (int)t->imm,
             name_of(p, t->a), t->shift);
    else
        line(p, "%s %s, #%d, %s", t->name, name_of(p, t->dst), (int)t->imm, name_of(p, t->a));
}

static void print_thumb(const Print *p, const Thumb *t) {
    switch (t->kind) {
    case T_LABEL:
        line(p, "%d:", 2 * t->loop + 10);
        break;
    case T_ENTER:
        if (t->imm) {
            if (t->b == T_NONE)
                line(p, "cmp %s, #0", name_of(p, t->a));
            else
                line(p, "cmp %s, %s", name_of(p, t->a), name_of(p, t->b));
            line(p, "%s.w %df", t->b == T_NONE ? "ble" : "bhs", 2 * t->loop + 11);
        }
        break;
    case T_COUNT:
        if (t->b == T_NONE)
            line(p, "subs %s, %s, #1", name_of(p, t->a), name_of(p, t->a));
        else
            line(p, "cmp %s, %s", name_of(p, t->a), name_of(p, t->b));
        break;
    case T_BRANCH:
        line(p, "%s.w %db", t->name, 2 * t->loop + 10);
        line(p, "%d:", 2 * t->loop + 11);
        break;
    case T_LOAD:
    case T_LOAD2:
    case T_STORE:
    case T_STORE2:
        print_access(p, t);
        break;
    case T_RELOAD:
        line(p, "ldr %s, [sp, #%d]", name_of(p, t->dst), slot_offset(p, (int)t->imm));
        break;
    case T_SPILL:
        line(p, "str %s, [sp, #%d]", name_of(p, t->a), slot_offset(p, (int)t->imm));
        break;
    case T_RELOAD2:
        line(p, "ldrd %s, %s, [sp, #%d]", name_of(p, t->dst), name_of(p, t->dst2),
             slot_offset(p, (int)t->imm));
        break;
    case T_SPILL2:
        line(p, "strd %s, %s, [sp, #%d]", name_of(p, t->a), name_of(p, t->b),
             slot_offset(p, (int)t->imm));
        break;
    case T_CONST:
        print_constant(p, t);
        break;
    case T_MOVE:
        if (strcmp(name_of(p, t->dst), name_of(p, t->a)))
            line(p, "mov %s, %s", name_of(p, t->dst), name_of(p, t->a));
        break;
    case T_ALU:
    case T_SHIFT:
    case T_MULTIPLY:
        print_alu(p, t);
        break;
    case T_ACCUMULATE:
        line(p, "%s %s, %s, %s, %s", t->name, name_of(p, t->dst), name_of(p, t->a),
             name_of(p, t->b), name_of(p, t->c));
        break;
    case T_SATURATE:
        print_saturate(p, t);
        break;
    case T_EXTEND:
        if (t->shift)
            line(p, "%s %s, %s, ror #%d", t->name, name_of(p, t->dst), name_of(p, t->a),
                 t->shift);
        else
            line(p, "%s %s, %s", t->name, name_of(p, t->dst), name_of(p, t->a));
        break;
    case T_EXTREME:
        print_extreme(p, t);
        break;
    case T_LOAD3:
        line(p, "ldmia %s!, {%s, %s, %s}", name_of(p, t->a), name_of(p, t->dst),
             name_of(p, t->dst2), name_of(p, t->dst3));
        break;
    }
}

/* ---- functions --------------------------------------------------------------------------- */

static void print_head(Text *text, Str prefix, Str name) {
    static const char *const arguments[ARG_COUNT] = {
        "const void *in",       "const void *in2",       "void *out",
        "const void *weights",  "const void *constants", "void *scratch",
        "const int32_t *params"};
    text_add(text, "#pragma GCC diagnostic push\n"
                   "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n");
    text_add(text, "__attribute__((naked)) %.*s_KERNEL %.*s(\n",
             STR_ARG(capitals(text->arena, prefix)), STR_ARG(name));
    for (int i = 0; i < ARG_COUNT; i++)
        text_add(text, "        %s __attribute__((unused))%s\n", arguments[i],
                 i + 1 < ARG_COUNT ? "," : ")");
    text_add(text, "{\n    __asm__ volatile(\n        \".syntax unified\\n\"\n");
}

static void print_function(Text *text, Str prefix, Str name, const ThumbCode *code) {
    Print print = {.text = text, .code = code, .frame = 4 * (code->slots - 3)};
    print_head(text, prefix, name);
    line(&print, "push {r4-r11, lr}");
    line(&print, "sub sp, sp, #%d", print.frame);
    line(&print, "strd r0, r1, [sp]");
    line(&print, "strd r2, r3, [sp, #8]");
    for (int i = 0; i < code->code.count; i++)
        print_thumb(&print, &code->code.at[i]);
    line(&print, "add sp, sp, #%d", print.frame);
    line(&print, "pop {r4-r11, pc}");
    text_add(text, "    );\n}\n#pragma GCC diagnostic pop\n");
}

bool routine_print_thumb(Text *text, Str prefix, Str name, const Routine *routine) {
    ThumbCode code = {.arena = arena_new()};
    bool done = thumb_select(routine, &code);
    if (done) {
        thumb_drop_copies(&code);
        thumb_drop_dead(&code);
        thumb_memory(&code);
        thumb_end_loops(&code);
        thumb_drop_dead(&code);
        done = thumb_allocate(&code);
    }
    if (done) {
        thumb_lighten_loops(&code);
        thumb_pair_slots(&code);
        print_function(text, prefix, name, &code);
    }
    arena_free(code.arena);
    return done;
}
