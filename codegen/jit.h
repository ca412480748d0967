/* codegen's machine code: routines and programs through LLVM, as files for any target and as code
 * in this process. Everything here exists without LLVM too, and then says that there is none.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_JIT_H
#define CODEGEN_JIT_H

#include "codegen/routine.h"

/* ---- emit_llvm.c, emit_object.c: code through LLVM's C interface ------------------------- */

/* Without LLVM (see configure) each of these says so: false and *why. */
bool llvm_available(void);
/* What code is made for. Empty members: what the instruction set says, or this machine's. */
typedef struct LlvmTarget {
    Str triple, cpu, features;
    Str tune; /* the processor whose timing is thought of; it adds no instructions */
} LlvmTarget;
typedef enum { LLVM_TEXT, LLVM_BITCODE, LLVM_ASSEMBLY, LLVM_OBJECT } LlvmForm;
/* A program as a module with `void PREFIX_run(const void *input, void *output, void *arena)`;
 * constants and kernels are private. The same bytes for the same program, target and LLVM. */
bool emit_llvm(Arena *arena, const Program *program, Str prefix, const LlvmTarget *target,
               LlvmForm form, Str *bytes, Str *why);

/* ---- jit.c: machine code in this process ------------------------------------------------- */

typedef void KernelCode(const void *in, const void *in2, void *out, const void *weights,
                        const void *constants, void *scratch, const int32_t *params);
/* Kernels compiled for this machine, each once: in memory, and in a file of the user's own
 * (NULL: none), so that a later run compiles nothing. Since the file holds machine code, one that
 * others could have written is not read, which *warning says (in the arena; else empty); one that
 * is in use or cannot be made is done without. NULL and *warning where there is no LLVM. Any
 * number of threads may ask for kernels. */
typedef struct Jit Jit;
Jit *jit_new(Arena *arena, const char *file, Str *warning);
void jit_free(Jit *jit); /* keeps what is new; no kernel may run any more; NULL is fine */
void jit_keep(Jit *jit); /* commits new kernels to the file; one thread */
/* NULL and *why where this machine cannot run the instruction set, or LLVM refuses. */
KernelCode *jit_kernel(Jit *jit, const Isa *isa, const Routine *routine, Arena *arena,
                       Str *why);
/* Whether compiling what a program lacks costs less than running it as machine code saves this
 * time. If not, the saving that is missed is put down to its kernels, so that those which many
 * programs miss are compiled in the end: all in all never much more is spent than could have
 * been saved. With a saving of 0: whether nothing is lacking. */
bool jit_pays(Jit *jit, const Program *program, double saving_s, Arena *arena);
typedef struct JitCounts {
    int64_t compiled, found;  /* kernels made by LLVM; kernels taken from the file */
    double compile_s, link_s; /* spent on it, over all threads */
} JitCounts;
JitCounts jit_counts(Jit *jit);

/* A program ready to run: its kernels, and its constants as they lie in memory. Lives in the
 * arena. */
typedef struct JitProgram JitProgram;
JitProgram *jit_program(Jit *jit, const Program *program, Arena *arena, Str *why);
/* One inference. `arena` has program->arena_bytes, aligned as the instruction set says; so are
 * input and output. Any number of threads may run one program, each with an arena of its own. */
void jit_run(const JitProgram *program, const void *input, void *output, void *arena);

#endif
