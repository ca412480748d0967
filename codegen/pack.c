/* Packing: codes to stored bytes. A row is a run of codes, little-endian, low bits first,
 * padded to a byte with zeros:
 *     conv, dense   one row for each output channel, of its (k_y, k_x, c)
 *     depthwise     one row for the whole layer, channel after channel, of its (k_y, k_x):
 *     kernels
 *                   read it as a stream, and 9 codes of 2 bits cost 18 bits instead of 3
 *                   bytes
 *     activations   one row for each pixel, of its channels
 *
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

static int packed_row(const Layer *layer) {
    return layer->kind == OP_DEPTHWISE ? layer->out_channels * layer->row : layer->row;
}

static int packed_row_count(const Layer *layer) {
    return layer->kind == OP_DEPTHWISE ? 1 : layer->out_channels;
}

int64_t packed_bytes(const Layer *layer) {
    return packed_row_count(layer) * format_row_bytes(layer->weights, packed_row(layer));
}

Str pack_layer(Arena *arena, const Layer *layer) {
    int64_t bytes = packed_bytes(layer);
    uint8_t *packed = arena_alloc(arena, (size_t)bytes);
    pack_rows(layer->weight, packed_row_count(layer), packed_row(layer), layer->weights,
              packed);
    return (Str){(const char *)packed, (int)bytes};
}
