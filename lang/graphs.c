/* graphs.c: calls of primitive operators become operators of the Space, with symbolic
 * attributes.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* Limits of the shape rules in net/operators.c. */
enum { MAX_OPS = 100000, MAX_EXTENT = 1 << 16, MAX_WINDOW = 255 };
enum { MAX_SLOTS = MAX_INPUTS + ATTRIBUTE_COUNT };

/* ---- making operators -------------------------------------------------------------------- */

static int op_add(Elab *elab, SpaceOp op) {
    if (elab->space->ops.count >= MAX_OPS) {
        elab_error(elab, op.span, "a network may have at most %d operators", MAX_OPS);
        elab->exhausted = true;
        return -1;
    }
    op.active = elab->guard;
    op.site = -1;
    vec_push(elab->arena, &elab->space->ops, op);
    return elab->space->ops.count - 1;
}

int input_make(Elab *elab, Shape shape, Span span) {
    SpaceOp op = {.kind = OP_INPUT,
                  .path = STR("input"),
                  .rank = shape.rank,
                  .time = shape.time,
                  .span = span};
    for (int d = 0; d < shape.rank; d++)
        op.shape[d] = fold_integer(&elab->folder, shape.dim[d]);
    op.output = fold_integer(&elab->folder, FORMAT_U8);
    return op_add(elab, op);
}

ExprId fold2(Elab *elab, ExprKind kind, ExprId a, ExprId b) {
    return a && b ? fold(&elab->folder, kind, a, b, EXPR_NONE) : EXPR_NONE;
}

/* ---- select ------------------------------------------------------------------------------ */

/* The extent in one axis: the one that all alternatives share, or a choice between theirs. */
static ExprId select_extent(Elab *elab, ExprId which, const Value *alternatives, int count,
                            int d) {
    const SpaceOp *ops = elab->space->ops.at;
    ExprId extent = ops[alternatives[count - 1].op].shape[d];
    for (int i = count - 2; i >= 0 && extent; i--) {
        ExprId taken = fold2(elab, EXPR_EQUAL, which, fold_integer(&elab->folder, i));
        extent = fold(&elab->folder, EXPR_IF, taken, ops[alternatives[i].op].shape[d], extent);
    }
    return extent;
}

/* More than one operator reads: the last input is one of the rest. */
static int select_many(Elab *elab, ExprId which, const Value *alternatives, int count,
                       Span span) {
    enum { HEAD = MAX_INPUTS - 1 };
    Value head[MAX_INPUTS];
    ExprId past = fold_integer(&elab->folder, HEAD), guard = elab->guard;
    memcpy(head, alternatives, sizeof *head * HEAD);
    elab->guard = fold_and(&elab->folder, guard, fold2(elab, EXPR_LESS_EQUAL, past, which));
    head[HEAD].op = select_make(elab, fold2(elab, EXPR_SUB, which, past), alternatives + HEAD,
                                count - HEAD, span);
    elab->guard = guard;
    return head[HEAD].op < 0
               ? -1
               : select_make(elab, fold2(elab, EXPR_MIN, which, past), head, MAX_INPUTS, span);
}

/* `which` is the number of the alternative passed on. */
int select_make(Elab *elab, ExprId which, const Value *alternatives, int count, Span span) {
    const SpaceOp *first = &elab->space->ops.at[alternatives[0].op];
    SpaceOp op = {.kind = OP_SELECT,
                  .inputs = count,
                  .select = which,
                  .rank = first->rank,
                  .time = first->time,
                  .span = span};
    if (count > MAX_INPUTS)
        return select_many(elab, which, alternatives, count, span);
    for (int i = 0; i < count; i++) {
        op.input[i] = alternatives[i].op;
        const SpaceOp *input = &elab->space->ops.at[op.input[i]];
        if (input->rank != op.rank || input->time != op.time) {
            elab_error(elab, span,
                       "one decision leads to a tensor of shape %.*s, another to %.*s",
                       STR_ARG(shape_describe(elab, op.input[0])),
                       STR_ARG(shape_describe(elab, op.input[i])));
            return -1;
        }
    }
    for (int d = 0; d < op.rank; d++)
        if (!(op.shape[d] = select_extent(elab, which, alternatives, count, d))) {
            elab_error(elab, span, "%s", elab->folder.why);
            return -1;
        }
    op.path = call_path(elab, STR("select"));
    return op_add(elab, op);
}

/* ---- arguments --------------------------------------------------------------------------- */

/* The parameters of an operator: its inputs, then its attributes by spelling. */
typedef struct Signature {
    Str names[MAX_SLOTS];
    Attribute attribute[MAX_SLOTS]; /* the first of that spelling */
    int inputs, positional, count;
} Signature;

/* As many inputs as stand before the names, where there may be several. */
static int inputs_of(OpKind kind, const Node *call) {
    int given = 0;
    if (operator_facts[kind].inputs != SEVERAL)
        return operator_facts[kind].inputs;
    for (int i = 0; i < call->args.count; i++)
        given += !call->args.at[i].name.length;
    return given < 2 ? 2 : given > MAX_INPUTS ? MAX_INPUTS : given;
}

static Signature signature_of(OpKind kind, const Node *call) {
    static const char *const input_names[][MAX_INPUTS] = {
        {"x", "y", "x3", "x4", "x5", "x6", "x7", "x8"}, {"q", "k", "v"}};
    Signature s = {.inputs = inputs_of(kind, call)};
    for (; s.count < s.inputs; s.count++)
        s.names[s.count] = str_of(input_names[kind == OP_ATTENTION][s.count]);
    for (int a = 0; a < ATTRIBUTE_COUNT; a++) {
        Str name = str_of(attribute_facts[a].name);
        if (!operator_has(kind, (Attribute)a) ||
            (s.count > s.inputs && str_equal(s.names[s.count - 1], name)))
            continue;
        s.attribute[s.count] = (Attribute)a;
        s.names[s.count++] = name;
    }
    s.positional =
        s.inputs + operator_has(kind, ATTRIBUTE_CHANNELS) + operator_has(kind, ATTRIBUTE_AXIS);
    if (kind == OP_RESHAPE) { /* tokens lie where a width does, without a height */
        s.attribute[s.count] = ATTRIBUTE_WIDTH;
        s.names[s.count++] = STR("tokens");
    }
    return s;
}

typedef enum { INPUTS_RIGHT, INPUTS_WRONG, INPUTS_UNKNOWN } Inputs;

static void report_inputs(Elab *elab, const Node *call, OpKind kind) {
    const OperatorFacts *facts = &operator_facts[kind];
    bool several = facts->inputs == SEVERAL, three = facts->inputs == 3;
    elab_error(elab, call->span, "`%s` needs %s tensors: `%s(%s)`", facts->name,
               several ? "two or more"
               : three ? "three"
                       : "two",
               facts->name,
               several ? "x, y, ..."
               : three ? "q, k, v"
                       : "x, y");
}

/* Unknown: a mistake before this call was reported, and the rest of the call can still be
 * read. */
static Inputs evaluate_inputs(Elab *elab, const Node *call, const Argument **slots,
                              SpaceOp *op) {
    Inputs inputs = INPUTS_RIGHT;
    for (int i = 0; i < op->inputs; i++) {
        if (!slots[i] && i > 0) {
            report_inputs(elab, call, op->kind);
            return INPUTS_WRONG;
        }
        if (!slots[i]) {
            elab_error(elab, call->span, "`%s` needs a tensor: `x |> %s(...)` or `%s(x, ...)`",
                       operator_facts[op->kind].name, operator_facts[op->kind].name,
                       operator_facts[op->kind].name);
            return INPUTS_WRONG;
        }
        Value x = evaluate(elab, slots[i]->value);
        if (x.kind == A_MISTAKE) {
            inputs = INPUTS_UNKNOWN;
        } else if (x.kind != A_GRAPH) {
            elab_error(elab, x.span, "the input of `%s` must be a tensor, and this is %.*s",
                       operator_facts[op->kind].name, STR_ARG(value_describe(elab, x)));
            return INPUTS_WRONG;
        }
        op->input[i] = x.op;
    }
    return inputs;
}

static ExprId whole_within(Elab *elab, ExprId id, int least, int limit) {
    Folder *folder = &elab->folder;
    ExprId whole =
        fold2(elab, EXPR_EQUAL, fold(folder, EXPR_FLOOR, id, EXPR_NONE, EXPR_NONE), id);
    ExprId low = fold2(elab, EXPR_LESS_EQUAL, fold_integer(folder, least), id);
    ExprId high = fold2(elab, EXPR_LESS_EQUAL, id, fold_integer(folder, limit));
    return fold_and(folder, whole, fold_and(folder, low, high));
}

/* A natural number, in every member. */
static ExprId natural(Elab *elab, Value value, Str name, int least, int limit) {
    const char *what = str_format(elab->arena, "`%.*s`", STR_ARG(name)).at;
    ExprId id = number_of(elab, value, what);
    if (id)
        check_add(elab, whole_within(elab, id, least, limit), value.span, id, EXPR_NONE,
                  "`%.*s` must be a whole number from %d to %d, but is $a", STR_ARG(name),
                  least, limit);
    return id;
}

static bool set_truth(Elab *elab, Value value, Attribute attribute, SpaceOp *op) {
    const char *what = str_format(elab->arena, "`%s`", attribute_facts[attribute].name).at;
    op->attribute[attribute] = truth_of(elab, value, what);
    return op->attribute[attribute] != EXPR_NONE;
}

/* A number of at most three decimals is held in thousandths. */
static bool set_thousandths(Elab *elab, Value value, Attribute attribute, SpaceOp *op) {
    const char *name = attribute_facts[attribute].name;
    int most = attribute == ATTRIBUTE_DECAY ? 1 : 1000;
    ExprId id = number_of(elab, value, str_format(elab->arena, "`%s`", name).at);
    ExprId scaled = fold2(elab, EXPR_MUL, id, fold_integer(&elab->folder, 1000));
    if (!scaled)
        return false;
    check_add(elab, whole_within(elab, scaled, attribute_facts[attribute].least, 1000 * most),
              value.span, id, EXPR_NONE,
              "`%s` must be a number of at most three decimals, %s 0 and at most %d, but is $a",
              name, attribute_facts[attribute].least ? "above" : "at least", most);
    op->attribute[attribute] = scaled;
    return true;
}

/* `kernel: 3` sets both axes, `kernel: [5, 3]` height and width. */
static bool set_attribute(Elab *elab, Value value, Attribute attribute, SpaceOp *op) {
    Str name = str_of(attribute_facts[attribute].name);
    if (value.kind == A_MISTAKE)
        return false;
    if (attribute_is_truth(attribute))
        return set_truth(elab, value, attribute, op);
    if (attribute_is_thousandths(attribute))
        return set_thousandths(elab, value, attribute, op);
    if (*attribute_facts[attribute].words) {
        op->attribute[attribute] = word_number(elab, value);
        return op->attribute[attribute] != EXPR_NONE;
    }
    bool pair = attribute_is_pair(attribute);
    int least = attribute_facts[attribute].least, limit = pair ? MAX_WINDOW : MAX_EXTENT;
    if (!pair || value.kind != A_LIST) {
        ExprId id = natural(elab, value, name, least, limit);
        op->attribute[attribute] = id;
        if (pair)
            op->attribute[attribute + 1] = id;
        return id != EXPR_NONE;
    }
    if (value.count != 2) {
        elab_error(elab, value.span, "`%.*s` is one number, or a list [height, width]",
                   STR_ARG(name));
        return false;
    }
    op->attribute[attribute] = natural(elab, value.items[0], name, least, limit);
    op->attribute[attribute + 1] = natural(elab, value.items[1], name, least, limit);
    return op->attribute[attribute] && op->attribute[attribute + 1];
}

/* The words that the attribute takes, if it does not take numbers or truths. */
static Words attribute_words(Elab *elab, Attribute attribute) {
    enum { MAX_WORDS = 8 };
    Words words = {.of = str_of(attribute_facts[attribute].name)};
    if (attribute_is_truth(attribute))
        return words;
    words.at = arena_array(elab->arena, Str, MAX_WORDS);
    Str word;
    while (words.count < MAX_WORDS && (word = attribute_word(attribute, words.count)).length)
        words.at[words.count++] = word;
    return words;
}

static Value attribute_value(Elab *elab, const Node *node, Attribute attribute, Str hint) {
    Words words = attribute_words(elab, attribute);
    if (!words.count)
        return evaluate_as(elab, node, hint);
    return evaluate_word(elab, node, arena_copy(elab->arena, &words, sizeof words), hint);
}

static bool evaluate_attributes(Elab *elab, const Node *call, const Signature *s,
                                const Argument **slots, SpaceOp *op) {
    bool right = true;
    for (int i = s->inputs; i < s->count; i++) {
        Str hint =
            str_format(elab->arena, "%.*s.%.*s", STR_ARG(op->path), STR_ARG(s->names[i]));
        int initial = attribute_facts[s->attribute[i]].initial;
        bool repeated = op->attribute[s->attribute[i]] != EXPR_NONE;
        if (repeated && !slots[i])
            continue;
        if (slots[i]) {
            Value value = attribute_value(elab, slots[i]->value, s->attribute[i], hint);
            right &= set_attribute(elab, value, s->attribute[i], op);
        } else if (initial == NEEDED) {
            elab_error(elab, call->span, "`%s` needs `%.*s`", operator_facts[op->kind].name,
                       STR_ARG(s->names[i]));
            right = false;
        } else {
            op->attribute[s->attribute[i]] = fold_integer(&elab->folder, initial);
            if (attribute_is_pair(s->attribute[i]))
                op->attribute[s->attribute[i] + 1] = op->attribute[s->attribute[i]];
        }
    }
    return right;
}

/* ---- tokens ------------------------------------------------------------------------------ */

/* The operator with its shape, in the graph; -1: there is none (reported). */
static int op_place(Elab *elab, SpaceOp op) {
    return set_shape(elab, &op) ? op_add(elab, op) : -1;
}

/* x as [height, width, channels], or with height 0 as [width, channels]. */
static int reshape_make(Elab *elab, int x, const ExprId *extents, int rank, Str path,
                        Span span) {
    SpaceOp op = {.kind = OP_RESHAPE, .path = path, .inputs = 1, .input = {x}, .span = span};
    ExprId none = fold_integer(&elab->folder, 0);
    op.attribute[ATTRIBUTE_CHANNELS] = extents[rank - 1];
    op.attribute[ATTRIBUTE_WIDTH] = rank > 1 ? extents[rank - 2] : none;
    op.attribute[ATTRIBUTE_HEIGHT] = rank > 2 ? extents[rank - 3] : none;
    return op_place(elab, op);
}

static Str path_below(Elab *elab, Str path, const char *part) {
    return str_format(elab->arena, "%.*s.%s", STR_ARG(path), part);
}

/* Dense on tokens is the same for each: a convolution of kernel 1 over a row of them. */
static int dense_on_tokens(Elab *elab, SpaceOp op) {
    const SpaceOp *in = &elab->space->ops.at[op.input[0]];
    ExprId one = fold_integer(&elab->folder, 1), tokens = in->shape[in->rank - 2];
    ExprId row[3] = {one, tokens, in->shape[in->rank - 1]};
    int x = reshape_make(elab, op.input[0], row, 3, path_below(elab, op.path, "reshape[0]"),
                         op.span);
    if (x < 0)
        return -1;
    op.kind = OP_CONV;
    op.input[0] = x;
    for (Attribute a = ATTRIBUTE_KERNEL_H; a <= ATTRIBUTE_SAME; a++)
        op.attribute[a] = one;
    int y = op_place(elab, op);
    ExprId flat[2] = {tokens, op.attribute[ATTRIBUTE_CHANNELS]};
    return y < 0 ? -1
                 : reshape_make(elab, y, flat, 2, path_below(elab, op.path, "reshape[1]"),
                                op.span);
}

/* Whether it reads what dense_on_tokens gives, or the like: a row of pixels, now tokens. */
static bool reads_row(const Elab *elab, const SpaceOp *op) {
    const SpaceOp *in = &elab->space->ops.at[op->input[0]];
    if (in->kind != OP_RESHAPE || in->rank - in->time != 2)
        return false;
    const SpaceOp *row = &elab->space->ops.at[in->input[0]];
    return row->kind == OP_CONV && row->shape[row->rank - 1] == in->shape[in->rank - 1];
}

/* A batch norm stands directly after the convolution that it folds into. */
static int norm_on_tokens(Elab *elab, SpaceOp op) {
    const SpaceOp in = elab->space->ops.at[op.input[0]];
    op.input[0] = in.input[0];
    int y = op_place(elab, op);
    return y < 0 ? -1
                 : reshape_make(elab, y, in.shape + in.time, 2,
                                path_below(elab, op.path, "reshape[0]"), op.span);
}

static int op_make(Elab *elab, SpaceOp op) {
    const SpaceOp *in = &elab->space->ops.at[op.input[0]];
    if (op.kind == OP_DENSE && in->rank - in->time == 2)
        return dense_on_tokens(elab, op);
    if (op.kind == OP_BATCH_NORM && reads_row(elab, &op))
        return norm_on_tokens(elab, op);
    return op_place(elab, op);
}

/* ---- calls ------------------------------------------------------------------------------- */

Value operator_call(Elab *elab, const Node *call, OpKind kind) {
    Signature s = signature_of(kind, call);
    const Argument *slots[MAX_SLOTS] = {NULL};
    Str name = str_of(operator_facts[kind].name);
    SpaceOp op = {.kind = kind, .inputs = s.inputs, .span = call->span};
    if (!arguments_match(elab, call, name, s.names, s.count, s.positional, slots) ||
        elab->exhausted)
        return value_mistake(call->span);
    Inputs inputs = evaluate_inputs(elab, call, slots, &op);
    if (inputs == INPUTS_WRONG)
        return value_mistake(call->span);
    op.path = call_path(elab, name);
    bool right = evaluate_attributes(elab, call, &s, slots, &op);
    int number = right && inputs == INPUTS_RIGHT ? op_make(elab, op) : -1;
    return number < 0 ? value_mistake(call->span)
                      : (Value){.kind = A_GRAPH, .op = number, .span = call->span};
}

/* The channels from..from + channels - 1 of x. */
int slice_make(Elab *elab, int x, ExprId from, ExprId channels, Span span) {
    SpaceOp op = {.kind = OP_SLICE, .inputs = 1, .input = {x}, .span = span};
    op.path = call_path(elab, str_of(operator_facts[OP_SLICE].name));
    op.attribute[ATTRIBUTE_FROM] = from;
    op.attribute[ATTRIBUTE_CHANNELS] = channels;
    return op_place(elab, op);
}

/* ---- sites ------------------------------------------------------------------------------- */

static int largest(Elab *elab, const SpaceOp *op, ExprId id) {
    return (int)rational_floor(expr_largest(elab, op->active, id));
}

static int site_inputs(Elab *elab, const SpaceOp *op) {
    const SpaceOp *in = &elab->space->ops.at[op->input[0]];
    if (op->kind == OP_EMBED)
        return largest(elab, op, op->attribute[ATTRIBUTE_VOCABULARY]);
    ExprId inputs = in->shape[in->rank - 1];
    if (op->kind == OP_CONV)
        inputs = fold2(elab, EXPR_DIV, inputs, op->attribute[ATTRIBUTE_GROUPS]);
    if (op->kind == OP_POSITION)
        inputs = fold_integer(&elab->folder, 1);
    if (op->kind != OP_CONV && op->kind != OP_DENSE && op->kind != OP_POSITION)
        return 1;
    for (int d = in->time; op->kind != OP_CONV && d + 1 < in->rank; d++)
        inputs = fold2(elab, EXPR_MUL, inputs, in->shape[d]);
    return largest(elab, op, inputs);
}

/* Every operator with weights or a norm owns a site of its own: its path is unique. */
void sites_make(Elab *elab) {
    for (int i = 0; i < elab->space->ops.count; i++) {
        SpaceOp *op = &elab->space->ops.at[i];
        if (op->kind == OP_SELECT || operator_facts[op->kind].weights == NONE)
            continue;
        Site site = {.path = op->path, .kind = op->kind, .kernel_h = 1, .kernel_w = 1};
        if (operator_has(op->kind, ATTRIBUTE_KERNEL_H)) {
            site.kernel_h = largest(elab, op, op->attribute[ATTRIBUTE_KERNEL_H]);
            site.kernel_w = largest(elab, op, op->attribute[ATTRIBUTE_KERNEL_W]);
        }
        site.in = site_inputs(elab, op);
        site.out = largest(elab, op, op->shape[op->rank - 1]);
        op->site = elab->space->sites.count;
        vec_push(elab->arena, &elab->space->sites, site);
    }
}
