/* Before any training: what costs the members of a space have, and whether any keeps the limits.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <string.h>

#define SAY(...) ((void)fprintf(stderr, __VA_ARGS__))

/* ---- a survey: designs through the real planner ---------------------------------------------- */

static void metric_note(Metrics *metrics, Metric metric, double value) {
    metrics->value[metric] = value;
    metrics->known[metric] = true;
}

/* What the planner says of a design that a device's table does not cost. In which of its memories
 * what lies would only matter to time. */
static bool costs_planned(const SurveyPlan *plan, Arena *arena, const Net *net,
                          Metrics *metrics, Span *span, Str *why) {
    Model model = model_build(arena, net);
    Program program;
    Target target = *plan->target;
    *metrics = (Metrics){0};
    target.tcm_bytes = 0;
    if (!program_build(arena, &model, &target, &program, span, why))
        return false;
    metric_note(metrics, METRIC_RAM, (double)program.arena_bytes);
    metric_note(metrics, METRIC_PARAMETERS, (double)net_parameters(net));
    metric_note(metrics, METRIC_MACS, (double)net_macs(net));
    return true;
}

static bool design_costs(const SurveyPlan *plan, Arena *arena, const Gene *gene,
                         Metrics *metrics, Span *span, Str *why) {
    Net net;
    if (!space_instantiate(arena, plan->space, gene, &net, span, why))
        return false;
    if (plan->device)
        return judge_costs(plan->device, arena, &net, metrics, span, why);
    return costs_planned(plan, arena, &net, metrics, span, why);
}

static void survey_add(Survey *survey, const SurveyPlan *plan, const Metrics *metrics,
                       const Gene *gene) {
    double violation[MAX_LIMITS];
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (!metrics->known[m])
            continue;
        bool first = !survey->known[m];
        survey->known[m] = true;
        if (first || metrics->value[m] < survey->low[m])
            survey->low[m] = metrics->value[m];
        if (first || metrics->value[m] > survey->high[m])
            survey->high[m] = metrics->value[m];
    }
    survey->designs++;
    bool fits = judge_feasible(plan->limits, metrics, violation);
    if (fits && !survey->fitting++)
        memcpy(survey->fits, gene, (size_t)plan->space->choices.count);
    for (int i = 0; i < plan->limits->limits; i++)
        survey->meets[i] += violation[i] == 0;
}

static bool survey_design(const SurveyPlan *plan, const Gene *gene, Survey *survey, Span *span,
                          Str *why) {
    Arena *arena = arena_new();
    Metrics metrics;
    Str reason;
    bool done = design_costs(plan, arena, gene, &metrics, span, &reason);
    if (done)
        survey_add(survey, plan, &metrics, gene);
    else
        *why = str_copy(plan->arena, reason);
    arena_free(arena);
    return done;
}

/* The member with the smallest values, which random draws may miss, and many drawn at random;
 * or all, where they are no more. */
bool survey_take(const SurveyPlan *plan, Survey *survey, Span *span, Str *why) {
    enum { DRAWN = 500, SECONDS = 4 };
    double until = clock_seconds() + SECONDS; /* large networks: fewer are looked at */
    const Space *space = plan->space;
    int choices = space->choices.count;
    Gene *gene = arena_array(plan->arena, Gene, choices + 1);
    *survey = (Survey){.fits = arena_array(plan->arena, Gene, choices + 1)};
    survey->all = !members_pick(plan->legal, DRAWN, gene) && members_pick(plan->legal, 0, gene);
    for (int i = 0; survey->all && members_pick(plan->legal, (uint64_t)i, gene); i++)
        if (!survey_design(plan, gene, survey, span, why))
            return false;
    if (survey->all)
        return true;
    genotype_extreme(space, gene, false);
    Random first = {plan->seed, 0x424f, 0};
    if (plan->evenly)
        members_repair(plan->legal, &first, gene);
    if (genotype_legal(space, gene) && !survey_design(plan, gene, survey, span, why))
        return false;
    for (int draw = 0; draw < DRAWN && !interrupted(); draw++) {
        Random random = {plan->seed, 0x424f, (uint64_t)draw << 20};
        if (plan->hasty && clock_seconds() > until)
            break;
        for (int c = 0; c < choices && !plan->evenly; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        if (plan->evenly && !members_draw(plan->legal, &random, gene))
            return true;
        genotype_canonical(space, gene);
        if (!survey_design(plan, gene, survey, span, why))
            return false;
    }
    return true;
}

Str survey_looked_at(Arena *arena, const Survey *survey) {
    return survey->all ? str_format(arena, "all %d members", survey->designs)
                       : str_format(arena, "%d that were looked at", survey->designs);
}

/* ---- a tight space: is anything in it? ------------------------------------------------------- */

/* How far a design is from all limits together; -1 where it cannot be costed. */
static double excess(const SurveyPlan *plan, const Gene *gene) {
    double violation[MAX_LIMITS], sum = 0;
    Arena *arena = arena_new();
    Metrics metrics;
    Span span;
    Str why;
    bool costed = genotype_legal(plan->space, gene) &&
                  design_costs(plan, arena, gene, &metrics, &span, &why);
    if (costed)
        judge_feasible(plan->limits, &metrics, violation);
    for (int i = 0; costed && i < plan->limits->limits; i++)
        sum += violation[i];
    arena_free(arena);
    return costed ? sum : -1;
}

/* One decision at a time, whatever lessens the excess, until nothing does. */
static bool descend(const SurveyPlan *plan, Gene *gene, Gene *trial) {
    const Space *space = plan->space;
    int choices = space->choices.count, last = 0;
    double best = excess(plan, gene);
    for (int c = 0; best != 0 && c - last <= choices && !interrupted(); c++) {
        const Choice *choice = &space->choices.at[c % choices];
        for (int v = 0; v < choice->count; v++) {
            memcpy(trial, gene, (size_t)choices);
            trial[c % choices] = (Gene)v;
            genotype_canonical(space, trial);
            double found = excess(plan, trial);
            if (found < 0 || (best >= 0 && found >= best))
                continue;
            memcpy(gene, trial, (size_t)choices);
            best = found;
            last = c;
        }
    }
    return best == 0;
}

bool survey_hunt(const SurveyPlan *plan, Gene *gene) {
    enum { STARTS = 20 };
    const Space *space = plan->space;
    Gene *trial = arena_array(plan->arena, Gene, space->choices.count + 1);
    for (int start = 0; start < STARTS && space->choices.count && !interrupted(); start++) {
        Random random = {plan->seed, 0x4855, (uint64_t)start << 20};
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        genotype_canonical(space, gene);
        if (plan->evenly)
            members_repair(plan->legal, &random, gene);
        if (descend(plan, gene, trial))
            return true;
    }
    return false;
}

/* ---- of a search that is to run -------------------------------------------------------------- */

static void survey_print(const Run *run, const Survey *survey) {
    Arena *arena = run->arena;
    const JudgePlan *plan = &run->plan.judge;
    SAY("%.*s: of %d designs, %s, ", STR_ARG(run->plan.name), survey->designs,
        survey->all ? "all that there are" : "the smallest and random ones");
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
int report_unfit(Session *session, const SurveyPlan *plan, const Survey *survey, Span name) {
    Diagnostics *diagnostics = session->diagnostics;
    Str looked = survey_looked_at(plan->arena, survey);
    for (int i = 0; i < plan->limits->limits; i++) {
        const Limit *limit = &plan->limits->limit[i];
        Metric m = limit->metric;
        if (survey->meets[i])
            continue;
        double best = limit->at_least ? survey->high[m] : survey->low[m];
        error_at(diagnostics, limit->span,
                 "no design fits: of %.*s, the %s %s is %.*s, and the limit is %.*s",
                 STR_ARG(looked), limit->at_least ? "largest" : "least", metric_name(m),
                 STR_ARG(show_metric(plan->arena, m, best)),
                 STR_ARG(show_metric(plan->arena, m, limit->value)));
    }
    if (!error_count(diagnostics))
        error_at(diagnostics, name,
                 "no design fits: of %.*s, some meet each limit, but none meets all",
                 STR_ARG(looked));
    session_print_errors(session);
    return EXIT_INFEASIBLE;
}

int run_bounds(Run *run) {
    const Space *space = run->plan.space;
    Survey survey;
    Span span;
    Str why;
    SurveyPlan plan = {.arena = run->arena,
                       .space = space,
                       .legal = members_new(run->arena, space, NULL, 0),
                       .device = run->device,
                       .target = &run->plan.target,
                       .limits = &run->plan.judge,
                       .seed = run->plan.seed,
                       .evenly = space->constraints.count > 0};
    if (!survey_take(&plan, &survey, &span, &why)) {
        session_error(run->session, span, why);
        return EXIT_FILE;
    }
    if (interrupted())
        return EXIT_INTERRUPTED;
    if (survey.designs)
        survey_print(run, &survey);
    Gene *gene = arena_array(run->arena, Gene, space->choices.count + 1);
    if (survey.fitting || !survey.designs || (!survey.all && survey_hunt(&plan, gene)))
        return EXIT_DONE;
    return report_unfit(run->session, &plan, &survey, run->plan.decl->span);
}
