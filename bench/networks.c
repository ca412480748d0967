/* networks.c: the networks that benches run, from the standard library's text to integer models.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "bench/networks.h"

#include "lang/lang.h"
#include "train/train.h"

const BenchNetwork bench_networks[BENCH_NETWORKS] = {
    {"resnet8", "[32, 32, 3]", "resnet8", 10, 32},
    {"ds_cnn", "[49, 10, 1]", "ds_cnn", 12, 32},
    {"vww", "[96, 96, 3]", "mobilenet_v1(classes: 2, width: 0.25)", 2, 32},
    {"autoencoder", "[640]", "autoencoder", 640, 32},
    {"mobilenet_v1", "[224, 224, 3]", "mobilenet_v1(1000)", 1000, 4},
    {"mobilenet_v2", "[224, 224, 3]", "mobilenet_v2(1000)", 1000, 4},
};

const BenchNetwork *bench_network(Str name) {
    for (int i = 0; i < BENCH_NETWORKS; i++)
        if (str_equal(name, str_of(bench_networks[i].name)))
            return &bench_networks[i];
    return NULL;
}

Str bench_source(Arena *arena, const BenchNetwork *network, const char *precision) {
    return str_format(arena,
                      "use std/backbones\n"
                      "network n(x: %s) -> [%d] { return x |> %s }\n"
                      "precision of n { %s }\n",
                      network->input, network->outputs, network->call,
                      *precision ? precision : "*: weights = i8");
}

/* ---- from text to model ------------------------------------------------------------------ */

static const Space *space_of(Arena *arena, Str source) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("bench.nas"), source, (LangOptions){0});
    const Space *space =
        error_count(diagnostics) ? NULL : spec_space(spec, STR("n"), (Str){"", 0});
    diagnostics_print(diagnostics, stderr, 0);
    if (!space || space->choices.count)
        die(EXIT_FILE, "the text of a bench is wrong, or decides nothing by itself");
    return space;
}

/* The same space with an input of another format than the language's. */
static const Space *space_from(Arena *arena, const Space *space, Format input) {
    Space *from = arena_copy(arena, space, sizeof *space);
    size_t bytes = sizeof *space->ops.at * (size_t)space->ops.count;
    from->input_format = input;
    from->ops.at = arena_copy(arena, space->ops.at, bytes);
    from->ops.at[0].output = expr_constant(arena, from, RATIONAL(input));
    return from;
}

static Net net_of(Arena *arena, const Space *space) {
    Net net;
    Span span;
    Str why;
    Gene none[1] = {0};
    if (!space_instantiate(arena, space, none, &net, &span, &why))
        die(EXIT_FILE, "the network of a bench: %.*s", STR_ARG(why));
    return net;
}

/* Images of noise, without labels: batch norms and scales ask for none. */
static Dataset noise(Arena *arena, Shape shape, uint64_t seed, int images) {
    bool flat = shape.rank == 1;
    Dataset data = {.count = images,
                    .height = flat ? 1 : shape.dim[0],
                    .width = flat ? 1 : shape.dim[1],
                    .channels = shape_channels(shape)};
    Tensor input = {.shape = shape, .format = FORMAT_U8};
    uint8_t *image = arena_alloc(arena, (size_t)(shape_elements(shape) * images));
    for (int i = 0; i < images; i++)
        bench_input(&input, seed, i, image + shape_elements(shape) * i);
    data.image = image;
    return data;
}

/* Calibration reads u8, centred: signed codes have their zero point at 0 and the same range. */
static void input_rescale(OpWeights *op, Format format) {
    if (format == FORMAT_U8)
        return;
    op->scale *= 255.0 / (format_high(format) - format_low(format));
    op->zero = 0;
}

Model bench_model(Arena *arena, Str source, uint64_t seed, int images) {
    return bench_model_from(arena, source, FORMAT_U8, seed, images);
}

Model bench_model_from(Arena *arena, Str source, Format input, uint64_t seed, int images) {
    const Space *space = space_from(arena, space_of(arena, source), input);
    Net *net = arena_new_of(arena, Net);
    *net = net_of(arena, space);
    Task task = {.name = STR("noise"), .mean = 0.5, .deviation = 0.25};
    Dataset data = noise(arena, space->input, seed, images);
    Supernet *supernet = supernet_new(space, &task, seed);
    Workspace *workspace = workspace_new(supernet);
    FloatModel floats;
    Model model;
    Span span;
    Str why;
    supernet_member(supernet, workspace, net, false, &data, images, arena, &floats);
    input_rescale(&floats.ops[0], input);
    workspace_free(workspace);
    supernet_free(supernet);
    if (!model_quantise(arena, &floats, &model, &span, &why))
        die(EXIT_FILE, "the model of a bench: %.*s", STR_ARG(why));
    return model;
}

/* ---- inputs, and what they show ---------------------------------------------------------- */

void bench_input(const Tensor *input, uint64_t seed, int index, uint8_t *codes) {
    enum { STREAM = 0x6e6f6973 };
    Random random = {seed, STREAM, (uint64_t)index << 32};
    int64_t bytes = shape_elements(input->shape) * (input->format == FORMAT_I16 ? 2 : 1);
    for (int64_t i = 0; i < bytes; i += 8) {
        uint64_t bits = random_next(&random);
        for (int64_t k = i; k < bytes && k < i + 8; k++, bits >>= 8)
            codes[k] = input->format == FORMAT_I4 ? (uint8_t)((bits & 15) - 8) : (uint8_t)bits;
    }
}

/* Of each channel, the least and the largest code seen. */
typedef struct Seen {
    int32_t *least, *largest;
} Seen;

static void layer_see(const Layer *layer, const int32_t *codes, Seen *seen, BenchLife *life) {
    int channels = shape_channels(layer->out.shape);
    int64_t elements = shape_elements(layer->out.shape);
    for (int64_t i = 0; i < elements; i++) {
        int c = (int)(i % channels);
        if (codes[i] < seen->least[c])
            seen->least[c] = codes[i];
        if (codes[i] > seen->largest[c])
            seen->largest[c] = codes[i];
        life->saturated += codes[i] == layer->high ||
                           (codes[i] == layer->low && layer->low != layer->out.zero);
    }
    life->codes += elements;
}

static Seen *seen_new(Arena *arena, const Model *model) {
    Seen *seen = arena_array(arena, Seen, model->count);
    for (int i = 1; i < model->count; i++) {
        int channels = shape_channels(model->layers[i].out.shape);
        seen[i].least = arena_array(arena, int32_t, channels);
        seen[i].largest = arena_array(arena, int32_t, channels);
        for (int c = 0; c < channels; c++)
            seen[i].least[c] = INT32_MAX, seen[i].largest[c] = INT32_MIN;
    }
    return seen;
}

/* Constancy is judged of what follows from weights: a relu's channel that is always 0 too. */
static bool has_channels(const Layer *layer) {
    return operator_facts[layer->kind].weights == WEIGHTED || layer->kind == OP_RELU ||
           layer->kind == OP_RELU6;
}

BenchLife bench_life(const Model *model, uint64_t seed, int inputs) {
    Arena *arena = arena_new(), *scratch = arena_new();
    const Tensor *in = &model->layers[0].out;
    Seen *seen = seen_new(arena, model);
    BenchLife life = {0};
    for (int n = 0; n < inputs; n++) {
        arena_reset(scratch);
        uint8_t *codes = arena_alloc(scratch, (size_t)shape_elements(in->shape) * 2);
        int32_t **tensors = arena_array(scratch, int32_t *, model->count);
        bench_input(in, seed + 1, n, codes);
        model_run(scratch, model, codes, tensors);
        for (int i = 1; i < model->count; i++)
            if (has_channels(&model->layers[i]))
                layer_see(&model->layers[i], tensors[i], &seen[i], &life);
    }
    for (int i = 1; i < model->count; i++)
        for (int c = 0; seen[i].least && has_channels(&model->layers[i]) &&
                        c < shape_channels(model->layers[i].out.shape);
             c++) {
            life.channels++;
            life.constant += seen[i].least[c] == seen[i].largest[c];
        }
    arena_free(scratch);
    arena_free(arena);
    return life;
}
