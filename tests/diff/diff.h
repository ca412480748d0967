/* diff: random networks executed in every way that there is, byte for byte against the
 * reference interpreter.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef DIFF_H
#define DIFF_H

#include "device/device.h"
#include "tests/diff/random_model.h"

/* ---- trial.c: one network, its inputs and what must come out ----------------------------- */

enum { TRIAL_VECTORS = 5, TRIAL_LAYERS = 14 };

typedef struct Trial {
    const Recipe *recipe;
    Net net;
    Model model;
    Tensor from, to;         /* the network's input and output */
    int in_bytes, out_bytes; /* of one vector as stored */
    uint8_t *inputs;         /* (TRIAL_VECTORS, in_bytes), i16 in this machine's order */
    uint8_t *expected, *got; /* (TRIAL_VECTORS, out_bytes) */
    Str fault;               /* why the path could not run it, or what it did besides */
} Trial;

/* The network of a recipe, executed by the reference; false and *why if it does not build. */
bool trial_begin(Arena *arena, const Recipe *recipe, Trial *trial, Str *why);

/* Input v as model_run takes it. */
const void *trial_input(Arena *arena, const Trial *trial, int v);
/* Output v as the interpreter gives codes, into `got`. */
void trial_output(Arena *arena, Trial *trial, int v, const int32_t *codes);

/* The first difference of a trial that a path has run. */
typedef struct Difference {
    int vector, element; /* -1: not one of values */
    int expected, got;
    char said[400]; /* what happened, where it is not one of values */
} Difference;
bool trial_differs(const Trial *trial, Difference *difference);

/* ---- paths.c: the ways to execute -------------------------------------------------------- */

typedef struct Path Path;
struct Path {
    const char *name;
    const char *group; /* "process", "c", "emulated": PATHS may name it */
    int usual;         /* networks of a run that does not say how many */
    int checked;       /* networks of `make check`; 0: not part of it */
    int batch;         /* networks that one call runs best */
    /* NULL where the path can run, else what is missing. */
    const char *(*missing)(Arena *arena, const Path *path);
    /* What a process makes once for all that it runs; NULL: nothing. */
    void *(*begin)(Arena *arena, const Path *path);
    /* Runs all vectors of all trials into `got`; a trial that cannot be run gets a fault. */
    void (*run)(Arena *arena, const Path *path, void *made, Trial *trials, int count);
    const char *compiler, *flags, *runner; /* of compiled paths */
    const char *board;                     /* bare machines: of qemu-system-arm */
    const char *isa;                       /* instruction set: isa.c */
    bool streams;                          /* some rows of layers at a time */
    const char *triple, *features;         /* of objects made by LLVM */
};
extern const Path paths[];
extern const int path_count;
const Path *path_named(Str name); /* or NULL */

/* ---- in_process.c: without a compiler ---------------------------------------------------- */

const char *nothing_missing(Arena *arena, const Path *path);
void kernels_run(Arena *arena, const Path *path, void *made, Trial *trials, int count);
void analysis_run(Arena *arena, const Path *path, void *made, Trial *trials, int count);
const char *jit_missing(Arena *arena, const Path *path);
void *jit_begin(Arena *arena, const Path *path);
void jit_run_all(Arena *arena, const Path *path, void *made, Trial *trials, int count);

/* ---- compiled.c: emitted C, compiled and run --------------------------------------------- */

const char *compiled_missing(Arena *arena, const Path *path);
void compiled_run(Arena *arena, const Path *path, void *made, Trial *trials, int count);

/* ---- apart.c: work in processes of their own, which may crash ---------------------------- */

enum { MOST_FAILURES = 64 };
/* What a worker tells its parent, in shared memory. */
typedef struct Report {
    int64_t at;   /* the seed in work */
    int64_t done; /* networks compared */
    int failures;
    uint64_t failed[MOST_FAILURES];
    Difference difference; /* of the last failure */
} Report;
/* Runs networks first .. first + count - 1 in a new process. Returns its id. */
int worker_start(const Path *path, uint64_t first, int count, Report *report);
Report *report_new(void);
/* One recipe alone, in a process of its own: whether the path computes something else. */
bool recipe_fails(const Path *path, const Recipe *recipe, Difference *difference);
/* How a process ended, in words; NULL where it ended well. */
const char *end_of_process(int status, char words[64]);

/* ---- shrink.c: a smaller network that still differs -------------------------------------- */

/* Replaces a failing recipe by smaller ones that fail, as long as there are any and for at most
 * `seconds`. Returns how many were tried. */
int recipe_shrink(const Recipe *from, double seconds,
                  bool (*fails)(void *context, const Recipe *recipe), void *context,
                  Recipe *smallest);

/* ---- report.c: counts over runs ---------------------------------------------------------- */

/* Of one path: how far it came. */
typedef struct Count {
    char path[32];
    uint64_t next;    /* seed */
    int64_t networks; /* compared, by whatever build */
    int64_t differences;
    int64_t build_networks, build_differences; /* of these, by the build named below */
    char build[36];                            /* key of the program that compared last */
} Count;
typedef struct Counts {
    Arena *arena;
    Str folder;
    VEC(Count) rows;
} Counts;
/* Reads FOLDER/counts, empty where there is none. */
Counts counts_read(Arena *arena, Str folder);
Count *counts_of(Counts *counts, const Path *path);
void counts_write(const Counts *counts);
void counts_print(const Counts *counts, FILE *out);
/* Writes a failing network as FOLDER/NAME.nas and returns its path. */
Str failure_write(Arena *arena, Str folder, const Path *path, const Recipe *recipe,
                  const Difference *difference);

#endif
