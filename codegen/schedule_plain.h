/* What the plain schedules share: any operator in any formats, one element at a time.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEDULE_PLAIN_H
#define SCHEDULE_PLAIN_H

#include "codegen/routine.h"

/* A routine being written. */
typedef struct Plain {
    Routine *r;
    const Step *step;
    bool shared;
    Type sum; /* I32 or I64 */
    VEC(int32_t) params;
} Plain;
typedef bool PlainWrite(Plain *p, Lowered *lowered, Str *why);

/* ---- schedule_plain_parts.c ------------------------------------------------------------- */

/* What training decides is told to the code by parameters, so that networks of one shape share
 * theirs. Numbers of the shape are constants of the code, or parameters where steps of several
 * shapes share it; other numbers are fixed. */
Reg plain_told(Plain *p, int64_t value);
Reg plain_number(Plain *p, int64_t value);
Reg plain_fixed(Plain *p, int64_t value);
Reg plain_add(Plain *p, Reg a, Reg b); /* of 32 bits */
Reg plain_sub(Plain *p, Reg a, Reg b);
Reg plain_mul(Plain *p, Reg a, Reg b);
Reg plain_wide(Plain *p, Reg a); /* 32 bits to 64 */
Reg plain_shifted(Plain *p, InsnKind kind, Type type, Reg a, Reg by);
Reg plain_clamped(Plain *p, Reg code, Reg low, Reg high);

Type plain_type(Format format);
int plain_element_bytes(Format format);
/* Where a tensor's pixels lie: a row of channels, packed to bytes where it is of 4 bits. */
typedef struct Pixels {
    Reg base;
    Format format;
    Reg pixel_bytes;
} Pixels;
Pixels plain_pixels(Plain *p, int argument, Format format, int channels);
/* Channels of a tensor whose codes follow each other from pixel to pixel: all of its codes; else
 * its channels. */
int plain_row(Shape shape, Format format);
Reg plain_pixel_at(Plain *p, const Pixels *tensor, Reg pixel);
/* The code of channel c of the pixel at a pointer. */
Reg plain_load(Plain *p, Format format, Reg pixel, Reg c);
void plain_store(Plain *p, Format format, Reg pixel, Reg c, Reg code);

/* What a sum becomes: clamp(zero + ((sum m + round) >> shift), low, high), in 64 bits. */
typedef struct Scale {
    Reg zero, low, high, shift, round;
} Scale;
Scale plain_scale(Plain *p, int32_t zero, int32_t low, int32_t high, int shift);
Reg plain_scaled(Plain *p, const Scale *scale, Reg product);      /* of 64 bits: sum m */
Reg plain_rescaled(Plain *p, Reg code, Reg zero, Reg multiplier); /* (code - zero) m */

/* The same in 32 bits, for products that stay in them. */
Scale plain_scale_narrow(Plain *p, int32_t zero, int32_t low, int32_t high, int shift);
Reg plain_scaled_narrow(Plain *p, const Scale *scale, Reg product);

/* ---- one file each ---------------------------------------------------------------------- */

/* schedule_plain_moves.c */
PlainWrite write_concat, write_slice, write_pad, write_upsample, write_shuffle, write_reshape;
/* schedule_plain_curves.c */
PlainWrite write_curve, write_mul;
/* schedule_plain_rows.c */
PlainWrite write_softmax, write_layer_norm, write_matmul;

#endif
