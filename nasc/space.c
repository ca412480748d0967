/* nasc space: what is known of every space of a file before anything is trained: how many
 * members, between which bounds, which values are of no use, and whether anything fits. Needs
 * neither data nor a toolchain, nor an engine for what the file asks.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/space.h"

#include <math.h>
#include <string.h>

typedef struct Inquiry {
    Session *session;
    const Decl *decl; /* of the search; NULL: a network by itself */
    SpaceReport *report;
    SumLimit limit[2 * MAX_LIMITS];
    int exact, limits; /* the exact ones first; the rest is necessary, but not enough */
    Members *base, *legal, *tight;
} Inquiry;

/* ---- limits ------------------------------------------------------------------------------ */

static bool is_trained(Metric metric) {
    return metric == METRIC_ACCURACY || metric == METRIC_RETENTION ||
           metric == METRIC_FULL_PRECISION;
}

/* A limit that the members' sums can be held against: exactly, or (weights, of flash) in
 * part. */
static bool sum_of_limit(const Limit *limit, bool exact, SumLimit *sum) {
    if (limit->at_least || !(limit->value < 9e18) || limit->value < 0)
        return false;
    *sum = (SumLimit){.most = (int64_t)floor(limit->value), .span = limit->span};
    switch (limit->metric) {
    case METRIC_PARAMETERS:
        sum->sum = SUM_PARAMETERS;
        return exact;
    case METRIC_MACS:
        sum->sum = SUM_MACS;
        return exact;
    case METRIC_FLASH:
    case METRIC_MEMORY:
        sum->sum = SUM_WEIGHT_BYTES;
        return !exact;
    default:
        return false;
    }
}

static void read_limits(Inquiry *q) {
    const SpecEntry *entry = decl_entry(q->decl, "require");
    for (int i = 0; i < entry->count; i++) {
        const SpecValue *value = &entry->values[i];
        LimitReport limit = {.text = span_text(q->session->diagnostics, value->span),
                             .span = value->span};
        limit.simple = limit_of(value, &limit.limit);
        limit.trained = !limit.simple || is_trained(limit.limit.metric);
        vec_push(q->report->arena, &q->report->limits, limit);
    }
    for (int exact = 1; exact >= 0; exact--)
        for (int i = 0; i < q->report->limits.count && q->limits < 2 * MAX_LIMITS; i++) {
            LimitReport *limit = &q->report->limits.at[i];
            if (limit->simple && sum_of_limit(&limit->limit, exact, &q->limit[q->limits])) {
                q->limits++;
                q->exact += exact;
                limit->counted = exact;
            }
        }
}

/* Held against the bounds of all that keeps the space's own conditions. */
static void find_unbinding(Inquiry *q) {
    for (int i = 0; i < q->report->limits.count; i++) {
        LimitReport *limit = &q->report->limits.at[i];
        SumLimit sum;
        SumBounds bounds;
        if (limit->counted && sum_of_limit(&limit->limit, true, &sum) &&
            members_sum(q->base, sum.sum, &bounds))
            limit->never_binds = bounds.high <= sum.most;
    }
}

/* ---- values of no use -------------------------------------------------------------------- */

/* As it is written, and where. */
static Str condition_text(const Inquiry *q, int condition) {
    enum { LONGEST = 60 };
    const Space *space = q->report->space;
    Arena *arena = q->report->arena;
    bool limit = condition >= space->constraints.count;
    Span span = limit ? q->limit[condition - space->constraints.count].span
                      : space->constraints.at[condition].span;
    Str written = span_text(q->session->diagnostics, span);
    Place place;
    if (!span_place(q->session->diagnostics, span, &place))
        return STR("a condition");
    bool cut = written.length > LONGEST;
    return str_format(arena, "%.*s%s at line %d", cut ? LONGEST : written.length, written.at,
                      cut ? "..." : "", place.line);
}

/* What a value is excluded by: the conditions, of the space and then of the search. */
static void add_useless(Inquiry *q, int choice, int value) {
    enum { EXPLAINED = 40 };
    Arena *arena = q->report->arena;
    Useless useless = {.choice = choice, .value = value};
    const int *conditions;
    if (q->report->useless.count < EXPLAINED)
        useless.causes = members_conflict(q->tight, choice, value, &conditions);
    Str *because = arena_array(arena, Str, useless.causes + 1);
    for (int i = 0; i < useless.causes; i++)
        because[i] = condition_text(q, conditions[i]);
    useless.because = because;
    vec_push(arena, &q->report->useless, useless);
}

/* A decision none of whose values is taken is not reached by any member: that follows from
 * values elsewhere, which are told. */
static void find_useless(Inquiry *q) {
    const Space *space = q->report->space;
    for (int c = 0; c < space->choices.count; c++) {
        int useless = 0, count = space->choices.at[c].count;
        for (int v = 0; v < count; v++)
            useless += members_use(q->tight, c, v) == USE_NONE;
        q->report->unreached += useless == count;
        for (int v = 0; v < count && useless && useless < count; v++)
            if (members_use(q->tight, c, v) == USE_NONE)
                add_useless(q, c, v);
    }
}

/* ---- empty spaces ------------------------------------------------------------------------ */

static bool has_none(const Members *members) {
    SpaceCount count = members_count(members);
    return str_equal(count.digits, STR("0"));
}

/* The conditions of the space alone leave nothing. */
static void report_conflict(Inquiry *q) {
    Diagnostics *diagnostics = q->session->diagnostics;
    const Space *space = q->report->space;
    const int *conditions;
    int count = members_conflict(q->base, -1, 0, &conditions);
    if (count == 0)
        error_at(diagnostics, space->constraints.at[0].span,
                 "empty: no member satisfies the conditions of this network");
    for (int i = 0; i < count; i++) {
        Span span = space->constraints.at[conditions[i]].span;
        if (i == 0)
            error_at(diagnostics, span,
                     count == 1 ? "empty: no member satisfies this condition"
                                : "empty: no member satisfies this condition together with "
                                  "%d more",
                     count - 1);
        else
            note_at(diagnostics, span, "this one, and without it there are members");
    }
}

/* A limit below what the smallest legal member has. */
static bool report_small_limit(Inquiry *q, const SumLimit *limit) {
    Arena *arena = q->report->arena;
    SumBounds bounds;
    bool weights = limit->sum == SUM_WEIGHT_BYTES;
    if (!members_sum(q->base, limit->sum, &bounds) || bounds.low <= limit->most)
        return false;
    error_at(q->session->diagnostics, limit->span, "empty: %s %.*s %s, and the limit is %.*s",
             weights ? "the weights of the smallest member alone take"
                     : "the smallest member has",
             STR_ARG(sum_text(arena, limit->sum, bounds.low)),
             weights ? "packed" : sum_names[limit->sum],
             STR_ARG(sum_text(arena, limit->sum, limit->most)));
    return true;
}

/* Each limit can be kept, but not all at once. */
static void report_joint(Inquiry *q) {
    const Space *space = q->report->space;
    const int *conditions;
    int count = members_conflict(q->tight, -1, 0, &conditions), said = 0;
    for (int i = 0; i < count; i++) {
        bool limit = conditions[i] >= space->constraints.count;
        Span span = limit ? q->limit[conditions[i] - space->constraints.count].span
                          : space->constraints.at[conditions[i]].span;
        if (said++ == 0)
            error_at(q->session->diagnostics, span,
                     "empty: no member keeps this together with %d more", count - 1);
        else
            note_at(q->session->diagnostics, span,
                    "this one, and without it there are members");
    }
    if (!said)
        error_at(q->session->diagnostics, q->decl->span,
                 "empty: no member keeps the limits of this search");
}

/* EXIT_DONE where something is legal. */
static int find_empty(Inquiry *q) {
    if (has_none(q->base))
        report_conflict(q);
    else if (has_none(q->tight)) {
        bool said = false;
        for (int i = 0; i < q->limits; i++)
            said |= report_small_limit(q, &q->limit[i]);
        if (!said)
            report_joint(q);
    }
    bool empty = error_count(q->session->diagnostics) > 0;
    if (empty)
        session_print_errors(q->session);
    return empty ? EXIT_INFEASIBLE : EXIT_DONE;
}

/* ---- devices ----------------------------------------------------------------------------- */

static void device_limits(Inquiry *q, const Target *target, DeviceReport *device) {
    for (int i = 0; i < q->report->limits.count; i++)
        if (q->report->limits.at[i].simple && device->limits.limits < MAX_LIMITS)
            device->limits.limit[device->limits.limits++] = q->report->limits.at[i].limit;
    add_device_limits(q->decl, target, &device->limits);
}

/* The device's table, if it has one that costs what the space needs: else what is missing. */
static const Device *device_table(Inquiry *q, const Target *target, DeviceReport *report) {
    Arena *arena = q->report->arena;
    Str why;
    const Device *device = device_open(arena, target, NULL, q->session->options.library, &why);
    if (!device || !target->table.length) {
        report->unknown =
            device
                ? str_format(arena, "flash and time: no table for %.*s yet; a build measures",
                             STR_ARG(target->name))
                : str_format(arena, "flash and time: %.*s", STR_ARG(why));
        return NULL;
    }
    return device;
}

static int survey_device(Inquiry *q, const Target *target, DeviceReport *report) {
    const SpecValue *seed = decl_value(q->decl, "seed");
    SurveyPlan plan = {.arena = q->report->arena,
                       .space = q->report->space,
                       .legal = q->legal,
                       .target = target,
                       .limits = &report->limits,
                       .seed = seed ? (uint64_t)seed->number.n : 1,
                       .hasty = true,
                       .evenly = true};
    Span span;
    Str why;
    plan.device = device_table(q, target, report);
    report->costed = plan.device != NULL;
    report->surveyed = survey_take(&plan, &report->survey, &span, &why);
    if (!report->surveyed && plan.device) {
        report->unknown = str_format(plan.arena,
                                     "flash and time: some members need kernels that are not "
                                     "in the table of %.*s; a build measures them",
                                     STR_ARG(target->name));
        report->costed = false;
        plan.device = NULL;
        report->surveyed = survey_take(&plan, &report->survey, &span, &why);
    }
    if (!report->surveyed) {
        Place place;
        bool placed = span_place(q->session->diagnostics, span, &place);
        report->unknown = str_format(
            plan.arena, "costs: %.*s%s", STR_ARG(why),
            placed ? str_format(plan.arena, " (%.*s:%d)", STR_ARG(place.file), place.line).at
                   : "");
        return EXIT_DONE;
    }
    Gene *gene = arena_array(plan.arena, Gene, plan.space->choices.count + 1);
    if (report->survey.fitting) {
        q->report->example = report->survey.fits;
        q->report->example_fits = report->costed;
    } else if (report->survey.designs && !report->survey.all && survey_hunt(&plan, gene)) {
        q->report->example = gene;
        q->report->example_fits = report->costed;
    } else if (report->survey.designs && !interrupted())
        return report_unfit(q->session, &plan, &report->survey, q->decl->span);
    return EXIT_DONE;
}

static int ask_device(Inquiry *q, Str name) {
    DeviceReport report = {.name = name};
    const Decl *decl = spec_decl(q->session->spec, DECL_DEVICE, name);
    Target target;
    int code = EXIT_DONE;
    if (!decl || !spec_target(q->session->spec, decl, q->report->arena, &target))
        return EXIT_DONE;
    device_limits(q, &target, &report);
    if (target.code == CODE_NONE)
        report.unknown = str_format(q->report->arena,
                                    "costs: %.*s is cost-only, and what it declares is not "
                                    "computed before a search",
                                    STR_ARG(name));
    else
        code = survey_device(q, &target, &report);
    vec_push(q->report->arena, &q->report->devices, report);
    return code;
}

/* ---- the whole --------------------------------------------------------------------------- */

static void find_bounds(Inquiry *q) {
    for (int s = 0; s < SUM_COUNT; s++)
        q->report->bounded[s] = members_sum(q->legal, (SpaceSum)s, &q->report->bounds[s]);
}

/* With nothing but the members to choose from. */
static void find_example(Inquiry *q) {
    SpaceReport *report = q->report;
    Gene *gene = arena_array(report->arena, Gene, report->space->choices.count + 1);
    Random random = {1, 0x4558, 0};
    if (report->example)
        return;
    genotype_extreme(report->space, gene, false);
    if (members_repair(q->tight, &random, gene))
        report->example = gene;
}

static int inquire(Inquiry *q) {
    SpaceReport *report = q->report;
    Arena *arena = report->arena;
    if (q->decl)
        read_limits(q);
    q->base = q->legal = q->tight = members_new(arena, report->space, NULL, 0);
    if (q->exact)
        q->legal = q->tight = members_new(arena, report->space, q->limit, q->exact);
    if (q->limits > q->exact)
        q->tight = members_new(arena, report->space, q->limit, q->limits);
    report->all = members_count(q->base);
    report->count = members_count(q->legal);
    report->limited = q->exact > 0;
    int code = find_empty(q);
    report->empty = code != EXIT_DONE;
    if (code)
        return code;
    find_bounds(q);
    find_unbinding(q);
    find_useless(q);
    const SpecEntry *devices = q->decl ? decl_entry(q->decl, "device") : NULL;
    for (int i = 0; devices && i < devices->count && !code; i++)
        code = ask_device(q, devices->values[i].text);
    if (interrupted())
        return EXIT_INTERRUPTED;
    find_example(q);
    return code;
}

static int inquire_and_print(Session *session, const Decl *decl, Str network, Str precision) {
    Arena *arena = arena_new();
    SpaceReport report = {.arena = arena,
                          .places = session->diagnostics,
                          .search = decl ? decl->name : STR(""),
                          .network = network,
                          .precision = precision,
                          .space = spec_space(session->spec, network, precision)};
    Inquiry q = {.session = session, .decl = decl, .report = &report};
    int code = report.space ? inquire(&q) : EXIT_DONE;
    Text text = text_new(arena);
    if (session->options.json)
        report_json(&report, &text);
    else
        report_print(&report, &text);
    if (code != EXIT_INFEASIBLE || !session->options.json)
        printf("%.*s", STR_ARG(text_str(&text)));
    arena_free(arena);
    return code;
}

/* Searches first, each with its precision; then networks that no search asks for. */
int space_of_all(Session *session) {
    Spec *spec = session->spec;
    const Decl *decl;
    Map *done = map_new(session->arena);
    int code = EXIT_DONE;
    for (int i = 0; (decl = spec_root_decl(spec, DECL_SEARCH, i)); i++) {
        const SpecValue *precision = decl_value(decl, "precision");
        Str network = spec_subject(spec, decl);
        int found =
            inquire_and_print(session, decl, network, precision ? precision->text : STR(""));
        code = code ? code : found;
        map_put(done, network, 1);
    }
    for (int i = 0; spec_network(spec, i).length; i++)
        if (!map_get(done, spec_network(spec, i), NULL)) {
            int found = inquire_and_print(session, NULL, spec_network(spec, i), STR(""));
            code = code ? code : found;
        }
    for (int i = 0; spec_import(spec, i).length; i++)
        if (!map_get(done, spec_import(spec, i), NULL))
            (void)inquire_and_print(session, NULL, spec_import(spec, i), STR(""));
    return code;
}
