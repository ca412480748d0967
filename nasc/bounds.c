/* Before any training: what costs the members of a space have, and whether any keeps the limits.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <string.h>

#define SAY(...) ((void)fprintf(stderr, __VA_ARGS__))

/* Metrics that need no weights, over designs drawn at random. */
typedef struct Survey {
    double low[METRIC_COUNT], high[METRIC_COUNT];
    int designs, fitting, meets[MAX_LIMITS];
} Survey;

static void survey_add(Survey *survey, const JudgePlan *plan, const Metrics *metrics) {
    double violation[MAX_LIMITS];
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!metrics->known[m])
            continue;
        bool first = survey->designs == 0;
        if (first || metrics->value[m] < survey->low[m])
            survey->low[m] = metrics->value[m];
        if (first || metrics->value[m] > survey->high[m])
            survey->high[m] = metrics->value[m];
    }
    survey->designs++;
    survey->fitting += judge_feasible(plan, metrics, violation);
    for (int i = 0; i < plan->limits; i++)
        survey->meets[i] += violation[i] == 0;
}

static bool survey_design(Run *run, const Gene *gene, Survey *survey) {
    Arena *arena = arena_new();
    Net net;
    Span span;
    Str why;
    Metrics metrics;
    bool done = space_instantiate(arena, run->plan.space, gene, &net, &span, &why) &&
                judge_costs(run->device, arena, &net, &metrics, &span, &why);
    if (done)
        survey_add(survey, &run->plan.judge, &metrics);
    else
        session_error(run->session, span, why);
    arena_free(arena);
    return done;
}

static void survey_print(const Run *run, const Survey *survey) {
    Arena *arena = run->arena;
    const JudgePlan *plan = &run->plan.judge;
    SAY("%.*s: of %d designs, the smallest and random ones, ", STR_ARG(run->plan.name),
        survey->designs);
    for (int m = 0, shown = 0; m < METRIC_COUNT; m++)
        if (survey->high[m] > 0 &&
            (m == METRIC_FLASH || m == METRIC_RAM || m == METRIC_LATENCY)) {
            Str low = show_metric(arena, (Metric)m, survey->low[m]);
            Str high = show_metric(arena, (Metric)m, survey->high[m]);
            SAY("%s%s %.*s to %.*s", shown++ ? ", " : "", metric_name((Metric)m), STR_ARG(low),
                STR_ARG(high));
        }
    SAY("\n");
    for (int i = 0; i < plan->limits; i++) {
        const Limit *limit = &plan->limit[i];
        if (survey->high[limit->metric] <= 0)
            continue;
        Str value = show_metric(arena, limit->metric, limit->value);
        SAY("  %s %s %.*s holds for %.1f %% of them%s\n", metric_name(limit->metric),
            limit->at_least ? ">=" : "<=", STR_ARG(value),
            100.0 * survey->meets[i] / survey->designs,
            survey->meets[i] == survey->designs ? ": it does not bind" : "");
    }
}

/* Limits that none of the designs meets; where each is met by some, that none meets all. */
static int report_bounds(Run *run, const Survey *survey) {
    Diagnostics *diagnostics = run->session->diagnostics;
    for (int i = 0; i < run->plan.judge.limits; i++) {
        const Limit *limit = &run->plan.judge.limit[i];
        Metric m = limit->metric;
        if (survey->meets[i])
            continue;
        Str best =
            show_metric(run->arena, m, limit->at_least ? survey->high[m] : survey->low[m]);
        error_at(diagnostics, limit->span,
                 "no design fits: of %d that were looked at, the %s %s is %.*s, and the limit "
                 "is %.*s",
                 survey->designs, limit->at_least ? "largest" : "least", metric_name(m),
                 STR_ARG(best), STR_ARG(show_metric(run->arena, m, limit->value)));
    }
    if (!error_count(diagnostics))
        error_at(diagnostics, run->plan.decl->span,
                 "no design fits: of %d that were looked at, some meet each limit, but none "
                 "meets all",
                 survey->designs);
    session_print_errors(run->session);
    return EXIT_INFEASIBLE;
}

/* The member with the smallest values, which random draws may miss, and many drawn at
 * random. */
/* ---- a tight space: is anything in it? ------------------------------------------------------- */

/* How far a design is from all limits together; -1 where it cannot be costed. */
static double excess(Run *run, const Gene *gene) {
    double violation[MAX_LIMITS], sum = 0;
    Arena *arena = arena_new();
    Net net;
    Span span;
    Str why;
    Metrics metrics;
    bool costed = genotype_legal(run->plan.space, gene) &&
                  space_instantiate(arena, run->plan.space, gene, &net, &span, &why) &&
                  judge_costs(run->device, arena, &net, &metrics, &span, &why);
    if (costed)
        judge_feasible(&run->plan.judge, &metrics, violation);
    for (int i = 0; costed && i < run->plan.judge.limits; i++)
        sum += violation[i];
    arena_free(arena);
    return costed ? sum : -1;
}

/* One decision at a time, whatever lessens the excess, until nothing does. */
static bool descend(Run *run, Gene *gene, Gene *trial) {
    const Space *space = run->plan.space;
    int choices = space->choices.count, last = 0;
    double best = excess(run, gene);
    for (int c = 0; best != 0 && c - last <= choices; c++) {
        const Choice *choice = &space->choices.at[c % choices];
        for (int v = 0; v < choice->count; v++) {
            memcpy(trial, gene, (size_t)choices);
            trial[c % choices] = (Gene)v;
            genotype_canonical(space, trial);
            double found = excess(run, trial);
            if (found < 0 || (best >= 0 && found >= best))
                continue;
            memcpy(gene, trial, (size_t)choices);
            best = found;
            last = c;
        }
    }
    return best == 0;
}

/* Whether some design keeps the limits that need no weights, by descent from random ones. */
static bool hunt(Run *run, Gene *gene) {
    enum { STARTS = 20 };
    const Space *space = run->plan.space;
    Gene *trial = arena_array(run->arena, Gene, space->choices.count + 1);
    for (int start = 0; start < STARTS && space->choices.count; start++) {
        Random random = {run->plan.seed, 0x4855, (uint64_t)start << 20};
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        genotype_canonical(space, gene);
        if (descend(run, gene, trial))
            return true;
    }
    return false;
}

int run_bounds(Run *run) {
    enum { DRAWN = 500 };
    const Space *space = run->plan.space;
    Gene *gene = arena_array(run->arena, Gene, space->choices.count + 1);
    Survey survey = {0};
    genotype_extreme(space, gene, false);
    if (genotype_legal(space, gene) && !survey_design(run, gene, &survey))
        return EXIT_FILE;
    for (int draw = 0; draw < DRAWN; draw++) {
        Random random = {run->plan.seed, 0x424f, (uint64_t)draw << 20};
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        genotype_canonical(space, gene);
        if (genotype_legal(space, gene) && !survey_design(run, gene, &survey))
            return EXIT_FILE;
    }
    if (survey.designs)
        survey_print(run, &survey);
    if (survey.fitting || !survey.designs || hunt(run, gene))
        return EXIT_DONE;
    return report_bounds(run, &survey);
}
