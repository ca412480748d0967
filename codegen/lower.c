/* Lowering: fused layers -> steps, each a routine with its packed constants, its parameters and
 * its buffers. Shapes and formats alone decide everything but the constants, so that a model
 * without weights gives the sizes and the plan of the full one.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "net/layers.h"

#include <string.h>

/* What the lowering of one program knows. */
typedef struct Lowering {
    Arena *arena;
    const Model *model;
    const Target *target;
    const BuildOptions *options;
    const Isa *isa;
    Program *program;
    int *buffer_of; /* layer -> buffer that holds its result; -1: the caller's */
    int *last_step; /* layer -> the last step that reads it; -1: none */
    int *capacity;  /* layer -> rows that its buffer holds; 0: all */
    int *same_as;   /* layer -> the layer whose codes it has, in the same order; or itself */
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
    if (operator_facts[layer->kind].engine != EMITTED) {
        *low->why = str_format(low->arena, "`%s` cannot be computed by emitted code yet",
                               operator_facts[layer->kind].name);
        return false;
    }
    if (layer->out.shape.time) {
        *low->why = STR("a network with time steps cannot be computed yet");
        return false;
    }
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

/* ---- the geometry of a step ------------------------------------------------------------- */

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
    if ((layer->kind == OP_ADD || layer->kind == OP_MATMUL) &&
        (kernel->in == FORMAT_I16 || kernel->in2 == FORMAT_I16))
        kernel->accumulator_bits = 64;
}

/* ---- formats and scales ----------------------------------------------------------------- */

/* A shift like those of most layers, for one without constants. */
static int usual_shift(const Layer *layer) {
    bool sums = layer->kind == OP_ADD || layer->kind == OP_CONCAT;
    return sums ? 21 : operator_is_curve(layer->kind) ? KNOT_BITS : 40;
}

static void lower_scales(const Lowering *low, const Fused *fused, Step *step) {
    const Layer *layer = step->from;
    bool known = layer->multiplier || layer->table;
    step->out_zero = layer->out.zero;
    step->low = fused->low;
    step->high = fused->high;
    step->clamps = fused->tail != fused->layer;
    step->shift = known ? layer->shift : usual_shift(layer);
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
    if (!low->isa->bytes_unsigned)
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

/* ---- constants -------------------------------------------------------------------------- */

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

static int64_t step_macs(const Step *step) {
    Extent out = extent_of(step->out_shape);
    return (int64_t)out.h * out.w * step->from->out_channels * step->from->row;
}

/* The constants of an earlier step that computes other rows of the same layer, if they are laid
 * out alike. */
static int constants_shared(const Program *program, const Step *step) {
    for (int i = 0; step->slice && i < program->count; i++) {
        const Step *other = &program->steps[i];
        const Lowered *a = other->lowered, *b = step->lowered;
        if (other->shares < 0 && other->from == step->from &&
            other->kernel.kind == step->kernel.kind && a->weights_count == b->weights_count &&
            a->weights_type == b->weights_type && a->constants_count == b->constants_count &&
            (!a->weights || !memcmp(a->weights, b->weights, 8 * (size_t)a->weights_count)) &&
            (!a->constants ||
             !memcmp(a->constants, b->constants, 8 * (size_t)a->constants_count)))
            return i;
    }
    return -1;
}

static int64_t rounded_up(int64_t bytes, int64_t to) {
    return (bytes + to - 1) / to * to;
}

/* The first step with the same parameters, perhaps itself: among the rows of one layer, for else
 * training would decide how many bytes there are. */
static int params_shared(const Program *program, const Step *step) {
    const Lowered *code = step->lowered;
    for (int i = 0; step->slice && i < program->count; i++) {
        const Lowered *other = program->steps[i].lowered;
        if (program->steps[i].from == step->from && other->param_count == code->param_count &&
            (code->param_count == 0 ||
             !memcmp(other->params, code->params, 4 * (size_t)code->param_count)))
            return i;
    }
    return program->count;
}

static void lower_sizes(const Program *program, Step *step) {
    const Lowered *code = step->lowered;
    step->params_of = params_shared(program, step);
    step->constant_bytes = step->params_of == program->count ? 4 * code->param_count : 0;
    step->scratch_bytes = code->scratch_bytes;
    if (step->shares >= 0)
        return;
    step->weight_bytes = code->weights_count * type_bits(code->weights_type) / 8;
    step->constant_bytes += rounded_up(step->weight_bytes, 4) - step->weight_bytes +
                            code->constants_count * type_bits(code->constants_type) / 8;
}

static bool lower_code(Lowering *low, Step *step) {
    const Layer *layer = step->from;
    bool moves = step->kernel.kind == OP_INPUT;
    if (!moves && operator_facts[layer->kind].weights == WEIGHTED) {
        step->macs = step_macs(step);
        if (layer->weight)
            step->bias = folded_biases(low->arena, layer, step->in_zero);
    }
    *low->span = step->span;
    if (low->options->tuned)
        step->registers = low->options->tuned(low->options->tuning, step);
    step->lowered = arena_array(low->arena, Lowered, 1);
    if (!schedule_step(low->arena, low->isa, step, step->lowered, low->why))
        return false;
    step->shares = constants_shared(low->program, step);
    lower_sizes(low->program, step);
    return true;
}

/* ---- buffers ---------------------------------------------------------------------------- */

static int buffer_add(Program *program, int64_t bytes, int first, int last) {
    bytes = rounded_up(bytes, program->isa->alignment);
    program->buffers[program->buffer_count] = (Buffer){bytes, first, last, 0, -1};
    return program->buffer_count++;
}

/* May the result overwrite operand k? The code must allow it, nobody may read the operand later,
 * nor the step itself as its other operand. */
static bool can_overwrite(const Lowering *low, const Step *step, int index, int k) {
    return !step->slice && step->lowered->overwrites >> k & 1 && step->input[k] >= 0 &&
           low->last_step[step->reads[k]] == index &&
           (step->inputs < 2 || step->reads[0] != step->reads[1]);
}

static int64_t result_bytes(const Lowering *low, const Step *step) {
    int rows = low->capacity[step->layer];
    Shape shape = low->model->layers[step->layer].out.shape;
    if (rows)
        shape.dim[0] = rows;
    return tensor_bytes(shape, step->kernel.out);
}

/* A layer that several steps write has the buffer that the first of them made. */
static void lower_result(Lowering *low, int index, Step *step) {
    Program *program = low->program;
    if (step->layer == low->model->output)
        return;
    if (low->buffer_of[step->layer] >= 0) {
        step->output = low->buffer_of[step->layer];
        return;
    }
    step->output =
        buffer_add(program, result_bytes(low, step), index, low->last_step[step->layer]);
    for (int k = step->inputs - 1; k >= 0; k--)
        if (can_overwrite(low, step, index, k))
            program->buffers[step->output].same_as = step->input[k];
    low->buffer_of[step->layer] = step->output;
}

static void lower_buffers(Lowering *low, int index, Step *step) {
    for (int k = 0; k < step->inputs; k++)
        step->input[k] = low->buffer_of[step->reads[k]];
    step->output = -1;
    lower_result(low, index, step);
    int first = index - step->part, last = step->parts ? first + step->parts - 1 : index;
    step->scratch =
        step->scratch_bytes ? buffer_add(low->program, step->scratch_bytes, first, last) : -1;
}

static void find_last_steps(Lowering *low, const Step *steps, int count) {
    for (int i = 0; i < low->model->count; i++)
        low->last_step[i] = low->buffer_of[i] = -1;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < steps[i].inputs; k++)
            low->last_step[steps[i].reads[k]] = i;
}

/* ---- steps ------------------------------------------------------------------------------ */

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
                  .in2_shape = in2->shape,
                  .in_format = in->format,
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

/* The step that moves one operand of a concat to its channels of the result. */
static void lower_operand(const Lowering *low, int operand, Step *step) {
    const Layer *layer = step->from;
    const Tensor *in = &low->model->layers[layer->input[operand]].out;
    step->operand = operand;
    step->first = layer_link(low->model, layer, operand).out;
    step->inputs = 1;
    step->reads[0] = step->reads[1] = layer->input[operand];
    step->in_shape = in->shape;
    step->in_format = step->kernel.in = step->kernel.in2 = in->format;
    step->in_zero = step->in_zero2 = in->zero;
}

/* Everything about a step but its code and its buffers. */
static Step step_of(const Lowering *low, const Fused *fused, int operand) {
    Step step = step_begin(low, fused);
    if (step.kernel.kind == OP_CONCAT)
        lower_operand(low, operand, &step);
    for (int k = 0; k < 2; k++)
        step.reads[k] = low->same_as[step.reads[k]];
    lower_scales(low, fused, &step);
    lower_geometry(step.from, &step);
    lower_sums(step.from, &low->model->layers[step.reads[0]].out, &step);
    lower_storage(low, &step);
    return step;
}

static bool is_dense(const Tensor *tensor) {
    return shape_channels(tensor->shape) * format_bits(tensor->format) % 8 == 0;
}

/* Another shape of the same bytes needs no step. */
static bool is_renamed(const Lowering *low, const Fused *fused) {
    const Layer *layer = &low->model->layers[fused->layer];
    return (layer->kind == OP_FLATTEN || layer->kind == OP_RESHAPE) &&
           fused->tail == fused->layer && fused->layer != low->model->output &&
           is_dense(&layer->out) && is_dense(&low->model->layers[layer->input[0]].out);
}

/* One for each fused layer, but for each operand of a concat. */
static Step *steps_of(const Lowering *low, const Fused *fused, int *count) {
    VEC(Step) steps = {0};
    for (int i = 0; i < *count; i++) {
        const Layer *layer = &low->model->layers[fused[i].layer];
        if (is_renamed(low, &fused[i])) {
            low->same_as[fused[i].layer] = low->same_as[layer->input[0]];
            continue;
        }
        int operands = layer->kind == OP_CONCAT ? layer->inputs : 1;
        for (int k = 0; k < operands; k++)
            vec_push(low->arena, &steps, step_of(low, &fused[i], k));
    }
    *count = steps.count;
    return steps.at;
}

/* Steps of equal code share a function. */
static void share_routine(Program *program, Step *step, Map *known) {
    Arena *arena = step->lowered->routine.arena;
    step->code = routine_key(&step->lowered->routine);
    step->name = str_format(arena, "%.*s %.8s", STR_ARG(step->lowered->routine.name),
                            key_hex(arena, step->code).at);
    Str bytes = {(const char *)&step->code, sizeof step->code};
    int at;
    if (!map_get(known, bytes, &at)) {
        at = program->routine_count++;
        program->routines[at] = step;
        map_put(known, bytes, at);
    }
    step->routine = at;
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

/* ---- programs --------------------------------------------------------------------------- */

/* The program of steps whose code and buffers are still to be made. */
static bool program_of(Lowering *low, const Step *steps, int count) {
    Program *program = low->program;
    *program = (Program){.name = low->model->name,
                         .isa = low->isa,
                         .model = low->model,
                         .steps = arena_array(low->arena, Step, count),
                         .routines = arena_array(low->arena, const Step *, count),
                         .buffers = arena_array(low->arena, Buffer, 2 * count)};
    find_last_steps(low, steps, count);
    Map *known = map_new(low->arena);
    for (; program->count < count; program->count++) {
        Step *step = &program->steps[program->count];
        *step = steps[program->count];
        if (!lower_code(low, step))
            return false;
        lower_buffers(low, program->count, step);
        share_routine(program, step, known);
    }
    program_place(low->arena, program, low->target, PLAN_NODES);
    program_ends(program);
    return true;
}

/* ---- streaming: which steps, in bands of how many rows ---------------------------------- */

enum { LONGEST_STREAM = 8, MOST_ROWS = 16, MOST_STREAMS = 3 };

static bool continues(const Lowering *low, const Step *steps, int at) {
    const Step *before = &steps[at - 1], *step = &steps[at];
    return step_has_rows(step) && step->reads[0] == before->layer &&
           shape_equal(step->in_shape, before->out_shape) &&
           low->last_step[before->layer] == at &&
           (step->inputs < 2 || step->reads[1] != before->layer);
}

/* The best stream found: none where rows is 0. */
typedef struct Found {
    int first, last, rows;
    int64_t cost;
} Found;

/* A call costs flash, of which a microcontroller has some eight times as much as memory. */
static int64_t stream_cost(const Program *program) {
    enum { CALL_BYTES = 48, MEMORY_WORTH = 8 };
    return program->arena_bytes + program->count * CALL_BYTES / MEMORY_WORTH;
}

/* A chain's first operand and last result are in memory together, however it is streamed. */
static bool is_hopeless(const Lowering *low, const Step *first, const Step *last,
                        const Found *best) {
    int64_t in = first->reads[0] ? tensor_bytes(first->in_shape, first->kernel.in) : 0;
    int64_t out =
        last->layer == low->model->output ? 0 : tensor_bytes(last->out_shape, last->kernel.out);
    return in + out >= best->cost;
}

static int peak_step(const Program *program) {
    int peak = 0;
    int64_t most = -1;
    for (int i = 0; i < program->count; i++) {
        int64_t bytes = 0;
        for (int b = 0; b < program->buffer_count; b++)
            if (program->buffers[b].first <= i && i <= program->buffers[b].last)
                bytes += program->buffers[b].bytes;
        if (bytes > most)
            most = bytes, peak = i;
    }
    return peak;
}

static void try_stream(Lowering *low, const Step *steps, int count, Found at, Found *best) {
    Step *streamed;
    Program trial;
    Lowering inner = *low;
    inner.program = &trial;
    inner.capacity =
        arena_copy(low->arena, low->capacity, sizeof(int) * (size_t)low->model->count);
    int length = stream_steps(low->arena, steps, count, at.first, at.last, at.rows, &streamed,
                              inner.capacity);
    if (!program_of(&inner, streamed, length) || stream_cost(&trial) >= best->cost)
        return;
    *best = at;
    best->cost = stream_cost(&trial);
}

/* Chains from `first` on that meet the peak, in bands of 1, 2, 4 ... rows. */
static void stream_from(Lowering *low, const Step *steps, int count, int first, int peak,
                        Found *best) {
    if (steps[first].slice || !step_has_rows(&steps[first]))
        return;
    for (int last = first + 1; last < count && last < first + LONGEST_STREAM; last++) {
        find_last_steps(low, steps, count);
        if (!continues(low, steps, last))
            return;
        if (last < peak || is_hopeless(low, &steps[first], &steps[last], best))
            continue;
        int height = extent_of(steps[last].out_shape).h;
        for (int rows = 1; rows <= MOST_ROWS && 2 * rows <= height; rows *= 2)
            try_stream(low, steps, count, (Found){first, last, rows, 0}, best);
    }
}

/* Steps as they would be without constants, whose sizes are the same. */
static Step *bare_steps(const Lowering *low, const Step *steps, int count) {
    Step *bare = arena_copy(low->arena, steps, sizeof(Step) * (size_t)count);
    for (int i = 0; i < count; i++) {
        Layer *layer = arena_copy(low->arena, steps[i].from, sizeof(Layer));
        layer->weight = NULL;
        layer->bias = NULL;
        layer->multiplier = NULL;
        bare[i].from = layer;
    }
    return bare;
}

/* Streams the chain that lowers the peak most, then perhaps another. */
static bool stream_program(Lowering *low, const Step *steps, int count) {
    for (int round = 0; round < MOST_STREAMS; round++) {
        Arena *home = low->arena;
        Found best = {.cost = stream_cost(low->program)};
        int peak = peak_step(low->program);
        low->arena = arena_new();
        Step *bare = bare_steps(low, steps, count), *streamed;
        for (int first = 0; first <= peak && first < count; first++)
            stream_from(low, bare, count, first, peak, &best);
        arena_free(low->arena);
        low->arena = home;
        if (!best.rows)
            break;
        count = stream_steps(home, steps, count, best.first, best.last, best.rows, &streamed,
                             low->capacity);
        steps = streamed;
        if (!program_of(low, steps, count))
            return false;
    }
    return true;
}

static bool wants_streaming(const Program *program, const BuildOptions *options) {
    return options->stream == STREAM_ALWAYS ||
           (options->stream == STREAM_IF_NEEDED && options->ram_bytes > 0 &&
            program->arena_bytes > options->ram_bytes);
}

/* Where another order of the steps needs a smaller arena, the program is made anew in that. */
static bool order_program(Lowering *low, Step *steps, int count) {
    Order order;
    if (program_reorder(low->arena, low->program, steps, &order) &&
        !program_of(low, steps, count))
        return false;
    low->program->order_written = order.written;
    low->program->order_peak = order.peak;
    low->program->order_least = order.least;
    return true;
}

/* ---- the whole -------------------------------------------------------------------------- */

static bool build_steps(Lowering *low, const Fused *fused, int count) {
    const BuildOptions *options = low->options;
    Step *steps = steps_of(low, fused, &count);
    if (!program_of(low, steps, count) || !order_program(low, steps, count))
        return false;
    if (options->threads > 1) {
        count =
            split_steps(low->arena, steps, count, options->threads, options->part_work, &steps);
        return program_of(low, steps, count);
    }
    return !wants_streaming(low->program, options) || stream_program(low, steps, count);
}

/* A last step that clears what pads the caller's output, so that its bytes are the same however
 * it was computed. It has no operand but the result. */
static bool append_tidying(Lowering *low) {
    Program *program = low->program;
    if (program->out_format != FORMAT_I4 || shape_channels(program->out_shape) % 2 == 0)
        return true;
    int count = program->count++;
    Step *steps = arena_array(low->arena, Step, count + 1), *step = &steps[count];
    const Step **routines = arena_array(low->arena, const Step *, count + 1);
    for (int i = 0; i < count; i++)
        steps[i] = program->steps[i];
    for (int i = 0; i < program->routine_count; i++)
        routines[i] = &steps[program->routines[i] - program->steps];
    *step = steps[count - 1];
    step->kernel = (Kernel){OP_INPUT, FORMAT_I8, FORMAT_I4, FORMAT_I4, FORMAT_I4, 32, false};
    step->inputs = step->parts = 0;
    step->input[0] = step->output = step->scratch = -1;
    step->in_offset[0] = step->out_offset = step->macs = step->weight_bytes = 0;
    step->slice = false;
    step->in_shape = step->out_shape = program->out_shape;
    program->steps = steps;
    program->routines = routines;
    program
        ->count--; /* while its code is made, it is not one of those whose constants it has */
    if (!lower_code(low, step))
        return false;
    program->count++;
    share_routine(program, step, map_new(low->arena));
    program->constant_bytes += step->constant_bytes;
    return true;
}

bool program_build_with(Arena *arena, const Model *model, const Target *target,
                        const BuildOptions *options, Program *program, Span *span, Str *why) {
    Fused *fused;
    int count = fuse_layers(arena, model, true, &fused);
    int *same_as = arena_array(arena, int, model->count);
    for (int i = 0; i < model->count; i++)
        same_as[i] = i;
    Lowering low = {.arena = arena,
                    .model = model,
                    .target = target,
                    .options = options,
                    .isa = options->isa ? options->isa : isa_of_target(target),
                    .program = program,
                    .buffer_of = arena_array(arena, int, model->count),
                    .last_step = arena_array(arena, int, model->count),
                    .capacity = arena_array(arena, int, model->count),
                    .same_as = same_as,
                    .span = span,
                    .why = why};
    return model_computable(&low, fused, count) && build_steps(&low, fused, count) &&
           append_tidying(&low);
}

bool program_build_isa(Arena *arena, const Model *model, const Target *target, const Isa *isa,
                       Program *program, Span *span, Str *why) {
    BuildOptions options = {
        .isa = isa, .stream = STREAM_IF_NEEDED, .ram_bytes = target ? target->ram_bytes : 0};
    return program_build_with(arena, model, target, &options, program, span, why);
}

bool program_build(Arena *arena, const Model *model, const Target *target, Program *program,
                   Span *span, Str *why) {
    return program_build_isa(arena, model, target, NULL, program, span, why);
}
