/* save.c: a supernet as bytes, for checkpoints: everything that training needs to go on.
 *
 * Header, values, momenta, and a checksum of all that. Bytes are of the machine that wrote
 * them; one of another byte order is refused like any other foreign file.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { SAVE_VERSION = 1 };
static const char MAGIC[8] = "nascSN\r\n";

typedef struct Header {
    char magic[8];
    uint32_t order, version; /* order: 0x01020304 as this machine writes it */
    Key space;
    uint64_t count;
    Key run;
    int64_t step, correct, seen;
    double loss;
} Header;
_Static_assert(sizeof(Header) == 88,
               "the header has no padding, whose bytes would be undefined");

static size_t saved_bytes(const Supernet *supernet) {
    return sizeof(Header) + 2 * supernet->count * sizeof(float) + sizeof(Key);
}

Str supernet_save(const Supernet *supernet, Arena *arena) {
    size_t bytes = saved_bytes(supernet), array = supernet->count * sizeof(float);
    if (bytes > INT_MAX)
        die(EXIT_ENVIRONMENT, "a supernet of %zu bytes is too large to save", bytes);
    Header header = {.order = 0x01020304,
                     .version = SAVE_VERSION,
                     .space = space_key(supernet->space),
                     .count = supernet->count,
                     .run = supernet->run,
                     .step = supernet->step,
                     .correct = supernet->correct,
                     .seen = supernet->seen,
                     .loss = supernet->loss};
    memcpy(header.magic, MAGIC, sizeof MAGIC);
    char *at = arena_alloc(arena, bytes);
    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, supernet->value, array);
    memcpy(at + sizeof header + array, supernet->momentum, array);
    Key key = key_of(at, bytes - sizeof key);
    memcpy(at + bytes - sizeof key, &key, sizeof key);
    return (Str){at, (int)bytes};
}

static const char *header_fault(const Supernet *supernet, const Header *header, Str bytes) {
    if (memcmp(header->magic, MAGIC, sizeof MAGIC) != 0)
        return "it is not a saved supernet";
    if (header->order != 0x01020304)
        return "it was saved on a machine of another byte order";
    if (header->version != SAVE_VERSION)
        return "it was saved by another version of nasc";
    if (!key_equal(header->space, space_key(supernet->space)))
        return "it is of another space of networks";
    if (header->count != supernet->count || (size_t)bytes.length != saved_bytes(supernet))
        return "it is cut short or has bytes too many";
    return NULL;
}

static const char *content_fault(const Header *header, Str bytes, const float *values) {
    Key stated, found = key_of(bytes.at, (size_t)bytes.length - sizeof found);
    memcpy(&stated, bytes.at + bytes.length - sizeof stated, sizeof stated);
    if (!key_equal(stated, found))
        return "it is damaged: its checksum does not match";
    if (header->step < 0 || header->seen < 0 || header->correct < 0 ||
        header->correct > header->seen || !isfinite(header->loss))
        return "its counters are impossible";
    for (uint64_t i = 0; i < 2 * header->count; i++)
        if (!isfinite(values[i]))
            return "it holds numbers that are not finite";
    return NULL;
}

bool supernet_load(Supernet *supernet, Str bytes, const char **why) {
    Header header;
    if ((size_t)bytes.length < sizeof header + sizeof(Key)) {
        *why = "it is cut short";
        return false;
    }
    memcpy(&header, bytes.at, sizeof header);
    if ((*why = header_fault(supernet, &header, bytes)))
        return false;
    size_t array = supernet->count * sizeof(float);
    float *values = memory_new(2 * array);
    memcpy(values, bytes.at + sizeof header, 2 * array);
    if (!(*why = content_fault(&header, bytes, values))) {
        memcpy(supernet->value, values, array);
        memcpy(supernet->momentum, (char *)values + array, array);
        supernet->run = header.run;
        supernet->step = header.step;
        supernet->loss = header.loss;
        supernet->correct = header.correct;
        supernet->seen = header.seen;
    }
    memory_free(values);
    return !*why;
}
