/* vec.c: how the arrays of VEC grow.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <limits.h>
#include <string.h>

void *vec_grow(Arena *arena, const void *at, int count, int *capacity, size_t item_bytes) {
    if (*capacity > INT_MAX / 2)
        die(EXIT_ENVIRONMENT, "a list of more than %d items", *capacity);
    *capacity = *capacity ? *capacity * 2 : 8;
    void *grown = arena_alloc(arena, (size_t)*capacity * item_bytes);
    if (count)
        memcpy(grown, at, (size_t)count * item_bytes);
    return grown;
}
