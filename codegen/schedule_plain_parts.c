/* Parts of the plain schedules: numbers, elements, and what sums become.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_plain.h"

/* ---- numbers ---------------------------------------------------------------------------- */

Reg plain_told(Plain *p, int64_t value) {
    vec_push(p->r->arena, &p->params, (int32_t)value);
    return op_param(p->r, p->params.count - 1);
}

Reg plain_number(Plain *p, int64_t value) {
    return p->shared ? plain_told(p, value) : op_constant(p->r, I32, 32, value);
}

Reg plain_fixed(Plain *p, int64_t value) {
    return op_constant(p->r, I32, 32, value);
}

Reg plain_add(Plain *p, Reg a, Reg b) {
    return op2(p->r, INSN_ADD, I32, a, b);
}

Reg plain_sub(Plain *p, Reg a, Reg b) {
    return op2(p->r, INSN_SUB, I32, a, b);
}

Reg plain_mul(Plain *p, Reg a, Reg b) {
    return op2(p->r, INSN_MUL, I32, a, b);
}

Reg plain_wide(Plain *p, Reg a) {
    return op_convert(p->r, I64, I32, 64, a);
}

Reg plain_shifted(Plain *p, InsnKind kind, Type type, Reg a, Reg by) {
    Reg dst = routine_value(p->r, type_bits(type));
    op_any(p->r, (Insn){.kind = kind, .type = type, .dst = dst, .a = a, .b = by, .c = NO_REG});
    return dst;
}

Reg plain_clamped(Plain *p, Reg code, Reg low, Reg high) {
    return op2(p->r, INSN_MIN, I32, op2(p->r, INSN_MAX, I32, code, low), high);
}

/* ---- elements --------------------------------------------------------------------------- */

Type plain_type(Format format) {
    return format == FORMAT_U8 ? U8 : format == FORMAT_I16 ? I16 : I8;
}

int plain_element_bytes(Format format) {
    return format == FORMAT_I16 ? 2 : 1;
}

Pixels plain_pixels(Plain *p, int argument, Format format, int channels) {
    return (Pixels){argument, format, plain_number(p, format_row_bytes(format, channels))};
}

int plain_row(Shape shape, Format format) {
    int channels = shape_channels(shape);
    bool dense = channels * format_bits(format) % 8 == 0;
    return dense ? (int)shape_elements(shape) : channels;
}

Reg plain_pixel_at(Plain *p, const Pixels *tensor, Reg pixel) {
    return op_address(p->r, tensor->base, plain_mul(p, pixel, tensor->pixel_bytes), 1, 0);
}

/* 4 (c & 1): where the code of channel c begins in its byte. */
static Reg nibble_shift(Plain *p, Reg c) {
    return op1(p->r, INSN_SHL, I32, op2(p->r, INSN_AND, I32, c, plain_fixed(p, 1)), 2);
}

Reg plain_load(Plain *p, Format format, Reg pixel, Reg c) {
    Routine *r = p->r;
    if (format != FORMAT_I4)
        return op_load_at(r, I32, 32, plain_type(format), pixel, c, plain_element_bytes(format),
                          0, 1);
    Reg byte = op_load_at(r, I32, 32, U8, pixel, op1(r, INSN_SHR, I32, c, 1), 1, 0, 1);
    Reg high = op2(r, INSN_SUB, I32, plain_fixed(p, 28), nibble_shift(p, c));
    return op1(r, INSN_SHR, I32, plain_shifted(p, INSN_SHL, I32, byte, high), 28);
}

/* The other half of a packed byte is kept: it may still be an operand. */
void plain_store(Plain *p, Format format, Reg pixel, Reg c, Reg code) {
    Routine *r = p->r;
    if (format != FORMAT_I4) {
        op_store_at(r, I32, code, plain_type(format), pixel, c, plain_element_bytes(format), 0,
                    1);
        return;
    }
    Reg at = op1(r, INSN_SHR, I32, c, 1), shift = nibble_shift(p, c);
    Reg old = op_load_at(r, I32, 32, U8, pixel, at, 1, 0, 1);
    Reg other = op2(r, INSN_AND, I32, old,
                    plain_shifted(p, INSN_SHR, I32, plain_fixed(p, 0xf0), shift));
    Reg mine = op2(r, INSN_AND, I32, code, plain_fixed(p, 15));
    op_store_at(r, I32, plain_add(p, other, plain_shifted(p, INSN_SHL, I32, mine, shift)), U8,
                pixel, at, 1, 0, 1);
}

/* ---- results ---------------------------------------------------------------------------- */

Scale plain_scale(Plain *p, int32_t zero, int32_t low, int32_t high, int shift) {
    Scale scale = {.zero = plain_wide(p, plain_told(p, zero)),
                   .low = plain_wide(p, plain_told(p, low)),
                   .high = plain_wide(p, plain_told(p, high)),
                   .shift = plain_told(p, shift)};
    Reg one = op_constant(p->r, I64, 64, 1);
    Reg before = plain_add(p, scale.shift, plain_fixed(p, -1));
    scale.round = plain_shifted(p, INSN_SHL, I64, one, before);
    return scale;
}

Reg plain_scaled(Plain *p, const Scale *scale, Reg product) {
    Routine *r = p->r;
    Reg rounded = op2(r, INSN_ADD, I64, product, scale->round);
    Reg code = op2(r, INSN_ADD, I64, plain_shifted(p, INSN_SHR, I64, rounded, scale->shift),
                   scale->zero);
    code = op2(r, INSN_MIN, I64, op2(r, INSN_MAX, I64, code, scale->low), scale->high);
    return op_convert(r, I32, I64, 32, code);
}

Reg plain_rescaled(Plain *p, Reg code, Reg zero, Reg multiplier) {
    Reg centred = plain_wide(p, op2(p->r, INSN_SUB, I32, code, zero));
    return op2(p->r, INSN_MUL, I64, centred, multiplier);
}

Scale plain_scale_narrow(Plain *p, int32_t zero, int32_t low, int32_t high, int shift) {
    Scale scale = {.zero = plain_told(p, zero),
                   .low = plain_told(p, low),
                   .high = plain_told(p, high),
                   .shift = plain_told(p, shift)};
    Reg before = plain_sub(p, scale.shift, plain_fixed(p, 1));
    scale.round = plain_shifted(p, INSN_SHL, I32, plain_fixed(p, 1), before);
    return scale;
}

Reg plain_scaled_narrow(Plain *p, const Scale *scale, Reg product) {
    Reg rounded = plain_add(p, product, scale->round);
    Reg code =
        plain_add(p, plain_shifted(p, INSN_SHR, I32, rounded, scale->shift), scale->zero);
    return plain_clamped(p, code, scale->low, scale->high);
}
