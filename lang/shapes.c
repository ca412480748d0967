/* shapes.c: the symbolic shape of an operator's result. What a shape rule demands becomes a check
 * for every legal member.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* Limits of the shape rules in net/operators.c. */
enum { MAX_EXTENT = 1 << 16, MAX_DENSE = MAX_EXTENT * 64, MAX_NORM = MAX_EXTENT / 2 };

/* The shape of an input, of one step in time: rules need not know of time. */
typedef struct Extents {
    int rank;
    ExprId shape[MAX_RANK];
} Extents;

/* What dimension d of so many is called. */
static const char *extent_name(int rank, int d) {
    return axis_facts[axis_at(rank, false, d)].extent;
}

static bool needs_image(Elab *elab, const SpaceOp *op, const Extents *in) {
    if (in->rank == 3)
        return true;
    elab_error(elab, op->span,
               "`%s` needs an input with height, width and channels, and this has "
               "shape %.*s",
               operator_facts[op->kind].name, STR_ARG(shape_describe(elab, op->input[0])));
    return false;
}

/* ceil(in / stride) with padding `same`, else floor((in - kernel) / stride) + 1. */
static ExprId window_shape(Elab *elab, const SpaceOp *op, ExprId in, int axis) {
    Folder *folder = &elab->folder;
    ExprId kernel = op->attribute[ATTRIBUTE_KERNEL_H + axis];
    ExprId stride = op->attribute[ATTRIBUTE_STRIDE_H + axis];
    ExprId same = op->attribute[ATTRIBUTE_SAME], ratio = fold2(elab, EXPR_DIV, in, stride);
    ExprId padded = ratio ? fold(folder, EXPR_CEIL, ratio, EXPR_NONE, EXPR_NONE) : EXPR_NONE;
    if (is_true(folder, same))
        return padded;
    check_add(elab, fold2(elab, EXPR_OR, same, fold2(elab, EXPR_LESS_EQUAL, kernel, in)),
              op->span, kernel, in,
              "with padding `valid` the kernel must fit into the input, but is $a in an input "
              "of %s $b",
              axis_facts[AXIS_HEIGHT + axis].name);
    ExprId steps = fold2(elab, EXPR_DIV, fold2(elab, EXPR_SUB, in, kernel), stride);
    steps = steps ? fold(folder, EXPR_FLOOR, steps, EXPR_NONE, EXPR_NONE) : EXPR_NONE;
    ExprId bare = fold2(elab, EXPR_ADD, steps, fold_integer(folder, 1));
    return same && padded && bare ? fold(folder, EXPR_IF, same, padded, bare) : EXPR_NONE;
}

static bool windows(Elab *elab, SpaceOp *op, const Extents *in) {
    if (!needs_image(elab, op, in))
        return false;
    op->rank = 3;
    ExprId extents[3] = {in->shape[0], in->shape[1], in->shape[2]};
    op->shape[0] = window_shape(elab, op, extents[0], 0);
    op->shape[1] = window_shape(elab, op, extents[1], 1);
    op->shape[2] = extents[2];
    return true;
}

static void check_divides(Elab *elab, const SpaceOp *op, ExprId divisor, ExprId number,
                          const char *what) {
    ExprId ratio = fold2(elab, EXPR_DIV, number, divisor);
    ExprId whole = ratio ? fold(&elab->folder, EXPR_FLOOR, ratio, EXPR_NONE, EXPR_NONE) : ratio;
    check_add(elab, fold2(elab, EXPR_EQUAL, whole, ratio), op->span, divisor, number,
              "`groups` must divide the channels of the %s, but is $a of $b", what);
}

static bool conv_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    ExprId groups = op->attribute[ATTRIBUTE_GROUPS];
    bool grouped = groups != fold_integer(&elab->folder, 1);
    if (!windows(elab, op, in))
        return false;
    if (grouped)
        check_divides(elab, op, groups, op->shape[2], "input");
    op->shape[2] = op->attribute[ATTRIBUTE_CHANNELS];
    if (grouped)
        check_divides(elab, op, groups, op->shape[2], "output");
    return true;
}

static bool dense_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    ExprId inputs = in->shape[0];
    for (int d = 1; d < in->rank; d++)
        inputs = fold2(elab, EXPR_MUL, inputs, in->shape[d]);
    ExprId fits = fold2(elab, EXPR_LESS_EQUAL, inputs, fold_integer(&elab->folder, MAX_DENSE));
    check_add(elab, fits, op->span, inputs, EXPR_NONE,
              "`dense` takes at most %d inputs, but gets $a", MAX_DENSE);
    op->rank = 1;
    op->shape[0] = op->attribute[ATTRIBUTE_CHANNELS];
    return true;
}

static bool add_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    const Extents *x = &in[0], *y = &in[1];
    const char *name = operator_facts[op->kind].name;
    if (x->rank != y->rank) {
        elab_error(elab, op->span,
                   "`%s` needs two tensors of one shape, and these are %.*s and "
                   "%.*s",
                   name, STR_ARG(shape_describe(elab, op->input[0])),
                   STR_ARG(shape_describe(elab, op->input[1])));
        return false;
    }
    op->rank = x->rank;
    memcpy(op->shape, x->shape, sizeof op->shape);
    for (int d = 0; d < op->rank; d++)
        check_between(check_add(elab, fold2(elab, EXPR_EQUAL, x->shape[d], y->shape[d]),
                                op->span, x->shape[d], y->shape[d],
                                "`%s` needs two tensors of one shape, but %s is $a on the left "
                                "and $b on the right",
                                name, extent_name(op->rank, d)),
                      op->input[0], op->input[1]);
    return true;
}

static bool unchanged(Elab *elab, SpaceOp *op, const Extents *in) {
    (void)elab;
    op->rank = in->rank;
    memcpy(op->shape, in->shape, sizeof op->shape);
    return true;
}

/* What grows must stay within the limits of a dimension. */
static void check_extent(Elab *elab, const SpaceOp *op, int d) {
    ExprId fits =
        fold2(elab, EXPR_LESS_EQUAL, op->shape[d], fold_integer(&elab->folder, MAX_EXTENT));
    check_add(elab, fits, op->span, op->shape[d], EXPR_NONE,
              "in the result of `%s` %s is $a, and may be at most %d",
              operator_facts[op->kind].name, extent_name(op->rank, d), MAX_EXTENT);
}

/* A gate: one factor for each channel. */
static bool mul_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    const Extents *x = &in[0], *y = &in[1];
    if (y->rank != 1 || x->rank == 1)
        return add_shape(elab, op, in);
    unchanged(elab, op, in);
    ExprId channels = op->shape[op->rank - 1];
    check_add(elab, fold2(elab, EXPR_EQUAL, channels, y->shape[0]), op->span, channels,
              y->shape[0], "`mul` needs one factor for each of $a channels, but there are $b");
    return true;
}

static bool concat_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    unchanged(elab, op, in);
    for (int k = 1; k < op->inputs; k++) {
        const Extents *y = &in[k];
        int last = op->rank - 1;
        if (y->rank != op->rank) {
            elab_error(elab, op->span,
                       "`concat` needs tensors that differ in their channels only, and these "
                       "are %.*s and %.*s",
                       STR_ARG(shape_describe(elab, op->input[0])),
                       STR_ARG(shape_describe(elab, op->input[k])));
            return false;
        }
        for (int d = 0; d < last; d++)
            check_between(
                check_add(elab, fold2(elab, EXPR_EQUAL, op->shape[d], y->shape[d]), op->span,
                          op->shape[d], y->shape[d],
                          "`concat` needs tensors that differ in their channels only, but %s "
                          "is $a in the first and $b in another",
                          extent_name(op->rank, d)),
                op->input[0], op->input[k]);
        op->shape[last] = fold2(elab, EXPR_ADD, op->shape[last], y->shape[last]);
    }
    check_extent(elab, op, op->rank - 1);
    return true;
}

static bool slice_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    unchanged(elab, op, in);
    ExprId channels = op->shape[op->rank - 1];
    ExprId end =
        fold2(elab, EXPR_ADD, op->attribute[ATTRIBUTE_FROM], op->attribute[ATTRIBUTE_CHANNELS]);
    check_add(elab, fold2(elab, EXPR_LESS_EQUAL, end, channels), op->span, end, channels,
              "`slice` takes channels up to $a, of $b");
    op->shape[op->rank - 1] = op->attribute[ATTRIBUTE_CHANNELS];
    return true;
}

static bool pad_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    if (!needs_image(elab, op, in))
        return false;
    unchanged(elab, op, in);
    for (int d = 0; d < 2; d++) {
        ExprId before = op->attribute[d ? ATTRIBUTE_LEFT : ATTRIBUTE_TOP];
        ExprId after = op->attribute[d ? ATTRIBUTE_RIGHT : ATTRIBUTE_BOTTOM];
        op->shape[d] =
            fold2(elab, EXPR_ADD, op->shape[d], fold2(elab, EXPR_ADD, before, after));
        check_extent(elab, op, d);
    }
    return true;
}

static bool upsample_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    if (!needs_image(elab, op, in))
        return false;
    unchanged(elab, op, in);
    for (int d = 0; d < 2; d++) {
        op->shape[d] =
            fold2(elab, EXPR_MUL, op->shape[d], op->attribute[ATTRIBUTE_FACTOR_H + d]);
        check_extent(elab, op, d);
    }
    return true;
}

static bool shuffle_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    unchanged(elab, op, in);
    check_divides(elab, op, op->attribute[ATTRIBUTE_GROUPS], op->shape[op->rank - 1], "input");
    return true;
}

static ExprId elements_of(Elab *elab, const ExprId *shape, int rank) {
    ExprId elements = shape[0];
    for (int d = 1; d < rank; d++)
        elements = fold2(elab, EXPR_MUL, elements, shape[d]);
    return elements;
}

static bool flatten_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    op->rank = 1;
    op->shape[0] = elements_of(elab, in->shape, in->rank);
    check_extent(elab, op, 0);
    return true;
}

/* An extent that was left out is the number 0. */
static bool reshape_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    ExprId none = fold_integer(&elab->folder, 0);
    ExprId height = op->attribute[ATTRIBUTE_HEIGHT], width = op->attribute[ATTRIBUTE_WIDTH];
    if (height != none && width == none) {
        elab_error(elab, op->span, "`reshape` to a height needs a `width`, too");
        return false;
    }
    if (height != none)
        op->shape[op->rank++] = height;
    if (width != none)
        op->shape[op->rank++] = width;
    op->shape[op->rank++] = op->attribute[ATTRIBUTE_CHANNELS];
    ExprId from = elements_of(elab, in->shape, in->rank);
    ExprId to = elements_of(elab, op->shape, op->rank);
    check_add(elab, fold2(elab, EXPR_EQUAL, from, to), op->span, from, to,
              "`reshape` keeps the number of values, but there are $a, and $b are needed");
    return true;
}

static bool norm_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    unchanged(elab, op, in);
    ExprId channels = op->shape[op->rank - 1];
    ExprId fits = fold2(elab, EXPR_LESS_EQUAL, channels, fold_integer(&elab->folder, MAX_NORM));
    check_add(elab, fits, op->span, channels, EXPR_NONE,
              "`layer_norm` normalises at most %d channels, but gets $a", MAX_NORM);
    return true;
}

static bool matmul_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    const Extents *x = &in[0], *y = &in[1];
    Rational transposed = {0, 1};
    if (x->rank != 2 || y->rank != 2) {
        elab_error(elab, op->span,
                   "`matmul` needs two tensors with rows and channels, and these are %.*s and "
                   "%.*s",
                   STR_ARG(shape_describe(elab, op->input[0])),
                   STR_ARG(shape_describe(elab, op->input[1])));
        return false;
    }
    if (!is_constant(&elab->folder, op->attribute[ATTRIBUTE_TRANSPOSED], &transposed)) {
        elab_error(elab, op->span, "`transposed` may not depend on decisions");
        return false;
    }
    ExprId depth = y->shape[transposed.n != 0];
    check_add(elab, fold2(elab, EXPR_EQUAL, x->shape[1], depth), op->span, x->shape[1], depth,
              "`matmul` needs as many channels on the left as there are products to sum, but "
              "has $a, and $b on the right");
    op->rank = 2;
    op->shape[0] = x->shape[0];
    op->shape[1] = y->shape[transposed.n == 0];
    return true;
}

static bool global_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    if (!needs_image(elab, op, in))
        return false;
    op->rank = 1;
    op->shape[0] = in->shape[2];
    return true;
}

/* Time is averaged over in time_shape. */
static bool mean_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    Rational axis = {AXIS_COUNT, 1};
    is_constant(&elab->folder, op->attribute[ATTRIBUTE_AXIS], &axis);
    unchanged(elab, op, in);
    for (int d = 0; d < in->rank; d++) {
        if ((int)axis_at(in->rank, false, d) != axis.n)
            continue;
        op->shape[d] = fold_integer(&elab->folder, 1);
        if (axis.n == AXIS_TOKENS)
            op->shape[0] = in->shape[--op->rank];
        return true;
    }
    elab_error(elab, op->span, "`mean` is over one axis of its input, and %.*s has no `%s`",
               STR_ARG(shape_describe(elab, op->input[0])), axis_facts[axis.n].name);
    return false;
}

static bool needs_tokens(Elab *elab, const SpaceOp *op, const Extents *in, int input) {
    if (in[input].rank == 2)
        return true;
    elab_error(elab, op->span, "`%s` needs tensors [tokens, channels], and this is %.*s",
               operator_facts[op->kind].name, STR_ARG(shape_describe(elab, op->input[input])));
    return false;
}

static bool transpose_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    if (!needs_tokens(elab, op, in, 0))
        return false;
    op->rank = 2;
    op->shape[0] = in->shape[1];
    op->shape[1] = in->shape[0];
    return true;
}

static bool embed_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    if (!needs_tokens(elab, op, in, 0))
        return false;
    ExprId one = fold_integer(&elab->folder, 1);
    check_add(elab, fold2(elab, EXPR_EQUAL, in->shape[1], one), op->span, in->shape[1],
              EXPR_NONE,
              "`embed` reads tokens of one channel, which is the token's number, but there are "
              "$a");
    op->rank = 2;
    op->shape[0] = in->shape[0];
    op->shape[1] = op->attribute[ATTRIBUTE_CHANNELS];
    return true;
}

static bool attention_shape(Elab *elab, SpaceOp *op, const Extents *in) {
    static const char *const whose[] = {"q and k", NULL, "v"};
    for (int k = 0; k < op->inputs; k++)
        if (!needs_tokens(elab, op, in, k))
            return false;
    ExprId heads = op->attribute[ATTRIBUTE_HEADS];
    check_add(elab, fold2(elab, EXPR_EQUAL, in[0].shape[1], in[1].shape[1]), op->span,
              in[0].shape[1], in[1].shape[1],
              "`attention` needs as many channels in q as in k, but there are $a and $b");
    check_add(elab, fold2(elab, EXPR_EQUAL, in[1].shape[0], in[2].shape[0]), op->span,
              in[1].shape[0], in[2].shape[0],
              "`attention` needs as many tokens in k as in v, but there are $a and $b");
    for (int k = 0; k < op->inputs; k += 2) {
        ExprId ratio = fold2(elab, EXPR_DIV, in[k].shape[1], heads);
        ExprId whole =
            ratio ? fold(&elab->folder, EXPR_FLOOR, ratio, EXPR_NONE, EXPR_NONE) : ratio;
        check_add(elab, fold2(elab, EXPR_EQUAL, whole, ratio), op->span, heads, in[k].shape[1],
                  "`heads` must divide the channels of %s, but is $a of $b", whose[k]);
    }
    op->rank = 2;
    op->shape[0] = in[0].shape[0];
    op->shape[1] = in[2].shape[1];
    return true;
}

/* The symbolic counterparts of the shape rules in net/operators.c; a test compares them. */
static bool (*const shape_rules[OP_COUNT])(Elab *elab, SpaceOp *op, const Extents *in) = {
    [OP_CONV] = conv_shape,
    [OP_DEPTHWISE] = windows,
    [OP_DENSE] = dense_shape,
    [OP_ADD] = add_shape,
    [OP_RELU] = unchanged,
    [OP_RELU6] = unchanged,
    [OP_MAX_POOL] = windows,
    [OP_AVERAGE_POOL] = windows,
    [OP_GLOBAL_AVERAGE] = global_shape,
    [OP_BATCH_NORM] = unchanged,
    [OP_MUL] = mul_shape,
    [OP_CONCAT] = concat_shape,
    [OP_SLICE] = slice_shape,
    [OP_PAD] = pad_shape,
    [OP_UPSAMPLE] = upsample_shape,
    [OP_CHANNEL_SHUFFLE] = shuffle_shape,
    [OP_FLATTEN] = flatten_shape,
    [OP_RESHAPE] = reshape_shape,
    [OP_HARD_SIGMOID] = unchanged,
    [OP_HARD_SWISH] = unchanged,
    [OP_SIGMOID] = unchanged,
    [OP_TANH] = unchanged,
    [OP_SILU] = unchanged,
    [OP_GELU] = unchanged,
    [OP_SOFTMAX] = unchanged,
    [OP_LAYER_NORM] = norm_shape,
    [OP_MATMUL] = matmul_shape,
    [OP_MEAN] = mean_shape,
    [OP_TRANSPOSE] = transpose_shape,
    [OP_EMBED] = embed_shape,
    [OP_POSITION] = unchanged,
    [OP_ATTENTION] = attention_shape,
    [OP_HOLD] = unchanged,
    [OP_LIF] = unchanged,
};

/* ---- time -------------------------------------------------------------------------------- */

/* The inputs as they are in one step; all must have time, and as many steps, or none. */
static bool steps_of(Elab *elab, const SpaceOp *op, Extents *steps) {
    const SpaceOp *first = &elab->space->ops.at[op->input[0]];
    for (int k = 0; k < op->inputs; k++) {
        const SpaceOp *from = &elab->space->ops.at[op->input[k]];
        if (from->time != first->time) {
            elab_error(elab, op->span,
                       "`%s` needs tensors that all have time steps or none, and these are "
                       "%.*s and %.*s",
                       operator_facts[op->kind].name,
                       STR_ARG(shape_describe(elab, op->input[0])),
                       STR_ARG(shape_describe(elab, op->input[k])));
            return false;
        }
        if (k > 0 && from->time)
            check_add(elab, fold2(elab, EXPR_EQUAL, first->shape[0], from->shape[0]), op->span,
                      first->shape[0], from->shape[0],
                      "`%s` needs tensors with as many time steps, but there are $a in the "
                      "first and $b in another",
                      operator_facts[op->kind].name);
        steps[k].rank = from->rank - from->time;
        memcpy(steps[k].shape, from->shape + from->time,
               sizeof(ExprId) * (size_t)steps[k].rank);
    }
    return true;
}

static void set_time(const SpaceOp *in, SpaceOp *op) {
    if (!in->time)
        return;
    memmove(op->shape + 1, op->shape, sizeof(ExprId) * (size_t)op->rank);
    op->shape[0] = in->shape[0];
    op->rank++;
    op->time = true;
}

/* Whether it is over an axis, and which decisions leave no doubt of. */
static bool axis_known(Elab *elab, const SpaceOp *op, Rational *axis) {
    if (op->kind != OP_MEAN || is_constant(&elab->folder, op->attribute[ATTRIBUTE_AXIS], axis))
        return true;
    elab_error(elab, op->span, "the axis of `mean` may not depend on decisions");
    return false;
}

/* What makes an axis of time, needs one, or makes it vanish: a copy with time or without. */
static bool time_shape(Elab *elab, SpaceOp *op, bool means) {
    const SpaceOp *in = &elab->space->ops.at[op->input[0]];
    bool hold = op->kind == OP_HOLD;
    if (in->time == hold) {
        elab_error(elab, op->span, "`%s` needs a tensor %s time steps, and this is %.*s",
                   operator_facts[op->kind].name, hold ? "without" : "with",
                   STR_ARG(shape_describe(elab, op->input[0])));
        return false;
    }
    op->rank = in->rank + hold - means;
    op->time = !means;
    memcpy(op->shape + hold, in->shape + means, sizeof(ExprId) * (size_t)(op->rank - hold));
    if (hold)
        op->shape[0] = op->attribute[ATTRIBUTE_STEPS];
    return true;
}

static bool rule_shape(Elab *elab, SpaceOp *op) {
    Extents steps[MAX_INPUTS];
    Rational axis = {AXIS_COUNT, 1};
    if (!axis_known(elab, op, &axis))
        return false;
    bool means = axis.n == AXIS_TIME;
    if (op->kind == OP_HOLD || op->kind == OP_LIF || means)
        return time_shape(elab, op, means);
    if (!steps_of(elab, op, steps) || !shape_rules[op->kind](elab, op, steps))
        return false;
    set_time(&elab->space->ops.at[op->input[0]], op);
    return true;
}

bool set_shape(Elab *elab, SpaceOp *op) {
    if (!rule_shape(elab, op))
        return false;
    for (int d = 0; d < op->rank; d++)
        if (!op->shape[d]) {
            elab_error(elab, op->span, "%s", elab->folder.why);
            return false;
        }
    return true;
}
