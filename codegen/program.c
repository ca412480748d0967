/* Programs, printed and checked; what identifies a step for a cost table, and what its time is
 * made of.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

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

Shape step_second(const Step *step) {
    if (step->kernel.adds)
        return step->out_shape;
    bool own = step->kernel.kind == OP_MUL || step->kernel.kind == OP_MATMUL;
    return own ? step->in2_shape : step->in_shape;
}

/* ---- printing ---------------------------------------------------------------------------- */

static void print_place(Text *text, const Program *program, int buffer, const char *caller) {
    if (buffer < 0)
        text_add(text, " %s", caller);
    else
        text_add(text, " @%lld", (long long)program->buffers[buffer].offset);
}

static void print_step(Text *text, const Program *program, int index) {
    const Step *step = &program->steps[index];
    Arena *arena = text->arena;
    Str kernel = step->lowered->routine.name;
    Str in = shape_print(arena, step->in_shape), out = shape_print(arena, step->out_shape);
    text_add(text, "%3d  %-26.*s %.*s -> %.*s ", index, STR_ARG(kernel), STR_ARG(in),
             STR_ARG(out));
    for (int k = 0; k < step->inputs; k++)
        print_place(text, program, step->input[k], "input");
    text_add(text, " ->");
    print_place(text, program, step->output, "output");
    if (step->scratch >= 0) {
        text_add(text, ", scratch");
        print_place(text, program, step->scratch, "");
    }
    Str path = program->model->layers[step->layer].path;
    text_add(text, "; weights %lld, macs %lld; %.*s\n", (long long)step->weight_bytes,
             (long long)step->macs, STR_ARG(path));
}

/* What is proven of a number of bytes. */
static void print_proof(Text *text, int64_t bytes, int64_t least) {
    if (bytes == least)
        text_add(text, "%lld bytes (proven least)", (long long)bytes);
    else
        text_add(text, "%lld bytes (at least %lld: a gap of %.1f %%)", (long long)bytes,
                 (long long)least, 100.0 * (double)(bytes - least) / (double)least);
}

static void print_order(Text *text, const Program *program) {
    bool changed = program->order_peak < program->order_written;
    text_add(text, "order %s: alive at once ",
             changed ? "chosen for its memory" : "as written");
    print_proof(text, program->order_peak, program->order_least);
    if (changed)
        text_add(text, ", as written %lld", (long long)program->order_written);
    text_add(text, "\n");
}

static void print_regions(Text *text, const RegionPlan *region) {
    text_add(text, "the first %lld bytes in fast memory: %.1f %% of what is moved%s\n",
             (long long)region->fast_bytes,
             100.0 * (double)region->fast_traffic / (double)region->traffic,
             region->proven ? " (proven most)" : "");
}

void program_print(const Program *program, Text *text) {
    text_add(text, "plan of %.*s: arena ", STR_ARG(program->name));
    print_proof(text, program->arena_bytes, program->bound_bytes);
    text_add(text, ", weights %lld, constants %lld\n", (long long)program->weight_bytes,
             (long long)program->constant_bytes);
    if (program->order_peak)
        print_order(text, program);
    if (program->region.traffic)
        print_regions(text, &program->region);
    for (int i = 0; i < program->count; i++)
        print_step(text, program, i);
    if (program->pruning)
        pruning_print(program->pruning, text);
}

/* ---- checking ---------------------------------------------------------------------------- */

static bool buffers_meet(const Buffer *a, const Buffer *b) {
    return a->bytes && b->bytes && a->first <= b->last && b->first <= a->last &&
           a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* Whether b is written in place of a, directly or through others. */
static bool is_in_place(const Program *program, int a, int b) {
    for (int at = b; at >= 0; at = program->buffers[at].same_as)
        if (at == a)
            return true;
    return false;
}

static const char *plan_fault(const Program *program) {
    for (int b = 0; b < program->buffer_count; b++) {
        const Buffer *buffer = &program->buffers[b];
        if (buffer->offset < 0 || buffer->offset + buffer->bytes > program->arena_bytes)
            return "a buffer outside the arena";
        if (buffer->offset < program->region.fast_bytes &&
            buffer->offset + buffer->bytes > program->region.fast_bytes)
            return "a buffer in two regions";
        if (buffer->same_as >= b)
            return "a buffer in place of a later one";
        if (buffer->same_as >= 0 && buffer->offset != program->buffers[buffer->same_as].offset)
            return "a buffer that is not where it should overwrite another";
        for (int a = 0; a < b; a++)
            if (buffers_meet(&program->buffers[a], buffer) && !is_in_place(program, a, b))
                return "two buffers that overlap while both are alive";
    }
    return NULL;
}

static bool buffer_alive(const Program *program, int buffer, int step, int64_t bytes) {
    if (buffer < -1 || buffer >= program->buffer_count)
        return false;
    if (buffer == -1)
        return true;
    const Buffer *at = &program->buffers[buffer];
    return at->first <= step && step <= at->last && at->bytes >= bytes;
}

static const char *step_fault(const Program *program, int index) {
    const Step *step = &program->steps[index];
    Format in[2] = {step->kernel.in, step->kernel.in2};
    Shape shape[2] = {step->in_shape, step_second(step)};
    for (int k = 0; k < step->inputs; k++)
        if (!buffer_alive(program, step->input[k], index,
                          step->in_offset[k] + tensor_bytes(shape[k], in[k])))
            return "a step that reads a buffer which is not alive, or too small";
    if (!buffer_alive(program, step->output, index,
                      step->out_offset + tensor_bytes(step->out_shape, step->kernel.out)))
        return "a step that writes a buffer which is not alive, or too small";
    if (!buffer_alive(program, step->scratch, index, step->scratch_bytes) ||
        (step->scratch < 0) != (step->scratch_bytes == 0))
        return "a step without its scratch";
    return step->routine < program->routine_count
               ? NULL
               : "a step whose code is not among the program's";
}

const char *program_check(const Program *program) {
    const char *fault = plan_fault(program);
    for (int i = 0; i < program->count && !fault; i++)
        fault = step_fault(program, i);
    if (!fault && program->arena_bytes < program->bound_bytes)
        fault = "an arena below its lower bound";
    return fault;
}

/* ---- what a step costs ------------------------------------------------------------------- */

static Str named_shapes(Arena *arena, Str name, const Step *step) {
    Text text = text_new(arena);
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    text_add(&text, "%.*s %dx%dx%d>%dx%dx%d", STR_ARG(name), in.h, in.w, in.c, out.h, out.w,
             out.c);
    OpKind kind = step->kernel.kind;
    if (kind == OP_CONV || kind == OP_DEPTHWISE || kind == OP_MAX_POOL ||
        kind == OP_AVERAGE_POOL)
        text_add(&text, " k%dx%d s%dx%d p%dx%d g%d", step->kernel_h, step->kernel_w,
                 step->stride_h, step->stride_w, step->pad_h, step->pad_w, step->groups);
    return text_str(&text);
}

Str step_key(Arena *arena, const Step *step) {
    return named_shapes(arena, step->name, step);
}

Str step_shapes(Arena *arena, const Step *step) {
    return named_shapes(arena, kernel_print(arena, step->kernel), step);
}

const char *const step_feature_names[STEP_FEATURES] = {
    "call",     /* 1 */
    "products", /* multiplications */
    "tiles",    /* pairs of channels of three pixels; pairs of a depthwise line's outputs */
    "outputs",  /* codes written */
    "moved",    /* codes gathered, copied or filled */
    "lines",    /* passes of the outer loops */
};
enum { CALL, PRODUCTS, TILES, OUTPUTS, MOVED, LINES };

/* Taps inside the image, along one dimension, summed over the windows. */
static double window_taps(int in, int out, int kernel, int stride, int pad) {
    double taps = 0;
    for (int i = 0; i < out; i++) {
        int64_t first = (int64_t)i * stride - pad;
        taps += (double)(min_i64(first + kernel, in) - max_i64(first, 0));
    }
    return taps;
}

static void conv_features(const Step *step, double *feature) {
    Extent out = extent_of(step->out_shape);
    int64_t pixels = (int64_t)out.h * out.w;
    feature[PRODUCTS] = (double)step->macs;
    feature[TILES] = (double)((pixels + 2) / 3) * ((out.c + 1) / 2);
    feature[OUTPUTS] = 0; /* six for each tile */
    feature[MOVED] = (double)pixels * step->from->row * step->groups;
    feature[LINES] = (double)(pixels + 2) / 3;
}

static void depthwise_features(const Step *step, double *feature) {
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    feature[PRODUCTS] = (double)step->macs;
    feature[TILES] = (double)out.c * out.h * ((out.w + 1) / 2);
    feature[MOVED] = (double)in.c * in.h * in.w;
    feature[LINES] = (double)out.c * out.h;
}

static void pool_features(const Step *step, double *feature) {
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    double lines = window_taps(in.h, out.h, step->kernel_h, step->stride_h, step->pad_h);
    feature[PRODUCTS] =
        lines * out.c * window_taps(in.w, out.w, step->kernel_w, step->stride_w, step->pad_w);
    feature[TILES] = lines * out.w * out.c;
    feature[LINES] = lines * out.w;
}

void step_features(const Step *step, double feature[STEP_FEATURES]) {
    for (int i = 0; i < STEP_FEATURES; i++)
        feature[i] = 0;
    feature[CALL] = 1;
    feature[OUTPUTS] = (double)shape_elements(step->out_shape);
    OpKind kind = step->kernel.kind;
    if (kind == OP_CONV || kind == OP_DENSE)
        conv_features(step, feature);
    else if (kind == OP_DEPTHWISE)
        depthwise_features(step, feature);
    else if (kind == OP_MAX_POOL || kind == OP_AVERAGE_POOL)
        pool_features(step, feature);
}
