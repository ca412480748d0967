/* idx.c: the IDX format of LeCun's MNIST, plain or in gzip. What a file says is checked before
 * it is believed: a count may claim no more than the file holds.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>
#include <zlib.h>

/* Limits on what a file may state or unpack to. */
enum {
    MOST_FILE_BYTES = 1 << 30,
    MOST_DATA_BYTES = 1 << 30,
    MOST_IMAGES = 1 << 24,
    MOST_SIDE = 4096
};

static bool refuse(Arena *arena, Str *why, const char *path, Str what) {
    *why = str_format(arena, "%s: %.*s", path, STR_ARG(what));
    return false;
}

/* ---- gzip -------------------------------------------------------------------------------- */

static bool is_gzip(Str bytes) {
    return bytes.length >= 2 && (uint8_t)bytes.at[0] == 0x1f && (uint8_t)bytes.at[1] == 0x8b;
}

/* Why inflate stopped, in words. */
static Str gzip_fault(Arena *arena, int status, const z_stream *stream) {
    if (status == Z_BUF_ERROR || status == Z_OK)
        return str_format(arena,
                          "the gzip data end early, at offset %lu, after %lu bytes of data",
                          stream->total_in, stream->total_out);
    return str_format(arena, "the gzip data are damaged at offset %lu: %s", stream->total_in,
                      stream->msg ? stream->msg : "not a gzip stream");
}

/* The size that the last four bytes state, where it can be true: deflate packs at most 1032
 * to 1. */
static size_t unpacked_hint(Str packed) {
    const uint8_t *end = (const uint8_t *)packed.at + packed.length;
    uint32_t stated = packed.length < 18 ? 0
                                         : (uint32_t)end[-1] << 24 | (uint32_t)end[-2] << 16 |
                                               (uint32_t)end[-3] << 8 | end[-4];
    bool credible = stated <= (uint64_t)packed.length * 1032 && stated <= MOST_DATA_BYTES;
    return (credible ? stated : (size_t)packed.length * 4) + 4096;
}

/* Unpacks into a buffer that doubles. Returns inflate's last status. */
static int unpack(Arena *arena, z_stream *stream, Str packed, Str *plain) {
    size_t capacity = unpacked_hint(packed);
    char *at = arena_alloc(arena, capacity);
    int status = Z_OK;
    stream->next_in = (Bytef *)(uintptr_t)packed.at;
    stream->avail_in = (uInt)packed.length;
    while (status == Z_OK && stream->total_out < MOST_DATA_BYTES) {
        if (stream->total_out == capacity) {
            char *larger = arena_alloc(arena, capacity * 2);
            memcpy(larger, at, capacity);
            at = larger;
            capacity *= 2;
        }
        stream->next_out = (Bytef *)at + stream->total_out;
        stream->avail_out = (uInt)(capacity - stream->total_out);
        status = inflate(stream, Z_NO_FLUSH);
    }
    *plain = (Str){at, (int)stream->total_out};
    return status;
}

static bool gzip_open(Arena *arena, const char *path, Str packed, Str *plain, Str *why) {
    z_stream stream = {0};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return refuse(arena, why, path, STR("zlib cannot be started"));
    int status = unpack(arena, &stream, packed, plain);
    bool sound = status == Z_STREAM_END;
    if (!sound && stream.total_out >= MOST_DATA_BYTES)
        refuse(arena, why, path, STR("unpacks to more than 1 GiB"));
    else if (!sound)
        refuse(arena, why, path, gzip_fault(arena, status, &stream));
    else if (stream.avail_in > 0)
        sound =
            refuse(arena, why, path,
                   str_format(arena, "%u bytes follow the end of the gzip data at offset %lu",
                              stream.avail_in, stream.total_in));
    inflateEnd(&stream);
    return sound;
}

/* ---- IDX --------------------------------------------------------------------------------- */

static uint32_t big_endian(const char *at) {
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static const char *type_name(uint8_t type) {
    switch (type) {
    case 0x08:
        return "unsigned bytes";
    case 0x09:
        return "signed bytes";
    case 0x0b:
        return "16-bit integers";
    case 0x0c:
        return "32-bit integers";
    case 0x0d:
        return "32-bit floats";
    case 0x0e:
        return "64-bit floats";
    default:
        return NULL;
    }
}

static bool magic_check(Arena *arena, const char *path, Str bytes, int ranks, Str *why) {
    uint32_t magic = big_endian(bytes.at);
    int rank = (int)(magic & 0xff);
    const char *type = type_name((uint8_t)(magic >> 8));
    if (magic >> 16 || !type)
        return refuse(arena, why, path,
                      str_format(arena, "is not IDX: begins with 0x%08x, expected 0x000008%02x",
                                 magic, ranks == 1 ? 1 : 3));
    if ((magic >> 8) != 0x08)
        return refuse(arena, why, path,
                      str_format(arena,
                                 "holds %s (type 0x%02x at offset 2), expected unsigned "
                                 "bytes (0x08)",
                                 type, magic >> 8));
    if (ranks == 1 ? rank != 1 : rank != 3 && rank != 4)
        return refuse(
            arena, why, path,
            str_format(arena, "has %d dimension%s (offset 3), expected %s", rank,
                       rank == 1 ? "" : "s",
                       ranks == 1 ? "1: a list of labels" : "3 or 4: a list of images"));
    return true;
}

static bool dims_check(Arena *arena, const char *path, const Idx *idx, Str *why) {
    static const char *const names[] = {"images", "rows", "columns", "channels"};
    for (int i = 0; i < idx->rank; i++) {
        const char *name = idx->rank == 1 ? "labels" : names[i];
        uint32_t most = i == 0 ? MOST_IMAGES : MOST_SIDE;
        if (idx->dim[i] == 0)
            return refuse(arena, why, path,
                          str_format(arena, "is empty: 0 %s (offset %d)", name, 4 + 4 * i));
        if (idx->dim[i] > most)
            return refuse(arena, why, path,
                          str_format(arena,
                                     "states %u %s (offset %d), more than the limit of %u",
                                     idx->dim[i], name, 4 + 4 * i, most));
    }
    return true;
}

static bool idx_parse(Arena *arena, const char *path, Str bytes, int ranks, Idx *idx,
                      Str *why) {
    if (bytes.length < 4)
        return refuse(arena, why, path,
                      str_format(arena, "is not IDX: only %d bytes long", bytes.length));
    if (!magic_check(arena, path, bytes, ranks, why))
        return false;
    idx->rank = (int)(big_endian(bytes.at) & 0xff);
    int64_t header = 4 + 4 * idx->rank, expected = 1;
    if (bytes.length < header)
        return refuse(arena, why, path,
                      str_format(arena, "ends at offset %d, inside its header of %lld bytes",
                                 bytes.length, (long long)header));
    for (int i = 0; i < idx->rank; i++)
        idx->dim[i] = big_endian(bytes.at + 4 + 4 * i);
    if (!dims_check(arena, path, idx, why))
        return false;
    for (int i = 0; i < idx->rank; i++)
        expected *= idx->dim[i]; /* at most 2^60 */
    int64_t found = bytes.length - header;
    if (found != expected)
        return refuse(arena, why, path,
                      str_format(arena,
                                 "%s: %lld bytes of data after the header, expected %lld",
                                 found < expected ? "is cut short" : "has bytes too many",
                                 (long long)found, (long long)expected));
    idx->data = (const uint8_t *)bytes.at + header;
    return true;
}

bool idx_open(Arena *arena, const char *path, int ranks, Idx *idx, Str *why) {
    Str bytes;
    const char *reason;
    if (!file_read(arena, path, MOST_FILE_BYTES, &bytes, &reason))
        return refuse(arena, why, path, str_of(reason));
    if (is_gzip(bytes) && !gzip_open(arena, path, bytes, &bytes, why))
        return false;
    return idx_parse(arena, path, bytes, ranks, idx, why);
}
