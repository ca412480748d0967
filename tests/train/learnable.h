/* A space and images small enough to train on in a moment: the class is the corner that is
 * bright.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef LEARNABLE_H
#define LEARNABLE_H

#include "tests/train/fixture.h"

enum { SIDE = 12, CORNERS = 4 };

static inline Task corners_task(void) {
    return (Task){
        .name = STR("corners"), .classes = CORNERS, .mean = 0.3, .deviation = 0.3, .shift = 1};
}

static inline Dataset corners_data(Arena *arena, int count, uint64_t seed) {
    uint8_t *image = arena_alloc(arena, (size_t)count * SIDE * SIDE);
    uint8_t *label = arena_alloc(arena, (size_t)count);
    for (int n = 0; n < count; n++) {
        label[n] = (uint8_t)(random_bits(seed, 1, (uint64_t)n) % CORNERS);
        for (int k = 0; k < SIDE * SIDE; k++) {
            bool bright = k / SIDE / (SIDE / 2) * 2 + k % SIDE / (SIDE / 2) == label[n];
            int noise = (int)(random_bits(seed, 2, (uint64_t)(n * SIDE * SIDE + k)) % 160);
            image[n * SIDE * SIDE + k] = (uint8_t)(noise + 60 * bright);
        }
    }
    return (Dataset){count, SIDE, SIDE, 1, CORNERS, image, label};
}

static inline Space *corners_space(Arena *arena) {
    Builder b = builder_new(arena, (Shape){3, {SIDE, SIDE, 1}});
    ExprId width = NUMBERS(&b, "width", 4, 8), kernel = NUMBERS(&b, "kernel", 3, 5);
    ExprId bits = BITS(&b, "weights", FORMAT_I4, FORMAT_I8);
    int x = conv(&b, 0, (ConvFacts){width, kernel, bits, 2, 1, false, 1, 8, 5});
    x = unary(&b, OP_RELU, norm(&b, x, 8));
    x = stage(&b, x, (Width){width, 8, true}, 8);
    dense(&b, x, CORNERS, 72, bits);
    return b.space;
}

#endif
