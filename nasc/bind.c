/* A checked declaration -> plans: the only file that knows what the words of a search mean.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <string.h>

/* ---- values ------------------------------------------------------------------------------ */

static Str text_of(const SpecValue *value) {
    return value ? value->text : (Str){0};
}

static double number_of(const SpecValue *value, double initial) {
    return value ? rational_double(value->number) : initial;
}

static double argument(const SpecValue *call, const char *name, int position, double initial) {
    return number_of(call_argument(call, name, position), initial);
}

/* The call of that name among an entry's values, or NULL. */
static const SpecValue *call_of(const Decl *decl, const char *key, const char *callee) {
    const SpecEntry *entry = decl_entry(decl, key);
    for (int i = 0; i < entry->count; i++)
        if ((entry->values[i].type == SPEC_CALL || entry->values[i].type == SPEC_NAME) &&
            str_equal(entry->values[i].text, str_of(callee)))
            return &entry->values[i];
    return NULL;
}

/* ---- training ---------------------------------------------------------------------------- */

static void bind_rate(const SpecValue *call, TrainPlan *plan) {
    const SpecValue *rate = call_argument(call, "rate", -1);
    if (!rate)
        return;
    plan->rate_kind = str_equal(rate->text, STR("cosine")) ? RATE_COSINE : RATE_CONSTANT;
    plan->rate =
        argument(rate, plan->rate_kind == RATE_COSINE ? "peak" : "rate", 0, plan->rate);
}

static void bind_training(const SpecValue *call, TrainPlan *plan) {
    plan->epochs = 0;
    if (!call)
        return;
    plan->epochs = (int)argument(call, "epochs", 0, 20);
    plan->batch = (int)argument(call, "batch", -1, plan->batch);
    plan->images = (int)argument(call, "images", -1, plan->images);
    plan->random_members = (int)argument(call, "sandwich", -1, plan->random_members);
    plan->distil = argument(call, "distill", -1, plan->distil) != 0;
    plan->float_share = argument(call, "floating", -1, plan->float_share);
    plan->momentum = argument(call, "momentum", -1, plan->momentum);
    plan->weight_decay = argument(call, "decay", -1, plan->weight_decay);
    plan->label_smoothing = argument(call, "smoothing", -1, plan->label_smoothing);
    bind_rate(call, plan);
}

/* ---- objectives and limits --------------------------------------------------------------- */

static void add_objectives(const Decl *decl, const char *key, bool maximise, JudgePlan *plan) {
    const SpecEntry *entry = decl_entry(decl, key);
    for (int i = 0; i < entry->count && plan->objectives < MAX_OBJECTIVES; i++)
        if (metric_named(entry->values[i].text, &plan->objective[plan->objectives]))
            plan->maximise[plan->objectives++] = maximise;
}

/* `ram <= 16 KiB`, or the same written the other way round. */
bool limit_of(const SpecValue *value, Limit *limit) {
    if (value->type != SPEC_COMPARE || value->count != 2)
        return false;
    const SpecValue *left = &value->items[0].value, *right = &value->items[1].value;
    bool swapped = left->type == SPEC_NUMBER;
    const SpecValue *name = swapped ? right : left, *number = swapped ? left : right;
    *limit = (Limit){.span = value->span, .value = number_of(number, 0)};
    limit->at_least = (value->text.at[0] == '>') != swapped;
    return name->type == SPEC_NAME && number->type == SPEC_NUMBER &&
           metric_named(name->text, &limit->metric);
}

static bool bind_limit(Session *session, const SpecValue *value, Limit *limit) {
    if (limit_of(value, limit))
        return true;
    error_at(session->diagnostics, value->span,
             "a limit compares a metric with a number, such as ram <= 16 KiB");
    return false;
}

static void add_limits(Session *session, const Decl *decl, JudgePlan *plan) {
    const SpecEntry *entry = decl_entry(decl, "require");
    for (int i = 0; i < entry->count; i++) {
        if (entry->values[i].type != SPEC_COMPARE)
            continue;
        if (plan->limits == MAX_LIMITS)
            error_at(session->diagnostics, entry->values[i].span,
                     "a search takes at most %d limits", MAX_LIMITS);
        else if (bind_limit(session, &entry->values[i], &plan->limit[plan->limits]))
            plan->limits++;
    }
}

void add_device_limits(const Decl *decl, const Target *target, JudgePlan *plan) {
    const struct {
        Metric metric;
        int64_t bytes;
    } limits[] = {{METRIC_FLASH, target->flash_bytes}, {METRIC_RAM, target->ram_bytes}};
    for (int i = 0; i < COUNT(limits); i++) {
        bool stated = limits[i].bytes <= 0 || plan->limits == MAX_LIMITS;
        for (int k = 0; k < plan->limits; k++)
            stated = stated || plan->limit[k].metric == limits[i].metric;
        if (!stated)
            plan->limit[plan->limits++] =
                (Limit){limits[i].metric, false, (double)limits[i].bytes, decl->span};
    }
}

/* ---- the search -------------------------------------------------------------------------- */

static bool bind_task(Session *session, const SpecValue *name, Task *task) {
    const Decl *decl = name ? spec_decl(session->spec, DECL_TASK, name->text) : NULL;
    return decl && spec_task(session->spec, decl, session->arena, task);
}

static bool bind_target(Session *session, const SpecValue *name, Target *target) {
    const Decl *decl = name ? spec_decl(session->spec, DECL_DEVICE, name->text) : NULL;
    return decl && spec_target(session->spec, decl, session->arena, target);
}

static int count_of(const Decl *decl, const char *key, int initial) {
    const SpecValue *call = decl_value(decl, key);
    return call ? (int)argument(call, "count", 0, initial) : initial;
}

static void bind_strategy(Session *session, const Decl *decl, SearchBinding *binding) {
    const SpecValue *call = decl_value(decl, "strategy");
    SearchPlan *plan = &binding->search;
    *plan = search_plan_default();
    plan->seed = binding->seed;
    binding->strategy = strategy_of(text_of(call));
    if (!binding->strategy) {
        error_at(session->diagnostics, call ? call->span : decl->span,
                 "this nasc has no strategy \"%.*s\"", STR_ARG(text_of(call)));
        return;
    }
    plan->population = (int)argument(call, "population", -1, plan->population);
    plan->generations = (int)argument(call, "generations", -1, plan->generations);
    plan->designs = (int)argument(call, "designs", -1, plan->designs);
    plan->designs = count_of(decl, "budget", plan->designs);
    plan->crossover = argument(call, "crossover", -1, plan->crossover);
    plan->mutation = argument(call, "mutation", -1, plan->mutation);
}

static void bind_fidelity(const Decl *decl, JudgePlan *plan) {
    enum { RECALIBRATE = 1024 };
    plan->images = count_of(decl, "judge", 0);
    plan->recalibrate = count_of(decl, "calibrate", RECALIBRATE);
}

/* Time is that of this machine; instructions are counted by an emulator. */
static bool is_measurable(const Target *target) {
    return target->measure == MEASURE_INSTRUCTIONS || target->table.length > 0 ||
           str_equal(target->isa, STR("native"));
}

static bool check_target(Session *session, const Decl *decl, const Target *target) {
    if (is_measurable(target))
        return true;
    error_at(session->diagnostics, decl_value(decl, "device")->span,
             "the time of %.*s can be measured on it only: this nasc has no way to run "
             "programs there",
             STR_ARG(target->name));
    return false;
}

static bool check_trains(Session *session, const Space *space) {
    Span span;
    Str why;
    bool trains = supernet_trains(session->arena, space, &span, &why);
    if (!trains)
        error_at(session->diagnostics, span, "%.*s", STR_ARG(why));
    return trains;
}

bool bind_runs(Session *session, const SearchBinding *binding) {
    return check_target(session, binding->decl, &binding->target) &&
           check_trains(session, binding->space);
}

bool bind_search(Session *session, const Decl *decl, SearchBinding *binding) {
    int before = error_count(session->diagnostics);
    *binding = (SearchBinding){.decl = decl,
                               .name = decl->name,
                               .network = text_of(decl_value(decl, "network")),
                               .precision = text_of(decl_value(decl, "precision"))};
    binding->space = spec_space(session->spec, binding->network, binding->precision);
    if (!bind_task(session, decl_value(decl, "task"), &binding->task) ||
        !bind_target(session, decl_value(decl, "device"), &binding->target) || !binding->space)
        return false;
    binding->seed = (uint64_t)number_of(decl_value(decl, "seed"), 1);
    add_objectives(decl, "maximize", true, &binding->judge);
    add_objectives(decl, "minimize", false, &binding->judge);
    add_limits(session, decl, &binding->judge);
    add_device_limits(decl, &binding->target, &binding->judge);
    bind_fidelity(decl, &binding->judge);
    binding->supernet = binding->tune = train_plan_default();
    bind_training(call_of(decl, "train", "supernet"), &binding->supernet);
    bind_training(call_of(decl, "train", "tune"), &binding->tune);
    if (binding->tune.epochs && !call_argument(call_of(decl, "train", "tune"), "rate", -1))
        binding->tune.rate = binding->supernet.rate / 2;
    bind_strategy(session, decl, binding);
    return error_count(session->diagnostics) == before;
}

/* ---- emissions --------------------------------------------------------------------------- */

/* "frontier.most_accurate" -> the search, and which of its designs; lang has checked it. A
 * device in brackets is the search's only one. */
static bool bind_pick(const SpecValue *from, EmitBinding *emit) {
    static const char *const picks[] = {"knee", "most_accurate", "cheapest", "best"};
    Str text = from->text;
    int end = 0, dot = text.length - 1;
    while (end < text.length && text.at[end] != '.' && text.at[end] != '[')
        end++;
    while (dot > 0 && text.at[dot] != '.')
        dot--;
    emit->search = (Str){text.at, end};
    for (int p = 0; p < COUNT(picks); p++)
        if (str_equal((Str){text.at + dot + 1, text.length - dot - 1}, str_of(picks[p])))
            emit->pick = (PickKind)p;
    emit->within = argument(from, "within", 0, 0.01);
    const SpecValue *metric = call_argument(from, "metric", 0);
    emit->first = emit->pick == PICK_BEST && from->type != SPEC_CALL;
    return emit->pick != PICK_BEST || emit->first ||
           (metric && metric_named(metric->text, &emit->metric));
}

/* Any machine with a C compiler. */
Target portable_target(void) {
    return (Target){.name = STR("portable"),
                    .code = CODE_C,
                    .weight_formats = ~0u,
                    .activation_formats = ~0u};
}

static bool bind_frozen(Session *session, const Decl *decl, EmitBinding *emit) {
    const SpecValue *weights = decl_value(decl, "weights"),
                    *device = decl_value(decl, "device");
    emit->weights = text_of(weights);
    if (weights)
        emit->span = weights->span;
    emit->has_task = decl_value(decl, "task") != NULL;
    if (emit->has_task && !bind_task(session, decl_value(decl, "task"), &emit->task))
        return false;
    if (!device) {
        emit->target = portable_target();
        return true;
    }
    return bind_target(session, device, &emit->target);
}

bool bind_emit(Session *session, const Decl *decl, EmitBinding *emit) {
    const SpecValue *from = decl_value(decl, "from"), *prefix = decl_value(decl, "prefix");
    if (!from)
        return false;
    *emit = (EmitBinding){
        .name = decl->name, .span = from->span, .prefix = prefix ? prefix->text : decl->name};
    const char *fault = prefix_fault(emit->prefix);
    if (fault) {
        error_at(session->diagnostics, prefix ? prefix->span : decl->span, "the prefix %s",
                 fault);
        return false;
    }
    if (spec_has_network(session->spec, from->text)) {
        emit->network = from->text;
        return bind_frozen(session, decl, emit);
    }
    return bind_pick(from, emit);
}

/* ---- choosing from a front --------------------------------------------------------------- */

static int best_by(const Metrics *metrics, int count, Metric metric, bool largest) {
    int best = 0;
    for (int i = 1; i < count; i++) {
        double a = metrics[i].value[metric], b = metrics[best].value[metric];
        if (largest ? a > b : a < b)
            best = i;
    }
    return best;
}

/* The metric that says what a design costs: the first that the search minimises. */
static Metric cost_metric(const JudgePlan *plan) {
    for (int i = 0; i < plan->objectives; i++)
        if (!plan->maximise[i])
            return plan->objective[i];
    return METRIC_FLASH;
}

static int cheapest_within(const Metrics *metrics, int count, double within, Metric cost) {
    int top = best_by(metrics, count, METRIC_ACCURACY, true), best = top;
    double least = metrics[top].value[METRIC_ACCURACY] - within;
    for (int i = 0; i < count; i++)
        if (metrics[i].value[METRIC_ACCURACY] >= least &&
            metrics[i].value[cost] < metrics[best].value[cost])
            best = i;
    return best;
}

static const bool larger_is_better[METRIC_COUNT] = {
#define MAXIMISE true
#define MINIMISE false
#define METRIC(NAME, spelling, dimension, direction, documentation) direction,
#include "net/metrics.def"
#undef METRIC
};

int pick_design(const EmitBinding *emit, const Design *const *front, const Metrics *metrics,
                int count, const JudgePlan *plan) {
    switch (emit->pick) {
    case PICK_KNEE:
        return front_knee(front, count, plan->objectives);
    case PICK_MOST_ACCURATE:
        return best_by(metrics, count, METRIC_ACCURACY, true);
    case PICK_CHEAPEST:
        return cheapest_within(metrics, count, emit->within, cost_metric(plan));
    default: {
        Metric metric = emit->first ? plan->objective[0] : emit->metric;
        return best_by(metrics, count, metric, larger_is_better[metric]);
    }
    }
}
