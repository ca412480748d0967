/* Tuning: of the schedules that a step may have on this machine, the one that is quickest here.
 * What was measured is kept in the study, so that it is measured once.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <stdlib.h>
#include <string.h>

/* Registers that a tile may fill; 0: as many as there are. */
static const int registers[] = {0, 26, 22, 18, 14};

/* A schedule must be this much quicker than the rule's to go before it: less is noise. */
#define GAIN 0.97

Tuning tuning_of(Arena *arena, Store *store, const Isa *isa) {
    return (Tuning){arena, store, isa, str_format(arena, "tune.%s", isa->name).at, 0, 0};
}

int tuning_choice(const void *context, const Step *step) {
    const Tuning *tuning = context;
    Arena *arena = arena_new();
    Str value;
    int choice = 0;
    if (store_get(tuning->store, arena, tuning->kind, step_shapes(arena, step), &value))
        choice = atoi(str_terminated(arena, value));
    arena_free(arena);
    return choice > 0 && choice < tuning->isa->registers ? choice : 0;
}

/* The schedules of a step that are not the same code; their number. */
static int alternatives(Arena *arena, const Isa *isa, const Step *step, Step *out) {
    int count = 0;
    for (int i = 0; i < COUNT(registers); i++) {
        Step *at = &out[count];
        Str why;
        bool known = false;
        *at = *step;
        at->registers = registers[i];
        at->lowered = arena_new_of(arena, Lowered);
        if (registers[i] >= isa->registers || !schedule_step(arena, isa, at, at->lowered, &why))
            continue;
        at->code = routine_key(&at->lowered->routine);
        for (int k = 0; k < count; k++)
            known |= key_equal(out[k].code, at->code);
        count += !known;
    }
    return count;
}

static bool step_tune(Tuning *tuning, Jit *jit, const Step *step, Str *why) {
    Arena *arena = arena_new();
    Step steps[COUNT(registers)];
    double ns[COUNT(registers)];
    int count = alternatives(arena, tuning->isa, step, steps), best = 0;
    bool timed = host_time(jit, arena, steps, count, ns, why);
    for (int i = 1; timed && i < count; i++)
        if (ns[i] < ns[best] * (best ? 1 : GAIN))
            best = i;
    if (timed) {
        store_put(tuning->store, tuning->kind, step_shapes(arena, step),
                  str_format(arena, "%d %.0f %.0f", steps[best].registers, ns[best], ns[0]));
        tuning->rule_ns += ns[0];
        tuning->tuned_ns += ns[best];
    } else {
        *why = str_copy(tuning->arena, *why);
    }
    arena_free(arena);
    return timed;
}

static bool is_known(const Tuning *tuning, const Step *step) {
    Arena *arena = arena_new();
    Str value;
    bool known =
        store_get(tuning->store, arena, tuning->kind, step_shapes(arena, step), &value);
    arena_free(arena);
    return known;
}

bool tuning_measure(Tuning *tuning, Jit *jit, const Program *program, Str *why) {
    bool fine = true;
    progress_begin("tune", program->count, "steps");
    for (int i = 0; i < program->count && fine; i++) {
        const Step *step = &program->steps[i];
        if (interrupted()) {
            *why = STR("interrupted");
            fine = false;
        } else if (!is_known(tuning, step)) {
            fine = step_tune(tuning, jit, step, why);
            store_commit(tuning->store);
        }
        progress_to(i + 1, "%.*s", STR_ARG(step->from->path));
    }
    if (fine && tuning->tuned_ns > 0)
        progress_end("tuned: the steps measured take %.1f us, by rule %.1f",
                     tuning->tuned_ns / 1000, tuning->rule_ns / 1000);
    else
        progress_end(fine ? "tuned: all was known" : "tuning stopped");
    return fine;
}
