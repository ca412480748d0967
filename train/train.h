/* train: data, float operators with gradients, fake quantisation, the supernet -> float
 * weights.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TRAIN_H
#define TRAIN_H

#include "net/net.h"

/* ---- idx.c, data.c: images with labels --------------------------------------------------- */

typedef struct Dataset {
    int count, height, width, channels, classes;
    const uint8_t *image; /* (count, height, width, channels) codes */
    const uint8_t *label; /* (count) */
} Dataset;

/* Folders in which a relative data path is looked up, in order. */
typedef struct DataPath {
    const char *const *folder;
    int count;
} DataPath;

/* Opens `train` of a task and cuts it, stratified by class, into train and validate: a pure
 * function of the labels and the share. Gzip or plain IDX; hostile until checked. On failure
 * the run's environment is at fault: false, and *why names the file, the offset or index,
 * what was found and expected; where no file was found it also lists the folders tried and
 * how to fetch the data. */
bool data_open(Arena *arena, const Task *task, DataPath path, Dataset *train, Dataset *validate,
               Str *why);
/* Opens `test`. Only the final evaluation calls this. */
bool data_open_test(Arena *arena, const Task *task, DataPath path, Dataset *test, Str *why);

/* ---- gemm.c: products of narrow matrices, for training and for the judge ----------------- */

/* C = A B, or C += A B where `add`. */
typedef struct Gemm {
    int rows, columns, depth; /* columns: a multiple of gemm_lanes() */
    const float *a; /* element (i, k) at a[i * a_row + k * a_k]; one of the two is 1 */
    size_t a_row, a_k;
    const float *b; /* (depth, columns), rows b_k apart */
    size_t b_k;
    float *c; /* (rows, columns), rows c_row apart */
    size_t c_row;
    bool add; /* to what C holds */
} Gemm;
void gemm(const Gemm *g);
int gemm_lanes(void); /* floats of a vector */

/* ---- augment.c --------------------------------------------------------------------------- */

/* One augmented image as floats, normalised, into out (height, width, channels): a pure
 * function of (task, seed, epoch, index). epoch -1: as it is. */
void augment(const Task *task, const Dataset *data, uint64_t seed, int epoch, int index,
             float *out);

/* ---- supernet.c: shared weights of all members of a space -------------------------------- */

typedef enum { RATE_CONSTANT, RATE_COSINE } RateKind;
/* One run of stochastic gradient descent. */
typedef struct TrainPlan {
    int epochs, batch; /* batch is cut into pieces of 32; batch norm is per piece */
    RateKind rate_kind;
    double rate, momentum, weight_decay, label_smoothing;
    int random_members; /* of the sandwich, beside the largest and the smallest */
    double float_share; /* of the steps, before bits are turned on */
    bool distil;        /* in place: the others learn the largest's soft output */
    int images;         /* train on the first so many of each epoch's order; 0: all */
} TrainPlan;
TrainPlan train_plan_default(void);

typedef struct Supernet Supernet;
/* Whether every operator of the space has a gradient here; false with the *span of one that has
 * none, and *why. */
bool supernet_trains(Arena *arena, const Space *space, Span *span, Str *why);
/* Fresh weights from the seed. The space, which it can train, and task outlive it. */
Supernet *supernet_new(const Space *space, const Task *task, uint64_t seed);
Supernet *supernet_copy(const Supernet *supernet);
void supernet_free(Supernet *supernet);
size_t supernet_bytes(const Supernet *supernet);

/* Everything that training needs to go on after a kill: weights, momenta, steps done. */
Str supernet_save(const Supernet *supernet, Arena *arena);
/* False and *why where the bytes are of another space, version, or damaged. */
bool supernet_load(Supernet *supernet, Str bytes, const char **why);
Key supernet_key(const Supernet *supernet); /* of the weights */

typedef struct TrainHooks {
    void *context;
    /* Called about every 20 seconds and at the end of the run with the step just done;
     * saves. */
    void (*checkpoint)(void *context, const Supernet *supernet, int64_t step, int64_t steps);
    /* Called after each epoch: mean loss of the first member and its train accuracy. */
    void (*epoch)(void *context, int epoch, double loss, double accuracy);
    const char *title; /* of the progress bar */
} TrainHooks;

/* Trains with the sandwich rule (Yu et al., BigNAS, arXiv 2003.11142): largest member at f32
 * on the labels, smallest and random members on its soft output, bits by learned step sizes
 * (Esser et al., LSQ, arXiv 1902.08153) after the float share. Goes on from where the
 * supernet stands. False if interrupted (a checkpoint was made). Identical for any number of
 * threads. */
bool supernet_train(Supernet *supernet, const TrainPlan *plan, const Dataset *train, Pool *pool,
                    uint64_t seed, const TrainHooks *hooks);
/* Trains one member alone, with its bits from the start (or at f32, where `full_precision`),
 * on the labels and, where `teacher` is not NULL, on the soft output of its largest member
 * at f32. */
bool supernet_tune(Supernet *supernet, const Gene *gene, bool full_precision,
                   const Supernet *teacher, const TrainPlan *plan, const Dataset *train,
                   Pool *pool, uint64_t seed, const TrainHooks *hooks);

/* ---- memo.c: what networks that begin alike compute alike --------------------------------- */

/* Results under keys of all that they follow from, so that whether one is found changes nothing
 * but the time; up to so many bytes, then the least recently used go. Any number of threads. */
typedef struct Memo Memo;
enum { MEMO_BYTES = 512 << 20 }; /* enough for the first layers of a small space */
Memo *memo_new(size_t bytes);
void memo_free(Memo *memo);
bool memo_takes(const Memo *memo, size_t bytes); /* whether one of this size is kept */
/* What is kept, which stays until it is released; NULL: nothing. */
const void *memo_take(Memo *memo, Key key);
int64_t memo_found(const Memo *memo); /* how often something was */
/* Whether this has been asked of a key before, as far as is remembered: what is needed once is
 * hardly worth being kept. */
bool memo_sought(Memo *memo, Key key);
/* Room for a result, aligned to 64 bytes, to be filled, put, and released when read. */
void *memo_room(size_t bytes);
void memo_put(Memo *memo, Key key, void *content);
void memo_release(Memo *memo, const void *content); /* NULL is fine */

/* ---- member.c: a member as it would ship ------------------------------------------------- */

/* Memory for evaluating one member at a time on one thread; reused between members. */
typedef struct Workspace Workspace;
Workspace *workspace_new(const Supernet *supernet);
/* From now on results of first layers are shared with others through the memo. */
void workspace_share(Workspace *workspace, Memo *memo);
void workspace_free(Workspace *workspace);

/* Cuts the member's weights from the supernet and recalibrates its batch norms on the first
 * `images` of a fixed permutation of train, under its own fake quantisation (or at f32). The
 * result is in the arena. One thread; any number of these may run at once, each with a
 * workspace of its own. */
void supernet_member(const Supernet *supernet, Workspace *workspace, const Net *net,
                     bool full_precision, const Dataset *train, int images, Arena *arena,
                     FloatModel *out);
/* How many of data's images [first, first + count) the float model (recalibrated statistics,
 * fake quantisation unless full_precision) classifies rightly. */
int float_correct(Workspace *workspace, const FloatModel *model, bool full_precision,
                  const Task *task, const Dataset *data, int first, int count);

#endif
