/* key.c: keys by content.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <xxhash.h>

Key key_of(const void *bytes, size_t count) {
    XXH128_hash_t hash = XXH3_128bits(bytes, count);
    return (Key){hash.low64, hash.high64};
}

/* Laid out byte by byte, so that the key is the same on a machine of the other byte order. */
Key key_join(Key a, Key b) {
    const uint64_t words[4] = {a.lo, a.hi, b.lo, b.hi};
    unsigned char bytes[32];
    for (int i = 0; i < 32; i++)
        bytes[i] = (unsigned char)(words[i / 8] >> i % 8 * 8);
    return key_of(bytes, sizeof bytes);
}

bool key_equal(Key a, Key b) {
    return a.lo == b.lo && a.hi == b.hi;
}

Str key_hex(Arena *arena, Key key) {
    return str_format(arena, "%016llx%016llx", (unsigned long long)key.hi,
                      (unsigned long long)key.lo);
}
