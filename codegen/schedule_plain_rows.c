/* Plain schedules of operators each of whose results is made of a whole row: softmax, layer norm,
 * products of matrices.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_plain.h"
#include "net/layers.h"

/* ---- 64-bit arithmetic ------------------------------------------------------------------ */

static Reg fixed64(Plain *p, int64_t value) {
    return op_constant(p->r, I64, 64, value);
}

static Reg op64(Plain *p, InsnKind kind, Reg a, Reg b) {
    return op2(p->r, kind, I64, a, b);
}

/* All ones where a < b, else 0. */
static Reg ones_below(Plain *p, Reg a, Reg b) {
    return op1(p->r, INSN_SHR, I64, op64(p, INSN_SUB, a, b), 63);
}

/* The largest number of `bits` bits whose product with `factor` (NO_REG: with itself) is at most
 * `limit`, bit by bit. */
static Reg largest_within(Plain *p, int bits, Reg factor, Reg limit) {
    Routine *r = p->r;
    Reg found = fixed64(p, 0), bit = fixed64(p, (int64_t)1 << bits);
    op_loop_n(r, bits);
    op_copy_to(r, bit, op1(r, INSN_SHR, I64, bit, 1));
    Reg larger = op64(p, INSN_ADD, found, bit);
    Reg product = op64(p, INSN_MUL, larger, factor == NO_REG ? larger : factor);
    Reg beyond = ones_below(p, limit, product);
    Reg keep = op64(p, INSN_AND, bit, op64(p, INSN_XOR, beyond, fixed64(p, -1)));
    op2_to(r, found, INSN_ADD, I64, found, keep);
    op_end(r);
    return found;
}

/* floor(2^61 / x), 2^30 <= x <= 2^31 */
static Reg reciprocal(Plain *p, Reg x) {
    return largest_within(p, 32, x, fixed64(p, (int64_t)1 << 61));
}

/* Doubles x, or with `log` 2 quadruples it, until it is no less than `least`; how many times. */
static Reg scaled_up(Plain *p, Reg x, int log, Reg least) {
    Routine *r = p->r;
    Reg times = plain_fixed(p, 0);
    op_loop_n(r, 31);
    Reg below = ones_below(p, x, least);
    Reg more = op64(p, INSN_SUB, op1(r, INSN_SHL, I64, x, log), x);
    op2_to(r, x, INSN_ADD, I64, x, op64(p, INSN_AND, more, below));
    op2_to(r, times, INSN_SUB, I32, times, op_convert(r, I32, I64, 32, below));
    op_end(r);
    return times;
}

/* ---- rows ------------------------------------------------------------------------------- */

typedef struct Rows {
    Pixels in, out;
    Reg pixels, channels, from, to;
} Rows;

static Rows rows_open(Plain *p) {
    const Step *s = p->step;
    int channels = shape_channels(s->out_shape);
    Rows rows = {.in = plain_pixels(p, ARG_IN, s->kernel.in, channels),
                 .out = plain_pixels(p, ARG_OUT, s->kernel.out, channels),
                 .channels = plain_number(p, channels)};
    Reg pixel = op_loop(p->r, plain_number(p, shape_pixels(s->out_shape)));
    rows.from = plain_pixel_at(p, &rows.in, pixel);
    rows.to = plain_pixel_at(p, &rows.out, pixel);
    return rows;
}

/* ---- softmax ---------------------------------------------------------------------------- */

/* As many as there can be differences of what is stored. */
static void pack_exponentials(Plain *p, Lowered *lowered) {
    const Step *s = p->step;
    const Layer *layer = s->from;
    bool wide = s->in_format == FORMAT_I16;
    int entries = wide ? 2 * SOFTMAX_ENTRIES : 1 << format_bits(s->in_format);
    lowered->constants_type = I32;
    lowered->constants_count = wide ? entries : 1 << format_bits(s->kernel.in);
    if (!layer->table)
        return;
    int64_t *out = arena_array(p->r->arena, int64_t, lowered->constants_count);
    for (int i = 0; i < entries; i++)
        out[i] = layer->table[i];
    lowered->constants = out;
}

/* exp of x less the largest code, of 64 bits. */
static Reg exponential(Plain *p, const Rows *rows, Reg most, Reg c) {
    Routine *r = p->r;
    Reg below = plain_sub(p, most, plain_load(p, rows->in.format, rows->from, c));
    if (p->step->in_format != FORMAT_I16)
        return plain_wide(p, op_load_at(r, I32, 32, I32, ARG_CONSTANTS, below, 4, 0, 1));
    Reg high = op1(r, INSN_SHR, I32, below, 8);
    Reg low = op2(r, INSN_AND, I32, below, plain_fixed(p, 255));
    Reg a = op_load_at(r, I32, 32, I32, ARG_CONSTANTS, high, 4, 0, 1);
    Reg b = op_load_at(r, I32, 32, I32, ARG_CONSTANTS, low, 4, (int64_t)SOFTMAX_ENTRIES * 4, 1);
    Reg product = op64(p, INSN_MUL, plain_wide(p, a), plain_wide(p, b));
    product = op64(p, INSN_ADD, product, fixed64(p, (int64_t)1 << (SOFTMAX_LOW_BITS - 1)));
    return op1(r, INSN_SHR, I64, product, SOFTMAX_LOW_BITS);
}

static Reg largest_code(Plain *p, const Rows *rows) {
    Reg most = plain_fixed(p, INT32_MIN);
    Reg c = op_loop(p->r, rows->channels);
    op2_to(p->r, most, INSN_MAX, I32, most, plain_load(p, rows->in.format, rows->from, c));
    op_end(p->r);
    return most;
}

bool write_softmax(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    pack_exponentials(p, lowered);
    Reg m =
        plain_wide(p, plain_told(p, s->from->multiplier ? s->from->multiplier[0] : 1 << 30));
    Scale scale = plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    Rows rows = rows_open(p);
    Reg most = largest_code(p, &rows), sum = fixed64(p, 0);
    Reg c = op_loop(r, rows.channels);
    op2_to(r, sum, INSN_ADD, I64, sum, exponential(p, &rows, most, c));
    op_end(r);
    Reg times = scaled_up(p, sum, 1, fixed64(p, (int64_t)1 << 30));
    Reg inverse = reciprocal(p, sum), down = plain_sub(p, plain_fixed(p, 31), times);
    c = op_loop(r, rows.channels);
    Reg share = op64(p, INSN_MUL, exponential(p, &rows, most, c), inverse);
    share = plain_shifted(p, INSN_SHR, I64, share, down);
    plain_store(p, rows.out.format, rows.to, c,
                plain_scaled(p, &scale, op64(p, INSN_MUL, share, m)));
    op_end(r);
    op_end(r);
    lowered->overwrites = format_bits(s->kernel.in) == format_bits(s->kernel.out);
    return true;
}

/* ---- layer norm ------------------------------------------------------------------------- */

enum { NORM_HEAD = 1 }; /* epsilon; then a multiplier and a bias for each channel */

static void pack_norm(Plain *p, Lowered *lowered) {
    const Step *s = p->step;
    const Layer *layer = s->from;
    int channels = shape_channels(s->out_shape);
    lowered->constants_type = I64;
    lowered->constants_count = NORM_HEAD + 2 * (int64_t)channels;
    if (!layer->multiplier || !layer->bias)
        return;
    int64_t *out = arena_array(p->r->arena, int64_t, lowered->constants_count);
    out[0] = layer->epsilon;
    for (int c = 0; c < channels; c++) {
        out[NORM_HEAD + 2 * c] = layer->multiplier[c];
        out[NORM_HEAD + 2 * c + 1] = layer->bias[c];
    }
    lowered->constants = out;
}

typedef struct Norm {
    Reg n, fine, sum; /* of 64, 32, 64 bits */
    Reg inverse, down, round;
} Norm;

/* What the row's deviations are multiplied by. */
static void norm_row(Plain *p, const Rows *rows, Norm *norm) {
    Routine *r = p->r;
    Reg sum = fixed64(p, 0), squares = fixed64(p, 0);
    Reg c = op_loop(r, rows->channels);
    Reg x = plain_wide(p, plain_load(p, rows->in.format, rows->from, c));
    op2_to(r, sum, INSN_ADD, I64, sum, x);
    op2_to(r, squares, INSN_ADD, I64, squares, op64(p, INSN_MUL, x, x));
    op_end(r);
    Reg twice = plain_add(p, norm->fine, norm->fine);
    Reg variance =
        op64(p, INSN_SUB, op64(p, INSN_MUL, norm->n, squares), op64(p, INSN_MUL, sum, sum));
    variance = plain_shifted(p, INSN_SHL, I64, variance, twice);
    variance = op64(p, INSN_ADD, variance, op_load(r, I64, 64, I64, ARG_CONSTANTS, 0, 1));
    Reg pairs = scaled_up(p, variance, 2, fixed64(p, (int64_t)1 << 60));
    norm->sum = sum;
    norm->inverse = reciprocal(p, largest_within(p, 31, NO_REG, variance));
    norm->down =
        plain_sub(p, plain_sub(p, plain_fixed(p, 61 - NORM_FRACTION), norm->fine), pairs);
    Reg before = plain_sub(p, norm->down, plain_fixed(p, 1));
    norm->round = plain_shifted(p, INSN_SHL, I64, fixed64(p, 1), before);
}

static Reg normal(Plain *p, const Norm *norm, Reg x) {
    Reg deviation = op64(p, INSN_SUB, op64(p, INSN_MUL, plain_wide(p, x), norm->n), norm->sum);
    Reg product = op64(p, INSN_MUL, deviation, norm->inverse);
    return plain_shifted(p, INSN_SHR, I64, op64(p, INSN_ADD, product, norm->round), norm->down);
}

bool write_layer_norm(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    Tensor in = {.shape = s->in_shape, .format = s->in_format};
    pack_norm(p, lowered);
    Norm norm = {.n = plain_wide(p, plain_number(p, shape_channels(s->in_shape))),
                 .fine = plain_number(p, norm_bits(&in))};
    Scale scale = plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    Rows rows = rows_open(p);
    norm_row(p, &rows, &norm);
    Reg c = op_loop(r, rows.channels);
    Reg u = normal(p, &norm, plain_load(p, rows.in.format, rows.from, c));
    Reg m = op_load_at(r, I64, 64, I64, ARG_CONSTANTS, c, 16, 8 * NORM_HEAD, 1);
    Reg b = op_load_at(r, I64, 64, I64, ARG_CONSTANTS, c, 16, 8 * NORM_HEAD + 8, 1);
    Reg sum = op64(p, INSN_ADD, op64(p, INSN_MUL, u, m), b);
    plain_store(p, rows.out.format, rows.to, c, plain_scaled(p, &scale, sum));
    op_end(r);
    op_end(r);
    lowered->overwrites = format_bits(s->kernel.in) == format_bits(s->kernel.out);
    return true;
}

/* ---- the matrix product ----------------------------------------------------------------- */

typedef struct Matrices {
    Pixels a, b;
    Reg zero, zero2, depth;
    bool transposed;
} Matrices;

static Reg centred(Plain *p, Reg code, Reg zero) {
    Reg x = plain_sub(p, code, zero);
    return p->sum == I64 ? plain_wide(p, x) : x;
}

/* The sum for row `from` of the first and column c of the second. */
static Reg matrix_sum(Plain *p, const Matrices *m, Reg from, Reg c) {
    Routine *r = p->r;
    Reg acc = op_constant(r, p->sum, type_bits(p->sum), 0);
    Reg k = op_loop(r, m->depth);
    Reg x = plain_load(p, m->a.format, from, k);
    Reg row = plain_pixel_at(p, &m->b, m->transposed ? c : k);
    Reg y = plain_load(p, m->b.format, row, m->transposed ? k : c);
    Reg product = op2(r, INSN_MUL, p->sum, centred(p, x, m->zero), centred(p, y, m->zero2));
    op2_to(r, acc, INSN_ADD, p->sum, acc, product);
    op_end(r);
    return p->sum == I64 ? acc : plain_wide(p, acc);
}

bool write_matmul(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    int columns = shape_channels(s->out_shape), depth = shape_channels(s->in_shape);
    Reg rows = plain_number(p, shape_pixels(s->out_shape)), count = plain_number(p, columns);
    Matrices matrices = {
        .a = plain_pixels(p, ARG_IN, s->kernel.in, depth),
        .b = plain_pixels(p, ARG_IN2, s->kernel.in2, shape_channels(s->in2_shape)),
        .zero = plain_told(p, s->in_zero),
        .zero2 = plain_told(p, s->in_zero2),
        .depth = plain_number(p, depth),
        .transposed = s->from->attribute[ATTRIBUTE_TRANSPOSED] != 0};
    Pixels out = plain_pixels(p, ARG_OUT, s->kernel.out, columns);
    Reg m =
        plain_wide(p, plain_told(p, s->from->multiplier ? s->from->multiplier[0] : 1 << 30));
    Scale scale = plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    Reg row = op_loop(r, rows);
    Reg from = plain_pixel_at(p, &matrices.a, row), to = plain_pixel_at(p, &out, row);
    Reg c = op_loop(r, count);
    Reg sum = matrix_sum(p, &matrices, from, c);
    plain_store(p, out.format, to, c, plain_scaled(p, &scale, op64(p, INSN_MUL, sum, m)));
    op_end(r);
    op_end(r);
    return true;
}
