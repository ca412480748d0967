/* The vector scheduler: what it takes, and in which lanes. Lanes are output channels, so that no
 * vector is ever summed across; narrow layers get narrow vectors.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

/* ---- shapes ------------------------------------------------------------------------------ */

static bool is_window_of_one(const Step *step) {
    return step->kernel_h == 1 && step->kernel_w == 1 && step->stride_h == 1 &&
           step->stride_w == 1;
}

static Shape row_of_pixels(int64_t pixels, int64_t channels) {
    return (Shape){3, {1, (int)pixels, (int)channels}};
}

/* A step of the same result whose shape is simpler: dense is a window of one pixel that holds the
 * whole input, and where pixels do not meet they are one row. */
static Step *simplified(Arena *arena, const Step *from) {
    Step *step = arena_copy(arena, from, sizeof *from);
    if (step->kernel.kind == OP_DENSE) {
        step->kernel.kind = OP_CONV;
        step->in_shape = row_of_pixels(1, shape_elements(from->in_shape));
        step->out_shape = row_of_pixels(1, shape_elements(from->out_shape));
        step->kernel_h = step->kernel_w = 1;
    } else if (is_window_of_one(step)) {
        int pixels = shape_pixels(from->in_shape);
        step->in_shape = row_of_pixels(pixels, shape_channels(from->in_shape));
        step->out_shape = row_of_pixels(pixels, shape_channels(from->out_shape));
    }
    return step;
}

/* ---- lanes ------------------------------------------------------------------------------- */

static bool is_byte(Format format) {
    return format == FORMAT_I8 || format == FORMAT_U8;
}

/* The narrowest vectors that hold the channels. */
static int vector_bits(const Isa *isa, int channels) {
    int bits = 128;
    while (bits < isa->vector_bits && bits < 32 * channels)
        bits *= 2;
    return bits;
}

static Vector vector_of(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered) {
    const Kernel *k = &step->kernel;
    bool halves = k->kind == OP_DEPTHWISE && k->out == FORMAT_I16; /* packed from sums */
    bool bytes = isa->dot == DOT_U8 && is_byte(k->in) && k->weights != FORMAT_I16 && !halves;
    int channels = shape_channels(step->out_shape) / (step->groups ? step->groups : 1);
    Vector v = {.arena = arena,
                .isa = isa,
                .step = step,
                .lowered = lowered,
                .r = &lowered->routine,
                .in = extent_of(step->in_shape),
                .out = extent_of(step->out_shape),
                .bits = vector_bits(isa, channels),
                .element = bytes ? U8 : I16,
                .size = bytes ? 1 : 2,
                .taps = bytes ? 4 : 2};
    v.lanes = v.bits / 32;
    v.moved = bytes && step->kernel.in == FORMAT_I8 ? 128 : 0;
    return v;
}

/* ---- what it takes ----------------------------------------------------------------------- */

static bool takes_formats(const Step *step) {
    const Kernel *k = &step->kernel;
    bool i16 = k->in == FORMAT_I16 || k->out == FORMAT_I16;
    bool wide = k->accumulator_bits == 64 && k->kind != OP_CONV && k->kind != OP_DENSE;
    if (k->in == FORMAT_I4 || k->out == FORMAT_I4 || wide)
        return false;
    if (k->adds)
        return is_byte(k->in2) && is_byte(k->out) && step->from->out.format != FORMAT_I16;
    if (k->kind == OP_ADD || k->kind == OP_RELU)
        return !i16 && is_byte(k->in2);
    return true;
}

enum { MAX_WINDOW_BYTES = 1 << 26, MAX_UNROLLED = 16 };

/* Distances fit the instructions, a copy of one row of windows is in proportion to what it serves,
 * and code that is written tap by tap stays short. */
static bool takes_shape(const Vector *v) {
    const Step *step = v->step;
    int64_t columns = (int64_t)(v->out.w - 1) * step->stride_w + step->kernel_w;
    int64_t row = max_i64(columns, v->in.w) * v->in.c * v->size;
    bool unrolls = step->kernel.kind == OP_DEPTHWISE;
    return row * step->kernel_h <= MAX_WINDOW_BYTES && row * step->stride_h <= INT32_MAX &&
           (!unrolls || (step->kernel_w <= MAX_UNROLLED && step->kernel_h <= MAX_UNROLLED));
}

typedef bool Write(Vector *v);

static Write *const writers[OP_COUNT] = {
    [OP_CONV] = vector_conv,     [OP_DEPTHWISE] = vector_depthwise,
    [OP_ADD] = vector_add,       [OP_RELU] = vector_clamp,
    [OP_MAX_POOL] = vector_pool, [OP_AVERAGE_POOL] = vector_pool,
};

bool schedule_vector(Arena *arena, const Isa *isa, const Step *from, Lowered *lowered,
                     Str *why) {
    (void)why; /* the plain scheduler takes what this one does not */
    const Step *step = simplified(arena, from);
    Write *write = writers[step->kernel.kind];
    if (!write || !takes_formats(step))
        return false;
    Str name = str_format(arena, "%.*s lanes", STR_ARG(kernel_print(arena, step->kernel)));
    *lowered = (Lowered){
        .routine = routine_new(arena, name), .weights_type = I8, .constants_type = I32};
    Vector v = vector_of(arena, isa, step, lowered);
    return takes_shape(&v) && write(&v);
}
