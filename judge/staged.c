/* staged.c: integer execution in stages. What leaves the first layers of a model is kept under the
 * content of those layers, so that models that begin alike run them once for all.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <string.h>

/* A stage ends where it saves so many products for each byte that is kept, and besides products
 * a value costs as much as so many. */
enum { LEAST_WORK = 16, WORK_OF_VALUE = 8, MOST_CUTS = 24 };

/* Where a model is cut: after this layer. */
typedef struct Cut {
    int layer;
    Key key; /* of everything up to it */
} Cut;

typedef struct Cuts {
    Cut at[MOST_CUTS];
    int count;
} Cuts;

/* Images in kept memory begin at whole cache lines. */
static int64_t image_stride(const Tensor *tensor) {
    return (shape_elements(tensor->shape) + 63) / 64 * 64;
}

static Key array_join(Key key, const void *at, int64_t bytes) {
    return at ? key_join(key, key_of(at, (size_t)bytes)) : key;
}

static Key layer_key(const Model *model, const Layer *layer) {
    const Tensor *out = &layer->out;
    int facts[] = {(int)layer->kind, layer->inputs,       (int)out->format,       out->zero,
                   layer->row,       layer->out_channels, layer->shift,           layer->low,
                   layer->high,      out->shape.rank,     layer->accumulator_bits};
    int64_t outputs = layer->out_channels;
    Key key = key_join(key_of(facts, sizeof facts), key_of(&layer->epsilon, sizeof(int64_t)));
    key = array_join(key, out->shape.dim, (int64_t)sizeof(int) * out->shape.rank);
    key = array_join(key, layer->input, (int64_t)sizeof(int) * layer->inputs);
    key = array_join(key, layer->attribute, sizeof layer->attribute);
    key = array_join(key, layer->weight, (int64_t)sizeof(int16_t) * outputs * layer->row);
    key = array_join(key, layer->bias, (int64_t)sizeof(int64_t) * outputs);
    key = array_join(key, layer->multiplier,
                     (int64_t)sizeof(int32_t) * layer_multipliers(model, layer));
    return array_join(key, layer->table, (int64_t)sizeof(int32_t) * layer_table(model, layer));
}

static double layer_work(const Layer *layer) {
    return (double)shape_elements(layer->out.shape) * (layer->row + WORK_OF_VALUE);
}

/* Whether nothing before layer i is read after it, and no clamp that belongs to it follows. */
static bool is_end(const Model *model, int i) {
    OpKind next = model->layers[i + 1].kind;
    for (int j = i + 1; j < model->count; j++)
        for (int k = 0; k < model->layers[j].inputs; k++)
            if (model->layers[j].input[k] < i)
                return false;
    return next != OP_RELU && next != OP_RELU6;
}

static bool is_neck(const Model *model, int i) {
    return format_bits(model->layers[i].out.format) == 8 &&
           shape_elements(model->layers[i].out.shape) <=
               shape_elements(model->layers[i + 1].out.shape) &&
           is_end(model, i);
}

static void cuts_find(const Model *model, const Memo *memo, Key key, int images, Cuts *cuts) {
    double work = 0;
    cuts->count = 0;
    key = key_join(key, layer_key(model, &model->layers[0]));
    for (int i = 1; memo && i < model->output && cuts->count < MOST_CUTS; i++) {
        const Tensor *out = &model->layers[i].out;
        int64_t bytes = image_stride(out);
        key = key_join(key, layer_key(model, &model->layers[i]));
        work += layer_work(&model->layers[i]);
        if (!is_neck(model, i) || work < LEAST_WORK * (double)bytes ||
            !memo_takes(memo, (size_t)(bytes * images)))
            continue;
        cuts->at[cuts->count++] = (Cut){i, key};
        work = 0;
    }
}

/* The layers after `first`, which becomes the input, up to `last`. */
static Model stage_model(Arena *arena, const Model *model, int first, int last) {
    Model stage = {model->name, NULL, last - first + 1, last - first};
    stage.layers =
        arena_copy(arena, model->layers + first, sizeof(Layer) * (size_t)stage.count);
    if (first > 0)
        stage.layers[0] = (Layer){.kind = OP_INPUT, .out = model->layers[first].out, .op = 0};
    for (int i = 1; i < stage.count; i++)
        for (int k = 0; k < stage.layers[i].inputs; k++)
            stage.layers[i].input[k] -= first;
    return stage;
}

static Key images_key(const Dataset *data, int images) {
    int64_t facts[] = {(int64_t)(uintptr_t)data->image, data->count, images};
    return key_of(facts, sizeof facts);
}

/* A model on its way: the layers up to `layer` have been run, what they give is in the inputs. */
typedef struct Stage {
    const Model *model;
    Memo *memo;
    int layer;
    Inputs inputs;
    const void *held; /* of the memo; or NULL: they are the images */
} Stage;

static void stage_begin(Stage *stage, int layer, const void *held) {
    stage->layer = layer;
    stage->inputs.at = held;
    stage->inputs.stride = image_stride(&stage->model->layers[layer].out);
    stage->held = held;
}

/* From the deepest cut that is known. Returns the number of the next. */
static int stage_find(Stage *stage, const Cuts *cuts) {
    for (int i = cuts->count - 1; i >= 0; i--) {
        const void *held = memo_take(stage->memo, cuts->at[i].key);
        if (held) {
            stage_begin(stage, cuts->at[i].layer, held);
            return i + 1;
        }
    }
    return 0;
}

static void stage_run(Stage *stage, const Cut *cut, Arena *arena, Jit *jit, Arena *scratch) {
    Model part = stage_model(arena, stage->model, stage->layer, cut->layer);
    int64_t stride = image_stride(&stage->model->layers[cut->layer].out);
    uint8_t *out = memo_room((size_t)(stride * stage->inputs.count) + 64);
    fast_fill(fast_new(arena, &part, jit, stage->inputs.count), scratch, stage->inputs, out,
              stride);
    memo_put(stage->memo, cut->key, out);
    memo_release(stage->memo, stage->held);
    stage_begin(stage, cut->layer, out);
}

int staged_correct(Arena *arena, const Model *model, Jit *jit, Memo *memo, Arena *scratch,
                   const Dataset *data, int images) {
    int64_t stride = shape_elements(model->layers[0].out.shape);
    Stage stage = {model, memo, 0, {data->image, stride, images}, NULL};
    Cuts cuts;
    cuts_find(model, memo, images_key(data, images), images, &cuts);
    for (int i = stage_find(&stage, &cuts); i < cuts.count; i++)
        if (i == 0 || memo_sought(memo, cuts.at[i].key))
            stage_run(&stage, &cuts.at[i], arena, jit, scratch);
    Model rest = stage_model(arena, model, stage.layer, model->output);
    int correct = fast_correct_of(fast_new(arena, &rest, jit, images), scratch, stage.inputs,
                                  data->label);
    memo_release(memo, stage.held);
    return correct;
}
