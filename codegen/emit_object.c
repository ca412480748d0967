/* Programs as LLVM modules, and modules as text, bitcode, assembly or objects for any target.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codegen/jit.h"

#if HAVE_LLVM
#include "codegen/llvm.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/BitWriter.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <assert.h>
#include <pthread.h>
#include <string.h>

bool llvm_available(void) {
    return true;
}

/* ---- targets ----------------------------------------------------------------------------- */

static void targets_begin(void) {
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
}

/* Where an instruction set is at home; NULL: on any machine. */
static const char *isa_triple(const Isa *isa) {
    if (str_starts(str_of(isa->name), STR("x86-64")))
        return "x86_64-unknown-linux-gnu";
    return str_starts(str_of(isa->name), STR("armv7e-m")) ? "thumbv7em-none-eabi" : NULL;
}

static bool is_x86(Str triple) {
    return str_starts(triple, STR("x86_64")) || str_starts(triple, STR("amd64"));
}

/* "armeb" is not among them: words of pairs are laid out for the little end. */
static bool is_arm(Str triple) {
    bool arm = str_starts(triple, STR("arm")) || str_starts(triple, STR("thumb"));
    return arm && !str_starts(triple, STR("armeb")) && !str_starts(triple, STR("thumbeb"));
}

static Leaves leaves_of(const Isa *isa, Str triple) {
    if (is_x86(triple) && isa->vector_bits >= 128)
        return LEAVES_X86;
    return is_arm(triple) && isa->vector_bits == 32 && isa->dot == DOT_I16 ? LEAVES_ARM_DSP
                                                                           : LEAVES_NONE;
}

/* The processor and features where the caller leaves them open: none beyond the instruction
 * set's own, and those only at home. */
static LlvmTarget target_complete(Arena *arena, const Isa *isa, const LlvmTarget *asked) {
    LlvmTarget target = *asked;
    char *own = LLVMGetDefaultTargetTriple();
    const char *home = isa_triple(isa);
    if (!target.triple.length)
        target.triple = str_copy(arena, str_of(home ? home : own));
    LLVMDisposeMessage(own);
    bool at_home = leaves_of(isa, target.triple) != LEAVES_NONE;
    if (!target.cpu.length && at_home)
        target.cpu = is_x86(target.triple) ? STR("x86-64") : STR("cortex-m4");
    if (!target.features.length && at_home)
        target.features = str_of(isa->cpu);
    return target;
}

static char *owned(Str s) {
    char *copy = memory_new((size_t)s.length + 1);
    if (s.length)
        memcpy(copy, s.at, (size_t)s.length);
    return copy;
}

LlvmCompiler *llvm_compiler_new(Arena *arena, const Isa *isa, const LlvmTarget *asked,
                                Str *why) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, targets_begin);
    LlvmTarget target = target_complete(arena, isa, asked);
    const char *triple = str_terminated(arena, target.triple);
    const char *cpu = str_terminated(arena, target.cpu),
               *features = str_terminated(arena, target.features);
    LLVMTargetRef kind;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(triple, &kind, &message)) {
        *why = str_format(arena, "LLVM does not know the target %s: %s", triple, message);
        LLVMDisposeMessage(message);
        return NULL;
    }
    LlvmCompiler *compiler = memory_new(sizeof *compiler);
    *compiler = (LlvmCompiler){.isa = isa,
                               .leaves = leaves_of(isa, target.triple),
                               .triple = owned(target.triple),
                               .cpu = owned(target.cpu),
                               .features = owned(target.features),
                               .tune = owned(target.tune)};
    compiler->machine =
        LLVMCreateTargetMachine(kind, triple, cpu, features, LLVMCodeGenLevelDefault,
                                LLVMRelocPIC, LLVMCodeModelDefault);
    compiler->layout = LLVMCreateTargetDataLayout(compiler->machine);
    return compiler;
}

void llvm_compiler_free(LlvmCompiler *compiler) {
    if (!compiler)
        return;
    LLVMDisposeTargetData(compiler->layout);
    LLVMDisposeTargetMachine(compiler->machine);
    memory_free(compiler->triple);
    memory_free(compiler->cpu);
    memory_free(compiler->features);
    memory_free(compiler->tune);
    memory_free(compiler);
}

/* ---- modules ----------------------------------------------------------------------------- */

LlvmModule llvm_module_new(const LlvmCompiler *compiler, const char *name) {
    LlvmModule module = {.context = LLVMContextCreate(),
                         .isa = compiler->isa,
                         .leaves = compiler->leaves,
                         .big_endian = LLVMByteOrder(compiler->layout) == LLVMBigEndian,
                         .cpu = str_of(compiler->cpu),
                         .features = str_of(compiler->features),
                         .tune = str_of(compiler->tune)};
    module.module = LLVMModuleCreateWithNameInContext(name, module.context);
    LLVMSetTarget(module.module, compiler->triple);
    LLVMSetModuleDataLayout(module.module, compiler->layout);
    return module;
}

void llvm_module_free(LlvmModule *module) {
    LLVMDisposeModule(module->module);
    LLVMContextDispose(module->context);
}

/* Loops stay as they were written, and so do loads: whoever schedules has unrolled, vectorised,
 * and hoisted what there are registers for. (Hoisting the rest cost a tile of 24 sums its
 * registers.) */
static const char passes[] = "function(sroa,early-cse,simplifycfg)";

static bool module_optimise(const LlvmCompiler *compiler, LlvmModule *module, Arena *arena,
                            Str *why) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(module->module, passes, compiler->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error)
        return true;
    char *message = LLVMGetErrorMessage(error);
    *why = str_format(arena, "LLVM: %s", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

static Str buffer_take(Arena *arena, LLVMMemoryBufferRef buffer) {
    Str bytes = {LLVMGetBufferStart(buffer), (int)LLVMGetBufferSize(buffer)};
    bytes = str_copy(arena, bytes);
    LLVMDisposeMemoryBuffer(buffer);
    return bytes;
}

static bool module_compile(const LlvmCompiler *compiler, LlvmModule *module, LlvmForm form,
                           Arena *arena, Str *bytes, Str *why) {
    LLVMMemoryBufferRef buffer;
    char *message = NULL;
    LLVMCodeGenFileType type = form == LLVM_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(compiler->machine, module->module, type, &message,
                                            &buffer)) {
        *why = str_format(arena, "LLVM: %s", message);
        LLVMDisposeMessage(message);
        return false;
    }
    *bytes = buffer_take(arena, buffer);
    return true;
}

bool llvm_module_write(const LlvmCompiler *compiler, LlvmModule *module, LlvmForm form,
                       Arena *arena, Str *bytes, Str *why) {
    assert(!LLVMVerifyModule(module->module, LLVMPrintMessageAction, NULL));
    if (!module_optimise(compiler, module, arena, why))
        return false;
    if (form == LLVM_TEXT) {
        char *text = LLVMPrintModuleToString(module->module);
        *bytes = str_copy(arena, str_of(text));
        LLVMDisposeMessage(text);
        return true;
    }
    if (form == LLVM_BITCODE) {
        *bytes = buffer_take(arena, LLVMWriteBitcodeToMemoryBuffer(module->module));
        return true;
    }
    return module_compile(compiler, module, form, arena, bytes, why);
}

/* ---- programs ---------------------------------------------------------------------------- */

/* A program's module being written. */
typedef struct Composer {
    LlvmModule module;
    const Program *program;
    Arena *arena;
    LLVMBuilderRef builder;
    LLVMValueRef run;
    LLVMValueRef *kernel;         /* (routines) */
    LLVMValueRef (*constants)[2]; /* (steps) weights, constants */
} Composer;

/* Values in the byte order of the target. */
static Str values_lay(const Composer *c, Type type, const int64_t *value, int64_t count) {
    int size = type_bits(type) / 8;
    char *bytes = arena_array(c->arena, char, count *size);
    for (int64_t i = 0; i < count && value; i++)
        for (int k = 0; k < size; k++)
            bytes[i * size + k] =
                (char)(value[i] >> 8 * (c->module.big_endian ? size - 1 - k : k));
    return (Str){bytes, (int)(count * size)};
}

static LLVMValueRef null_pointer(const Composer *c) {
    return LLVMConstNull(LLVMPointerTypeInContext(c->module.context, 0));
}

/* A private constant; NULL for none. */
static LLVMValueRef data_add(const Composer *c, const char *what, int step, Type type,
                             const int64_t *value, int64_t count) {
    if (!count)
        return null_pointer(c);
    Str bytes = values_lay(c, type, value, count);
    LLVMValueRef text =
        LLVMConstStringInContext(c->module.context, bytes.at, (unsigned)bytes.length, true);
    Str name = str_format(c->arena, "%s_%d", what, step);
    LLVMValueRef global = LLVMAddGlobal(c->module.module, LLVMTypeOf(text), name.at);
    LLVMSetInitializer(global, text);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(global, (unsigned)max_i64(c->program->isa->alignment, 8));
    return global;
}

static LLVMValueRef params_add(const Composer *c, int step, const Lowered *code) {
    int64_t *wide = arena_array(c->arena, int64_t, code->param_count + 1);
    for (int i = 0; i < code->param_count; i++)
        wide[i] = code->params[i];
    return data_add(c, "params", step, I32, wide, code->param_count);
}

/* The arguments of PREFIX_run. */
enum { RUN_INPUT, RUN_OUTPUT, RUN_ARENA };

/* A place in the caller's arena, or in what the caller gave. */
static LLVMValueRef buffer_at(const Composer *c, int buffer, int64_t offset, unsigned callers) {
    LLVMValueRef base = LLVMGetParam(c->run, buffer < 0 ? callers : RUN_ARENA);
    if (buffer >= 0)
        offset += c->program->buffers[buffer].offset;
    LLVMTypeRef i8 = LLVMInt8TypeInContext(c->module.context);
    LLVMValueRef bytes =
        LLVMConstInt(LLVMInt64TypeInContext(c->module.context), (uint64_t)offset, false);
    return offset ? LLVMBuildGEP2(c->builder, i8, base, &bytes, 1, "") : base;
}

static LLVMValueRef kernel_of(Composer *c, const Step *step) {
    LLVMValueRef *kernel = &c->kernel[step->routine];
    if (!*kernel) {
        Str name = str_format(c->arena, "kernel_%d", step->routine);
        *kernel = llvm_add_routine(&c->module, &step->lowered->routine, name.at, false);
    }
    return *kernel;
}

/* The step's own constants, or those of the step that it shares them with. */
static void constants_add(Composer *c, int number, LLVMValueRef *arguments) {
    const Step *step = &c->program->steps[number];
    const Lowered *code = step->lowered;
    LLVMValueRef *own = c->constants[number];
    if (step->shares >= 0) {
        memcpy(own, c->constants[step->shares], sizeof c->constants[0]);
    } else {
        own[0] = data_add(c, "weights", number, code->weights_type, code->weights,
                          code->weights_count);
        own[1] = data_add(c, "constants", number, code->constants_type, code->constants,
                          code->constants_count);
    }
    arguments[ARG_WEIGHTS] = own[0];
    arguments[ARG_CONSTANTS] = own[1];
    arguments[ARG_PARAMS] = params_add(c, number, code);
}

static void step_call(Composer *c, int number) {
    const Step *step = &c->program->steps[number];
    LLVMValueRef arguments[ARG_COUNT];
    arguments[ARG_IN] = buffer_at(c, step->input[0], step->in_offset[0], RUN_INPUT);
    arguments[ARG_IN2] = step->inputs > 1
                             ? buffer_at(c, step->input[1], step->in_offset[1], RUN_INPUT)
                             : null_pointer(c);
    arguments[ARG_OUT] = buffer_at(c, step->output, step->out_offset, RUN_OUTPUT);
    arguments[ARG_SCRATCH] =
        step->scratch < 0 ? null_pointer(c) : buffer_at(c, step->scratch, 0, RUN_ARENA);
    constants_add(c, number, arguments);
    LLVMBuildCall2(c->builder, llvm_kernel_type(c->module.context), kernel_of(c, step),
                   arguments, ARG_COUNT, "");
}

static void run_write(Composer *c, const char *name) {
    LLVMContextRef context = c->module.context;
    LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0);
    LLVMTypeRef arguments[] = {pointer, pointer, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(context), arguments, 3, false);
    c->run = LLVMAddFunction(c->module.module, name, type);
    llvm_add_attributes(&c->module, c->run);
    c->builder = LLVMCreateBuilderInContext(context);
    LLVMPositionBuilderAtEnd(c->builder, LLVMAppendBasicBlockInContext(context, c->run, ""));
    for (int s = 0; s < c->program->count; s++)
        step_call(c, s);
    LLVMBuildRetVoid(c->builder);
    LLVMDisposeBuilder(c->builder);
}

bool emit_llvm(Arena *arena, const Program *program, Str prefix, const LlvmTarget *target,
               LlvmForm form, Str *bytes, Str *why) {
    LlvmCompiler *compiler = llvm_compiler_new(arena, program->isa, target, why);
    if (!compiler)
        return false;
    Str stem = prefix.length ? prefix : STR("net");
    Composer composer = {
        .module = llvm_module_new(compiler, str_terminated(arena, stem)),
        .program = program,
        .arena = arena,
        .kernel = arena_array(arena, LLVMValueRef, program->count),
        .constants = arena_alloc(arena, (size_t)program->count * sizeof composer.constants[0])};
    run_write(&composer, str_format(arena, "%.*s_run", STR_ARG(stem)).at);
    bool done = llvm_module_write(compiler, &composer.module, form, arena, bytes, why);
    llvm_module_free(&composer.module);
    llvm_compiler_free(compiler);
    return done;
}

#else

bool llvm_available(void) {
    return false;
}

static bool refuse(Str *why) {
    *why = STR("this nasc was built without LLVM; see ./configure --install-deps");
    return false;
}

bool emit_llvm(Arena *arena, const Program *program, Str prefix, const LlvmTarget *target,
               LlvmForm form, Str *bytes, Str *why) {
    (void)arena, (void)program, (void)prefix, (void)target, (void)form, (void)bytes;
    return refuse(why);
}
#endif
