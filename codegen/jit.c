/* Kernels as machine code in this process. What a kernel computes is its printed routine; that,
 * the instruction set, the processor and the version of LLVM are the key under which its object
 * code is kept.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "codegen/jit.h"

#if HAVE_LLVM
#include "codegen/llvm.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* CODE_VERSION is raised whenever emit_llvm.c or the passes give other code for a routine. */
enum { CODE_VERSION = 7, CACHE_SCHEMA = 1 };
/* Past these a search goes on without compiling more, and the file begins anew. */
enum { MOST_KERNELS = 16384, MOST_ROWS = 32768 };
static const char ROWS[] = "kernel";

typedef enum { WANTED, MAKING, READY, FAILED } State;

typedef struct Entry {
    Str key; /* hex */
    State state;
    bool sought, kept; /* the file has been asked; has it */
    double credit_s;   /* lost so far by not having it */
    KernelCode *code;
} Entry;

/* A compiler at rest, for the next thread that needs one. */
typedef struct Resting {
    LlvmCompiler *compiler;
    struct Resting *next;
} Resting;

struct Jit {
    Arena *arena; /* its own; under the lock */
    LLVMOrcLLJITRef lljit;
    Store *store; /* or NULL */
    Str tune;     /* the processor */
    pthread_mutex_t lock;
    pthread_cond_t ready;
    VEC(Entry *) entries;
    Map *index; /* key -> entries */
    Resting *resting;
    JitCounts counts;
};

/* ---- the file of kernels ----------------------------------------------------------------- */

/* Machine code is only taken from a file that nobody else could have written. */
static const char *file_fault(const char *file) {
    struct stat about;
    if (lstat(file, &about))
        return NULL; /* it will be made */
    if (!S_ISREG(about.st_mode))
        return "is not a regular file";
    if (about.st_uid != geteuid())
        return "belongs to another user";
    return about.st_mode & (S_IWGRP | S_IWOTH) ? "can be written by others" : NULL;
}

typedef struct KeyList {
    Arena *arena;
    VEC(Str) keys;
} KeyList;

static void key_collect(void *context, Str key, Str value) {
    KeyList *list = context;
    (void)value;
    vec_push(list->arena, &list->keys, str_copy(list->arena, key));
}

static void file_empty(Jit *jit) {
    KeyList list = {.arena = arena_new()};
    store_each(jit->store, ROWS, key_collect, &list);
    for (int i = 0; i < list.keys.count; i++)
        store_delete(jit->store, ROWS, list.keys.at[i]);
    store_commit(jit->store);
    arena_free(list.arena);
}

static void file_open(Jit *jit, Arena *arena, const char *file, Str *warning) {
    const char *why = file_fault(file);
    mode_t before = umask(077);
    if (!why)
        jit->store = store_open(jit->arena, file, CACHE_SCHEMA, &why);
    umask(before);
    if (file_fault(file))
        *warning = str_format(arena, "compiled kernels are not kept: %s %s", file, why);
    if (jit->store && store_count(jit->store, ROWS) > MOST_ROWS)
        file_empty(jit);
}

void jit_keep(Jit *jit) {
    if (jit->store)
        store_commit(jit->store);
}

/* ---- making and ending ------------------------------------------------------------------- */

static Str error_text(Arena *arena, LLVMErrorRef error) {
    char *message = LLVMGetErrorMessage(error);
    Str text = str_format(arena, "LLVM: %s", message);
    LLVMDisposeErrorMessage(message);
    return text;
}

static LlvmCompiler *compiler_new(const Jit *jit, Arena *arena, const Isa *isa, Str *why) {
    LlvmTarget target = {.triple = STR(""), .tune = jit->tune};
    char *own = LLVMGetDefaultTargetTriple();
    target.triple = str_copy(arena, str_of(own));
    LLVMDisposeMessage(own);
    return llvm_compiler_new(arena, isa, &target, why);
}

static bool lljit_open(Jit *jit, Arena *arena, Str *why) {
    LlvmCompiler *compiler = compiler_new(jit, arena, isa_named(STR("portable")), why);
    if (!compiler)
        return false;
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    /* The machine now belongs to the builder. */
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(
        builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(compiler->machine));
    compiler->machine = NULL;
    llvm_compiler_free(compiler);
    LLVMErrorRef error = LLVMOrcCreateLLJIT(&jit->lljit, builder);
    if (error)
        *why = error_text(arena, error);
    return !error;
}

Jit *jit_new(Arena *arena, const char *file, Str *warning) {
    Jit *jit = memory_new(sizeof *jit);
    *jit = (Jit){.arena = arena_new()};
    char *cpu = LLVMGetHostCPUName();
    jit->tune = str_copy(jit->arena, str_of(cpu));
    LLVMDisposeMessage(cpu);
    jit->index = map_new(jit->arena);
    pthread_mutex_init(&jit->lock, NULL);
    pthread_cond_init(&jit->ready, NULL);
    *warning = STR("");
    if (!lljit_open(jit, arena, warning)) {
        jit_free(jit);
        return NULL;
    }
    if (file)
        file_open(jit, arena, file, warning);
    return jit;
}

void jit_free(Jit *jit) {
    if (!jit)
        return;
    jit_keep(jit);
    store_close(jit->store);
    for (Resting *at = jit->resting; at; at = at->next)
        llvm_compiler_free(at->compiler);
    if (jit->lljit) {
        LLVMErrorRef error = LLVMOrcDisposeLLJIT(jit->lljit);
        if (error)
            LLVMConsumeError(error);
    }
    pthread_cond_destroy(&jit->ready);
    pthread_mutex_destroy(&jit->lock);
    arena_free(jit->arena);
    memory_free(jit);
}

JitCounts jit_counts(Jit *jit) {
    pthread_mutex_lock(&jit->lock);
    JitCounts counts = jit->counts;
    pthread_mutex_unlock(&jit->lock);
    return counts;
}

/* ---- one kernel -------------------------------------------------------------------------- */

static Key kernel_key(const Jit *jit, const Isa *isa, const Routine *routine) {
    int versions[] = {CODE_VERSION, HAVE_LLVM};
    Key key = key_join(routine_key(routine), key_of(isa->name, strlen(isa->name)));
    key = key_join(key, key_of(jit->tune.at, (size_t)jit->tune.length));
    return key_join(key, key_of(versions, sizeof versions));
}

/* A compiler for the instruction set: one at rest, or a new one. Under the lock. */
static LlvmCompiler *compiler_take(Jit *jit, const Isa *isa, Arena *arena, Str *why) {
    for (Resting **at = &jit->resting; *at; at = &(*at)->next)
        if ((*at)->compiler->isa == isa) {
            LlvmCompiler *compiler = (*at)->compiler;
            *at = (*at)->next;
            return compiler;
        }
    return compiler_new(jit, arena, isa, why);
}

static void compiler_rest(Jit *jit, LlvmCompiler *compiler) {
    Resting *rest = arena_new_of(jit->arena, Resting);
    *rest = (Resting){compiler, jit->resting};
    jit->resting = rest;
}

static bool kernel_compile(LlvmCompiler *compiler, const Routine *routine, const char *name,
                           Arena *arena, Str *object, Str *why) {
    LlvmModule module = llvm_module_new(compiler, name);
    llvm_add_routine(&module, routine, name, true);
    bool done = llvm_module_write(compiler, &module, LLVM_OBJECT, arena, object, why);
    llvm_module_free(&module);
    return done;
}

static KernelCode *kernel_link(Jit *jit, Str object, const char *name, Arena *arena, Str *why) {
    LLVMOrcExecutorAddress at = 0;
    LLVMMemoryBufferRef buffer =
        LLVMCreateMemoryBufferWithMemoryRangeCopy(object.at, (size_t)object.length, name);
    LLVMErrorRef error =
        LLVMOrcLLJITAddObjectFile(jit->lljit, LLVMOrcLLJITGetMainJITDylib(jit->lljit), buffer);
    if (!error)
        error = LLVMOrcLLJITLookup(jit->lljit, &at, name);
    if (!error)
        return (KernelCode *)(uintptr_t)at;
    *why = error_text(arena, error);
    return NULL;
}

/* Object code from the file, or compiled. The lock is held only while others' things are
 * touched. */
static bool object_make(Jit *jit, const Entry *entry, const Isa *isa, const Routine *routine,
                        const char *name, Arena *arena, Str *object, Str *why) {
    pthread_mutex_lock(&jit->lock);
    bool found = jit->store && store_get(jit->store, arena, ROWS, entry->key, object);
    jit->counts.found += found;
    LlvmCompiler *compiler = found ? NULL : compiler_take(jit, isa, arena, why);
    pthread_mutex_unlock(&jit->lock);
    if (found || !compiler)
        return found;
    double start = clock_seconds();
    bool made = kernel_compile(compiler, routine, name, arena, object, why);
    pthread_mutex_lock(&jit->lock);
    compiler_rest(jit, compiler);
    jit->counts.compile_s += clock_seconds() - start;
    jit->counts.compiled += made;
    if (made && jit->store)
        store_put(jit->store, ROWS, entry->key, *object);
    pthread_mutex_unlock(&jit->lock);
    return made;
}

static void kernel_make(Jit *jit, Entry *entry, const Isa *isa, const Routine *routine,
                        Arena *arena, Str *why) {
    Str name = str_format(arena, "k%.*s", STR_ARG(entry->key)), object;
    KernelCode *code = NULL;
    double link_s = 0;
    if (object_make(jit, entry, isa, routine, name.at, arena, &object, why)) {
        double start = clock_seconds();
        code = kernel_link(jit, object, name.at, arena, why);
        link_s = clock_seconds() - start;
    }
    pthread_mutex_lock(&jit->lock);
    jit->counts.link_s += link_s;
    entry->code = code;
    entry->state = code ? READY : FAILED;
    pthread_cond_broadcast(&jit->ready);
    pthread_mutex_unlock(&jit->lock);
}

/* The entry of a key, a new one if need be. Under the lock. NULL: too many. */
static Entry *entry_of(Jit *jit, Str key) {
    int at;
    if (map_get(jit->index, key, &at))
        return jit->entries.at[at];
    if (jit->entries.count == MOST_KERNELS)
        return NULL;
    Entry *entry = arena_new_of(jit->arena, Entry);
    *entry = (Entry){.key = str_copy(jit->arena, key)};
    map_put(jit->index, entry->key, jit->entries.count);
    vec_push(jit->arena, &jit->entries, entry);
    return entry;
}

static bool isa_runs_here(const Isa *isa) {
    const Isa *own = isa_of_target(NULL);
    return isa >= own && isa != isa_named(STR("armv7e-m"));
}

KernelCode *jit_kernel(Jit *jit, const Isa *isa, const Routine *routine, Arena *arena,
                       Str *why) {
    *why = STR("");
    if (!isa_runs_here(isa)) {
        *why = str_format(arena, "this machine is no %s", isa->name);
        return NULL;
    }
    Str key = key_hex(arena, kernel_key(jit, isa, routine));
    pthread_mutex_lock(&jit->lock);
    Entry *entry = entry_of(jit, key);
    bool mine = entry && entry->state == WANTED;
    if (mine)
        entry->state = MAKING;
    while (entry && !mine && entry->state == MAKING)
        pthread_cond_wait(&jit->ready, &jit->lock);
    pthread_mutex_unlock(&jit->lock);
    if (!entry)
        *why = STR("too many kernels have been compiled");
    else if (mine)
        kernel_make(jit, entry, isa, routine, arena, why);
    else if (!entry->code)
        *why = STR("LLVM has refused this kernel before");
    return entry ? entry->code : NULL;
}

/* ---- whether compiling pays --------------------------------------------------------------- */

/* About what LLVM takes on one core of a machine of 2023 that has other work besides. */
static double compile_cost_s(const Routine *routine) {
    return 4e-3 + 33e-6 * routine->insns.count;
}

/* What is missing for an entry to be had, in seconds. Under the lock. */
static double entry_lacks_s(Jit *jit, Entry *entry, const Routine *routine, Arena *arena) {
    Str object;
    if (entry->state != WANTED)
        return 0;
    if (!entry->sought && jit->store)
        entry->kept = store_get(jit->store, arena, ROWS, entry->key, &object);
    entry->sought = true;
    double lacks = compile_cost_s(routine) - entry->credit_s;
    return entry->kept || lacks < 0 ? 0 : lacks;
}

bool jit_pays(Jit *jit, const Program *program, double saving_s, Arena *arena) {
    Entry **lacking = arena_array(arena, Entry *, program->routine_count);
    double lacks_s = 0;
    int count = 0;
    bool possible = isa_runs_here(program->isa);
    pthread_mutex_lock(&jit->lock);
    for (int i = 0; i < program->routine_count && possible; i++) {
        const Routine *routine = &program->routines[i]->lowered->routine;
        Entry *entry = entry_of(jit, key_hex(arena, kernel_key(jit, program->isa, routine)));
        possible = entry && entry->state != FAILED;
        double lack_s = possible ? entry_lacks_s(jit, entry, routine, arena) : 0;
        lacks_s += lack_s;
        if (lack_s > 0)
            lacking[count++] = entry;
    }
    bool pays = possible && lacks_s <= saving_s;
    for (int i = 0; i < count && !pays; i++)
        lacking[i]->credit_s += saving_s / count;
    pthread_mutex_unlock(&jit->lock);
    return pays;
}

#else

Jit *jit_new(Arena *arena, const char *file, Str *warning) {
    (void)arena, (void)file;
    *warning = STR("this nasc was built without LLVM; see ./configure --install-deps");
    return NULL;
}

void jit_free(Jit *jit) {
    (void)jit;
}

void jit_keep(Jit *jit) {
    (void)jit;
}

JitCounts jit_counts(Jit *jit) {
    (void)jit;
    return (JitCounts){0};
}

KernelCode *jit_kernel(Jit *jit, const Isa *isa, const Routine *routine, Arena *arena,
                       Str *why) {
    (void)jit, (void)isa, (void)routine, (void)arena;
    *why = STR("this nasc was built without LLVM");
    return NULL;
}

bool jit_pays(Jit *jit, const Program *program, double saving_s, Arena *arena) {
    (void)jit, (void)program, (void)saving_s, (void)arena;
    return false;
}
#endif

/* ---- programs ---------------------------------------------------------------------------- */

/* What an operand lies in, and where. */
typedef enum { NULL_ROOM, ROOM_ARENA, ROOM_INPUT, ROOM_OUTPUT, ROOMS } Room;
typedef struct Spot {
    Room room;
    int64_t offset;
} Spot;

/* A step ready to be called. */
typedef struct JitStep {
    KernelCode *code;
    Spot in, in2, out, scratch;
    const void *weights, *constants;
    const int32_t *params;
} JitStep;

struct JitProgram {
    JitStep *steps;
    int count;
};

static const Spot nowhere = {NULL_ROOM, 0};

static Spot spot_of(const Program *program, int buffer, int64_t offset, Room callers) {
    if (buffer < 0)
        return (Spot){callers, offset};
    return (Spot){ROOM_ARENA, program->buffers[buffer].offset + offset};
}

enum { WEIGHTS_ALIGNMENT = 64 };

static int64_t weights_room(const Lowered *code) {
    int64_t bytes =
        code->weights ? code->weights_count * (type_bits(code->weights_type) / 8) : 0;
    return (bytes + WEIGHTS_ALIGNMENT - 1) / WEIGHTS_ALIGNMENT * WEIGHTS_ALIGNMENT;
}

/* Weights lie in the order of their use, since kernels fetch what lies behind their own. */
static uint8_t *weights_place(const Program *program, Arena *arena) {
    int64_t bytes = WEIGHTS_ALIGNMENT;
    for (int s = 0; s < program->count; s++)
        if (program->steps[s].shares < 0)
            bytes += weights_room(program->steps[s].lowered);
    uint8_t *at = arena_alloc(arena, (size_t)bytes);
    return at + (WEIGHTS_ALIGNMENT - (uintptr_t)at % WEIGHTS_ALIGNMENT) % WEIGHTS_ALIGNMENT;
}

/* `weights`: where the step's own go; moves on. */
static bool step_prepare(Jit *jit, const Program *program, int number, Arena *arena,
                         uint8_t **weights, JitStep *steps, Str *why) {
    const Step *step = &program->steps[number];
    const Lowered *code = step->lowered;
    JitStep *out = &steps[number];
    *out = (JitStep){.code = jit_kernel(jit, program->isa, &code->routine, arena, why),
                     .in = spot_of(program, step->input[0], step->in_offset[0], ROOM_INPUT),
                     .in2 = nowhere,
                     .out = spot_of(program, step->output, step->out_offset, ROOM_OUTPUT),
                     .scratch = spot_of(program, step->scratch, 0, NULL_ROOM),
                     .params = code->params};
    if (step->inputs > 1)
        out->in2 = spot_of(program, step->input[1], step->in_offset[1], ROOM_INPUT);
    if (step->shares >= 0) {
        out->weights = steps[step->shares].weights;
        out->constants = steps[step->shares].constants;
        return out->code != NULL;
    }
    if (code->weights) {
        out->weights = *weights;
        elements_write(*weights, code->weights_type, code->weights, code->weights_count);
        *weights += weights_room(code);
    }
    if (code->constants)
        out->constants =
            elements_store(arena, code->constants_type, code->constants, code->constants_count);
    return out->code != NULL;
}

JitProgram *jit_program(Jit *jit, const Program *program, Arena *arena, Str *why) {
    JitProgram *ready = arena_new_of(arena, JitProgram);
    *ready = (JitProgram){arena_array(arena, JitStep, program->count), program->count};
    uint8_t *weights = weights_place(program, arena);
    for (int s = 0; s < program->count; s++)
        if (!step_prepare(jit, program, s, arena, &weights, ready->steps, why))
            return NULL;
    return ready;
}

static char *spot_at(char *const room[ROOMS], Spot place) {
    return room[place.room] ? room[place.room] + place.offset : NULL;
}

void jit_run(const JitProgram *program, const void *input, void *output, void *arena) {
    char *const room[ROOMS] = {NULL, arena, (char *)(uintptr_t)input, output};
    for (int s = 0; s < program->count; s++) {
        const JitStep *step = &program->steps[s];
        step->code(spot_at(room, step->in), spot_at(room, step->in2), spot_at(room, step->out),
                   step->weights, step->constants, spot_at(room, step->scratch), step->params);
    }
}
