/* judge.c: where the time of judging a design goes. Designs are drawn from the space of a file,
 * and each phase of judging them is timed on one thread, in processor time.
 *
 *   judge SPEC OUT N    OUT is a folder as of `nasc build -o OUT SPEC`: its supernet is used;
 *                       with NO_JIT=1 in the environment as if there were no LLVM
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <stdlib.h>
#include <time.h>

typedef enum { COSTS, MEMBER, QUANTISE, INTEGER, MEMBER_F32, FLOAT, PHASES } Phase;
static const char *const phase_names[PHASES] = {
    "costs: lower, plan, table",   "recalibrate, fake quantised", "quantise",
    "integer execution, prepared", "recalibrate at f32",          "execution at f32"};

typedef struct Bench {
    Run *run;
    Workspace *workspace;
    Memo *memo;
    Arena *arena, *scratch;
    double seconds[PHASES], last;
    int64_t sum; /* of the answers: two versions of nasc can be held against each other */
} Bench;

/* Of the processor, so that what else runs on the machine hardly counts. */
static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void phase_end(Bench *bench, Phase phase) {
    double now = cpu_seconds();
    bench->seconds[phase] += now - bench->last;
    bench->last = now;
}

static void design_draw(const Space *space, int number, Gene *gene) {
    Random random = {23, 0x4a55, (uint64_t)number << 20};
    for (int c = 0; c < space->choices.count; c++)
        gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
    genotype_canonical(space, gene);
}

static void integer_phases(Bench *bench, const Net *net, int recalibrate, int images) {
    Run *run = bench->run;
    FloatModel member;
    Model model;
    Span span;
    Str why;
    supernet_member(run->supernet, bench->workspace, net, false, &run->train, recalibrate,
                    bench->arena, &member);
    phase_end(bench, MEMBER);
    bool sound = model_quantise(bench->arena, &member, &model, &span, &why);
    phase_end(bench, QUANTISE);
    if (!sound)
        return;
    bench->sum += staged_correct(bench->arena, &model, run->session->jit, bench->memo,
                                 bench->scratch, &run->validate, images);
    phase_end(bench, INTEGER);
}

static void float_phases(Bench *bench, const Net *net, int recalibrate, int images) {
    Run *run = bench->run;
    FloatModel member;
    supernet_member(run->supernet, bench->workspace, net, true, &run->train, recalibrate,
                    bench->arena, &member);
    phase_end(bench, MEMBER_F32);
    bench->sum += 10007 * (int64_t)float_correct(bench->workspace, &member, true,
                                                 &run->plan.task, &run->validate, 0, images);
    phase_end(bench, FLOAT);
}

static void design_time(Bench *bench, const Gene *gene) {
    Run *run = bench->run;
    const JudgePlan *plan = &run->plan.judge;
    int images = plan->images ? plan->images : run->validate.count;
    Net net;
    Metrics metrics;
    Span span;
    Str why;
    arena_reset(bench->arena);
    bench->last = cpu_seconds();
    if (!space_instantiate(bench->arena, run->plan.space, gene, &net, &span, &why))
        return;
    judge_costs(run->device, bench->arena, &net, &metrics, &span, &why);
    phase_end(bench, COSTS);
    integer_phases(bench, &net, plan->recalibrate, images);
    float_phases(bench, &net, plan->recalibrate, images);
}

static void bench_open(Session *session, Run *run, const char *spec, const char *out) {
    *session = (Session){.options = {.file = spec, .out = out, .seed = -1, .threads = 1}};
    session->arena = arena_new();
    session->diagnostics = diagnostics_new(session->arena);
    session->out = str_of(out);
    if (!session_read(session))
        exit(EXIT_FILE);
    const Decl *decl = spec_root_decl(session->spec, DECL_SEARCH, 0);
    if (!decl)
        die(EXIT_USAGE, "%s has no search", spec);
    int code = run_bind(session, decl, run);
    if (!code)
        code = run_open(run);
    if (!code)
        code = run_train(run);
    if (code)
        exit(code);
    if (!getenv("NO_JIT"))
        session_jit(session);
}

int main(int count, char **words) {
    Session session;
    Run run;
    if (count != 4 || atoi(words[3]) < 1)
        die(EXIT_USAGE, "usage: judge SPEC OUT N");
    bench_open(&session, &run, words[1], words[2]);
    int designs = atoi(words[3]);
    double all = 0;
    Bench bench = {.run = &run,
                   .workspace = workspace_new(run.supernet),
                   .arena = arena_new(),
                   .scratch = arena_new()};
    bench.memo = memo_new(MEMO_BYTES);
    workspace_share(bench.workspace, bench.memo);
    Gene *gene = arena_array(run.arena, Gene, run.plan.space->choices.count + 1);
    for (int d = 0; d < designs; d++) {
        design_draw(run.plan.space, d, gene);
        design_time(&bench, gene);
    }
    for (int p = 0; p < PHASES; p++)
        all += bench.seconds[p];
    printf("%d designs, one thread, %d images, %d to recalibrate on\n", designs,
           run.plan.judge.images, run.plan.judge.recalibrate);
    for (int p = 0; p < PHASES; p++)
        printf("%8.3f ms a design, %5.1f %%  %s\n", 1000 * bench.seconds[p] / designs,
               100 * bench.seconds[p] / all, phase_names[p]);
    printf("%8.3f ms a design in all; sum of answers %lld\n", 1000 * all / designs,
           (long long)bench.sum);
    if (session.jit) {
        JitCounts counts = jit_counts(session.jit);
        printf("%lld kernels compiled in %.0f ms, %lld from the file, linked in %.0f ms\n",
               (long long)counts.compiled, 1000 * counts.compile_s, (long long)counts.found,
               1000 * counts.link_s);
    }
    jit_free(session.jit);
    return 0;
}
