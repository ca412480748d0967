/* The plain scheduler: any operator in any formats, one element at a time, in the order of
 * doc/numerics.md. What nobody has written a faster schedule for runs through here.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_plain.h"

/* The sum with a second operand: of an add, and of a convolution that adds. */
typedef struct Sum {
    Pixels operand;
    Reg zero[2], multiplier[2];
    Scale scale;
} Sum;

static Sum sum_of(Plain *p, int32_t zero, const int32_t *multiplier, int shift) {
    const Step *step = p->step;
    Sum sum = {.operand =
                   plain_pixels(p, ARG_IN2, step->kernel.in2, shape_channels(step->out_shape)),
               .zero = {plain_told(p, zero), plain_told(p, step->in_zero2)}};
    for (int k = 0; k < 2; k++)
        sum.multiplier[k] = plain_wide(p, plain_told(p, multiplier ? multiplier[k] : 1 << 20));
    sum.scale = plain_scale(p, step->out_zero, step->low, step->high, shift);
    return sum;
}

static Reg summed(Plain *p, const Sum *sum, Reg code, Reg pixel, Reg c) {
    Reg other = plain_load(p, sum->operand.format, plain_pixel_at(p, &sum->operand, pixel), c);
    Reg a = plain_rescaled(p, code, sum->zero[0], sum->multiplier[0]);
    Reg b = plain_rescaled(p, other, sum->zero[1], sum->multiplier[1]);
    return plain_scaled(p, &sum->scale, op2(p->r, INSN_ADD, I64, a, b));
}

/* ---- windows ---------------------------------------------------------------------------- */

/* One dimension of a window: its taps inside the input, for an output's place. */
typedef struct Span1 {
    Reg in, kernel, stride, pad;
} Span1;

typedef struct Taps {
    Reg first, count, origin; /* origin + tap: the input's place */
} Taps;

static Span1 span_of(Plain *p, int in, int kernel, int stride, int pad) {
    return (Span1){plain_number(p, in), plain_number(p, kernel), plain_number(p, stride),
                   plain_number(p, pad)};
}

static Taps taps_at(Plain *p, const Span1 *span, Reg out) {
    Routine *r = p->r;
    Reg origin = op2(r, INSN_SUB, I32, plain_mul(p, out, span->stride), span->pad);
    Reg zero = plain_fixed(p, 0);
    Reg first = op2(r, INSN_MAX, I32, zero, op2(r, INSN_SUB, I32, zero, origin));
    Reg end = op2(r, INSN_MIN, I32, span->kernel, op2(r, INSN_SUB, I32, span->in, origin));
    return (Taps){first, op2(r, INSN_SUB, I32, end, first), origin};
}

/* ---- convolution, depthwise, dense ------------------------------------------------------ */

/* Weights below 8 bits lie in one stream of bits, low bits first, all rows one after another; a
 * byte more at the end lets two be read for each. */
static void pack_weights(Plain *p, Lowered *lowered) {
    const Layer *layer = p->step->from;
    int bits = format_bits(layer->weights);
    int64_t count = (int64_t)layer->out_channels * layer->row;
    bool packed = bits < 8;
    lowered->weights_type = bits == 16 ? I16 : packed ? U8 : I8;
    lowered->weights_count = packed ? (count * bits + 7) / 8 + 1 : count;
    if (!layer->weight)
        return;
    int64_t *out = arena_array(p->r->arena, int64_t, lowered->weights_count);
    for (int64_t i = 0; i < count; i++) {
        if (!packed) {
            out[i] = layer->weight[i];
            continue;
        }
        uint32_t code = (uint32_t)layer->weight[i] & ((1u << bits) - 1);
        int64_t at = i * bits;
        out[at / 8] |= code << at % 8 & 255;
        out[at / 8 + 1] |= code << at % 8 >> 8;
    }
    lowered->weights = out;
}

/* Weight number `index` of the layer. */
static Reg load_weight(Plain *p, Reg index) {
    Routine *r = p->r;
    Format format = p->step->kernel.weights;
    int bits = format_bits(format);
    if (bits >= 8)
        return op_load_at(r, I32, 32, plain_type(format), ARG_WEIGHTS, index, bits / 8, 0, 1);
    Reg at = plain_mul(p, index, plain_fixed(p, bits));
    Reg byte = op1(r, INSN_SHR, I32, at, 3);
    Reg low = op_load_at(r, I32, 32, U8, ARG_WEIGHTS, byte, 1, 0, 1);
    Reg high = op_load_at(r, I32, 32, U8, ARG_WEIGHTS, byte, 1, 1, 1);
    Reg both = plain_add(p, low, op1(r, INSN_SHL, I32, high, 8));
    Reg left = op2(r, INSN_SUB, I32, plain_fixed(p, 32 - bits),
                   op2(r, INSN_AND, I32, at, plain_fixed(p, 7)));
    return op1(r, INSN_SHR, I32, plain_shifted(p, INSN_SHL, I32, both, left), 32 - bits);
}

/* Biases without the input's zero point, then multipliers. */
static void pack_channels(Plain *p, Lowered *lowered) {
    const Layer *layer = p->step->from;
    lowered->constants_type = p->sum;
    lowered->constants_count = 2 * (int64_t)layer->out_channels;
    if (!layer->weight)
        return;
    int64_t *out = arena_array(p->r->arena, int64_t, lowered->constants_count);
    for (int c = 0; c < layer->out_channels; c++) {
        out[c] = layer->bias[c];
        out[layer->out_channels + c] = layer->multiplier[c];
    }
    lowered->constants = out;
}

/* What a convolution's loops need of the step. */
typedef struct Conv {
    Pixels in, out;
    Span1 rows, columns;
    Reg in_w, group_in, zero, out_channels;
    Scale scale;
    Sum sum;
} Conv;

static Reg load_sum(Plain *p, Reg index) {
    return op_load_at(p->r, p->sum, type_bits(p->sum), p->sum, ARG_CONSTANTS, index,
                      type_bits(p->sum) / 8, 0, 1);
}

/* acc += the products of one tap: `at` is the pixel, `weight` the number of its first weight. */
static void add_products(Plain *p, const Conv *conv, Reg acc, Reg at, Reg first, Reg weight) {
    Routine *r = p->r;
    Reg k = op_loop(r, conv->group_in);
    Reg code = plain_load(p, conv->in.format, at, plain_add(p, first, k));
    Reg x = op2(r, INSN_SUB, I32, code, conv->zero);
    Reg w = load_weight(p, plain_add(p, weight, k));
    if (p->sum == I64)
        x = plain_wide(p, x), w = plain_wide(p, w);
    op2_to(r, acc, INSN_ADD, p->sum, acc, op2(r, INSN_MUL, p->sum, x, w));
    op_end(r);
}

static Reg convolved(Plain *p, const Conv *conv, const Taps *rows, const Taps *columns, Reg c,
                     Reg first) {
    Routine *r = p->r;
    Reg acc = load_sum(p, c);
    Reg row_of_c = plain_mul(p, c, conv->rows.kernel);
    Reg line = op_loop(r, rows->count);
    Reg ky = plain_add(p, rows->first, line);
    Reg row = plain_mul(p, plain_add(p, rows->origin, ky), conv->in_w);
    Reg tap_row = plain_mul(p, plain_add(p, row_of_c, ky), conv->columns.kernel);
    Reg step = op_loop(r, columns->count);
    Reg kx = plain_add(p, columns->first, step);
    Reg pixel =
        plain_pixel_at(p, &conv->in, plain_add(p, row, plain_add(p, columns->origin, kx)));
    add_products(p, conv, acc, pixel, first,
                 plain_mul(p, plain_add(p, tap_row, kx), conv->group_in));
    op_end(r);
    op_end(r);
    return acc;
}

static Conv conv_of(Plain *p, int group_in) {
    const Step *s = p->step;
    Extent in = extent_of(s->in_shape);
    int out_c = s->from->out_channels;
    Conv conv = {.in = plain_pixels(p, ARG_IN, s->kernel.in, in.c),
                 .out = plain_pixels(p, ARG_OUT, s->kernel.out, out_c),
                 .rows = span_of(p, in.h, s->kernel_h, s->stride_h, s->pad_h),
                 .columns = span_of(p, in.w, s->kernel_w, s->stride_w, s->pad_w),
                 .group_in = plain_number(p, group_in),
                 .zero = plain_told(p, s->in_zero),
                 .out_channels = plain_number(p, out_c)};
    conv.in_w = conv.columns.in;
    if (s->kernel.adds) {
        conv.scale = plain_scale(p, s->add.zero, s->add.low, s->add.high, s->shift);
        conv.sum =
            sum_of(p, s->add.zero, s->from->weight ? s->add.multiplier : NULL, s->add.shift);
    } else {
        conv.scale = plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    }
    return conv;
}

/* Channel by channel of a group, whose inputs begin at channel `first`. */
static void conv_channel(Plain *p, const Conv *conv, const Taps *rows, const Taps *columns,
                         Reg c, Reg first, Reg pixel) {
    Reg acc = convolved(p, conv, rows, columns, c, first);
    Reg m = load_sum(p, plain_add(p, conv->out_channels, c));
    if (p->sum == I32)
        acc = plain_wide(p, acc), m = plain_wide(p, m);
    Reg code = plain_scaled(p, &conv->scale, op2(p->r, INSN_MUL, I64, acc, m));
    if (p->step->kernel.adds)
        code = summed(p, &conv->sum, code, pixel, c);
    plain_store(p, conv->out.format, plain_pixel_at(p, &conv->out, pixel), c, code);
}

static bool write_conv(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
    int groups = s->kernel.kind == OP_DEPTHWISE ? in.c : s->groups;
    int group_in = in.c / groups, group_out = s->from->out_channels / groups;
    pack_weights(p, lowered);
    pack_channels(p, lowered);
    bool dense = s->kernel.kind == OP_DENSE;
    Reg out_h = plain_number(p, dense ? 1 : out.h), out_w = plain_number(p, dense ? 1 : out.w);
    Reg group_count = plain_number(p, groups), per_group = plain_number(p, group_out);
    Conv conv = conv_of(p, group_in);
    Reg oy = op_loop(r, out_h);
    Taps rows = taps_at(p, &conv.rows, oy);
    Reg ox = op_loop(r, out_w);
    Taps columns = taps_at(p, &conv.columns, ox);
    Reg pixel = plain_add(p, plain_mul(p, oy, out_w), ox);
    Reg group = op_loop(r, group_count);
    Reg first = plain_mul(p, group, conv.group_in), first_out = plain_mul(p, group, per_group);
    Reg inner = op_loop(r, per_group);
    conv_channel(p, &conv, &rows, &columns, plain_add(p, first_out, inner), first, pixel);
    for (int i = 0; i < 4; i++)
        op_end(r);
    return true;
}

/* ---- element by element ----------------------------------------------------------------- */

static bool write_add(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    int channels = shape_channels(s->out_shape);
    Reg pixels = plain_number(p, shape_pixels(s->out_shape)), count = plain_number(p, channels);
    Pixels in = plain_pixels(p, ARG_IN, s->kernel.in, channels);
    Pixels out = plain_pixels(p, ARG_OUT, s->kernel.out, channels);
    Sum sum = sum_of(p, s->in_zero, s->from->multiplier, s->shift);
    Reg pixel = op_loop(r, pixels);
    Reg from = plain_pixel_at(p, &in, pixel), to = plain_pixel_at(p, &out, pixel);
    Reg c = op_loop(r, count);
    Reg code = plain_load(p, in.format, from, c);
    plain_store(p, out.format, to, c, summed(p, &sum, code, pixel, c));
    op_end(r);
    op_end(r);
    for (int k = 0; k < 2; k++) {
        Format format = k ? s->kernel.in2 : s->kernel.in;
        lowered->overwrites |= (unsigned)(format_bits(format) == format_bits(s->kernel.out))
                               << k;
    }
    return true;
}

static bool write_clamp(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    int channels = shape_channels(s->out_shape);
    Reg pixels = plain_number(p, shape_pixels(s->out_shape)), count = plain_number(p, channels);
    Reg low = plain_told(p, s->low), high = plain_told(p, s->high);
    Reg moved = plain_told(p, s->out_zero - s->in_zero); /* u8 inside, i8 outside */
    Pixels in = plain_pixels(p, ARG_IN, s->kernel.in, channels);
    Pixels out = plain_pixels(p, ARG_OUT, s->kernel.out, channels);
    Reg pixel = op_loop(r, pixels);
    Reg from = plain_pixel_at(p, &in, pixel), to = plain_pixel_at(p, &out, pixel);
    Reg c = op_loop(r, count);
    Reg code = plain_add(p, plain_load(p, in.format, from, c), moved);
    code = plain_clamped(p, code, low, high);
    plain_store(p, out.format, to, c, code);
    op_end(r);
    op_end(r);
    lowered->overwrites = format_bits(s->kernel.in) == format_bits(s->kernel.out);
    return true;
}

/* Pixels of an odd number of 4-bit channels end in four bits that no kernel writes: they are 0. */
static bool write_tidy(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    Shape shape = p->step->out_shape;
    int64_t row = format_row_bytes(p->step->kernel.out, shape_channels(shape));
    Routine *r = p->r;
    Reg bytes = plain_number(p, row), i = op_loop(r, plain_number(p, shape_pixels(shape)));
    Reg at = op_address(r, ARG_OUT, plain_mul(p, i, bytes), 1, row - 1);
    Reg code = op2(r, INSN_AND, I32, op_load(r, I32, 32, U8, at, 0, 1), plain_fixed(p, 15));
    op_store(r, I32, code, U8, at, 0, 1);
    op_end(r);
    return true;
}

/* Rows to a lower place of their buffer, from the first on: what is loaded at a time is stored
 * before what follows is loaded, so that they may overlap. */
static bool write_move(Plain *p, Lowered *lowered, Str *why) {
    const Step *s = p->step;
    if (s->inputs == 0)
        return write_tidy(p, lowered, why);
    Routine *r = p->r;
    int64_t bytes = tensor_bytes(s->in_shape, s->kernel.in);
    bool words = bytes % 4 == 0 && s->in_offset[0] % 4 == 0;
    int size = words ? 4 : 1;
    Reg i = op_loop(r, plain_number(p, bytes / size));
    Reg x = op_load_at(r, I32, 32, words ? I32 : U8, ARG_IN, i, size, 0, 1);
    op_store_at(r, I32, x, words ? I32 : U8, ARG_OUT, i, size, 0, 1);
    op_end(r);
    return true;
}

/* ---- pools ------------------------------------------------------------------------------ */

static int bits_of(int64_t x) {
    int bits = 0;
    while (x >> bits)
        bits++;
    return bits;
}

/* The mean of n taps is floor((2 S + n) / 2n), S made non-negative by `offset` per tap. For each
 * number of taps d / 2 from 1 on there is a multiplier m = floor(2^shift / d) + 1, and one shift
 * serves all: floor(x / d) = (x m) >> shift for 0 <= x where x d < 2^shift, since m d exceeds
 * 2^shift by at most d (Granlund and Montgomery 1994, section 4). */
typedef struct Mean {
    Reg shift, offset;
    bool always_whole; /* no window meets the border: only one number of taps */
} Mean;

static bool windows_inside(const Step *s) {
    Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
    return !s->pad_h && !s->pad_w && (out.h - 1) * s->stride_h + s->kernel_h <= in.h &&
           (out.w - 1) * s->stride_w + s->kernel_w <= in.w;
}

static bool mean_of(Plain *p, Lowered *lowered, Mean *mean, Str *why) {
    const Step *s = p->step;
    int64_t taps = (int64_t)s->kernel_h * s->kernel_w;
    int bits = format_bits(s->kernel.in);
    int64_t largest = (((int64_t)2 << bits) + 1) * taps;
    int shift = bits_of(largest) + bits_of(2 * taps);
    /* k taps: x m <= 2^(bits + 1) k (2^shift / 2k + 1), whatever k */
    if (bits + shift > 61) {
        *why = str_format(p->r->arena, "a mean over %lld values is more than can be computed",
                          (long long)taps);
        return false;
    }
    mean->always_whole = windows_inside(s);
    lowered->constants_type = I64;
    lowered->constants_count = mean->always_whole ? 1 : taps;
    int64_t *values = arena_array(p->r->arena, int64_t, taps);
    for (int64_t i = 0; i < lowered->constants_count; i++)
        values[i] = ((int64_t)1 << shift) / (2 * (mean->always_whole ? taps : i + 1)) + 1;
    lowered->constants = values;
    mean->shift = plain_number(p, shift);
    mean->offset = plain_fixed(p, s->kernel.in == FORMAT_U8 ? 0 : -format_low(s->kernel.in));
    return true;
}

static Reg mean_of_sum(Plain *p, const Mean *mean, Reg sum, Reg taps) {
    Routine *r = p->r;
    Reg n = plain_wide(p, taps);
    Reg twice = op2(r, INSN_ADD, I64, op2(r, INSN_ADD, I64, sum, sum), n);
    Reg m = mean->always_whole ? op_load(r, I64, 64, I64, ARG_CONSTANTS, 0, 1)
                               : op_load_at(r, I64, 64, I64, ARG_CONSTANTS, taps, 8, -8, 1);
    Reg quotient =
        plain_shifted(p, INSN_SHR, I64, op2(r, INSN_MUL, I64, twice, m), mean->shift);
    return op2(r, INSN_SUB, I32, op_convert(r, I32, I64, 32, quotient), mean->offset);
}

/* The largest code of a window into `acc` (I32), or the sum of code + offset (I64). */
static void pool_window(Plain *p, const Pixels *in, Reg in_w, const Taps *rows,
                        const Taps *columns, Reg c, const Mean *mean, Reg acc) {
    Routine *r = p->r;
    Reg line = op_loop(r, rows->count);
    Reg row = plain_mul(p, plain_add(p, rows->origin, plain_add(p, rows->first, line)), in_w);
    Reg start = plain_add(p, columns->origin, columns->first);
    Reg step = op_loop(r, columns->count);
    Reg pixel = plain_pixel_at(p, in, plain_add(p, row, plain_add(p, start, step)));
    Reg code = plain_load(p, in->format, pixel, c);
    if (mean)
        op2_to(r, acc, INSN_ADD, I64, acc, plain_wide(p, plain_add(p, code, mean->offset)));
    else
        op2_to(r, acc, INSN_MAX, I32, acc, code);
    op_end(r);
    op_end(r);
}

static bool write_pool(Plain *p, Lowered *lowered, Str *why) {
    const Step *s = p->step;
    Routine *r = p->r;
    Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
    bool averages = s->kernel.kind == OP_AVERAGE_POOL;
    Mean mean;
    if (averages && !mean_of(p, lowered, &mean, why))
        return false;
    Reg out_h = plain_number(p, out.h), out_w = plain_number(p, out.w);
    Reg channels = plain_number(p, in.c), low = plain_told(p, s->low),
        high = plain_told(p, s->high);
    Reg moved = plain_told(p, s->out_zero - s->in_zero);
    Span1 row_span = span_of(p, in.h, s->kernel_h, s->stride_h, s->pad_h);
    Span1 column_span = span_of(p, in.w, s->kernel_w, s->stride_w, s->pad_w);
    Pixels from = plain_pixels(p, ARG_IN, s->kernel.in, in.c);
    Pixels to = plain_pixels(p, ARG_OUT, s->kernel.out, in.c);
    Reg oy = op_loop(r, out_h);
    Taps rows = taps_at(p, &row_span, oy);
    Reg ox = op_loop(r, out_w);
    Taps columns = taps_at(p, &column_span, ox);
    Reg pixel = plain_pixel_at(p, &to, plain_add(p, plain_mul(p, oy, out_w), ox));
    Reg c = op_loop(r, channels);
    Reg acc = averages ? op_constant(r, I64, 64, 0) : op_constant(r, I32, 32, INT32_MIN);
    pool_window(p, &from, column_span.in, &rows, &columns, c, averages ? &mean : NULL, acc);
    if (averages)
        acc = mean_of_sum(p, &mean, acc, plain_mul(p, rows.count, columns.count));
    Reg code = op2(r, INSN_MAX, I32, plain_add(p, acc, moved), low);
    plain_store(p, to.format, pixel, c, op2(r, INSN_MIN, I32, code, high));
    for (int i = 0; i < 3; i++)
        op_end(r);
    return true;
}

/* ---- the table -------------------------------------------------------------------------- */

static PlainWrite *const writers[OP_COUNT] = {
    [OP_INPUT] = write_move, /* of rows already computed */
    [OP_CONV] = write_conv,
    [OP_DEPTHWISE] = write_conv,
    [OP_DENSE] = write_conv,
    [OP_ADD] = write_add,
    [OP_RELU] = write_clamp,
    [OP_MAX_POOL] = write_pool,
    [OP_AVERAGE_POOL] = write_pool,
    [OP_MUL] = write_mul,
    [OP_CONCAT] = write_concat,
    [OP_SLICE] = write_slice,
    [OP_PAD] = write_pad,
    [OP_UPSAMPLE] = write_upsample,
    [OP_CHANNEL_SHUFFLE] = write_shuffle,
    [OP_FLATTEN] = write_reshape,
    [OP_RESHAPE] = write_reshape,
    [OP_HARD_SIGMOID] = write_curve,
    [OP_HARD_SWISH] = write_curve,
    [OP_SIGMOID] = write_curve,
    [OP_TANH] = write_curve,
    [OP_SILU] = write_curve,
    [OP_GELU] = write_curve,
    [OP_SOFTMAX] = write_softmax,
    [OP_LAYER_NORM] = write_layer_norm,
    [OP_MATMUL] = write_matmul,
};

bool schedule_plain(Arena *arena, const Isa *isa, const Step *step, Lowered *lowered,
                    Str *why) {
    PlainWrite *write = writers[step->kernel.kind];
    if (!write) {
        *why = str_format(arena, "no kernel computes %s yet",
                          operator_facts[step->kernel.kind].name);
        return false;
    }
    Str name = str_format(arena, "%.*s plain", STR_ARG(kernel_print(arena, step->kernel)));
    *lowered = (Lowered){
        .routine = routine_new(arena, name), .weights_type = I8, .constants_type = I32};
    Plain plain = {.r = &lowered->routine,
                   .step = step,
                   .shared = isa->shared_kernels,
                   .sum = step->kernel.accumulator_bits == 64 ? I64 : I32};
    if (!write(&plain, lowered, why))
        return false;
    lowered->params = plain.params.at;
    lowered->param_count = plain.params.count;
    return true;
}
