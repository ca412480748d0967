/* Prints what each step of a table costs: a line "NUMBER COST" for each, then "end".
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#include "harness.h"
#include "profile.h"

/* Codes all over the range, the same on every run. */
static void arena_fill(uint8_t *arena, uint32_t bytes) {
    uint32_t state = 1;
    for (uint32_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        arena[i] = (uint8_t)(state >> 24);
    }
}

int harness_main(void) {
    for (int i = 0; i < profile_count; i++) {
        arena_fill(profile_arena, profile_steps[i].arena_bytes);
        harness_print_number((uint64_t)i);
        harness_print(" ");
        harness_print_number(harness_cost(profile_steps[i].run, profile_arena));
        harness_print("\n");
    }
    harness_print("end\n");
    return 0;
}
