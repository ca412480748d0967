/* Packing: codes to stored bytes. A row is a run of codes, little-endian, low bits first, padded
 * to a byte with zeros: of activations, the channels of one pixel.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

void pack_rows(const int16_t *codes, int rows, int row, Format format, uint8_t *bytes) {
    int bits = format_bits(format);
    for (int r = 0; r < rows; r++) {
        uint32_t buffer = 0;
        int have = 0;
        for (int k = 0; k < row; k++) {
            buffer |= ((uint32_t)*codes++ & ((1u << bits) - 1)) << have;
            for (have += bits; have >= 8; have -= 8, buffer >>= 8)
                *bytes++ = (uint8_t)buffer;
        }
        if (have)
            *bytes++ = (uint8_t)buffer;
    }
}

/* The number whose low bits are `code`: sign-extended where the format is signed. */
static int16_t extended(uint32_t code, Format format) {
    uint32_t sign = format_low(format) < 0 ? 1u << (format_bits(format) - 1) : 0;
    return (int16_t)((int32_t)(code ^ sign) - (int32_t)sign);
}

void unpack_rows(const uint8_t *bytes, int rows, int row, Format format, int16_t *codes) {
    int bits = format_bits(format);
    for (int r = 0; r < rows; r++) {
        uint32_t buffer = 0;
        int have = 0;
        for (int k = 0; k < row; k++) {
            for (; have < bits; have += 8)
                buffer |= (uint32_t)*bytes++ << have;
            *codes++ = extended(buffer & ((1u << bits) - 1), format);
            buffer >>= bits;
            have -= bits;
        }
    }
}
