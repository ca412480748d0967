/* codegen's kernel IR. A Routine is the code of one kernel: structured loops over a small vector
 * instruction set. Schedulers write routines and decide everything (tiles, unrolling, where
 * borders are split off, how weights lie); the emitters (C, LLVM) only print them; the kernel
 * interpreter executes them with every access checked.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef ROUTINE_H
#define ROUTINE_H

#include "codegen/codegen.h"

/* ---- values ----------------------------------------------------------------------------- */

/* What a lane, or an element in memory, is. */
typedef enum { I8, U8, I16, U16, I32, U32, I64, F16, F32, F64, TYPE_COUNT } Type;
int type_bits(Type type);
const char *type_name(Type type); /* "i8" */
bool type_is_float(Type type);
bool type_is_signed(Type type); /* floats are */

/* A register is either a pointer, or a value of 8, 16, 32, 64, 128, 256 or 512 bits. A value has
 * no type of its own: instructions see it as bits / type_bits(type) lanes, lane 0 lowest, on
 * little- and big-endian machines alike. Registers may be written more than once. */
typedef int Reg;
enum { NO_REG = -1 };
typedef struct RegFacts {
    int bits; /* 0: a pointer */
} RegFacts;

/* Every routine has these registers: its arguments, all pointers. */
enum {
    ARG_IN,        /* first operand */
    ARG_IN2,       /* second operand, or unused */
    ARG_OUT,       /* the result */
    ARG_WEIGHTS,   /* packed by the scheduler: elements of Lowered.weights_type */
    ARG_CONSTANTS, /* biases, multipliers: elements of Lowered.constants_type */
    ARG_SCRATCH,   /* Lowered.scratch_bytes, aligned as the instruction set says */
    ARG_PARAMS,    /* Lowered.params, i32 each: what a kernel shared by several steps is told */
    ARG_COUNT
};

/* ---- instructions ----------------------------------------------------------------------- */

/* n(T) below: lanes of dst seen as T. Integer arithmetic wraps. "imm" is an immediate.
 * T is Insn.type; S is Insn.type2.
 *
 * LOOP      count a (a value of 32 bits, signed; <= 0: no pass), or imm where a is NO_REG. dst,
 *           if any, is a value of 32 bits: 0, 1, ... in each pass. The body writes neither,
 *           and after END dst counts as never written.
 * END       ends the innermost loop.
 * ADDRESS   pointer dst = pointer a + b * scale + imm bytes (b: value of 32 bits, or NO_REG)
 * PREFETCH  a hint that bytes at pointer a + b * scale + imm will be read: they may be brought
 *           into a cache. Not an access: the address may lie anywhere
 * CONSTANT  all lanes = imm (floats: `real`)
 * COPY      dst = a, both pointers or both values of equal bits
 * SPLAT     all lanes = lane 0 of a (a has at least one lane of T)
 * LOAD      the first `count` lanes of dst from `count` elements of type S at pointer
 *           a + b * scale + imm, each converted S -> T as by CONVERT; further lanes are 0. With
 *           `repeat` the group of count lanes is repeated through dst instead.
 * STORE     the first `count` lanes of c, converted T -> S, to pointer a + b * scale + imm
 * CONVERT   lane i of dst (T) = lane i of a (S): integers are extended as S is signed or not, or
 *           truncated; floats are rounded to nearest even; integers <-> floats exactly as C
 *           (to integer: toward zero, in range). dst and a have equal numbers of lanes, or a more.
 * HALF      lane i of dst (T) = lane 2i + imm of a seen as lanes of half T's width, extended as T
 *           is signed or not (sxtb16, uxtb16)
 * INTERLEAVE  in each block of 128 bits: a's and b's lanes of T in turn, from their low halves
 *           (imm 0) or high halves (imm 1)
 * TRANSPOSE  lane j of T of block i of 128 bits goes to lane j * (number of blocks) + i (imm 0),
 *           or comes from there (imm 1)
 * PACK      in each block of 128 bits: the lanes of a, then those of b, signed of twice T's width,
 *           saturated to T
 * SATURATE  each signed lane of a to imm bits signed (ssat); with T unsigned to imm bits unsigned
 * ADD SUB MUL (low half) AND XOR MIN MAX    lane by lane; MIN, MAX as T is signed or not
 * MULHI     high half of the signed product of double width
 * MULROUND  T = I16: (the signed product of double width + 2^14) >> 15
 * SHL SHR   by imm, or by the value b of 32 bits (0 .. bits - 1); SHR of a signed T is arithmetic
 * DOT2      T = I32: lane i = c + a[2i] b[2i] + a[2i+1] b[2i+1] of signed 16-bit lanes
 * DOT4      T = I32: lane i = c + the four products of a's bytes (S: U8 or I8) and b's (I8); no
 *           saturation
 * DIV SQRT  floats only, correctly rounded. Floats are never contracted; F16 is only loaded,
 *           stored and converted. MIN and MAX of floats are a < b ? a : b and a > b ? a : b.
 */
typedef enum {
#define INSN(NAME, spelling, dst, a, b, c, flags) INSN_##NAME,
#include "codegen/instructions.def"
#undef INSN
    INSN_COUNT
} InsnKind;

/* What an operand may be, and what an instruction has besides: the table's columns. */
enum { OPERAND_ABSENT, OPERAND_VALUE, OPERAND_POINTER, OPERAND_EITHER, OPERAND_MAYBE };
enum { HAS_TYPE = 1, HAS_FROM = 2, HAS_MEMORY = 4, HAS_IMM = 8 };
typedef struct InsnFacts {
    const char *spelling;
    int dst, a, b, c, flags;
} InsnFacts;
extern const InsnFacts insn_facts[INSN_COUNT];
bool insn_has_address(InsnKind kind); /* pointer a + b * scale + imm */

typedef struct Insn {
    InsnKind kind;
    Type type, type2;
    Reg dst, a, b, c; /* NO_REG where there is none */
    int count;        /* LOAD, STORE: elements */
    bool repeat;      /* LOAD */
    int align;        /* LOAD, STORE: bytes that the address is a known multiple of; 0: of 1 */
    int scale;        /* ADDRESS, LOAD, STORE: bytes per unit of b */
    int64_t imm;
    double real;
} Insn;

typedef struct Routine {
    Arena *arena;
    Str name; /* for people: "conv i8 i8 i8"; the code is the identity */
    VEC(Insn) insns;
    VEC(RegFacts) regs; /* the first ARG_COUNT are pointers */
    int depth;          /* loops open while it is written */
} Routine;

/* ---- routine.c: writing, printing, checking --------------------------------------------- */

Routine routine_new(Arena *arena, Str name);
Reg routine_value(Routine *r, int bits);
Reg routine_pointer(Routine *r);
/* Appends. dst == NO_REG makes a new register of the right kind and of `bits` where the
 * operands do not say; each returns dst. The _to forms write a given register. */
Reg op_constant(Routine *r, Type type, int bits, int64_t imm);
Reg op_real(Routine *r, Type type, int bits, double real);
Reg op_load(Routine *r, Type type, int bits, Type memory, Reg pointer, int64_t offset,
            int count);
Reg op_load_repeat(Routine *r, Type type, int bits, Type memory, Reg pointer, int64_t offset,
                   int count);
Reg op_load_at(Routine *r, Type type, int bits, Type memory, Reg pointer, Reg index, int scale,
               int64_t offset, int count);
void op_store(Routine *r, Type type, Reg value, Type memory, Reg pointer, int64_t offset,
              int count);
void op_store_at(Routine *r, Type type, Reg value, Type memory, Reg pointer, Reg index,
                 int scale, int64_t offset, int count);
Reg op_param(Routine *r, int index); /* loads params[index] into a value of 32 bits */
Reg op_address(Routine *r, Reg pointer, Reg index, int scale, int64_t offset);
void op_prefetch(Routine *r, Reg pointer, int64_t offset);
void op_advance(Routine *r, Reg pointer, Reg index, int scale, int64_t offset); /* in place */
Reg op_loop(Routine *r, Reg count);   /* returns the pass's number */
Reg op_loop_n(Routine *r, int64_t n); /* likewise, n known */
void op_end(Routine *r);
Reg op1(Routine *r, InsnKind kind, Type type, Reg a,
        int64_t imm);                                        /* SHL, SHR, SATURATE, SQRT */
Reg op2(Routine *r, InsnKind kind, Type type, Reg a, Reg b); /* ADD, MUL, MIN, ... */
void op2_to(Routine *r, Reg dst, InsnKind kind, Type type, Reg a, Reg b);
Reg op_half(Routine *r, Type type, Reg a, int which);
Reg op_convert(Routine *r, Type type, Type from, int bits, Reg a);
Reg op_interleave(Routine *r, Type type, Reg a, Reg b, int high);
Reg op_dot(Routine *r, InsnKind kind, Type left, Reg a, Reg b, Reg c); /* a new register */
void op_dot_into(Routine *r, InsnKind kind, Type left, Reg acc, Reg a, Reg b); /* acc += */
void op_copy_to(Routine *r, Reg dst, Reg a);
Insn *op_any(Routine *r, Insn insn); /* appends as it is; for what has no short form */

void routine_print(const Routine *routine, Text *text); /* stable; equal for equal code */
/* Kinds, bits, counts, nesting, reads of what some path has not written (a loop whose count is a
 * register may make no pass); NULL where it is sound. */
const char *routine_check(const Routine *routine);
Key routine_key(const Routine *routine);

/* ---- tidy.c: what nobody reads ---------------------------------------------------------- */

void routine_tidy(Routine *routine);
/* (regs): pointers to what is only read, made from ARG_IN and the like. In the arena. */
bool *routine_constants(const Routine *routine);

/* ---- routine_read.c: what routine_print printed ----------------------------------------- */

/* Appends; false and *line (from 1) at what cannot be read. routine_check is the caller's. */
bool routine_parse(Str text, Routine *routine, int *line);

/* ---- routine_run.c: the kernel interpreter ---------------------------------------------- */

/* What an argument points to; a pointer that leaves its region faults when it is used. */
typedef struct Region {
    uint8_t *at;
    int64_t bytes;
} Region;
/* Executes; false and *why (static text or in the arena) on an access outside a region. */
bool routine_run(Arena *arena, const Routine *routine, const Region region[ARG_COUNT],
                 Str *why);

/* ---- program_run.c: programs by the kernel interpreter ---------------------------------- */

/* Elements as a machine keeps them; elements_store: in the arena, aligned to 64 bytes. */
void elements_write(uint8_t *to, Type type, const int64_t *values, int64_t count);
uint8_t *elements_store(Arena *arena, Type type, const int64_t *values, int64_t count);
/* Runs a program that has its constants on one input; both as stored by the caller (u8, i8, i16,
 * or 4-bit codes packed to bytes, each pixel's channels padded to a byte). False and *why
 * where a step touched what is not its own. */
bool program_run(Arena *arena, const Program *program, const void *input, void *output,
                 Str *why);

/* ---- isa.c: instruction sets as facts --------------------------------------------------- */

typedef enum { DOT_NONE, DOT_I16, DOT_U8, DOT_I8 } DotKind;
typedef struct Isa {
    const char *name;  /* "x86-64-avx512vnni", "x86-64-avx2", "armv7e-m", "portable" */
    const char *guard; /* C preprocessor condition under which its intrinsics exist; "" */
    const char *cpu;   /* features for LLVM: "+avx512vnni,..." */
    int vector_bits;   /* 32: scalars */
    DotKind dot;
    int registers;       /* vector registers that a tile may fill */
    int alignment;       /* of arena buffers and constants, in bytes */
    bool bytes_unsigned; /* activations of i8 are kept as u8, code + 128, inside the program */
    bool
        shared_kernels; /* kernels take shapes from params (flash counts) or are made per shape */
} Isa;
extern const Isa isas[];
extern const int isa_count;
const Isa *isa_named(Str name);                 /* NULL: unknown */
const Isa *isa_of_target(const Target *target); /* "native": the best that this CPU has */

/* ---- scheduling: Step -> Lowered -------------------------------------------------------- */

/* What a scheduler makes of a step. Sizes are known without constants; the values where the
 * step's layer has them. */
typedef struct Lowered {
    Routine routine;
    Type weights_type; /* of the elements behind ARG_WEIGHTS */
    int64_t weights_count;
    const int64_t *weights; /* (weights_count), or NULL while the model has no constants */
    Type constants_type;    /* I32 or I64 */
    int64_t constants_count;
    const int64_t *constants;
    const int32_t *params; /* (param_count) */
    int param_count;
    int64_t scratch_bytes;
    unsigned overwrites; /* bit k: the result may lie where operand k does */
} Lowered;
/* Picks the schedule by rule for the step's shape and the instruction set; false and *why where
 * there is none. schedule.c has the table; schedule_vector.c (lanes are output channels),
 * schedule_pair.c (Cortex-M4 pair words), schedule_plain.c (element by element) fill it. */
bool schedule_step(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered, Str *why);
bool schedule_vector(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered,
                     Str *why);
bool schedule_pair(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered, Str *why);
bool schedule_plain(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered, Str *why);

/* ---- emit_routine.c: a routine as a C99 function ---------------------------------------- */

/* `PREFIX_KERNEL NAME(const void *in, const void *in2, void *out, const void *weights,
 *                     const void *constants, void *scratch, const int32_t *params)`,
 * where PREFIX_KERNEL is `static void`, never inlined, unless it was defined before.
 * What all routines of a file need goes before them, once: macros, helpers, leaves (intrinsics
 * under isa->guard, else plain C). */
void leaves_print(Text *text, Str prefix, const Isa *isa, const Routine *const *routines,
                  int count);
/* The same without plain C: an #error where the compiler has no such intrinsics. */
void leaves_print_only(Text *text, Str prefix, const Isa *isa, const Routine *const *routines,
                       int count);
void routine_print_c(Text *text, Str prefix, Str name, const Isa *isa, const Routine *routine);

/* ---- emit_thumb.c: a routine as Thumb-2 assembly ---------------------------------------- */

/* `__attribute__((naked)) PREFIX_KERNEL NAME(...)`, of one string of assembly that gcc and clang
 * take for Armv7E-M; false, and nothing printed, where an instruction has no form there (64-bit
 * sums, floats, lanes). routine_print_c prints both, and a guard. */
bool routine_print_thumb(Text *text, Str prefix, Str name, const Routine *routine);

#endif
