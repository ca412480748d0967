/* The float engine: what the files of train share, and nobody else includes.
 *
 * A Graph is a Net regrouped: each Node computes y (a product, a sum, a pooling) and ends in
 * what follows y element by element: batch norm or bias, clamp, fake quantisation. Only y is
 * stored; a reader applies the ending as it fetches a few images, so that normalised
 * activations never travel through memory. A Run takes a piece of at most 32 images through a
 * Graph and back.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_H
#define ENGINE_H

#include "train/train.h"
#include "train/vector.h"

enum { PIECE = 32 };

/* ---- idx.c ------------------------------------------------------------------------------- */

/* An array of bytes: labels (count) or images (count, rows, columns[, channels]). */
typedef struct Idx {
    int rank;
    uint32_t dim[4];
    const uint8_t *data;
} Idx;
/* ranks 1: labels; 3: images. False and *why, which names the file. */
bool idx_open(Arena *arena, const char *path, int ranks, Idx *idx, Str *why);

/* ---- correlate.c ------------------------------------------------------------------------- */

/* For one vector of channels, out(y, x) = sum over (i, j) of weight(i, j) * in(y, x, i, j),
 * where the input is a padded panel, so that every tap exists. Steps are in floats. */
typedef struct Correlation {
    int kernel_h, kernel_w, out_h, out_w;
    const float *in;
    size_t in_y, in_x;   /* from one output to the next */
    size_t tap_y;        /* from one row of taps to the next; in a row they are LANES apart */
    const float *weight; /* (kernel_h, kernel_w), weight_tap apart */
    size_t weight_tap;
    float *out;
    size_t out_y, out_x;
    bool add; /* to what out holds */
} Correlation;
void correlate(const Correlation *c);
/* weight += the gradient, where `out` holds the output's. */
void correlate_weights(const Correlation *c, float *weight);

/* ---- ending.c ---------------------------------------------------------------------------- */

/* A hair more than one half: averages of codes fall between two of them often and exactly,
 * and must go up, as they do in integers, however the last bit of a float comes out. */
#define ROUND_HALF (0.5 + 0x1p-12)

/* z = fake_quantise(clamp(a * y + b)). */
typedef struct Ending {
    const float *a, *b;        /* (lanes) */
    float low, high;           /* of the clamp */
    float step;                /* of the fake quantisation; 0: none */
    float inverse;             /* 1 / step */
    float code_low, code_high; /* of the codes less the zero point */
} Ending;
/* What follows from a piece for a batch norm and for the quantiser. */
typedef struct EndingSums {
    const float *mean, *inverse; /* (lanes) of y; NULL without a batch norm */
    float *g, *gx;  /* (lanes) sums of dz/d(a y + b), and of it times (y - mean) * inverse */
    Vec step, zero; /* sums for the step size and the zero point */
} EndingSums;
/* out = z. */
void ending_apply(const Ending *e, int lanes, int pixels, const float *y, float *out);
/* The same for the vector of channels from v of an image of `rows` rows of `pixels` pixels,
 * into a panel of that vector alone, whose rows are panel_row floats apart. */
void ending_apply_panel(const Ending *e, int v, int lanes, int rows, int pixels, const float *y,
                        float *panel, size_t panel_row);
/* z back from codes above the lowest, one byte each; rows as of ending_apply_panel, with
 * `lanes` floats or codes of `step` a pixel in the panel. */
void codes_decode(const Ending *e, int lanes, int rows, int pixels, const uint8_t *code,
                  int step, float *out, size_t out_row);
/* And the codes of `count` floats of z. */
void codes_encode(const Ending *e, size_t count, const float *z, uint8_t *code);
/* g, the gradient of z, becomes that of a * y + b; the sums grow. */
void ending_backward(const Ending *e, int lanes, int pixels, const float *y, float *g,
                     EndingSums *sums);
/* out = a * g + c * y + d by channel: the gradient of y through a batch norm. */
typedef struct NormGradient {
    const float *a, *c, *d; /* (lanes) */
} NormGradient;
void norm_backward(const NormGradient *n, int lanes, int pixels, const float *y, const float *g,
                   float *out);
void norm_backward_panel(const NormGradient *n, int v, int lanes, int rows, int pixels,
                         const float *y, const float *g, float *panel, size_t panel_row);
/* sum += sum of (y - pivot), square += sum of its square, by channel. */
void statistics_add(const float *pivot, int lanes, int pixels, const float *y, float *sum,
                    float *square);

/* ---- quantise.c -------------------------------------------------------------------------- */

/* The step of symmetric codes up to `limit` that leaves the least squared error. */
float weight_step_best(const float *weight, int count, int limit);
float weight_quantise(float weight, float step, float limit);
/* One row of weights with one step. On entry gradient holds that of the quantised weights,
 * on exit that of the weights; returns the step's, scaled as LSQ does. */
float weight_backward(const float *weight, int count, float step, int limit, float *gradient);
/* Step and zero point with the least squared error for a sample of activations. */
void activation_calibrate(const float *value, int count, Format format, bool clamped,
                          float *step, float *zero);
/* The zero point as an integer code. */
float zero_code(float zero, Format format);

/* ---- graph.c ----------------------------------------------------------------------------- */

typedef struct Node {
    OpKind head;         /* what computes y; OP_RELU: nothing does, y is the input */
    int op, norm, last;  /* operators of the net: of y, the batch norm (or -1), the end */
    int quantiser;       /* the operator whose quantiser rounds here, or -1 */
    bool owns_quantiser; /* it is this node's own end */
    bool clamped;        /* ends in relu or relu6 */
    bool biased;         /* has a bias that the ending adds */
    bool plain;          /* ends in nothing: z is y */
    float low, high;
    int inputs, input[MAX_INPUTS]; /* nodes */

    int height, width, channels, lanes; /* of y; lanes: floats from one pixel to the next */
    int kernel_h, kernel_w, stride_h, stride_w, before_h, before_w, padded_h, padded_w;
    int groups, taps; /* of the weights: rows are (taps, channels of a group) */
    int row;          /* taps * lanes of the input: floats of a row of weights as packed */
    int depth;        /* of them, those before the padding of the last tap */
    bool direct;      /* the product reads the input as it lies */
    int block;        /* images at a time, for the cache's sake */
    bool descending;  /* the last images first: opposite to its input, whose last are near */
    int first_reader; /* the node whose gradient comes last; -1: the network's result */

    size_t y, g;   /* where they are in a run's memory */
    size_t weight; /* in packed and in the gradient: (depth, lanes), depthwise (taps, lanes) */
    size_t transposed; /* in packed: (channels, row), for the input's gradient */
    int channel;       /* its first in the arrays of channels */
    float step, zero;  /* of the quantiser; 0: not known yet */
    Format format;     /* of the result */
} Node;

static inline size_t image_floats(const Node *node) {
    return (size_t)node->height * (size_t)node->width * (size_t)node->lanes;
}

typedef struct Graph {
    const Net *net;
    const FloatModel *model;
    Node *nodes;
    int count, output;
    bool full_precision;
    float *packed; /* weights */
    float *a, *b;  /* (channels) of the endings, from the model's statistics and biases */
    const float **gamma, **beta; /* (nodes) */
    size_t packed_floats, run_floats, block_floats;
    int channels;
    /* The layout of one piece's gradient: weights, then two floats a channel (bias or beta,
     * then gamma), then two a node (step, zero point). */
    size_t gradient_channels, gradient_nodes, gradient_floats;
} Graph;
/* The model is read now; for training, transposed weights are packed too. */
Graph *graph_new(Arena *arena, const FloatModel *model, bool full_precision, bool training);
/* Where element (o, tap, c) of an operator's weights is in the packed (depth, lanes). */
size_t graph_packed_index(const Node *node, const Node *from, int o, int tap, int c);

/* ---- run.c, forward.c, backward.c -------------------------------------------------------- */

/* A piece on its way. Memory is one block that grows to the largest graph met. */
typedef struct Run {
    const Graph *graph;
    int images;
    bool batch_statistics; /* of the piece; else those of the model */
    float *memory;
    size_t memory_floats;
    float *scratch[4]; /* fetched inputs, their windows, gradients of y and of windows */
    float *a, *b, *mean, *inverse, *variance, *c, *d; /* (channels) */
    float *pivot, *sum, *square;
    float *step, *zero;       /* (nodes) */
    bool *written;            /* (nodes) g holds something */
    Vec *step_sum, *zero_sum; /* (nodes) for the quantisers' gradients */
    char *tables;
    size_t table_bytes;
    /* Nodes up to this one are not computed: what it gives is here, as floats or as codes
     * above its lowest. 0: the input is loaded. */
    int held;
    const float *held_floats;
    const uint8_t *held_codes;
} Run;
void run_begin(Run *run, const Graph *graph, int images, bool batch_statistics);
void run_free(Run *run);
/* After run_begin: node `held` gives these floats or, where they are NULL, these codes. */
void run_hold(Run *run, int held, const float *floats, const uint8_t *codes);
/* Block number `at` of a node's, in its direction. Returns the number of images in it. */
int run_block(const Run *run, const Node *node, int at, int *first);
float *run_input(Run *run); /* (images, height, width, lanes) of node 0, to be filled */
Ending run_ending(const Run *run, int node);
/* y from image `first` of a node on, as its ending expects it. */
const float *run_y(const Run *run, int node, int first);
/* ending_apply_panel for image n of a node that is read. */
void run_read_panel(const Run *run, const Ending *e, int node, int n, int v, float *panel,
                    size_t panel_row);
void run_forward(Run *run);
/* (images, lanes) of the network's result, and where its gradient is expected. */
const float *run_result(Run *run);
float *run_result_gradient(Run *run);
/* Sets gradient (graph->gradient_floats). */
void run_backward(Run *run, float *gradient);
/* Fetches z of images [first, first + count) of a node; may return y itself. */
const float *run_read(Run *run, int node, int first, int count, float *scratch);
/* Before a node's blocks: zeros where padded inputs, or one panel of a depthwise, will be. */
void run_clear_borders(Run *run, const Node *reader, float *scratch);
/* The same as run_read with the borders that `reader` needs, which are zero already. */
void run_read_padded(Run *run, const Node *reader, int first, int count, float *scratch);

/* ---- prefix.c ---------------------------------------------------------------------------- */

/* The sums by channel that batch norms are recalibrated from. */
typedef struct Statistics {
    double *mean, *square, *variance;
} Statistics;
/* What a run over `pieces` pieces of `images` images in all shares with others that begin
 * alike. */
typedef struct Prefix Prefix;
/* NULL without a memo. `key` is of the images. What is known of first nodes goes into the
 * statistics (NULL: there are none) and the graph's steps. */
Prefix *prefix_new(Arena *arena, Memo *memo, Graph *graph, Key key, int images,
                   const Statistics *statistics);
/* Whether piece p's first nodes are known: the run then holds them. */
bool prefix_hold(const Prefix *prefix, Run *run, int p);
void prefix_keep(Prefix *prefix, Run *run, int p); /* after the run */
void prefix_end(Prefix *prefix);                   /* after all pieces; NULL is fine */

/* ---- window.c ---------------------------------------------------------------------------- */

/* Windows of padded images as rows of a matrix, and back (adding). */
void windows_gather(const Node *node, int lanes, int count, const float *padded, float *rows);
void windows_scatter(const Node *node, int lanes, int count, const float *rows, float *padded);
void pool_forward(const Node *node, const Node *from, int count, const float *x, float *y);
void pool_backward(const Node *node, const Node *from, int count, const float *x,
                   const float *y, const float *dy, bool add, float *dx);

/* ---- loss.c ------------------------------------------------------------------------------ */

/* Softmax cross entropy of a row of logits against probabilities; the gradient is scaled. */
void softmax(const float *logit, int classes, float *probability);
float cross_entropy(const float *logit, const float *target, int classes, float scale,
                    float *gradient);
/* The index of the first of the largest. */
int largest_at(const float *value, int count);

/* ---- supernet.c -------------------------------------------------------------------------- */

/* Where a site's parameters are among a supernet's. */
typedef struct Slots {
    size_t weight; /* (out, kernel_h, kernel_w, in); batch norm: gamma */
    size_t bias;   /* (out); batch norm: beta */
    size_t step;   /* (formats, out); 0: not known yet */
} Slots;

struct Supernet {
    const Space *space;
    const Task *task;
    /* Weights that decay, then biases and norms, then what quantisers learn. */
    size_t count, decayed, quantising;
    size_t quantisers; /* (operators, formats): step and zero point */
    float *value, *momentum;
    Slots *slots; /* (sites) */
    /* The run of training that it is in or has finished. */
    Key run;
    int64_t step;
    double loss;           /* of the first member, summed over the epoch so far */
    int64_t correct, seen; /* likewise */
};
size_t quantiser_slot(const Supernet *supernet, int origin, Format format);

/* ---- slice.c ----------------------------------------------------------------------------- */

/* A member cut out of its supernet, ready to run. Everything is in the arena. */
typedef struct Member {
    Arena *arena;
    Net net;
    bool full_precision;
    FloatModel model;
    Graph *graph;
} Member;
/* The weights of a member; batch norms have no statistics yet. */
void member_cut(const Supernet *supernet, const Net *net, bool full_precision, Arena *arena,
                FloatModel *model);
/* Gives quantisers that have no step yet one: weights from the site's weights. */
void weight_steps_begin(Supernet *supernet, const Net *net);
/* Adds a member's gradient, laid out as its graph's, to that of the supernet. It is used up. */
void member_gradient(const Supernet *supernet, const Member *member, float *gradient,
                     float *sum);

/* ---- descent.c --------------------------------------------------------------------------- */

/* One step of stochastic gradient descent with Nesterov momentum. */
void descend(Supernet *supernet, const float *gradient, double rate, double momentum,
             double decay);
double rate_at(const TrainPlan *plan, int64_t step, int64_t steps);

/* ---- sandwich.c -------------------------------------------------------------------------- */

/* The genes of member `number` of a step: 0 is the largest, 1 the smallest, the others
 * random; in canonical form and legal. `legal` may be NULL where the space has no
 * constraints. */
void sandwich_genes(const Space *space, const Members *legal, uint64_t seed, int64_t step,
                    int number, Gene *gene);
/* The largest member, or the legal one nearest to it. */
void largest_genes(const Space *space, const Members *legal, Gene *gene);

#endif
