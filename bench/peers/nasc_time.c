/* nasc_time.c: nasc's side of bench/peers: the same networks through emitted code, held to the
 * interpreter, then timed on demand.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
 *
 * usage: nasc_time FOLDER jit            through LLVM, in this process
 *        nasc_time FOLDER COMPILER...    through C: nasc_time /tmp/x gcc -O3 -march=native
 *
 * Speaks as every worker of bench/peers does, a line for a line: "load NAME" is answered by "ok"
 * or "no REASON"; "time NAME SECONDS" by the number of calls, and the least and the median time of
 * one, in nanoseconds. */
#include "bench/networks.h"
#include "codegen/jit.h"
#include "codegen/routine.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEED = 1, CHECKED_INPUTS = 3, COMPILE_SECONDS = 600, MOST_SAMPLES = 1 << 17 };

/* A network as machine code: what is timed. One of the two. */
typedef struct Compiled {
    int (*run)(const void *input, void *output, void *arena);
    JitProgram *jit;
    void *arena;
} Compiled;

typedef struct Loaded {
    const BenchNetwork *network;
    Compiled compiled;
    uint8_t *input;
    void *output;
} Loaded;

typedef struct Worker {
    Arena *arena;
    const char *folder;
    char **compiler; /* words; NULL at the end */
    Jit *jit;        /* or NULL: by the compiler */
    Loaded loaded[BENCH_NETWORKS];
    double *sample; /* (MOST_SAMPLES) */
} Worker;

/* ---- from a model to a function ---------------------------------------------------------- */

static bool compile_files(Worker *worker, const EmitFile *files, int count, const char *object,
                          Str *why) {
    enum { WORDS = 64 };
    char *line[WORDS];
    int words = 0;
    for (; worker->compiler[words] && words < WORDS - 16; words++)
        line[words] = worker->compiler[words];
    line[words++] = "-shared";
    line[words++] = "-fPIC";
    for (int i = 0; i < count && words < WORDS - 3; i++) {
        Str path = path_join(worker->arena, str_of(worker->folder), files[i].name);
        const char *fault = NULL, *name = str_terminated(worker->arena, path);
        if (!file_write(name, files[i].text, &fault)) {
            *why = str_of(fault);
            return false;
        }
        if (str_ends(files[i].name, STR(".c")) && !str_ends(files[i].name, STR("_test.c")))
            line[words++] = (char *)name;
    }
    line[words++] = "-o";
    line[words++] = (char *)object;
    line[words] = NULL;
    Str said, errors;
    const char *fault = "";
    int status = command_run(worker->arena, line, COMPILE_SECONDS, &said, &errors, &fault);
    *why = status < 0 ? str_of(fault) : errors;
    return status == 0;
}

static bool compile_c(Worker *worker, const Program *program, const char *name,
                      Compiled *compiled, Str *why) {
    Arena *arena = worker->arena;
    int count;
    EmitOptions options = {.prefix = str_of(name), .comment = STR("bench/peers")};
    EmitFile *files = emit_c(arena, program, &options, &count);
    Str object = str_format(arena, "%s/%s.so", worker->folder, name);
    if (!compile_files(worker, files, count, object.at, why))
        return false;
    void *library = dlopen(object.at, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, str_format(arena, "%s_run", name).at) : NULL;
    if (!symbol) {
        *why = str_of(dlerror());
        return false;
    }
    memcpy(&compiled->run, &symbol, sizeof symbol);
    return true;
}

/* Says how a model becomes code: by LLVM in this process, or as emitted C, a compiler and the
 * dynamic linker. Both are of this machine's best instruction set. */
static bool model_compile(Worker *worker, const Model *model, const char *name,
                          Compiled *compiled, Str *why) {
    Arena *arena = worker->arena;
    Program *program = arena_new_of(arena, Program);
    Span span;
    if (!program_build_isa(arena, model, NULL, isa_of_target(NULL), program, &span, why))
        return false;
    compiled->arena = arena_alloc(arena, (size_t)program->arena_bytes + 64);
    if (!worker->jit)
        return compile_c(worker, program, name, compiled, why);
    compiled->jit = jit_program(worker->jit, program, arena, why);
    return compiled->jit != NULL;
}

static inline void compiled_run(const Compiled *compiled, const void *input, void *output) {
    if (compiled->jit)
        jit_run(compiled->jit, input, output, compiled->arena);
    else
        compiled->run(input, output, compiled->arena);
}

/* ---- held to the interpreter ------------------------------------------------------------- */

static bool equals_interpreter(const Model *model, const Loaded *loaded) {
    const Tensor *in = &model->layers[0].out, *out = &model->layers[model->output].out;
    bool equal = true;
    for (int n = 0; n < CHECKED_INPUTS && equal; n++) {
        Arena *scratch = arena_new();
        int32_t **tensors = arena_array(scratch, int32_t *, model->count);
        bench_input(in, SEED, n, loaded->input);
        model_run(scratch, model, loaded->input, tensors);
        compiled_run(&loaded->compiled, loaded->input, loaded->output);
        for (int64_t i = 0; i < shape_elements(out->shape); i++)
            equal &= ((int8_t *)loaded->output)[i] == tensors[model->output][i];
        arena_free(scratch);
    }
    return equal;
}

static bool network_load(Worker *worker, const BenchNetwork *network, Loaded *loaded,
                         Str *why) {
    Arena *arena = worker->arena;
    Model model = bench_model(arena, bench_source(arena, network, ""), SEED, network->images);
    const Tensor *in = &model.layers[0].out, *out = &model.layers[model.output].out;
    /* Blocks of 64 bytes and more are as aligned as any instruction set asks for. */
    loaded->input = arena_alloc(arena, (size_t)tensor_bytes(in->shape, in->format) + 64);
    loaded->output = arena_alloc(arena, (size_t)tensor_bytes(out->shape, out->format) + 64);
    if (!model_compile(worker, &model, network->name, &loaded->compiled, why))
        return false;
    *why = STR("its outputs are not the interpreter's");
    return equals_interpreter(&model, loaded);
}

/* ---- timing ------------------------------------------------------------------------------ */

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void network_time(Worker *worker, const Loaded *l, double seconds) {
    int count = 0;
    double end = now_ns() + seconds * 1e9;
    for (double from = now_ns(), to; count < MOST_SAMPLES; from = to) {
        compiled_run(&l->compiled, l->input, l->output);
        to = now_ns();
        worker->sample[count++] = to - from;
        if (to > end)
            break;
    }
    qsort(worker->sample, (size_t)count, sizeof(double), ascending);
    printf("%d %.0f %.0f\n", count, worker->sample[0], worker->sample[count / 2]);
}

/* ---- a line for a line ------------------------------------------------------------------- */

static void answer_load(Worker *worker, const BenchNetwork *network, Loaded *loaded) {
    Str why = STR("");
    loaded->network = NULL;
    if (network_load(worker, network, loaded, &why))
        loaded->network = network;
    for (int i = 0; i < why.length; i++)
        if (why.at[i] == '\n')
            why.length = i;
    printf(loaded->network ? "ok\n" : "no %.*s\n", STR_ARG(why));
}

static void answer(Worker *worker, const char *verb, const char *name, double seconds) {
    const BenchNetwork *network = bench_network(str_of(name));
    if (!network) {
        printf("no network is called so\n");
        return;
    }
    Loaded *loaded = &worker->loaded[network - bench_networks];
    if (!strcmp(verb, "load"))
        answer_load(worker, network, loaded);
    else if (loaded->network)
        network_time(worker, loaded, seconds);
    else
        printf("no such network is loaded\n");
}

int main(int argc, char **argv) {
    if (argc < 3)
        die(EXIT_USAGE, "usage: nasc_time FOLDER jit, or nasc_time FOLDER COMPILER...");
    char verb[16], name[64], line[128];
    const char *fault;
    Str why = STR("");
    Worker worker = {.arena = arena_new(), .folder = argv[1], .compiler = argv + 2};
    if (!directory_make(worker.folder, &fault))
        die(EXIT_ENVIRONMENT, "%s: %s", worker.folder, fault);
    if (!strcmp(argv[2], "jit") && !(worker.jit = jit_new(worker.arena, NULL, &why)))
        die(EXIT_ENVIRONMENT, "no JIT: %.*s", STR_ARG(why));
    worker.sample = arena_array(worker.arena, double, MOST_SAMPLES);
    while (fgets(line, sizeof line, stdin)) {
        double seconds = 1;
        if (sscanf(line, "%15s %63s %lf", verb, name, &seconds) < 2)
            break;
        answer(&worker, verb, name, seconds);
        fflush(stdout);
    }
    jit_free(worker.jit);
    arena_free(worker.arena);
    return EXIT_DONE;
}
