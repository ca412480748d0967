/* How C becomes a program that runs on a device: compiler, linker, runner, and the tools that
 * tell sizes.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMPILE_SECONDS = 300, TOOL_SECONDS = 20 };

/* ---- command lines ----------------------------------------------------------------------- */

typedef VEC(char *) Words;

static void word(Arena *arena, Words *words, Str s) {
    vec_push(arena, words, (char *)str_terminated(arena, s));
}

static void words_of(Arena *arena, Words *words, Str line) {
    int at = 0;
    while (at < line.length) {
        int start = at;
        while (at < line.length && line.at[at] != ' ')
            at++;
        if (at > start)
            word(arena, words, (Str){line.at + start, at - start});
        at++;
    }
}

/* What a person needs of a compiler's complaint. */
static Str first_lines(Arena *arena, Str text, int lines) {
    int end = 0;
    while (end < text.length && lines > 0)
        lines -= text.at[end++] == '\n';
    while (end > 0 && text.at[end - 1] == '\n')
        end--;
    return str_copy(arena, (Str){text.at, end});
}

/* Runs a line; anything but success is a failure that says what the program said. */
static bool words_run(Arena *arena, Words *words, int seconds, Str *output, Str *why) {
    Str errors;
    const char *reason = NULL;
    vec_push(arena, words, NULL);
    int status = command_run(arena, words->at, seconds, output, &errors, &reason);
    if (status == 0)
        return true;
    Str said = first_lines(arena, errors.length > 0 ? errors : *output, 6);
    if (status < 0)
        *why = str_format(arena, "cannot run %s: %s%s%.*s", words->at[0], reason,
                          said.length > 0 ? "\n" : "", STR_ARG(said));
    else
        *why = str_format(arena, "%s failed with status %d%s%.*s", words->at[0], status,
                          said.length > 0 ? ":\n" : "", STR_ARG(said));
    return false;
}

/* ---- toolchains -------------------------------------------------------------------------- */

Toolchain target_toolchain(Arena *arena, const Target *target) {
    Str line =
        str_format(arena, "%.*s %.*s", STR_ARG(target->compiler), STR_ARG(target->flags));
    return (Toolchain){.compiler = line,
                       .runner = target->runner,
                       .bare = target->measure == MEASURE_INSTRUCTIONS};
}

bool toolchain_version(Arena *arena, const Toolchain *toolchain, Str *version, Str *why) {
    Words line = {0}, words = {0};
    words_of(arena, &line, toolchain->compiler);
    if (line.count == 0) {
        *why = STR("the device names no compiler");
        return false;
    }
    word(arena, &words, str_of(line.at[0]));
    word(arena, &words, STR("--version"));
    Str output;
    if (!words_run(arena, &words, TOOL_SECONDS, &output, why))
        return false;
    *version = first_lines(arena, output, 1);
    return true;
}

/* A tool that belongs to the compiler: arm-none-eabi-gcc -> arm-none-eabi-size. */
static Str tool_of(Arena *arena, const Toolchain *toolchain, const char *tool) {
    Words line = {0};
    words_of(arena, &line, toolchain->compiler);
    Str compiler = str_of(line.at[0]);
    if (!str_ends(compiler, STR("-gcc")))
        return str_of(tool);
    return str_format(arena, "%.*s%s", compiler.length - 3, compiler.at, tool);
}

/* ---- workshops --------------------------------------------------------------------------- */

bool workshop_begin(Arena *arena, Workshop *workshop, Str *why) {
    const char *base = getenv("TMPDIR");
    Str path = str_format(arena, "%s/nasc-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp((char *)path.at) == NULL) {
        *why =
            str_format(arena, "cannot make a folder %.*s: %s", STR_ARG(path), strerror(errno));
        return false;
    }
    *workshop = (Workshop){arena, path};
    return true;
}

static Str file_path(const Workshop *workshop, Str name) {
    return path_join(workshop->arena, workshop->path, name);
}

void workshop_end(Workshop *workshop) {
    DIR *folder = opendir(workshop->path.at);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            unlink(file_path(workshop, str_of(entry->d_name)).at);
    if (folder)
        closedir(folder);
    rmdir(workshop->path.at);
}

bool workshop_write(const Workshop *workshop, Str name, Str text, Str *why) {
    const char *reason;
    if (file_write(str_terminated(workshop->arena, file_path(workshop, name)), text, &reason))
        return true;
    *why = str_format(workshop->arena, "cannot write %.*s: %s",
                      STR_ARG(file_path(workshop, name)), reason);
    return false;
}

bool workshop_add_runtime(const Workshop *workshop, const char *name, Str *why) {
    Str path = str_format(workshop->arena, "runtime/%s", name), text;
    return library_file(workshop->arena, NULL, path, &text, why) &&
           workshop_write(workshop, str_of(name), text, why);
}

bool files_write(const Workshop *workshop, const EmitFile *files, int count, Names *sources,
                 Str *why) {
    for (int i = 0; i < count; i++) {
        Str name = files[i].name;
        if (!workshop_write(workshop, name, files[i].text, why))
            return false;
        if (str_ends(name, STR(".c")) && !str_ends(name, STR("_test.c")))
            vec_push(workshop->arena, sources, name);
    }
    return true;
}

/* ---- compiling --------------------------------------------------------------------------- */

static Str object_of(const Workshop *workshop, Str source) {
    Str stem = {source.at, source.length - 2};
    return file_path(workshop, str_format(workshop->arena, "%.*s.o", STR_ARG(stem)));
}

bool toolchain_compile(const Toolchain *toolchain, const Workshop *workshop, const Str *sources,
                       int count, Str *why) {
    Arena *arena = workshop->arena;
    for (int i = 0; i < count; i++) {
        Words words = {0};
        Str output;
        words_of(arena, &words, toolchain->compiler);
        word(arena, &words, str_format(arena, "-I%.*s", STR_ARG(workshop->path)));
        word(arena, &words, STR("-c"));
        word(arena, &words, file_path(workshop, sources[i]));
        word(arena, &words, STR("-o"));
        word(arena, &words, object_of(workshop, sources[i]));
        if (!words_run(arena, &words, COMPILE_SECONDS, &output, why))
            return false;
    }
    return true;
}

static bool program_link(const Toolchain *toolchain, const Workshop *workshop,
                         const Str *sources, int count, Str program, Str *why) {
    Arena *arena = workshop->arena;
    Words words = {0};
    Str output;
    words_of(arena, &words, toolchain->compiler);
    if (toolchain->bare) {
        word(arena, &words, STR("-nostdlib"));
        word(arena, &words, STR("-T"));
        word(arena, &words, file_path(workshop, STR("cortex_m.ld")));
    }
    for (int i = 0; i < count; i++)
        word(arena, &words, object_of(workshop, sources[i]));
    if (toolchain->bare)
        word(arena, &words, STR("-lgcc"));
    word(arena, &words, STR("-o"));
    word(arena, &words, program);
    return words_run(arena, &words, COMPILE_SECONDS, &output, why);
}

/* The harness that the program is linked with. */
static bool harness_compile(const Toolchain *toolchain, const Workshop *workshop, Str *source,
                            Str *why) {
    *source = toolchain->bare ? STR("cortex_m.c") : STR("hosted.c");
    return workshop_add_runtime(workshop, "harness.h", why) &&
           workshop_add_runtime(workshop, source->at, why) &&
           (!toolchain->bare || workshop_add_runtime(workshop, "cortex_m.ld", why)) &&
           toolchain_compile(toolchain, workshop, source, 1, why);
}

/* The emulator counts an instruction as 64 ns of the board's time: see runtime/cortex_m.c. */
static void emulator_words(Arena *arena, Words *words, Str program) {
    words_of(arena, words,
             STR("qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none "
                 "-semihosting-config enable=on,target=native -icount shift=6 -kernel"));
    word(arena, words, program);
}

bool toolchain_run(const Toolchain *toolchain, const Workshop *workshop, const Str *sources,
                   int count, int seconds, Str *output, Str *why) {
    Arena *arena = workshop->arena;
    Str *all = arena_array(arena, Str, count + 1);
    Str program = file_path(workshop, STR("program"));
    memcpy(all, sources, sizeof *all * (size_t)count);
    if (!harness_compile(toolchain, workshop, &all[count], why) ||
        !program_link(toolchain, workshop, all, count + 1, program, why))
        return false;
    Words words = {0};
    if (toolchain->bare)
        emulator_words(arena, &words, program);
    else {
        words_of(arena, &words, toolchain->runner);
        word(arena, &words, program);
    }
    return words_run(arena, &words, seconds, output, why);
}

/* ---- sizes ------------------------------------------------------------------------------- */

/* The next number of a text, or false. */
static bool number_take(Str *text, int base, int64_t *value) {
    char *end;
    *value = strtoll(text->at, &end, base);
    int length = (int)(end - text->at);
    *text = (Str){end, text->length - length};
    return length > 0;
}

/* Berkeley format: a head, then text, data and bss (text counts rodata). */
bool toolchain_size(const Toolchain *toolchain, const Workshop *workshop, Str source,
                    int64_t *bytes, Str *why) {
    Arena *arena = workshop->arena;
    Words words = {0};
    Str output;
    word(arena, &words, tool_of(arena, toolchain, "size"));
    word(arena, &words, object_of(workshop, source));
    if (!words_run(arena, &words, TOOL_SECONDS, &output, why))
        return false;
    const char *row = strchr(output.at, '\n');
    int64_t text, data;
    Str rest = row ? str_of(row + 1) : STR("");
    if (!number_take(&rest, 10, &text) || !number_take(&rest, 10, &data)) {
        *why = str_format(arena, "%s printed no sizes", words.at[0]);
        return false;
    }
    *bytes = text + data;
    return true;
}

/* Lines of nm -S: "ADDRESS SIZE TYPE NAME". */
static void function_size_line(Str line, Str prefix, int *bytes, int count) {
    int64_t address, size, number;
    if (!number_take(&line, 16, &address) || !number_take(&line, 16, &size) || line.length < 4)
        return;
    Str name = {line.at + 3, line.length - 3};
    if (!str_starts(name, prefix))
        return;
    Str digits = {name.at + prefix.length, name.length - prefix.length};
    if (number_take(&digits, 10, &number) && digits.length == 0 && number >= 0 &&
        number < count)
        bytes[number] = (int)size;
}

bool toolchain_function_sizes(const Toolchain *toolchain, const Workshop *workshop, Str source,
                              Str prefix, int *bytes, int count, Str *why) {
    Arena *arena = workshop->arena;
    Words words = {0};
    Str output;
    word(arena, &words, tool_of(arena, toolchain, "nm"));
    word(arena, &words, STR("-S"));
    word(arena, &words, object_of(workshop, source));
    if (!words_run(arena, &words, TOOL_SECONDS, &output, why))
        return false;
    for (int at = 0; at < output.length;) {
        const char *end = memchr(output.at + at, '\n', (size_t)(output.length - at));
        int length = end ? (int)(end - output.at) - at : output.length - at;
        Str line = str_copy(arena, (Str){output.at + at, length});
        function_size_line(line, prefix, bytes, count);
        at += length + 1;
    }
    return true;
}
