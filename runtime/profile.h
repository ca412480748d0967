/* The steps that profile.c measures: a table written beside it for each run.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdint.h>

typedef struct ProfileStep {
    void (*run)(uint8_t *arena);
    uint32_t arena_bytes; /* that it touches */
} ProfileStep;

extern const ProfileStep profile_steps[]; /* (profile_count) */
extern const int profile_count;
extern uint8_t profile_arena[]; /* room for the largest */

#endif
