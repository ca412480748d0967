/* The phases of a search: bind, open, bounds, train, search, tune. Each says what it does on
 * stderr, keeps what it made in the study, and finds it there when the command is given
 * again.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include "config.h"

#include <stdlib.h>
#include <string.h>

#define SAY(...) ((void)fprintf(stderr, __VA_ARGS__))

int run_bind(Session *session, const Decl *decl, Run *run) {
    *run = (Run){.session = session, .arena = arena_new()};
    bool bound = bind_search(session, decl, &run->plan);
    if (session->options.seed >= 0)
        run->plan.seed = run->plan.search.seed = (uint64_t)session->options.seed;
    if (bound)
        return EXIT_DONE;
    session_print_errors(session);
    return EXIT_FILE;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int open_study(Run *run) {
    const char *why, *folder = str_terminated(run->arena, run->session->out);
    if (!directory_make(folder, &why)) {
        SAY("nasc: cannot make the folder %s: %s\n", folder, why);
        return EXIT_ENVIRONMENT;
    }
    run->store = session_open_study(run->session, run->arena);
    return run->store ? EXIT_DONE : EXIT_ENVIRONMENT;
}

static int open_data(Run *run) {
    Str why;
    const Task *task = &run->plan.task;
    if (data_open(run->arena, task, session_data_path(run->session), &run->train,
                  &run->validate, &why))
        return session_fits(run->session, task, "train", run->plan.space->input, &run->train)
                   ? EXIT_DONE
                   : EXIT_FILE;
    SAY("nasc: %.*s\n", STR_ARG(why));
    return EXIT_ENVIRONMENT;
}

/* What the weights depend on: the space, the task, its data, the training, the seed. */
static Key study_key(const Run *run) {
    const TrainPlan *t = &run->plan.supernet;
    const Dataset *data = &run->train;
    int64_t pixels = (int64_t)data->count * data->height * data->width * data->channels;
    char plan[400];
    int length =
        snprintf(plan, sizeof plan, "%d|%d|%d|%d|%.17g|%.17g|%.17g|%.17g|%d|%.17g|%d|%d|%llu",
                 ARITHMETIC_VERSION, t->epochs, t->batch, t->rate_kind, t->rate, t->momentum,
                 t->weight_decay, t->label_smoothing, t->random_members, t->float_share,
                 t->distil, t->images, (unsigned long long)run->plan.seed);
    Key key = key_join(space_key(run->plan.space), task_key(&run->plan.task));
    key = key_join(key, key_of(data->image, (size_t)pixels));
    key = key_join(key, key_of(data->label, (size_t)data->count));
    return key_join(key, key_of(plan, (size_t)length));
}

/* The steps that designs of the space are made of, each once: random designs are drawn until
 * long nothing new was seen. */
static Step *distinct_steps(Run *run, int *count) {
    enum { PATIENCE = 400 };
    const Space *space = run->plan.space;
    VEC(Step) steps = {0};
    Map *seen = map_new(run->arena);
    Gene *gene = arena_array(run->arena, Gene, space->choices.count + 1);
    for (int last = 0, draw = 0; draw - last < PATIENCE; draw++) {
        Random random = {run->plan.seed, 0x5445, (uint64_t)draw << 20};
        for (int c = 0; c < space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, space->choices.at[c].count);
        genotype_canonical(space, gene);
        Net net;
        Span span;
        Str why;
        Program program;
        if (!space_instantiate(run->arena, space, gene, &net, &span, &why))
            continue;
        Model model = model_build(run->arena, &net);
        if (!program_build(run->arena, &model, &run->plan.target, &program, &span, &why))
            continue;
        for (int s = 0; s < program.count; s++) {
            Str key = step_key(run->arena, &program.steps[s]);
            if (map_get(seen, key, NULL))
                continue;
            map_put(seen, key, 1);
            vec_push(run->arena, &steps, program.steps[s]);
            last = draw;
        }
    }
    *count = steps.count;
    return steps.at;
}

/* The steps of whose kernels the device knows nothing come to the front; returns their
 * number. */
static int keep_unknown(const Device *device, Step *steps, int count) {
    int unknown = 0;
    StepCost cost;
    for (int i = 0; i < count; i++)
        if (!device_step(device, &steps[i], &cost) || cost.alike)
            steps[unknown++] = steps[i];
    return unknown;
}

/* Is each costed, if only like others of its kind? */
static bool all_alike(const Device *device, const Step *steps, int count) {
    StepCost cost;
    for (int i = 0; i < count; i++)
        if (!device_step(device, &steps[i], &cost))
            return false;
    return true;
}

static int open_device(Run *run) {
    Str why;
    run->device = device_open(run->arena, &run->plan.target, run->store,
                              run->session->options.library, &why);
    if (!run->device) {
        SAY("nasc: device %.*s: %.*s\n", STR_ARG(run->plan.target.name), STR_ARG(why));
        return EXIT_ENVIRONMENT;
    }
    int count;
    Step *steps = distinct_steps(run, &count);
    if (run->plan.target.table.length)
        count = keep_unknown(run->device, steps, count);
    if (!count || device_profile(run->device, run->arena, steps, count, &why))
        return EXIT_DONE;
    if (interrupted())
        return EXIT_INTERRUPTED;
    if (all_alike(run->device, steps, count)) {
        SAY("nasc: %d steps are costed like others of their kind, for %.*s cannot be "
            "measured here: %.*s\n",
            count, STR_ARG(run->plan.target.name), STR_ARG(why));
        return EXIT_DONE;
    }
    SAY("nasc: profiling %.*s: %.*s\n", STR_ARG(run->plan.target.name), STR_ARG(why));
    return EXIT_ENVIRONMENT;
}

static int open_engines(Run *run) {
    if (bind_runs(run->session, &run->plan))
        return EXIT_DONE;
    session_print_errors(run->session);
    return EXIT_FILE;
}

int run_open(Run *run) {
    int code = open_engines(run);
    if (!code)
        code = open_study(run);
    if (!code)
        code = open_data(run);
    if (!code)
        code = open_device(run);
    if (code)
        return code;
    run->study = study_key(run);
    session_pool(run->session);
    SAY("%.*s: %d train and %d validate images; %s members\n", STR_ARG(run->plan.name),
        run->train.count, run->validate.count,
        str_terminated(run->arena, space_count(run->arena, run->plan.space).digits));
    return EXIT_DONE;
}

/* ---- training ---------------------------------------------------------------------------- */

/* Where a checkpoint goes. */
typedef struct Checkpoint {
    Run *run;
    Str key;
    const char *what;
} Checkpoint;

static void checkpoint_save(void *context, const Supernet *supernet, int64_t step,
                            int64_t steps) {
    Checkpoint *checkpoint = context;
    Arena *arena = arena_new();
    (void)step, (void)steps;
    store_put(checkpoint->run->store, "weights", checkpoint->key,
              supernet_save(supernet, arena));
    store_commit(checkpoint->run->store);
    arena_free(arena);
}

static void checkpoint_epoch(void *context, int epoch, double loss, double accuracy) {
    const Checkpoint *checkpoint = context;
    if (checkpoint->run->session->options.quiet)
        return;
    progress_clear();
    SAY("  %s, epoch %d: loss %.3f, train accuracy %.1f %%\n", checkpoint->what, epoch + 1,
        loss, 100 * accuracy);
}

/* Loads what the study holds under the key. A foreign or damaged row is said, and training
 * starts anew. */
static void checkpoint_load(const Checkpoint *checkpoint, Supernet *supernet) {
    Arena *arena = arena_new();
    Str bytes;
    const char *why;
    if (store_get(checkpoint->run->store, arena, "weights", checkpoint->key, &bytes) &&
        !supernet_load(supernet, bytes, &why))
        SAY("nasc: the study's checkpoint of %s is not used: %s\n", checkpoint->what, why);
    arena_free(arena);
}

int run_train(Run *run) {
    SearchBinding *plan = &run->plan;
    Checkpoint checkpoint = {run, key_hex(run->arena, run->study), "the supernet"};
    TrainHooks hooks = {&checkpoint, checkpoint_save, checkpoint_epoch,
                        "training the supernet"};
    run->supernet = supernet_new(plan->space, &plan->task, plan->seed);
    checkpoint_load(&checkpoint, run->supernet);
    if (plan->supernet.epochs > 0 &&
        !supernet_train(run->supernet, &plan->supernet, &run->train, run->session->pool,
                        plan->seed, &hooks))
        return EXIT_INTERRUPTED;
    return EXIT_DONE;
}

/* ---- searching --------------------------------------------------------------------------- */

void run_judge(Run *run) {
    SearchBinding *plan = &run->plan;
    session_jit(run->session);
    run->judge = judge_new(run->arena, plan->space, &plan->task, run->device, &run->train,
                           &run->validate, run->supernet, &plan->judge, run->session->pool,
                           run->session->jit, run->store, run->study);
}

/* No design is feasible: what the one that comes nearest lacks. */
static int report_infeasible(Run *run) {
    const Design *nearest = NULL;
    Diagnostics *diagnostics = run->session->diagnostics;
    for (int i = 0; i < archive_count(run->archive); i++) {
        const Design *design = archive_design(run->archive, i);
        if (!nearest || design->violation < nearest->violation)
            nearest = design;
    }
    for (int i = 0; nearest && i < run->plan.judge.limits; i++)
        if (nearest->worth.violation[i] > 0)
            error_at(diagnostics, run->plan.judge.limit[i].span,
                     "none of the %d designs that were judged satisfies every limit; the "
                     "nearest misses this one by %.1f %%",
                     archive_count(run->archive), 100 * nearest->worth.violation[i]);
    if (!error_count(diagnostics))
        error_at(diagnostics, run->plan.decl->span, "the search judged no design");
    session_print_errors(run->session);
    return EXIT_INFEASIBLE;
}

/* The front with all its metrics, held against the interpreter before anyone sees it. */
static int collect_front(Run *run) {
    enum { PROVEN_IMAGES = 4 };
    run->front_count = archive_front(run->archive, run->arena, &run->front);
    run->metrics = arena_array(run->arena, Metrics, run->front_count + 1);
    const uint8_t **genes = arena_array(run->arena, const uint8_t *, run->front_count + 1);
    for (int i = 0; i < run->front_count; i++) {
        genes[i] = run->front[i]->genes;
        if (!judge_designs(run->judge, genes[i], 1, &run->metrics[i]))
            return EXIT_INTERRUPTED;
    }
    int unequal = judge_check_exact(run->judge, genes, run->front_count, PROVEN_IMAGES);
    if (!unequal)
        return EXIT_DONE;
    SAY("nasc: %d of %d designs are judged otherwise than the interpreter computes: this is a "
        "fault "
        "of nasc; please report it\n",
        unequal, run->front_count);
    return EXIT_ENVIRONMENT;
}

int run_search(Run *run) {
    SearchBinding *plan = &run->plan;
    run_judge(run);
    Problem problem = judge_problem(run->judge, run->arena);
    run->archive = archive_new(run->arena, &problem);
    progress_begin("searching", plan_designs(&plan->search), "designs");
    if (!plan->strategy->run(run->arena, &problem, &plan->search, run->archive)) {
        progress_end("searching: interrupted; the same command goes on");
        return EXIT_INTERRUPTED;
    }
    progress_end("searched %d designs (%lld from the study)", archive_count(run->archive),
                 (long long)judge_cached(run->judge));
    int code = collect_front(run);
    return code || run->front_count ? code : report_infeasible(run);
}

/* ---- the winner -------------------------------------------------------------------------- */

static Str tune_key(const Run *run, const Winner *winner) {
    const TrainPlan *t = &run->plan.tune;
    char plan[300];
    int length = snprintf(plan, sizeof plan, "tune|%d|%d|%d|%.17g|%.17g|%.17g|%.17g|%d",
                          t->epochs, t->batch, t->rate_kind, t->rate, t->momentum,
                          t->weight_decay, t->label_smoothing, t->images);
    Key key = key_join(run->study, key_of(plan, (size_t)length));
    key = key_join(key, key_of(winner->design->genes, (size_t)run->plan.space->choices.count));
    return key_hex(run->arena, key);
}

static int tune_winner(Run *run, Supernet *tuned, const Winner *winner) {
    SearchBinding *plan = &run->plan;
    Checkpoint checkpoint = {run, tune_key(run, winner), "fine-tuning"};
    TrainHooks hooks = {&checkpoint, checkpoint_save, checkpoint_epoch, "fine-tuning"};
    if (plan->tune.epochs <= 0)
        return EXIT_DONE;
    checkpoint_load(&checkpoint, tuned);
    bool done = supernet_tune(tuned, winner->design->genes, false, run->supernet, &plan->tune,
                              &run->train, run->session->pool, plan->seed, &hooks);
    return done ? EXIT_DONE : EXIT_INTERRUPTED;
}

int run_winner(Run *run, const EmitBinding *emit, Winner *winner) {
    Span span;
    Str why;
    int pick = pick_design(emit, run->front, run->metrics, run->front_count, &run->plan.judge);
    winner->design = run->front[pick];
    winner->inherited = run->metrics[pick];
    if (!space_instantiate(run->arena, run->plan.space, winner->design->genes, &winner->net,
                           &span, &why)) {
        session_error(run->session, span, why);
        return EXIT_FILE;
    }
    Supernet *tuned = supernet_copy(run->supernet);
    int code = tune_winner(run, tuned, winner);
    if (!code && !judge_shipped(run->judge, tuned, &winner->net, run->arena, &winner->model,
                                &winner->tuned, &span, &why)) {
        session_error(run->session, span, why);
        code = EXIT_FILE;
    }
    supernet_free(tuned);
    return code;
}

int run_end(Run *run, int code) {
    judge_free(run->judge);
    supernet_free(run->supernet);
    store_close(run->store);
    arena_free(run->arena);
    *run = (Run){0};
    if (code == EXIT_INTERRUPTED)
        SAY("nasc: interrupted; the same command goes on from here\n");
    return code;
}
