/* The weights file: a model's constants, beside the .nas of its network.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
 *
 *   "NASCWTS\n"  u32 file version  u32 arithmetic version  u32 layers
 *   for each layer: str path  u8 kind  u8 weights format  u8 output format  shape
 *                   f64 scale  i32 zero  i32 low  i32 high
 *                   where it has weights: u32 out_channels  u32 row  u8 accumulator bits  u8
 *                   shift
 *                     i32 multiplier (out_channels)  i64 bias (out_channels)
 *                     i16 code (out_channels * row)
 *                   where it is an add: u8 shift  i32 multiplier (2)
 *                   else, where it has multipliers or a table:
 *                     u8 accumulator bits  u8 shift  i32 multiplier  i32 table entry, each as
 *                     many as layer_multipliers and layer_table say
 *                     where it is a layer norm: i64 epsilon  i64 bias (channels)
 *   u64 XXH3 of everything before
 *                   of floats, where they have weights: u32 out_channels  u32 row
 *                     f32 bias (out_channels)  f32 weight (out_channels * row); a layer norm has
 *                     its channels as out_channels, and rows of 1
 * All little-endian; str is u16 length and bytes; shape is u8 rank and u32 dims.
 */
#include "net/layers.h"

#include <string.h>

enum { FILE_VERSION = 1 };
static const char magic[8] = {'N', 'A', 'S', 'C', 'W', 'T', 'S', '\n'};

/* ---- writing ----------------------------------------------------------------------------- */

typedef VEC(char) Bytes;

static void put(Arena *arena, Bytes *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        vec_push(arena, out, (char)(value >> (8 * i)));
}

static void put_double(Arena *arena, Bytes *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(arena, out, bits, 8);
}

static void put_constants(Arena *arena, Bytes *out, const Layer *layer) {
    put(arena, out, (uint32_t)layer->out_channels, 4);
    put(arena, out, (uint32_t)layer->row, 4);
    put(arena, out, (unsigned)layer->accumulator_bits, 1);
    put(arena, out, (unsigned)layer->shift, 1);
    for (int c = 0; c < layer->out_channels; c++)
        put(arena, out, (uint32_t)layer->multiplier[c], 4);
    for (int c = 0; c < layer->out_channels; c++)
        put(arena, out, (uint64_t)layer->bias[c], 8);
    for (int64_t i = 0; i < (int64_t)layer->out_channels * layer->row; i++)
        put(arena, out, (uint16_t)layer->weight[i], 2);
}

static int real_channels(const Layer *layer) {
    return layer_reals(layer) ? shape_channels(layer->out.shape) : 0;
}

static void put_float(Arena *arena, Bytes *out, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(arena, out, bits, 4);
}

static void put_reals(Arena *arena, Bytes *out, const Layer *layer) {
    int channels = real_channels(layer);
    int64_t reals = layer_reals(layer);
    if (reals == 0)
        return;
    put(arena, out, (uint32_t)channels, 4);
    put(arena, out, (uint32_t)(reals / channels), 4);
    for (int c = 0; c < channels; c++)
        put_float(arena, out, layer->real_bias[c]);
    for (int64_t i = 0; i < reals; i++)
        put_float(arena, out, layer->real_weight[i]);
}

static void put_add(Arena *arena, Bytes *out, const Layer *layer) {
    put(arena, out, (unsigned)layer->shift, 1);
    put(arena, out, (uint32_t)layer->multiplier[0], 4);
    put(arena, out, (uint32_t)layer->multiplier[1], 4);
}

static void put_unweighted(Arena *arena, Bytes *out, const Model *model, const Layer *layer) {
    int multipliers = layer_multipliers(model, layer), entries = layer_table(model, layer);
    if (multipliers + entries == 0)
        return;
    put(arena, out, (unsigned)layer->accumulator_bits, 1);
    put(arena, out, (unsigned)layer->shift, 1);
    for (int k = 0; k < multipliers; k++)
        put(arena, out, (uint32_t)layer->multiplier[k], 4);
    for (int k = 0; k < entries; k++)
        put(arena, out, (uint32_t)layer->table[k], 4);
    if (layer->kind != OP_LAYER_NORM)
        return;
    put(arena, out, (uint64_t)layer->epsilon, 8);
    for (int c = 0; c < multipliers; c++)
        put(arena, out, (uint64_t)layer->bias[c], 8);
}

static void put_layer(Arena *arena, Bytes *out, const Model *model, const Layer *layer) {
    put(arena, out, (unsigned)layer->path.length, 2);
    for (int i = 0; i < layer->path.length; i++)
        put(arena, out, (unsigned char)layer->path.at[i], 1);
    put(arena, out, layer->kind, 1);
    put(arena, out, layer->weights, 1);
    put(arena, out, layer->out.format, 1);
    put(arena, out, (unsigned)layer->out.shape.rank, 1);
    for (int i = 0; i < layer->out.shape.rank; i++)
        put(arena, out, (uint32_t)layer->out.shape.dim[i], 4);
    put_double(arena, out, layer->out.scale);
    put(arena, out, (uint32_t)layer->out.zero, 4);
    put(arena, out, (uint32_t)layer->low, 4);
    put(arena, out, (uint32_t)layer->high, 4);
    if (layer_is_float(layer))
        put_reals(arena, out, layer);
    else if (operator_facts[layer->kind].weights == WEIGHTED)
        put_constants(arena, out, layer);
    else if (layer->kind == OP_ADD)
        put_add(arena, out, layer);
    else
        put_unweighted(arena, out, model, layer);
}

Str model_write(Arena *arena, const Model *model) {
    Bytes out = {0};
    for (int i = 0; i < COUNT(magic); i++)
        put(arena, &out, (unsigned char)magic[i], 1);
    put(arena, &out, FILE_VERSION, 4);
    put(arena, &out, ARITHMETIC_VERSION, 4);
    put(arena, &out, (uint32_t)model->count, 4);
    for (int i = 0; i < model->count; i++)
        put_layer(arena, &out, model, &model->layers[i]);
    put(arena, &out, key_of(out.at, (size_t)out.count).lo, 8);
    return (Str){out.at, out.count};
}

/* ---- reading ----------------------------------------------------------------------------- */

/* A position in bytes that nobody vouches for. The first fault stays. */
typedef struct Reader {
    Arena *arena;
    Str bytes;
    int at;
    Str layer; /* whose turn it is; empty in the head */
    bool failed;
    Str why;
} Reader;

static void fail(Reader *in, const char *what) {
    if (in->failed)
        return;
    in->failed = true;
    in->why = str_format(in->arena, "%.*s%sat byte %d: %s", STR_ARG(in->layer),
                         in->layer.length ? ", " : "", in->at, what);
}

static uint64_t get(Reader *in, int bytes) {
    if (in->failed || in->bytes.length - in->at < bytes) {
        fail(in, "the file ends early");
        return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)(uint8_t)in->bytes.at[in->at++] << (8 * i);
    return value;
}

static double get_double(Reader *in) {
    uint64_t bits = get(in, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static Str get_str(Reader *in) {
    int length = (int)get(in, 2);
    if (in->failed || in->bytes.length - in->at < length) {
        fail(in, "the file ends early");
        return STR("");
    }
    Str s = {in->bytes.at + in->at, length};
    in->at += length;
    return s;
}

/* A value that the network already fixes: anything else belongs to another network. */
static void expect(Reader *in, const Layer *layer, const char *what, int64_t found,
                   int64_t expected) {
    if (in->failed || found == expected)
        return;
    in->failed = true;
    in->why = str_format(in->arena, "%.*s: the file's %s is %lld, the network's %lld",
                         STR_ARG(layer->path), what, (long long)found, (long long)expected);
}

static void get_accumulator(Reader *in, Layer *layer) {
    layer->accumulator_bits = (int)get(in, 1);
    layer->shift = (int)get(in, 1);
    if (layer->accumulator_bits != 32 && layer->accumulator_bits != 64)
        fail(in, "accumulators are of 32 or 64 bits");
}

static void get_constants(Reader *in, Layer *layer) {
    int64_t codes = (int64_t)layer->out_channels * layer->row;
    expect(in, layer, "number of output channels", (int64_t)get(in, 4), layer->out_channels);
    expect(in, layer, "number of weights per channel", (int64_t)get(in, 4), layer->row);
    get_accumulator(in, layer);
    if (in->failed || (in->bytes.length - in->at) / 2 < codes) {
        fail(in, "the file ends early");
        return;
    }
    layer->weight = arena_array(in->arena, int16_t, codes);
    layer->bias = arena_array(in->arena, int64_t, layer->out_channels);
    layer->multiplier = arena_array(in->arena, int32_t, layer->out_channels);
    for (int c = 0; c < layer->out_channels; c++)
        layer->multiplier[c] = (int32_t)get(in, 4);
    for (int c = 0; c < layer->out_channels; c++) {
        layer->bias[c] = (int64_t)get(in, 8);
        if (layer->bias[c] >= (1LL << 46) || layer->bias[c] <= -(1LL << 46))
            fail(in, "a bias is out of range");
    }
    for (int64_t i = 0; i < codes; i++)
        layer->weight[i] = (int16_t)get(in, 2);
}

static float *get_floats(Reader *in, int64_t count) {
    float *values = arena_array(in->arena, float, count);
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)get(in, 4);
        memcpy(&values[i], &bits, sizeof bits);
    }
    return values;
}

static void get_reals(Reader *in, Layer *layer) {
    int channels = real_channels(layer);
    int64_t reals = layer_reals(layer);
    if (reals == 0)
        return;
    expect(in, layer, "number of output channels", (int64_t)get(in, 4), channels);
    expect(in, layer, "number of weights per channel", (int64_t)get(in, 4), reals / channels);
    if (in->failed || (in->bytes.length - in->at) / 4 < reals) {
        fail(in, "the file ends early");
        return;
    }
    layer->real_bias = get_floats(in, channels);
    layer->real_weight = get_floats(in, reals);
}

static int32_t *get_words(Reader *in, int count) {
    int32_t *words = arena_array(in->arena, int32_t, count);
    for (int i = 0; i < count && !in->failed; i++)
        words[i] = (int32_t)get(in, 4);
    return words;
}

static void get_add(Reader *in, Layer *layer) {
    layer->shift = (int)get(in, 1);
    layer->multiplier = get_words(in, 2);
}

static void get_unweighted(Reader *in, const Model *model, Layer *layer) {
    int multipliers = layer_multipliers(model, layer), entries = layer_table(model, layer);
    if (multipliers + entries == 0)
        return;
    get_accumulator(in, layer);
    layer->multiplier = get_words(in, multipliers);
    layer->table = get_words(in, entries);
    if (layer->kind != OP_LAYER_NORM)
        return;
    layer->epsilon = (int64_t)get(in, 8);
    layer->bias = arena_array(in->arena, int64_t, multipliers);
    for (int c = 0; c < multipliers && !in->failed; c++)
        layer->bias[c] = (int64_t)get(in, 8);
}

static void get_shape(Reader *in, const Layer *layer) {
    int rank = (int)get(in, 1);
    expect(in, layer, "rank", rank, layer->out.shape.rank);
    for (int i = 0; i < rank && !in->failed; i++)
        expect(in, layer, "dimension", (int64_t)get(in, 4), layer->out.shape.dim[i]);
}

static void get_layer(Reader *in, const Model *model, Layer *layer) {
    in->layer = layer->path;
    Str path = get_str(in);
    if (!in->failed && !str_equal(path, layer->path)) {
        in->failed = true;
        in->why = str_format(in->arena, "the file has %.*s where the network has %.*s",
                             STR_ARG(path), STR_ARG(layer->path));
    }
    expect(in, layer, "kind of operator", (int64_t)get(in, 1), layer->kind);
    expect(in, layer, "weights format", (int64_t)get(in, 1), layer->weights);
    expect(in, layer, "output format", (int64_t)get(in, 1), layer->out.format);
    get_shape(in, layer);
    layer->out.scale = get_double(in);
    if (!(layer->out.scale > 0x1p-500 && layer->out.scale < 0x1p500))
        fail(in, "a scale is not a positive number");
    layer->out.zero = (int32_t)get(in, 4);
    layer->low = (int32_t)get(in, 4);
    layer->high = (int32_t)get(in, 4);
    if (layer_is_float(layer))
        get_reals(in, layer);
    else if (operator_facts[layer->kind].weights == WEIGHTED)
        get_constants(in, layer);
    else if (layer->kind == OP_ADD)
        get_add(in, layer);
    else
        get_unweighted(in, model, layer);
}

static void get_head(Reader *in, const Model *model) {
    if (in->bytes.length < COUNT(magic) + 8 || memcmp(in->bytes.at, magic, sizeof magic)) {
        fail(in, "this is not a weights file of nasc");
        return;
    }
    Key key = key_of(in->bytes.at, (size_t)in->bytes.length - 8);
    in->at = in->bytes.length - 8;
    uint64_t sum = get(in, 8);
    in->bytes.length -= 8; /* the checksum is no part of what follows */
    in->at = COUNT(magic);
    uint64_t version = get(in, 4), arithmetic = get(in, 4), layers = get(in, 4);
    if (in->failed)
        return;
    in->failed = true;
    if (version != FILE_VERSION)
        in->why =
            str_format(in->arena, "it is of file version %llu; this nasc reads version %d",
                       (unsigned long long)version, FILE_VERSION);
    else if (arithmetic != ARITHMETIC_VERSION)
        in->why =
            str_format(in->arena, "it is of arithmetic version %llu; this nasc has version %d",
                       (unsigned long long)arithmetic, ARITHMETIC_VERSION);
    else if (sum != key.lo)
        in->why = STR("it is damaged: its checksum does not match");
    else if (layers != (uint64_t)model->count)
        in->why = str_format(in->arena, "it has %llu layers; the network has %d",
                             (unsigned long long)layers, model->count);
    else
        in->failed = false;
}

bool model_read(Arena *arena, Str bytes, const Net *net, Model *model, Str *why) {
    *model = model_build(arena, net);
    Reader in = {.arena = arena, .bytes = bytes, .layer = STR("")};
    get_head(&in, model);
    for (int i = 0; i < model->count && !in.failed; i++)
        get_layer(&in, model, &model->layers[i]);
    if (!in.failed && in.at != in.bytes.length)
        fail(&in, "there is more than the network needs");
    const char *fault = in.failed ? NULL : model_check(model);
    *why = fault ? str_format(arena, "it has %s", fault) : in.why;
    return !in.failed && !fault;
}
