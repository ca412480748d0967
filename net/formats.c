/* The number formats and what follows from their widths.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

typedef enum { SIGNED, UNSIGNED, FLOATING } FormatKind;

static const struct {
    const char *name;
    int bits;
    FormatKind kind;
} facts[FORMAT_COUNT] = {
#define FORMAT(NAME, spelling, bits, kind) {spelling, bits, kind},
#include "net/formats.def"
#undef FORMAT
};

const char *format_name(Format format) {
    return facts[format].name;
}

int format_bits(Format format) {
    return facts[format].bits;
}

bool format_is_integer(Format format) {
    return facts[format].kind != FLOATING;
}

bool format_is_signed(Format format) {
    return facts[format].kind == SIGNED;
}

bool format_of(Str spelling, Format *format) {
    for (int f = 0; f < FORMAT_COUNT; f++)
        if (str_equal(spelling, str_of(facts[f].name))) {
            *format = (Format)f;
            return true;
        }
    return false;
}

int format_low(Format format) {
    return facts[format].kind == SIGNED ? -(1 << (facts[format].bits - 1)) : 0;
}

int format_high(Format format) {
    int bits = facts[format].bits;
    return facts[format].kind == SIGNED ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
}

int format_weight_limit(Format format) {
    return (1 << (facts[format].bits - 1)) - 1;
}

int64_t format_row_bytes(Format format, int64_t count) {
    return (count * facts[format].bits + 7) / 8;
}
