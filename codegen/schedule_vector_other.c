/* Element by element and pools, by lanes of channels.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

enum { WINDOW_BYTES = 32768, MAX_MEAN = 32768 };

/* ---- runs of elements -------------------------------------------------------------------- */

/* What is done to `count` elements from `offset` on. */
typedef void Elements(Vector *v, const Landing *at, Reg in, int64_t offset, int count);

/* All elements of a tensor, a vector at a time; in place if the caller likes. */
static void each_vector(Vector *v, Elements *elements) {
    enum { UNROLL = 2 };
    Routine *r = v->r;
    int whole = v->isa->vector_bits / 8;
    int64_t count = shape_elements(v->step->out_shape), passes = count / (UNROLL * whole);
    if (passes > 1) {
        Reg pass = op_loop_n(r, passes);
        Reg in = op_address(r, ARG_IN, pass, UNROLL * whole, 0);
        Landing at = {op_address(r, ARG_OUT, pass, UNROLL * whole, 0), NO_REG, 0, 0};
        if (v->step->inputs > 1)
            at.in2 = op_address(r, ARG_IN2, pass, UNROLL * whole, 0);
        for (int i = 0; i < UNROLL; i++)
            elements(v, &at, in, (int64_t)i * whole, whole);
        op_end(r);
    }
    Landing at = {ARG_OUT, ARG_IN2, 0, 0};
    for (int64_t i = passes > 1 ? passes * UNROLL * whole : 0; i < count; i += whole)
        elements(v, &at, ARG_IN, i, (int)min_i64(whole, count - i));
}

static void add_elements(Vector *v, const Landing *at, Reg in, int64_t offset, int count) {
    Routine *r = v->r;
    const Kernel *kernel = &v->step->kernel;
    Reg a = load_unsigned(v, U8, kernel->in, in, offset, count);
    Reg b = load_unsigned(v, U8, kernel->in2, at->in2, offset, count);
    Reg none = op_constant(r, I32, v->bits, 0), sums[4];
    for (int i = 0; i < 4; i++) {
        Reg halves = op_interleave(r, U8, a, none, i / 2);
        Reg others = op_interleave(r, U8, b, none, i / 2);
        halves = op2(r, INSN_SUB, I16, halves, vector_head(v, I16, v->bits, HEAD_ZERO));
        others = op2(r, INSN_SUB, I16, others, vector_head(v, I16, v->bits, HEAD_ADD_IN));
        sums[i] = add_pairs(v, op_interleave(r, I16, halves, others, i % 2), v->step->shift);
    }
    Group group = {0, 4, 1, count};
    Landing landing = {at->out, NO_REG, offset, 0};
    store_group(v, &group, sums, &landing);
}

bool vector_add(Vector *v) {
    vector_constants(v, 0);
    v->bits = v->isa->vector_bits;
    v->lanes = v->bits / 32;
    each_vector(v, add_elements);
    v->lowered->overwrites = 3;
    return true;
}

/* Codes at the output's zero point: signed ones outside a program, unsigned ones inside. */
static Reg moved_codes(Vector *v, Type lane, Reg codes) {
    int moved = v->step->out_zero - v->step->in_zero;
    if (!moved)
        return codes;
    return op2(v->r, INSN_ADD, lane, codes, op_constant(v->r, lane, v->bits, moved));
}

static bool moves_by_sign(const Vector *v) {
    int moved = v->step->out_zero - v->step->in_zero;
    int by = vector_type(v->step->kernel.out) == vector_type(v->step->kernel.in) ? 0 : 128;
    return moved == by || moved == -by;
}

static void clamp_elements(Vector *v, const Landing *at, Reg in, int64_t offset, int count) {
    const Kernel *kernel = &v->step->kernel;
    Type out = vector_type(kernel->out);
    Reg codes = op_load(v->r, out, v->bits, vector_type(kernel->in), in, offset, count);
    codes = clamp_codes(v, out, moved_codes(v, out, codes));
    op_store(v->r, out, codes, out, at->out, offset, count);
}

bool vector_clamp(Vector *v) {
    if (!moves_by_sign(v))
        return false;
    vector_constants(v, 0);
    v->bits = v->isa->vector_bits;
    each_vector(v, clamp_elements);
    v->lowered->overwrites = 1;
    return true;
}

/* ---- pools ------------------------------------------------------------------------------- */

/* What a pool does to `count` channels of a pixel. */
typedef struct Pool {
    Vector *v;
    Window window;
    int size, out_size;
} Pool;
typedef void Pixel(const Pool *pool, Reg in, Reg out, int count);

/* Loops over the taps of a window; the pointer to one. */
static Reg open_taps(const Pool *pool, Reg in) {
    Vector *v = pool->v;
    Reg ky = op_loop_n(v->r, v->step->kernel_h);
    Reg row = op_address(v->r, in, ky, (int)pool->window.pitch, 0);
    Reg kx = op_loop_n(v->r, v->step->kernel_w);
    return op_address(v->r, row, kx, (int)pool->window.pixel, 0);
}

static void close_taps(const Pool *pool) {
    op_end(pool->v->r);
    op_end(pool->v->r);
}

static void max_pixel(const Pool *pool, Reg in, Reg out, int count) {
    Vector *v = pool->v;
    Routine *r = v->r;
    Type type = vector_type(v->step->kernel.out);
    Reg most = op_load(r, v->element, v->bits, v->element, in, 0, count);
    Reg tap = open_taps(pool, in);
    Reg x = op_load(r, v->element, v->bits, v->element, tap, 0, count);
    op2_to(r, most, INSN_MAX, v->element, most, x);
    close_taps(pool);
    Reg codes = clamp_codes(v, type, moved_codes(v, type, most));
    op_store(r, type, codes, type, out, 0, count);
}

/* floor((2 S + n) / 2n), S of codes made non-negative. Quotient and operands are exact enough in
 * binary32: 2 S + n < 2^24, and a quotient below 256 that is no integer is at least 1 / 2n from
 * the next one, more than its rounding error of 2^-17. */
static Reg mean(const Pool *pool, Reg sum) {
    Vector *v = pool->v;
    Routine *r = v->r;
    int n = v->step->kernel_h * v->step->kernel_w;
    int lowest = v->element == I8 ? -128 : 0;
    Reg twice = op1(r, INSN_SHL, I32, sum, 1);
    twice = op2(r, INSN_ADD, I32, twice, op_constant(r, I32, v->bits, n - 2 * lowest * n));
    Reg quotient = op2(r, INSN_DIV, F32, op_convert(r, F32, I32, v->bits, twice),
                       op_real(r, F32, v->bits, 2 * n));
    Reg code = op_convert(r, I32, F32, v->bits, quotient);
    return op2(r, INSN_ADD, I32, code, op_constant(r, I32, v->bits, lowest));
}

static void average_pixel(const Pool *pool, Reg in, Reg out, int count) {
    Vector *v = pool->v;
    Routine *r = v->r;
    Reg sums[4];
    int vectors = (count + v->lanes - 1) / v->lanes;
    for (int i = 0; i < vectors; i++)
        sums[i] = op_constant(r, I32, v->bits, 0);
    Reg tap = open_taps(pool, in);
    for (int i = 0; i < vectors; i++) {
        int lanes = (int)min_i64(v->lanes, count - i * v->lanes);
        Reg x = op_load(r, I32, v->bits, v->element, tap, i * v->lanes, lanes);
        op2_to(r, sums[i], INSN_ADD, I32, sums[i], x);
    }
    close_taps(pool);
    for (int i = 0; i < vectors; i++) {
        Group group = {i, 1, 1, (int)min_i64(v->lanes, count - i * v->lanes)};
        Landing landing = {out, NO_REG, 0, 0};
        sums[i] = moved_codes(v, I32, mean(pool, sums[i]));
        store_group(v, &group, &sums[i], &landing);
    }
}

/* All pixels, `count` channels from `in` and `out` on. */
static void pool_pixels(const Pool *pool, Reg in, Reg out, int count, Pixel *pixel) {
    Vector *v = pool->v;
    Routine *r = v->r;
    const Step *step = v->step;
    int out_pixel = v->out.c * pool->out_size;
    if (pool->window.rows > 1) {
        Reg y = op_loop_n(r, pool->window.rows);
        in = op_address(r, in, y, (int)(step->stride_h * pool->window.pitch), 0);
        out = op_address(r, out, y, v->out.w * out_pixel, 0);
    }
    if (v->out.w > 1) {
        Reg x = op_loop_n(r, v->out.w);
        in = op_address(r, in, x, (int)(step->stride_w * pool->window.pixel), 0);
        out = op_address(r, out, x, out_pixel, 0);
    }
    pixel(pool, in, out, count);
    if (v->out.w > 1)
        op_end(r);
    if (pool->window.rows > 1)
        op_end(r);
}

static void pool_channels(const Pool *pool, Pixel *pixel) {
    Vector *v = pool->v;
    Routine *r = v->r;
    int whole = v->bits / 8 / pool->size, blocks = v->in.c / whole, rest = v->in.c % whole;
    Reg in = pool->window.base, out = ARG_OUT;
    if (pool->window.row != NO_REG)
        out = op_address(r, out, pool->window.row, v->out.w * v->out.c * pool->out_size, 0);
    if (blocks) {
        Reg b = op_loop_n(r, blocks);
        Reg from = op_address(r, in, b, whole * pool->size, 0);
        Reg to = op_address(r, out, b, whole * pool->out_size, 0);
        pool_pixels(pool, from, to, whole, pixel);
        op_end(r);
    }
    if (rest)
        pool_pixels(pool, op_address(r, in, NO_REG, 0, (int64_t)blocks * whole * pool->size),
                    op_address(r, out, NO_REG, 0, (int64_t)blocks * whole * pool->out_size),
                    rest, pixel);
}

bool vector_pool(Vector *v) {
    const Step *step = v->step;
    bool averages = step->kernel.kind == OP_AVERAGE_POOL;
    v->element = vector_type(step->kernel.in);
    v->size = type_bits(v->element) / 8;
    v->moved = 0;
    v->bits = v->isa->vector_bits;
    v->lanes = v->bits / 32;
    if (!moves_by_sign(v) ||
        (averages && (v->size == 2 || (int64_t)step->kernel_h * step->kernel_w > MAX_MEAN)))
        return false;
    vector_constants(v, 0);
    Pool pool = {
        .v = v, .size = v->size, .out_size = type_bits(vector_type(step->kernel.out)) / 8};
    pool.window = window_open(v, false, 0, WINDOW_BYTES);
    if (averages && pool.window.copied)
        return false; /* windows of several sizes */
    pool_channels(&pool, averages ? average_pixel : max_pixel);
    window_close(v, &pool.window);
    return true;
}
