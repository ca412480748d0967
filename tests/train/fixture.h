/* Spaces made by hand for the tests of train, and a task of small images that can be learned.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "train/engine.h"

#include <string.h>

typedef struct Builder {
    Arena *arena;
    Space *space;
    ExprId activations; /* format of every result */
} Builder;

static inline ExprId fixed(Builder *b, int value) {
    return expr_constant(b->arena, b->space, RATIONAL(value));
}

static inline ExprId decide(Builder *b, const char *name, ValueType type, int count,
                            const int *values) {
    Choice choice = {.name = str_of(name), .type = type, .count = count, .ordinal = true};
    choice.values = arena_array(b->arena, Rational, count);
    for (int i = 0; i < count; i++)
        choice.values[i] = RATIONAL(values[i]);
    vec_push(b->arena, &b->space->choices, choice);
    return expr_choice(b->arena, b->space, b->space->choices.count - 1);
}
#define DECIDE(b, name, type, ...)                                                             \
    decide(b, name, type, COUNT(((int[]){__VA_ARGS__})), (int[]){__VA_ARGS__})
#define NUMBERS(b, name, ...) DECIDE(b, name, VALUE_NUMBER, __VA_ARGS__)
#define BITS(b, name, ...) DECIDE(b, name, VALUE_FORMAT, __VA_ARGS__)

static inline Builder builder_new(Arena *arena, Shape input) {
    Builder b = {arena, arena_new_of(arena, Space), 0};
    vec_push(arena, &b.space->exprs, (Expr){0});
    b.space->name = STR("fixture");
    b.space->input = input;
    b.space->input_format = FORMAT_U8;
    SpaceOp op = {.kind = OP_INPUT, .path = STR("image"), .site = -1};
    op.output = fixed(&b, FORMAT_U8);
    vec_push(arena, &b.space->ops, op);
    b.activations = fixed(&b, FORMAT_I8);
    return b;
}

static inline int op_push(Builder *b, SpaceOp op) {
    op.path = str_format(b->arena, "op[%d]", b->space->ops.count);
    if (op.kind != OP_SELECT && operator_facts[op.kind].output == OWN)
        op.output = b->activations;
    vec_push(b->arena, &b->space->ops, op);
    b->space->output = b->space->ops.count - 1;
    return b->space->output;
}

static inline int site_push(Builder *b, OpKind kind, int kernel, int in, int out) {
    Site site = {STR("site"), kind, kernel, kernel, in, out};
    vec_push(b->arena, &b->space->sites, site);
    return b->space->sites.count - 1;
}

static inline int unary(Builder *b, OpKind kind, int x) {
    return op_push(b, (SpaceOp){.kind = kind, .inputs = 1, .input = {x}, .site = -1});
}

static inline int add(Builder *b, int x, int y) {
    return op_push(b, (SpaceOp){.kind = OP_ADD, .inputs = 2, .input = {x, y}, .site = -1});
}

static inline int norm(Builder *b, int x, int most) {
    int site = site_push(b, OP_BATCH_NORM, 1, 1, most);
    return op_push(b,
                   (SpaceOp){.kind = OP_BATCH_NORM, .inputs = 1, .input = {x}, .site = site});
}

static inline int dense(Builder *b, int x, int classes, int most_in, ExprId weights) {
    SpaceOp op = {.kind = OP_DENSE, .inputs = 1, .input = {x}, .weights = weights};
    op.site = site_push(b, OP_DENSE, 1, most_in, classes);
    op.attribute[ATTRIBUTE_CHANNELS] = fixed(b, classes);
    return op_push(b, op);
}

static inline void window(Builder *b, SpaceOp *op, ExprId kernel, int stride, bool same) {
    op->attribute[ATTRIBUTE_KERNEL_H] = op->attribute[ATTRIBUTE_KERNEL_W] = kernel;
    op->attribute[ATTRIBUTE_STRIDE_H] = op->attribute[ATTRIBUTE_STRIDE_W] = fixed(b, stride);
    op->attribute[ATTRIBUTE_SAME] = fixed(b, same);
}

typedef struct ConvFacts {
    ExprId channels, kernel, weights;
    int stride, groups;
    bool valid;
    int most_in, most_out, most_kernel; /* in: of a group */
} ConvFacts;

static inline int conv(Builder *b, int x, ConvFacts f) {
    SpaceOp op = {.kind = OP_CONV, .inputs = 1, .input = {x}, .weights = f.weights};
    window(b, &op, f.kernel, f.stride ? f.stride : 1, !f.valid);
    op.attribute[ATTRIBUTE_CHANNELS] = f.channels;
    op.attribute[ATTRIBUTE_GROUPS] = fixed(b, f.groups ? f.groups : 1);
    op.site = site_push(b, OP_CONV, f.most_kernel, f.most_in, f.most_out);
    return op_push(b, op);
}

static inline int depthwise(Builder *b, int x, ConvFacts f) {
    SpaceOp op = {.kind = OP_DEPTHWISE, .inputs = 1, .input = {x}, .weights = f.weights};
    window(b, &op, f.kernel, f.stride ? f.stride : 1, !f.valid);
    op.site = site_push(b, OP_DEPTHWISE, f.most_kernel, 1, f.most_out);
    return op_push(b, op);
}

static inline int pool(Builder *b, OpKind kind, int x, int kernel, int stride, bool same) {
    SpaceOp op = {.kind = kind, .inputs = 1, .input = {x}, .site = -1};
    window(b, &op, fixed(b, kernel), stride, same);
    return op_push(b, op);
}

/* ---- the quick start's space ------------------------------------------------------------- */

typedef struct Width {
    ExprId channels;
    int most;
    bool elastic;
} Width;

static inline int mbconv(Builder *b, int x, Width in, int channels, int stride) {
    ExprId expand = NUMBERS(b, "expand", 2, 4), kernel = NUMBERS(b, "kernel", 3, 5);
    ExprId wide = expr_make(b->arena, b->space, EXPR_MUL, in.channels, expand, 0);
    int most = in.most * 4;
    ExprId w[3] = {BITS(b, "weights", FORMAT_I4, FORMAT_I8),
                   BITS(b, "weights", FORMAT_I2, FORMAT_I4, FORMAT_I8),
                   BITS(b, "weights", FORMAT_I4, FORMAT_I8)};
    int y = conv(b, x, (ConvFacts){wide, fixed(b, 1), w[0], 1, 1, false, in.most, most, 1});
    y = unary(b, OP_RELU6, norm(b, y, most));
    y = depthwise(b, y, (ConvFacts){0, kernel, w[1], stride, 1, false, 1, most, 5});
    y = unary(b, OP_RELU6, norm(b, y, most));
    y = conv(
        b, y,
        (ConvFacts){fixed(b, channels), fixed(b, 1), w[2], 1, 1, false, most, channels, 1});
    y = norm(b, y, channels);
    return stride == 1 && !in.elastic && in.most == channels ? add(b, y, x) : y;
}

static inline int stage(Builder *b, int x, Width in, int channels) {
    ExprId depth = NUMBERS(b, "depth", 1, 2, 3);
    SpaceOp select = {.kind = OP_SELECT, .inputs = 3, .site = -1};
    for (int i = 0; i < 3; i++) {
        x = mbconv(b, x, in, channels, i ? 1 : 2);
        in = (Width){fixed(b, channels), channels, false};
        select.input[i] = x;
    }
    select.select = expr_make(b->arena, b->space, EXPR_SUB, depth, fixed(b, 1), 0);
    return op_push(b, select);
}

/* fashion.nas, but that decisions of iterations that are not reached stay active. */
static inline Space *fashion_space(Arena *arena) {
    Builder b = builder_new(arena, (Shape){3, {28, 28, 1}});
    ExprId width = NUMBERS(&b, "width", 8, 16, 24), kernel = NUMBERS(&b, "kernel", 3, 5);
    ExprId i8 = fixed(&b, FORMAT_I8);
    int x = conv(&b, 0, (ConvFacts){width, kernel, i8, 2, 1, false, 1, 24, 5});
    x = unary(&b, OP_RELU, norm(&b, x, 24));
    x = stage(&b, x, (Width){width, 24, true}, 16);
    x = stage(&b, x, (Width){fixed(&b, 16), 16, false}, 32);
    dense(&b, unary(&b, OP_GLOBAL_AVERAGE, x), 10, 32, i8);
    return b.space;
}

static inline Task fashion_task(void) {
    Task task = {.name = STR("fashion"),
                 .classes = 10,
                 .mean = 0.286,
                 .deviation = 0.353,
                 .flip = true,
                 .shift = 2,
                 .validate_share = {1, 10}};
    task.train = (DataSource){.images = STR("train-images-idx3-ubyte.gz"),
                              .labels = STR("train-labels-idx1-ubyte.gz")};
    task.test = (DataSource){.images = STR("t10k-images-idx3-ubyte.gz"),
                             .labels = STR("t10k-labels-idx1-ubyte.gz")};
    return task;
}

static inline Gene *genes_extreme(Arena *arena, const Space *space, bool largest) {
    Gene *gene = arena_array(arena, Gene, space->choices.count);
    genotype_extreme(space, gene, largest);
    return gene;
}

/* Every decision in the middle, formats included. */
static inline Gene *genes_middle(Arena *arena, const Space *space) {
    Gene *gene = arena_array(arena, Gene, space->choices.count);
    for (int i = 0; i < space->choices.count; i++)
        gene[i] = (Gene)(space->choices.at[i].type == VALUE_FORMAT
                             ? (i / 2) % space->choices.at[i].count
                             : space->choices.at[i].count / 2);
    genotype_canonical(space, gene);
    return gene;
}

static inline Net net_of(Arena *arena, const Space *space, const Gene *gene) {
    Net net;
    Span span;
    Str why = {0};
    if (!space_instantiate(arena, space, gene, &net, &span, &why)) {
        fprintf(stderr, "fixture: %.*s\n", STR_ARG(why));
        net.count = 0;
    }
    return net;
}

#endif
