/* Lowering: fused layers -> steps, each a routine with its packed constants, its parameters and
 * its buffers. Shapes and formats alone decide everything but the constants, so that a model
 * without weights gives the sizes and the plan of the full one.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

/* What the lowering of one program knows. */
typedef struct Lowering {
    Arena *arena;
    const Model *model;
    const Target *target;
    Program *program;
    int *buffer_of; /* layer -> buffer that holds its result; -1: the caller's */
    int *last_step; /* layer -> the last step that reads it; -1: none */
    Span *span;
    Str *why;
} Lowering;

enum { MAX_DIM = 32767, MAX_ELEMENTS = 1 << 28, PLAN_NODES = 20000 };

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

/* Parameters hold dimensions in 16 bits, and kernels count elements in 32. */
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
    if (!is_storable(out) ||
        (target && out != FORMAT_U8 && !(target->activation_formats & 1u << out)))
        return refuse(low, "activations", out);
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    if (weighted && (!format_is_integer(layer->weights) || layer->weights > FORMAT_I16 ||
                     (target && !(target->weight_formats & 1u << layer->weights))))
        return refuse(low, "weights", layer->weights);
    return layer_fits(low, layer);
}

static bool model_computable(Lowering *low, const Fused *fused, int count) {
    for (int i = -1; i < count; i++) {
        const Layer *layer = &low->model->layers[i < 0 ? 0 : fused[i].layer];
        *low->span = layer->span;
        if (!layer_computable(low, layer))
            return false;
    }
    if (count == 0)
        *low->why = STR("the network computes nothing: its output is its input");
    return count > 0;
}

/* ---- the geometry of a step --------------------------------------------------------------- */

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

/* One window that covers the image: what a dense layer and a global average read. */
static void lower_whole_window(Step *step) {
    Extent in = extent_of(step->in_shape);
    step->kernel_h = in.h;
    step->kernel_w = in.w;
}

static void lower_geometry(const Layer *layer, Step *step) {
    switch (layer->kind) {
    case OP_CONV:
        step->groups = layer->attribute[ATTRIBUTE_GROUPS];
        /* fall through */
    case OP_DEPTHWISE:
    case OP_MAX_POOL:
    case OP_AVERAGE_POOL:
        lower_window(layer, step);
        break;
    case OP_GLOBAL_AVERAGE:
        step->kernel.kind = OP_AVERAGE_POOL;
        lower_whole_window(step);
        break;
    case OP_DENSE:
        lower_whole_window(step);
        break;
    case OP_RELU6:
        step->kernel.kind = OP_RELU;
        break;
    default:
        break;
    }
}

/* 64-bit sums where formats and fan-in alone do not keep the products below 2^30, which leaves
 * the other half of 2^31 to the bias; decided without constants, so that costs need none. */
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

static void lower_sums(const Layer *layer, const Tensor *in, Step *step) {
    Kernel *kernel = &step->kernel;
    if (operator_facts[layer->kind].weights == WEIGHTED)
        kernel->accumulator_bits = sum_bits(layer, in);
    if (kernel->kind == OP_AVERAGE_POOL)
        kernel->accumulator_bits = mean_bits(layer, (int64_t)step->kernel_h * step->kernel_w);
    if (layer->kind == OP_ADD && (kernel->in == FORMAT_I16 || kernel->in2 == FORMAT_I16))
        kernel->accumulator_bits = 64;
}

/* ---- formats and scales -------------------------------------------------------------------- */

/* Without constants a shift like those of most layers. */
static void lower_scales(const Lowering *low, const Fused *fused, Step *step) {
    const Layer *layer = step->from;
    bool known = layer->multiplier != NULL;
    step->out_zero = layer->out.zero;
    step->low = fused->low;
    step->high = fused->high;
    step->shift = known ? layer->shift : layer->kind == OP_ADD ? 21 : 40;
    if (fused->add < 0)
        return;
    const Layer *add = &low->model->layers[fused->add];
    step->add = (AddTail){.zero = step->out_zero, .low = step->low, .high = step->high};
    step->out_zero = add->out.zero;
    step->low = fused->add_low;
    step->high = fused->add_high;
    step->add.shift = known ? add->shift : 21;
    for (int k = 0; known && k < 2; k++)
        step->add.multiplier[add->input[k] == fused->add_input] = add->multiplier[k];
}

/* Where the instruction set multiplies unsigned bytes by signed ones, tensors of signed bytes
 * that only steps see are kept as code + 128; 4-bit ones too, for there memory is not scarce. */
static int store_unsigned(Format *format) {
    if (*format != FORMAT_I8 && *format != FORMAT_I4)
        return 0;
    *format = FORMAT_U8;
    return 128;
}

static void lower_storage(const Lowering *low, Step *step) {
    if (!low->program->isa->bytes_unsigned)
        return;
    if (step->reads[0] != 0)
        step->in_zero += store_unsigned(&step->kernel.in);
    if (step->inputs == 1)
        step->kernel.in2 = step->kernel.in;
    else if (step->reads[1] != 0)
        step->in_zero2 += store_unsigned(&step->kernel.in2);
    if (step->layer == low->model->output)
        return;
    int moved = store_unsigned(&step->kernel.out);
    step->out_zero += moved;
    step->low += moved;
    step->high += moved;
}

/* ---- constants ----------------------------------------------------------------------------- */

/* Biases with -z_x * sum(w) folded in, for code that lets padding have the value z_x. */
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

static int64_t layer_macs(const Layer *layer) {
    Extent out = extent_of(layer->out.shape);
    return (int64_t)out.h * out.w * layer->out_channels * layer->row;
}

static int64_t rounded_up(int64_t bytes, int64_t to) {
    return (bytes + to - 1) / to * to;
}

static bool lower_code(Lowering *low, Step *step) {
    const Layer *layer = step->from;
    if (operator_facts[layer->kind].weights == WEIGHTED) {
        step->macs = layer_macs(layer);
        if (layer->weight)
            step->bias = folded_biases(low->arena, layer, step->in_zero);
    }
    *low->span = step->span;
    Lowered *code = arena_array(low->arena, Lowered, 1);
    if (!schedule_step(low->arena, low->program->isa, step, code, low->why))
        return false;
    step->lowered = code;
    step->weight_bytes = code->weights_count * type_bits(code->weights_type) / 8;
    step->constant_bytes = rounded_up(step->weight_bytes, 4) - step->weight_bytes +
                           4 * code->param_count +
                           code->constants_count * type_bits(code->constants_type) / 8;
    step->scratch_bytes = code->scratch_bytes;
    return true;
}

/* ---- buffers -------------------------------------------------------------------------------- */

static int buffer_add(Program *program, int64_t bytes, int first, int last) {
    bytes = rounded_up(bytes, program->isa->alignment);
    program->buffers[program->buffer_count] = (Buffer){bytes, first, last, 0, -1};
    return program->buffer_count++;
}

/* May the result overwrite operand k? The code must allow it, nobody may read the operand later,
 * nor the step itself as its other operand. */
static bool can_overwrite(const Lowering *low, const Step *step, int index, int k) {
    return step->lowered->overwrites >> k & 1 && step->input[k] >= 0 &&
           low->last_step[step->reads[k]] == index &&
           (step->inputs < 2 || step->reads[0] != step->reads[1]);
}

static void lower_buffers(Lowering *low, int index, Step *step) {
    Program *program = low->program;
    for (int k = 0; k < step->inputs; k++)
        step->input[k] = low->buffer_of[step->reads[k]];
    step->output = -1;
    if (step->layer != low->model->output) {
        step->output = buffer_add(program, tensor_bytes(step->out_shape, step->kernel.out),
                                  index, low->last_step[step->layer]);
        for (int k = step->inputs - 1; k >= 0; k--)
            if (can_overwrite(low, step, index, k))
                program->buffers[step->output].same_as = step->input[k];
    }
    low->buffer_of[step->layer] = step->output;
    step->scratch =
        step->scratch_bytes ? buffer_add(program, step->scratch_bytes, index, index) : -1;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static Step step_begin(const Lowering *low, const Fused *fused) {
    const Layer *layer = &low->model->layers[fused->layer];
    int second = fused->add >= 0 ? fused->add_input : layer->input[layer->inputs - 1];
    const Tensor *in = &low->model->layers[layer->input[0]].out;
    const Tensor *in2 = &low->model->layers[second].out;
    bool weighted = operator_facts[layer->kind].weights == WEIGHTED;
    return (Step){.kernel = {.kind = layer->kind,
                             .weights = weighted ? layer->weights : FORMAT_I8,
                             .in = in->format,
                             .in2 = in2->format,
                             .out = low->model->layers[fused->tail].out.format,
                             .accumulator_bits = 32,
                             .adds = fused->add >= 0},
                  .layer = fused->tail,
                  .inputs = layer->inputs + (fused->add >= 0),
                  .reads = {layer->input[0], second},
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
}

static bool lower_step(Lowering *low, const Fused *fused, int index) {
    Step *step = &low->program->steps[index];
    *step = step_begin(low, fused);
    lower_scales(low, fused, step);
    lower_geometry(step->from, step);
    lower_sums(step->from, &low->model->layers[step->reads[0]].out, step);
    lower_storage(low, step);
    if (!lower_code(low, step))
        return false;
    lower_buffers(low, index, step);
    return true;
}

/* Steps of equal code share a function. */
static void share_routine(Program *program, Step *step, Map *known) {
    Arena *arena = step->lowered->routine.arena;
    Key key = routine_key(&step->lowered->routine);
    Str bytes = str_copy(arena, (Str){(const char *)&key, sizeof key});
    int at;
    if (!map_get(known, bytes, &at)) {
        at = program->routine_count++;
        program->routines[at] = step;
        map_put(known, bytes, at);
    }
    step->routine = at;
}

static void find_last_steps(Lowering *low, const Fused *fused, int count) {
    for (int i = 0; i < low->model->count; i++)
        low->last_step[i] = low->buffer_of[i] = -1;
    for (int i = 0; i < count; i++) {
        const Layer *layer = &low->model->layers[fused[i].layer];
        for (int k = 0; k < layer->inputs; k++)
            low->last_step[layer->input[k]] = i;
        if (fused[i].add >= 0)
            low->last_step[fused[i].add_input] = i;
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

bool program_build_isa(Arena *arena, const Model *model, const Target *target, const Isa *isa,
                       Program *program, Span *span, Str *why) {
    Fused *fused;
    int count = fuse_layers(arena, model, true, &fused);
    *program = (Program){.name = model->name,
                         .isa = isa ? isa : isa_of_target(target),
                         .model = model,
                         .steps = arena_array(arena, Step, count),
                         .routines = arena_array(arena, const Step *, count),
                         .buffers = arena_array(arena, Buffer, 2 * count)};
    Lowering low = {.arena = arena,
                    .model = model,
                    .target = target,
                    .program = program,
                    .buffer_of = arena_array(arena, int, model->count),
                    .last_step = arena_array(arena, int, model->count),
                    .span = span,
                    .why = why};
    if (!model_computable(&low, fused, count))
        return false;
    find_last_steps(&low, fused, count);
    Map *known = map_new(arena);
    for (; program->count < count; program->count++) {
        if (!lower_step(&low, &fused[program->count], program->count))
            return false;
        share_routine(program, &program->steps[program->count], known);
    }
    program->arena_bytes =
        plan_memory(arena, program->buffers, program->buffer_count, program->isa->alignment,
                    PLAN_NODES, &program->bound_bytes);
    program_ends(program);
    return true;
}
