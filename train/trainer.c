/* trainer.c: the loop of training: batches cut into pieces, pieces of several members shared
 * out to threads, gradients summed in a fixed order, checkpoints between steps.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const uint64_t ORDER_STREAM = (uint64_t)0x0d << 56;
static const double CHECKPOINT_SECONDS = 20;

typedef struct Outcome {
    double loss;
    int correct;
} Outcome;

typedef struct Trainer {
    Supernet *supernet;
    const TrainPlan *plan;
    const Dataset *data;
    Pool *pool;
    uint64_t seed;
    const TrainHooks *hooks;
    /* What is trained: the sandwich, or one member with perhaps a teacher before it. */
    const Gene *gene; /* NULL: the sandwich */
    bool full_precision;
    const Supernet *teacher;
    Gene *genes; /* of the member being made */
    Arena *arena;
    const Members *legal; /* NULL where no constraint says otherwise: all are */

    int images, pieces, batch_pieces; /* of an epoch; of a batch */
    int64_t epoch_steps, steps, float_steps;
    int64_t first_step;
    double saved_at;

    Member *members;
    int count;    /* members of a step */
    bool teaches; /* member 0's output is the others' target */
    Run *runs;    /* (threads) */
    /* One batch. */
    int *order;             /* (images) */
    float *input;           /* (batch, image) */
    float *target;          /* (batch, classes): smoothed labels */
    float *soft;            /* (batch, classes): the teacher's */
    float **gradients;      /* (members, pieces of a batch) */
    size_t gradient_floats; /* each has room for */
    Outcome *outcomes;
    float *sum; /* of all, as the supernet's parameters */

    int epoch, first_piece, now_pieces; /* of the present batch */
    int first_member;                   /* of the present call of the pool */
} Trainer;

/* ---- one piece --------------------------------------------------------------------------- */

static size_t image_values(const Dataset *data) {
    return (size_t)data->height * (size_t)data->width * (size_t)data->channels;
}

static int piece_images(const Trainer *t) {
    return t->images < PIECE ? t->images : PIECE;
}

static void target_fill(const Trainer *t, int label, float *target) {
    float smooth = (float)t->plan->label_smoothing / (float)t->supernet->task->classes;
    for (int c = 0; c < t->supernet->task->classes; c++)
        target[c] = smooth;
    target[label] += 1 - (float)t->plan->label_smoothing;
}

/* Images and targets of a piece of the batch, made once for all members. */
static void piece_prepare(Trainer *t, int piece) {
    int n = piece_images(t), classes = t->supernet->task->classes;
    for (int i = 0; i < n; i++) {
        int slot = piece * PIECE + i, index = t->order[(t->first_piece + piece) * PIECE + i];
        augment(t->supernet->task, t->data, t->seed, t->epoch, index,
                t->input + (size_t)slot * image_values(t->data));
        target_fill(t, t->data->label[index], t->target + (size_t)(slot * classes));
    }
}

/* Into the run's first node, whose pixels may be wider. */
static void input_load(Run *run, const float *image, size_t count) {
    const Node *node = &run->graph->nodes[0];
    float *to = run_input(run);
    size_t channels = (size_t)node->channels, lanes = (size_t)node->lanes;
    if (channels == lanes) {
        memcpy(to, image, count * sizeof(float));
        return;
    }
    memset(to, 0, count / channels * lanes * sizeof(float));
    for (size_t i = 0; i < count; i++)
        to[i / channels * lanes + i % channels] = image[i];
}

static void piece_forward(Trainer *t, Run *run, const Graph *graph, int piece) {
    int n = piece_images(t);
    run_begin(run, graph, n, true);
    input_load(run, t->input + (size_t)(piece * PIECE) * image_values(t->data),
               (size_t)n * image_values(t->data));
    run_forward(run);
}

/* The loss of a piece, and its gradient into the run. Batches end together: the mean is over
 * a whole batch even where the last of an epoch is shorter. */
static Outcome piece_loss(Trainer *t, Run *run, int piece, const float *target) {
    const Node *node = &run->graph->nodes[run->graph->output];
    int classes = t->supernet->task->classes;
    const float *logit = run_result(run);
    float *g = run_result_gradient(run);
    float scale = 1.0f / (float)(t->now_pieces * run->images);
    Outcome outcome = {0, 0};
    for (int i = 0; i < run->images; i++, logit += node->lanes, g += node->lanes) {
        int slot = piece * PIECE + i;
        memset(g, 0, (size_t)node->lanes * sizeof(float));
        outcome.loss +=
            cross_entropy(logit, target + (size_t)(slot * classes), classes, scale, g);
        outcome.correct += largest_at(logit, classes) ==
                           largest_at(t->target + (size_t)(slot * classes), classes);
    }
    return outcome;
}

/* Soft targets. In a sandwich they are all that the others learn from; a member that is
 * tuned alone learns as much from the labels, since its teacher may be no better than
 * itself. */
static void piece_teach(Trainer *t, Run *run, int piece) {
    const Node *node = &run->graph->nodes[run->graph->output];
    int classes = t->supernet->task->classes;
    float share = t->gene ? 0.5f : 1;
    const float *logit = run_result(run);
    for (int i = 0; i < run->images; i++, logit += node->lanes) {
        size_t at = (size_t)((piece * PIECE + i) * classes);
        softmax(logit, classes, t->soft + at);
        for (int c = 0; c < classes; c++)
            t->soft[at + (size_t)c] =
                share * t->soft[at + (size_t)c] + (1 - share) * t->target[at + (size_t)c];
    }
}

static void piece_train(Trainer *t, int member, int piece, int worker) {
    Run *run = &t->runs[worker];
    bool teacher = t->teaches && member == 0, learns = !(teacher && t->teacher);
    bool taught = t->teaches && member > 0;
    int at = member * t->batch_pieces + piece;
    piece_forward(t, run, t->members[member].graph, piece);
    if (teacher)
        piece_teach(t, run, piece);
    if (!learns)
        return;
    t->outcomes[at] = piece_loss(t, run, piece, taught ? t->soft : t->target);
    run_backward(run, t->gradients[at]);
}

static void task_first(void *context, int index, int worker) {
    Trainer *t = context;
    unsigned before = denormals_flush();
    piece_prepare(t, index);
    piece_train(t, 0, index, worker);
    denormals_restore(before);
}

static void task_others(void *context, int index, int worker) {
    Trainer *t = context;
    unsigned before = denormals_flush();
    piece_train(t, 1 + index / t->now_pieces, index % t->now_pieces, worker);
    denormals_restore(before);
}

/* ---- members ----------------------------------------------------------------------------- */

static void member_graph(Trainer *t, const Supernet *supernet, Member *member) {
    member_cut(supernet, &member->net, member->full_precision, member->arena, &member->model);
    member->graph = graph_new(member->arena, &member->model, member->full_precision, true);
    assert(member->graph->nodes[0].channels == t->data->channels);
}

/* The piece that every calibration sees is the first of the present batch. */
static void quantisers_begin(Trainer *t, Member *member) {
    bool known = true;
    const Graph *graph = member->graph;
    for (int i = 1; i < graph->count; i++)
        known &= graph->nodes[i].quantiser < 0 || graph->nodes[i].step > 0;
    if (known)
        return;
    unsigned before = denormals_flush();
    piece_prepare(t, 0);
    piece_forward(t, &t->runs[0], graph, 0);
    denormals_restore(before);
    for (int i = 1; i < graph->count; i++) {
        const Node *node = &graph->nodes[i];
        const Op *op = &member->net.ops[node->last];
        if (node->quantiser < 0 || !node->owns_quantiser || node->step > 0)
            continue;
        float *to = t->supernet->value + quantiser_slot(t->supernet, op->origin, op->output);
        to[0] = t->runs[0].step[i];
        to[1] = t->runs[0].zero[i];
    }
    member_graph(t, t->supernet, member);
}

static void member_make(Trainer *t, int number, const Supernet *supernet, const Gene *gene,
                        bool full_precision) {
    Member *member = &t->members[number];
    Span span;
    Str why;
    arena_reset(member->arena);
    member->full_precision = full_precision;
    bool made =
        space_instantiate(member->arena, supernet->space, gene, &member->net, &span, &why);
    assert(made);
    (void)made;
    if (!full_precision)
        weight_steps_begin(t->supernet, &member->net);
    member_graph(t, supernet, member);
    if (!full_precision)
        quantisers_begin(t, member);
}

static void members_make(Trainer *t) {
    const Space *space = t->supernet->space;
    int64_t step = t->supernet->step;
    if (t->gene) {
        if (t->teacher) {
            largest_genes(space, t->legal, t->genes);
            member_make(t, 0, t->teacher, t->genes, true);
        }
        member_make(t, t->count - 1, t->supernet, t->gene, t->full_precision);
        return;
    }
    for (int i = 0; i < t->count; i++) {
        sandwich_genes(space, t->legal, t->seed, step, i, t->genes);
        member_make(t, i, t->supernet, t->genes, i == 0 || step < t->float_steps);
    }
}

static void gradients_reserve(Trainer *t) {
    size_t most = 0;
    for (int i = 0; i < t->count; i++)
        if (t->members[i].graph->gradient_floats > most)
            most = t->members[i].graph->gradient_floats;
    if (most <= t->gradient_floats)
        return;
    for (int i = 0; i < t->count * t->batch_pieces; i++) {
        memory_free(t->gradients[i]);
        t->gradients[i] = memory_new(most * sizeof(float));
    }
    t->gradient_floats = most;
}

/* ---- one step ---------------------------------------------------------------------------- */

/* The largest member and all others together count alike: summed one by one, the small ones'
 * gradients drown the largest's, from whom they learn. */
static float member_weight(const Trainer *t, int member) {
    return t->gene || member == 0 ? 1 : 1.0f / (float)(t->count - 1);
}

static void member_collect(Trainer *t, int member) {
    const Graph *graph = t->members[member].graph;
    float **pieces = t->gradients + (size_t)(member * t->batch_pieces);
    float weight = member_weight(t, member);
    for (int p = 1; p < t->now_pieces; p++)
        for (size_t i = 0; i < graph->gradient_floats; i++)
            pieces[0][i] += pieces[p][i];
    for (size_t i = 0; i < graph->gradient_floats; i++)
        pieces[0][i] *= weight;
    member_gradient(t->supernet, &t->members[member], pieces[0], t->sum);
}

static void order_shuffle(Trainer *t, int epoch) {
    Random random = {t->seed, ORDER_STREAM | (uint64_t)epoch, 0};
    for (int i = 0; i < t->data->count; i++)
        t->order[i] = i;
    random_shuffle(&random, t->order, t->data->count);
}

static void batch_begin(Trainer *t) {
    int64_t step = t->supernet->step;
    int epoch = (int)(step / t->epoch_steps);
    if (epoch != t->epoch || step == t->first_step)
        order_shuffle(t, epoch);
    t->epoch = epoch;
    t->first_piece = (int)(step % t->epoch_steps) * t->batch_pieces;
    t->now_pieces = t->pieces - t->first_piece;
    if (t->now_pieces > t->batch_pieces)
        t->now_pieces = t->batch_pieces;
}

static void outcome_add(Trainer *t) {
    int first = t->teacher ? t->batch_pieces : 0;
    for (int p = 0; p < t->now_pieces; p++) {
        t->supernet->loss += t->outcomes[first + p].loss;
        t->supernet->correct += t->outcomes[first + p].correct;
        t->supernet->seen += piece_images(t);
    }
}

static void step_take(Trainer *t) {
    const TrainPlan *plan = t->plan;
    batch_begin(t);
    members_make(t);
    gradients_reserve(t);
    pool_run(t->pool, t->now_pieces, task_first, t);
    pool_run(t->pool, (t->count - 1) * t->now_pieces, task_others, t);
    memset(t->sum, 0, t->supernet->count * sizeof(float));
    for (int i = t->teacher ? 1 : 0; i < t->count; i++)
        member_collect(t, i);
    descend(t->supernet, t->sum, rate_at(plan, t->supernet->step, t->steps), plan->momentum,
            plan->weight_decay);
    outcome_add(t);
    t->supernet->step++;
}

/* ---- the run ----------------------------------------------------------------------------- */

static void epoch_report(Trainer *t) {
    Supernet *s = t->supernet;
    int epoch = (int)(s->step / t->epoch_steps) - 1;
    if (t->hooks && t->hooks->epoch)
        t->hooks->epoch(t->hooks->context, epoch, s->loss / (double)s->seen,
                        (double)s->correct / (double)s->seen);
    s->loss = 0;
    s->correct = s->seen = 0;
}

static void checkpoint(Trainer *t) {
    if (t->hooks && t->hooks->checkpoint)
        t->hooks->checkpoint(t->hooks->context, t->supernet, t->supernet->step, t->steps);
    t->saved_at = clock_seconds();
}

static void progress_show(Trainer *t) {
    const Supernet *s = t->supernet;
    if (s->seen)
        progress_to(s->step, "epoch %d of %d, loss %.3f, accuracy %.1f %%", t->epoch + 1,
                    t->plan->epochs, s->loss / (double)s->seen,
                    100.0 * (double)s->correct / (double)s->seen);
}

static bool steps_run(Trainer *t) {
    while (t->supernet->step < t->steps) {
        if (interrupted()) {
            checkpoint(t);
            return false;
        }
        step_take(t);
        progress_show(t);
        if (t->supernet->step % t->epoch_steps == 0)
            epoch_report(t);
        if (clock_seconds() - t->saved_at > CHECKPOINT_SECONDS && t->supernet->step < t->steps)
            checkpoint(t);
    }
    checkpoint(t);
    return true;
}

static void trainer_size(Trainer *t) {
    const TrainPlan *plan = t->plan;
    t->images =
        plan->images > 0 && plan->images < t->data->count ? plan->images : t->data->count;
    t->pieces = t->images < PIECE ? 1 : t->images / PIECE;
    t->batch_pieces = plan->batch < PIECE ? 1 : plan->batch / PIECE;
    if (t->batch_pieces > t->pieces)
        t->batch_pieces = t->pieces;
    t->epoch_steps = (t->pieces + t->batch_pieces - 1) / t->batch_pieces;
    t->steps = t->epoch_steps * plan->epochs;
    t->float_steps = (int64_t)floor((double)t->steps * plan->float_share);
}

static void trainer_allocate(Trainer *t) {
    size_t batch = (size_t)t->batch_pieces * PIECE,
           classes = (size_t)t->supernet->task->classes;
    const Space *space = t->supernet->space;
    t->arena = arena_new();
    t->legal = space->constraints.count ? members_new(t->arena, space, NULL, 0) : NULL;
    t->genes = memory_new((size_t)space->choices.count + 1);
    t->members = memory_new((size_t)t->count * sizeof(Member));
    for (int i = 0; i < t->count; i++)
        t->members[i].arena = arena_new();
    t->runs = memory_new((size_t)pool_threads(t->pool) * sizeof(Run));
    t->order = memory_new((size_t)t->data->count * sizeof(int));
    t->input = memory_new(batch * image_values(t->data) * sizeof(float));
    t->target = memory_new(batch * classes * sizeof(float));
    t->soft = memory_new(batch * classes * sizeof(float));
    t->gradients = memory_new((size_t)(t->count * t->batch_pieces) * sizeof(float *));
    t->outcomes = memory_new((size_t)(t->count * t->batch_pieces) * sizeof(Outcome));
    t->sum = memory_new(t->supernet->count * sizeof(float));
}

static void trainer_free(Trainer *t) {
    arena_free(t->arena);
    for (int i = 0; i < t->count; i++)
        arena_free(t->members[i].arena);
    for (int i = 0; i < pool_threads(t->pool); i++)
        run_free(&t->runs[i]);
    for (int i = 0; i < t->count * t->batch_pieces; i++)
        memory_free(t->gradients[i]);
    void *blocks[] = {t->genes,  t->members, t->runs,      t->order,    t->input,
                      t->target, t->soft,    t->gradients, t->outcomes, t->sum};
    for (int i = 0; i < COUNT(blocks); i++)
        memory_free(blocks[i]);
}

/* What a run is, so that a supernet in the middle of the same one goes on and any other
 * begins. */
static Key run_key(const Trainer *t) {
    const TrainPlan *p = t->plan;
    double facts[] = {
        p->epochs,         p->batch,           p->rate_kind,       p->rate,
        p->momentum,       p->weight_decay,    p->label_smoothing, p->random_members,
        p->float_share,    p->distil,          t->images,          t->gene != NULL,
        t->full_precision, t->teacher != NULL, t->data->count};
    Key key = key_join(key_of(facts, sizeof facts), key_of(&t->seed, sizeof t->seed));
    if (t->gene)
        key = key_join(key, key_of(t->gene, (size_t)t->supernet->space->choices.count));
    return t->teacher ? key_join(key, supernet_key(t->teacher)) : key;
}

static void run_resume(Trainer *t) {
    Supernet *s = t->supernet;
    Key key = run_key(t);
    if (!key_equal(key, s->run)) {
        s->run = key;
        s->step = 0;
        s->loss = 0;
        s->correct = s->seen = 0;
        memset(s->momentum, 0, s->count * sizeof(float));
    }
    t->first_step = s->step;
}

static bool train(Trainer *t) {
    trainer_size(t);
    trainer_allocate(t);
    run_resume(t);
    t->saved_at = clock_seconds();
    progress_begin(t->hooks && t->hooks->title ? t->hooks->title : "training", t->steps,
                   "steps");
    progress_to(t->first_step, "%s", "");
    bool done = steps_run(t);
    progress_end("%s: %s after %lld of %lld steps",
                 t->hooks && t->hooks->title ? t->hooks->title : "training",
                 done ? "done" : "interrupted", (long long)t->supernet->step,
                 (long long)t->steps);
    trainer_free(t);
    return done;
}

TrainPlan train_plan_default(void) {
    return (TrainPlan){.epochs = 10,
                       .batch = 128,
                       .rate_kind = RATE_COSINE,
                       .rate = 0.2,
                       .momentum = 0.9,
                       .weight_decay = 3e-5,
                       .label_smoothing = 0.1,
                       .random_members = 2,
                       .float_share = 0.4,
                       .distil = true};
}

bool supernet_train(Supernet *supernet, const TrainPlan *plan, const Dataset *data, Pool *pool,
                    uint64_t seed, const TrainHooks *hooks) {
    Trainer t = {.supernet = supernet,
                 .plan = plan,
                 .data = data,
                 .pool = pool,
                 .seed = seed,
                 .hooks = hooks,
                 .count = 2 + plan->random_members,
                 .teaches = plan->distil};
    return train(&t);
}

bool supernet_tune(Supernet *supernet, const Gene *gene, bool full_precision,
                   const Supernet *teacher, const TrainPlan *plan, const Dataset *data,
                   Pool *pool, uint64_t seed, const TrainHooks *hooks) {
    Trainer t = {.supernet = supernet,
                 .plan = plan,
                 .data = data,
                 .pool = pool,
                 .seed = seed,
                 .hooks = hooks,
                 .gene = gene,
                 .full_precision = full_precision,
                 .teacher = teacher,
                 .count = teacher ? 2 : 1,
                 .teaches = teacher != NULL};
    return train(&t);
}
