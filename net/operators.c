/* The primitive operators: their table, and their shape rules.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#define HAS(attribute) (1u << ATTRIBUTE_##attribute)

const OperatorFacts operator_facts[OP_COUNT] = {
#define OPERATOR(NAME, spelling, inputs, attributes, weights, output, doc)                     \
    {spelling, inputs, attributes, weights, output, doc},
#include "net/operators.def"
#undef OPERATOR
};

const AttributeFacts attribute_facts[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(NAME, spelling, initial, doc) {spelling, initial, doc},
#include "net/attributes.def"
#undef ATTRIBUTE
};

bool operator_of(Str spelling, OpKind *kind) {
    for (int k = OP_INPUT + 1; k < OP_COUNT; k++)
        if (str_equal(spelling, str_of(operator_facts[k].name))) {
            *kind = (OpKind)k;
            return true;
        }
    return false;
}

bool operator_has(OpKind kind, Attribute attribute) {
    return kind < OP_COUNT && (operator_facts[kind].attributes >> attribute & 1);
}

int64_t shape_elements(Shape shape) {
    int64_t elements = 1;
    for (int i = 0; i < shape.rank; i++)
        elements *= shape.dim[i];
    return elements;
}

bool shape_equal(Shape a, Shape b) {
    if (a.rank != b.rank)
        return false;
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i])
            return false;
    return true;
}

int shape_channels(Shape shape) {
    return shape.dim[shape.rank - 1];
}

int shape_pixels(Shape shape) {
    return (int)(shape_elements(shape) / shape_channels(shape));
}

Str shape_print(Arena *arena, Shape shape) {
    Text text = text_new(arena);
    for (int i = 0; i < shape.rank; i++)
        text_add(&text, "%s%d", i ? ", " : "[", shape.dim[i]);
    text_add(&text, "]");
    return text_str(&text);
}

int window_extent(int in, int kernel, int stride, bool same) {
    if (same)
        return (in + stride - 1) / stride;
    return in < kernel ? 0 : (in - kernel) / stride + 1;
}

int window_before(int in, int kernel, int stride, bool same) {
    if (!same)
        return 0;
    int padding = (window_extent(in, kernel, stride, true) - 1) * stride + kernel - in;
    return padding > 0 ? padding / 2 : 0;
}

/* ---- shape rules: one for each operator, by its name in operators.def -------------------- */

enum { MAX_DIM = 1 << 16, MAX_KERNEL = 255 };

typedef const char *ShapeRule(const int *attribute, const Shape *input, Shape *out);

static const char *window(const int *attribute, const Shape *input, Shape *out) {
    if (input->rank != 3)
        return "needs an input with height, width and channels";
    int kernel_h = attribute[ATTRIBUTE_KERNEL_H], kernel_w = attribute[ATTRIBUTE_KERNEL_W];
    int stride_h = attribute[ATTRIBUTE_STRIDE_H], stride_w = attribute[ATTRIBUTE_STRIDE_W];
    if (kernel_h < 1 || kernel_w < 1 || kernel_h > MAX_KERNEL || kernel_w > MAX_KERNEL)
        return "the kernel must be between 1 and 255";
    if (stride_h < 1 || stride_w < 1 || stride_h > MAX_KERNEL || stride_w > MAX_KERNEL)
        return "the stride must be between 1 and 255";
    bool same = attribute[ATTRIBUTE_SAME] != 0;
    *out = *input;
    out->dim[0] = window_extent(input->dim[0], kernel_h, stride_h, same);
    out->dim[1] = window_extent(input->dim[1], kernel_w, stride_w, same);
    if (out->dim[0] < 1 || out->dim[1] < 1)
        return "the kernel is larger than the input, and padding is valid";
    return NULL;
}

static const char *conv(const int *attribute, const Shape *input, Shape *out) {
    const char *why = window(attribute, input, out);
    if (why)
        return why;
    int channels = attribute[ATTRIBUTE_CHANNELS], groups = attribute[ATTRIBUTE_GROUPS];
    if (channels < 1 || channels > MAX_DIM)
        return "the number of channels must be between 1 and 65536";
    if (groups < 1 || channels % groups || input->dim[2] % groups)
        return "groups must divide the channels of input and output";
    int64_t kernel = attribute[ATTRIBUTE_KERNEL_H] * attribute[ATTRIBUTE_KERNEL_W];
    if (kernel * (input->dim[2] / groups) > INT32_MAX)
        return "has too many inputs";
    out->dim[2] = channels;
    return NULL;
}

static const char *dense(const int *attribute, const Shape *input, Shape *out) {
    int channels = attribute[ATTRIBUTE_CHANNELS];
    if (channels < 1 || channels > MAX_DIM)
        return "the number of channels must be between 1 and 65536";
    if (shape_elements(*input) > MAX_DIM * 64)
        return "has too many inputs";
    *out = (Shape){.rank = 1, .dim = {channels}};
    return NULL;
}

static const char *add(const int *attribute, const Shape *input, Shape *out) {
    (void)attribute;
    if (!shape_equal(input[0], input[1]))
        return "needs two inputs of one shape";
    *out = *input;
    return NULL;
}

static const char *unchanged(const int *attribute, const Shape *input, Shape *out) {
    (void)attribute;
    *out = *input;
    return NULL;
}

static const char *global_average(const int *attribute, const Shape *input, Shape *out) {
    (void)attribute;
    if (input->rank != 3)
        return "needs an input with height, width and channels";
    *out = (Shape){.rank = 1, .dim = {input->dim[2]}};
    return NULL;
}

static ShapeRule *const shape_rules[OP_COUNT] = {
    [OP_CONV] = conv,
    [OP_DEPTHWISE] = window,
    [OP_DENSE] = dense,
    [OP_ADD] = add,
    [OP_RELU] = unchanged,
    [OP_RELU6] = unchanged,
    [OP_MAX_POOL] = window,
    [OP_AVERAGE_POOL] = window,
    [OP_GLOBAL_AVERAGE] = global_average,
    [OP_BATCH_NORM] = unchanged,
};

bool operator_shape(OpKind kind, const int *attribute, const Shape *input, int inputs,
                    Shape *out, const char **why) {
    if (inputs != operator_facts[kind].inputs) {
        *why = "has the wrong number of inputs";
        return false;
    }
    *why = shape_rules[kind](attribute, input, out);
    for (int i = 0; !*why && i < out->rank; i++)
        if (out->dim[i] > MAX_DIM)
            *why = "has an output dimension above 65536";
    if (!*why && shape_elements(*out) > INT32_MAX)
        *why = "has an output of more than 2^31 - 1 elements";
    return !*why;
}
