/* arena.c: memory that is given out piece by piece and taken back all at once.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <string.h>

/* Under the address sanitiser the unused part of a chunk is poisoned, and a gap after each
 * block stays so: a write past a block's end is then found as it would be with malloc. */
#if defined(__SANITIZE_ADDRESS__)
#define POISONING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONING 1
#endif
#endif

#ifdef POISONING
#include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#define POISON(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
enum { GAP = 0 };
#define POISON(at, bytes) ((void)(at))
#define UNPOISON(at, bytes) ((void)(at))
#endif

/* Many arenas exist and most stay small, so chunks start small and double. */
enum { FIRST_CHUNK = 2048, LAST_CHUNK = 4 << 20, SMALL = 64 };

typedef struct Chunk {
    _Alignas(64) struct Chunk *next;
    size_t capacity;
    size_t used;
    size_t dirty; /* bytes from the start that a use before arena_reset may have written */
    _Alignas(64) char bytes[];
} Chunk;

struct Arena {
    Chunk *first, *current;
    size_t next_bytes; /* the size of the next chunk */
    size_t held_bytes;
};

Arena *arena_new(void) {
    Arena *arena = memory_new(sizeof *arena);
    arena->next_bytes = FIRST_CHUNK;
    return arena;
}

void arena_free(Arena *arena) {
    if (!arena)
        return;
    for (Chunk *chunk = arena->first, *next; chunk; chunk = next) {
        next = chunk->next;
        UNPOISON(chunk->bytes, chunk->capacity);
        memory_free(chunk);
    }
    memory_free(arena);
}

void arena_reset(Arena *arena) {
    for (Chunk *chunk = arena->first; chunk; chunk = chunk->next) {
        if (chunk->used > chunk->dirty)
            chunk->dirty = chunk->used;
        chunk->used = 0;
        POISON(chunk->bytes, chunk->capacity);
    }
    arena->current = arena->first;
}

size_t arena_bytes(const Arena *arena) {
    return arena->held_bytes;
}

/* A chunk for at least `bytes`, after the current one. */
static Chunk *chunk_add(Arena *arena, size_t bytes) {
    size_t capacity = arena->next_bytes - sizeof(Chunk);
    if (bytes > capacity)
        capacity = bytes;
    else if (arena->next_bytes < LAST_CHUNK)
        arena->next_bytes *= 2;
    Chunk *chunk = memory_new(sizeof *chunk + capacity);
    chunk->capacity = capacity;
    Chunk **link = arena->current ? &arena->current->next : &arena->first;
    chunk->next = *link;
    *link = chunk;
    arena->held_bytes += sizeof *chunk + capacity;
    POISON(chunk->bytes, capacity);
    return chunk;
}

static bool chunk_fits(const Chunk *chunk, size_t bytes, size_t alignment, size_t *start) {
    *start = (chunk->used + alignment - 1) & ~(alignment - 1);
    return *start <= chunk->capacity && bytes <= chunk->capacity - *start;
}

void *arena_alloc(Arena *arena, size_t bytes) {
    size_t start = 0, alignment = bytes < SMALL ? 16 : 64;
    if (bytes > PTRDIFF_MAX - sizeof(Chunk) - GAP)
        return memory_new(bytes); /* which says that there is no such memory */
    while (!arena->current || !chunk_fits(arena->current, bytes + GAP, alignment, &start)) {
        Chunk *next = arena->current ? arena->current->next : arena->first;
        if (!next || next->capacity < bytes + GAP)
            next = chunk_add(arena, bytes + GAP);
        arena->current = next;
    }
    Chunk *chunk = arena->current;
    char *block = chunk->bytes + start;
    chunk->used = start + bytes + GAP;
    UNPOISON(block, bytes);
    if (start < chunk->dirty)
        memset(block, 0, (size_t)min_i64((int64_t)bytes, (int64_t)(chunk->dirty - start)));
    return block;
}

void *arena_copy(Arena *arena, const void *bytes, size_t count) {
    void *copy = arena_alloc(arena, count);
    if (count)
        memcpy(copy, bytes, count);
    return copy;
}
