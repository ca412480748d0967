/* map.c: a hash table from text to an int, with open addressing.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <xxhash.h>

typedef struct Slot {
    Str key;
    uint32_t hash;
    int value;
    bool taken;
} Slot;

struct Map {
    Arena *arena;
    Slot *slots;
    int count, capacity; /* the capacity is a power of two */
};

Map *map_new(Arena *arena) {
    Map *map = arena_new_of(arena, Map);
    *map = (Map){.arena = arena}; /* many stay empty */
    return map;
}

static uint32_t hash_of(Str key) {
    return (uint32_t)XXH3_64bits(key.at, (size_t)key.length);
}

/* The slot of the key, or the free one where it belongs. */
static Slot *slot_of(const Map *map, Str key, uint32_t hash) {
    uint32_t mask = (uint32_t)map->capacity - 1;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        Slot *slot = &map->slots[i];
        if (!slot->taken || (slot->hash == hash && str_equal(slot->key, key)))
            return slot;
    }
}

static void map_double(Map *map) {
    const Slot *old = map->slots;
    int old_capacity = map->capacity;
    map->capacity = map->capacity ? 2 * map->capacity : 8;
    map->slots = arena_array(map->arena, Slot, map->capacity);
    for (int i = 0; i < old_capacity; i++)
        if (old[i].taken)
            *slot_of(map, old[i].key, old[i].hash) = old[i];
}

bool map_get(const Map *map, Str key, int *value) {
    if (!map->count)
        return false;
    const Slot *slot = slot_of(map, key, hash_of(key));
    if (slot->taken && value)
        *value = slot->value;
    return slot->taken;
}

void map_put(Map *map, Str key, int value) {
    if (map->count >= map->capacity / 2)
        map_double(map);
    uint32_t hash = hash_of(key);
    Slot *slot = slot_of(map, key, hash);
    map->count += !slot->taken;
    *slot = (Slot){slot->taken ? slot->key : key, hash, value, true};
}
