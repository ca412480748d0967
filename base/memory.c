/* memory.c: the one place that calls malloc, so that one place counts, limits and fails.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { ALIGNMENT = 64 };

/* What stands just before a block. */
typedef struct Header {
    void *raw;    /* what calloc gave */
    size_t bytes; /* of the block, as counted */
} Header;

/* The sums are of the whole process, as the limit is. */
static atomic_size_t used, peak, limit;
static atomic_long blocks_left = LONG_MAX;

void memory_limit(size_t bytes) {
    atomic_store(&limit, bytes);
}

size_t memory_used(void) {
    return atomic_load(&used);
}

size_t memory_left(void) {
    size_t most = atomic_load(&limit), live = memory_used();
    return !most ? SIZE_MAX : live < most ? most - live : 0;
}

size_t memory_peak(void) {
    return atomic_load(&peak);
}

void memory_fail_after(long count) {
    atomic_store(&blocks_left, count < 0 ? LONG_MAX : count);
}

static const char *size_print(char out[32], size_t bytes) {
    if (bytes < 10240)
        snprintf(out, 32, "%zu bytes", bytes);
    else if (bytes < (size_t)10 << 20)
        snprintf(out, 32, "%zu KiB", bytes >> 10);
    else
        snprintf(out, 32, "%zu MiB", bytes >> 20);
    return out;
}

_Noreturn static void over_limit(size_t bytes, size_t most) {
    char wanted[32], allowed[32], live[32];
    die(EXIT_ENVIRONMENT, "out of memory: %s more, with %s in use, is over the limit of %s",
        size_print(wanted, bytes), size_print(live, memory_used() - bytes),
        size_print(allowed, most));
}

_Noreturn static void none_left(size_t bytes) {
    char wanted[32], live[32];
    die(EXIT_ENVIRONMENT, "out of memory: the system has no %s more, with %s in use",
        size_print(wanted, bytes), size_print(live, memory_used()));
}

static void count_in(size_t bytes) {
    size_t now = atomic_fetch_add(&used, bytes) + bytes;
    size_t most = atomic_load(&limit);
    if (most && now > most)
        over_limit(bytes, most);
    size_t before = atomic_load(&peak);
    while (now > before && !atomic_compare_exchange_weak(&peak, &before, now))
        ;
}

static bool failure_injected(void) {
    return atomic_load(&blocks_left) != LONG_MAX && atomic_fetch_sub(&blocks_left, 1) <= 0;
}

/* calloc rather than aligned_alloc and memset: a large block comes as pages that the system has
 * zeroed already, and that cost nothing until they are touched. */
void *memory_new(size_t bytes) {
    size_t extra = sizeof(Header) + ALIGNMENT - 1;
    if (bytes > PTRDIFF_MAX - extra)
        none_left(bytes);
    count_in(bytes);
    void *raw = failure_injected() ? NULL : calloc(1, bytes + extra);
    if (!raw) {
        atomic_fetch_sub(&used, bytes);
        none_left(bytes);
    }
    uintptr_t at = ((uintptr_t)raw + extra) & ~(uintptr_t)(ALIGNMENT - 1);
    ((Header *)at)[-1] = (Header){raw, bytes};
    return (void *)at;
}

void memory_free(void *block) {
    if (!block)
        return;
    Header *header = (Header *)block - 1;
    atomic_fetch_sub(&used, header->bytes);
    free(header->raw);
}
