/* Which scheduler makes a step's code: the first of the table that serves its instruction set and
 * takes its shape and formats. The last takes everything.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

typedef bool Schedule(Arena *, const Isa *, const Step *, Lowered *, Str *);

static bool has_lanes(const Isa *isa) {
    return isa->vector_bits > 32;
}

static bool has_pairs(const Isa *isa) {
    return isa->vector_bits == 32 && isa->dot == DOT_I16;
}

static bool is_any(const Isa *isa) {
    return isa != NULL;
}

static const struct {
    bool (*serves)(const Isa *isa);
    Schedule *schedule;
} schedulers[] = {
    {has_lanes, schedule_vector},
    {has_pairs, schedule_pair},
    {is_any, schedule_plain},
};

/* A tile of fewer registers than there are is another schedule, sometimes a quicker one. */
static Isa narrowed(const Isa *isa, int registers) {
    Isa narrow = *isa;
    narrow.registers = registers ? registers : isa->registers;
    return narrow;
}

bool schedule_step(Arena *arena, const Isa *whole, const Step *step, Lowered *lowered,
                   Str *why) {
    Isa narrow = narrowed(whole, step->registers);
    const Isa *isa = &narrow;
    for (size_t i = 0; i < sizeof schedulers / sizeof schedulers[0]; i++)
        if (schedulers[i].serves(isa) &&
            schedulers[i].schedule(arena, isa, step, lowered, why)) {
            routine_tidy(&lowered->routine);
            return true;
        }
    return false;
}
