/* judge: what a candidate is worth: genotype -> flash, RAM, latency, accuracy, retention.
 * Costs come from the real packer, planner and cost table; accuracy from integer execution.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef JUDGE_H
#define JUDGE_H

#include "codegen/jit.h"
#include "device/device.h"
#include "search/search.h"
#include "train/train.h"

/* ---- compiled.c: integer execution by the JIT -------------------------------------------- */

/* A model as machine code of this processor. NULL where there is no JIT, where it cannot run
 * the model, or where compiling it does not pay for about `images` images (0: is not done): then
 * there is fast.c's own way. */
typedef struct Compiled Compiled;
Compiled *compiled_new(Arena *arena, const Model *model, Jit *jit, int images);
/* What one thread runs it in. */
typedef struct CompiledRun {
    const Compiled *compiled;
    uint8_t *input, *output, *memory;
} CompiledRun;
CompiledRun compiled_begin(const Compiled *compiled, Arena *scratch);
void compiled_infer(const CompiledRun *run, const uint8_t *image, int32_t *codes);
/* The same for a model that gives bytes, of an image and to a place that are aligned to 64. */
void compiled_fill(const CompiledRun *run, const uint8_t *image, uint8_t *bytes);

/* ---- fast.c: integer execution of many images -------------------------------------------- */

/* A model prepared for integer execution of about `images` images: by the JIT where there is
 * one (NULL: none) and it pays, else by matrix products in binary32 on integer-valued floats
 * where that is proven exact, integers elsewhere (doc/numerics.md, "Exact shortcuts"). Gives the
 * codes of net/interpreter.c. */
typedef struct Fast Fast;
Fast *fast_new(Arena *arena, const Model *model, Jit *jit, int images);
/* Runs `count` inputs laid end to end; the output codes of each, laid end to end, go to
 * `codes`. The scratch arena is reset. One thread; any number may share a Fast. */
void fast_run(const Fast *fast, Arena *scratch, const uint8_t *images, int count,
              int32_t *codes);
int fast_outputs(const Fast *fast); /* codes of one image */
/* Inputs that lie `stride` bytes apart, as codes of the input's format. */
typedef struct Inputs {
    const uint8_t *at;
    int64_t stride;
    int count;
} Inputs;
/* For a model whose output codes have 8 bits: those codes, `stride` bytes apart. */
void fast_fill(const Fast *fast, Arena *scratch, Inputs inputs, uint8_t *out, int64_t stride);
/* How many inputs are classified as labelled. */
int fast_correct_of(const Fast *fast, Arena *scratch, Inputs inputs, const uint8_t *label);
/* The class that a device would answer: the first largest code. */
int class_of(const int32_t *codes, int count);
/* How many of data's images [first, first + count) are classified rightly. */
int fast_correct(const Fast *fast, Arena *scratch, const Dataset *data, int first, int count);

/* Whether the codes of the first images of data are those of net/interpreter.c, by matrix
 * products, and by the JIT as far as the model is compiled. */
bool fast_equals_interpreter(const Model *model, Jit *jit, Arena *scratch, const Dataset *data,
                             int images);

/* ---- staged.c: integer execution in stages, the first shared with models that begin alike -- */

/* fast_correct of the first images, by what the memo has and is given (NULL: nothing). */
int staged_correct(Arena *arena, const Model *model, Jit *jit, Memo *memo, Arena *scratch,
                   const Dataset *data, int images);

/* ---- judge.c ----------------------------------------------------------------------------- */

/* Everything known of a design. */
typedef enum {
#define METRIC(NAME, spelling, dimension, direction, documentation) METRIC_##NAME,
#include "net/metrics.def"
#undef METRIC
    METRIC_COUNT
} Metric;

typedef struct Metrics {
    double value[METRIC_COUNT];
    bool known[METRIC_COUNT]; /* accuracy is not computed for a design that does not fit */
    int steps_fitted;         /* of its steps, how many have costs from a fitted model */
} Metrics;

bool metric_named(Str name, Metric *metric);
const char *metric_name(Metric metric);

/* metric <= limit, or >= where at_least. */
typedef struct Limit {
    Metric metric;
    bool at_least;
    double value;
    Span span;
} Limit;

enum { MAX_LIMITS = MAX_CONSTRAINTS };
typedef struct JudgePlan {
    Metric objective[MAX_OBJECTIVES];
    bool maximise[MAX_OBJECTIVES];
    int objectives;
    Limit limit[MAX_LIMITS];
    int limits;
    int images;      /* of validate, for accuracy; 0: all */
    int recalibrate; /* images of train that batch norms are recalibrated on */
} JudgePlan;

typedef struct Judge Judge;
/* Everything passed outlives the judge; without a JIT (NULL) it judges the same, slower. The
 * store caches what was judged, under keys that hold the identity of space, task, weights,
 * device, fidelity and arithmetic. */
Judge *judge_new(Arena *arena, const Space *space, const Task *task, const Device *device,
                 const Dataset *train, const Dataset *validate, const Supernet *supernet,
                 const JudgePlan *plan, Pool *pool, Jit *jit, Store *store, Key study);
void judge_free(Judge *judge); /* its threads' workspaces */

/* Costs alone: exact, in microseconds. False and *why where the device cannot run the
 * design. */
bool judge_costs(const Device *device, Arena *arena, const Net *net, Metrics *metrics,
                 Span *span, Str *why);
/* Everything, for `count` designs: from the study where it is known. False if interrupted. */
bool judge_designs(Judge *judge, const uint8_t *genes, int count, Metrics *metrics);
/* How far a design is from each limit (0: satisfied), relative to the limit. */
bool judge_feasible(const JudgePlan *plan, const Metrics *metrics, double *violation);
/* The problem that a search solves; its context is the judge. */
Problem judge_problem(Judge *judge, Arena *arena);
int64_t judge_count(const Judge *judge);  /* designs judged anew, */
int64_t judge_cached(const Judge *judge); /* and answered from the study */

/* A design after fine-tuning, as it ships: its model, and its metrics on all of validate. */
bool judge_shipped(const Judge *judge, const Supernet *tuned, const Net *net, Arena *arena,
                   Model *model, Metrics *metrics, Span *span, Str *why);
/* How many of the designs the fast execution answers differently from the interpreter on the
 * first images of validate: 0, or this compiler is at fault. */
int judge_check_exact(Judge *judge, const uint8_t *const *genes, int count, int images);

#endif
