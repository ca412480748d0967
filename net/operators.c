/* The primitive operators: their table, and their shape rules.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#define HAS(attribute) (1u << ATTRIBUTE_##attribute)

const OperatorFacts operator_facts[OP_COUNT + 1] = {
#define OPERATOR(NAME, spelling, inputs, attributes, weights, output, engine, doc)             \
    {spelling, inputs, attributes, weights, output, engine, doc},
#include "net/operators.def"
#undef OPERATOR
    {"select", SEVERAL, 0, NONE, INHERITS, EMITTED, "one of its inputs, as a decision says"},
};

const AttributeFacts attribute_facts[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(NAME, spelling, least, initial, words, doc)                                  \
    {spelling, least, initial, words, doc},
#include "net/attributes.def"
#undef ATTRIBUTE
};

const AxisFacts axis_facts[AXIS_COUNT] = {
#define AXIS(NAME, spelling, extent, doc) {spelling, extent, doc},
#include "net/axes.def"
#undef AXIS
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

bool operator_takes(OpKind kind, int inputs) {
    int needed = operator_facts[kind].inputs;
    return needed == SEVERAL ? inputs >= 2 && inputs <= MAX_INPUTS : inputs == needed;
}

bool attribute_is_pair(Attribute attribute) {
    return attribute == ATTRIBUTE_KERNEL_H || attribute == ATTRIBUTE_STRIDE_H ||
           attribute == ATTRIBUTE_FACTOR_H;
}

bool operator_absorbs_norm(OpKind kind) {
    return kind == OP_CONV || kind == OP_DEPTHWISE || kind == OP_DENSE;
}

bool attribute_is_truth(Attribute attribute) {
    return attribute == ATTRIBUTE_TRANSPOSED || attribute == ATTRIBUTE_CAUSAL;
}

bool attribute_is_thousandths(Attribute attribute) {
    return attribute == ATTRIBUTE_THRESHOLD || attribute == ATTRIBUTE_DECAY;
}

Str attribute_word(Attribute attribute, int value) {
    const char *word = attribute_facts[attribute].words;
    for (; value > 0 && *word; word++)
        value -= *word == ' ';
    int length = 0;
    while (word[length] && word[length] != ' ')
        length++;
    return (Str){word, length};
}

bool operator_is_curve(OpKind kind) {
    return kind == OP_HARD_SIGMOID || kind == OP_HARD_SWISH || kind == OP_SIGMOID ||
           kind == OP_TANH || kind == OP_SILU || kind == OP_GELU;
}

bool operator_moves(OpKind kind) {
    return kind == OP_SLICE || kind == OP_PAD || kind == OP_UPSAMPLE ||
           kind == OP_CHANNEL_SHUFFLE || kind == OP_FLATTEN || kind == OP_RESHAPE ||
           kind == OP_TRANSPOSE;
}

int64_t shape_elements(Shape shape) {
    int64_t elements = 1;
    for (int i = 0; i < shape.rank; i++)
        elements *= shape.dim[i];
    return elements;
}

bool shape_equal(Shape a, Shape b) {
    if (a.rank != b.rank || a.time != b.time)
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

bool axis_of(Str spelling, Axis *axis) {
    for (int a = 0; a < AXIS_COUNT; a++)
        if (str_equal(spelling, str_of(axis_facts[a].name))) {
            *axis = (Axis)a;
            return true;
        }
    return false;
}

Axis axis_at(int rank, bool time, int d) {
    if (time && d == 0)
        return AXIS_TIME;
    if (d == rank - 1)
        return AXIS_CHANNELS;
    return rank - time < 3 ? AXIS_TOKENS : d == time ? AXIS_HEIGHT : AXIS_WIDTH;
}

Shape shape_step(Shape shape) {
    Shape step = shape;
    if (!shape.time)
        return shape;
    step.time = false;
    step.rank--;
    for (int i = 0; i < step.rank; i++)
        step.dim[i] = shape.dim[i + 1];
    return step;
}

/* Names the axes that are not height, width and channels. */
Str shape_print(Arena *arena, Shape shape) {
    Text text = text_new(arena);
    for (int i = 0; i < shape.rank; i++) {
        Axis axis = axis_at(shape.rank, shape.time, i);
        text_add(&text, "%s", i ? ", " : "[");
        if (axis <= AXIS_TOKENS)
            text_add(&text, "%s ", axis_facts[axis].name);
        text_add(&text, "%d", shape.dim[i]);
    }
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

/* What a rule may ask: attributes and the shapes of so many inputs. */
typedef const char *ShapeRule(const int *attribute, const Shape *input, int inputs, Shape *out);

static const char *window(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
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

static const char *conv(const int *attribute, const Shape *input, int inputs, Shape *out) {
    const char *why = window(attribute, input, inputs, out);
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

static const char *dense(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    int channels = attribute[ATTRIBUTE_CHANNELS];
    if (channels < 1 || channels > MAX_DIM)
        return "the number of channels must be between 1 and 65536";
    if (shape_elements(*input) > MAX_DIM * 64)
        return "has too many inputs";
    *out = (Shape){.rank = 1, .dim = {channels}};
    return NULL;
}

static const char *add(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)attribute, (void)inputs;
    if (!shape_equal(input[0], input[1]))
        return "needs two inputs of one shape";
    *out = *input;
    return NULL;
}

static const char *unchanged(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)attribute, (void)inputs;
    *out = *input;
    return NULL;
}

static const char *global_average(const int *attribute, const Shape *input, int inputs,
                                  Shape *out) {
    (void)attribute, (void)inputs;
    if (input->rank != 3)
        return "needs an input with height, width and channels";
    *out = (Shape){.rank = 1, .dim = {input->dim[2]}};
    return NULL;
}

static const char *mul(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)attribute, (void)inputs;
    bool gate = input[1].rank == 1 && input[1].dim[0] == shape_channels(input[0]);
    if (!gate && !shape_equal(input[0], input[1]))
        return "needs two inputs of one shape, or a second with one value for each channel";
    *out = *input;
    return NULL;
}

static const char *concat(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)attribute;
    int64_t channels = 0;
    for (int k = 0; k < inputs; k++) {
        Shape cut = input[k];
        channels += shape_channels(cut);
        cut.dim[cut.rank - 1] = shape_channels(input[0]);
        if (cut.rank != input[0].rank || !shape_equal(cut, input[0]))
            return "needs inputs that differ in their channels only";
    }
    if (channels > MAX_DIM)
        return "has more than 65536 channels";
    *out = *input;
    out->dim[out->rank - 1] = (int)channels;
    return NULL;
}

static const char *slice(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    int channels = attribute[ATTRIBUTE_CHANNELS], from = attribute[ATTRIBUTE_FROM];
    if (channels < 1 || channels > MAX_DIM || from < 0 || from > MAX_DIM ||
        from + channels > shape_channels(*input))
        return "takes channels that its input has not";
    *out = *input;
    out->dim[out->rank - 1] = channels;
    return NULL;
}

static const char *pad(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    if (input->rank != 3)
        return "needs an input with height, width and channels";
    for (int a = ATTRIBUTE_TOP; a <= ATTRIBUTE_RIGHT; a++)
        if (attribute[a] < 0 || attribute[a] > MAX_DIM)
            return "the padding must be between 0 and 65536";
    *out = *input;
    out->dim[0] += attribute[ATTRIBUTE_TOP] + attribute[ATTRIBUTE_BOTTOM];
    out->dim[1] += attribute[ATTRIBUTE_LEFT] + attribute[ATTRIBUTE_RIGHT];
    return NULL;
}

static const char *upsample(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    int h = attribute[ATTRIBUTE_FACTOR_H], w = attribute[ATTRIBUTE_FACTOR_W];
    if (input->rank != 3)
        return "needs an input with height, width and channels";
    if (h < 1 || w < 1 || h > MAX_KERNEL || w > MAX_KERNEL)
        return "the factor must be between 1 and 255";
    *out = *input;
    out->dim[0] *= h;
    out->dim[1] *= w;
    return NULL;
}

static const char *shuffle(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    int groups = attribute[ATTRIBUTE_GROUPS];
    if (groups < 1 || shape_channels(*input) % groups)
        return "groups must divide the channels of the input";
    *out = *input;
    return NULL;
}

static const char *flatten(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)attribute, (void)inputs;
    if (shape_elements(*input) > MAX_DIM)
        return "has more than 65536 values";
    *out = (Shape){.rank = 1, .dim = {(int)shape_elements(*input)}};
    return NULL;
}

static const char *reshape(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    int h = attribute[ATTRIBUTE_HEIGHT], w = attribute[ATTRIBUTE_WIDTH];
    *out = (Shape){0};
    if (h)
        out->dim[out->rank++] = h;
    if (h || w)
        out->dim[out->rank++] = w;
    out->dim[out->rank++] = attribute[ATTRIBUTE_CHANNELS];
    for (int d = 0; d < out->rank; d++)
        if (out->dim[d] < 1 || out->dim[d] > MAX_DIM)
            return "each dimension must be between 1 and 65536";
    if (shape_elements(*out) != shape_elements(*input))
        return "must have as many values as its input";
    return NULL;
}

static const char *layer_norm(const int *attribute, const Shape *input, int inputs,
                              Shape *out) {
    if (shape_channels(*input) > MAX_DIM / 2)
        return "normalises at most 32768 channels";
    return unchanged(attribute, input, inputs, out);
}

static const char *matmul(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    if (input[0].rank != 2 || input[1].rank != 2)
        return "needs two inputs with rows and channels";
    bool transposed = attribute[ATTRIBUTE_TRANSPOSED] != 0;
    if (input[0].dim[1] != input[1].dim[transposed])
        return "the channels of the first input must be the rows of the second";
    *out = (Shape){.rank = 2, .dim = {input[0].dim[0], input[1].dim[!transposed]}};
    return NULL;
}

/* Time is averaged over in steps_shape. */
static const char *mean(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    *out = *input;
    for (int d = 0; d < input->rank; d++) {
        Axis axis = axis_at(input->rank, false, d);
        if ((int)axis != attribute[ATTRIBUTE_AXIS])
            continue;
        out->dim[d] = 1;
        if (axis == AXIS_TOKENS)
            *out = (Shape){.rank = 1, .dim = {shape_channels(*input)}};
        return NULL;
    }
    return "has no such axis";
}

static const char *transpose(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)attribute, (void)inputs;
    if (input->rank != 2)
        return "needs an input with tokens and channels";
    *out = (Shape){.rank = 2, .dim = {input->dim[1], input->dim[0]}};
    return NULL;
}

static const char *embed(const int *attribute, const Shape *input, int inputs, Shape *out) {
    (void)inputs;
    int channels = attribute[ATTRIBUTE_CHANNELS], entries = attribute[ATTRIBUTE_VOCABULARY];
    if (input->rank != 2 || input->dim[1] != 1)
        return "needs an input of tokens with one channel, which is the token's number";
    if (channels < 1 || channels > MAX_DIM || entries < 1 || entries > MAX_DIM)
        return "the channels and the vocabulary must be between 1 and 65536";
    *out = *input;
    out->dim[1] = channels;
    return NULL;
}

static const char *attention(const int *attribute, const Shape *input, int inputs, Shape *out) {
    int heads = attribute[ATTRIBUTE_HEADS];
    for (int k = 0; k < inputs; k++)
        if (input[k].rank != 2)
            return "needs three inputs with tokens and channels";
    if (input[0].dim[1] != input[1].dim[1])
        return "needs as many channels in k as in q";
    if (input[1].dim[0] != input[2].dim[0])
        return "needs as many tokens in v as in k";
    if (heads < 1 || input[0].dim[1] % heads || input[2].dim[1] % heads)
        return "heads must divide the channels";
    if (attribute[ATTRIBUTE_CACHE] < 0 || attribute[ATTRIBUTE_CACHE] > MAX_DIM)
        return "the cache must be between 0 and 65536 tokens";
    *out = (Shape){.rank = 2, .dim = {input[0].dim[0], input[2].dim[1]}};
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
    [OP_MUL] = mul,
    [OP_CONCAT] = concat,
    [OP_SLICE] = slice,
    [OP_PAD] = pad,
    [OP_UPSAMPLE] = upsample,
    [OP_CHANNEL_SHUFFLE] = shuffle,
    [OP_FLATTEN] = flatten,
    [OP_RESHAPE] = reshape,
    [OP_HARD_SIGMOID] = unchanged,
    [OP_HARD_SWISH] = unchanged,
    [OP_SIGMOID] = unchanged,
    [OP_TANH] = unchanged,
    [OP_SILU] = unchanged,
    [OP_GELU] = unchanged,
    [OP_SOFTMAX] = unchanged,
    [OP_LAYER_NORM] = layer_norm,
    [OP_MATMUL] = matmul,
    [OP_MEAN] = mean,
    [OP_TRANSPOSE] = transpose,
    [OP_EMBED] = embed,
    [OP_POSITION] = unchanged,
    [OP_ATTENTION] = attention,
    [OP_HOLD] = unchanged,
    [OP_LIF] = unchanged,
};

static Shape with_time(Shape step, int steps) {
    Shape shape = {.rank = step.rank + 1, .dim = {steps}, .time = true};
    for (int i = 0; i < step.rank; i++)
        shape.dim[i + 1] = step.dim[i];
    return shape;
}

/* What makes an axis of time, needs one, or makes it vanish. */
static bool time_shape(OpKind kind, const int *attribute, const Shape *input, Shape *out,
                       const char **why) {
    bool means = kind == OP_MEAN && attribute[ATTRIBUTE_AXIS] == AXIS_TIME;
    int steps = attribute[ATTRIBUTE_STEPS];
    if (kind != OP_HOLD && kind != OP_LIF && !means)
        return false;
    *why = NULL;
    if (kind == OP_HOLD && input->time)
        *why = "needs an input without time steps";
    else if (kind == OP_HOLD && (steps < 1 || steps > MAX_DIM))
        *why = "the number of time steps must be between 1 and 65536";
    else if (kind != OP_HOLD && !input->time)
        *why = "needs an input with time steps";
    else
        *out = kind == OP_HOLD ? with_time(*input, steps) : means ? shape_step(*input) : *input;
    return true;
}

/* Every other operator does to each step in time what it does to a tensor without time. */
static const char *steps_shape(OpKind kind, const int *attribute, const Shape *input,
                               int inputs, Shape *out) {
    Shape step[MAX_INPUTS] = {{0}};
    const char *why;
    if (time_shape(kind, attribute, input, out, &why))
        return why;
    for (int k = 0; k < inputs; k++) {
        if (input[k].time != input[0].time ||
            (input[k].time && input[k].dim[0] != input[0].dim[0]))
            return "needs inputs with the same number of time steps";
        step[k] = shape_step(input[k]);
    }
    why = shape_rules[kind](attribute, step, inputs, out);
    if (!why && input[0].time)
        *out = with_time(*out, input[0].dim[0]);
    return why;
}

bool operator_shape(OpKind kind, const int *attribute, const Shape *input, int inputs,
                    Shape *out, const char **why) {
    if (!operator_takes(kind, inputs)) {
        *why = "has the wrong number of inputs";
        return false;
    }
    *why = steps_shape(kind, attribute, input, inputs, out);
    for (int i = 0; !*why && i < out->rank; i++)
        if (out->dim[i] > MAX_DIM)
            *why = "has an output dimension above 65536";
    if (!*why && shape_elements(*out) > INT32_MAX)
        *why = "has an output of more than 2^31 - 1 elements";
    return !*why;
}
