/* What steps and programs cost on a device.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

enum { FEWEST_ROWS = 4 }; /* that a fitted model is worth something from */

static bool step_cost(const KernelRow *kernel, Arena *arena, const Step *step, StepCost *cost) {
    const StepRow *row = kernel_step(kernel, step_key(arena, step));
    if (row) {
        *cost = (StepCost){row->value, true, false, row->call_bytes};
        return true;
    }
    if (kernel->steps.count < FEWEST_ROWS)
        return false;
    double feature[STEP_FEATURES];
    step_features(step, feature);
    *cost = (StepCost){fit_value(&kernel->fit, feature), false, false,
                       kernel->steps.at[0].call_bytes};
    return true;
}

static bool step_known(const Device *device, Arena *arena, const Step *step, StepCost *cost) {
    const KernelRow *kernel = table_kernel(&device->table, step->name);
    if (kernel && step_cost(kernel, arena, step, cost))
        return true;
    const KernelRow *family = table_kernel(&device->families, kernel_kind(step->name));
    if (!family || !step_cost(family, arena, step, cost))
        return false;
    cost->measured = false;
    cost->alike = true;
    return true;
}

bool device_step(const Device *device, const Step *step, StepCost *cost) {
    Arena *arena = arena_new();
    bool known = step_known(device, arena, step, cost);
    arena_free(arena);
    return known;
}

static bool unknown(const Device *device, Arena *arena, const Step *step, Str *why) {
    *why = str_format(
        arena,
        "nothing is known of what kernel \"%.*s\" costs on device %.*s, which layer "
        "%.*s needs; a device without a `table` is measured during the build",
        STR_ARG(step->name), STR_ARG(device->target.name), STR_ARG(step->from->path));
    return false;
}

static double latency_of(const Target *target, double value) {
    if (target->measure == MEASURE_TIME)
        return value * 1e-9;
    return target->clock_hz > 0 ? value * target->cycles_per_instruction / target->clock_hz : 0;
}

/* The function that calls the steps, and each kernel once, however many steps share it. */
static int64_t code_bytes(const Device *device, const Program *program) {
    int64_t bytes = 0;
    for (int i = 0; i < program->routine_count; i++) {
        Str name = program->routines[i]->name;
        const KernelRow *row = table_kernel(&device->table, name);
        bytes += row ? row->code_bytes
                     : table_kernel(&device->families, kernel_kind(name))->code_bytes;
    }
    return bytes;
}

bool device_cost(const Device *device, Arena *arena, const Program *program, Cost *cost,
                 Str *why) {
    double value = 0;
    *cost = (Cost){.ram_bytes = program->arena_bytes};
    for (int i = 0; i < program->count; i++) {
        StepCost step;
        if (!step_known(device, arena, &program->steps[i], &step))
            return unknown(device, arena, &program->steps[i], why);
        value += step.value;
        cost->code_bytes += step.call_bytes;
        cost->steps_fitted += !step.measured;
    }
    cost->code_bytes += code_bytes(device, program);
    cost->flash_bytes = program->weight_bytes + program->constant_bytes + cost->code_bytes;
    cost->instructions = device->target.measure == MEASURE_INSTRUCTIONS ? value : 0;
    cost->latency_s = latency_of(&device->target, value);
    return true;
}
