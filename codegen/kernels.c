/* The kernels as C99. One function for each Kernel; shapes and constants come through a const
 * descriptor, so that a further call costs a few bytes. helpers.c says what the placeholders
 * mean, descriptors.c what the members of `s` are.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

/* ---- parts common to all that sum products ----------------------------------------------- */

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

/* For t > 32 and 32-bit sums the high word of the product is enough, exactly, since floors
 * nest. */
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

/* ---- convolution ------------------------------------------------------------------------- */

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

/* ---- dense ------------------------------------------------------------------------------- */

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

/* ---- depthwise --------------------------------------------------------------------------- */

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

/* ---- pooling ----------------------------------------------------------------------------- */

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

/* ---- elementwise ------------------------------------------------------------------------- */

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

/* ---- the table of kernels ---------------------------------------------------------------- */

/* Parts in the order of printing, the kernel itself last. `type` names the struct of its
 * descriptor, as `name` does where it is missing. */
typedef struct KernelText {
    OpKind kind;
    bool pointwise, packed;
    const char *name, *type;
    const char *parts[4];
} KernelText;

/* clang-format off */
static const KernelText texts[] = {
    {OP_CONV, false, false, "conv", NULL, {finish_text, gather_text, rows_text, conv_text}},
    {OP_CONV, false, true, "conv", NULL,
     {finish_text, gather_text, rows_text, conv_packed_text}},
    {OP_CONV, true, false, "pointwise", NULL, {finish_text, rows_text, pointwise_text}},
    {OP_CONV, true, true, "pointwise", NULL, {finish_text, rows_text, pointwise_packed_text}},
    {OP_DENSE, false, false, "dense", NULL, {finish_text, dense_text}},
    {OP_DENSE, false, true, "dense", NULL, {finish_text, dense_packed_text}},
    {OP_DEPTHWISE, false, false, "depthwise", NULL,
     {finish_text, plane_text, taps_text, depthwise_text}},
    {OP_DEPTHWISE, false, true, "depthwise", NULL,
     {finish_text, plane_text, taps_text, depthwise_packed_text}},
    {OP_MAX_POOL, false, false, "max_pool", "pool", {max_pool_text}},
    {OP_AVERAGE_POOL, false, false, "average_pool", "pool", {average_pool_text}},
    {OP_ADD, false, false, "add", NULL, {add_text}},
    {OP_RELU, false, false, "clamp", NULL, {clamp_text}},
};
/* clang-format on */

/* Parts that have another text for wide sums or for packed inputs. */
static const char *part_text(const char *part, Kernel kernel) {
    if (part == finish_text && kernel.accumulator_bits == 64)
        return finish_wide_text;
    if (part == gather_text && format_is_packed(kernel.in))
        return gather_packed_text;
    if (part == plane_text && format_is_packed(kernel.in))
        return plane_packed_text;
    return part;
}

static const KernelText *text_of(Kernel kernel) {
    for (int i = 0; i < COUNT(texts); i++)
        if (texts[i].kind == kernel.kind && texts[i].pointwise == kernel.pointwise &&
            texts[i].packed == format_is_packed(kernel.weights))
            return &texts[i];
    return NULL;
}

const char *kernel_type(Kernel kernel) {
    const KernelText *text = text_of(kernel);
    return text->type ? text->type : text->name;
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

/* ---- printing ---------------------------------------------------------------------------- */

static void print_kernel(Text *text, Str prefix, const Kernel *kernel) {
    const KernelText *of = text_of(*kernel);
    for (int i = 0; i < COUNT(of->parts) && of->parts[i]; i++) {
        text_expand(text, prefix, kernel, part_text(of->parts[i], *kernel));
        text_add(text, "\n");
    }
}

void kernels_print(Text *text, Str prefix, const Kernel *kernels, int count) {
    Text body = text_new(text->arena);
    for (int i = 0; i < count; i++)
        print_kernel(&body, prefix, &kernels[i]);
    macros_print(text, prefix);
    structs_print(text, prefix, kernels, count);
    helpers_print(text, prefix, text_str(&body));
    text_add_str(text, text_str(&body));
}
