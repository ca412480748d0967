/* Sums to codes: the requantisation of doc/numerics.md for pair words, and the add after it.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

/* ---- clamps ------------------------------------------------------------------------------ */

/* SATURATE gives both ends of the format, so a bound of one's own needs only its MIN or MAX. */
Reg pair_clamp(Pair *p, Format format, Reg value, int32_t low, int32_t high, Reg low_reg,
               Reg high_reg) {
    bool own_low = low != format_low(format), own_high = high != format_high(format);
    if (!own_low || !own_high)
        value = op1(p->r, INSN_SATURATE, format == FORMAT_U8 ? U32 : I32, value,
                    format_bits(format));
    if (own_low)
        value = op2(p->r, INSN_MAX, I32, value, low_reg);
    if (own_high)
        value = op2(p->r, INSN_MIN, I32, value, high_reg);
    return value;
}

/* ---- one product ------------------------------------------------------------------------- */

/* What clamps a convolution's own result, which an add may follow. */
typedef struct Range {
    Format format;
    int32_t zero, low, high;
} Range;

static Range range_of(const Step *step) {
    const AddTail *add = &step->add;
    Format format = step->kernel.adds ? step->from->out.format : step->kernel.out;
    return step->kernel.adds ? (Range){format, add->zero, add->low, add->high}
                             : (Range){format, step->out_zero, step->low, step->high};
}

/* With h the high word of sum * m, y = (h + 2^(t-33) + z 2^(t-32)) >> (t-32): exact, for floors
 * nest. The high channel's sum comes times 2^e, and so do its constants. */
static void high_word_constants(Pair *p, Scale *scale, const Range *range, int t) {
    int64_t round = ((int64_t)1 << (t - 33)) + range->zero * ((int64_t)1 << (t - 32));
    for (int which = 0; which < 2; which++) {
        int extra = which ? scale->high_shift : 0;
        scale->round[which] = pair_number(p, round * ((int64_t)1 << extra));
        scale->shift[which] = pair_number(p, t - 32 + extra);
    }
}

/* The number, and the register that holds it if the code wants it: all routines for a step take
 * equally many, so that sizes are known before constants. */
static Reg number_if(Pair *p, bool wanted, int64_t value) {
    if (wanted)
        return pair_number(p, value);
    vec_push(p->r->arena, &p->numbers, (int32_t)value);
    return NO_REG;
}

Scale scale_of(Pair *p, int high_shift, bool own) {
    Range range = range_of(p->step);
    int t = p->step->shift;
    Scale scale = {.high_word = t >= 33, .high_shift = high_shift};
    scale.fixed = own && scale.high_word ? t - 32 : 0;
    scale.low = number_if(p, range.low != format_low(range.format), range.low);
    scale.high = number_if(p, range.high != format_high(range.format), range.high);
    if (scale.high_word) {
        high_word_constants(p, &scale, &range, t);
        return scale;
    }
    Reg one = op_constant(p->r, I64, 64, 1);
    scale.shift[0] = pair_number(p, t);
    scale.round[0] = pair_shift(p, INSN_SHL, I64, one, pair_number(p, t - 1));
    scale.zero = op_convert(p->r, I64, I32, 64, pair_number(p, range.zero));
    number_if(p, false, 0);
    return scale;
}

Scale scale_fixed(Pair *p, int t) {
    Range range = range_of(p->step);
    Scale scale = {.high_word = true, .fixed = t - 32};
    scale.low = number_if(p, range.low != format_low(range.format), range.low);
    scale.high = number_if(p, range.high != format_high(range.format), range.high);
    scale.round[0] =
        pair_number(p, ((int64_t)1 << (t - 33)) + range.zero * ((int64_t)1 << (t - 32)));
    return scale;
}

/* Where t < 33 the product's low word counts, and the quotient may need more than 32 bits. */
static Reg scale_wide(Pair *p, const Scale *scale, const Range *range, Reg sum, Reg m) {
    Routine *r = p->r;
    Reg product =
        op2(r, INSN_MUL, I64, op_convert(r, I64, I32, 64, sum), op_convert(r, I64, I32, 64, m));
    Reg rounded = op2(r, INSN_ADD, I64, product, scale->round[0]);
    Reg code = op2(r, INSN_ADD, I64, pair_shift(p, INSN_SHR, I64, rounded, scale->shift[0]),
                   scale->zero);
    code = op2(r, INSN_MAX, I64, code, op_constant(r, I64, 64, format_low(range->format)));
    code = op2(r, INSN_MIN, I64, code, op_constant(r, I64, 64, format_high(range->format)));
    return op_convert(r, I32, I64, 32, code);
}

Reg scale_code(Pair *p, const Scale *scale, Reg sum, Reg m, int which) {
    Range range = range_of(p->step);
    Reg code;
    if (scale->high_word) {
        which = scale->high_shift ? which : 0;
        Reg high = op2(p->r, INSN_MULHI, I32, sum, m);
        code = pair_add(p, high, scale->round[which]);
        int fixed = scale->fixed + (which ? scale->high_shift : 0);
        code = scale->fixed ? op1(p->r, INSN_SHR, I32, code, fixed)
                            : pair_shift(p, INSN_SHR, I32, code, scale->shift[which]);
    } else {
        if (which && scale->high_shift)
            sum = op1(p->r, INSN_SHR, I32, sum, scale->high_shift);
        code = scale_wide(p, scale, &range, sum, m);
    }
    return pair_clamp(p, range.format, code, range.low, range.high, scale->low, scale->high);
}

/* ---- the add after it -------------------------------------------------------------------- */

static int64_t largest_size(int64_t a, int64_t b) {
    return max_i64(a < 0 ? -a : a, b < 0 ? -b : b);
}

/* An add: that of two inputs, or of a convolution's results and an input. */
typedef struct Sum {
    Format format[2];
    int64_t zero[2], multiplier[2];
    int shift;
} Sum;

static Sum sum_of(const Step *step) {
    bool after = step->kernel.adds;
    const int32_t *own = step->from->multiplier;
    Sum sum = {.format = {after ? step->from->out.format : step->kernel.in, step->kernel.in2},
               .zero = {after ? step->add.zero : step->in_zero, step->in_zero2},
               .shift = after ? step->add.shift : step->shift};
    for (int k = 0; k < 2; k++)
        sum.multiplier[k] = after ? step->add.multiplier[k] : own ? own[k] : 1 << 20;
    return sum;
}

/* The largest size of the sum before its shift, the result's zero point within. */
static int64_t sum_bound(const Sum *sum, int64_t out_zero) {
    int64_t bound =
        ((int64_t)1 << (sum->shift - 1)) + (largest_size(out_zero, 0) << sum->shift);
    for (int k = 0; k < 2; k++)
        bound += sum->multiplier[k] * largest_size(format_low(sum->format[k]) - sum->zero[k],
                                                   format_high(sum->format[k]) - sum->zero[k]);
    return bound;
}

Tail tail_of(Pair *p, bool own) {
    const Step *step = p->step;
    if (!step->kernel.adds && step->kernel.kind != OP_ADD)
        return (Tail){0};
    Sum sum = sum_of(step);
    Format format = step->kernel.out;
    Tail tail = {.late = sum_bound(&sum, step->out_zero) > INT32_MAX};
    uint32_t constant = (uint32_t)1 << (sum.shift - 1);
    for (int k = 0; k < 2; k++)
        constant -= (uint32_t)sum.zero[k] * (uint32_t)sum.multiplier[k];
    if (!tail.late)
        constant += (uint32_t)step->out_zero << sum.shift;
    for (int k = 0; k < 2; k++)
        tail.multiplier[k] = pair_number(p, sum.multiplier[k]);
    tail.constant = pair_number(p, (int32_t)constant);
    tail.shift = number_if(p, !own, sum.shift);
    tail.fixed = own ? sum.shift : 0;
    tail.zero = number_if(p, tail.late, step->out_zero);
    tail.low = number_if(p, step->low != format_low(format), step->low);
    tail.high = number_if(p, step->high != format_high(format), step->high);
    return tail;
}

Reg tail_code(Pair *p, const Tail *tail, Reg code, Reg other) {
    Reg sum = pair_add(p, pair_mul(p, other, tail->multiplier[1]), tail->constant);
    sum = pair_add(p, pair_mul(p, code, tail->multiplier[0]), sum);
    sum = tail->fixed ? op1(p->r, INSN_SHR, I32, sum, tail->fixed)
                      : pair_shift(p, INSN_SHR, I32, sum, tail->shift);
    if (tail->late)
        sum = pair_add(p, sum, tail->zero);
    return pair_clamp(p, p->step->kernel.out, sum, p->step->low, p->step->high, tail->low,
                      tail->high);
}
