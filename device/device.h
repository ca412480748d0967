/* device: what a device costs. Cost tables, profiling through a runner, estimates.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_H
#define DEVICE_H

#include "codegen/jit.h"

/* ---- library.c: files that ship within nasc ---------------------------------------------- */

/* "tables/cortex_m4.csv" from `std_path` (a folder that goes before the embedded library; may
 * be NULL) or from the binary; "runtime/replay.c" from the binary. */
bool library_file(Arena *arena, const char *std_path, Str name, Str *text, Str *why);

/* ---- toolchain.c: compiling for a device and running there ------------------------------- */

/* How C becomes a running program. Lines are split at blanks; the first word is looked up in
 * PATH. */
typedef struct Toolchain {
    Str compiler; /* "arm-none-eabi-gcc -mcpu=cortex-m4 -O2", "clang -fsanitize=address" */
    Str runner;   /* before the program: "qemu-ppc"; empty: it runs as it is */
    bool bare;    /* no operating system: runs under qemu-system-arm */
} Toolchain;
/* A target's own: its compiler with its flags. */
Toolchain target_toolchain(Arena *arena, const Target *target);
/* First line of `compiler --version`; false and *why where the compiler is missing. */
bool toolchain_version(Arena *arena, const Toolchain *toolchain, Str *version, Str *why);

/* A folder for the files of one compilation, in TMPDIR; workshop_end removes it. */
typedef struct Workshop {
    Arena *arena;
    Str path;
} Workshop;
bool workshop_begin(Arena *arena, Workshop *workshop, Str *why);
void workshop_end(Workshop *workshop);
bool workshop_write(const Workshop *workshop, Str name, Str text, Str *why);
/* A file of runtime/, from the embedded library, written beside. */
bool workshop_add_runtime(const Workshop *workshop, const char *name, Str *why);
typedef VEC(Str) Names;
/* Writes what emit_c gives; `sources` gets the C files, but the self-test with its own main. */
bool files_write(const Workshop *workshop, const EmitFile *files, int count, Names *sources,
                 Str *why);
/* Every `.c` named -> the object of the same stem. */
bool toolchain_compile(const Toolchain *toolchain, const Workshop *workshop, const Str *sources,
                       int count, Str *why);
/* Links the objects of the `.c` files named with the harness and runs the program. */
bool toolchain_run(const Toolchain *toolchain, const Workshop *workshop, const Str *sources,
                   int count, int seconds, Str *output, Str *why);
/* text + rodata + data of an object, as the toolchain's `size` counts them. */
bool toolchain_size(const Toolchain *toolchain, const Workshop *workshop, Str source,
                    int64_t *bytes, Str *why);
/* Sizes of the functions PREFIX0, PREFIX1, ... of an object, by the toolchain's `nm`. */
bool toolchain_function_sizes(const Toolchain *toolchain, const Workshop *workshop, Str source,
                              Str prefix, int *bytes, int count, Str *why);

/* ---- table.c: what was measured ---------------------------------------------------------- */

typedef struct StepRow {
    Str key;                       /* step_key */
    double value;                  /* instructions, or nanoseconds */
    int call_bytes;                /* code that calls it: its share of the run function */
    double feature[STEP_FEATURES]; /* step_features */
} StepRow;

/* Linear in the features, none of which makes a step cheaper. */
typedef struct Fit {
    double weight[STEP_FEATURES];
    double error; /* root mean square of the relative errors over the rows */
} Fit;

typedef struct KernelRow {
    Str name;           /* Step.name: tells its code */
    int64_t code_bytes; /* its function, compiled */
    VEC(StepRow) steps;
    Map *index; /* step key -> steps */
    Fit fit;
} KernelRow;

typedef struct Table {
    Str device;
    Str compiler, version; /* the whole line; the first line of its --version */
    int arithmetic;
    Str code; /* the code generator that printed what was measured: emit_c_key in hexadecimal */
    MeasureKind unit;
    VEC(KernelRow) kernels;
    Map *index; /* name -> kernels */
} Table;

Table table_new(Arena *arena);
KernelRow *table_kernel(const Table *table, Str name); /* NULL: has none */
/* The kernel's row, empty of steps if it is new. */
KernelRow *table_put_kernel(Arena *arena, Table *table, Str name, int64_t code_bytes);
const StepRow *kernel_step(const KernelRow *kernel, Str key);
void kernel_put_step(Arena *arena, KernelRow *kernel, StepRow row);
/* CSV: a head of "# key: value" lines, "kernel" rows, each followed by its "step" rows, sorted,
 * and a last line that counts them. */
Str table_write(Arena *arena, const Table *table);
void step_row_write(Text *text, Str kernel, const StepRow *row);
/* Hostile until checked; *why begins with "line N: ". */
bool table_read(Arena *arena, Str text, Table *table, Str *why);

/* ---- fit.c: a step without a row of its own ---------------------------------------------- */

/* Non-negative least squares of relative errors over the rows. */
Fit fit_steps(const StepRow *rows, int count);
double fit_value(const Fit *fit, const double feature[STEP_FEATURES]);

/* ---- device.c: a target and what is known of it ------------------------------------------ */

typedef struct Device {
    Arena *arena;
    Target target;
    Store *store; /* or NULL */
    Toolchain toolchain;
    const char *kind; /* of its rows in the store; NULL where its compiler is missing */
    Table table;
    Table families; /* by kind of kernel, whatever its code: all rows of the kind together */
} Device;

/* Opens a device for a target: loads its shipped table (from the standard library) and the rows
 * measured earlier and kept in `store` (may be NULL). NULL and *why on a damaged or foreign
 * table, or one measured with another code generator. */
Device *device_open(Arena *arena, const Target *target, Store *store, const char *std_path,
                    Str *why);
const Target *device_target(const Device *device);
/* The table as CSV (sorted, with the compiler line and arithmetic version in its head). */
Str device_table_csv(const Device *device, Arena *arena);
/* Adds a row to the table and to the store, where it waits for a commit. */
void device_keep_kernel(Device *device, Str name, int64_t code_bytes);
void device_keep_step(Device *device, Str kernel, StepRow row);
/* Fits every kernel, and every kind of kernel, to the rows that it now has. */
void device_fit(Device *device);
Str kernel_kind(Str name); /* a kernel's name without its code */

/* ---- cost.c: what steps and programs cost ------------------------------------------------ */

typedef struct StepCost {
    double value;   /* instructions, or nanoseconds */
    bool measured;  /* false: from the fitted model of its kernel, */
    bool alike;     /* or of other kernels of its kind: nothing is known of its own */
    int call_bytes; /* its share of the run function */
} StepCost;
/* False where nothing is known of the step's kernel, nor of others of its kind. */
bool device_step(const Device *device, const Step *step, StepCost *cost);

/* What a program costs. */
typedef struct Cost {
    int64_t flash_bytes; /* weights, constants, code of its kernels and of its run function */
    int64_t code_bytes;
    int64_t ram_bytes;   /* arena */
    double instructions; /* 0 where time is measured */
    double latency_s;    /* measured, or instructions x declared cycles / clock */
    int steps_fitted;    /* how many steps had no row of their own */
} Cost;
/* False and *why (in the arena) where nothing is known of a kernel that the program needs: then
 * profile first. Any number of threads may ask at a time. */
bool device_cost(const Device *device, Arena *arena, const Program *program, Cost *cost,
                 Str *why);

/* ---- run.c: an emitted network, executed ------------------------------------------------- */

/* What a run is about. */
typedef struct Replay {
    const EmitFile *files; /* of emit_c */
    int file_count;
    Str prefix;
    const uint8_t *inputs; /* (count, in_bytes) */
    int count, in_bytes, out_bytes;
    int64_t arena_bytes;
} Replay;
/* Compiles the emitted files and runs them over the inputs; outputs is (count, out_bytes).
 * Codes of two bytes are in the byte order of the device. */
bool device_run(const Toolchain *toolchain, Arena *arena, const Replay *replay,
                uint8_t *outputs, Str *why);

/* ---- host.c: this machine, by the JIT --------------------------------------------------- */

/* Nanoseconds of one run of each step, which was lowered for this machine's instruction set: the
 * median of several samples, in a child process. Steps without constants are given some. */
bool host_time(Jit *jit, Arena *arena, const Step *steps, int count, double *ns, Str *why);

/* ---- tune.c: schedules chosen by measurement ----------------------------------------------- */

typedef struct Tuning {
    Arena *arena;
    Store *store;
    const Isa *isa;           /* this machine's */
    const char *kind;         /* of its rows in the store */
    double rule_ns, tuned_ns; /* of the steps measured */
} Tuning;
Tuning tuning_of(Arena *arena, Store *store, const Isa *isa);
/* For BuildOptions.tuned: what was measured to be best for a step of these shapes. */
int tuning_choice(const void *tuning, const Step *step);
/* Measures the schedules of every step that the store knows nothing of. False and *why where
 * that fails, or interrupted; what was measured is kept. */
bool tuning_measure(Tuning *tuning, Jit *jit, const Program *program, Str *why);

/* ---- profile.c: measuring ---------------------------------------------------------------- */

/* Measures the steps that the table lacks: compiles them with the target's compiler line and
 * runs them (host: in a child process, repeated, median; Cortex-M: qemu-system-arm with
 * -icount, exact). Rows go to the store, committed as they come. False and *why, also where
 * interrupted. */
bool device_profile(Device *device, Arena *arena, const Step *steps, int count, Str *why);
/* What one run of an emitted network costs as a whole: instructions, or nanoseconds. */
bool device_measured_run(const Device *device, Arena *arena, const Replay *replay,
                         double *value, Str *why);
/* Compiles the emitted files of a program with the target's compiler, and returns text + rodata
 * + data bytes as its `size` tool counts them. The self-test is left out. */
bool device_measured_flash(const Device *device, Arena *arena, const EmitFile *files, int count,
                           int64_t *bytes, Str *why);

#endif
