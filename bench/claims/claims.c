/* claims: what is said of searches and supernets, measured on the network of
 * examples/fashion.
 *
 *   claims search SPEC OUT   NSGA-II against random search: one supernet, equal numbers of
 *   designs, five
 *                            seeds; hypervolume of accuracy against latency and flash
 *   claims rank SPEC OUT N   N members spread over the range of accuracy that designs which
 *   fit have:
 *                            what the supernet says of them against training each alone,
 *                            twice
 * OUT is a folder as of `nasc build -o OUT SPEC`; the supernet in its study is used, or
 * trained.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void open_run(Session *session, Run *run, const char *spec, const char *out) {
    *session = (Session){.options = {.file = spec, .out = out, .seed = -1}};
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
    run_judge(run);
}

static double mean(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum / n;
}

/* ---- search against random --------------------------------------------------------------- */

enum { SEEDS = 5, DESIGNS = 256 };

/* Worst values that count: accuracy of guessing, the whole flash limit, 100 ms. */
static const double reference[3] = {-0.1, 0.1, 32 * 1024};

static double volume_of(Run *run, const char *strategy, uint64_t seed) {
    Problem problem = judge_problem(run->judge, run->arena);
    if (!strcmp(strategy, "random"))
        problem.draw = NULL; /* the control draws every decision evenly */
    Archive *archive = archive_new(run->arena, &problem);
    SearchPlan plan = run->plan.search;
    plan.seed = seed;
    plan.designs = DESIGNS;
    plan.generations = DESIGNS; /* the budget ends it */
    if (!strategy_of(str_of(strategy))->run(run->arena, &problem, &plan, archive))
        exit(EXIT_INTERRUPTED);
    double whole = 0.9 * 0.1 * 32 * 1024;
    return archive_hypervolume(archive, reference) / whole;
}

/* Mean and 95 % interval of the paired difference, by Student's t with 4 degrees of freedom. */
static void print_difference(const double *a, const double *b) {
    double difference[SEEDS], variance = 0;
    for (int i = 0; i < SEEDS; i++)
        difference[i] = a[i] - b[i];
    double average = mean(difference, SEEDS);
    for (int i = 0; i < SEEDS; i++)
        variance += (difference[i] - average) * (difference[i] - average) / (SEEDS - 1);
    double half = 2.776 * sqrt(variance / SEEDS);
    printf("nsga2 - random: %.4f, 95 %% interval %.4f to %.4f (paired by seed)\n", average,
           average - half, average + half);
}

static int search_claim(Run *run) {
    double nsga2[SEEDS], control[SEEDS];
    printf("hypervolume of %d designs, as a share of the box accuracy 10 to 100 %%, latency under "
           "100 ms, flash under 32 KiB\nseed   nsga2   random\n",
           DESIGNS);
    for (int i = 0; i < SEEDS; i++) {
        nsga2[i] = volume_of(run, "nsga2", (uint64_t)i + 1);
        control[i] = volume_of(run, "random", (uint64_t)i + 1);
        printf("%4d  %.4f  %.4f\n", i + 1, nsga2[i], control[i]);
    }
    printf("mean  %.4f  %.4f\n", mean(nsga2, SEEDS), mean(control, SEEDS));
    print_difference(nsga2, control);
    return EXIT_DONE;
}

/* ---- the supernet's ranking -------------------------------------------------------------- */

enum { MOST_MEMBERS = 64, DRAWN = 400, BOOTSTRAPS = 2000 };

typedef struct Subject {
    Gene *gene;
    double inherited, alone[2];
} Subject;

static int by_accuracy(const void *a, const void *b) {
    double x = ((const Subject *)a)->inherited, y = ((const Subject *)b)->inherited;
    return (x > y) - (x < y);
}

/* Draws designs, keeps those that fit, and takes n at equal distances of rank. */
static int draw_subjects(Run *run, Subject *subject, int n) {
    const Space *space = run->plan.space;
    int choices = space->choices.count, fitting = 0;
    uint8_t *genes = arena_array(run->arena, uint8_t, (int64_t)DRAWN * choices);
    Metrics *metrics = arena_array(run->arena, Metrics, DRAWN);
    Subject *all = arena_array(run->arena, Subject, DRAWN);
    for (int d = 0; d < DRAWN; d++) {
        Random random = {17, 0x524b, (uint64_t)d << 20};
        for (int c = 0; c < choices; c++)
            genes[d * choices + c] = (Gene)random_below(&random, space->choices.at[c].count);
        genotype_canonical(space, genes + d * choices);
    }
    if (!judge_designs(run->judge, genes, DRAWN, metrics))
        exit(EXIT_INTERRUPTED);
    for (int d = 0; d < DRAWN; d++)
        if (metrics[d].known[METRIC_ACCURACY])
            all[fitting++] =
                (Subject){genes + d * choices, metrics[d].value[METRIC_ACCURACY], {0, 0}};
    qsort(all, (size_t)fitting, sizeof *all, by_accuracy);
    for (int i = 0; i < n; i++)
        subject[i] = all[(int64_t)i * (fitting - 1) / (n - 1)];
    return fitting;
}

static double train_alone(Run *run, const Gene *gene, uint64_t seed) {
    Supernet *fresh = supernet_new(run->plan.space, &run->plan.task, seed);
    TrainHooks hooks = {.title = "training a member alone"};
    Arena *arena = arena_new();
    Net net;
    Model model;
    Metrics metrics;
    Span span;
    Str why;
    if (!supernet_tune(fresh, gene, false, NULL, &run->plan.tune, &run->train, run->session->pool,
                       seed, &hooks) ||
        !space_instantiate(arena, run->plan.space, gene, &net, &span, &why) ||
        !judge_shipped(run->judge, fresh, &net, arena, &model, &metrics, &span, &why))
        exit(EXIT_INTERRUPTED);
    supernet_free(fresh);
    arena_free(arena);
    return metrics.value[METRIC_ACCURACY];
}

/* Kendall's tau-b of the pairs numbered by `index`. */
static double kendall(const double *x, const double *y, const int *index, int n) {
    double concordant = 0, ties_x = 0, ties_y = 0, pairs = n * (n - 1) / 2.0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) {
            double dx = x[index[i]] - x[index[k]], dy = y[index[i]] - y[index[k]];
            ties_x += dx == 0;
            ties_y += dy == 0;
            concordant += dx * dy > 0 ? 1 : dx * dy < 0 ? -1 : 0;
        }
    return concordant / sqrt((pairs - ties_x) * (pairs - ties_y));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_tau(const char *what, const double *x, const double *y, int n) {
    int index[MOST_MEMBERS];
    double tau[BOOTSTRAPS];
    for (int b = 0; b < BOOTSTRAPS; b++) {
        Random random = {99, (uint64_t)b, 0};
        for (int i = 0; i < n; i++)
            index[i] = random_below(&random, n);
        tau[b] = kendall(x, y, index, n);
    }
    qsort(tau, BOOTSTRAPS, sizeof *tau, ascending);
    for (int i = 0; i < n; i++)
        index[i] = i;
    printf("%-44s tau %.3f, 95 %% bootstrap interval %.3f to %.3f\n", what,
           kendall(x, y, index, n), tau[BOOTSTRAPS / 40], tau[BOOTSTRAPS - BOOTSTRAPS / 40 - 1]);
}

static int rank_claim(Run *run, int n) {
    Subject subject[MOST_MEMBERS];
    double inherited[MOST_MEMBERS], alone[2][MOST_MEMBERS], both[MOST_MEMBERS];
    int fitting = draw_subjects(run, subject, n);
    printf("%d members of %d drawn designs that fit; each trained alone for %d epochs, twice\n"
           "inherited   alone 1   alone 2\n",
           n, fitting, run->plan.tune.epochs);
    for (int i = 0; i < n; i++) {
        inherited[i] = subject[i].inherited;
        for (int s = 0; s < 2; s++)
            alone[s][i] = train_alone(run, subject[i].gene, (uint64_t)s + 101);
        both[i] = (alone[0][i] + alone[1][i]) / 2;
        printf("%8.2f %% %7.2f %% %7.2f %%\n", 100 * inherited[i], 100 * alone[0][i],
               100 * alone[1][i]);
        fflush(stdout);
    }
    print_tau("supernet against training alone (mean of two)", inherited, both, n);
    print_tau("supernet against training alone, once", inherited, alone[0], n);
    print_tau("ceiling: training alone, seed against seed", alone[0], alone[1], n);
    return EXIT_DONE;
}

int main(int count, char **words) {
    Session session;
    Run run;
    setvbuf(stdout, NULL, _IOLBF, 0);
    interrupt_install();
    if (count == 4 && !strcmp(words[1], "search")) {
        open_run(&session, &run, words[2], words[3]);
        return search_claim(&run);
    }
    int n = count == 5 && !strcmp(words[1], "rank") ? atoi(words[4]) : 0;
    if (n < 2 || n > MOST_MEMBERS)
        die(EXIT_USAGE, "usage: claims search SPEC OUT | claims rank SPEC OUT N");
    open_run(&session, &run, words[2], words[3]);
    return rank_claim(&run, n);
}
