/* Networks without choices: instantiation, costs, quantisers, the printed form.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

/* ---- instantiation ----------------------------------------------------------------------- */

typedef struct Instance {
    Arena *arena;
    const Space *space;
    const Gene *gene;
    Net *net;
    int *alias; /* space operator -> the space operator whose result it is (selects resolved) */
    bool *needed; /* (space operators) */
    int *index;   /* space operator -> net operator */
    Span *span;
    Str *why;
} Instance;

static bool refuse(Instance *in, Span span, const char *why) {
    *in->span = span;
    *in->why = str_of(why);
    return false;
}

static bool attribute_value(Instance *in, ExprId id, int *value) {
    Rational r;
    if (!expr_value(in->space, id, in->gene, &r) || !rational_is_integer(r) || r.n < 0 ||
        r.n > INT32_MAX)
        return false;
    *value = (int)r.n;
    return true;
}

/* Selects stand for one of their inputs; everything else for itself. */
static bool resolve_aliases(Instance *in) {
    for (int i = 0; i < in->space->ops.count; i++) {
        const SpaceOp *op = &in->space->ops.at[i];
        in->alias[i] = i;
        if (op->kind != OP_SELECT || !expr_true(in->space, op->active, in->gene))
            continue;
        int which;
        if (!attribute_value(in, op->select, &which) || which >= op->inputs)
            return refuse(in, op->span, "no alternative has that number");
        in->alias[i] = in->alias[op->input[which]];
    }
    return true;
}

static void mark_needed(Instance *in) {
    in->needed[0] = true;
    in->needed[in->alias[in->space->output]] = true;
    for (int i = in->space->ops.count - 1; i >= 0; i--)
        for (int k = 0; in->needed[i] && k < in->space->ops.at[i].inputs; k++)
            in->needed[in->alias[in->space->ops.at[i].input[k]]] = true;
}

static bool op_formats(Instance *in, const SpaceOp *from, Op *op) {
    int format = FORMAT_F32;
    if (from->weights && !attribute_value(in, from->weights, &format))
        return refuse(in, from->span, "the weights format has no value");
    op->weights = (Format)format;
    if (from->membrane && !attribute_value(in, from->membrane, &format))
        return refuse(in, from->span, "the membrane's format has no value");
    op->membrane = from->membrane ? (Format)format : FORMAT_F32;
    if (operator_facts[from->kind].output == INHERITS)
        op->output = in->net->ops[op->input[0]].output;
    else if (!attribute_value(in, from->output, &format))
        return refuse(in, from->span, "the output format has no value");
    else
        op->output = (Format)format;
    return true;
}

static bool instantiate_op(Instance *in, int i) {
    const SpaceOp *from = &in->space->ops.at[i];
    Op *op = &in->net->ops[in->net->count];
    Shape inputs[MAX_INPUTS];
    if (from->kind == OP_SELECT)
        return refuse(in, from->span, "a choice is read where it is not reached");
    op->kind = from->kind;
    op->path = from->path;
    op->origin = i;
    op->site = from->site;
    op->span = from->span;
    op->inputs = from->inputs;
    for (int k = 0; k < from->inputs; k++) {
        op->input[k] = in->index[in->alias[from->input[k]]];
        inputs[k] = in->net->ops[op->input[k]].shape;
    }
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(op->kind, (Attribute)a) &&
            !attribute_value(in, from->attribute[a], &op->attribute[a]))
            return refuse(in, from->span, "an attribute is not a natural number");
    const char *why;
    if (op->kind == OP_INPUT)
        op->shape = in->space->input;
    else if (!operator_shape(op->kind, op->attribute, inputs, op->inputs, &op->shape, &why))
        return refuse(in, from->span, why);
    if (!op_formats(in, from, op))
        return false;
    in->index[i] = in->net->count++;
    return true;
}

bool space_instantiate(Arena *arena, const Space *space, const Gene *gene, Net *net, Span *span,
                       Str *why) {
    int count = space->ops.count;
    *net = (Net){.name = space->name, .ops = arena_array(arena, Op, count)};
    Instance in = {arena,
                   space,
                   gene,
                   net,
                   arena_array(arena, int, count),
                   arena_array(arena, bool, count),
                   arena_array(arena, int, count),
                   span,
                   why};
    if (!resolve_aliases(&in))
        return false;
    mark_needed(&in);
    for (int i = 0; i < count; i++)
        if (in.needed[i] && !instantiate_op(&in, i))
            return false;
    net->output = in.index[in.alias[space->output]];
    return true;
}

/* ---- costs ------------------------------------------------------------------------------- */

int op_fan_in(const Net *net, int i) {
    const Op *op = &net->ops[i];
    Shape in = net->ops[op->input[0]].shape;
    int window = op->attribute[ATTRIBUTE_KERNEL_H] * op->attribute[ATTRIBUTE_KERNEL_W];
    switch (op->kind) {
    case OP_CONV:
        return window * (shape_channels(in) / op->attribute[ATTRIBUTE_GROUPS]);
    case OP_DEPTHWISE:
        return window;
    case OP_DENSE:
        return (int)shape_elements(shape_step(in));
    case OP_MATMUL:
        return shape_channels(in);
    default:
        return 0;
    }
}

/* Each token of q with each of k, and that with v; whoever computes a causal one may do less. */
static int64_t attention_macs(const Net *net, const Op *op) {
    Shape q = net->ops[op->input[0]].shape, k = shape_step(net->ops[op->input[1]].shape);
    int64_t pairs = shape_pixels(q) * ((int64_t)k.dim[0] + op->attribute[ATTRIBUTE_CACHE]);
    return pairs * (k.dim[1] + shape_channels(op->shape));
}

int64_t op_macs(const Net *net, int i) {
    if (net->ops[i].kind == OP_ATTENTION)
        return attention_macs(net, &net->ops[i]);
    return shape_elements(net->ops[i].shape) * op_fan_in(net, i);
}

int64_t op_weights(const Net *net, int i) {
    const Op *op = &net->ops[i];
    if (op->kind == OP_POSITION)
        return shape_elements(shape_step(op->shape));
    if (op->kind == OP_EMBED)
        return (int64_t)shape_channels(op->shape) * op->attribute[ATTRIBUTE_VOCABULARY];
    if (operator_facts[op->kind].weights != WEIGHTED)
        return 0;
    return (int64_t)shape_channels(op->shape) * op_fan_in(net, i);
}

int64_t op_parameters(const Net *net, int i) {
    const Op *op = &net->ops[i];
    if (op->kind == OP_LAYER_NORM)
        return 2 * (int64_t)shape_channels(op->shape);
    bool biased = operator_absorbs_norm(op->kind);
    return op_weights(net, i) + (biased ? shape_channels(op->shape) : 0);
}

int64_t net_macs(const Net *net) {
    int64_t macs = 0;
    for (int i = 1; i < net->count; i++)
        macs += op_macs(net, i);
    return macs;
}

int64_t net_parameters(const Net *net) {
    int64_t parameters = 0;
    for (int i = 1; i < net->count; i++)
        parameters += op_parameters(net, i);
    return parameters;
}

/* ---- quantisers -------------------------------------------------------------------------- */

/* The only reader of an operator's result, or -1 (the caller of the network reads its
 * output). */
static int only_reader(const Net *net, int i) {
    int reader = -1, readers = i == net->output;
    for (int j = i + 1; j < net->count; j++)
        for (int k = 0; k < net->ops[j].inputs; k++)
            if (net->ops[j].input[k] == i) {
                reader = j;
                readers++;
            }
    return readers == 1 ? reader : -1;
}

int net_folded_norm(const Net *net, int i) {
    if (!operator_absorbs_norm(net->ops[i].kind))
        return -1;
    int reader = only_reader(net, i);
    return reader >= 0 && net->ops[reader].kind == OP_BATCH_NORM ? reader : -1;
}

int net_quantiser(const Net *net, int i) {
    if (operator_facts[net->ops[i].kind].output == INHERITS)
        return net_quantiser(net, net->ops[i].input[0]);
    int norm = net_folded_norm(net, i);
    int end = norm >= 0 ? norm : i;
    int reader = end == 0 ? -1 : only_reader(net, end);
    bool clamped =
        reader >= 0 && (net->ops[reader].kind == OP_RELU || net->ops[reader].kind == OP_RELU6);
    return clamped ? reader : end;
}

/* ---- the printed form -------------------------------------------------------------------- */

Net net_straightened(Arena *arena, const Net *net) {
    Net copy = *net;
    int ordinal[OP_COUNT] = {0};
    copy.ops = arena_copy(arena, net->ops, sizeof(Op) * (size_t)net->count);
    for (int i = 1; i < net->count; i++)
        copy.ops[i].path = str_format(arena, "%s[%d]", operator_facts[net->ops[i].kind].name,
                                      ordinal[net->ops[i].kind]++);
    return copy;
}

/* "conv[3]" as a name: "conv_3". */
static void name_print(Text *text, const Net *net, int i) {
    if (i == 0) {
        text_add(text, "image");
        return;
    }
    Str path = net->ops[i].path;
    for (int k = 0; k < path.length; k++)
        if (path.at[k] == '[')
            text_add(text, "_");
        else if (path.at[k] != ']')
            text_add(text, "%c", path.at[k]);
}

static void pair_print(Text *text, const char *name, int h, int w) {
    if (h == w)
        text_add(text, ", %s: %d", name, h);
    else
        text_add(text, ", %s: [%d, %d]", name, h, w);
}

/* One attribute, or two of one spelling, where they are not as they would be without. */
static void attribute_print(Text *text, const int *value, Attribute a) {
    const AttributeFacts *facts = &attribute_facts[a];
    bool pair = attribute_is_pair(a);
    if (a == ATTRIBUTE_CHANNELS)
        text_add(text, ", %d", *value);
    else if (*value == facts->initial && (!pair || value[1] == facts->initial))
        return;
    else if (pair)
        pair_print(text, facts->name, value[0], value[1]);
    else if (*facts->words)
        text_add(text, ", %s: %.*s", facts->name, STR_ARG(attribute_word(a, *value)));
    else if (attribute_is_thousandths(a))
        text_add(text, ", %s: %d.%03d", facts->name, *value / 1000, *value % 1000);
    else
        text_add(text, ", %s: %d", facts->name, *value);
}

static void attributes_print(Text *text, const Op *op) {
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        if (operator_has(op->kind, (Attribute)a)) {
            attribute_print(text, &op->attribute[a], (Attribute)a);
            a += attribute_is_pair((Attribute)a);
        }
}

static void op_print(Text *text, const Net *straight, const Net *net, int i) {
    const Op *op = &straight->ops[i];
    text_add(text, "    let ");
    name_print(text, straight, i);
    text_add(text, " = %s(", operator_facts[op->kind].name);
    for (int k = 0; k < op->inputs; k++) {
        text_add(text, "%s", k ? ", " : "");
        name_print(text, straight, op->input[k]);
    }
    attributes_print(text, op);
    text_add(text, ")");
    if (!str_equal(op->path, net->ops[i].path))
        text_add(text, " // %.*s", STR_ARG(net->ops[i].path));
    text_add(text, "\n");
}

/* Its formats are those of the operator that absorbs it. */
static bool is_folded_norm(const Net *net, int i) {
    return net->ops[i].kind == OP_BATCH_NORM && net_folded_norm(net, net->ops[i].input[0]) == i;
}

void net_print(const Net *net, Text *text) {
    Net straight = net_straightened(text->arena, net);
    Shape in = net->ops[0].shape, out = net->ops[net->output].shape;
    text_add(text, "network %.*s(image: %.*s) -> %.*s {\n", STR_ARG(net->name),
             STR_ARG(shape_print(text->arena, in)), STR_ARG(shape_print(text->arena, out)));
    for (int i = 1; i < net->count; i++)
        op_print(text, &straight, net, i);
    text_add(text, "    return ");
    name_print(text, &straight, net->output);
    text_add(text, "\n}\n\nprecision of %.*s {\n", STR_ARG(net->name));
    for (int i = 1; i < net->count; i++) {
        const Op *op = &straight.ops[i];
        if (operator_facts[op->kind].output == INHERITS || is_folded_norm(net, i))
            continue;
        text_add(text, "    %.*s: ", STR_ARG(op->path));
        if (operator_facts[op->kind].weights == WEIGHTED)
            text_add(text, "weights = %s, ", format_name(op->weights));
        if (operator_facts[op->kind].output == SPIKES)
            text_add(text, "membrane = %s\n", format_name(op->membrane));
        else
            text_add(text, "activations = %s\n", format_name(op->output));
    }
    text_add(text, "}\n");
}

/* ---- checking ---------------------------------------------------------------------------- */

static const char *op_fault(const Net *net, int i) {
    const Op *op = &net->ops[i];
    Shape inputs[MAX_INPUTS], shape;
    const char *why;
    if (op->kind <= OP_INPUT || op->kind >= OP_COUNT)
        return "an operator of unknown kind";
    if (!operator_takes(op->kind, op->inputs))
        return "an operator with the wrong number of inputs";
    for (int k = 0; k < op->inputs; k++) {
        if (op->input[k] < 0 || op->input[k] >= i)
            return "an operator reads one that does not come before it";
        inputs[k] = net->ops[op->input[k]].shape;
    }
    if (!operator_shape(op->kind, op->attribute, inputs, op->inputs, &shape, &why))
        return why;
    if (!shape_equal(shape, op->shape))
        return "an operator whose shape is not what its rule says";
    if (operator_facts[op->kind].output == INHERITS &&
        op->output != net->ops[op->input[0]].output)
        return "an operator that does not inherit its input's format";
    return NULL;
}

const char *net_check(const Net *net) {
    if (net->count < 1 || net->ops[0].kind != OP_INPUT)
        return "a network whose first operator is not the input";
    if (net->output < 0 || net->output >= net->count)
        return "a network whose output is no operator";
    for (int i = 1; i < net->count; i++) {
        const char *fault = op_fault(net, i);
        if (fault)
            return fault;
    }
    return NULL;
}

Key net_key(const Net *net) {
    Arena *arena = arena_new();
    Text text = text_new(arena);
    for (int i = 0; i < net->count; i++) {
        const Op *op = &net->ops[i];
        text_add(&text, "%d w%d o%d", op->kind, op->weights, op->output);
        if (operator_facts[op->kind].output == SPIKES)
            text_add(&text, " m%d", op->membrane);
        for (int k = 0; k < op->inputs; k++)
            text_add(&text, " <%d", op->input[k]);
        for (int a = 0; a < ATTRIBUTE_COUNT; a++) /* those after SAME came later than keys */
            if (a <= ATTRIBUTE_SAME || operator_has(op->kind, (Attribute)a))
                text_add(&text, " %d", op->attribute[a]);
        text_add_str(&text, shape_print(arena, op->shape));
    }
    text_add(&text, " -> %d", net->output);
    Key key = key_of(text.at, (size_t)text.length);
    arena_free(arena);
    return key;
}
