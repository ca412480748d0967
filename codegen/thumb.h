/* Thumb-2 code of a routine: instructions of the machine over unlimited registers, then over
 * its fourteen. Known to emit_thumb.c and thumb_*.c alone.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef THUMB_H
#define THUMB_H

#include "codegen/routine.h"

#include <string.h>

typedef enum {
    T_LABEL,   /* a loop begins: where the branch of the same `loop` goes */
    T_ENTER,   /* leaves for the loop's end where a is no number of passes, or not below b */
    T_COUNT,   /* a -= 1, or compares a to b, and sets the flags */
    T_BRANCH,  /* back to the label if there are passes left */
    T_LOAD,    /* dst = [a + b << shift + imm] */
    T_LOAD2,   /* dst, dst2 = [a + imm] */
    T_LOAD3,   /* dst, dst2, dst3 = [a], in rising registers; a += 12 */
    T_STORE,   /* [a + b << shift + imm] = c */
    T_STORE2,  /* [a + imm] = c, d */
    T_RELOAD,  /* dst = slot imm of the frame */
    T_SPILL,   /* slot imm = a */
    T_RELOAD2, /* dst, dst2 = slots imm, imm + 1 */
    T_SPILL2,  /* slots imm, imm + 1 = a, b */
    T_CONST,   /* dst = imm */
    T_MOVE,    /* dst = a */
    T_ALU,     /* dst = a op b, or op imm where b is none; b may be shifted */
    T_SHIFT,   /* dst = a op b or imm */
    T_MULTIPLY,
    T_ACCUMULATE, /* dst = c + a op b */
    T_SATURATE,   /* dst = a >> shift to imm bits */
    T_EXTEND,     /* dst = sxtb16 a, rotated right by shift */
    T_EXTREME     /* dst = the smaller or the larger of a, b */
} ThumbKind;

enum { T_NONE = -1 };
typedef struct Thumb {
    ThumbKind kind;
    const char *name;                /* mnemonic */
    int dst, dst2, dst3, a, b, c, d; /* registers, or T_NONE */
    int64_t imm;
    const char *shift_name; /* of b: "lsl"; NULL: not shifted */
    int shift;
    bool writeback; /* loads and stores: a += `step` afterwards */
    int step;
    bool aligned; /* to words */
    Type type;    /* loads and stores */
    int loop;     /* the loop that it begins, enters, counts or ends */
    bool rare;    /* T_ENTER: rather a condition than a loop */
    int depth;    /* loops around it */
} Thumb;

/* What is known of a virtual register. */
typedef struct ThumbReg {
    int slot;      /* it can be loaded from there at any time, or T_NONE */
    int home;      /* every write of it is stored there at once, or T_NONE */
    bool constant; /* always `value` */
    int64_t value;
    int kept;  /* 0: may be spilled; 1: reloaded once in each straight line; 2: at each use */
    int color; /* its machine register */
} ThumbReg;

typedef struct ThumbCode {
    Arena *arena;
    VEC(Thumb) code;
    VEC(ThumbReg) regs;
    int slots, loops;
} ThumbCode;

enum { THUMB_ARGS = 7, THUMB_REGISTERS = 14 };

/* The registers that an instruction reads and writes; their numbers. */
enum { MOST_USES = 5, MOST_DEFS = 4 };
int thumb_uses(const Thumb *t, int uses[MOST_USES]);
int thumb_defs(const Thumb *t, int defs[MOST_DEFS]);
void thumb_rename(Thumb *t, int from, int to, bool use, bool def);
bool thumb_is_border(const Thumb *t); /* begins or ends a straight line */
bool thumb_immediate(int64_t value);  /* a modified immediate */
int thumb_new_reg(ThumbCode *code);

/* thumb_select.c: false where an instruction has no form here */
bool thumb_select(const Routine *routine, ThumbCode *code);
/* thumb_memory.c: loads of neighbours as one, addresses moved by loads and stores */
void thumb_memory(ThumbCode *code);
/* What is live after an instruction. */
typedef struct ThumbLive {
    int words;
    uint64_t *out;    /* (instructions, words) */
    int *label, *end; /* (loops): where its label and its branch stand */
} ThumbLive;
ThumbLive thumb_live(const ThumbCode *code, Arena *arena);
bool thumb_lives(const ThumbLive *live, int at, int reg);
bool thumb_writes(const Thumb *t, int reg);
void thumb_insert(ThumbCode *code, int at, Thumb add); /* before what stands at `at` */
/* thumb_loops.c: before registers are given, and after */
void thumb_end_loops(ThumbCode *code);
void thumb_lighten_loops(ThumbCode *code);
void thumb_drop_copies(ThumbCode *code);
void thumb_drop_dead(ThumbCode *code); /* what nobody reads */
/* Neighbours in the frame, once registers are given. */
void thumb_pair_slots(ThumbCode *code);
/* thumb_allocate.c: false where registers do not suffice (they always should) */
bool thumb_allocate(ThumbCode *code);

#endif
