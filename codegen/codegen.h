/* codegen: Model -> Program -> C. Fuse, pack, plan memory, lower to kernel calls, print. A
 * Program is complete before anything is printed: emitters decide nothing.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_H
#define CODEGEN_H

#include "net/net.h"

/* ---- fuse.c: which layers one kernel computes -------------------------------------------- */

/* A layer and the clamps (relu, relu6) that follow it as only readers. */
typedef struct Fused {
    int layer, tail;   /* the layer that computes; the last clamp fused into it, or the same */
    int32_t low, high; /* all clamps together */
    int add;           /* the add fused into it, whose other operand is add_input; or -1 */
    int add_input;     /* layer */
    int32_t add_low, add_high; /* clamps after the add; low and high are those before it */
} Fused;
/* In order of execution, without layers that the output does not need. Returns their number.
 * adds: whether adds may be fused too. */
int fuse_layers(Arena *arena, const Model *model, bool adds, Fused **fused);

/* ---- analyse.c: which codes a trained network can have ----------------------------------- */

typedef struct Interval {
    int64_t low, high;
} Interval;

/* What the analysis knows of an operator. */
typedef enum {
    ROLE_OPAQUE, /* nothing: any codes, and everything that it reads matters */
    ROLE_INPUT,
    ROLE_MIXES,  /* channels of its inputs, by weights: conv, dense */
    ROLE_WEIGHS, /* each channel by itself: depthwise */
    ROLE_KEEPS   /* a channel of the result is made of one of each input: add, pools, concat */
} LayerRole;
LayerRole layer_role(const Model *model, const Layer *layer);
/* Of input k of an operator that keeps channels: channels `in` .. are its channels `out` .. */
typedef struct ChannelLink {
    int in, out, count;
} ChannelLink;
ChannelLink layer_link(const Model *model, const Layer *layer, int k);

/* What is proven of a layer, whatever the input of the network. */
typedef struct LayerFacts {
    int channels;
    Interval *codes; /* (channels) of the result */
    Interval *free;  /* (channels) of the result before its clamp */
    Interval *sums;  /* (channels) finished sums with bias; NULL where there are no weights */
    int64_t partial; /* no partial sum in any order is larger, zero point folded or not */
    bool *needed;    /* (channels) does the network's output depend on it? */
    bool used;       /* the layer as a whole */
} LayerFacts;
/* (model->count) facts of a model with constants. */
LayerFacts *model_analyse(Arena *arena, const Model *model);
bool model_has_constants(const Model *model);
bool channel_constant(const LayerFacts *facts, int c);
bool channel_computed(const LayerFacts *facts, int c); /* needed, and not constant */

/* Taps of a window inside the input, along one dimension. */
typedef struct TapRange {
    int first, end;
} TapRange;
/* Conv, depthwise and dense (whose input is one window) alike: taps of `group_in` channels. */
typedef struct WeightView {
    const Layer *layer;
    int zero; /* of the input */
    int kernel_h, kernel_w, group_in, group_out;
    TapRange *rows, *columns; /* distinct ones; each of the one goes with each of the other */
    int row_count, column_count;
} WeightView;
WeightView view_of(Arena *arena, const Model *model, const Layer *layer);
int view_first(const WeightView *view, int c); /* the first input channel that output c reads */
const int16_t *view_weights(const WeightView *view, int c, int tap); /* (group_in) */
bool view_uses(const WeightView *view, int tap); /* false: in the padding for every window */
/* Does a constant in channel k of its group move all windows of output c alike? By so many
 * weights. */
bool view_folds(const WeightView *view, int c, int k, int64_t *sum);

/* ---- lower.c: Model -> steps ------------------------------------------------------------- */

/* What a step's kernel computes; what it is called in reports and cost tables. */
typedef struct Kernel {
    OpKind kind;
    Format weights, in, out; /* weights: I8 where there are none */
    Format in2;              /* second operand of an add; else equal to `in` */
    int accumulator_bits;
    bool adds; /* conv or dense followed by an add, whose second operand is of format in2 */
} Kernel;

typedef struct Lowered Lowered; /* a step as code and constants: routine.h */
typedef struct Isa Isa;

/* The add that a step does to its own result y before storing it:
 * clamp(out_zero + (((y - zero) m0 + (x2 - in_zero2) m1 + 2^(shift-1)) >> shift), low, high),
 * where y has been requantised to its own zero point and clamped to low, high below. */
typedef struct AddTail {
    int32_t zero, low, high; /* of y; the step's own out_zero, low, high are those of the sum */
    int32_t multiplier[2];
    int32_t shift;
} AddTail;
Str kernel_print(Arena *arena, Kernel kernel); /* "conv i4 i8 i8": stable, used in tables */

/* A buffer of the arena; alive from step `first` to step `last`. */
typedef struct Buffer {
    int64_t bytes;
    int first, last;
    int64_t offset; /* set by plan */
    int same_as;    /* begins where this earlier buffer does, on its bytes (in-place), or -1 */
} Buffer;

typedef struct Step {
    Kernel kernel;
    int layer;            /* whose output it writes: the last of those fused into it */
    int inputs, input[2]; /* buffers; -1: the caller's input */
    int reads[2];         /* the layers whose results lie there */
    int output;           /* buffer; -1: the caller's output */
    int64_t in_offset[2], out_offset; /* bytes into them: of a step that computes some rows */
    bool slice;                       /* computes, or moves, some rows of its layer's result */
    int part, parts;       /* of steps in a row that may run at once; parts 0: alone */
    int scratch;           /* buffer, or -1 */
    int64_t scratch_bytes; /* from the function that prints the kernel's loops */
    Shape in_shape, in2_shape, out_shape; /* in2: of the layer's own second operand */
    Format in_format;                     /* of the first operand as the model has it */
    int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w; /* pad: before the first */
    int groups;
    int operand, first; /* concat: which operand it takes, and where its channels begin */
    bool clamps;        /* clamps are fused into it */
    int32_t in_zero, in_zero2, out_zero, low, high, shift; /* low, high: after fused clamps */
    AddTail add;                                           /* where kernel.adds */
    int registers;     /* that a tile may fill, as tuned; 0: as many as there are */
    Lowered *lowered;  /* its code for the program's instruction set */
    Key code;          /* of the routine: its identity */
    int routine;       /* equal code, equal number: steps share functions */
    Str name;          /* of the routine in cost tables: "conv i8 i8 i8 pair 3fa9c2d1" */
    int shares;        /* the step whose weights and constants it uses, or -1: its own */
    int params_of;     /* the first step with the same parameters, perhaps this one */
    const Layer *from; /* constants: weight, bias, multiplier */
    int64_t *bias;     /* -z_x * sum(w) folded in; NULL without constants */
    int64_t weight_bytes, constant_bytes; /* packed weights; biases, multipliers, descriptors */
    int64_t macs;
    Span span;
} Step;

/* An arena whose first bytes lie in fast memory; all 0 where there is one region. */
typedef struct RegionPlan {
    int64_t fast_bytes, slow_bytes; /* the arena is both, the fast ones first */
    int64_t fast_bound, slow_bound; /* with these buffers in them, neither can be smaller */
    int64_t fast_traffic, traffic;  /* bytes moved to and from the fast ones, and in all */
    bool proven;                    /* no choice of buffers has more fast traffic */
} RegionPlan;

typedef struct Program {
    Str name;
    const Isa *isa;
    const Model *model;            /* the caller's, or pruned: outlives the program */
    const struct Pruning *pruning; /* what was done to a trained model; or NULL */
    Step *steps;
    int count;
    const Step **routines; /* the first step of each distinct routine, in order of first use */
    int routine_count;
    Buffer *buffers;
    int buffer_count;
    int64_t arena_bytes, bound_bytes; /* planned; proven lower bound (equal: optimal) */
    RegionPlan region;
    /* The most bytes alive at once, before streaming: as written, in the order taken, and what no
     * order is below; 0 where orders were not compared. */
    int64_t order_written, order_peak, order_least;
    int64_t weight_bytes, constant_bytes;
    Shape in_shape, out_shape;
    Format in_format, out_format;
    double out_scale;
    int out_zero;
} Program;

/* When chains of layers are computed some rows at a time, which costs calls and saves memory. */
typedef enum { STREAM_NEVER, STREAM_IF_NEEDED, STREAM_ALWAYS } Stream;
typedef struct BuildOptions {
    const Isa *isa; /* NULL: that of the target */
    Stream stream;  /* IF_NEEDED: where the arena exceeds ram_bytes otherwise */
    int64_t ram_bytes;
    int threads;       /* > 1: large steps are split into so many that may run at once */
    int64_t part_work; /* products (else results) that a part has at least; 0: a usual number */
    int (*tuned)(const void *tuning, const Step *step); /* Step.registers; NULL: all are 0 */
    const void *tuning;
} BuildOptions;
/* Lowers a model; one from model_build (no constants) gives the same sizes and plan as the
 * full one. False with *span and *why where the target cannot compute something. */
bool program_build_with(Arena *arena, const Model *model, const Target *target,
                        const BuildOptions *options, Program *program, Span *span, Str *why);
/* For an instruction set (NULL: that of the target), streamed where the target's memory is
 * too small otherwise. */
bool program_build_isa(Arena *arena, const Model *model, const Target *target, const Isa *isa,
                       Program *program, Span *span, Str *why);
bool program_build(Arena *arena, const Model *model, const Target *target, Program *program,
                   Span *span, Str *why);
void program_print(const Program *program, Text *text); /* --emit=plan */
/* Plan overlaps, orders, sizes; NULL where it is sound. */
const char *program_check(const Program *program);
Shape step_second(const Step *step); /* the shape of its second operand */
/* A step's identity for cost tables: kernel and all arguments that its time depends on. */
Str step_key(Arena *arena, const Step *step);
/* What a step computes and on which shapes, whatever its code. */
Str step_shapes(Arena *arena, const Step *step);
/* Trip counts that its time is made of, for fitted models: see lower.c. */
enum { STEP_FEATURES = 6 };
extern const char *const step_feature_names[STEP_FEATURES];
void step_features(const Step *step, double feature[STEP_FEATURES]);
/* Height, width and channels of a tensor of any rank; missing ones are 1. */
typedef struct Extent {
    int h, w, c;
} Extent;
Extent extent_of(Shape shape);
int64_t tensor_bytes(Shape shape, Format format); /* as stored: pixels padded to a byte */

/* ---- stream.c: layers computed some rows at a time -------------------------------------- */

/* The steps from `first` to `last`, each the only reader of the one before, in bands of `rows`
 * rows of the last one's result: of the results between them only the rows in use are kept.
 * capacity[layer] becomes the rows that a layer's buffer holds. Returns the number of steps. */
int stream_steps(Arena *arena, const Step *steps, int count, int first, int last, int rows,
                 Step **streamed, int *capacity);
/* Splits each step with rows and enough work into `parts` by rows; their number. */
int split_steps(Arena *arena, const Step *steps, int count, int parts, int64_t least,
                Step **split);
/* Whether a step's result can be computed some rows at a time. */
bool step_has_rows(const Step *step);

/* ---- prune.c: a trained model without what cannot matter --------------------------------- */

/* A layer that the output needs, before and after. */
typedef struct LayerChange {
    Str path;
    OpKind kind;
    int channels_before, channels; /* of the result */
    int constant, unneeded;        /* channels proved so */
    int64_t macs_before, macs;
    bool removed;      /* a clamp that changes no code */
    int clamps_before; /* ends of the clamp tighter than the format */
    int clamps;        /* those that can bind */
    Interval sum;      /* finished sums of what is computed */
    int64_t partial;
} LayerChange;
typedef struct Pruning {
    Model model; /* gives the same output codes for every input; knows the ends of its sums */
    Model whole; /* the model as it was, likewise */
    bool taken;  /* a program was made of the pruned model */
    LayerChange *changes;
    int count;
} Pruning;
/* Numbers of channels that were multiples of `granule` stay so. */
Pruning model_prune(Arena *arena, const Model *model, int granule);
/* The program of a trained model: pruned, or whole where that needs no more arena and no more
 * flash. Without constants the same as program_build. */
bool program_build_trained(Arena *arena, const Model *model, const Target *target,
                           Program *program, Span *span, Str *why);
/* Likewise, made of routines as program_build_with makes them. */
bool program_build_trained_with(Arena *arena, const Model *model, const Target *target,
                                const BuildOptions *options, Program *program, Span *span,
                                Str *why);
void pruning_print(const Pruning *pruning, Text *text);
void pruning_report(const Pruning *pruning, Text *text); /* a JSON object */

/* ---- order.c: which step comes before which ---------------------------------------------- */

/* A step, as far as memory goes. */
typedef struct OrderItem {
    int inputs, input[MAX_INPUTS]; /* items; -1: the caller's input */
    int64_t bytes;                 /* of its result; 0: the caller's output */
    int64_t scratch_bytes;
    unsigned overwrites; /* bit k: the result may lie where operand k does */
} OrderItem;
typedef struct Order {
    int *sequence;   /* (count) items in the order of execution */
    int64_t peak;    /* the most bytes alive at once */
    int64_t written; /* the same for the order as written */
    int64_t least;   /* no order has less: equal to `peak` where it is proven best */
} Order;
/* As written where that is proven best. Deterministic; tries at most `states` states. */
Order order_find(Arena *arena, const OrderItem *items, int count, int states);
/* The buffers (at most 2 * count) that items in an order need, as plan_memory takes them. */
int order_buffers(Arena *arena, const OrderItem *items, const int *sequence, int count,
                  Buffer *buffers);
/* Permutes the steps that a program was made of where that lowers its arena. */
bool program_reorder(Arena *arena, const Program *program, Step *steps, Order *order);

/* ---- plan.c: memory ---------------------------------------------------------------------- */

/* Sets offsets; returns the bytes needed. Several greedy orders, then branch and bound until
 * the bound (the largest sum of live bytes) is met or `nodes` are spent. Deterministic. */
int64_t plan_memory(Arena *arena, Buffer *buffers, int count, int64_t alignment, int64_t nodes,
                    int64_t *bound);

/* ---- regions.c: fast memory first -------------------------------------------------------- */

/* Sets offsets: the buffers of the most traffic that `capacity` has room for, then the others.
 * Deterministic; decides `nodes` times at most. */
RegionPlan plan_regions(Buffer *buffers, int count, const int64_t *traffic, int64_t capacity,
                        int64_t alignment, int64_t nodes);
/* Offsets for a program's buffers: in two regions where the target has tightly coupled memory,
 * else in one. */
void program_place(Arena *arena, Program *program, const Target *target, int64_t nodes);

/* ---- pack.c ------------------------------------------------------------------------------ */

/* Codes to stored bytes: `rows` rows of `row` codes, little-endian bits, each row padded to
 * a byte. */
void pack_rows(const int16_t *codes, int rows, int row, Format format, uint8_t *bytes);
void unpack_rows(const uint8_t *bytes, int rows, int row, Format format, int16_t *codes);

/* ---- names.c: what things are called in C ------------------------------------------------ */

const char *format_c_type(Format format); /* of a tensor's elements: "int8_t" */
bool format_is_packed(Format format);     /* several codes to a byte */
Str capitals(Arena *arena, Str s);

/* ---- emit_c.c: Program -> C99 ------------------------------------------------------------ */

typedef struct EmitOptions {
    Str prefix;        /* of every symbol; "" gives "net" */
    Str comment;       /* first lines of each file: what made it, from which spec */
    const Str *labels; /* class names, or NULL */
    int label_count;
    double input_scale;
    int input_zero;
    int vectors;               /* golden vectors of the self-test */
    const uint8_t *vector_in;  /* (vectors, input bytes) */
    const uint8_t *vector_out; /* (vectors, output bytes) */
    Str facts;                 /* JSON members that the report adds (metrics); may be "" */
    bool intrinsics_only; /* no plain C beside them: an #error where a compiler lacks them */
    bool parallel;        /* PREFIX_run_parallel too, which is given threads */
} EmitOptions;

typedef struct EmitFile {
    Str name; /* "tiny" and .c, .h, _weights.c, _test.c, _report.json, .cmake */
    Str text;
} EmitFile;
/* Why a prefix cannot begin C names and file names; NULL where it can. "" is fine: "net". */
const char *prefix_fault(Str prefix);
/* The files of a program: the same bytes for the same program. All in the arena. */
EmitFile *emit_c(Arena *arena, const Program *program, const EmitOptions *options, int *count);

/* ---- emit_profile.c: C for measuring ----------------------------------------------------- */

/* C that runs each of the steps given alone, for profiling (see device). Each step's
 * function is `void PREFIX_step_N(uint8_t *arena)` with weights of constant pattern; the
 * arena, aligned to 64 bytes, has PREFIX_STEPS_ARENA_BYTES (a macro at the top), the largest
 * step_arena_bytes. */
Str emit_c_steps(Arena *arena, Str prefix, const Isa *isa, const Step *steps, int count);
int64_t step_arena_bytes(const Step *step);
/* The identity of what the emitter prints for an instruction set's kernels. */
Key emit_c_key(const Isa *isa);
/* Only the function of the step's kernel, PREFIX_kernel with external linkage: for measuring its
 * code bytes. */
Str emit_c_kernel(Arena *arena, Str prefix, const Isa *isa, const Step *step);

#endif
