/* Recipes as networks and as text.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/random_model.h"

#include <stdlib.h>
#include <string.h>

/* ---- networks ---------------------------------------------------------------------------- */

bool recipe_append(Arena *arena, const Draw *draw, Net *net) {
    Op op = {.kind = (OpKind)draw->kind,
             .inputs = draw->inputs,
             .weights = (Format)draw->weights,
             .output = (Format)draw->output,
             .site = -1};
    Shape in[MAX_INPUTS];
    const char *why;
    for (int k = 0; k < draw->inputs; k++) {
        op.input[k] = draw->input[k];
        in[k] = net->ops[draw->input[k]].shape;
    }
    for (int a = 0; a < ATTRIBUTE_COUNT; a++)
        op.attribute[a] = operator_has(op.kind, (Attribute)a) ? draw->attribute[a] : 0;
    if (!operator_shape(op.kind, op.attribute, in, op.inputs, &op.shape, &why))
        return false;
    if (operator_facts[op.kind].output == INHERITS)
        op.output = net->ops[op.input[0]].output;
    op.path = str_format(arena, "%s_%d", operator_facts[op.kind].name, net->count);
    net->ops[net->count] = op;
    net->output = net->count++;
    return true;
}

/* A batch norm that folds has the format of what absorbs it; what inherits follows. */
static void formats_settle(Net *net) {
    for (int i = 1; i < net->count; i++) {
        Op *op = &net->ops[i];
        bool folds = op->kind == OP_BATCH_NORM && net_folded_norm(net, op->input[0]) == i;
        if (folds || operator_facts[op->kind].output == INHERITS)
            op->output = net->ops[op->input[0]].output;
    }
}

bool recipe_net(Arena *arena, const Recipe *recipe, Net *net, Str *why) {
    *net = (Net){.name = str_format(arena, "m%llu", (unsigned long long)recipe->seed),
                 .ops = arena_array(arena, Op, recipe->count)};
    net->ops[0] = (Op){.kind = OP_INPUT,
                       .path = STR("input"),
                       .shape = recipe->input,
                       .output = (Format)recipe->op[0].output,
                       .site = -1};
    net->count = 1;
    for (int i = 1; i < recipe->count; i++)
        if (!recipe_append(arena, &recipe->op[i], net)) {
            *why = str_format(arena, "operator %d has no shape", i);
            return false;
        }
    net->output = recipe->output;
    formats_settle(net);
    const char *fault = net_check(net);
    *why = fault ? str_of(fault) : (Str){0};
    return !fault;
}

void recipe_prune(Recipe *recipe) {
    bool needed[RECIPE_OPS] = {true};
    int number[RECIPE_OPS], count = 0;
    needed[recipe->output] = true;
    for (int i = recipe->count - 1; i > 0; i--)
        for (int k = 0; needed[i] && k < recipe->op[i].inputs; k++)
            needed[recipe->op[i].input[k]] = true;
    for (int i = 0; i < recipe->count; i++) {
        if (!needed[i])
            continue;
        Draw op = recipe->op[i];
        for (int k = 0; k < op.inputs; k++)
            op.input[k] = number[op.input[k]];
        recipe->op[count] = op;
        number[i] = count++;
    }
    recipe->output = number[recipe->output];
    recipe->count = count;
}

/* ---- text -------------------------------------------------------------------------------- */

/* The numbers of a Draw that are written by name; attributes and inputs have arrays. */
typedef struct Field {
    const char *name;
    size_t offset;
} Field;
static const Field fields[] = {
    {"w", offsetof(Draw, weights)},     {"o", offsetof(Draw, output)},
    {"zero", offsetof(Draw, zero)},     {"stream", offsetof(Draw, stream)},
    {"codes", offsetof(Draw, codes)},   {"bias", offsetof(Draw, bias)},
    {"steps", offsetof(Draw, steps)},   {"norm", offsetof(Draw, norm)},
    {"spread", offsetof(Draw, spread)},
};

static int *field_of(Draw *draw, const Field *field) {
    return (int *)((char *)draw + field->offset);
}

void recipe_print(const Recipe *recipe, Text *text) {
    text_add(text, "// recipe seed=%llu output=%d rank=%d", (unsigned long long)recipe->seed,
             recipe->output, recipe->input.rank);
    for (int d = 0; d < recipe->input.rank; d++)
        text_add(text, " d%d=%d", d, recipe->input.dim[d]);
    text_add(text, "\n");
    for (int i = 0; i < recipe->count; i++) {
        Draw draw = recipe->op[i];
        text_add(text, "// op %s", operator_facts[draw.kind].name);
        for (int k = 0; k < draw.inputs; k++)
            text_add(text, " in=%d", draw.input[k]);
        for (int a = 0; a < ATTRIBUTE_COUNT; a++)
            if (operator_has((OpKind)draw.kind, (Attribute)a))
                text_add(text, " a%d=%d", a, draw.attribute[a]);
        for (int f = 0; f < COUNT(fields); f++)
            text_add(text, " %s=%d", fields[f].name, *field_of(&draw, &fields[f]));
        text_add(text, "\n");
    }
    text_add(text, "// end\n");
}

/* The next line; false at the end of the text. */
static bool line_take(Str *text, Str *line) {
    if (text->length == 0)
        return false;
    const char *end = memchr(text->at, '\n', (size_t)text->length);
    int length = end ? (int)(end - text->at) : text->length;
    int taken = length + (end != NULL);
    *line = (Str){text->at, length};
    *text = (Str){text->at + taken, text->length - taken};
    return true;
}

/* The next "name=value" of a line. */
static bool pair_take(Str *line, Str *name, long long *value) {
    while (line->length > 0 && line->at[0] == ' ')
        line->at++, line->length--;
    const char *equals = memchr(line->at, '=', (size_t)line->length);
    if (!equals)
        return false;
    char *end;
    *name = (Str){line->at, (int)(equals - line->at)};
    *value = strtoll(equals + 1, &end, 10);
    line->length -= (int)(end - line->at);
    line->at = end;
    return true;
}

static bool draw_set(Draw *draw, Str name, int value) {
    for (int f = 0; f < COUNT(fields); f++)
        if (str_equal(name, str_of(fields[f].name))) {
            *field_of(draw, &fields[f]) = value;
            return true;
        }
    if (str_equal(name, STR("in")) && draw->inputs < MAX_INPUTS) {
        draw->input[draw->inputs++] = value;
        return true;
    }
    int a = name.length > 1 && name.at[0] == 'a' ? atoi(name.at + 1) : -1;
    if (a < 0 || a >= ATTRIBUTE_COUNT)
        return false;
    draw->attribute[a] = value;
    return true;
}

static bool op_parse(Str line, Recipe *recipe) {
    Str name;
    long long value;
    OpKind kind = OP_INPUT;
    const char *space = memchr(line.at, ' ', (size_t)line.length);
    int length = space ? (int)(space - line.at) : line.length;
    Str spelling = {line.at, length};
    bool first = recipe->count == 0 && str_equal(spelling, STR("input"));
    if (recipe->count == RECIPE_OPS || (!first && !operator_of(spelling, &kind)))
        return false;
    Draw *draw = &recipe->op[recipe->count];
    *draw = (Draw){.kind = (int)kind};
    line = (Str){line.at + length, line.length - length};
    while (pair_take(&line, &name, &value))
        if (!draw_set(draw, name, (int)value))
            return false;
    for (int k = 0; k < draw->inputs; k++)
        if (draw->input[k] < 0 || draw->input[k] >= recipe->count)
            return false;
    recipe->count++;
    return true;
}

static bool head_parse(Str line, Recipe *recipe) {
    Str name;
    long long value;
    *recipe = (Recipe){0};
    while (pair_take(&line, &name, &value)) {
        int d = name.length == 2 && name.at[0] == 'd' ? name.at[1] - '0' : -1;
        if (str_equal(name, STR("seed")))
            recipe->seed = (uint64_t)value;
        else if (str_equal(name, STR("output")))
            recipe->output = (int)value;
        else if (str_equal(name, STR("rank")))
            recipe->input.rank = (int)value;
        else if (d >= 0 && d < MAX_RANK)
            recipe->input.dim[d] = (int)value;
    }
    return recipe->input.rank >= 1 && recipe->input.rank <= MAX_RANK;
}

bool recipe_parse(Str text, Recipe *recipe) {
    const Str head = STR("// recipe "), op = STR("// op "), end = STR("// end");
    bool begun = false;
    for (Str line; line_take(&text, &line);) {
        if (!begun && str_starts(line, head))
            begun = head_parse((Str){line.at + head.length, line.length - head.length}, recipe);
        else if (begun && str_starts(line, end))
            return recipe->output >= 0 && recipe->output < recipe->count;
        else if (begun && str_starts(line, op) &&
                 !op_parse((Str){line.at + op.length, line.length - op.length}, recipe))
            return false;
    }
    return false;
}
