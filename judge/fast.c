/* Integer execution of many images: by compiled.c where there is a JIT, else by the exact
 * shortcut.
 *
 * Tensors are held as binary32 values of code - zero point, (images, pixels, channels).
 * Padding is then zero, sums of products are integers, and where the sum of their sizes is
 * proven below 2^24 every partial sum is exact, whatever the order: a matrix product is the
 * convolution. Elsewhere the sums are made in 64-bit integers.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <string.h>

enum { PIECE = 32 }; /* images that go through the layers together: they stay in the cache */

typedef struct FastLayer {
    const Layer *layer;
    int tail;          /* the last of the clamps that are fused into it, or itself */
    int64_t low, high; /* clamp of centred codes, fused clamps included */
    bool exact;        /* products in binary32 are proven exact */
    float *weight;     /* (groups, row, lanes); depthwise: (taps, channels) */
    int groups, lanes; /* lanes: output channels of a group, in whole vectors */
    int32_t *bias;     /* (out_channels), where accumulators have 32 bits */
} FastLayer;

struct Fast {
    const Model *model;
    const Compiled *compiled; /* then there is nothing below */
    FastLayer *layers;        /* those that compute, in order */
    int count;
    int64_t sums, columns, channels; /* elements of the largest intermediates of a piece */
    int64_t codes;                   /* of the largest layer with all that it reads */
};

/* ---- preparation ------------------------------------------------------------------------- */

/* Sum of the sizes of the products of one output, the input centred: below 2^24 binary32 is
 * exact. */
static bool products_fit(const Layer *layer, const Tensor *in) {
    int64_t below = in->zero - format_low(in->format),
            above = format_high(in->format) - in->zero;
    int64_t largest = max_i64(below, above);
    for (int c = 0; c < layer->out_channels; c++) {
        int64_t sizes = 0;
        for (int k = 0; k < layer->row; k++) {
            int w = layer->weight[(int64_t)c * layer->row + k];
            sizes += w < 0 ? -w : w;
        }
        if (sizes * largest >= 1 << 24)
            return false;
    }
    return true;
}

static void prepare_weights(Arena *arena, FastLayer *fast) {
    const Layer *layer = fast->layer;
    bool depthwise = layer->kind == OP_DEPTHWISE;
    int outputs = layer->out_channels / fast->groups;
    fast->lanes =
        depthwise ? outputs : (outputs + gemm_lanes() - 1) / gemm_lanes() * gemm_lanes();
    fast->weight = arena_array(arena, float, (int64_t)fast->groups * layer->row * fast->lanes);
    fast->bias = arena_array(arena, int32_t, layer->out_channels);
    for (int c = 0; c < layer->out_channels; c++) {
        float *group = fast->weight + (int64_t)(c / outputs) * layer->row * fast->lanes;
        fast->bias[c] = layer->accumulator_bits == 32 ? (int32_t)layer->bias[c] : 0;
        for (int k = 0; k < layer->row; k++)
            group[(int64_t)k * fast->lanes + c % outputs] =
                layer->weight[(int64_t)c * layer->row + k];
    }
}

static void prepare_layer(Arena *arena, const Fused *fused, Fast *fast, FastLayer *out) {
    const Model *model = fast->model;
    const Layer *layer = &model->layers[fused->layer];
    int64_t pixels =
        shape_elements(layer->out.shape) / shape_channels(layer->out.shape) * PIECE;
    *out =
        (FastLayer){.layer = layer,
                    .tail = fused->tail,
                    .low = fused->low - layer->out.zero,
                    .high = fused->high - layer->out.zero,
                    .groups = layer->kind == OP_CONV ? layer->attribute[ATTRIBUTE_GROUPS] : 1};
    int64_t codes = shape_elements(layer->out.shape);
    for (int k = 0; k < layer->inputs; k++)
        codes += shape_elements(model->layers[layer->input[k]].out.shape);
    fast->codes = max_i64(fast->codes, codes);
    fast->channels = max_i64(fast->channels, shape_channels(layer->out.shape));
    if (operator_facts[layer->kind].weights != WEIGHTED)
        return;
    out->exact = layer->accumulator_bits == 32 &&
                 products_fit(layer, &model->layers[layer->input[0]].out);
    prepare_weights(arena, out);
    fast->sums = max_i64(fast->sums, pixels * out->lanes);
    if (layer->kind == OP_CONV)
        fast->columns = max_i64(fast->columns, pixels * layer->row);
}

Fast *fast_new(Arena *arena, const Model *model, Jit *jit, int images) {
    Fast *fast = arena_new_of(arena, Fast);
    Fused *fused;
    fast->model = model;
    fast->compiled = compiled_new(arena, model, jit, images);
    if (fast->compiled)
        return fast;
    fast->count = fuse_layers(arena, model, false, &fused);
    fast->layers = arena_array(arena, FastLayer, fast->count);
    for (int i = 0; i < fast->count; i++)
        prepare_layer(arena, &fused[i], fast, &fast->layers[i]);
    return fast;
}

int fast_outputs(const Fast *fast) {
    return (int)shape_elements(fast->model->layers[fast->model->output].out.shape);
}

/* ---- running ----------------------------------------------------------------------------- */

typedef struct FastRun {
    const Fast *fast;
    CompiledRun code; /* where the JIT has made it; then there is nothing below */
    int images;
    float **tensor;       /* of each layer; a fused chain writes that of its tail */
    float *sums, *column; /* room for one layer's accumulators and window rows, */
    int64_t *pooled;      /* for a pixel's sums, */
    int32_t *codes;       /* and for what a layer reads and writes, as the interpreter has it */
} FastRun;

/* y = clamp(((acc + bias) * m + half) >> t), centred, for `channels` sums of one pixel. Each
 * sum fits 32 bits, so the product is one of 32 by 32 bits. Apart, so that `restrict` lets
 * it vectorise. */
__attribute__((noinline)) static void
requantise_row(const FastLayer *fast, const float *restrict acc, const int32_t *restrict bias,
               const int32_t *restrict m, int channels, float *restrict y) {
    int t = fast->layer->shift;
    int64_t half = (int64_t)1 << (t - 1), low = fast->low, high = fast->high;
    for (int c = 0; c < channels; c++) {
        int32_t sum = (int32_t)acc[c] + bias[c];
        int64_t code = ((int64_t)sum * m[c] + half) >> t;
        code = code < low ? low : code;
        code = code > high ? high : code;
        y[c] = (float)(int32_t)code;
    }
}

/* Rows of sums, `lanes` apart, of the output channels of one group. */
static void requantise_rows(const FastLayer *fast, const float *acc, int64_t rows, int group,
                            float *y) {
    const Layer *layer = fast->layer;
    int outputs = layer->out_channels / fast->groups, first = group * outputs;
    for (int64_t r = 0; r < rows; r++)
        requantise_row(fast, acc + r * fast->lanes, fast->bias + first,
                       layer->multiplier + first, outputs, y + r * layer->out_channels + first);
}

/* Where a window's top left corner and extents lie. */
typedef struct Frame {
    int h, w, channels, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, out_h, out_w;
} Frame;

static Frame frame_of(const Model *model, const Layer *layer) {
    const int *a = layer->attribute;
    Shape in = model->layers[layer->input[0]].out.shape;
    bool same = a[ATTRIBUTE_SAME] != 0;
    if (in.rank != 3) /* a lone batch norm of rows, or of one */
        return (Frame){shape_pixels(in), 1, shape_channels(in), 1, 1, 1, 1, 0, 0,
                       shape_pixels(in), 1};
    Frame f = {.h = in.dim[0],
               .w = in.dim[1],
               .channels = in.dim[2],
               .kernel_h = a[ATTRIBUTE_KERNEL_H],
               .kernel_w = a[ATTRIBUTE_KERNEL_W],
               .stride_h = a[ATTRIBUTE_STRIDE_H],
               .stride_w = a[ATTRIBUTE_STRIDE_W],
               .out_h = layer->out.shape.dim[0],
               .out_w = layer->out.shape.dim[1]};
    f.pad_h = window_before(f.h, f.kernel_h, f.stride_h, same);
    f.pad_w = window_before(f.w, f.kernel_w, f.stride_w, same);
    return f;
}

/* The input pixel under tap (ky, kx) of output (oy, ox), or NULL in the padding. */
static const float *tap_at(const Frame *f, const float *image, int oy, int ox, int ky, int kx) {
    int y = oy * f->stride_h - f->pad_h + ky, x = ox * f->stride_w - f->pad_w + kx;
    bool inside = y >= 0 && y < f->h && x >= 0 && x < f->w;
    return inside ? image + ((int64_t)y * f->w + x) * f->channels : NULL;
}

static void gather_tap(const Frame *f, const float *image, int y, int x, int first, int count,
                       float *column) {
    bool inside = y >= 0 && y < f->h && x >= 0 && x < f->w;
    const float *pixel = image + ((int64_t)y * f->w + x) * f->channels + first;
    for (int c = 0; c < count; c++)
        column[c] = inside ? pixel[c] : 0;
}

/* Rows of (k_y, k_x, c) of the channels [first, first + count), one for each output pixel. Inside
 * the image, and with all channels, a row of taps is one piece of memory. */
static void im2col(const Frame *f, const float *image, int first, int count, float *column) {
    int taps = f->kernel_w * count;
    for (int oy = 0; oy < f->out_h; oy++)
        for (int ox = 0; ox < f->out_w; ox++)
            for (int ky = 0; ky < f->kernel_h; ky++, column += taps) {
                int y = oy * f->stride_h - f->pad_h + ky, x = ox * f->stride_w - f->pad_w;
                bool whole = y >= 0 && y < f->h && x >= 0 && x + f->kernel_w <= f->w;
                const float *from = image + ((int64_t)y * f->w + x) * f->channels;
                for (int t = 0; t < taps && whole && count == f->channels; t++)
                    column[t] = from[t];
                for (int kx = 0; kx < f->kernel_w && !(whole && count == f->channels); kx++)
                    gather_tap(f, image, y, x + kx, first, count, column + kx * count);
            }
}

static float requantised(const FastLayer *fast, int c, int64_t acc) {
    const Layer *layer = fast->layer;
    return (float)requantise(acc, layer->multiplier[c], layer->shift, 0, (int32_t)fast->low,
                             (int32_t)fast->high);
}

/* Rows times weights, (rows, row) x (row, of group) -> (rows, out_channels), in 64-bit
 * integers. */
static void integer_rows(const FastLayer *fast, const float *x, int64_t rows, int first,
                         int count, float *y) {
    const Layer *layer = fast->layer;
    for (int64_t r = 0; r < rows; r++, x += layer->row)
        for (int c = first; c < first + count; c++) {
            const int16_t *w = layer->weight + (int64_t)c * layer->row;
            int64_t acc = layer->bias[c];
            for (int k = 0; k < layer->row; k++)
                acc += (int64_t)(int32_t)x[k] * w[k];
            y[r * layer->out_channels + c] = requantised(fast, c, acc);
        }
}

/* A batch of rows through the weights of a group. */
static void multiply_rows(const FastRun *run, const FastLayer *fast, const float *x,
                          int64_t rows, int group, float *y) {
    const Layer *layer = fast->layer;
    if (!fast->exact) {
        int outputs = layer->out_channels / fast->groups;
        integer_rows(fast, x, rows, group * outputs, outputs, y);
        return;
    }
    gemm(&(Gemm){.rows = (int)rows,
                 .columns = fast->lanes,
                 .depth = layer->row,
                 .a = x,
                 .a_row = (size_t)layer->row,
                 .a_k = 1,
                 .b = fast->weight + (int64_t)group * layer->row * fast->lanes,
                 .b_k = (size_t)fast->lanes,
                 .c = run->sums,
                 .c_row = (size_t)fast->lanes});
    requantise_rows(fast, run->sums, rows, group, y);
}

static bool is_pointwise(const Frame *f) {
    return f->kernel_h == 1 && f->kernel_w == 1 && f->stride_h == 1 && f->stride_w == 1;
}

static void fast_conv(const FastRun *run, const FastLayer *fast, float *y) {
    const Layer *layer = fast->layer;
    const float *x = run->tensor[layer->input[0]];
    Frame f = frame_of(run->fast->model, layer);
    int group_in = f.channels / fast->groups;
    int64_t pixels = (int64_t)f.out_h * f.out_w, rows = pixels * run->images;
    bool direct = fast->groups == 1 && is_pointwise(&f);
    for (int g = 0; g < fast->groups; g++) {
        for (int n = 0; n < run->images && !direct; n++)
            im2col(&f, x + (int64_t)n * f.h * f.w * f.channels, g * group_in, group_in,
                   run->column + n * pixels * layer->row);
        multiply_rows(run, fast, direct ? x : run->column, rows, g, y);
    }
}

static void fast_dense(const FastRun *run, const FastLayer *fast, float *y) {
    multiply_rows(run, fast, run->tensor[fast->layer->input[0]], run->images, 0, y);
}

static void depthwise_tap(const float *restrict pixel, const float *restrict weight,
                          int channels, float *restrict acc) {
    for (int c = 0; c < channels; c++)
        acc[c] += pixel[c] * weight[c];
}

static void depthwise_pixel(const Frame *f, const float *weight, const float *image, int oy,
                            int ox, float *acc) {
    memset(acc, 0, sizeof(float) * (size_t)f->channels);
    for (int ky = 0; ky < f->kernel_h; ky++)
        for (int kx = 0; kx < f->kernel_w; kx++, weight += f->channels) {
            const float *pixel = tap_at(f, image, oy, ox, ky, kx);
            if (pixel)
                depthwise_tap(pixel, weight, f->channels, acc);
        }
}

static void integer_depthwise_pixel(const Frame *f, const FastLayer *fast, const float *image,
                                    int oy, int ox, float *y) {
    const Layer *layer = fast->layer;
    for (int c = 0; c < f->channels; c++) {
        int64_t acc = layer->bias[c];
        for (int ky = 0; ky < f->kernel_h; ky++)
            for (int kx = 0; kx < f->kernel_w; kx++) {
                const float *pixel = tap_at(f, image, oy, ox, ky, kx);
                int w = layer->weight[(int64_t)c * layer->row + ky * f->kernel_w + kx];
                acc += pixel ? (int64_t)(int32_t)pixel[c] * w : 0;
            }
        y[c] = requantised(fast, c, acc);
    }
}

static void fast_depthwise(const FastRun *run, const FastLayer *fast, float *y) {
    const Layer *layer = fast->layer;
    Frame f = frame_of(run->fast->model, layer);
    int64_t pixels = (int64_t)f.out_h * f.out_w;
    float *acc = run->sums;
    for (int n = 0; n < run->images; n++, y += pixels * f.channels) {
        const float *image = run->tensor[layer->input[0]] + (int64_t)n * f.h * f.w * f.channels;
        for (int oy = 0; oy < f.out_h; oy++)
            for (int ox = 0; ox < f.out_w; ox++) {
                int64_t at = ((int64_t)oy * f.out_w + ox) * f.channels;
                if (fast->exact)
                    depthwise_pixel(&f, fast->weight, image, oy, ox, acc + at);
                else
                    integer_depthwise_pixel(&f, fast, image, oy, ox, y + at);
            }
        if (fast->exact)
            requantise_rows(fast, acc, pixels, 0, y);
    }
}

static void fast_add(const FastRun *run, const FastLayer *fast, float *y) {
    const Layer *layer = fast->layer;
    const float *a = run->tensor[layer->input[0]], *b = run->tensor[layer->input[1]];
    int64_t elements = shape_elements(layer->out.shape) * run->images;
    int64_t m1 = layer->multiplier[0], m2 = layer->multiplier[1];
    int64_t low = fast->low, high = fast->high, half = (int64_t)1 << (layer->shift - 1);
    for (int64_t i = 0; i < elements; i++) {
        int64_t code = ((int32_t)a[i] * m1 + (int32_t)b[i] * m2 + half) >> layer->shift;
        code = code < low ? low : code;
        y[i] = (float)(int32_t)(code > high ? high : code);
    }
}

static void fast_clamp(const FastRun *run, const FastLayer *fast, float *y) {
    const Layer *layer = fast->layer;
    const float *x = run->tensor[layer->input[0]];
    int64_t elements = shape_elements(layer->out.shape) * run->images;
    float low = (float)fast->low, high = (float)fast->high;
    for (int64_t i = 0; i < elements; i++)
        y[i] = x[i] < low ? low : x[i] > high ? high : x[i];
}

static void pool_pixel(const Frame *f, const FastLayer *fast, const float *image, int oy,
                       int ox, int64_t *sum, float *y) {
    int64_t taps = 0;
    memset(sum, 0, sizeof(int64_t) * (size_t)f->channels);
    for (int ky = 0; ky < f->kernel_h; ky++)
        for (int kx = 0; kx < f->kernel_w; kx++) {
            const float *pixel = tap_at(f, image, oy, ox, ky, kx);
            for (int c = 0; pixel && c < f->channels; c++) {
                sum[c] += (int64_t)pixel[c];
                y[c] = taps == 0 || pixel[c] > y[c] ? pixel[c] : y[c];
            }
            taps += pixel != NULL;
        }
    for (int c = 0; c < f->channels; c++) {
        bool mean = fast->layer->kind != OP_MAX_POOL;
        int64_t code = mean ? average_round(sum[c], taps) : (int64_t)y[c];
        y[c] = (float)min_i64(max_i64(code, fast->low), fast->high);
    }
}

/* A mean of centred codes is the mean of the codes, centred: n z / n leaves the floor alone. */
static void fast_pool(const FastRun *run, const FastLayer *fast, float *y) {
    const Layer *layer = fast->layer;
    Frame f = frame_of(run->fast->model, layer);
    if (layer->kind == OP_GLOBAL_AVERAGE) {
        f.kernel_h = f.h;
        f.kernel_w = f.w;
        f.out_h = f.out_w = 1;
        f.pad_h = f.pad_w = 0;
    }
    int64_t *sum = run->pooled;
    for (int n = 0; n < run->images; n++) {
        const float *image = run->tensor[layer->input[0]] + (int64_t)n * f.h * f.w * f.channels;
        for (int oy = 0; oy < f.out_h; oy++)
            for (int ox = 0; ox < f.out_w; ox++, y += f.channels)
                pool_pixel(&f, fast, image, oy, ox, sum, y);
    }
}

/* Operators without a shortcut are run by the interpreter, image by image. */
static void fast_reference(const FastRun *run, const FastLayer *fast, float *y) {
    const Model *model = run->fast->model;
    const Layer *layer = fast->layer;
    int64_t outputs = shape_elements(layer->out.shape);
    int32_t *const codes = run->codes, *inputs[MAX_INPUTS], *next = codes + outputs;
    for (int k = 0; k < layer->inputs; k++) {
        inputs[k] = next;
        next += shape_elements(model->layers[layer->input[k]].out.shape);
    }
    for (int n = 0; n < run->images; n++, y += outputs) {
        for (int k = 0; k < layer->inputs; k++) {
            const Tensor *in = &model->layers[layer->input[k]].out;
            int64_t elements = shape_elements(in->shape);
            const float *x = run->tensor[layer->input[k]] + n * elements;
            for (int64_t i = 0; i < elements; i++)
                inputs[k][i] = (int32_t)x[i] + in->zero;
        }
        layer_run(model, layer, (const int32_t *const *)inputs, codes);
        for (int64_t i = 0; i < outputs; i++) {
            int64_t code = codes[i] - layer->out.zero;
            y[i] = (float)min_i64(max_i64(code, fast->low), fast->high);
        }
    }
}

static void (*const runners[OP_COUNT])(const FastRun *, const FastLayer *, float *) = {
    [OP_CONV] = fast_conv,     [OP_DEPTHWISE] = fast_depthwise, [OP_DENSE] = fast_dense,
    [OP_ADD] = fast_add,       [OP_RELU] = fast_clamp,          [OP_RELU6] = fast_clamp,
    [OP_MAX_POOL] = fast_pool, [OP_AVERAGE_POOL] = fast_pool,   [OP_GLOBAL_AVERAGE] = fast_pool,
};

/* Room for one piece, used again for each. */
static FastRun run_new(const Fast *fast, Arena *scratch) {
    const Model *model = fast->model;
    arena_reset(scratch);
    if (fast->compiled)
        return (FastRun){.fast = fast, .code = compiled_begin(fast->compiled, scratch)};
    FastRun run = {.fast = fast, .tensor = arena_array(scratch, float *, model->count)};
    run.sums = arena_array(scratch, float, fast->sums);
    run.column = arena_array(scratch, float, fast->columns);
    run.pooled = arena_array(scratch, int64_t, fast->channels);
    run.codes = arena_array(scratch, int32_t, fast->codes);
    for (int i = 0; i < model->count; i++)
        run.tensor[i] =
            arena_array(scratch, float, shape_elements(model->layers[i].out.shape) * PIECE);
    return run;
}

/* The codes of images [first, first + count) as centred floats. */
static void piece_load(const FastRun *run, const Inputs *inputs, int first, int count) {
    const Tensor *in = &run->fast->model->layers[0].out;
    int64_t each = shape_elements(in->shape);
    bool whole = format_low(in->format) < 0;
    float *to = run->tensor[0];
    for (int n = first; n < first + count; n++, to += each) {
        const uint8_t *image = inputs->at + n * inputs->stride;
        for (int64_t k = 0; k < each; k++)
            to[k] = (float)((whole ? (int8_t)image[k] : image[k]) - in->zero);
    }
}

static void piece_run(FastRun *run, const Inputs *inputs, int first, int count) {
    const Fast *fast = run->fast;
    run->images = count;
    piece_load(run, inputs, first, count);
    for (int i = 0; i < fast->count; i++) {
        const FastLayer *layer = &fast->layers[i];
        void (*runner)(const FastRun *, const FastLayer *, float *) =
            runners[layer->layer->kind];
        (runner ? runner : fast_reference)(run, layer, run->tensor[layer->tail]);
    }
}

/* The output codes of images [first, first + count), at most a piece. */
static void run_piece(FastRun *run, const Inputs *inputs, int first, int count,
                      int32_t *codes) {
    const Fast *fast = run->fast;
    int outputs = fast_outputs(fast), zero = fast->model->layers[fast->model->output].out.zero;
    if (!fast->compiled) {
        piece_run(run, inputs, first, count);
        for (int64_t k = 0; k < (int64_t)count * outputs; k++)
            codes[k] = (int32_t)run->tensor[fast->model->output][k] + zero;
        return;
    }
    for (int n = first; n < first + count; n++, codes += outputs)
        compiled_infer(&run->code, inputs->at + n * inputs->stride, codes);
}

static Inputs end_to_end(const Fast *fast, const uint8_t *images, int count) {
    return (Inputs){images, shape_elements(fast->model->layers[0].out.shape), count};
}

void fast_run(const Fast *fast, Arena *scratch, const uint8_t *images, int count,
              int32_t *codes) {
    Inputs inputs = end_to_end(fast, images, count);
    FastRun run = run_new(fast, scratch);
    for (int first = 0; first < count; first += PIECE)
        run_piece(&run, &inputs, first, (int)min_i64(PIECE, count - first),
                  codes + (int64_t)first * fast_outputs(fast));
}

void fast_fill(const Fast *fast, Arena *scratch, Inputs inputs, uint8_t *out, int64_t stride) {
    int64_t outputs = fast_outputs(fast);
    int zero = fast->model->layers[fast->model->output].out.zero;
    FastRun run = run_new(fast, scratch);
    for (int n = 0; n < inputs.count; n++, out += stride) {
        if (fast->compiled) {
            compiled_fill(&run.code, inputs.at + n * inputs.stride, out);
            continue;
        }
        if (n % PIECE == 0)
            piece_run(&run, &inputs, n, (int)min_i64(PIECE, inputs.count - n));
        const float *y = run.tensor[fast->model->output] + n % PIECE * outputs;
        for (int64_t k = 0; k < outputs; k++)
            out[k] = (uint8_t)((int)y[k] + zero);
    }
}

int class_of(const int32_t *codes, int count) {
    int best = 0;
    for (int c = 1; c < count; c++)
        if (codes[c] > codes[best])
            best = c;
    return best;
}

int fast_correct_of(const Fast *fast, Arena *scratch, Inputs inputs, const uint8_t *label) {
    int outputs = fast_outputs(fast), correct = 0;
    FastRun run = run_new(fast, scratch);
    int32_t *codes = arena_array(scratch, int32_t, (int64_t)outputs * PIECE);
    for (int at = 0; at < inputs.count; at += PIECE) {
        int piece = (int)min_i64(PIECE, inputs.count - at);
        run_piece(&run, &inputs, at, piece, codes);
        for (int n = 0; n < piece; n++)
            correct += class_of(codes + (int64_t)n * outputs, outputs) == label[at + n];
    }
    return correct;
}

int fast_correct(const Fast *fast, Arena *scratch, const Dataset *data, int first, int count) {
    int64_t in = shape_elements(fast->model->layers[0].out.shape);
    return fast_correct_of(fast, scratch, end_to_end(fast, data->image + first * in, count),
                           data->label + first);
}

/* Whether the codes of the first images are those given, (images, outputs). */
static bool fast_gives(const Model *model, Jit *jit, Arena *scratch, const Dataset *data,
                       int images, const int32_t *expected) {
    Arena *arena = arena_new();
    Fast *fast = fast_new(arena, model, jit, 0);
    int64_t outputs = (int64_t)fast_outputs(fast) * images;
    int32_t *codes = arena_array(arena, int32_t, outputs);
    fast_run(fast, scratch, data->image, images, codes);
    bool equal = !memcmp(codes, expected, sizeof *codes * (size_t)outputs);
    arena_free(arena);
    return equal;
}

bool fast_equals_interpreter(const Model *model, Jit *jit, Arena *scratch, const Dataset *data,
                             int images) {
    int64_t in = shape_elements(model->layers[0].out.shape);
    int64_t out = shape_elements(model->layers[model->output].out.shape);
    Arena *arena = arena_new();
    int32_t *codes = arena_array(arena, int32_t, out * images);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    for (int n = 0; n < images; n++) {
        arena_reset(scratch);
        model_run(scratch, model, data->image + n * in, tensors);
        memcpy(codes + n * out, tensors[model->output], sizeof *codes * (size_t)out);
    }
    bool equal = fast_gives(model, NULL, scratch, data, images, codes) &&
                 (!jit || fast_gives(model, jit, scratch, data, images, codes));
    arena_free(arena);
    return equal;
}
