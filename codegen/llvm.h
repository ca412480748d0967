/* llvm.h: what the three files that talk to LLVM share: emit_llvm.c, emit_object.c, jit.c. Only
 * they include it, and only where configure found LLVM.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_LLVM_H
#define CODEGEN_LLVM_H

#include "codegen/jit.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

/* ---- emit_llvm.c ------------------------------------------------------------------------- */

/* Which intrinsics there are beyond LLVM's generic ones. */
typedef enum { LEAVES_NONE, LEAVES_X86, LEAVES_ARM_DSP } Leaves;

/* A module being written. */
typedef struct LlvmModule {
    LLVMContextRef context;
    LLVMModuleRef module;
    const Isa *isa;
    Leaves leaves;
    bool big_endian;
    Str cpu, features, tune; /* attributes of every function */
} LlvmModule;

LLVMTypeRef llvm_kernel_type(LLVMContextRef context); /* of a routine's function */
/* Adds a routine as a function; `exported` or private to the module. */
LLVMValueRef llvm_add_routine(const LlvmModule *module, const Routine *routine,
                              const char *name, bool exported);
/* Attributes that every function has: cpu, features, widest vectors. */
void llvm_add_attributes(const LlvmModule *module, LLVMValueRef function);

/* ---- emit_object.c ----------------------------------------------------------------------- */

/* Makes code for one target; for one thread at a time. */
typedef struct LlvmCompiler {
    const Isa *isa;
    Leaves leaves;
    LLVMTargetMachineRef machine;
    LLVMTargetDataRef layout;
    char *triple, *cpu, *features, *tune;
} LlvmCompiler;

/* NULL and *why (in the arena) where LLVM does not know the target. */
LlvmCompiler *llvm_compiler_new(Arena *arena, const Isa *isa, const LlvmTarget *target,
                                Str *why);
void llvm_compiler_free(LlvmCompiler *compiler);
LlvmModule llvm_module_new(const LlvmCompiler *compiler, const char *name);
void llvm_module_free(LlvmModule *module);
/* Optimises, then writes; false and *why where LLVM refuses. */
bool llvm_module_write(const LlvmCompiler *compiler, LlvmModule *module, LlvmForm form,
                       Arena *arena, Str *bytes, Str *why);

#endif
