/* Ways to execute a network inside this process, one network at a time.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
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
    if (!program_build_isa(arena, model, NULL, isa_named(str_of(path->isa)), program, &span,
                           &trial->fault))
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

void kernels_run(Arena *arena, const Path *path, Trial *trials, int count) {
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

void analysis_run(Arena *arena, const Path *path, Trial *trials, int count) {
    (void)path;
    for (int i = 0; i < count; i++)
        analysis_run_one(arena, &trials[i]);
}
