/* net: the middle of the house. Spaces of networks, networks, their integer models, the
 * arithmetic, and the plain facts about devices and tasks. Knows nothing of text, training
 * or code.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_H
#define NET_H

#include "base/base.h"

/* ---- formats.c --------------------------------------------------------------------------- */

typedef enum {
#define FORMAT(NAME, spelling, bits, kind) FORMAT_##NAME,
#include "net/formats.def"
#undef FORMAT
    FORMAT_COUNT
} Format;

const char *format_name(Format format);
int format_bits(Format format);
bool format_is_integer(Format format);
bool format_is_signed(Format format); /* integers of both signs: what weights are made of */
bool format_of(Str spelling, Format *format);
/* Codes of an activation: the full range. i8: -128 .. 127; u8: 0 .. 255. */
int format_low(Format format);
int format_high(Format format);
/* The largest weight code, of both signs: 2^(bits-1) - 1. i2: 1; i8: 127. */
int format_weight_limit(Format format);
/* Bytes of `count` values stored as one row: sub-byte values are packed, the row padded to a
 * byte. */
int64_t format_row_bytes(Format format, int64_t count);

/* ---- operators.c ------------------------------------------------------------------------- */

typedef enum {
#define OPERATOR(NAME, spelling, inputs, attributes, weights, output, engine, doc) OP_##NAME,
#include "net/operators.def"
#undef OPERATOR
    OP_COUNT,
    OP_SELECT = OP_COUNT /* in a Space only: passes on one of its inputs */
} OpKind;

typedef enum {
#define ATTRIBUTE(NAME, spelling, least, initial, words, doc) ATTRIBUTE_##NAME,
#include "net/attributes.def"
#undef ATTRIBUTE
    ATTRIBUTE_COUNT
} Attribute;

typedef enum { NONE, WEIGHTED, NORM } WeightsKind;
typedef enum { OWN, SPIKES, INHERITS } OutputKind;
typedef enum { CHECKED, INTERPRETED, EMITTED } EngineKind;
enum { MAX_RANK = 4, MAX_INPUTS = 8 };
enum { SEVERAL = MAX_INPUTS + 1 }; /* of inputs: from two to MAX_INPUTS, as the call has */
enum { NEEDED = -1 };              /* of an attribute's default: it must be given */

typedef struct OperatorFacts {
    const char *name;
    int inputs; /* or SEVERAL */
    unsigned attributes; /* bit 1 << Attribute */
    WeightsKind weights;
    OutputKind output;
    EngineKind engine;
    const char *documentation;
} OperatorFacts;
typedef struct AttributeFacts {
    const char *name;
    int least;   /* the smallest value that may be written */
    int initial; /* or NEEDED */
    const char *words; /* for 0, 1, ..., with spaces between; "": it is written as a number */
    const char *documentation;
} AttributeFacts;
extern const OperatorFacts operator_facts[OP_COUNT + 1]; /* the last: OP_SELECT */
extern const AttributeFacts attribute_facts[ATTRIBUTE_COUNT];
bool operator_of(Str spelling, OpKind *kind);
bool operator_has(OpKind kind, Attribute attribute);
bool operator_takes(OpKind kind, int inputs);
/* The word for a value; empty: the value is written as a number. */
Str attribute_word(Attribute attribute, int value);
/* A batch norm after it folds into its weights. */
bool operator_absorbs_norm(OpKind kind);
bool attribute_is_truth(Attribute attribute);
bool attribute_is_thousandths(Attribute attribute);
/* Whether a and the attribute after it are height and width under one spelling. */
bool attribute_is_pair(Attribute attribute);
/* A function of one number: each output is a function of one input, and of nothing else. */
bool operator_is_curve(OpKind kind);
/* Its output codes are input codes, in another order or repeated. */
bool operator_moves(OpKind kind);

typedef enum {
#define AXIS(NAME, spelling, extent, doc) AXIS_##NAME,
#include "net/axes.def"
#undef AXIS
    AXIS_COUNT
} Axis;
typedef struct AxisFacts {
    const char *name, *extent, *documentation;
} AxisFacts;
extern const AxisFacts axis_facts[AXIS_COUNT];
bool axis_of(Str spelling, Axis *axis);
/* Which axis dimension d is, of a tensor with so many, the first of them perhaps time. */
Axis axis_at(int rank, bool time, int d);

/* Height, width, channels; tokens, channels; or channels alone; before them perhaps time. A
 * dim is at least 1. */
typedef struct Shape {
    int rank;
    int dim[MAX_RANK];
    bool time; /* dim[0] counts steps in time */
} Shape;
int64_t shape_elements(Shape shape);
bool shape_equal(Shape a, Shape b);
int shape_channels(Shape shape);      /* the last dim */
int shape_pixels(Shape shape);        /* the product of the others */
Shape shape_step(Shape shape);        /* of one step in time */
Str shape_print(Arena *arena, Shape shape); /* "[28, 28, 1]", "[time 4, tokens 49, 64]" */

/* The output shape of an operator; false and *why ("kernel 5 is larger than the input's
 * height 3") where there is none. */
bool operator_shape(OpKind kind, const int *attribute, const Shape *input, int inputs, Shape *out,
                    const char **why);
/* One dimension of a window operator: output extent and the padding before the first element.
 * Same padding: ceil(in / stride) outputs; of the padding, the smaller half comes first. */
int window_extent(int in, int kernel, int stride, bool same);
int window_before(int in, int kernel, int stride, bool same);

/* ---- space.c: networks with choices ------------------------------------------------------ */

/* An expression over the decisions of a space; 0 is "none". Arithmetic is exact; formats are
 * their Format number; truth is 1 or 0. */
typedef int32_t ExprId;
typedef enum {
    EXPR_NONE,
    EXPR_CONSTANT, /* value */
    EXPR_CHOICE,   /* the value of decision `choice` */
    EXPR_ADD, EXPR_SUB, EXPR_MUL, EXPR_DIV,
    EXPR_MIN, EXPR_MAX,
    EXPR_FLOOR, EXPR_CEIL, EXPR_ROUND, /* of a; round is half away from zero */
    EXPR_EQUAL, EXPR_LESS, EXPR_LESS_EQUAL,
    EXPR_AND, EXPR_OR, EXPR_NOT,
    EXPR_IF /* a ? b : c */
} ExprKind;
typedef struct Expr {
    ExprKind kind;
    ExprId a, b, c;
    int choice;
    int size; /* of the expression written out as a tree, saturating: lang limits it */
    Rational value;
} Expr;

typedef enum { VALUE_NUMBER, VALUE_FORMAT, VALUE_ALTERNATIVE } ValueType;

/* A decision. A Genotype holds the index of the value taken. */
typedef struct Choice {
    Str name;         /* path: "tiny.stage[1].mbconv[0].expand" */
    ValueType type;
    int count;
    Rational *values; /* (count) numbers, Format numbers, or 0 .. count - 1 */
    Str *names;       /* (count) of alternatives that have names, or NULL */
    bool ordinal;     /* neighbours are similar: mutation may step */
    ExprId active;    /* where false the decision is not reached; EXPR_NONE: always reached */
    Span span;
} Choice;

/* The owner of weights: a call path. Extents are the largest that any member needs. Channels
 * are sliced from the front, kernels from the centre. */
typedef struct Site {
    Str path;
    OpKind kind;
    int kernel_h, kernel_w, in, out; /* in: input channels of a group; dense: all inputs */
} Site;

typedef struct SpaceOp {
    OpKind kind;
    Str path;                          /* "stage[0].mbconv[1].conv[0]": unique in the space */
    ExprId active;                     /* EXPR_NONE: in every member */
    int inputs, input[MAX_INPUTS];     /* earlier operators */
    ExprId select;                     /* OP_SELECT: which input (from 0) is passed on */
    ExprId attribute[ATTRIBUTE_COUNT]; /* EXPR_NONE where the kind has none */
    ExprId weights, output;            /* formats; EXPR_NONE: not weighted, or inherited */
    ExprId membrane;                   /* of what spikes, the format of its state */
    int rank;
    bool time;                         /* the first axis is time */
    ExprId shape[MAX_RANK];            /* symbolic output shape */
    int site;                          /* -1: owns nothing */
    Span span;
} SpaceOp;

/* A condition on the decisions that every legal member satisfies. */
typedef struct Constraint {
    ExprId condition;
    Span span;
} Constraint;

typedef struct Space {
    Str name;
    Shape input;
    Format input_format; /* u8: raw codes */
    VEC(Expr) exprs;     /* at[0] is EXPR_NONE */
    VEC(Choice) choices;
    VEC(SpaceOp) ops;    /* topological; at[0] is OP_INPUT */
    VEC(Site) sites;
    VEC(Constraint) constraints;
    int output;          /* operator whose result the network returns */
} Space;

typedef uint8_t Gene;
/* One gene per choice. */
typedef struct Genotype {
    Gene *gene;
    int count;
} Genotype;

/* The value of an expression under a genotype. False on division by zero or overflow. */
bool expr_value(const Space *space, ExprId id, const Gene *gene, Rational *value);
bool expr_true(const Space *space, ExprId id, const Gene *gene); /* EXPR_NONE is true */
/* Building blocks, with folding of constants and sharing of equal expressions left to the
 * caller. */
ExprId expr_constant(Arena *arena, Space *space, Rational value);
ExprId expr_choice(Arena *arena, Space *space, int choice);
ExprId expr_make(Arena *arena, Space *space, ExprKind kind, ExprId a, ExprId b, ExprId c);
/* Sets, for every choice that `id` mentions, mentioned[choice] = true. */
void expr_mentions(const Space *space, ExprId id, bool *mentioned);

/* Canonical form: genes of unreached decisions become 0. Two genotypes of one member agree. */
void genotype_canonical(const Space *space, Gene *gene);
bool genotype_legal(const Space *space, const Gene *gene); /* satisfies every constraint */
/* Value number `which` of a decision, as it is written: "16", "i8", "relu". */
Str choice_print(Arena *arena, const Choice *choice, int which);
Str genotype_print(Arena *arena, const Space *space, const Gene *gene); /* reached decisions */
/* The member with, for each reached decision, its value number `which` (first, last). */
void genotype_extreme(const Space *space, Gene *gene, bool largest);

/* How many distinct members: members.c. */
typedef struct SpaceCount {
    Str digits;   /* decimal; exact integers of any length; where not exact, an upper bound */
    double log10; /* of the same */
    bool exact;
    Str least; /* a lower bound; the same digits where exact */
    double least_log10;
} SpaceCount;
SpaceCount space_count(Arena *arena, const Space *space);

void space_print(const Space *space, Text *text);
/* Structural faults of ours (indices out of order, missing attributes); NULL where it is
 * sound. */
const char *space_check(const Space *space);
Key space_key(const Space *space); /* of everything that distinguishes it but spans */

/* ---- members.c: all legal members of a space, without meeting each ----------------------- */

/* What adds up over the operators of a member. Weights are packed without any gap: no layout
 * takes less. */
typedef enum { SUM_PARAMETERS, SUM_MACS, SUM_WEIGHT_BYTES, SUM_COUNT } SpaceSum;
/* What a member may have at most. */
typedef struct SumLimit {
    SpaceSum sum;
    int64_t most;
    Span span;
} SumLimit;
typedef struct Members Members;
/* The members that satisfy every constraint of the space, and these limits. */
Members *members_new(Arena *arena, const Space *space, const SumLimit *limits, int count);
SpaceCount members_count(const Members *members);
/* Least and largest of a sum over all legal members; where not exact, some legal member may lie
 * within, but none outside. False: there is no legal member, or no bound is known. */
typedef struct SumBounds {
    int64_t low, high;
    bool exact;
} SumBounds;
bool members_sum(Members *members, SpaceSum sum, SumBounds *bounds);
/* Whether some legal member takes the value of a choice. */
typedef enum { USE_NONE, USE_SOME, USE_UNKNOWN } MemberUse;
MemberUse members_use(const Members *members, int choice, int value);
/* Conditions (constraints, from their number on limits) that together exclude a value, or with
 * choice -1 every member, and no longer do where any of them is left out. Conditions that stand at
 * one place of the source count as one, and are given once. Their number; 0: not known. */
int members_conflict(Members *members, int choice, int value, const int **conditions);
/* A legal member, each with the same probability where the count is exact. False: none known. */
bool members_draw(const Members *members, Random *random, Gene *gene);
/* The legal member of a number, from 0; false past the last, or where not all are known. */
bool members_pick(const Members *members, uint64_t number, Gene *gene);
/* Makes a genotype legal by changing few genes; canonical. False: no legal member is known. */
bool members_repair(const Members *members, Random *random, Gene *gene);

/* ---- net.c: networks without choices ----------------------------------------------------- */

typedef struct Op {
    OpKind kind;
    Str path;
    int inputs, input[MAX_INPUTS];
    int attribute[ATTRIBUTE_COUNT];
    Shape shape;
    Format weights; /* of weighted operators */
    Format output;  /* of the result; inherited ones resolved */
    Format membrane; /* of what spikes */
    int origin;     /* its operator in the Space */
    int site;       /* in the Space, or -1 */
    Span span;
} Op;

typedef struct Net {
    Str name;
    Op *ops; /* topological; ops[0] is the input */
    int count;
    int output; /* operator */
} Net;

/* The member of a genotype. Only operators that the output needs. False with *span and *why
 * where a shape rule fails, which elaboration has excluded for legal members. */
bool space_instantiate(Arena *arena, const Space *space, const Gene *gene, Net *net, Span *span,
                       Str *why);
int64_t op_macs(const Net *net, int op);
int64_t op_parameters(const Net *net, int op); /* weights and biases; batch norm counts none */
int64_t op_weights(const Net *net, int op);    /* those that have the weights' format */
int64_t net_macs(const Net *net);
int64_t net_parameters(const Net *net);
int op_fan_in(const Net *net, int op); /* products summed into one output */

/* Which operator's quantiser fixes the scale of op's result. A chain weighted -> batch norm
 * -> relu (each the only reader of the one before) is one quantiser, at its end; operators
 * that inherit share their input's. Training puts fake quantisation at op where
 * net_quantiser(net, op) == op. */
int net_quantiser(const Net *net, int op);
/* The batch norm that folds into weighted operator `op` (its only reader), or -1. */
int net_folded_norm(const Net *net, int op);

/* The same network with paths "conv[0]", "depthwise[0]", ... as its printed form would have. */
Net net_straightened(Arena *arena, const Net *net);
/* As .nas: a `network` of one line per operator and a `precision` of it. Reading it back gives
 * net_straightened(net). Comments name the original paths. */
void net_print(const Net *net, Text *text);
const char *net_check(const Net *net);
Key net_key(const Net *net); /* what it computes and how precisely; neither names nor spans */

/* ---- model.c: networks with integer weights: what ships ---------------------------------- */

/* A network as trained: what quantisation needs of each operator. */
typedef struct OpWeights {
    const float *weight;       /* (out, kernel_h, kernel_w, in); depthwise: (channels, h, w, 1) */
    const float *bias;         /* (out), or NULL for none */
    const float *weight_scale; /* (out) step of the weight codes, > 0; NULL: from the largest |w| */
    const float *gamma, *beta;     /* (channels) of a batch norm; of a layer norm, NULL: 1 and 0 */
    const float *mean, *variance;  /* (channels) of a batch norm */
    double scale;              /* of this op's quantiser, where net_quantiser(net, op) == op */
    int zero;                  /* its zero point */
} OpWeights;
typedef struct FloatModel {
    const Net *net;
    OpWeights *ops; /* (net->count) */
} FloatModel;
#define BATCH_NORM_EPSILON 1e-3

typedef struct Tensor {
    Shape shape;
    Format format;
    double scale; /* of floats: 1 */
    int zero;     /* of floats: 0 */
} Tensor;

/* One step of integer execution. Layer i writes tensor i; layer 0 is the input. Batch norms are
 * folded away (one that cannot fold is a depthwise of kernel 1 with codes -1, 0, 1). */
typedef struct Layer {
    OpKind kind;
    Str path;
    Span span;
    int inputs, input[MAX_INPUTS];  /* tensors, all below this one */
    int attribute[ATTRIBUTE_COUNT];
    Tensor out;
    int op;                         /* in the Net it came from */
    Format weights;
    int out_channels, row;          /* of the weight array; row = kernel_h * kernel_w * in */
    int16_t *weight;                /* (out_channels, row) codes, unpacked */
    int64_t *bias;                  /* (out_channels) at scale s_x * s_w; z_x is not folded in.
                                     * LAYER_NORM: in output codes times 2^shift */
    int32_t *multiplier;            /* (layer_multipliers): one for each output channel of a
                                     * weighted operator or layer norm, where it may be
                                     * negative; for each input of an add or concat; else one */
    int shift;
    int32_t *table;                 /* (layer_table): curves and softmax, as curves.c makes it */
    int64_t epsilon;                /* LAYER_NORM: what is added to the scaled variance */
    float *real_weight;             /* of a layer of floats: (out_channels, row), values of the */
    float *real_bias;               /* weights' format; (out_channels). LAYER_NORM: gamma, beta */
    int32_t low, high;              /* clamp of the output codes: zero point of relu included */
    int64_t bound;                  /* proven: no partial sum exceeds this in size */
    int accumulator_bits;           /* 32 or 64 */
    int64_t *sum_low, *sum_high;    /* (out_channels) proven ends of finished sums; or NULL */
} Layer;

typedef struct Model {
    Str name;
    Layer *layers;
    int count;
    int output; /* layer */
} Model;

enum { ARITHMETIC_VERSION = 1 };

/* The model of a net without constants: shapes, formats, attributes: what costs need. */
Model model_build(Arena *arena, const Net *net);
/* The model with its constants; rounding, multipliers and shifts as doc/numerics.md says.
 * False with *span and *why where an accumulator cannot be proven to hold. */
bool model_quantise(Arena *arena, const FloatModel *from, Model *model, Span *span, Str *why);
/* Proves accumulators (sets bound, accumulator_bits); structural checks. NULL where sound. */
const char *model_check(Model *model);
/* How many multipliers and table entries the layer has: what kind, shapes and formats say. */
int layer_multipliers(const Model *model, const Layer *layer);
int layer_table(const Model *model, const Layer *layer);
/* The largest size of any partial sum of the layer's outputs, whatever the order, with the
 * input's zero point subtracted from each code or folded into the bias. */
int64_t layer_bound(const Layer *layer, const Tensor *in);
Key model_key(const Model *model);
/* The weights file: magic, arithmetic version, a layer per row with its shape, XXH3 at the end.
 * Little-endian. Hostile until checked: false and *why names layer and offset. */
Str model_write(Arena *arena, const Model *model);
bool model_read(Arena *arena, Str bytes, const Net *net, Model *model, Str *why);

/* ---- arithmetic.c: the contract, doc/numerics.md ----------------------------------------- */

/* clamp(z + ((acc * m + 2^(t-1)) >> t), low, high); |acc| < 2^46 or |acc| < 2^31 with m <
 * 2^31. */
int32_t requantise(int64_t acc, int32_t m, int t, int z, int32_t low, int32_t high);
enum { MULTIPLIER_BITS = 31, MULTIPLIER_BITS_WIDE = 16, MULTIPLIER_BITS_ADD = 22 };
enum { SHIFT_LIMIT = 45, SHIFT_LIMIT_ADD = 24 };
/* One shift t for a layer, the largest scale's multiplier having `bits` bits:
 * MULTIPLIER_BITS for 32-bit accumulators, _WIDE for 64-bit ones, _ADD for add; t at most
 * SHIFT_LIMIT or _ADD. A scale of 0 has no say in t. Each multiplier is at least 1. Returns
 * t; below 1 the largest scale is too large to represent. */
int requantise_constants(const double *scale, int count, int bits, int32_t *multiplier);
/* round half up of sum / n, exact: floor((2 sum + n) / (2 n)). */
int32_t average_round(int64_t sum, int64_t n);
/* exp(x) for x <= 0, in binary32, each operation rounded; 0 below -87. */
float float_exp(float x);

/* ---- interpreter.c: the reference -------------------------------------------------------- */

/* Runs the model on one input (u8 or signed codes, as layer 0's format says; i16 two bytes
 * each, native order), in 64-bit arithmetic without shortcuts. tensors[i] receives the codes
 * of layer i as int32 (arena); of floats, f32 or f16, the bits. */
void model_run(Arena *arena, const Model *model, const void *input, int32_t **tensors);
/* One layer of it but the input: from the codes of its inputs to its own. */
void layer_run(const Model *model, const Layer *layer, const int32_t *const *inputs,
               int32_t *codes);

/* ---- target.c: what is known of a device ------------------------------------------------- */

typedef enum { CODE_NONE, CODE_C } CodeKind;
typedef enum { MEASURE_TIME, MEASURE_INSTRUCTIONS } MeasureKind;
typedef struct Target {
    Str name, documentation, source; /* source: where the facts come from */
    Str isa;                         /* "x86-64", "armv7e-m"; "native": the machine nasc runs on */
    double clock_hz;                 /* 0: not known */
    int64_t flash_bytes, ram_bytes;  /* 0: no limit */
    int64_t tcm_bytes;               /* of the RAM, the part that is reached fastest; 0: none */
    double cycles_per_instruction;   /* the declared cycle model; 0: time is measured itself */
    double power_w;                  /* 0: not known */
    CodeKind code;
    MeasureKind measure;
    Str compiler, flags;             /* the compiler line is part of the device's identity */
    Str runner;                      /* runs a compiled program here; empty: it runs as it is */
    Str table;                       /* shipped cost table, by library name; empty: measured */
    unsigned weight_formats, activation_formats; /* bit 1 << Format */
} Target;
Key target_key(const Target *target);

/* ---- task.c: what is learned, from which data -------------------------------------------- */

typedef struct DataSource {
    Str images, labels; /* paths, as written */
    Str fetch;          /* what to tell a person who lacks them: package, size, checksums */
    Span span;
} DataSource;
typedef struct Task {
    Str name;
    DataSource train, test;
    Rational validate_share; /* of train, stratified by class */
    double mean, deviation;  /* of normalise: x = (code / 255 - mean) / deviation */
    bool flip;               /* augment: horizontal, with probability 1/2 */
    int shift;               /* augment: by up to this many pixels each way, zero padding */
    int erase;               /* augment: a square of up to this side is set to the mean; 0: none */
    Str *labels;
    int classes;
    Span span;
} Task;
/* Scale and zero point of raw u8 codes under normalise: z is the code nearest the mean, so that
 * padding with zeros stays zero; x = (code - z) * scale. */
double task_input_scale(const Task *task);
int task_input_zero(const Task *task);
Key task_key(const Task *task);

#endif
