/* Steps timed on this machine, as the JIT compiles them, without a compiler's start: in a child
 * process, so that a kernel at fault costs the profile and not the run.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As runtime/hosted.c measures: the median of samples that each last long enough; but in time of
 * the processor, which other processes do not add to. */
enum { SAMPLES = 7, SAMPLE_NS = 2000000, MOST_SECONDS = 900 };

/* A step with something to work on. */
typedef struct Timed {
    KernelCode *code;
    uint8_t *in, *in2, *out, *scratch;
    const void *weights, *constants;
    const int32_t *params;
} Timed;

/* ---- operands ---------------------------------------------------------------------------- */

/* Codes all over the range, the same on every run. */
static uint8_t *bytes_filled(Arena *arena, int64_t bytes) {
    uint8_t *at = arena_alloc(arena, (size_t)bytes + 64);
    for (int64_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)random_bits(1, 0x686f, (uint64_t)i);
    return at;
}

/* The step's own values, or, while its model has none, a pattern. */
static const void *constants_filled(Arena *arena, Type type, const int64_t *values,
                                    int64_t count) {
    return values ? elements_store(arena, type, values, count)
                  : bytes_filled(arena, count * type_bits(type) / 8);
}

static bool step_ready(Jit *jit, Arena *arena, const Step *step, Timed *timed, Str *why) {
    const Lowered *code = step->lowered;
    *timed = (Timed){
        .code = jit_kernel(jit, isa_of_target(NULL), &code->routine, arena, why),
        .in = bytes_filled(arena, tensor_bytes(step->in_shape, step->kernel.in)),
        .in2 = bytes_filled(
            arena, step->inputs > 1 ? tensor_bytes(step_second(step), step->kernel.in2) : 0),
        .out = bytes_filled(arena, tensor_bytes(step->out_shape, step->kernel.out)),
        .scratch = bytes_filled(arena, code->scratch_bytes),
        .weights =
            constants_filled(arena, code->weights_type, code->weights, code->weights_count),
        .constants = constants_filled(arena, code->constants_type, code->constants,
                                      code->constants_count),
        .params = code->params};
    return timed->code != NULL;
}

/* ---- the clock --------------------------------------------------------------------------- */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t time_of(const Timed *t, int64_t calls) {
    int64_t start = now_ns();
    for (int64_t i = 0; i < calls; i++)
        t->code(t->in, t->in2, t->out, t->weights, t->constants, t->scratch, t->params);
    return now_ns() - start;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double step_ns(const Timed *timed) {
    double sample[SAMPLES];
    int64_t calls = 1, took;
    while ((took = time_of(timed, calls)) < SAMPLE_NS)
        calls =
            took < SAMPLE_NS / 16 ? calls * 8 : calls * (SAMPLE_NS + SAMPLE_NS / 8) / took + 1;
    for (int i = 0; i < SAMPLES; i++)
        sample[i] = (double)time_of(timed, calls) / (double)calls;
    qsort(sample, SAMPLES, sizeof sample[0], by_value);
    return sample[SAMPLES / 2];
}

/* ---- the child --------------------------------------------------------------------------- */

/* What the parent does about signals is not for the child, which simply ends. */
static _Noreturn void child_run(const Timed *timed, int count, int to) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGINT, SIGTERM};
    for (int i = 0; i < COUNT(faults); i++)
        signal(faults[i], SIG_DFL);
    alarm(MOST_SECONDS);
    for (int i = 0; i < count; i++) {
        double ns = step_ns(&timed[i]);
        if (write(to, &ns, sizeof ns) != sizeof ns)
            _exit(1);
    }
    _exit(0);
}

static int values_read(int from, double *ns, int count) {
    int bytes = 0, all = count * (int)sizeof *ns;
    while (bytes < all) {
        ssize_t got = read(from, (char *)ns + bytes, (size_t)(all - bytes));
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        bytes += got > 0 ? (int)got : 0;
    }
    return bytes / (int)sizeof *ns;
}

static bool child_time(const Timed *timed, int count, double *ns, Arena *arena, Str *why) {
    int ends[2], status = 0;
    if (pipe(ends)) {
        *why = str_format(arena, "cannot make a pipe: %s", strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        child_run(timed, count, ends[1]);
    }
    close(ends[1]);
    int done = child > 0 ? values_read(ends[0], ns, count) : 0;
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (done == count && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    *why = child < 0
               ? str_format(arena, "cannot start a process: %s", strerror(errno))
               : str_format(arena, "the profile breaks off after %d of %d steps", done, count);
    return false;
}

bool host_time(Jit *jit, Arena *arena, const Step *steps, int count, double *ns, Str *why) {
    Timed *timed = arena_array(arena, Timed, count);
    for (int i = 0; i < count; i++)
        if (!step_ready(jit, arena, &steps[i], &timed[i], why))
            return false;
    return child_time(timed, count, ns, arena, why);
}
