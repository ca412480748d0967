/* Plain schedules of functions of one code, and of products of two.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_plain.h"
#include "net/layers.h"

/* ---- element by element ----------------------------------------------------------------- */

/* Loops over a result of the shape of the first operand: pixels and channels, or one long pixel
 * where nothing lies between the rows of either. */
typedef struct Elements {
    Pixels in, out;
    Reg pixels, channels, pixel, from, to, c;
} Elements;

static Elements elements_of(Plain *p, bool whole) {
    const Step *s = p->step;
    int channels = shape_channels(s->out_shape);
    int row = plain_row(s->in_shape, s->kernel.in);
    if (whole && row == plain_row(s->out_shape, s->kernel.out))
        channels = row;
    return (Elements){.in = plain_pixels(p, ARG_IN, s->kernel.in, channels),
                      .out = plain_pixels(p, ARG_OUT, s->kernel.out, channels),
                      .pixels = plain_number(p, shape_elements(s->out_shape) / channels),
                      .channels = plain_number(p, channels)};
}

/* The code that the loops are at. */
static Reg elements_open(Plain *p, Elements *e) {
    e->pixel = op_loop(p->r, e->pixels);
    e->from = plain_pixel_at(p, &e->in, e->pixel);
    e->to = plain_pixel_at(p, &e->out, e->pixel);
    e->c = op_loop(p->r, e->channels);
    return plain_load(p, e->in.format, e->from, e->c);
}

static void elements_close(Plain *p, const Elements *e, Reg code) {
    plain_store(p, e->out.format, e->to, e->c, code);
    op_end(p->r);
    op_end(p->r);
}

/* An operand may lie where the result does if its elements are as large. */
static unsigned overwritable(const Step *s) {
    return format_bits(s->kernel.in) == format_bits(s->kernel.out);
}

/* ---- curves of at most 8 bits: a table -------------------------------------------------- */

/* Codes as stored less the model's. */
static int stored_above(Format stored, Format format) {
    return stored == FORMAT_U8 && format != FORMAT_U8 ? -format_low(FORMAT_I8) : 0;
}

static int32_t within(int64_t x, int32_t low, int32_t high) {
    return (int32_t)(x < low ? low : x > high ? high : x);
}

/* The result's code, as stored and clamped, for each that the operand's bits can be. */
static void pack_table(Plain *p, Lowered *lowered) {
    const Step *s = p->step;
    const Layer *layer = s->from;
    int low = format_low(s->in_format), high = format_high(s->in_format);
    int above = stored_above(s->kernel.in, s->in_format);
    int out_above = stored_above(s->kernel.out, layer->out.format);
    lowered->weights_type = plain_type(s->kernel.out);
    lowered->weights_count = (int64_t)1 << format_bits(s->kernel.in);
    if (!layer->table)
        return;
    int64_t *out = arena_array(p->r->arena, int64_t, lowered->weights_count);
    for (int i = 0; i < lowered->weights_count; i++) {
        int code = within(i + format_low(s->kernel.in) - above, low, high);
        out[i] = within((int64_t)layer->table[code - low] + out_above, s->low, s->high);
    }
    lowered->weights = out;
}

/* Where code 0 has its entry. */
static Reg table_of(Plain *p) {
    const Step *s = p->step;
    int64_t before = (int64_t)-format_low(s->kernel.in) * plain_element_bytes(s->kernel.out);
    return op_address(p->r, ARG_WEIGHTS, NO_REG, 0, before);
}

static Reg table_at(Plain *p, Reg table, Reg code) {
    Format out = p->step->kernel.out;
    return op_load_at(p->r, I32, 32, plain_type(out), table, code, plain_element_bytes(out), 0,
                      1);
}

enum { AT_ONCE = 4 };

/* Several codes a pass, where they are whole bytes and come in such numbers. */
static void curve_unrolled(Plain *p, Reg table) {
    const Step *s = p->step;
    Routine *r = p->r;
    Type in = plain_type(s->kernel.in), out = plain_type(s->kernel.out);
    int bytes = plain_element_bytes(s->kernel.out);
    Reg passes = plain_number(p, shape_elements(s->out_shape) / AT_ONCE);
    Reg from = op_address(r, ARG_IN, NO_REG, 0, 0), to = op_address(r, ARG_OUT, NO_REG, 0, 0);
    op_loop(r, passes);
    Reg code[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        code[i] = op_load(r, I32, 32, in, from, i, 1);
    for (int i = 0; i < AT_ONCE; i++)
        op_store(r, I32, table_at(p, table, code[i]), out, to, (int64_t)i * bytes, 1);
    op_advance(r, from, NO_REG, 0, AT_ONCE);
    op_advance(r, to, NO_REG, 0, (int64_t)AT_ONCE * bytes);
    op_end(r);
}

static void curve_narrow(Plain *p, Lowered *lowered) {
    const Step *s = p->step;
    pack_table(p, lowered);
    Reg table = table_of(p);
    if (s->kernel.in != FORMAT_I4 && s->kernel.out != FORMAT_I4 &&
        shape_elements(s->out_shape) % AT_ONCE == 0) {
        curve_unrolled(p, table);
        return;
    }
    Elements e = elements_of(p, true);
    Reg code = elements_open(p, &e);
    elements_close(p, &e, table_at(p, table, code));
}

/* ---- curves of 16 bits ------------------------------------------------------------------ */

/* min(max(x + three, 0), six), times x for hard swish. */
static void curve_hard(Plain *p) {
    const Step *s = p->step;
    const Layer *layer = s->from;
    Routine *r = p->r;
    bool known = layer->table != NULL;
    Reg three = plain_told(p, known ? layer->table[HARD_THREE] : 3 << 10);
    Reg six = plain_told(p, known ? layer->table[HARD_SIX] : 6 << 10), zero = plain_fixed(p, 0);
    Reg m = plain_wide(p, plain_told(p, layer->multiplier ? layer->multiplier[0] : 1 << 15));
    Scale scale = plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    Elements e = elements_of(p, true);
    Reg x = elements_open(p, &e);
    Reg sum = plain_wide(p, plain_clamped(p, plain_add(p, x, three), zero, six));
    if (layer->kind == OP_HARD_SWISH)
        sum = op2(r, INSN_MUL, I64, sum, plain_wide(p, x));
    elements_close(p, &e, plain_scaled(p, &scale, op2(r, INSN_MUL, I64, sum, m)));
}

static void pack_knots(Plain *p, Lowered *lowered) {
    const Layer *layer = p->step->from;
    lowered->constants_type = I32;
    lowered->constants_count = KNOTS;
    if (!layer->table)
        return;
    int64_t *out = arena_array(p->r->arena, int64_t, KNOTS);
    for (int i = 0; i < KNOTS; i++)
        out[i] = layer->table[i];
    lowered->constants = out;
}

/* Between two knots, on the straight line; outside of all, level. */
static void curve_knots(Plain *p, Lowered *lowered) {
    const Step *s = p->step;
    Routine *r = p->r;
    int apart = 1 << s->shift, reach = KNOTS / 2 * apart;
    pack_knots(p, lowered);
    Reg low = plain_told(p, -reach), high = plain_told(p, reach - 1), up = plain_told(p, reach);
    Reg shift = plain_told(p, s->shift), step = plain_told(p, apart);
    Reg mask = plain_told(p, apart - 1);
    Scale scale = plain_scale_narrow(p, s->out_zero, s->low, s->high, s->shift + KNOT_FRACTION);
    Elements e = elements_of(p, true);
    Reg x = elements_open(p, &e);
    Reg at = plain_add(p, plain_clamped(p, x, low, high), up);
    Reg knot = plain_shifted(p, INSN_SHR, I32, at, shift);
    Reg rest = op2(r, INSN_AND, I32, at, mask);
    Reg before = op_load_at(r, I32, 32, I32, ARG_CONSTANTS, knot, 4, 0, 1);
    Reg after = op_load_at(r, I32, 32, I32, ARG_CONSTANTS, knot, 4, 4, 1);
    Reg sum =
        plain_add(p, plain_mul(p, before, plain_sub(p, step, rest)), plain_mul(p, after, rest));
    elements_close(p, &e, plain_scaled_narrow(p, &scale, sum));
}

bool write_curve(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    OpKind kind = p->step->kernel.kind;
    if (p->step->in_format != FORMAT_I16)
        curve_narrow(p, lowered);
    else if (kind == OP_HARD_SIGMOID || kind == OP_HARD_SWISH)
        curve_hard(p);
    else
        curve_knots(p, lowered);
    lowered->overwrites = overwritable(p->step);
    return true;
}

/* ---- products --------------------------------------------------------------------------- */

/* What products of bytes become, in 32 bits: with L = LIFT, the high word of (a 2^L) m is
 * floor(a m / 2^(32-L)), and rounding after it gives the same as before it while the rounding
 * constant is a whole number of those units: shift >= LEAST. A smaller shift means a factor so
 * large that any product but 0 is beyond the ends of a byte, which it also is by LEAST. */
enum { LIFT = 14, LEAST = 33 - LIFT };

static Scale lifted_scale(Plain *p, int32_t *m) {
    const Step *s = p->step;
    int shift = s->shift;
    for (; shift < LEAST && *m < 1 << 30; shift++)
        *m *= 2;
    shift = shift < LEAST ? LEAST : shift;
    return plain_scale_narrow(p, s->out_zero, s->low, s->high, shift + LIFT - 32);
}

static Reg lifted_product(Plain *p, const Scale *scale, Reg a, Reg b, Reg m) {
    Reg product = op1(p->r, INSN_SHL, I32, plain_mul(p, a, b), LIFT);
    return plain_scaled_narrow(p, scale, op2(p->r, INSN_MULHI, I32, product, m));
}

static Reg wide_product(Plain *p, const Scale *scale, Reg a, Reg b, Reg m) {
    Reg product = op2(p->r, INSN_MUL, I64, plain_wide(p, a), plain_wide(p, b));
    return plain_scaled(p, scale, op2(p->r, INSN_MUL, I64, product, plain_wide(p, m)));
}

static bool is_bytes(const Kernel *kernel) {
    return format_bits(kernel->in) <= 8 && format_bits(kernel->in2) <= 8 &&
           format_bits(kernel->out) <= 8;
}

/* Of two tensors of one shape, or of one with a factor for each channel. */
bool write_mul(Plain *p, Lowered *lowered, Str *why) {
    (void)why;
    const Step *s = p->step;
    bool factors = shape_elements(s->in2_shape) != shape_elements(s->out_shape);
    bool narrow = is_bytes(&s->kernel);
    Elements e = elements_of(p, false);
    Pixels second = plain_pixels(p, ARG_IN2, s->kernel.in2, shape_channels(s->in2_shape));
    Reg zero = plain_told(p, s->in_zero), zero2 = plain_told(p, s->in_zero2);
    int32_t multiplier = s->from->multiplier ? s->from->multiplier[0] : 1 << 30;
    Scale scale = narrow ? lifted_scale(p, &multiplier)
                         : plain_scale(p, s->out_zero, s->low, s->high, s->shift);
    Reg m = plain_told(p, multiplier);
    Reg a = plain_sub(p, elements_open(p, &e), zero);
    Reg from = factors ? ARG_IN2 : plain_pixel_at(p, &second, e.pixel);
    Reg b = plain_sub(p, plain_load(p, second.format, from, e.c), zero2);
    elements_close(p, &e, (narrow ? lifted_product : wide_product)(p, &scale, a, b, m));
    lowered->overwrites = overwritable(s);
    if (!factors && format_bits(s->kernel.in2) == format_bits(s->kernel.out))
        lowered->overwrites |= 2;
    return true;
}
