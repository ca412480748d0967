/* Plain schedules of what moves codes: concat, slice, pad, upsample, shuffle, reshape.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_plain.h"

/* ---- runs of codes ---------------------------------------------------------------------- */

/* Channels that are moved from a pixel to a pixel: `count` of them, from channel first_in on, to
 * channel first_out on. */
typedef struct Channels {
    int in, out; /* of the pixels */
    int first_in, first_out, count;
} Channels;

typedef struct Mover {
    Pixels in, out;
    int unit;                      /* bytes that are copied at a time; 0: code by code */
    Reg first_in, first_out;       /* in bytes where those are copied; NO_REG: 0 */
    Reg count;                     /* of units, or codes */
    Reg moved, low, high;          /* NO_REG: codes stay as they are */
    Reg rescale, zero, multiplier; /* concat: 32-bit arithmetic as below */
} Mover;

/* Bytes that one may copy at a time where codes are stored alike on both sides: words where
 * everything is a multiple of words. */
static int unit_of(const Step *s, Channels c) {
    int bits = format_bits(s->kernel.in);
    if (s->kernel.in != s->kernel.out || s->clamps)
        return 0;
    int64_t numbers[] = {format_row_bytes(s->kernel.in, c.in) * 8,
                         format_row_bytes(s->kernel.in, c.out) * 8, (int64_t)c.first_in * bits,
                         (int64_t)c.first_out * bits, (int64_t)c.count * bits};
    int unit = 4;
    for (int i = 0; i < COUNT(numbers); i++)
        while (unit && numbers[i] % (8 * unit))
            unit /= 2;
    return unit;
}

static Reg first_of(Plain *p, int64_t first) {
    return first ? plain_number(p, first) : NO_REG;
}

static Mover mover_of(Plain *p, Channels c) {
    const Step *s = p->step;
    int bits = format_bits(s->kernel.in), unit = unit_of(s, c);
    Mover mover = {.in = plain_pixels(p, ARG_IN, s->kernel.in, c.in),
                   .out = plain_pixels(p, ARG_OUT, s->kernel.out, c.out),
                   .unit = unit,
                   .moved = NO_REG,
                   .low = NO_REG,
                   .high = NO_REG};
    mover.first_in = first_of(p, unit ? (int64_t)c.first_in * bits / 8 : c.first_in);
    mover.first_out = first_of(p, unit ? (int64_t)c.first_out * bits / 8 : c.first_out);
    mover.count = plain_number(p, unit ? (int64_t)c.count * bits / 8 / unit : c.count);
    if (s->kernel.in != s->kernel.out)
        mover.moved = plain_told(p, s->out_zero - s->in_zero); /* u8 inside, i8 outside */
    if (s->clamps)
        mover.low = plain_told(p, s->low), mover.high = plain_told(p, s->high);
    return mover;
}

static Reg from_first(Plain *p, Reg first, Reg i) {
    return first == NO_REG ? i : plain_add(p, first, i);
}

static Reg pointer_from(Plain *p, Reg pointer, Reg first) {
    return first == NO_REG ? pointer : op_address(p->r, pointer, first, 1, 0);
}

static void move_units(Plain *p, const Mover *m, Reg from, Reg to) {
    static const Type types[] = {[1] = U8, [2] = U16, [4] = I32};
    Type type = types[m->unit];
    from = pointer_from(p, from, m->first_in);
    to = pointer_from(p, to, m->first_out);
    Reg i = op_loop(p->r, m->count);
    Reg x = op_load_at(p->r, I32, 32, type, from, i, m->unit, 0, 1);
    op_store_at(p->r, I32, x, type, to, i, m->unit, 0, 1);
    op_end(p->r);
}

static void move_code(Plain *p, const Mover *m, Reg from, Reg in, Reg to, Reg out) {
    Reg code = plain_load(p, m->in.format, from, in);
    if (m->moved != NO_REG)
        code = plain_add(p, code, m->moved);
    if (m->low != NO_REG)
        code = plain_clamped(p, code, m->low, m->high);
    plain_store(p, m->out.format, to, out, code);
}

/* All channels of a pixel. */
static void move_channels(Plain *p, const Mover *m, Reg from, Reg to) {
    if (m->unit) {
        move_units(p, m, from, to);
        return;
    }
    Reg i = op_loop(p->r, m->count);
    move_code(p, m, from, from_first(p, m->first_in, i), to, from_first(p, m->first_out, i));
    op_end(p->r);
}

/* A pointer that loops advance. */
static Reg pointer_at(Plain *p, Reg argument) {
    return op_address(p->r, argument, NO_REG, 0, 0);
}

static void next_pixel(Plain *p, Reg pointer, const Pixels *pixels) {
    op_advance(p->r, pointer, pixels->pixel_bytes, 1, 0);
}

/* ---- channels --------------------------------------------------------------------------- */

bool write_slice(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    const Step *s = p->step;
    int channels = shape_channels(s->out_shape);
    Reg pixels = plain_number(p, shape_pixels(s->out_shape));
    Mover mover = mover_of(p, (Channels){.in = shape_channels(s->in_shape),
                                         .out = channels,
                                         .first_in = s->from->attribute[ATTRIBUTE_FROM],
                                         .count = channels});
    Reg pixel = op_loop(p->r, pixels);
    move_channels(p, &mover, plain_pixel_at(p, &mover.in, pixel),
                  plain_pixel_at(p, &mover.out, pixel));
    op_end(p->r);
    return true;
}

/* Channels of the input as (groups, n) become (n, groups). */
bool write_shuffle(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    int channels = shape_channels(s->out_shape), groups = s->from->attribute[ATTRIBUTE_GROUPS];
    Reg pixels = plain_number(p, shape_pixels(s->out_shape));
    Reg group_count = plain_number(p, groups), n = plain_number(p, channels / groups);
    Mover mover = mover_of(p, (Channels){.in = channels, .out = channels, .count = 1});
    Reg pixel = op_loop(r, pixels);
    Reg from = plain_pixel_at(p, &mover.in, pixel), to = plain_pixel_at(p, &mover.out, pixel);
    Reg j = op_loop(r, n);
    Reg first = plain_mul(p, j, group_count);
    Reg g = op_loop(r, group_count);
    move_code(p, &mover, from, plain_add(p, plain_mul(p, g, n), j), to, plain_add(p, first, g));
    for (int i = 0; i < 3; i++)
        op_end(r);
    return true;
}

/* One input of it: clamp(zero + (((x - zero_k) m_k + 2^(shift-1)) >> shift), low, high), in 32
 * bits where the codes are of 8. */
bool write_concat(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    const Step *s = p->step;
    Routine *r = p->r;
    int in = shape_channels(s->in_shape);
    Reg pixels = plain_number(p, shape_pixels(s->out_shape));
    Reg count = plain_number(p, in), first = plain_number(p, s->first);
    Pixels from = plain_pixels(p, ARG_IN, s->kernel.in, in);
    Pixels to = plain_pixels(p, ARG_OUT, s->kernel.out, shape_channels(s->out_shape));
    Reg zero = plain_told(p, s->in_zero);
    Reg m = plain_told(p, s->from->multiplier ? s->from->multiplier[s->operand] : 1 << 20);
    bool narrow = format_bits(s->kernel.in) <= 8;
    Scale scale = narrow ? plain_scale_narrow(p, s->out_zero, s->low, s->high, s->shift)
                         : plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    m = narrow ? m : plain_wide(p, m);
    Reg pixel = op_loop(r, pixels);
    Reg at = plain_pixel_at(p, &from, pixel), out = plain_pixel_at(p, &to, pixel);
    Reg i = op_loop(r, count);
    Reg code = plain_load(p, from.format, at, i);
    if (narrow)
        code = plain_scaled_narrow(p, &scale, plain_mul(p, plain_sub(p, code, zero), m));
    else
        code = plain_scaled(p, &scale, plain_rescaled(p, code, zero, m));
    plain_store(p, to.format, out, plain_add(p, first, i), code);
    op_end(r);
    op_end(r);
    return true;
}

/* ---- images ----------------------------------------------------------------------------- */

/* The codes of one pixel after another, so many of them; `to` then follows them. */
static void fill_pixels(Plain *p, const Pixels *out, Reg to, Reg pixels, Reg channels,
                        Reg code) {
    op_loop(p->r, pixels);
    Reg c = op_loop(p->r, channels);
    plain_store(p, out->format, to, c, code);
    op_end(p->r);
    next_pixel(p, to, out);
    op_end(p->r);
}

static int32_t zero_code(const Step *s) {
    int32_t zero = s->out_zero;
    return !s->clamps ? zero : zero < s->low ? s->low : zero > s->high ? s->high : zero;
}

bool write_pad(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    const Step *s = p->step;
    const int *a = s->from->attribute;
    Routine *r = p->r;
    Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
    Reg channels = plain_number(p, out.c), zero = plain_told(p, zero_code(s));
    Reg top = plain_number(p, (int64_t)a[ATTRIBUTE_TOP] * out.w);
    Reg bottom = plain_number(p, (int64_t)a[ATTRIBUTE_BOTTOM] * out.w);
    Reg left = plain_number(p, a[ATTRIBUTE_LEFT]), right = plain_number(p, a[ATTRIBUTE_RIGHT]);
    Reg height = plain_number(p, in.h), width = plain_number(p, in.w);
    Mover mover = mover_of(p, (Channels){.in = in.c, .out = in.c, .count = in.c});
    Reg from = pointer_at(p, ARG_IN), to = pointer_at(p, ARG_OUT);
    fill_pixels(p, &mover.out, to, top, channels, zero);
    op_loop(r, height);
    fill_pixels(p, &mover.out, to, left, channels, zero);
    op_loop(r, width);
    move_channels(p, &mover, from, to);
    next_pixel(p, from, &mover.in);
    next_pixel(p, to, &mover.out);
    op_end(r);
    fill_pixels(p, &mover.out, to, right, channels, zero);
    op_end(r);
    fill_pixels(p, &mover.out, to, bottom, channels, zero);
    return true;
}

bool write_upsample(Plain *p, Lowered *lowered, Str *why) {
    (void)lowered, (void)why;
    const Step *s = p->step;
    const int *a = s->from->attribute;
    Routine *r = p->r;
    Extent in = extent_of(s->in_shape);
    Reg factor_h = plain_number(p, a[ATTRIBUTE_FACTOR_H]);
    Reg factor_w = plain_number(p, a[ATTRIBUTE_FACTOR_W]);
    Reg height = plain_number(p, in.h), width = plain_number(p, in.w);
    Mover mover = mover_of(p, (Channels){.in = in.c, .out = in.c, .count = in.c});
    Reg to = pointer_at(p, ARG_OUT);
    Reg y = op_loop(r, height);
    Reg row = plain_mul(p, y, width);
    op_loop(r, factor_h);
    Reg x = op_loop(r, width);
    Reg from = plain_pixel_at(p, &mover.in, plain_add(p, row, x));
    op_loop(r, factor_w);
    move_channels(p, &mover, from, to);
    next_pixel(p, to, &mover.out);
    for (int i = 0; i < 4; i++)
        op_end(r);
    return true;
}

/* ---- other shapes ----------------------------------------------------------------------- */

/* 4-bit pixels of odd numbers of channels: where the next code goes is counted. */
static void reshape_packed(Plain *p, int in_channels, int out_channels) {
    const Step *s = p->step;
    Routine *r = p->r;
    Reg pixels = plain_number(p, shape_elements(s->in_shape) / in_channels);
    Mover m = mover_of(p, (Channels){.in = in_channels, .out = out_channels, .count = 1});
    Reg count = plain_number(p, in_channels), row = plain_number(p, out_channels);
    Reg to = pointer_at(p, ARG_OUT), c = plain_fixed(p, 0), one = plain_fixed(p, 1);
    Reg ones = plain_fixed(p, -1);
    Reg pixel = op_loop(r, pixels);
    Reg from = plain_pixel_at(p, &m.in, pixel);
    Reg i = op_loop(r, count);
    move_code(p, &m, from, i, to, c);
    Reg next = plain_add(p, c, one);
    Reg inside = op1(r, INSN_SHR, I32, plain_sub(p, next, row), 31); /* ones while it is */
    op_copy_to(r, c, op2(r, INSN_AND, I32, next, inside));
    Reg after = op2(r, INSN_XOR, I32, inside, ones);
    op_advance(r, to, op2(r, INSN_AND, I32, m.out.pixel_bytes, after), 1, 0);
    op_end(r);
    op_end(r);
}

bool write_reshape(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    int in = plain_row(s->in_shape, s->kernel.in);
    int out = plain_row(s->out_shape, s->kernel.out);
    if (in != out) {
        reshape_packed(p, in, out);
        return true;
    }
    Mover mover = mover_of(p, (Channels){.in = in, .out = in, .count = in});
    Reg pixels = plain_number(p, shape_elements(s->in_shape) / in);
    Reg pixel = op_loop(p->r, pixels);
    move_channels(p, &mover, plain_pixel_at(p, &mover.in, pixel),
                  plain_pixel_at(p, &mover.out, pixel));
    op_end(p->r);
    lowered->overwrites = format_bits(s->kernel.in) == format_bits(s->kernel.out);
    return true;
}
