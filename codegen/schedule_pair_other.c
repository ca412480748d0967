/* Adds and means of bytes, for 32-bit machines with 16-bit pairs.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

/* ---- adds -------------------------------------------------------------------------------- */

bool pair_add_step(Pair *p) {
    const Step *s = p->step;
    Kernel kernel = s->kernel;
    if (format_bits(kernel.in) != 8 || format_bits(kernel.in2) != 8 ||
        format_bits(kernel.out) != 8)
        return false;
    Routine *r = p->r;
    int64_t count = shape_elements(s->out_shape);
    int unit = count % 8 == 0 ? 8 : count % 4 == 0 ? 4 : 1;
    Tail tail = tail_of(p, false);
    Reg passes = pair_param(p, count / unit);
    Reg a = pair_copy(p, ARG_IN), b = pair_copy(p, ARG_IN2), out = pair_copy(p, ARG_OUT);
    op_loop(r, passes);
    for (int i = 0; i < unit; i++) {
        Reg x = op_load(r, I32, 32, pair_type(kernel.in), a, i, 1);
        Reg y = op_load(r, I32, 32, pair_type(kernel.in2), b, i, 1);
        op_store(r, I32, tail_code(p, &tail, x, y), pair_type(kernel.out), out, i, 1);
    }
    op_advance(r, a, NO_REG, 0, unit);
    op_advance(r, b, NO_REG, 0, unit);
    op_advance(r, out, NO_REG, 0, unit);
    op_end(r);
    p->lowered->overwrites = 3;
    return true;
}

/* ---- means ------------------------------------------------------------------------------- */

/* The mean of n taps is floor((2 S + n) / 2n) = floor(N m / 2^shift) - 128, where N = 2 S +
 * n + 128 * 2n is not negative (nothing is added for unsigned codes) and m = ceil(2^shift /
 * 2n): exact where (2n)^2 * 256 < 2^shift (Granlund and Montgomery 1994, section 4). */
typedef struct Mean {
    int64_t n;
    int shift; /* 32 or more: the high word counts */
    Reg multiplier, more, begin, offset, low, high;
} Mean;

static bool windows_inside(const Step *s, Extent in, Extent out) {
    return !s->pad_h && !s->pad_w && (out.h - 1) * s->stride_h + s->kernel_h <= in.h &&
           (out.w - 1) * s->stride_w + s->kernel_w <= in.w;
}

static bool mean_of(Pair *p, Mean *mean) {
    const Step *s = p->step;
    bool is_signed = s->kernel.in != FORMAT_U8;
    *mean = (Mean){.n = (int64_t)s->kernel_h * s->kernel_w, .shift = 30};
    for (int64_t d = 2 * mean->n; d > 1; d /= 2)
        mean->shift++;
    if (mean->n < 2 || mean->n > 1 << 16)
        return false;
    int64_t divisor = 2 * mean->n;
    mean->multiplier = pair_param(p, (((int64_t)1 << mean->shift) + divisor - 1) / divisor);
    mean->more = pair_param(p, mean->shift - 32);
    mean->begin = pair_param(p, mean->n + (is_signed ? 128 * divisor : 0));
    mean->offset = pair_number(p, s->out_zero - s->in_zero - (is_signed ? 128 : 0));
    mean->low = pair_number(p, s->low);
    mean->high = pair_number(p, s->high);
    return true;
}

static Reg mean_code(Pair *p, const Mean *mean, Reg sum) {
    Reg number = pair_add(p, pair_add(p, sum, sum), mean->begin);
    Reg high = op2(p->r, INSN_MULHI, I32, number, mean->multiplier);
    Reg code = pair_add(p, pair_shift(p, INSN_SHR, I32, high, mean->more), mean->offset);
    code = op2(p->r, INSN_MAX, I32, code, mean->low);
    return op2(p->r, INSN_MIN, I32, code, mean->high);
}

/* Where a window lies, and how its taps follow. */
typedef struct Window {
    Reg in, channels, row, h, w;
} Window;

/* Four channels at once in the halves of two words: sums of up to 256 codes fit. */
static void mean_of_four(Pair *p, const Mean *mean, const Window *window, Reg at, Reg out) {
    Routine *r = p->r;
    bool is_signed = p->step->kernel.in != FORMAT_U8;
    Type half = is_signed ? I16 : U16;
    Reg sum[2] = {pair_fixed(p, 0), pair_fixed(p, 0)};
    Reg row = pair_copy(p, at);
    op_loop(r, window->h);
    Reg x = pair_copy(p, row);
    op_loop(r, window->w);
    Reg word = pair_load_word(p, x, 0, 0);
    for (int i = 0; i < 2; i++)
        op2_to(r, sum[i], INSN_ADD, I16, sum[i], op_half(r, half, word, i));
    op_advance(r, x, window->channels, 1, 0);
    op_end(r);
    op_advance(r, row, window->row, 1, 0);
    op_end(r);
    Type wide = is_signed ? I32 : U32;
    for (int i = 0; i < 4; i++) {
        Reg one = i < 2 ? op1(r, INSN_SHL, U32, sum[i], 16) : sum[i - 2];
        one = op1(r, INSN_SHR, wide, one, 16);
        op_store(r, I32, mean_code(p, mean, one), pair_type(p->step->kernel.out), out, i, 1);
    }
}

static void mean_of_one(Pair *p, const Mean *mean, const Window *window, Reg at, Reg out) {
    Routine *r = p->r;
    Reg sum = pair_fixed(p, 0), row = pair_copy(p, at);
    op_loop(r, window->h);
    Reg x = pair_copy(p, row);
    op_loop(r, window->w);
    Reg code = op_load(r, I32, 32, pair_type(p->step->kernel.in), x, 0, 1);
    op2_to(r, sum, INSN_ADD, I32, sum, code);
    op_advance(r, x, window->channels, 1, 0);
    op_end(r);
    op_advance(r, row, window->row, 1, 0);
    op_end(r);
    op_store(r, I32, mean_code(p, mean, sum), pair_type(p->step->kernel.out), out, 0, 1);
}

bool pair_average(Pair *p) {
    const Step *s = p->step;
    Routine *r = p->r;
    Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
    Mean mean;
    if (format_bits(s->kernel.in) != 8 || format_bits(s->kernel.out) != 8 ||
        !windows_inside(s, in, out) || !mean_of(p, &mean))
        return false;
    bool four = in.c % 4 == 0 && mean.n <= 256;
    Reg out_h = pair_param(p, out.h), out_w = pair_param(p, out.w);
    Reg groups = pair_param(p, four ? in.c / 4 : in.c);
    Reg right = pair_param(p, (int64_t)s->stride_w * in.c);
    Reg down = pair_param(p, (int64_t)s->stride_h * in.w * in.c);
    Window window = {.channels = pair_param(p, in.c),
                     .row = pair_param(p, (int64_t)in.w * in.c),
                     .h = pair_param(p, s->kernel_h),
                     .w = pair_param(p, s->kernel_w)};
    Reg to = pair_copy(p, ARG_OUT), line = pair_copy(p, ARG_IN);
    op_loop(r, out_h);
    Reg corner = pair_copy(p, line);
    op_loop(r, out_w);
    Reg at = pair_copy(p, corner);
    op_loop(r, groups);
    (four ? mean_of_four : mean_of_one)(p, &mean, &window, at, to);
    op_advance(r, at, NO_REG, 0, four ? 4 : 1);
    op_advance(r, to, NO_REG, 0, four ? 4 : 1);
    op_end(r);
    op_advance(r, corner, right, 1, 0);
    op_end(r);
    op_advance(r, line, down, 1, 0);
    op_end(r);
    return true;
}
