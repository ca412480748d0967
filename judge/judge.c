/* What designs are worth: costs, then accuracy of those that fit, from the study where it is
 * known.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 }; /* designs between two commits of the study */

/* What one thread needs to judge a design. */
typedef struct Seat {
    Workspace *workspace;
    Arena *arena, *scratch;
} Seat;

struct Judge {
    const Space *space;
    const Task *task;
    const Device *device;
    const Dataset *train, *validate;
    const Supernet *supernet;
    JudgePlan plan;
    Pool *pool;
    Jit *jit; /* or NULL */
    Store *store;
    Memo *memo; /* of first layers */
    Arena *arena;
    Seat *seats;          /* (pool_threads) */
    const Members *legal; /* NULL where nothing but limits of costs excludes a design */
    Key context;          /* of everything but the genotype that accuracy depends on */
    Key costs;            /* of what costs depend on */
    bool wants_full_precision;
    int64_t judged, cached;
};

/* ---- metrics ----------------------------------------------------------------------------- */

static const char *const metric_names[METRIC_COUNT] = {
#define METRIC(NAME, spelling, dimension, direction, documentation) spelling,
#include "net/metrics.def"
#undef METRIC
};

bool metric_named(Str name, Metric *metric) {
    for (int m = 0; m < METRIC_COUNT; m++)
        if (str_equal(name, str_of(metric_names[m]))) {
            *metric = (Metric)m;
            return true;
        }
    return false;
}

const char *metric_name(Metric metric) {
    return metric_names[metric];
}

static void metric_set(Metrics *metrics, Metric metric, double value) {
    metrics->value[metric] = value;
    metrics->known[metric] = true;
}

static Str metrics_write(Arena *arena, const Metrics *metrics, Str genes) {
    Text text = text_new(arena);
    text_add(&text, "{\"design\": ");
    json_add_string(&text, genes);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (metrics->known[m]) {
            text_add(&text, ", \"%s\": ", metric_names[m]);
            json_add_number(&text, metrics->value[m]);
        }
    text_add(&text, ", \"steps_fitted\": %d}", metrics->steps_fitted);
    return text_str(&text);
}

/* A row of the study; false where it is not one of ours. */
static bool metrics_read(Str row, Metrics *metrics) {
    json_t *root = json_loadb(row.at, (size_t)row.length, 0, NULL);
    *metrics = (Metrics){0};
    for (int m = 0; m < METRIC_COUNT; m++) {
        json_t *value = json_object_get(root, metric_names[m]);
        if (json_is_number(value))
            metric_set(metrics, (Metric)m, json_number_value(value));
    }
    json_t *fitted = json_object_get(root, "steps_fitted");
    bool sound = json_is_integer(fitted);
    metrics->steps_fitted = sound ? (int)json_integer_value(fitted) : 0;
    json_decref(root);
    return sound;
}

/* ---- making and ending ------------------------------------------------------------------- */

static bool plan_wants(const JudgePlan *plan, Metric metric) {
    for (int i = 0; i < plan->objectives; i++)
        if (plan->objective[i] == metric)
            return true;
    for (int i = 0; i < plan->limits; i++)
        if (plan->limit[i].metric == metric)
            return true;
    return false;
}

static Key accuracy_context(const Judge *judge, Key study) {
    int fidelity[] = {judge->plan.images, judge->plan.recalibrate, ARITHMETIC_VERSION};
    Key key = key_join(study, space_key(judge->space));
    key = key_join(key, task_key(judge->task));
    key = key_join(key, supernet_key(judge->supernet));
    return key_join(key, key_of(fidelity, sizeof fidelity));
}

/* A design's row depends on the device through its costs, and through its limits, which decide
 * whether accuracy was computed. */
static Key cost_context(const Judge *judge, Arena *arena) {
    Text text = text_new(arena);
    for (int i = 0; i < judge->plan.limits; i++)
        text_add(&text, "%d %d %.17g;", judge->plan.limit[i].metric,
                 judge->plan.limit[i].at_least, judge->plan.limit[i].value);
    for (int i = 0; i < judge->plan.objectives; i++)
        text_add(&text, "%d;", judge->plan.objective[i]);
    text_add_str(&text, device_table_csv(judge->device, arena));
    return key_join(target_key(device_target(judge->device)),
                    key_of(text.at, (size_t)text.length));
}

Judge *judge_new(Arena *arena, const Space *space, const Task *task, const Device *device,
                 const Dataset *train, const Dataset *validate, const Supernet *supernet,
                 const JudgePlan *plan, Pool *pool, Jit *jit, Store *store, Key study) {
    Judge *judge = arena_new_of(arena, Judge);
    *judge = (Judge){.space = space,
                     .task = task,
                     .device = device,
                     .train = train,
                     .validate = validate,
                     .supernet = supernet,
                     .plan = *plan,
                     .pool = pool,
                     .jit = jit,
                     .store = store,
                     .memo = memo_new(MEMO_BYTES),
                     .arena = arena};
    judge->wants_full_precision =
        plan_wants(plan, METRIC_RETENTION) || plan_wants(plan, METRIC_FULL_PRECISION);
    judge->context = accuracy_context(judge, study);
    judge->costs = cost_context(judge, arena);
    judge->seats = arena_array(arena, Seat, pool_threads(pool));
    for (int i = 0; i < pool_threads(pool); i++) {
        judge->seats[i] = (Seat){workspace_new(supernet), arena_new(), arena_new()};
        workspace_share(judge->seats[i].workspace, judge->memo);
    }
    return judge;
}

void judge_free(Judge *judge) {
    for (int i = 0; judge && i < pool_threads(judge->pool); i++) {
        workspace_free(judge->seats[i].workspace);
        arena_free(judge->seats[i].arena);
        arena_free(judge->seats[i].scratch);
    }
    if (judge)
        memo_free(judge->memo);
}

/* ---- one design -------------------------------------------------------------------------- */

/* Where the first step stands that the device knows nothing of. */
static Span unknown_step(const Device *device, const Program *program) {
    StepCost cost;
    for (int s = 0; s < program->count; s++)
        if (!device_step(device, &program->steps[s], &cost))
            return program->steps[s].from->span;
    return (Span){0, 0};
}

bool judge_costs(const Device *device, Arena *arena, const Net *net, Metrics *metrics,
                 Span *span, Str *why) {
    Model model = model_build(arena, net);
    Program program;
    Cost cost;
    *metrics = (Metrics){0};
    *span = (Span){0, 0};
    if (!program_build(arena, &model, device_target(device), &program, span, why))
        return false;
    if (!device_cost(device, arena, &program, &cost, why)) {
        *span = unknown_step(device, &program);
        return false;
    }
    metric_set(metrics, METRIC_FLASH, (double)cost.flash_bytes);
    metric_set(metrics, METRIC_RAM, (double)cost.ram_bytes);
    metric_set(metrics, METRIC_MEMORY, (double)(cost.flash_bytes + cost.ram_bytes));
    metric_set(metrics, METRIC_LATENCY, cost.latency_s);
    if (device_target(device)->measure == MEASURE_INSTRUCTIONS)
        metric_set(metrics, METRIC_INSTRUCTIONS, cost.instructions);
    metric_set(metrics, METRIC_PARAMETERS, (double)net_parameters(net));
    metric_set(metrics, METRIC_MACS, (double)net_macs(net));
    metrics->steps_fitted = cost.steps_fitted;
    return true;
}

bool judge_feasible(const JudgePlan *plan, const Metrics *metrics, double *violation) {
    bool feasible = true;
    for (int i = 0; i < plan->limits; i++) {
        const Limit *limit = &plan->limit[i];
        double value = metrics->value[limit->metric];
        double excess = limit->at_least ? limit->value - value : value - limit->value;
        double size = limit->value > 0 ? limit->value : 1;
        violation[i] = metrics->known[limit->metric] && excess > 0 ? excess / size : 0;
        feasible = feasible && violation[i] == 0;
    }
    return feasible;
}

static int validate_images(const Judge *judge) {
    int all = judge->validate->count, asked = judge->plan.images;
    return asked > 0 && asked < all ? asked : all;
}

/* The share of validate that the integer member classifies rightly; a member whose accumulators
 * cannot be proven is worth nothing. */
static double member_accuracy(const Judge *judge, Seat *seat, const Net *net) {
    FloatModel member;
    Model model;
    Span span;
    Str why;
    supernet_member(judge->supernet, seat->workspace, net, false, judge->train,
                    judge->plan.recalibrate, seat->arena, &member);
    if (!model_quantise(seat->arena, &member, &model, &span, &why))
        return 0;
    int images = validate_images(judge);
    return (double)staged_correct(seat->arena, &model, judge->jit, judge->memo, seat->scratch,
                                  judge->validate, images) /
           images;
}

static double float_accuracy(const Judge *judge, Seat *seat, const Net *net) {
    FloatModel member;
    int images = validate_images(judge);
    supernet_member(judge->supernet, seat->workspace, net, true, judge->train,
                    judge->plan.recalibrate, seat->arena, &member);
    return (double)float_correct(seat->workspace, &member, true, judge->task, judge->validate,
                                 0, images) /
           images;
}

/* ---- many designs ------------------------------------------------------------------------ */

/* Designs with one topology have one accuracy at full precision. */
typedef struct Topology {
    Key key;
    const uint8_t *genes; /* of one of them */
    double accuracy;
} Topology;

/* A chunk of designs under judgement. */
typedef struct Batch {
    Judge *judge;
    const uint8_t **genes;
    Metrics *metrics;
    bool *fits;
    Key *topology;     /* of each design */
    Topology *unknown; /* whose accuracy at full precision the study lacks */
    int count, unknown_count;
} Batch;

static bool instantiate(const Judge *judge, Seat *seat, const uint8_t *genes, Net *net) {
    Span span;
    Str why;
    arena_reset(seat->arena);
    return space_instantiate(seat->arena, judge->space, genes, net, &span, &why);
}

static Key topology_key(Arena *arena, const Net *net) {
    Net bare = *net;
    bare.ops = arena_copy(arena, net->ops, sizeof(Op) * (size_t)net->count);
    for (int i = 0; i < net->count; i++)
        bare.ops[i].weights = bare.ops[i].output = FORMAT_F32;
    return net_key(&bare);
}

static void batch_costs(void *context, int i, int worker) {
    Batch *batch = context;
    Judge *judge = batch->judge;
    Seat *seat = &judge->seats[worker];
    double violation[MAX_LIMITS];
    Span span;
    Str why;
    Net net;
    batch->fits[i] =
        instantiate(judge, seat, batch->genes[i], &net) &&
        judge_costs(judge->device, seat->arena, &net, &batch->metrics[i], &span, &why) &&
        judge_feasible(&judge->plan, &batch->metrics[i], violation);
    if (batch->fits[i])
        batch->topology[i] = topology_key(seat->arena, &net);
}

static void batch_full_precision(void *context, int i, int worker) {
    Batch *batch = context;
    Seat *seat = &batch->judge->seats[worker];
    Net net;
    if (instantiate(batch->judge, seat, batch->unknown[i].genes, &net))
        batch->unknown[i].accuracy = float_accuracy(batch->judge, seat, &net);
}

static void batch_accuracy(void *context, int i, int worker) {
    Batch *batch = context;
    Seat *seat = &batch->judge->seats[worker];
    Net net;
    if (batch->fits[i] && instantiate(batch->judge, seat, batch->genes[i], &net))
        metric_set(&batch->metrics[i], METRIC_ACCURACY,
                   member_accuracy(batch->judge, seat, &net));
}

static Str topology_row(const Judge *judge, Arena *arena, Key topology) {
    return key_hex(arena, key_join(judge->context, topology));
}

/* The topologies of the batch that the study has no accuracy of, each once. */
static void batch_find_unknown(Batch *batch, Arena *arena) {
    Judge *judge = batch->judge;
    Str value;
    for (int i = 0; i < batch->count; i++) {
        bool known = !batch->fits[i] ||
                     store_get(judge->store, arena, "full_precision",
                               topology_row(judge, arena, batch->topology[i]), &value);
        for (int k = 0; k < batch->unknown_count && !known; k++)
            known = key_equal(batch->unknown[k].key, batch->topology[i]);
        if (!known)
            batch->unknown[batch->unknown_count++] =
                (Topology){batch->topology[i], batch->genes[i], 0};
    }
}

static void batch_set_retention(Batch *batch, Arena *arena) {
    Judge *judge = batch->judge;
    for (int i = 0; i < batch->count; i++) {
        Str value;
        if (!batch->fits[i] ||
            !store_get(judge->store, arena, "full_precision",
                       topology_row(judge, arena, batch->topology[i]), &value))
            continue;
        Metrics *metrics = &batch->metrics[i];
        double full = strtod(str_terminated(arena, value), NULL);
        metric_set(metrics, METRIC_FULL_PRECISION, full);
        metric_set(metrics, METRIC_RETENTION,
                   full > 0 ? metrics->value[METRIC_ACCURACY] / full : 0);
    }
}

static void batch_judge(Batch *batch, Arena *arena) {
    Judge *judge = batch->judge;
    pool_run(judge->pool, batch->count, batch_costs, batch);
    pool_run(judge->pool, batch->count, batch_accuracy, batch);
    if (!judge->wants_full_precision)
        return;
    batch_find_unknown(batch, arena);
    pool_run(judge->pool, batch->unknown_count, batch_full_precision, batch);
    for (int k = 0; k < batch->unknown_count; k++)
        store_put(judge->store, "full_precision",
                  topology_row(judge, arena, batch->unknown[k].key),
                  str_format(arena, "%.17g", batch->unknown[k].accuracy));
    batch_set_retention(batch, arena);
}

static Str design_row(const Judge *judge, Arena *arena, const uint8_t *genes) {
    Key key = key_join(judge->context, judge->costs);
    key = key_join(key, key_of(genes, (size_t)judge->space->choices.count));
    return key_hex(arena, key);
}

static void batch_store(const Batch *batch, Arena *arena) {
    const Judge *judge = batch->judge;
    for (int i = 0; i < batch->count; i++)
        store_put(judge->store, "design", design_row(judge, arena, batch->genes[i]),
                  metrics_write(arena, &batch->metrics[i],
                                genotype_print(arena, judge->space, batch->genes[i])));
    store_commit(judge->store);
    if (judge->jit)
        jit_keep(judge->jit);
}

/* Judges the designs numbered missing[0 .. count) and puts their worth into place. */
static void judge_chunk(Judge *judge, Arena *arena, const uint8_t *genes, const int *missing,
                        int count, Metrics *metrics) {
    Batch batch = {.judge = judge,
                   .count = count,
                   .genes = arena_array(arena, const uint8_t *, count),
                   .metrics = arena_array(arena, Metrics, count),
                   .fits = arena_array(arena, bool, count),
                   .topology = arena_array(arena, Key, count),
                   .unknown = arena_array(arena, Topology, count)};
    for (int i = 0; i < count; i++)
        batch.genes[i] = genes + (int64_t)missing[i] * judge->space->choices.count;
    batch_judge(&batch, arena);
    batch_store(&batch, arena);
    for (int i = 0; i < count; i++)
        metrics[missing[i]] = batch.metrics[i];
    judge->judged += count;
}

bool judge_designs(Judge *judge, const uint8_t *genes, int count, Metrics *metrics) {
    Arena *arena = arena_new();
    int *missing = arena_array(arena, int, count), lacking = 0, done = 0;
    for (int i = 0; i < count; i++) {
        Str row,
            key = design_row(judge, arena, genes + (int64_t)i * judge->space->choices.count);
        if (store_get(judge->store, arena, "design", key, &row) &&
            metrics_read(row, &metrics[i]))
            judge->cached++;
        else
            missing[lacking++] = i;
    }
    while (done < lacking && !interrupted()) {
        int chunk = (int)min_i64(CHUNK, lacking - done);
        judge_chunk(judge, arena, genes, missing + done, chunk, metrics);
        done += chunk;
        progress_to(judge->judged + judge->cached, "%s", "");
    }
    arena_free(arena);
    return done == lacking;
}

int64_t judge_count(const Judge *judge) {
    return judge->judged;
}

int64_t judge_cached(const Judge *judge) {
    return judge->cached;
}

/* ---- the problem of a search ------------------------------------------------------------- */

/* Conditions, and the limits that add up over operators: designs are made to keep them, so that
 * none is drawn in vain. */
static const Members *legal_members(const Judge *judge, Arena *arena) {
    SumLimit limits[MAX_LIMITS];
    int count = 0;
    for (int i = 0; i < judge->plan.limits; i++) {
        const Limit *limit = &judge->plan.limit[i];
        bool parameters = limit->metric == METRIC_PARAMETERS;
        if ((parameters || limit->metric == METRIC_MACS) && !limit->at_least &&
            limit->value < 9e18)
            limits[count++] = (SumLimit){parameters ? SUM_PARAMETERS : SUM_MACS,
                                         (int64_t)floor(limit->value), limit->span};
    }
    return judge->space->constraints.count + count
               ? members_new(arena, judge->space, limits, count)
               : NULL;
}

/* The same genes are repaired to the same design, whenever that is. */
static void problem_canonical(void *context, uint8_t *genes) {
    const Judge *judge = context;
    genotype_canonical(judge->space, genes);
    if (judge->legal) {
        Key key = key_of(genes, (size_t)judge->space->choices.count);
        Random random = {key.lo, key.hi, 0};
        members_repair(judge->legal, &random, genes);
    }
}

static bool problem_legal(void *context, const uint8_t *genes) {
    return genotype_legal(((Judge *)context)->space, genes);
}

/* An objective that is not known is worse than any, and its design infeasible. */
/* The value of a format decision that stores least or most. */
static Gene extreme_format(const Choice *choice, bool widest) {
    int best = 0;
    for (int v = 1; v < choice->count; v++)
        if (rational_compare(choice->values[v], choice->values[best]) * (widest ? 1 : -1) > 0)
            best = v;
    return (Gene)best;
}

/* Bits drawn one by one are nearly always an even mixture. So a quarter of the designs have
 * them all narrow, and a quarter all wide: the large and the precise networks that limits
 * leave room for. */
static void problem_draw(void *context, Random *random, uint8_t *genes) {
    const Judge *judge = context;
    const Space *space = judge->space;
    int manner = random_below(random, 4);
    if (manner >= 2 && judge->legal && members_draw(judge->legal, random, genes))
        return;
    for (int c = 0; c < space->choices.count; c++) {
        const Choice *choice = &space->choices.at[c];
        genes[c] = (Gene)random_below(random, choice->count);
        if (choice->type == VALUE_FORMAT && manner < 2)
            genes[c] = extreme_format(choice, manner == 1);
    }
}

static void worth_of(const Judge *judge, const Metrics *metrics, Worth *worth) {
    const JudgePlan *plan = &judge->plan;
    *worth = (Worth){0};
    worth->feasible = judge_feasible(plan, metrics, worth->violation);
    for (int i = 0; i < plan->objectives; i++) {
        Metric m = plan->objective[i];
        double value = metrics->known[m] ? metrics->value[m] : INFINITY;
        worth->objective[i] = plan->maximise[i] && metrics->known[m] ? -value : value;
    }
}

static bool problem_evaluate(void *context, const uint8_t *genes, int count, Worth *worth) {
    Judge *judge = context;
    Metrics *metrics = memory_new(sizeof(Metrics) * (size_t)(count + 1));
    bool done = judge_designs(judge, genes, count, metrics);
    for (int i = 0; done && i < count; i++)
        worth_of(judge, &metrics[i], &worth[i]);
    memory_free(metrics);
    return done;
}

/* The stage of a decision: its name up to the dot after the network's own name. */
static Str stage_of(const Space *space, Str name) {
    if (str_starts(name, space->name) && name.length > space->name.length &&
        name.at[space->name.length] == '.')
        name = (Str){name.at + space->name.length + 1, name.length - space->name.length - 1};
    for (int i = 0; i < name.length; i++)
        if (name.at[i] == '.')
            return (Str){name.at, i};
    return name;
}

Problem judge_problem(Judge *judge, Arena *arena) {
    const Space *space = judge->space;
    int genes = space->choices.count;
    int *cardinality = arena_array(arena, int, genes + 1),
        *group = arena_array(arena, int, genes + 1);
    bool *ordinal = arena_array(arena, bool, genes + 1);
    Map *groups = map_new(arena);
    int next = 0;
    for (int c = 0; c < genes; c++) {
        const Choice *choice = &space->choices.at[c];
        Str stage = stage_of(space, choice->name);
        cardinality[c] = choice->count;
        ordinal[c] = choice->ordinal;
        if (!map_get(groups, stage, &group[c]))
            map_put(groups, stage, group[c] = next++);
    }
    judge->legal = legal_members(judge, arena);
    return (Problem){.genes = genes,
                     .cardinality = cardinality,
                     .ordinal = ordinal,
                     .group = group,
                     .objectives = judge->plan.objectives,
                     .constraints = judge->plan.limits,
                     .context = judge,
                     .canonical = problem_canonical,
                     .draw = problem_draw,
                     .legal = problem_legal,
                     .evaluate = problem_evaluate};
}

/* ---- what ships -------------------------------------------------------------------------- */

enum { SLICE = 256 };

/* Accuracy of one network on many images: of `fast`, or where that is NULL of `member` at
 * f32. */
typedef struct Count {
    const Judge *judge;
    const Fast *fast;
    const FloatModel *member;
    int images;
    int *correct; /* of each slice */
} Count;

static void count_slice(void *context, int slice, int worker) {
    Count *count = context;
    const Judge *judge = count->judge;
    const Seat *seat = &judge->seats[worker];
    int first = slice * SLICE, images = (int)min_i64(SLICE, count->images - first);
    count->correct[slice] =
        count->fast ? fast_correct(count->fast, seat->scratch, judge->validate, first, images)
                    : float_correct(seat->workspace, count->member, true, judge->task,
                                    judge->validate, first, images);
}

static double count_share(const Judge *judge, Arena *arena, const Fast *fast,
                          const FloatModel *member) {
    Count count = {judge, fast, member, judge->validate->count, NULL};
    int slices = (count.images + SLICE - 1) / SLICE, correct = 0;
    count.correct = arena_array(arena, int, slices);
    pool_run(judge->pool, slices, count_slice, &count);
    for (int i = 0; i < slices; i++)
        correct += count.correct[i];
    return (double)correct / count.images;
}

bool judge_shipped(const Judge *judge, const Supernet *tuned, const Net *net, Arena *arena,
                   Model *model, Metrics *metrics, Span *span, Str *why) {
    Workspace *workspace = judge->seats[0].workspace;
    FloatModel member, full;
    if (!judge_costs(judge->device, arena, net, metrics, span, why))
        return false;
    supernet_member(tuned, workspace, net, false, judge->train, judge->plan.recalibrate, arena,
                    &member);
    if (!model_quantise(arena, &member, model, span, why))
        return false;
    supernet_member(tuned, workspace, net, true, judge->train, judge->plan.recalibrate, arena,
                    &full);
    double accuracy = count_share(
        judge, arena, fast_new(arena, model, judge->jit, judge->validate->count), NULL);
    double f32 = count_share(judge, arena, NULL, &full);
    metric_set(metrics, METRIC_ACCURACY, accuracy);
    metric_set(metrics, METRIC_FULL_PRECISION, f32);
    metric_set(metrics, METRIC_RETENTION, f32 > 0 ? accuracy / f32 : 0);
    return true;
}

/* Designs whose fast execution is held against the interpreter. */
typedef struct Check {
    Judge *judge;
    const uint8_t *const *genes;
    int images;
    bool *equal;
} Check;

static void check_design(void *context, int i, int worker) {
    Check *check = context;
    const Judge *judge = check->judge;
    Seat *seat = &judge->seats[worker];
    FloatModel member;
    Model model;
    Span span;
    Str why;
    Net net;
    if (!instantiate(judge, seat, check->genes[i], &net))
        return;
    supernet_member(judge->supernet, seat->workspace, &net, false, judge->train,
                    judge->plan.recalibrate, seat->arena, &member);
    check->equal[i] = model_quantise(seat->arena, &member, &model, &span, &why) &&
                      fast_equals_interpreter(&model, judge->jit, seat->scratch,
                                              judge->validate, check->images);
}

int judge_check_exact(Judge *judge, const uint8_t *const *genes, int count, int images) {
    Arena *arena = arena_new();
    Check check = {judge, genes, (int)min_i64(images, judge->validate->count),
                   arena_array(arena, bool, count)};
    int unequal = 0;
    pool_run(judge->pool, count, check_design, &check);
    for (int i = 0; i < count; i++)
        unequal += !check.equal[i];
    arena_free(arena);
    return unequal;
}
