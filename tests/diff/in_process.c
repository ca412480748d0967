/* Ways to execute a network inside this process, one network at a time.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/jit.h"
#include "tests/diff/diff.h"

#include <string.h>

const char *nothing_missing(Arena *arena, const Path *path) {
    (void)arena, (void)path;
    return NULL;
}

/* ---- the kernel interpreter -------------------------------------------------------------- */

/* The program of a trial for the path's instruction set; NULL and the trial's fault where there
 * is none. Of every second network what the integer analysis finds useless is pruned. */
static Program *program_of(Arena *arena, const Path *path, Trial *trial) {
    Program *program = arena_new_of(arena, Program);
    Model *model = &trial->model;
    Span span;
    if (trial->recipe->seed % 2) {
        model = arena_new_of(arena, Model);
        *model = model_prune(arena, &trial->model, 4).model;
    }
    BuildOptions options = {.isa = isa_named(str_of(path->isa)),
                            .stream = path->streams ? STREAM_ALWAYS : STREAM_NEVER};
    if (!program_build_with(arena, model, NULL, &options, program, &span, &trial->fault))
        return NULL;
    const char *fault = program_check(program);
    for (int i = 0; i < program->count && !fault; i++)
        fault = routine_check(&program->steps[i].lowered->routine);
    trial->fault = fault ? str_of(fault) : (Str){0};
    return fault ? NULL : program;
}

static void kernels_run_one(Arena *arena, const Path *path, Trial *trial) {
    Program *program = program_of(arena, path, trial);
    if (!program)
        return;
    for (int v = 0; v < TRIAL_VECTORS; v++)
        if (!program_run(arena, program, trial->inputs + v * trial->in_bytes,
                         trial->got + v * trial->out_bytes, &trial->fault))
            return;
}

void kernels_run(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    (void)made;
    for (int i = 0; i < count; i++)
        kernels_run_one(arena, path, &trials[i]);
}

/* ---- integer analysis -------------------------------------------------------------------- */

/* Whether every code of a layer is one that the analysis holds possible. */
static bool codes_within(const LayerFacts *facts, const Layer *layer, const int32_t *codes) {
    int channels = shape_channels(layer->out.shape);
    for (int64_t i = 0; i < shape_elements(layer->out.shape); i++) {
        const Interval *may = &facts->codes[i % channels];
        if (codes[i] < may->low || codes[i] > may->high)
            return false;
    }
    return true;
}

static void facts_check(Arena *arena, Trial *trial, const LayerFacts *facts, int v) {
    const Model *model = &trial->model;
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    model_run(arena, model, trial_input(arena, trial, v), tensors);
    for (int i = 0; i < model->count && !trial->fault.length; i++)
        if (!codes_within(&facts[i], &model->layers[i], tensors[i]))
            trial->fault =
                str_format(arena, "%.*s has codes that the analysis excludes, input %d",
                           STR_ARG(model->layers[i].path), v);
}

/* What the analysis claims of every layer holds, and the pruned model computes the same. */
static void analysis_run_one(Arena *arena, Trial *trial) {
    LayerFacts *facts = model_analyse(arena, &trial->model);
    Pruning pruning = model_prune(arena, &trial->model, 1 + (int)(trial->recipe->seed % 8));
    Model *pruned = &pruning.model;
    const char *fault = model_check(pruned);
    trial->fault = fault ? str_of(fault) : (Str){0};
    for (int v = 0; v < TRIAL_VECTORS && !trial->fault.length; v++) {
        int32_t **tensors = arena_array(arena, int32_t *, pruned->count);
        facts_check(arena, trial, facts, v);
        model_run(arena, pruned, trial_input(arena, trial, v), tensors);
        trial_output(arena, trial, v, tensors[pruned->output]);
    }
}

void analysis_run(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    (void)path, (void)made;
    for (int i = 0; i < count; i++)
        analysis_run_one(arena, &trials[i]);
}

/* ---- the JIT ----------------------------------------------------------------------------- */

/* LLVM, and a machine that has the instruction set: it has all that are plainer than its best. */
const char *jit_missing(Arena *arena, const Path *path) {
    (void)arena;
    if (!llvm_available())
        return "LLVM";
    return isa_named(str_of(path->isa)) < isa_of_target(NULL) ? path->isa : NULL;
}

void *jit_begin(Arena *arena, const Path *path) {
    (void)path;
    Str why = STR("");
    Jit *jit = jit_new(arena, NULL, &why);
    if (!jit)
        die(EXIT_ENVIRONMENT, "no JIT: %.*s", STR_ARG(why));
    return jit;
}

/* A block between bytes that must not change, at no more than the alignment asked for. */
typedef struct Guarded {
    uint8_t *all, *at;
    int64_t bytes;
} Guarded;
enum { GUARD = 128, CANARY = 0xa5 };

static Guarded guarded_new(Arena *arena, int64_t bytes, int alignment) {
    Guarded block = {.bytes = bytes};
    block.all = arena_alloc(arena, (size_t)bytes + 4 * GUARD);
    uint8_t *aligned = block.all + (GUARD - (uintptr_t)block.all % GUARD);
    block.at = aligned + GUARD + alignment % GUARD;
    memset(block.all, CANARY, (size_t)bytes + 4 * GUARD);
    return block;
}

static bool guarded_intact(const Guarded *block) {
    bool intact = true;
    const uint8_t *end = block->all + block->bytes + 4 * GUARD;
    for (const uint8_t *at = block->all; at < end; at++)
        if (at < block->at || at >= block->at + block->bytes)
            intact &= *at == CANARY;
    return intact;
}

static void jit_run_vector(Arena *arena, const JitProgram *code, const Program *program,
                           Trial *trial, int v) {
    int alignment = program->isa->alignment;
    Guarded in = guarded_new(arena, trial->in_bytes, alignment);
    Guarded out = guarded_new(arena, trial->out_bytes, alignment);
    Guarded memory = guarded_new(arena, program->arena_bytes, alignment);
    const uint8_t *given = trial->inputs + v * trial->in_bytes;
    memcpy(in.at, given, (size_t)trial->in_bytes);
    jit_run(code, in.at, out.at, memory.at);
    memcpy(trial->got + v * trial->out_bytes, out.at, (size_t)trial->out_bytes);
    bool changed = memcmp(in.at, given, (size_t)trial->in_bytes) != 0;
    if (changed || !guarded_intact(&in) || !guarded_intact(&out) || !guarded_intact(&memory))
        trial->fault =
            str_format(arena, "input %d: writes to its input or beside its blocks", v);
}

void jit_run_all(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    for (int i = 0; i < count; i++) {
        Program *program = program_of(arena, path, &trials[i]);
        JitProgram *code = program ? jit_program(made, program, arena, &trials[i].fault) : NULL;
        for (int v = 0; code && v < TRIAL_VECTORS; v++)
            jit_run_vector(arena, code, program, &trials[i], v);
    }
}
