/* Measuring: what the table lacks is emitted, compiled with the device's compiler line, run on
 * the device or its emulator, and kept row by row.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <stdlib.h>
#include <string.h>

/* A chunk is one program: large enough to spread the start of a compiler and an emulator, small
 * enough to fit the emulated memories and to lose little when interrupted. */
enum { CHUNK_STEPS = 64, CHUNK_WEIGHT_BYTES = 2 << 20, RUN_SECONDS = 900 };

/* ---- what is missing --------------------------------------------------------------------- */

static const KernelRow *row_of(const Device *device, const Step *step) {
    return table_kernel(&device->table, step->name);
}

typedef VEC(Step) Steps;

/* Is the step known? Then its row takes the trip counts as codegen states them today: those
 * that were kept with it may have been another nasc's. */
static bool step_refresh(const Device *device, const Step *step, Str key) {
    const KernelRow *kernel = row_of(device, step);
    int at;
    if (kernel == NULL || !map_get(kernel->index, key, &at))
        return false;
    step_features(step, kernel->steps.at[at].feature);
    return true;
}

static Steps steps_missing(const Device *device, Arena *arena, const Step *steps, int count) {
    Map *seen = map_new(arena);
    Steps missing = {0};
    for (int i = 0; i < count; i++) {
        Str key = step_key(arena, &steps[i]);
        if (step_refresh(device, &steps[i], key) || map_get(seen, key, NULL))
            continue;
        map_put(seen, key, missing.count);
        vec_push(arena, &missing, steps[i]);
    }
    return missing;
}

/* ---- code bytes of a kernel -------------------------------------------------------------- */

static bool kernel_measure(Device *device, Workshop *workshop, const Step *step, Str *why) {
    Str name = STR("kernel.c");
    const Isa *isa = isa_of_target(&device->target);
    Str text = emit_c_kernel(workshop->arena, STR("nasc"), isa, step);
    int64_t bytes;
    if (!workshop_write(workshop, name, text, why) ||
        !toolchain_compile(&device->toolchain, workshop, &name, 1, why) ||
        !toolchain_size(&device->toolchain, workshop, name, &bytes, why))
        return false;
    device_keep_kernel(device, step->name, bytes);
    return true;
}

static bool kernels_measure(Device *device, Workshop *workshop, const Steps *steps, Str *why) {
    for (int i = 0; i < steps->count; i++)
        if (row_of(device, &steps->at[i]) == NULL &&
            !kernel_measure(device, workshop, &steps->at[i], why))
            return false;
    return true;
}

/* ---- costs of steps ---------------------------------------------------------------------- */

/* The table that runtime/profile.c measures. */
static Str chunk_table(Arena *arena, const Step *steps, int count) {
    Text text = text_new(arena);
    int64_t most = 0;
    text_add(&text, "#include \"profile.h\"\n");
    for (int i = 0; i < count; i++)
        text_add(&text, "void nasc_step_%d(uint8_t *arena);\n", i);
    text_add(&text, "const ProfileStep profile_steps[] = {\n");
    for (int i = 0; i < count; i++) {
        int64_t bytes = step_arena_bytes(&steps[i]);
        text_add(&text, "    {nasc_step_%d, %lld},\n", i, (long long)bytes);
        most = max_i64(most, bytes);
    }
    text_add(&text, "};\nconst int profile_count = %d;\n", count);
    text_add(&text, "uint8_t profile_arena[%lld] __attribute__((aligned(64)));\n",
             (long long)most);
    return text_str(&text);
}

/* Lines "NUMBER THOUSANDTHS" in order, then "end". */
static bool chunk_read(Arena *arena, Str output, double *value, int count, Str *why) {
    const char *at = str_terminated(arena, output);
    for (int i = 0; i < count; i++) {
        char *end;
        long number = strtol(at, &end, 10);
        if (end == at || *end != ' ' || number != i) {
            *why = str_format(arena, "the profile breaks off after %d of %d steps", i, count);
            return false;
        }
        value[i] = (double)strtoull(end, &end, 10) / 1000;
        at = end;
    }
    if (strcmp(at, "\nend\n") == 0)
        return true;
    *why = STR("the profile does not end as it should");
    return false;
}

/* Compiles the sources with the profiling harness and runs them. */
static bool profile_run(const Device *device, const Workshop *workshop, Names *sources,
                        Str *output, Str *why) {
    const Toolchain *toolchain = &device->toolchain;
    vec_push(workshop->arena, sources, STR("profile.c"));
    return workshop_add_runtime(workshop, "profile.c", why) &&
           workshop_add_runtime(workshop, "profile.h", why) &&
           workshop_add_runtime(workshop, "harness.h", why) &&
           toolchain_compile(toolchain, workshop, sources->at, sources->count, why) &&
           toolchain_run(toolchain, workshop, sources->at, sources->count, RUN_SECONDS, output,
                         why);
}

static bool chunk_run(const Device *device, const Workshop *workshop, const Step *steps,
                      int count, double *value, int *call_bytes, Str *why) {
    Arena *arena = workshop->arena;
    Names sources = {0};
    Str emitted =
            emit_c_steps(arena, STR("nasc"), isa_of_target(&device->target), steps, count),
        output;
    vec_push(arena, &sources, STR("steps.c"));
    vec_push(arena, &sources, STR("table.c"));
    return workshop_write(workshop, STR("steps.c"), emitted, why) &&
           workshop_write(workshop, STR("table.c"), chunk_table(arena, steps, count), why) &&
           profile_run(device, workshop, &sources, &output, why) &&
           toolchain_function_sizes(&device->toolchain, workshop, STR("steps.c"),
                                    STR("nasc_step_"), call_bytes, count, why) &&
           chunk_read(arena, output, value, count, why);
}

static bool chunk_measure(Device *device, const Workshop *workshop, const Step *steps,
                          int count, Str *why) {
    Arena *arena = workshop->arena;
    double *value = arena_array(arena, double, count);
    int *call_bytes = arena_array(arena, int, count);
    if (!chunk_run(device, workshop, steps, count, value, call_bytes, why))
        return false;
    for (int i = 0; i < count; i++) {
        StepRow row = {step_key(arena, &steps[i]), value[i], call_bytes[i], {0}};
        step_features(&steps[i], row.feature);
        device_keep_step(device, steps[i].name, row);
    }
    return true;
}

/* How many of the steps from `at` on fit one program. */
static int chunk_length(const Steps *steps, int at) {
    int64_t bytes = 0;
    int length = 0;
    while (at + length < steps->count && length < CHUNK_STEPS) {
        const Step *step = &steps->at[at + length];
        bytes += step->weight_bytes + step->constant_bytes;
        if (length > 0 && bytes > CHUNK_WEIGHT_BYTES)
            break;
        length++;
    }
    return length;
}

static bool steps_measure(Device *device, Workshop *workshop, const Steps *steps, Str *why) {
    for (int at = 0, length; at < steps->count; at += length) {
        length = chunk_length(steps, at);
        if (interrupted()) {
            *why = STR("interrupted");
            return false;
        }
        if (!chunk_measure(device, workshop, &steps->at[at], length, why))
            return false;
        if (device->store)
            store_commit(device->store);
        progress_to(at + length, "%.*s", STR_ARG(device->target.name));
    }
    return true;
}

bool device_profile(Device *device, Arena *arena, const Step *steps, int count, Str *why) {
    Steps missing = steps_missing(device, arena, steps, count);
    Workshop workshop;
    if (missing.count == 0) {
        device_fit(device);
        return true;
    }
    if (!workshop_begin(arena, &workshop, why))
        return false;
    progress_begin("profile", missing.count, "steps");
    bool done = kernels_measure(device, &workshop, &missing, why) &&
                steps_measure(device, &workshop, &missing, why);
    if (done)
        progress_end("measured %d steps on %.*s", missing.count, STR_ARG(device->target.name));
    else
        progress_end("stopped measuring steps on %.*s", STR_ARG(device->target.name));
    workshop_end(&workshop);
    device_fit(device);
    return done;
}

/* ---- whole networks ---------------------------------------------------------------------- */

/* A table of one step: the network, between its input and its output. */
static Str network_table(Arena *arena, const Replay *replay) {
    return str_format(arena,
                      "#include \"profile.h\"\n#include \"%.*s.h\"\n"
                      "static uint8_t input[%d] __attribute__((aligned(64)));\n"
                      "static uint8_t output[%d] __attribute__((aligned(64)));\n"
                      "uint8_t profile_arena[%lld] __attribute__((aligned(64)));\n"
                      "static void network(uint8_t *arena) {\n"
                      "    %.*s_run((const void *)input, (void *)output, arena);\n}\n"
                      "const ProfileStep profile_steps[] = {{network, %lld}};\n"
                      "const int profile_count = 1;\n",
                      STR_ARG(replay->prefix), replay->in_bytes, replay->out_bytes,
                      (long long)replay->arena_bytes, STR_ARG(replay->prefix),
                      (long long)replay->arena_bytes);
}

static bool network_run(const Device *device, const Workshop *workshop, const Replay *replay,
                        double *value, Str *why) {
    Arena *arena = workshop->arena;
    Names sources = {0};
    Str output;
    vec_push(arena, &sources, STR("table.c"));
    return files_write(workshop, replay->files, replay->file_count, &sources, why) &&
           workshop_write(workshop, STR("table.c"), network_table(arena, replay), why) &&
           profile_run(device, workshop, &sources, &output, why) &&
           chunk_read(arena, output, value, 1, why);
}

bool device_measured_run(const Device *device, Arena *arena, const Replay *replay,
                         double *value, Str *why) {
    Workshop workshop;
    if (!workshop_begin(arena, &workshop, why))
        return false;
    bool done = network_run(device, &workshop, replay, value, why);
    workshop_end(&workshop);
    return done;
}

static bool flash_measure(const Device *device, const Workshop *workshop, const EmitFile *files,
                          int count, int64_t *bytes, Str *why) {
    Names sources = {0};
    *bytes = 0;
    if (!files_write(workshop, files, count, &sources, why) ||
        !toolchain_compile(&device->toolchain, workshop, sources.at, sources.count, why))
        return false;
    for (int i = 0; i < sources.count; i++) {
        int64_t size;
        if (!toolchain_size(&device->toolchain, workshop, sources.at[i], &size, why))
            return false;
        *bytes += size;
    }
    return true;
}

bool device_measured_flash(const Device *device, Arena *arena, const EmitFile *files, int count,
                           int64_t *bytes, Str *why) {
    Workshop workshop;
    if (!workshop_begin(arena, &workshop, why))
        return false;
    bool done = flash_measure(device, &workshop, files, count, bytes, why);
    workshop_end(&workshop);
    return done;
}
