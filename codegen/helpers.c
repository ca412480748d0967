/* What the texts of kernels stand on: placeholders and what they stand for, helper functions
 * that kernels share, macros. Only the helpers that some kernel uses are printed.
 *
 * In a text @P stands for the prefix, @M for the prefix in capitals, @N for the kernel's name,
 * @S for its struct, @I, @J and @O for the formats of the operands and of the result, @E for
 * the type of the operand's elements, @X for those that sums read (once gathered or unpacked),
 * @F for the format of the weights, @W for their type once unpacked, @A for the type of sums,
 * @C for the clamp of sums, @U for unsigned sums, @Y for what a plane is filled by, @L for the
 * least code of the operand.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

#include <string.h>

/* ---- names ------------------------------------------------------------------------------- */

const char *format_c_type(Format format) {
    return format == FORMAT_I16 ? "int16_t" : format == FORMAT_I8 ? "int8_t" : "uint8_t";
}

bool format_is_packed(Format format) {
    return format_bits(format) < 8;
}

Str capitals(Arena *arena, Str s) {
    char *at = arena_copy(arena, s.at, (size_t)s.length + 1);
    for (int i = 0; i < s.length; i++)
        if (at[i] >= 'a' && at[i] <= 'z')
            at[i] = (char)(at[i] - 'a' + 'A');
    return (Str){at, s.length};
}

/* ---- placeholders ------------------------------------------------------------------------ */

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
    bool wide = kernel->accumulator_bits == 64;
    /* Columns are 16 bits wide whatever they were gathered from; pixels are as they are. */
    bool gathers = kernel->kind == OP_CONV && !kernel->pointwise;
    Format element = gathers ? FORMAT_I16 : kernel->in == FORMAT_I4 ? FORMAT_I8 : kernel->in;
    Format weight = kernel->weights == FORMAT_I16 ? FORMAT_I16 : FORMAT_I8;
    meaning.of['N'] = kernel_function(arena, prefix, *kernel);
    meaning.of['S'] = str_of(kernel_type(*kernel));
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

void text_expand(Text *text, Str prefix, const Kernel *kernel, const char *from) {
    Meaning meaning = meaning_of(text->arena, prefix, kernel);
    print_meant(text, &meaning, from);
}

/* ---- helpers of the kernels -------------------------------------------------------------- */

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

void helpers_print(Text *text, Str prefix, Str kernels) {
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

/* ---- macros ------------------------------------------------------------------------------ */

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

void macros_print(Text *text, Str prefix) {
    text_expand(text, prefix, NULL, macros_text);
}
