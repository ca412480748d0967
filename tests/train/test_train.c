/* Training as a whole: that it learns, that threads and kills change nothing, that saved bytes
 * are not believed, and that a member's recalibrated statistics are what its definition says.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "tests/train/learnable.h"
#include "tests/train/naive.h"

#include <signal.h>
#include <sys/time.h>

typedef struct World {
    Arena *arena;
    Task task;
    Space *space;
    Dataset train, validate;
    TrainPlan plan;
} World;

static World world_new(void) {
    World w = {.arena = arena_new(), .task = corners_task(), .plan = train_plan_default()};
    w.space = corners_space(w.arena);
    w.train = corners_data(w.arena, 500, 1);
    w.validate = corners_data(w.arena, 300, 2);
    w.plan.epochs = 4;
    w.plan.batch = 64;
    progress_quiet(true);
    return w;
}

static Supernet *trained(const World *w, int threads) {
    Supernet *s = supernet_new(w->space, &w->task, 5);
    Pool *pool = pool_new(threads);
    assert_true(supernet_train(s, &w->plan, &w->train, pool, 5, NULL));
    pool_free(pool);
    return s;
}

static double accuracy(const World *w, const Supernet *s, const Gene *gene,
                       bool full_precision) {
    Workspace *workspace = workspace_new(s);
    Net net = net_of(w->arena, w->space, gene);
    FloatModel model;
    supernet_member(s, workspace, &net, full_precision, &w->train, 256, w->arena, &model);
    int correct = float_correct(workspace, &model, full_precision, &w->task, &w->validate, 0,
                                w->validate.count);
    workspace_free(workspace);
    return correct / (double)w->validate.count;
}

static void test_learns(void **state) {
    (void)state;
    World w = world_new();
    w.plan.epochs = 12;
    Supernet *s = trained(&w, 2);
    const Gene *largest = genes_extreme(w.arena, w.space, true);
    const Gene *smallest = genes_extreme(w.arena, w.space, false);
    assert_true(accuracy(&w, s, largest, true) > 0.95);
    assert_true(accuracy(&w, s, largest, false) > 0.95);
    assert_true(accuracy(&w, s, smallest, false) > 0.85);
    supernet_free(s);
    arena_free(w.arena);
}

static void test_threads_change_nothing(void **state) {
    (void)state;
    World w = world_new();
    Key keys[3];
    for (int threads = 1; threads <= 3; threads++) {
        Supernet *s = trained(&w, threads);
        Pool *pool = pool_new(threads);
        Supernet *tuned = supernet_copy(s);
        assert_true(supernet_tune(tuned, genes_middle(w.arena, w.space), false, s, &w.plan,
                                  &w.train, pool, 6, NULL));
        keys[threads - 1] = key_join(supernet_key(s), supernet_key(tuned));
        assert_false(key_equal(supernet_key(s), supernet_key(tuned)));
        pool_free(pool);
        supernet_free(tuned);
        supernet_free(s);
    }
    assert_true(key_equal(keys[0], keys[1]) && key_equal(keys[0], keys[2]));
    arena_free(w.arena);
}

/* ---- going on after an interruption ------------------------------------------------------ */

static const char *checkpoint_path;

static void checkpoint_write(void *context, const Supernet *supernet, int64_t step,
                             int64_t steps) {
    (void)step, (void)steps;
    const char *why;
    Arena *arena = context;
    if (!file_write(checkpoint_path, supernet_save(supernet, arena), &why))
        _exit(9);
}

/* Trains in a process of its own that a signal reaches at some moment. */
static int train_interrupted(void *context) {
    World *w = context;
    Supernet *s = supernet_new(w->space, &w->task, 5);
    Str bytes;
    const char *why;
    if (file_read(w->arena, checkpoint_path, 1 << 28, &bytes, &why) &&
        !supernet_load(s, bytes, &why))
        return 8;
    struct itimerval timer = {.it_value = {.tv_usec = 30000}};
    interrupt_install();
    signal(SIGALRM, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    struct sigaction action;
    sigaction(SIGINT, NULL, &action);
    sigaction(SIGALRM, &action, NULL); /* the alarm is a SIGINT to the run */
    setitimer(ITIMER_REAL, &timer, NULL);
    TrainHooks hooks = {w->arena, checkpoint_write, NULL, NULL};
    return supernet_train(s, &w->plan, &w->train, pool_new(2), 5, &hooks) ? 0 : 1;
}

static void test_goes_on_after_interruptions(void **state) {
    (void)state;
    World w = world_new();
    char directory[256], path[300], said[400];
    directory_own(directory);
    snprintf(path, sizeof path, "%s/supernet", directory);
    checkpoint_path = path;
    Supernet *whole = trained(&w, 2), *resumed = supernet_new(w.space, &w.task, 1);
    int status = 1, rounds = 0;
    while (status == 1 && rounds++ < 200)
        status = run_apart(train_interrupted, &w, said, sizeof said);
    assert_int_equal(status, 0);
    assert_true(rounds > 1);
    Str bytes;
    const char *why;
    assert_true(file_read(w.arena, path, 1 << 28, &bytes, &why));
    assert_true(supernet_load(resumed, bytes, &why));
    assert_true(key_equal(supernet_key(whole), supernet_key(resumed)));
    assert_memory_equal(whole->momentum, resumed->momentum, whole->count * sizeof(float));
    /* A run that is done stays done. */
    Pool *pool = pool_new(1);
    assert_true(supernet_train(resumed, &w.plan, &w.train, pool, 5, NULL));
    assert_true(key_equal(supernet_key(whole), supernet_key(resumed)));
    pool_free(pool);
    supernet_free(whole);
    supernet_free(resumed);
    directory_remove(directory);
    arena_free(w.arena);
}

/* ---- saved bytes ------------------------------------------------------------------------- */

static void refused(const World *w, Str bytes, const char *expected) {
    Supernet *s = supernet_new(w->space, &w->task, 5);
    Key before = supernet_key(s);
    const char *why = NULL;
    assert_false(supernet_load(s, bytes, &why));
    assert_non_null(why);
    if (expected)
        assert_string_equal(why, expected);
    assert_true(key_equal(before, supernet_key(s)));
    supernet_free(s);
}

/* The copy with a checksum that fits, as a careful enemy would write it. */
static Str sealed(Arena *arena, Str bytes, int at, const void *with, size_t count) {
    Str copy = str_copy(arena, bytes);
    char *to = (char *)(uintptr_t)copy.at;
    memcpy(to + at, with, count);
    Key key = key_of(to, (size_t)copy.length - sizeof key);
    memcpy(to + copy.length - sizeof key, &key, sizeof key);
    return copy;
}

static void test_saved_bytes_are_checked(void **state) {
    (void)state;
    World w = world_new();
    Supernet *s = supernet_new(w.space, &w.task, 9), *back = supernet_new(w.space, &w.task, 1);
    Str good = supernet_save(s, w.arena);
    const char *why;
    assert_true(supernet_load(back, good, &why));
    assert_true(key_equal(supernet_key(s), supernet_key(back)));
    for (int i = 0; i < 64; i++) {
        Str cut = {good.at, (int)((int64_t)good.length * i / 64)};
        refused(&w, cut, NULL);
        Str flipped = str_copy(w.arena, good);
        int at = (int)(random_bits(3, 0, (uint64_t)i) % (uint64_t)good.length);
        ((char *)(uintptr_t)flipped.at)[at] ^= (char)(1 << i % 8);
        refused(&w, flipped, NULL);
    }
    float infinite = INFINITY;
    int64_t negative = -1;
    uint32_t version = 99, order = 0x04030201;
    refused(&w, (Str){good.at, 20}, "it is cut short");
    refused(&w, (Str){good.at, good.length - 1}, "it is cut short or has bytes too many");
    refused(&w, sealed(w.arena, good, 0, "PK", 2), "it is not a saved supernet");
    refused(&w, sealed(w.arena, good, 8, &order, 4),
            "it was saved on a machine of another byte order");
    refused(&w, sealed(w.arena, good, 12, &version, 4),
            "it was saved by another version of nasc");
    refused(&w, sealed(w.arena, good, 56, &negative, 8), "its counters are impossible");
    refused(&w, sealed(w.arena, good, 88, &infinite, 4),
            "it holds numbers that are not finite");
    World other = world_new();
    other.space = fashion_space(other.arena);
    refused(&other, good, "it is of another space of networks");
    supernet_free(s);
    supernet_free(back);
    arena_free(other.arena);
    arena_free(w.arena);
}

/* ---- members ----------------------------------------------------------------------------- */

/* Statistics over the pieces, in doubles, of the images that recalibration takes. */
static void statistics_check(const World *w, const Supernet *s, const Gene *gene,
                             bool full_precision) {
    enum { PIECES = 3 };
    Net net = net_of(w->arena, w->space, gene);
    FloatModel model;
    Workspace *workspace = workspace_new(s);
    supernet_member(s, workspace, &net, full_precision, &w->train, PIECES * PIECE, w->arena,
                    &model);
    Random random = {0x6e617363, 1, 0};
    int *order = arena_array(w->arena, int, w->train.count);
    for (int i = 0; i < w->train.count; i++)
        order[i] = i;
    random_shuffle(&random, order, w->train.count);
    double *mean[64] = {0}, *square[64] = {0}, *within[64] = {0};
    assert_true(net.count <= 64);
    float *input = arena_array(w->arena, float, PIECE *SIDE *SIDE);
    Naive naive = naive_new(w->arena, s, &net, full_precision, PIECE, input);
    for (int p = 0; p < PIECES; p++) {
        for (int i = 0; i < PIECE; i++)
            augment(&w->task, &w->train, 0, -1, order[p * PIECE + i], input + i * SIDE * SIDE);
        naive_forward(&naive);
        for (int i = 0; i < net.count; i++) {
            int channels = shape_channels(net.ops[i].shape);
            if (p == 0) {
                mean[i] = arena_array(w->arena, double, channels);
                square[i] = arena_array(w->arena, double, channels);
                within[i] = arena_array(w->arena, double, channels);
            }
            for (int c = 0; c < channels; c++) {
                mean[i][c] += naive.mean[i][c] / PIECES;
                square[i][c] += naive.mean[i][c] * naive.mean[i][c] / PIECES;
                within[i][c] += naive.variance[i][c] / PIECES;
            }
        }
    }
    for (int i = 0; i < net.count; i++)
        for (int c = 0;
             net.ops[i].kind == OP_BATCH_NORM && c < shape_channels(net.ops[i].shape); c++) {
            double variance = within[i][c] + square[i][c] - mean[i][c] * mean[i][c];
            double near = 1e-3 * sqrt(variance + 1e-6) + (full_precision ? 0 : 1e-2);
            assert_true(fabs(model.ops[i].mean[c] - mean[i][c]) < near);
            assert_true(fabs(model.ops[i].variance[c] - variance) < near + 1e-3 * variance);
        }
    workspace_free(workspace);
}

static void test_recalibration(void **state) {
    (void)state;
    World w = world_new();
    Supernet *s = trained(&w, 2);
    for (int largest = 0; largest < 2; largest++)
        for (int f = 0; f < 2; f++)
            statistics_check(&w, s, genes_extreme(w.arena, w.space, largest), f);
    supernet_free(s);
    arena_free(w.arena);
}

static void test_inference(void **state) {
    (void)state;
    World w = world_new();
    Supernet *s = trained(&w, 2);
    Net net = net_of(w.arena, w.space, genes_extreme(w.arena, w.space, true));
    for (int f = 0; f < 2; f++) {
        FloatModel model;
        Workspace *workspace = workspace_new(s);
        supernet_member(s, workspace, &net, f, &w.train, 128, w.arena, &model);
        enum { IMAGES = 40 };
        float *input = arena_array(w.arena, float, IMAGES *SIDE *SIDE);
        for (int i = 0; i < IMAGES; i++)
            augment(&w.task, &w.validate, 0, -1, 7 + i, input + i * SIDE * SIDE);
        Naive naive = naive_new(w.arena, s, &net, f, IMAGES, input);
        naive.statistics = &model;
        naive_forward(&naive);
        int correct = 0;
        for (int n = 0; n < IMAGES; n++) {
            int best = 0;
            for (int c = 1; c < CORNERS; c++)
                if (naive.value[net.output][n * CORNERS + c] >
                    naive.value[net.output][n * CORNERS + best])
                    best = c;
            correct += best == w.validate.label[7 + n];
        }
        int found = float_correct(workspace, &model, f, &w.task, &w.validate, 7, IMAGES);
        assert_true(abs(found - correct) <= (f ? 0 : 1));
        /* In parts, the same. */
        int parts = float_correct(workspace, &model, f, &w.task, &w.validate, 7, 3) +
                    float_correct(workspace, &model, f, &w.task, &w.validate, 10, IMAGES - 3);
        assert_int_equal(found, parts);
        workspace_free(workspace);
    }
    supernet_free(s);
    arena_free(w.arena);
}

/* The model holds the weights as trained; the steps that quantise them stand beside. */
static void test_weights_stay_floats(void **state) {
    (void)state;
    World w = world_new();
    Supernet *s = trained(&w, 1);
    Net net = net_of(w.arena, w.space, genes_middle(w.arena, w.space));
    FloatModel model;
    Workspace *workspace = workspace_new(s);
    supernet_member(s, workspace, &net, false, &w.train, 64, w.arena, &model);
    Naive naive = naive_new(w.arena, s, &net, true, 1, NULL);
    for (int i = 1; i < net.count; i++) {
        const OpWeights *op = &model.ops[i];
        if (net_quantiser(&net, i) == i)
            assert_true(op->scale > 0 && op->zero >= -128 && op->zero <= 127);
        if (operator_facts[net.ops[i].kind].weights != WEIGHTED)
            continue;
        int row = op_fan_in(&net, i);
        assert_non_null(op->weight_scale);
        for (int k = 0; k < row * shape_channels(net.ops[i].shape); k++)
            assert_true(op->weight[k] == s->value[naive_slot(&naive, i, k / row, k % row)]);
    }
    assert_true(model.ops[0].scale == task_input_scale(&w.task));
    assert_int_equal(model.ops[0].zero, task_input_zero(&w.task));
    workspace_free(workspace);
    supernet_free(s);
    arena_free(w.arena);
}

/* ---- what members share ------------------------------------------------------------------ */

/* The model of one member, and how many images it gets right. */
static int member_of(const World *w, const Supernet *s, Workspace *workspace, const Net *net,
                     bool full_precision, FloatModel *model) {
    supernet_member(s, workspace, net, full_precision, &w->train, 100, w->arena, model);
    return float_correct(workspace, model, full_precision, &w->task, &w->validate, 3, 50);
}

static void models_equal(const Net *net, const FloatModel *a, const FloatModel *b) {
    for (int i = 0; i < net->count; i++) {
        const OpWeights *x = &a->ops[i], *y = &b->ops[i];
        size_t bytes = sizeof(float) * (size_t)shape_channels(net->ops[i].shape);
        assert_true(x->scale == y->scale && x->zero == y->zero);
        if (net->ops[i].kind != OP_BATCH_NORM)
            continue;
        assert_memory_equal(x->mean, y->mean, bytes);
        assert_memory_equal(x->variance, y->variance, bytes);
    }
}

/* Members one after the other, with what they share and by themselves, to the last bit: steps of
 * quantisers known or not. A memo too small for them all has to forget. */
static void sharing_check(const World *w, const Supernet *s, size_t bytes) {
    enum { MEMBERS = 60 };
    Memo *memo = memo_new(bytes);
    Workspace *alone = workspace_new(s), *shared = workspace_new(s);
    workspace_share(shared, memo);
    Gene *gene = arena_array(w->arena, Gene, w->space->choices.count);
    Random random = {31, 0, 0};
    for (int m = 0; m < MEMBERS; m++) {
        FloatModel model, again;
        for (int c = 0; c < w->space->choices.count; c++)
            gene[c] = (Gene)random_below(&random, w->space->choices.at[c].count);
        genotype_canonical(w->space, gene);
        if (!genotype_legal(w->space, gene))
            continue;
        Net net = net_of(w->arena, w->space, gene);
        assert_int_equal(member_of(w, s, alone, &net, m % 2, &model),
                         member_of(w, s, shared, &net, m % 2, &again));
        models_equal(&net, &model, &again);
    }
    assert_true(memo_found(memo) > MEMBERS / 4);
    workspace_free(alone);
    workspace_free(shared);
    memo_free(memo);
}

static void test_sharing(void **state) {
    (void)state;
    World w = world_new();
    Supernet *s = trained(&w, 1), *fresh = supernet_new(w.space, &w.task, 7);
    sharing_check(&w, s, 64 << 20);
    sharing_check(&w, s, 3 << 20);
    sharing_check(&w, fresh, 64 << 20);
    supernet_free(s);
    supernet_free(fresh);
    arena_free(w.arena);
}

/* ---- the sandwich ------------------------------------------------------------------------ */

static void test_sandwich_is_legal(void **state) {
    (void)state;
    World w = world_new();
    Space *space = w.space;
    Gene *gene = arena_array(w.arena, Gene, space->choices.count);
    Gene *canonical = arena_array(w.arena, Gene, space->choices.count);
    /* Not both the wide stem and the large kernel: the largest member is forbidden. */
    ExprId sum = expr_make(w.arena, space, EXPR_ADD, expr_choice(w.arena, space, 0),
                           expr_choice(w.arena, space, 1), 0);
    ExprId small = expr_make(w.arena, space, EXPR_LESS, sum,
                             expr_constant(w.arena, space, RATIONAL(13)), 0);
    vec_push(w.arena, &space->constraints, ((Constraint){small, {0, 0}}));
    const Members *legal = members_new(w.arena, space, NULL, 0);
    bool seen[2] = {false, false};
    for (int step = 0; step < 60; step++)
        for (int number = 0; number < 4; number++) {
            sandwich_genes(space, legal, 3, step, number, gene);
            memcpy(canonical, gene, (size_t)space->choices.count);
            genotype_canonical(space, canonical);
            assert_true(genotype_legal(space, gene));
            assert_memory_equal(gene, canonical, (size_t)space->choices.count);
            seen[gene[2]] = true; /* a decision of bits */
        }
    assert_true(seen[0] && seen[1]);
    arena_free(w.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_goes_on_after_interruptions),
        cmocka_unit_test(test_saved_bytes_are_checked),
        cmocka_unit_test(test_recalibration),
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_weights_stay_floats),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_sandwich_is_legal),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
