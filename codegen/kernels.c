/* The kernels as C99. One function for each Kernel; shapes and constants come through a const
 * descriptor, so that a further call costs a few bytes. Beside the text of each kernel stand the
 * members of its descriptor and the scratch that its loops use.
 *
 * In the texts below @P stands for the prefix, @M for the prefix in capitals, @N for the kernel's name,
 * @S for its struct, @I, @J and @O for the formats of the operands and of the result, @E for the
 * type of the operand's elements, @X for those that sums read (once gathered or unpacked), @F for the
 * format of the weights, @W for their type once unpacked, @A for the type of sums, @C for the clamp of
 * sums, @U for unsigned sums, @Y for what a plane is filled by, @L for the least code of the operand.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

#include <string.h>

/* ---- helpers of the kernels ------------------------------------------------------------------------ */

/* Text emitted once where some kernel mentions its name. */
typedef struct Helper {
    const char *name, *text;
} Helper;

#define GET(F, T)                                                                              \
    {                                                                                          \
        "get_" F, "@M_INLINE int32_t @P_get_" F "(const void *x, int32_t i)\n"                 \
                  "{\n"                                                                        \
                  "    return ((const " T " *)x)[i];\n"                                        \
                  "}\n"                                                                        \
    }
#define PUT(F, T)                                                                              \
    {                                                                                          \
        "put_" F, "@M_INLINE void @P_put_" F "(void *y, int32_t i, int32_t code)\n"            \
                  "{\n"                                                                        \
                  "    ((" T " *)y)[i] = (" T ")code;\n"                                       \
                  "}\n"                                                                        \
    }

/* A stream of codes of fewer than 8 bits, little-endian. */
#define NEXT(F, BITS, MASK, SIGN)                                                              \
    {                                                                                          \
        "next_" F, "/* The next weight of " BITS " bits from a little-endian stream. */\n"     \
                   "@M_INLINE int8_t @P_next_" F "(struct @P_stream *s)\n"                     \
                   "{\n"                                                                       \
                   "    uint32_t code;\n"                                                      \
                   "    if (s->have < " BITS ") {\n"                                           \
                   "        s->bits |= (uint32_t)*s->at++ << s->have;\n"                       \
                   "        s->have += 8;\n"                                                   \
                   "    }\n"                                                                   \
                   "    code = s->bits & " MASK "u;\n"                                         \
                   "    s->bits >>= " BITS ";\n"                                               \
                   "    s->have -= " BITS ";\n"                                                \
                   "    return (int8_t)((int32_t)(code ^ " SIGN "u) - " SIGN ");\n"            \
                   "}\n"                                                                       \
    }
#define UNPACK(F, WHOLE_BYTES)                                                                 \
    {                                                                                          \
        "unpack_" F,                                                                           \
            "/* Rows of weights from row `first`, one after the other. */\n"                   \
            "@M_INLINE void @P_unpack_" F                                                      \
            "(const void *weight, int32_t first, int32_t rows,\n"                              \
            "    int32_t row, int32_t row_bytes, int8_t *to)\n"                                \
            "{\n"                                                                              \
            "    const uint8_t *at = (const uint8_t *)weight + first * row_bytes;\n"           \
            "    for (; rows > 0; rows--, at += row_bytes) {\n"                                \
            "        struct @P_stream stream = {at, 0, 0};\n"                                  \
            "        const int8_t *end = to + row;\n" WHOLE_BYTES "        while (to < end)\n" \
            "            *to++ = @P_next_" F "(&stream);\n"                                    \
            "    }\n"                                                                          \
            "}\n"                                                                              \
    }

/* Codes that divide a byte, a byte at a time. */
#define CODE_2(SHIFT) "(int8_t)((int32_t)((b >> " SHIFT " & 3u) ^ 2u) - 2)"
#define BYTES_2                                                                                \
    "        while (end - to >= 4) {\n"                                                        \
    "            const uint32_t b = *stream.at++;\n"                                           \
    "            to[0] = " CODE_2("0") ";\n"                                                   \
                                       "            to[1] = " CODE_2(                          \
                                           "2") ";\n"                                          \
                                                "            to[2] = " CODE_2(                 \
                                                    "4") ";\n"                                 \
                                                         "            to[3] = " CODE_2(        \
                                                             "6") ";\n"                        \
                                                                  "            to += 4;\n"     \
                                                                  "        }\n"
#define BYTES_4                                                                                \
    "        while (end - to >= 2) {\n"                                                        \
    "            const uint32_t b = *stream.at++;\n"                                           \
    "            to[0] = (int8_t)((int32_t)((b & 15u) ^ 8u) - 8);\n"                           \
    "            to[1] = (int8_t)((int32_t)((b >> 4) ^ 8u) - 8);\n"                            \
    "            to += 2;\n"                                                                   \
    "        }\n"

/* In an order in which each stands after what it uses; found by "@P_" and the name. */
static const Helper helpers[] = {
    {"clamped", "@M_INLINE int32_t @P_clamped(int32_t code, int32_t low, int32_t high)\n"
                "{\n"
                "    return code < low ? low : code > high ? high : code;\n"
                "}\n"},
    {"clamped_wide",
     "@M_INLINE int32_t @P_clamped_wide(int64_t code, int32_t low, int32_t high)\n"
     "{\n"
     "    return code < low ? low : code > high ? high : (int32_t)code;\n"
     "}\n"},
    {"requantised",
     "/* Single rounding, half up, whatever the shift: (sum m + 2^(t-1)) >> t, t = shift + 32. "
     "*/\n"
     "@M_INLINE int32_t @P_requantised(int64_t sum, int32_t m, const struct @P_output *to)\n"
     "{\n"
     "    const int32_t t = to->shift + 32;\n"
     "    const int64_t code = ((sum * m + ((int64_t)1 << (t - 1))) >> t) + to->zero;\n"
     "    return code < to->low ? to->low : code > to->high ? to->high : (int32_t)code;\n"
     "}\n"},
    GET("i8", "int8_t"),
    GET("u8", "uint8_t"),
    GET("i16", "int16_t"),
    {"get_i4", "@M_INLINE int32_t @P_get_i4(const void *x, int32_t i)\n"
               "{\n"
               "    const uint32_t pair = ((const uint8_t *)x)[i >> 1];\n"
               "    return (int32_t)((pair >> (i & 1) * 4 & 15u) ^ 8u) - 8;\n"
               "}\n"},
    PUT("i8", "int8_t"),
    PUT("u8", "uint8_t"),
    PUT("i16", "int16_t"),
    {"put_i4", "/* Leaves the other code of the byte alone: it may not have been read yet. */\n"
               "@M_INLINE void @P_put_i4(void *y, int32_t i, int32_t code)\n"
               "{\n"
               "    uint8_t *pair = (uint8_t *)y + (i >> 1);\n"
               "    const int32_t at = (i & 1) * 4;\n"
               "    *pair = (uint8_t)((*pair & 240u >> at) | ((uint32_t)code & 15u) << at);\n"
               "}\n"},
    {"stream", "struct @P_stream {\n"
               "    const uint8_t *at;\n"
               "    uint32_t bits;\n"
               "    int32_t have;\n"
               "};\n"},
    NEXT("i2", "2", "3", "2"),
    NEXT("i3", "3", "7", "4"),
    NEXT("i4", "4", "15", "8"),
    NEXT("i5", "5", "31", "16"),
    NEXT("i6", "6", "63", "32"),
    NEXT("i7", "7", "127", "64"),
    UNPACK("i2", BYTES_2),
    UNPACK("i3", ""),
    UNPACK("i4", BYTES_4),
    UNPACK("i5", ""),
    UNPACK("i6", ""),
    UNPACK("i7", ""),
    {"fill", "@M_INLINE int16_t *@P_fill(int16_t *at, int32_t count, int16_t code)\n"
             "{\n"
             "    while (count-- > 0)\n"
             "        *at++ = code;\n"
             "    return at;\n"
             "}\n"},
};

/* ---- parts common to all that sum products ---- */

#define FINISH_TEXT(HIGH_WORD)                                                                 \
    "/* Sums to codes. For each, bias, multiplier and channel move by `step`, the pixel by "   \
    "`row`\n"                                                                                  \
    "   bytes. */\n"                                                                           \
    "@M_INLINE void @N_finish(const @A *sum, int32_t count, const @A *bias, const int32_t "    \
    "*m,\n"                                                                                    \
    "    int32_t step, const struct @P_output *to, uint8_t *pixel, int32_t row, int32_t "      \
    "channel)\n"                                                                               \
    "{\n" HIGH_WORD "    for (; count > 0; count--) {\n"                                       \
    "        @P_put_@O((void *)pixel, channel, @P_requantised(*sum++ + *bias, *m, to));\n"     \
    "        bias += step;\n"                                                                  \
    "        m += step;\n"                                                                     \
    "        channel += step;\n"                                                               \
    "        pixel += row;\n"                                                                  \
    "    }\n"                                                                                  \
    "}\n"

/* For t > 32 and 32-bit sums the high word of the product is enough, exactly, since floors nest. */
static const char finish_text[] = FINISH_TEXT(
    "    const int32_t round = to->round, shift = to->shift, low = to->low, high = to->high;\n"
    "    for (; shift > 0 && count > 0; count--) {\n"
    "        const int32_t word = (int32_t)((int64_t)(*sum++ + *bias) * *m >> 32);\n"
    "        @P_put_@O((void *)pixel, channel, @P_clamped((word + round) >> shift, low, "
    "high));\n"
    "        bias += step;\n"
    "        m += step;\n"
    "        channel += step;\n"
    "        pixel += row;\n"
    "    }\n");
static const char finish_wide_text[] = FINISH_TEXT("");

static const char rows_text[] =
    "/* The sums of `advance` output channels from `o` over one column, by four rows of "
    "weights; where a\n"
    "   group has fewer than four, all four are the same row. */\n"
    "@M_INLINE void @N_rows(const struct @P_@S *s, const @X *x, const @W *w0, int32_t o,\n"
    "    uint8_t *pixel)\n"
    "{\n"
    "    const @W *w1 = w0 + s->reach, *w2 = w1 + s->reach, *w3 = w2 + s->reach;\n"
    "    const @X *end = x + s->row;\n"
    "    @A a0 = 0, a1 = 0, a2 = 0, a3 = 0, sum[4];\n"
    "    while (x < end) {\n"
    "        const @A code = *x++;\n"
    "        a0 += code * *w0++;\n"
    "        a1 += code * *w1++;\n"
    "        a2 += code * *w2++;\n"
    "        a3 += code * *w3++;\n"
    "    }\n"
    "    sum[0] = a0;\n"
    "    sum[1] = a1;\n"
    "    sum[2] = a2;\n"
    "    sum[3] = a3;\n"
    "    @N_finish(sum, s->advance, (const @A *)s->bias + o, s->multiplier + o, 1, &s->to, "
    "pixel, 0, o);\n"
    "}\n";

/* ---- convolution ---- */

/* Whole rows of taps are one run where they are contiguous. */
#define GATHER_TEXT(RUN)                                                                       \
    "/* The window at (y, x) of one group as a column; padding has the value of the zero "     \
    "point. */\n"                                                                              \
    "@M_INLINE void @N_gather(const struct @P_conv *s, const void *in, int32_t y, int32_t "    \
    "x,\n"                                                                                     \
    "    int32_t group, int16_t *column)\n"                                                    \
    "{\n"                                                                                      \
    "    const int32_t over = x + s->kernel_w - s->in_w;\n"                                    \
    "    const int32_t before = x < 0 ? -x : 0, after = over > 0 ? over : 0;\n"                \
    "    const int32_t inside = s->kernel_w - before - after;\n"                               \
    "    const int32_t runs = s->joined ? 1 : inside;\n"                                       \
    "    const int32_t run = s->joined ? inside * s->group_in : s->group_in;\n"                \
    "    const int32_t bottom = y + s->kernel_h;\n"                                            \
    "    int32_t r;\n"                                                                         \
    "    for (; y < bottom; y++) {\n"                                                          \
    "        const uint8_t *pixel;\n"                                                          \
    "        if (y < 0 || y >= s->in_h) {\n"                                                   \
    "            column = @P_fill(column, s->kernel_w * s->group_in, s->in_zero);\n"           \
    "            continue;\n"                                                                  \
    "        }\n"                                                                              \
    "        column = @P_fill(column, before * s->group_in, s->in_zero);\n"                    \
    "        pixel = (const uint8_t *)in + (y * s->in_w + x + before) * s->in_row;\n"          \
    "        for (r = 0; r < runs; r++, pixel += s->in_row) {\n" RUN "        }\n"             \
    "        column = @P_fill(column, after * s->group_in, s->in_zero);\n"                     \
    "    }\n"                                                                                  \
    "}\n"

static const char gather_text[] = GATHER_TEXT(
    "            const @E *code = (const @E *)(const void *)pixel + group * s->group_in;\n"
    "            const @E *end = code + run;\n"
    "            while (code < end)\n"
    "                *column++ = *code++;\n");
static const char gather_packed_text[] =
    GATHER_TEXT("            int32_t c = group * s->group_in;\n"
                "            const int32_t end = c + run;\n"
                "            for (; c < end; c++)\n"
                "                *column++ = (int16_t)@P_get_@I((const void *)pixel, c);\n");

static const char conv_text[] =
    "/* Convolution, pixel by pixel. */\n"
    "@M_KERNEL @N(const struct @P_conv *s, const void *in, void *out, void *scratch)\n"
    "{\n"
    "    uint8_t *pixel = out;\n"
    "    int32_t y, x, g, o;\n"
    "    for (y = 0; y < s->out_h; y++)\n"
    "        for (x = 0; x < s->out_w; x++, pixel += s->out_row)\n"
    "            for (g = 0; g < s->groups; g++) {\n"
    "                const int32_t end = (g + 1) * s->group_out, last = end - s->advance;\n"
    "                @N_gather(s, in, y * s->stride_h - s->pad_h, x * s->stride_w - s->pad_w, "
    "g,\n"
    "                    scratch);\n"
    "                for (o = end - s->group_out; o < end; o += s->advance) {\n"
    "                    o = o > last ? last : o;\n"
    "                    @N_rows(s, scratch, (const @W *)s->weight + o * s->row, o, pixel);\n"
    "                }\n"
    "            }\n"
    "}\n";

static const char conv_packed_text[] =
    "/* Convolution with packed weights: some rows are unpacked, then all pixels are done. */\n"
    "@M_KERNEL @N(const struct @P_conv *s, const void *in, void *out, void *scratch)\n"
    "{\n"
    "    int16_t *column = scratch;\n"
    "    int8_t *rows = (int8_t *)(column + s->row);\n"
    "    int32_t y, x, g, o, i;\n"
    "    for (g = 0; g < s->groups; g++) {\n"
    "        const int32_t end = (g + 1) * s->group_out, last = end - s->batch;\n"
    "        for (o = end - s->group_out; o < end; o += s->batch) {\n"
    "            uint8_t *pixel = out;\n"
    "            o = o > last ? last : o;\n"
    "            @P_unpack_@F(s->weight, o, s->batch, s->row, s->row_bytes, rows);\n"
    "            for (y = 0; y < s->out_h; y++)\n"
    "                for (x = 0; x < s->out_w; x++, pixel += s->out_row) {\n"
    "                    @N_gather(s, in, y * s->stride_h - s->pad_h, x * s->stride_w - "
    "s->pad_w, g,\n"
    "                        column);\n"
    "                    for (i = 0; i < s->batch; i += s->advance)\n"
    "                        @N_rows(s, column, rows + i * s->row, o + i, pixel);\n"
    "                }\n"
    "        }\n"
    "    }\n"
    "}\n";

static const char pointwise_text[] =
    "/* Convolution of kernel 1: a pixel is its own column. */\n"
    "@M_KERNEL @N(const struct @P_pointwise *s, const void *in, void *out)\n"
    "{\n"
    "    const int32_t last = s->channels - s->advance;\n"
    "    const @X *x = in;\n"
    "    uint8_t *pixel = out;\n"
    "    int32_t p, o;\n"
    "    for (p = 0; p < s->pixels; p++, x += s->row, pixel += s->out_row)\n"
    "        for (o = 0; o < s->channels; o += s->advance) {\n"
    "            o = o > last ? last : o;\n"
    "            @N_rows(s, x, (const @W *)s->weight + o * s->row, o, pixel);\n"
    "        }\n"
    "}\n";

static const char pointwise_packed_text[] =
    "/* Convolution of kernel 1 with packed weights: four rows are unpacked, then all pixels "
    "are done. */\n"
    "@M_KERNEL @N(const struct @P_pointwise *s, const void *in, void *out, void *scratch)\n"
    "{\n"
    "    const int32_t last = s->channels - s->advance;\n"
    "    int32_t p, o;\n"
    "    for (o = 0; o < s->channels; o += s->advance) {\n"
    "        const @X *x = in;\n"
    "        uint8_t *pixel = out;\n"
    "        o = o > last ? last : o;\n"
    "        @P_unpack_@F(s->weight, o, s->advance, s->row, s->row_bytes, scratch);\n"
    "        for (p = 0; p < s->pixels; p++, x += s->row, pixel += s->out_row)\n"
    "            @N_rows(s, x, scratch, o, pixel);\n"
    "    }\n"
    "}\n";

/* ---- dense ---- */

#define DENSE_TEXT(STREAM, NEXT_WEIGHT)                                                        \
    "/* Dense: each weight is used once, so that packed ones are read as a stream. */\n"       \
    "@M_KERNEL @N(const struct @P_dense *s, const void *in, void *out)\n"                      \
    "{\n"                                                                                      \
    "    int32_t o, p, c;\n"                                                                   \
    "    for (o = 0; o < s->outputs; o++) {\n" STREAM "        const uint8_t *pixel = in;\n"   \
    "        @A acc = 0;\n"                                                                    \
    "        for (p = 0; p < s->pixels; p++, pixel += s->in_row)\n"                            \
    "            for (c = 0; c < s->channels; c++)\n"                                          \
    "                acc += (@A)@P_get_@I((const void *)pixel, c) * " NEXT_WEIGHT ";\n"        \
    "        @N_finish(&acc, 1, (const @A *)s->bias + o, s->multiplier + o, 1, &s->to, out, "  \
    "0, o);\n"                                                                                 \
    "    }\n"                                                                                  \
    "}\n"

static const char dense_text[] =
    DENSE_TEXT("        const @W *w = (const @W *)s->weight + o * s->row;\n", "*w++");
static const char dense_packed_text[] =
    DENSE_TEXT("        struct @P_stream stream = {(const uint8_t *)s->weight + o * "
               "s->row_bytes, 0, 0};\n",
               "@P_next_@F(&stream)");

/* ---- depthwise ---- */

#define PLANE_TEXT(READ)                                                                       \
    "/* Copies channel c into the plane. */\n"                                                 \
    "@M_INLINE void @N_plane(const struct @P_depthwise *s, const void *in, int32_t c, @X "     \
    "*plane)\n"                                                                                \
    "{\n"                                                                                      \
    "    const int32_t in_row = s->in_row, copy_w = s->copy_w, line = s->in_w * in_row;\n"     \
    "    const uint8_t *from = in;\n"                                                          \
    "    int32_t y, x;\n"                                                                      \
    "    plane += s->inset;\n"                                                                 \
    "    for (y = 0; y < s->copy_h; y++, from += line, plane += s->pitch) {\n"                 \
    "        const uint8_t *at = from" READ "    }\n"                                          \
    "}\n"

static const char plane_text[] =
    PLANE_TEXT(" + c * (int32_t)sizeof(@X);\n"
               "        for (x = 0; x < copy_w; x++, at += in_row)\n"
               "            plane[x] = *(const @X *)(const void *)at;\n");
static const char plane_packed_text[] =
    PLANE_TEXT(";\n"
               "        for (x = 0; x < copy_w; x++, at += in_row)\n"
               "            plane[x] = (@X)@P_get_@I((const void *)at, c);\n");

static const char taps_text[] = "/* Four outputs of a row share each weight. */\n"
                                "@M_INLINE void @N_taps(const struct @P_depthwise *s, const @X "
                                "*tap, const @W *w, @A *sum)\n"
                                "{\n"
                                "    const int32_t step = s->stride_w, kernel_w = s->kernel_w, "
                                "skip = s->pitch - kernel_w;\n"
                                "    const @W *last = w + s->taps;\n"
                                "    @A a0 = 0, a1 = 0, a2 = 0, a3 = 0;\n"
                                "    while (w < last) {\n"
                                "        const @W *end = w + kernel_w;\n"
                                "        while (w < end) {\n"
                                "            const @A weight = *w++;\n"
                                "            a0 += weight * tap[0];\n"
                                "            a1 += weight * tap[step];\n"
                                "            a2 += weight * tap[2 * step];\n"
                                "            a3 += weight * tap[3 * step];\n"
                                "            tap++;\n"
                                "        }\n"
                                "        tap += skip;\n"
                                "    }\n"
                                "    sum[0] = a0;\n"
                                "    sum[1] = a1;\n"
                                "    sum[2] = a2;\n"
                                "    sum[3] = a3;\n"
                                "}\n";

#define DEPTHWISE_TEXT(SETUP, TAPS)                                                            \
    "/* Depthwise: a channel is copied into a padded plane, which then no border test needs, " \
    "and\n"                                                                                    \
    "   which lets the result overwrite the input. */\n"                                       \
    "@M_KERNEL @N(const struct @P_depthwise *s, const void *in, void *out, void *scratch)\n"   \
    "{\n"                                                                                      \
    "    @X *plane = scratch;\n"                                                               \
    "    @Y *fill = scratch;\n" SETUP "    int32_t c, y, x;\n"                                 \
    "    const @Y *filled = fill + s->fill_count;\n"                                           \
    "    while (fill < filled)\n"                                                              \
    "        *fill++ = (@Y)s->fill;\n"                                                         \
    "    for (c = 0; c < s->channels; c++) {\n"                                                \
    "        const @A *bias = (const @A *)s->bias + c;\n"                                      \
    "        const int32_t *m = s->multiplier + c;\n"                                          \
    "        const @X *line = plane;\n"                                                        \
    "        uint8_t *pixel = out;\n" TAPS "        @N_plane(s, in, c, plane);\n"              \
    "        for (y = 0; y < s->out_h; y++, line += s->drop)\n"                                \
    "            for (x = s->out_w; x > 0; x -= 4) {\n"                                        \
    "                const int32_t count = x < 4 ? x : 4;\n"                                   \
    "                @A sum[4];\n"                                                             \
    "                @N_taps(s, line + (s->out_w - x) * s->stride_w, taps, sum);\n"            \
    "                @N_finish(sum, count, bias, m, 0, &s->to, pixel, s->out_row, c);\n"       \
    "                pixel += count * s->out_row;\n"                                           \
    "            }\n"                                                                          \
    "    }\n"                                                                                  \
    "}\n"

static const char depthwise_text[] = DEPTHWISE_TEXT(
    "    const @W *taps = s->weight, *next = taps;\n", "        taps = next;\n"
                                                       "        next += s->taps;\n");
static const char depthwise_packed_text[] =
    DEPTHWISE_TEXT("    struct @P_stream stream = {s->weight, 0, 0};\n"
                   "    int8_t *taps = (int8_t *)scratch + s->plane_bytes;\n",
                   "        for (x = 0; x < s->taps; x++)\n"
                   "            taps[x] = @P_next_@F(&stream);\n");

/* ---- pooling ------------------------------------------------------------------------------------------------------ */

#define POOL_TEXT(WHAT, DECLARE, BEGIN, TAP, RESULT)                                           \
    WHAT "@M_KERNEL @N(const struct @P_pool *s, const void *in, void *out)\n"                  \
         "{\n"                                                                                 \
         "    uint8_t *pixel = out;\n"                                                         \
         "    int32_t y, x, c, i, j;\n"                                                        \
         "    for (y = 0; y < s->out_h; y++)\n"                                                \
         "        for (x = 0; x < s->out_w; x++, pixel += s->out_row) {\n"                     \
         "            const int32_t y0 = y * s->stride_h - s->pad_h, y1 = y0 + s->kernel_h;\n" \
         "            const int32_t x0 = x * s->stride_w - s->pad_w, x1 = x0 + s->kernel_w;\n" \
         "            const int32_t top = y0 < 0 ? 0 : y0, bottom = y1 > s->in_h ? s->in_h : " \
         "y1;\n"                                                                               \
         "            const int32_t left = x0 < 0 ? 0 : x0, right = x1 > s->in_w ? s->in_w : " \
         "x1;\n" DECLARE "            const uint8_t *row = (const uint8_t *)in + (top * "      \
         "s->in_w + left) * s->in_row;\n"                                                      \
         "            for (c = 0; c < s->channels; c++) {\n"                                   \
         "                const uint8_t *line = row;\n" BEGIN                                  \
         "                for (i = top; i < bottom; i++, line += s->in_w * s->in_row) {\n"     \
         "                    const uint8_t *tap = line;\n"                                    \
         "                    for (j = left; j < right; j++, tap += s->in_row) {\n" TAP        \
         "                    }\n"                                                             \
         "                }\n"                                                                 \
         "                @P_put_@O((void *)pixel, c, " RESULT ");\n"                          \
         "            }\n"                                                                     \
         "        }\n"                                                                         \
         "}\n"

static const char max_pool_text[] = POOL_TEXT(
    "/* The largest code of each window. */\n", "", "                int32_t largest = @L;\n",
    "                        const int32_t code = @P_get_@I((const void *)tap, c);\n"
    "                        largest = code > largest ? code : largest;\n",
    "@P_clamped(largest, s->low, s->high)");
static const char average_pool_text[] =
    POOL_TEXT("/* The mean of each window's taps inside the image, rounded half up; codes "
              "count from the least\n"
              "   one, so that the division is of unsigned numbers. */\n",
              "            const @U taps = (@U)((bottom - top) * (right - left));\n",
              "                @U sum = 0;\n",
              "                        sum += (@U)(@P_get_@I((const void *)tap, c) - (@L));\n",
              "@P_clamped((int32_t)((2 * sum + taps) / (2 * taps)) + (@L), s->low, s->high)");

/* ---- elementwise ---------------------------------------------------------------------------------------------------- */

static const char add_text[] =
    "/* The sum of two tensors, each rescaled; one rounding. */\n"
    "@M_KERNEL @N(const struct @P_add *s, const void *in, const void *in2, void *out)\n"
    "{\n"
    "    const struct @P_add k = *s;\n"
    "    const uint8_t *a = in, *b = in2;\n"
    "    uint8_t *to = out;\n"
    "    int32_t p, c;\n"
    "    for (p = 0; p < k.pixels; p++, a += k.in_row, b += k.in2_row, to += k.out_row)\n"
    "        for (c = 0; c < k.channels; c++) {\n"
    "            const @A first = @P_get_@I((const void *)a, c) - k.zero;\n"
    "            const @A second = @P_get_@J((const void *)b, c) - k.zero2;\n"
    "            const @A sum = first * k.multiplier + second * k.multiplier2 + k.round;\n"
    "            @P_put_@O((void *)to, c, @C((sum >> k.shift) + k.out_zero, k.low, k.high));\n"
    "        }\n"
    "}\n";

static const char clamp_text[] =
    "/* relu and relu6 of a tensor that others read too. */\n"
    "@M_KERNEL @N(const struct @P_clamp *s, const void *in, void *out)\n"
    "{\n"
    "    const uint8_t *from = in;\n"
    "    uint8_t *to = out;\n"
    "    int32_t p, c;\n"
    "    for (p = 0; p < s->pixels; p++, from += s->row, to += s->row)\n"
    "        for (c = 0; c < s->channels; c++)\n"
    "            @P_put_@O((void *)to, c,\n"
    "                @P_clamped(@P_get_@I((const void *)from, c), s->low, s->high));\n"
    "}\n";

/* ---- descriptors ------------------------------------------------------------------------------------------------------ */

static void member(Descriptor *d, const char *name, int bytes, int64_t value) {
    d->member[d->count++] = (Member){name, bytes, value};
}

static int64_t row_bytes(Shape shape, Format format) {
    return format_row_bytes(format, shape_channels(shape));
}

/* What requantisation needs: the shift beyond 32, and the rounding with the zero point in it. */
static void output_members(Descriptor *d, const Step *step) {
    int shift = step->shift - 32;
    bool high_word = shift > 0 && step->kernel.accumulator_bits == 32;
    int64_t zero = step->out_zero;
    d->requantises = true;
    member(d, "to.round", 4, high_word ? ((int64_t)1 << (shift - 1)) + zero * (1 << shift) : 0);
    member(d, "to.shift", 2, shift);
    member(d, "to.zero", 2, zero);
    member(d, "to.low", 2, step->low);
    member(d, "to.high", 2, step->high);
}

static void window_members(Descriptor *d, const Step *step) {
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    member(d, "in_row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "out_row", 4, row_bytes(step->out_shape, step->kernel.out));
    member(d, "in_h", 2, in.h);
    member(d, "in_w", 2, in.w);
    member(d, "out_h", 2, out.h);
    member(d, "out_w", 2, out.w);
    member(d, "kernel_h", 2, step->kernel_h);
    member(d, "kernel_w", 2, step->kernel_w);
    member(d, "stride_h", 2, step->stride_h);
    member(d, "stride_w", 2, step->stride_w);
    member(d, "pad_h", 2, step->pad_h);
    member(d, "pad_w", 2, step->pad_w);
}

static bool is_packed(Format format) {
    return format_bits(format) < 8;
}

/* Output channels that are summed at a time: four, or one where a group has fewer than four. */
static int channels_at_once(const Step *step) {
    return step->from->out_channels / step->groups < 4 ? 1 : 4;
}

static void row_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    int advance = channels_at_once(step);
    member(d, "row", 4, layer->row);
    member(d, "row_bytes", 4, format_row_bytes(layer->weights, layer->row));
    member(d, "advance", 4, advance);
    member(d, "reach", 4, advance == 4 ? layer->row : 0);
}

/* Rows unpacked at a time: a column is gathered anew for each time, while each row takes scratch. */
static int rows_at_once(const Step *step) {
    int advance = channels_at_once(step), rows = advance;
    int64_t budget = 768 / step->from->row;
    while (rows + advance <= min_i64(budget, step->from->out_channels / step->groups))
        rows += advance;
    return rows;
}

static void conv_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    int in = shape_channels(step->in_shape);
    d->type = "conv";
    d->weighted = true;
    output_members(d, step);
    row_members(d, step);
    window_members(d, step);
    member(d, "batch", 4, rows_at_once(step));
    member(d, "groups", 2, step->groups);
    member(d, "group_in", 2, in / step->groups);
    member(d, "group_out", 2, layer->out_channels / step->groups);
    member(d, "in_zero", 2, step->in_zero);
    member(d, "joined", 2, step->groups == 1 && !is_packed(step->kernel.in));
}

static void pointwise_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    d->type = "pointwise";
    d->weighted = true;
    output_members(d, step);
    row_members(d, step);
    member(d, "out_row", 4, row_bytes(step->out_shape, step->kernel.out));
    member(d, "pixels", 4, shape_pixels(step->in_shape));
    member(d, "channels", 4, layer->out_channels);
}

static void dense_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    bool joined = !is_packed(step->kernel.in);
    d->type = "dense";
    d->weighted = true;
    output_members(d, step);
    member(d, "row", 4, layer->row);
    member(d, "row_bytes", 4, format_row_bytes(layer->weights, layer->row));
    member(d, "in_row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "outputs", 4, layer->out_channels);
    member(d, "pixels", 4, joined ? 1 : shape_pixels(step->in_shape));
    member(d, "channels", 4, joined ? layer->row : shape_channels(step->in_shape));
}

/* The padded plane of a depthwise: wide enough for the fourth output of the last step of each row. */
typedef struct Plane {
    int h, pitch, copy_h, copy_w;
    int element_bytes;
    int64_t bytes; /* a multiple of 4 */
} Plane;

static Plane plane_of(const Step *step) {
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    int columns = (out.w + 3) / 4 * 4;
    Plane plane = {.h = (out.h - 1) * step->stride_h + step->kernel_h,
                   .pitch = (columns - 1) * step->stride_w + step->kernel_w,
                   .element_bytes = step->kernel.in == FORMAT_I16 ? 2 : 1};
    plane.copy_h = (int)min_i64(in.h, plane.h - step->pad_h);
    plane.copy_w = (int)min_i64(in.w, plane.pitch - step->pad_w);
    plane.bytes = ((int64_t)plane.h * plane.pitch * plane.element_bytes + 3) / 4 * 4;
    return plane;
}

static int64_t plane_fill(const Step *step, const Plane *plane) {
    uint32_t zero = (uint32_t)step->in_zero & 255;
    return plane->element_bytes == 2 ? step->in_zero : (int64_t)(zero * 0x01010101u);
}

static void depthwise_members(Descriptor *d, const Step *step) {
    Plane plane = plane_of(step);
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    d->type = "depthwise";
    d->weighted = true;
    output_members(d, step);
    member(d, "fill", 4, (int32_t)plane_fill(step, &plane));
    member(d, "fill_count", 4, plane.bytes / (plane.element_bytes == 2 ? 2 : 4));
    member(d, "plane_bytes", 4, plane.bytes);
    member(d, "inset", 4, step->pad_h * plane.pitch + step->pad_w);
    member(d, "pitch", 4, plane.pitch);
    member(d, "drop", 4, step->stride_h * plane.pitch);
    member(d, "in_row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "out_row", 4, row_bytes(step->out_shape, step->kernel.out));
    member(d, "in_w", 2, in.w);
    member(d, "copy_h", 2, plane.copy_h);
    member(d, "copy_w", 2, plane.copy_w);
    member(d, "out_h", 2, out.h);
    member(d, "out_w", 2, out.w);
    member(d, "kernel_w", 2, step->kernel_w);
    member(d, "stride_w", 2, step->stride_w);
    member(d, "channels", 2, out.c);
    member(d, "taps", 4, step->kernel_h * step->kernel_w);
}

static void pool_members(Descriptor *d, const Step *step) {
    d->type = "pool";
    window_members(d, step);
    member(d, "channels", 2, shape_channels(step->out_shape));
    member(d, "low", 2, step->low);
    member(d, "high", 2, step->high);
}

/* Tensors of whole bytes are one long pixel. */
static void elementwise_members(Descriptor *d, const Step *step, bool joined) {
    member(d, "pixels", 4, joined ? 1 : shape_pixels(step->out_shape));
    member(d, "channels", 4,
           joined ? shape_elements(step->out_shape) : shape_channels(step->out_shape));
}

static void add_members(Descriptor *d, const Step *step) {
    const int32_t *m = step->from->multiplier;
    Kernel kernel = step->kernel;
    d->type = "add";
    elementwise_members(
        d, step, !is_packed(kernel.in) && !is_packed(kernel.in2) && !is_packed(kernel.out));
    member(d, "in_row", 4, row_bytes(step->in_shape, kernel.in));
    member(d, "in2_row", 4, row_bytes(step->in_shape, kernel.in2));
    member(d, "out_row", 4, row_bytes(step->out_shape, kernel.out));
    member(d, "multiplier", 4, m ? m[0] : 1 << 21);
    member(d, "multiplier2", 4, m ? m[1] : 1 << 21);
    member(d, "round", 4, (int64_t)1 << (step->shift - 1));
    member(d, "shift", 2, step->shift);
    member(d, "zero", 2, step->in_zero);
    member(d, "zero2", 2, step->in_zero2);
    member(d, "out_zero", 2, step->out_zero);
    member(d, "low", 2, step->low);
    member(d, "high", 2, step->high);
}

static void clamp_members(Descriptor *d, const Step *step) {
    d->type = "clamp";
    elementwise_members(d, step, !is_packed(step->kernel.in));
    member(d, "row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "low", 2, step->low);
    member(d, "high", 2, step->high);
}

/* ---- scratch ------------------------------------------------------------------------------------------------------------ */

static int64_t column_scratch(const Step *step) {
    return 2 * (int64_t)step->from->row;
}

static int64_t rows_scratch(const Step *step) {
    return (int64_t)channels_at_once(step) * step->from->row;
}

static int64_t column_and_rows_scratch(const Step *step) {
    return column_scratch(step) + (int64_t)rows_at_once(step) * step->from->row;
}

static int64_t plane_scratch(const Step *step) {
    return plane_of(step).bytes;
}

static int64_t plane_and_taps_scratch(const Step *step) {
    return plane_of(step).bytes + (int64_t)step->kernel_h * step->kernel_w;
}

/* ---- the table of kernels --------------------------------------------------------------------------------------------------- */

typedef struct KernelText {
    OpKind kind;
    bool pointwise, packed;
    const char *name;
    const char *parts[4]; /* texts, the kernel itself last */
    void (*members)(Descriptor *d, const Step *step);
    int64_t (*scratch)(const Step *step); /* NULL: takes none */
} KernelText;

static const KernelText texts[] = {
    {OP_CONV,
     false,
     false,
     "conv",
     {finish_text, gather_text, rows_text, conv_text},
     conv_members,
     column_scratch},
    {OP_CONV,
     false,
     true,
     "conv",
     {finish_text, gather_text, rows_text, conv_packed_text},
     conv_members,
     column_and_rows_scratch},
    {OP_CONV,
     true,
     false,
     "pointwise",
     {finish_text, rows_text, pointwise_text},
     pointwise_members,
     NULL},
    {OP_CONV,
     true,
     true,
     "pointwise",
     {finish_text, rows_text, pointwise_packed_text},
     pointwise_members,
     rows_scratch},
    {OP_DENSE, false, false, "dense", {finish_text, dense_text}, dense_members, NULL},
    {OP_DENSE, false, true, "dense", {finish_text, dense_packed_text}, dense_members, NULL},
    {OP_DEPTHWISE,
     false,
     false,
     "depthwise",
     {finish_text, plane_text, taps_text, depthwise_text},
     depthwise_members,
     plane_scratch},
    {OP_DEPTHWISE,
     false,
     true,
     "depthwise",
     {finish_text, plane_text, taps_text, depthwise_packed_text},
     depthwise_members,
     plane_and_taps_scratch},
    {OP_MAX_POOL, false, false, "max_pool", {max_pool_text}, pool_members, NULL},
    {OP_AVERAGE_POOL, false, false, "average_pool", {average_pool_text}, pool_members, NULL},
    {OP_ADD, false, false, "add", {add_text}, add_members, NULL},
    {OP_RELU, false, false, "clamp", {clamp_text}, clamp_members, NULL},
};

/* Parts that have another text for wide sums or for packed inputs. */
static const char *part_text(const char *part, Kernel kernel) {
    if (part == finish_text && kernel.accumulator_bits == 64)
        return finish_wide_text;
    if (part == gather_text && is_packed(kernel.in))
        return gather_packed_text;
    if (part == plane_text && is_packed(kernel.in))
        return plane_packed_text;
    return part;
}

static const KernelText *text_of(Kernel kernel) {
    for (int i = 0; i < COUNT(texts); i++)
        if (texts[i].kind == kernel.kind && texts[i].pointwise == kernel.pointwise &&
            texts[i].packed == is_packed(kernel.weights))
            return &texts[i];
    return NULL;
}

void descriptor_of(const Step *step, Descriptor *descriptor) {
    *descriptor = (Descriptor){0};
    text_of(step->kernel)->members(descriptor, step);
}

int64_t descriptor_bytes(const Descriptor *descriptor) {
    int64_t bytes = descriptor->weighted ? 3 * 4 : 0;
    for (int i = 0; i < descriptor->count; i++)
        bytes += descriptor->member[i].bytes;
    return (bytes + 3) / 4 * 4;
}

int64_t kernel_scratch_bytes(const Step *step) {
    const KernelText *text = text_of(step->kernel);
    return text->scratch ? text->scratch(step) : 0;
}

bool kernel_has_scratch(Kernel kernel) {
    return text_of(kernel)->scratch != NULL;
}

Str kernel_print(Arena *arena, Kernel kernel) {
    const KernelText *text = text_of(kernel);
    const char *in = format_name(kernel.in), *out = format_name(kernel.out);
    const char *wide = kernel.accumulator_bits == 64 ? " 64" : "";
    if (kernel.kind == OP_ADD)
        return str_format(arena, "%s %s %s %s%s", text->name, in, format_name(kernel.in2), out,
                          wide);
    if (operator_facts[kernel.kind].weights == WEIGHTED)
        return str_format(arena, "%s %s %s %s%s", text->name, format_name(kernel.weights), in,
                          out, wide);
    return str_format(arena, "%s %s %s%s", text->name, in, out, wide);
}

Str kernel_function(Arena *arena, Str prefix, Kernel kernel) {
    Str name = kernel_print(arena, kernel);
    Str function = str_format(arena, "%.*s_%.*s", STR_ARG(prefix), STR_ARG(name));
    char *at = (char *)function.at;
    for (int i = 0; i < function.length; i++)
        if (at[i] == ' ')
            at[i] = '_';
    return function;
}

/* ---- printing ----------------------------------------------------------------------------------------------------------------- */

const char *format_c_type(Format format) {
    return format == FORMAT_I16 ? "int16_t" : format == FORMAT_I8 ? "int8_t" : "uint8_t";
}

Str capitals(Arena *arena, Str s) {
    char *at = arena_copy(arena, s.at, (size_t)s.length + 1);
    for (int i = 0; i < s.length; i++)
        if (at[i] >= 'a' && at[i] <= 'z')
            at[i] = (char)(at[i] - 'a' + 'A');
    return (Str){at, s.length};
}

/* What the placeholders stand for; by letter. */
typedef struct Meaning {
    Str of[128];
} Meaning;

static Meaning meaning_of(Arena *arena, Str prefix, const Kernel *kernel) {
    Meaning meaning = {0};
    meaning.of['P'] = prefix;
    meaning.of['M'] = capitals(arena, str_format(arena, "%.*s", STR_ARG(prefix)));
    if (!kernel)
        return meaning;
    const KernelText *text = text_of(*kernel);
    bool wide = kernel->accumulator_bits == 64;
    /* Columns are 16 bits wide whatever they were gathered from; pixels are as they are. */
    bool gathers = kernel->kind == OP_CONV && !kernel->pointwise;
    Format element = gathers ? FORMAT_I16 : kernel->in == FORMAT_I4 ? FORMAT_I8 : kernel->in;
    Format weight = kernel->weights == FORMAT_I16 ? FORMAT_I16 : FORMAT_I8;
    meaning.of['N'] = kernel_function(arena, prefix, *kernel);
    meaning.of['S'] = str_of(text->name);
    meaning.of['I'] = str_of(format_name(kernel->in));
    meaning.of['J'] = str_of(format_name(kernel->in2));
    meaning.of['O'] = str_of(format_name(kernel->out));
    meaning.of['F'] = str_of(format_name(kernel->weights));
    meaning.of['E'] = str_of(format_c_type(kernel->in));
    meaning.of['C'] = str_format(arena, "%.*s_clamped%s", STR_ARG(prefix), wide ? "_wide" : "");
    meaning.of['X'] = str_of(format_c_type(element));
    meaning.of['Y'] = str_of(element == FORMAT_I16 ? "int16_t" : "uint32_t");
    meaning.of['W'] = str_of(format_c_type(weight));
    meaning.of['A'] = str_of(wide ? "int64_t" : "int32_t");
    meaning.of['U'] = str_of(wide ? "uint64_t" : "uint32_t");
    meaning.of['a'] = str_of(wide ? "64" : "32");
    meaning.of['L'] = str_format(arena, "%d", format_low(kernel->in));
    return meaning;
}

static void print_meant(Text *text, const Meaning *meaning, const char *from) {
    while (*from) {
        const char *at = strchr(from, '@');
        int plain = at ? (int)(at - from) : (int)strlen(from);
        text_add_str(text, (Str){from, plain});
        if (!at)
            return;
        text_add_str(text, meaning->of[(int)at[1]]);
        from = at + 2;
    }
}

static void print_kernel(Text *text, Str prefix, const Kernel *kernel) {
    Meaning meaning = meaning_of(text->arena, prefix, kernel);
    const KernelText *of = text_of(*kernel);
    for (int i = 0; i < COUNT(of->parts) && of->parts[i]; i++) {
        print_meant(text, &meaning, part_text(of->parts[i], *kernel));
        text_add(text, "\n");
    }
}

/* A struct for the descriptors of one type of kernel. */
static void print_struct(Text *text, Str prefix, const Descriptor *descriptor) {
    text_add(text, "struct %.*s_%s {\n", STR_ARG(prefix), descriptor->type);
    if (descriptor->weighted)
        text_add(text, "    const void *weight;\n    const void *bias;\n"
                       "    const int32_t *multiplier;\n");
    if (descriptor->requantises)
        text_add(text, "    struct %.*s_output to;\n", STR_ARG(prefix));
    for (int i = 0; i < descriptor->count; i++) {
        const Member *m = &descriptor->member[i];
        if (strncmp(m->name, "to.", 3))
            text_add(text, "    int%d_t %s;\n", 8 * m->bytes, m->name);
    }
    text_add(text, "};\n\n");
}

/* The structs take their members from the functions that fill them, here for a step of size 1. */
static void print_structs(Text *text, Str prefix, const Kernel *kernels, int count) {
    const char *done[COUNT(texts)];
    int done_count = 0;
    Layer layer = {.row = 1, .out_channels = 1, .weights = FORMAT_I8};
    Step step = {.in_shape = {1, {1}},
                 .out_shape = {1, {1}},
                 .kernel_h = 1,
                 .kernel_w = 1,
                 .stride_h = 1,
                 .stride_w = 1,
                 .groups = 1,
                 .shift = 40,
                 .from = &layer};
    for (int i = 0; i < count; i++) {
        Descriptor descriptor;
        step.kernel = kernels[i];
        descriptor_of(&step, &descriptor);
        bool seen = false;
        for (int k = 0; k < done_count; k++)
            seen |= done[k] == descriptor.type;
        if (seen)
            continue;
        done[done_count++] = descriptor.type;
        print_struct(text, prefix, &descriptor);
    }
}

/* Those helpers that the kernels mention, and those that they mention in turn. */
static void print_helpers(Text *text, Str prefix, Str kernels) {
    Meaning meaning = meaning_of(text->arena, prefix, NULL);
    Text printed[COUNT(helpers)];
    bool needed[COUNT(helpers)] = {false};
    for (int i = COUNT(helpers) - 1; i >= 0; i--) {
        printed[i] = text_new(text->arena);
        print_meant(&printed[i], &meaning, helpers[i].text);
        Str name = str_format(text->arena, "%.*s_%s", STR_ARG(prefix), helpers[i].name);
        needed[i] = strstr(kernels.at, name.at) != NULL;
        for (int k = i + 1; k < COUNT(helpers); k++)
            needed[i] |= needed[k] && strstr(printed[k].at, name.at);
    }
    for (int i = 0; i < COUNT(helpers); i++)
        if (needed[i])
            text_add(text, "%s\n", printed[i].at);
}

static const char macros_text[] =
    "/* Kernels stay functions of their own, so that what was measured is what runs; their "
    "parts are\n"
    "   always inlined. Define @M_KERNEL and @M_INLINE for other compilers. */\n"
    "#ifndef @M_KERNEL\n"
    "#if defined(__clang__)\n"
    "#define @M_KERNEL static __attribute__((noinline)) void\n"
    "#elif defined(__GNUC__) && __GNUC__ >= 8\n"
    "#define @M_KERNEL static __attribute__((noipa)) void\n"
    "#else\n"
    "#define @M_KERNEL static void\n"
    "#endif\n"
    "#endif\n"
    "#ifndef @M_INLINE\n"
    "#if defined(__GNUC__)\n"
    "#define @M_INLINE static inline __attribute__((always_inline))\n"
    "#else\n"
    "#define @M_INLINE static inline\n"
    "#endif\n"
    "#endif\n"
    "\n"
    "/* Requantisation shifts negative numbers to the right and needs the sign to follow. */\n"
    "typedef char @P_shift_is_arithmetic[(int32_t)-3 >> 1 == -2 ? 1 : -1];\n"
    "typedef char @P_wide_shift_is_arithmetic[(int64_t)-3 >> 1 == -2 ? 1 : -1];\n"
    "\n";

static const char output_text[] = "/* How sums become codes. */\n"
                                  "struct @P_output {\n"
                                  "    int32_t round;\n"
                                  "    int16_t shift, zero, low, high;\n"
                                  "};\n"
                                  "\n";

void kernels_print(Text *text, Str prefix, const Kernel *kernels, int count) {
    Meaning meaning = meaning_of(text->arena, prefix, NULL);
    Text body = text_new(text->arena);
    bool requantises = false;
    for (int i = 0; i < count; i++) {
        print_kernel(&body, prefix, &kernels[i]);
        requantises |= operator_facts[kernels[i].kind].weights == WEIGHTED;
    }
    print_meant(text, &meaning, macros_text);
    if (requantises)
        print_meant(text, &meaning, output_text);
    print_structs(text, prefix, kernels, count);
    print_helpers(text, prefix, text_str(&body));
    text_add_str(text, text_str(&body));
}
