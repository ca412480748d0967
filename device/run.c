/* An emitted network, executed where it is meant to run, or anywhere else that C compiles for.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <string.h>

enum { RUN_SECONDS = 1800, MOST_OUTPUT = 1 << 30 };

static void define_text(Text *text, const char *name, Str value) {
    text_add(text, "#define %s ", name);
    json_add_string(text, value);
    text_add(text, "\n");
}

static Str replay_header(const Workshop *workshop, const Replay *replay) {
    Text text = text_new(workshop->arena);
    Str inputs = path_join(workshop->arena, workshop->path, STR("inputs.bin"));
    Str outputs = path_join(workshop->arena, workshop->path, STR("outputs.bin"));
    text_add(&text, "#include \"%.*s.h\"\n", STR_ARG(replay->prefix));
    define_text(&text, "REPLAY_INPUTS", inputs);
    define_text(&text, "REPLAY_OUTPUTS", outputs);
    text_add(&text, "#define REPLAY_COUNT %du\n", replay->count);
    text_add(&text, "#define REPLAY_IN_BYTES %du\n", replay->in_bytes);
    text_add(&text, "#define REPLAY_OUT_BYTES %du\n", replay->out_bytes);
    text_add(&text, "#define REPLAY_ARENA_BYTES %lld\n", (long long)replay->arena_bytes);
    text_add(&text, "#define REPLAY_ALIGNED __attribute__((aligned(64)))\n");
    text_add(&text, "#define REPLAY_RUN %.*s_run\n", STR_ARG(replay->prefix));
    return text_str(&text);
}

static bool replay_write(const Workshop *workshop, const Replay *replay, Names *sources,
                         Str *why) {
    Str inputs = {(const char *)replay->inputs, replay->count * replay->in_bytes};
    vec_push(workshop->arena, sources, STR("replay.c"));
    return workshop_write(workshop, STR("replay.h"), replay_header(workshop, replay), why) &&
           workshop_write(workshop, STR("inputs.bin"), inputs, why) &&
           workshop_add_runtime(workshop, "replay.c", why) &&
           workshop_add_runtime(workshop, "harness.h", why);
}

static bool outputs_read(const Workshop *workshop, const Replay *replay, uint8_t *outputs,
                         Str *why) {
    Str path = path_join(workshop->arena, workshop->path, STR("outputs.bin")), bytes;
    const char *reason;
    if (!file_read(workshop->arena, str_terminated(workshop->arena, path), MOST_OUTPUT, &bytes,
                   &reason)) {
        *why = str_format(workshop->arena, "the run left no outputs: %s", reason);
        return false;
    }
    if (bytes.length != replay->count * replay->out_bytes) {
        *why = str_format(workshop->arena, "the run wrote %d bytes of outputs instead of %d",
                          bytes.length, replay->count * replay->out_bytes);
        return false;
    }
    memcpy(outputs, bytes.at, (size_t)bytes.length);
    return true;
}

bool device_run(const Toolchain *toolchain, Arena *arena, const Replay *replay,
                uint8_t *outputs, Str *why) {
    Workshop workshop;
    Names sources = {0};
    Str output;
    if (!workshop_begin(arena, &workshop, why))
        return false;
    bool done = files_write(&workshop, replay->files, replay->file_count, &sources, why) &&
                replay_write(&workshop, replay, &sources, why) &&
                toolchain_compile(toolchain, &workshop, sources.at, sources.count, why) &&
                toolchain_run(toolchain, &workshop, sources.at, sources.count, RUN_SECONDS,
                              &output, why) &&
                outputs_read(&workshop, replay, outputs, why);
    workshop_end(&workshop);
    return done;
}
