/* Lowering: fused layers -> steps, each a call of a kernel with its arguments, its buffers and
 * its packed constants. Shapes and formats alone decide everything but the constants, so that a
 * model without weights gives the sizes and the plan of the full one.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

/* What the lowering of one program knows. */
typedef struct Lowering {
    Arena *arena;
    const Model *model;
    const Target *target;
    Program *program;
    int *buffer_of; /* layer -> buffer that holds its result; -1: the caller's */
    int *last_step; /* layer -> the last step that reads it; -1: none */
    Str *why;
} Lowering;

enum { MAX_DIM = 32767, MAX_ELEMENTS = 1 << 28, PLAN_NODES = 20000, ALIGNMENT = 4 };

/* ---- sizes ------------------------------------------------------------------------------- */

Extent extent_of(Shape shape) {
    Extent extent = {1, 1, shape_channels(shape)};
    if (shape.rank >= 2)
        extent.h = shape.dim[0];
    if (shape.rank >= 3)
        extent.w = shape_pixels(shape) / shape.dim[0];
    return extent;
}

int64_t tensor_bytes(Shape shape, Format format) {
    return shape_pixels(shape) * format_row_bytes(format, shape_channels(shape));
}

/* ---- can it be computed? ----------------------------------------------------------------- */

static bool is_storable(Format format) {
    return format == FORMAT_I4 || format == FORMAT_I8 || format == FORMAT_I16 ||
           format == FORMAT_U8;
}

static bool refuse(Lowering *low, const char *what, Format format) {
    *low->why = str_format(low->arena, "%s of format %s cannot be computed%s%.*s", what,
                           format_name(format), low->target ? " by " : "",
                           low->target ? low->target->name.length : 0,
                           low->target ? low->target->name.at : "");
    return false;
}

static bool refuse_size(Lowering *low, const char *what, int64_t size, int64_t limit) {
    *low->why = str_format(low->arena, "%s of %lld is more than %lld", what, (long long)size,
                           (long long)limit);
    return false;
}

/* Descriptors hold dimensions in 16 bits, and kernels count elements in 32. */
static bool layer_fits(Lowering *low, const Layer *layer) {
    for (int d = 0; d < layer->out.shape.rank; d++)
        if (layer->out.shape.dim[d] > MAX_DIM)
            return refuse_size(low, "a dimension", layer->out.shape.dim[d], MAX_DIM);
    int64_t elements = shape_elements(layer->out.shape);
    int64_t weights = (int64_t)layer->out_channels * layer->row;
    if (elements > MAX_ELEMENTS)
        return refuse_size(low, "a number of elements", elements, MAX_ELEMENTS);
    if (weights > MAX_ELEMENTS)
        return refuse_size(low, "a number of weights", weights, MAX_ELEMENTS);
    return true;
}

static bool layer_computable(Lowering *low, const Layer *layer) {
    Format out = layer->out.format;
    const Target *target = low->target;
    if (layer->kind > OP_BATCH_NORM) {
        *low->why = str_format(low->arena, "there is no kernel of `%s` yet",
                               operator_facts[layer->kind].name);
        return false;
    }
    if (!is_storable(out) ||
        (target && out != FORMAT_U8 && !(target->activation_formats & 1u << out)))
        return refuse(low, "activations", out);
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    if (weighted && (!format_is_integer(layer->weights) || layer->weights > FORMAT_I16 ||
                     (target && !(target->weight_formats & 1u << layer->weights))))
        return refuse(low, "weights", layer->weights);
    return layer_fits(low, layer);
}

/* ---- which kernel ------------------------------------------------------------------------ */

/* 64-bit sums where formats and fan-in alone do not keep the products below 2^30, which
 * leaves the other half of 2^31 to the bias; decided without constants, so that costs need
 * none. */
static int sum_bits(const Layer *layer, const Tensor *in) {
    int64_t largest = max_i64(-(int64_t)format_low(in->format), format_high(in->format));
    int64_t products = 2 * largest * format_weight_limit(layer->weights) * layer->row;
    bool wide = in->format == FORMAT_I16 || layer->weights == FORMAT_I16;
    return layer->accumulator_bits == 64 || (wide && products > 1 << 30) ? 64 : 32;
}

/* A mean needs twice the sum of its window, as an unsigned number. */
static int mean_bits(const Layer *layer, int64_t taps) {
    return (taps * 2 + 1) << format_bits(layer->out.format) > UINT32_MAX ? 64 : 32;
}

static bool is_whole_bytes(Format format) {
    return format_bits(format) % 8 == 0;
}

static bool conv_is_pointwise(const Step *step) {
    return step->kernel_h == 1 && step->kernel_w == 1 && step->stride_h == 1 &&
           step->stride_w == 1 && step->groups == 1 && is_whole_bytes(step->kernel.in);
}

/* Whole-byte weights and inputs make a dense layer a pointwise convolution of one pixel,
 * whose kernel it then shares. */
static void lower_dense(const Layer *layer, Step *step) {
    if (!is_whole_bytes(layer->weights) || !is_whole_bytes(step->kernel.in))
        return;
    step->kernel.kind = OP_CONV;
    step->kernel.pointwise = true;
    step->in_shape = (Shape){3, {1, 1, layer->row}};
    step->out_shape = (Shape){3, {1, 1, layer->out_channels}};
}

static void lower_window(const Layer *layer, Step *step) {
    const int *a = layer->attribute;
    Extent in = extent_of(step->in_shape);
    bool same = a[ATTRIBUTE_SAME] != 0;
    step->kernel_h = a[ATTRIBUTE_KERNEL_H];
    step->kernel_w = a[ATTRIBUTE_KERNEL_W];
    step->stride_h = a[ATTRIBUTE_STRIDE_H];
    step->stride_w = a[ATTRIBUTE_STRIDE_W];
    step->pad_h = window_before(in.h, step->kernel_h, step->stride_h, same);
    step->pad_w = window_before(in.w, step->kernel_w, step->stride_w, same);
}

/* A mean over everything is the mean of one window as large as the image. */
static void lower_global_average(Step *step) {
    Extent in = extent_of(step->in_shape);
    step->kernel.kind = OP_AVERAGE_POOL;
    step->kernel_h = in.h;
    step->kernel_w = in.w;
}

static void lower_kernel(const Layer *layer, const Tensor *in, Step *step) {
    switch (layer->kind) {
    case OP_CONV:
        lower_window(layer, step);
        step->groups = layer->attribute[ATTRIBUTE_GROUPS];
        step->kernel.pointwise = conv_is_pointwise(step);
        break;
    case OP_DEPTHWISE:
    case OP_MAX_POOL:
    case OP_AVERAGE_POOL:
        lower_window(layer, step);
        break;
    case OP_DENSE:
        lower_dense(layer, step);
        break;
    case OP_GLOBAL_AVERAGE:
        lower_global_average(step);
        break;
    case OP_RELU6:
        step->kernel.kind = OP_RELU;
        break;
    default:
        break;
    }
    if (operator_facts[layer->kind].weights == WEIGHTED)
        step->kernel.accumulator_bits = sum_bits(layer, in);
    if (step->kernel.kind == OP_AVERAGE_POOL)
        step->kernel.accumulator_bits =
            mean_bits(layer, (int64_t)step->kernel_h * step->kernel_w);
    if (layer->kind == OP_ADD &&
        (step->kernel.in == FORMAT_I16 || step->kernel.in2 == FORMAT_I16))
        step->kernel.accumulator_bits = 64;
}

/* ---- constants --------------------------------------------------------------------------- */

/* Biases with -z_x * sum(w) folded in: padding has the value z_x, so that it is the same
 * everywhere. */
static int64_t *folded_biases(Arena *arena, const Layer *layer, int in_zero) {
    int64_t *bias = arena_array(arena, int64_t, layer->out_channels);
    for (int c = 0; c < layer->out_channels; c++) {
        int64_t sum = 0;
        for (int k = 0; k < layer->row; k++)
            sum += layer->weight[(int64_t)c * layer->row + k];
        bias[c] = layer->bias[c] - in_zero * sum;
    }
    return bias;
}

static int64_t rounded_up(int64_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int64_t layer_macs(const Layer *layer) {
    Extent out = extent_of(layer->out.shape);
    return (int64_t)out.h * out.w * layer->out_channels * layer->row;
}

/* Whether or not there are weights yet, their bytes are known. */
static void lower_constants(Arena *arena, const Layer *layer, Step *step) {
    Descriptor descriptor;
    descriptor_of(step, &descriptor);
    step->constant_bytes = descriptor_bytes(&descriptor);
    if (operator_facts[layer->kind].weights != WEIGHTED)
        return;
    step->macs = layer_macs(layer);
    step->weight_bytes = packed_bytes(layer);
    int64_t bias_bytes = step->kernel.accumulator_bits / 8;
    step->constant_bytes += layer->out_channels * (bias_bytes + 4);
    step->constant_bytes += rounded_up(step->weight_bytes) - step->weight_bytes;
    if (layer->weight) {
        step->packed = pack_layer(arena, layer);
        step->bias = folded_biases(arena, layer, step->in_zero);
    }
}

/* ---- buffers ----------------------------------------------------------------------------- */

static int buffer_add(Program *program, int64_t bytes, int first, int last) {
    program->buffers[program->buffer_count] = (Buffer){rounded_up(bytes), first, last, 0, -1};
    return program->buffer_count++;
}

/* May the result overwrite operand k, which nobody reads later? An element must be read
 * before its place is written: true of elementwise kernels, and of depthwise, which copies a
 * channel first. */
static bool can_overwrite(const Lowering *low, const Step *step, int index, int k) {
    const Layer *layer = &low->model->layers[step->from->input[k]];
    OpKind kind = step->kernel.kind;
    if (kind != OP_ADD && kind != OP_RELU && kind != OP_DEPTHWISE)
        return false;
    return step->input[k] >= 0 && low->last_step[step->from->input[k]] == index &&
           format_bits(layer->out.format) == format_bits(step->kernel.out);
}

static void lower_buffers(Lowering *low, int index, Step *step) {
    Program *program = low->program;
    const Layer *layer = step->from;
    step->inputs = layer->inputs;
    for (int k = 0; k < layer->inputs; k++)
        step->input[k] = low->buffer_of[layer->input[k]];
    step->output = -1;
    if (step->layer != low->model->output) {
        step->output = buffer_add(program, tensor_bytes(step->out_shape, step->kernel.out),
                                  index, low->last_step[step->layer]);
        for (int k = layer->inputs - 1; k >= 0; k--)
            if (can_overwrite(low, step, index, k))
                program->buffers[step->output].same_as = step->input[k];
    }
    low->buffer_of[step->layer] = step->output;
    step->scratch_bytes = kernel_scratch_bytes(step);
    step->scratch =
        step->scratch_bytes ? buffer_add(program, step->scratch_bytes, index, index) : -1;
}

/* ---- steps ------------------------------------------------------------------------------- */

/* Without constants a shift and a clamp like those of most layers. */
static void lower_scales(const Layer *layer, const Fused *fused, Step *step) {
    step->out_zero = layer->out.zero;
    step->low = fused->low;
    step->high = fused->high;
    step->shift = layer->multiplier ? layer->shift : layer->kind == OP_ADD ? 21 : 40;
}

static void lower_step(Lowering *low, const Fused *fused, int index) {
    const Layer *layer = &low->model->layers[fused->layer];
    const Tensor *in = &low->model->layers[layer->input[0]].out;
    const Tensor *in2 = &low->model->layers[layer->input[layer->inputs - 1]].out;
    Step *step = &low->program->steps[index];
    *step = (Step){.kernel = {.kind = layer->kind,
                              .weights = FORMAT_I8,
                              .in = in->format,
                              .in2 = in2->format,
                              .out = layer->out.format,
                              .accumulator_bits = 32},
                   .layer = fused->tail,
                   .in_shape = in->shape,
                   .out_shape = layer->out.shape,
                   .kernel_h = 1,
                   .kernel_w = 1,
                   .stride_h = 1,
                   .stride_w = 1,
                   .groups = 1,
                   .in_zero = in->zero,
                   .in_zero2 = in2->zero,
                   .from = layer,
                   .span = layer->span};
    if (operator_facts[layer->kind].weights == WEIGHTED)
        step->kernel.weights = layer->weights;
    lower_scales(layer, fused, step);
    lower_kernel(layer, in, step);
    lower_constants(low->arena, layer, step);
    lower_buffers(low, index, step);
}

bool kernel_equal(Kernel a, Kernel b) {
    return a.kind == b.kind && a.weights == b.weights && a.in == b.in && a.in2 == b.in2 &&
           a.out == b.out && a.pointwise == b.pointwise &&
           a.accumulator_bits == b.accumulator_bits;
}

static void kernel_add(Program *program, Kernel kernel) {
    for (int i = 0; i < program->kernel_count; i++)
        if (kernel_equal(program->kernels[i], kernel))
            return;
    program->kernels[program->kernel_count++] = kernel;
}

/* ---- the program ------------------------------------------------------------------------- */

static bool model_computable(Lowering *low, const Fused *fused, int count, Span *span) {
    for (int i = -1; i < count; i++) {
        const Layer *layer = &low->model->layers[i < 0 ? 0 : fused[i].layer];
        *span = layer->span;
        if (!layer_computable(low, layer))
            return false;
    }
    if (count == 0)
        *low->why = STR("the network computes nothing: its output is its input");
    return count > 0;
}

static void find_last_steps(Lowering *low, const Fused *fused, int count) {
    for (int i = 0; i < low->model->count; i++)
        low->last_step[i] = low->buffer_of[i] = -1;
    for (int i = 0; i < count; i++) {
        const Layer *layer = &low->model->layers[fused[i].layer];
        for (int k = 0; k < layer->inputs; k++)
            low->last_step[layer->input[k]] = i;
    }
}

static void program_ends(Program *program) {
    const Tensor *in = &program->model->layers[0].out;
    const Tensor *out = &program->model->layers[program->model->output].out;
    program->in_shape = in->shape;
    program->in_format = in->format;
    program->out_shape = out->shape;
    program->out_format = out->format;
    program->out_scale = out->scale;
    program->out_zero = out->zero;
    for (int i = 0; i < program->count; i++) {
        program->weight_bytes += program->steps[i].weight_bytes;
        program->constant_bytes += program->steps[i].constant_bytes;
    }
}

bool program_build(Arena *arena, const Model *model, const Target *target, Program *program,
                   Span *span, Str *why) {
    Fused *fused;
    int count = fuse_layers(arena, model, false, &fused);
    *program = (Program){.name = model->name,
                         .model = model,
                         .steps = arena_array(arena, Step, count),
                         .kernels = arena_array(arena, Kernel, count),
                         .buffers = arena_array(arena, Buffer, 2 * count)};
    Lowering low = {.arena = arena,
                    .model = model,
                    .target = target,
                    .program = program,
                    .buffer_of = arena_array(arena, int, model->count),
                    .last_step = arena_array(arena, int, model->count),
                    .why = why};
    if (!model_computable(&low, fused, count, span))
        return false;
    find_last_steps(&low, fused, count);
    for (int i = 0; i < count; i++) {
        lower_step(&low, &fused[i], i);
        kernel_add(program, program->steps[i].kernel);
        program->count++;
    }
    program->arena_bytes = plan_memory(arena, program->buffers, program->buffer_count,
                                       ALIGNMENT, PLAN_NODES, &program->bound_bytes);
    program_ends(program);
    return true;
}
