/* Executes a program by the kernel interpreter: every step sees only its own operands, so that an
 * access outside them is found.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <string.h>

/* Where vectors are loaded from by aligned instructions. */
enum { ALIGNMENT = 64 };

static uint8_t *aligned_bytes(Arena *arena, int64_t bytes) {
    uint8_t *at = arena_alloc(arena, (size_t)bytes + ALIGNMENT);
    return at + (ALIGNMENT - (uintptr_t)at % ALIGNMENT) % ALIGNMENT;
}

void elements_write(uint8_t *to, Type type, const int64_t *values, int64_t count) {
    int bytes = type_bits(type) / 8;
    for (int64_t i = 0; i < count; i++) {
        int8_t narrow = (int8_t)values[i];
        int16_t half = (int16_t)values[i];
        int32_t word = (int32_t)values[i];
        const void *from = bytes == 1   ? (const void *)&narrow
                           : bytes == 2 ? (const void *)&half
                           : bytes == 4 ? (const void *)&word
                                        : (const void *)&values[i];
        memcpy(to + i * bytes, from, (size_t)bytes);
    }
}

uint8_t *elements_store(Arena *arena, Type type, const int64_t *values, int64_t count) {
    uint8_t *to = aligned_bytes(arena, count * (type_bits(type) / 8));
    elements_write(to, type, values, count);
    return to;
}

/* One run: the arena of the program and what the caller gave. */
typedef struct Run {
    Arena *arena;
    const Program *program;
    uint8_t *memory;
    const void *input;
    void *output;
} Run;

static Region place(const Run *run, int buffer, int64_t offset, int64_t bytes,
                    const void *caller) {
    const Program *p = run->program;
    uint8_t *at = buffer < 0 ? (uint8_t *)caller : run->memory + p->buffers[buffer].offset;
    return (Region){at + offset, bytes};
}

static Region constants_of(const Run *run, Type type, const int64_t *values, int64_t count) {
    if (!values)
        return (Region){NULL, 0};
    return (Region){elements_store(run->arena, type, values, count),
                    count * type_bits(type) / 8};
}

static bool run_step(const Run *run, const Step *step, Str *why) {
    const Lowered *code = step->lowered;
    Region region[ARG_COUNT] = {0};
    region[ARG_IN] = place(run, step->input[0], step->in_offset[0],
                           tensor_bytes(step->in_shape, step->kernel.in), run->input);
    if (step->inputs > 1)
        region[ARG_IN2] = place(run, step->input[1], step->in_offset[1],
                                tensor_bytes(step_second(step), step->kernel.in2), run->input);
    region[ARG_OUT] = place(run, step->output, step->out_offset,
                            tensor_bytes(step->out_shape, step->kernel.out), run->output);
    region[ARG_WEIGHTS] =
        constants_of(run, code->weights_type, code->weights, code->weights_count);
    region[ARG_CONSTANTS] =
        constants_of(run, code->constants_type, code->constants, code->constants_count);
    if (step->scratch >= 0)
        region[ARG_SCRATCH] = place(run, step->scratch, 0, code->scratch_bytes, NULL);
    region[ARG_PARAMS] =
        (Region){(uint8_t *)(uintptr_t)code->params, (int64_t)code->param_count * 4};
    return routine_run(run->arena, &code->routine, region, why);
}

bool program_run(Arena *arena, const Program *program, const void *input, void *output,
                 Str *why) {
    Run run = {arena, program, aligned_bytes(arena, program->arena_bytes), input, output};
    bool sound = true;
    for (int i = 0; i < program->count && sound; i++)
        sound = run_step(&run, &program->steps[i], why);
    return sound;
}
