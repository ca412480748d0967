/* Emitted C of many networks in one program, compiled and run: on this machine, under an
 * emulator of another, or on a bare board. The networks of a batch share one translation unit,
 * which shows too that their names do not clash. Every run stands between guard bytes.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/jit.h"
#include "tests/diff/diff.h"

#include <stdlib.h>
#include <string.h>

enum { COMPILE_SECONDS = 600, RUN_SECONDS = 300, MOST_RESULTS = 1 << 28 };

#define WARNINGS                                                                               \
    "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"

/* What runs the networks of the table between these two texts. */
static const char head[] =
    "#include \"harness.h\"\n"
    "struct network {\n"
    "    void (*run)(const void *in, void *out, void *arena);\n"
    "    const void *in;\n"
    "    uint32_t in_bytes, out_bytes, in_unit, out_unit, wide, arena_bytes, arena_unit;\n"
    "};\n";

/* Arenas, inputs and outputs stand at the least alignment that is promised, in turn with more;
 * in the exact form each is a block of its own, for sanitizers to guard. */
static const char driver[] =
    "static const unsigned char *bytes_at(const void *at) { return at; }\n"
    "static void copy(unsigned char *to, const unsigned char *from, uint32_t count)\n"
    "{ while (count-- > 0) to[count] = from[count]; }\n"
    "#ifdef EXACT\n"
    "#include <stdlib.h>\n"
    "static unsigned char *block_new(int which, uint32_t bytes, uint32_t offset)\n"
    "{\n"
    "    void *at;\n"
    "    (void)which;\n"
    "    if (posix_memalign(&at, 64, bytes + offset)) abort();\n"
    "    return (unsigned char *)at + offset;\n"
    "}\n"
    "static int block_end(int which, unsigned char *at, uint32_t bytes, uint32_t offset)\n"
    "{ (void)which; (void)bytes; free(at - offset); return 0; }\n"
    "#else\n"
    "enum { GUARD = 64 };\n"
    "static unsigned char rooms[3][(ROOM + 2 * GUARD + 256 + 63) / 64 * 64] "
    "__attribute__((aligned(64)));\n"
    "static unsigned char *block_new(int which, uint32_t bytes, uint32_t offset)\n"
    "{\n"
    "    uint32_t i, all = bytes + offset + 2 * GUARD;\n"
    "    for (i = 0; i < all; i++) rooms[which][i] = (unsigned char)(i * 37 + offset);\n"
    "    return rooms[which] + GUARD + offset;\n"
    "}\n"
    "static int block_end(int which, unsigned char *at, uint32_t bytes, uint32_t offset)\n"
    "{\n"
    "    uint32_t i, start = GUARD + offset, all = bytes + offset + 2 * GUARD;\n"
    "    int touched = 0;\n"
    "    (void)at;\n"
    "    for (i = 0; i < all; i++)\n"
    "        touched |= (i < start || i >= start + bytes)\n"
    "            && rooms[which][i] != (unsigned char)(i * 37 + offset);\n"
    "    return touched;\n"
    "}\n"
    "#endif\n"
    "/* Two-byte codes leave in one order of bytes, whatever the machine's. */\n"
    "static void settle(unsigned char *at, uint32_t bytes)\n"
    "{\n"
    "    uint32_t i; int16_t code; uint16_t plain;\n"
    "    for (i = 0; i < bytes; i += 2) {\n"
    "        copy((unsigned char *)&code, at + i, 2);\n"
    "        plain = (uint16_t)code;\n"
    "        at[i] = (unsigned char)(plain & 255);\n"
    "        at[i + 1] = (unsigned char)(plain >> 8);\n"
    "    }\n"
    "}\n"
    "static void run_one(int file, const struct network *n, uint32_t v)\n"
    "{\n"
    "    const uint32_t in_at = v % 4 * n->in_unit, out_at = (v + 1) % 4 * n->out_unit;\n"
    "    const uint32_t arena_at = v % 2 * n->arena_unit;\n"
    "    unsigned char *in = block_new(0, n->in_bytes, in_at);\n"
    "    unsigned char *out = block_new(1, n->out_bytes, out_at);\n"
    "    unsigned char *arena = block_new(2, n->arena_bytes, arena_at);\n"
    "    const unsigned char *given = bytes_at(n->in) + v * n->in_bytes;\n"
    "    uint32_t i; int touched = 0; unsigned char status;\n"
    "    copy(in, given, n->in_bytes);\n"
    "    n->run(in, out, arena);\n"
    "    for (i = 0; i < n->in_bytes; i++) touched |= in[i] != given[i];\n"
    "    if (n->wide) settle(out, n->out_bytes);\n"
    "    harness_write(file, out, n->out_bytes);\n"
    "    touched |= block_end(0, in, n->in_bytes, in_at) << 1;\n"
    "    touched |= block_end(1, out, n->out_bytes, out_at) << 2;\n"
    "    touched |= block_end(2, arena, n->arena_bytes, arena_at) << 3;\n"
    "    status = (unsigned char)touched;\n"
    "    harness_write(file, &status, 1);\n"
    "}\n"
    "int harness_main(void)\n"
    "{\n"
    "    uint32_t k, v;\n"
    "    const int file = harness_open(RESULTS, 1);\n"
    "    if (file < 0) return 1;\n"
    "    for (k = 0; k < NETWORKS; k++)\n"
    "        for (v = 0; v < VECTORS; v++)\n"
    "            run_one(file, &networks[k], v);\n"
    "    return harness_close(file) ? 0 : 1;\n"
    "}\n";

/* What the table of networks says of one besides its tensors. */
typedef struct Emitted {
    Str arena_bytes, alignment; /* in C */
    int unit;                   /* what inputs and outputs are aligned to; 0: to their codes */
} Emitted;

/* One program at work. */
typedef struct Batch {
    Arena *arena;
    const Path *path;
    Workshop workshop;
    Trial **trials; /* those that could be emitted */
    Emitted *emitted;
    int count;
    Text objects; /* made by LLVM, to be linked */
} Batch;

/* ---- writing ----------------------------------------------------------------------------- */

/* The vectors as elements of their C type, since i16 must not depend on byte order. */
static void print_inputs(Text *text, Str prefix, const Trial *trial) {
    Format format = trial->from.format;
    int unit = format == FORMAT_I16 ? 2 : 1, elements = TRIAL_VECTORS * trial->in_bytes / unit;
    text_add(text, "static const %s %.*s_in[%d] = {", format_c_type(format), STR_ARG(prefix),
             elements);
    for (int i = 0; i < elements; i++) {
        int16_t wide;
        memcpy(&wide, trial->inputs + i * unit, (size_t)unit);
        int code = unit == 2             ? wide
                   : format == FORMAT_I8 ? (int8_t)trial->inputs[i]
                                         : trial->inputs[i];
        text_add(text, i % 16 ? " %d," : "\n    %d,", code);
    }
    text_add(text, "\n};\n");
}

static Str prefix_of(Arena *arena, int index) {
    return str_format(arena, "n%d", index);
}

/* The program of a trial; false and the trial's fault where there is none. */
static bool program_of(Batch *batch, Trial *trial, Program *program) {
    Span span;
    const Path *path = batch->path;
    bool built = path->isa ? program_build_isa(batch->arena, &trial->model, NULL,
                                               isa_named(str_of(path->isa)), program, &span,
                                               &trial->fault)
                           : program_build_trained(batch->arena, &trial->model, NULL, program,
                                                   &span, &trial->fault);
    if (!built)
        return false;
    const char *fault = program_check(program);
    trial->fault = fault ? str_of(fault) : (Str){0}; /* what was tried in vain is no fault */
    return !fault;
}

/* The network as C files that the program includes. */
static bool emit_as_c(Batch *batch, Trial *trial, const Program *program, Str prefix,
                      Text *all) {
    EmitOptions options = {.prefix = prefix, .comment = STR("random"), .input_scale = 1};
    int count;
    Str capital = capitals(batch->arena, prefix);
    text_add(all, "#ifdef PLAIN\n#define %.*s_NO_ASSEMBLY\n#endif\n", STR_ARG(capital));
    EmitFile *files = emit_c(batch->arena, program, &options, &count);
    for (int i = 0; i < count; i++) {
        Str name = files[i].name;
        bool code = str_ends(name, STR(".c")) && !str_ends(name, STR("_test.c"));
        if (!code && !str_ends(name, STR(".h")))
            continue;
        if (!workshop_write(&batch->workshop, name, files[i].text, &trial->fault))
            return false;
        if (code)
            text_add(all, "#include \"%.*s\"\n", STR_ARG(name));
    }
    batch->emitted[batch->count] =
        (Emitted){str_format(batch->arena, "%.*s_ARENA_BYTES", STR_ARG(capital)),
                  str_format(batch->arena, "%.*s_ARENA_ALIGNMENT", STR_ARG(capital)), 0};
    return true;
}

/* The network as an object that the program is linked with. */
static bool emit_as_object(Batch *batch, Trial *trial, const Program *program, Str prefix,
                           Text *all) {
    LlvmTarget target = {.triple = str_of(batch->path->triple),
                         .features =
                             str_of(batch->path->features ? batch->path->features : "")};
    Str name = str_format(batch->arena, "%.*s.o", STR_ARG(prefix)), bytes;
    if (!emit_llvm(batch->arena, program, prefix, &target, LLVM_OBJECT, &bytes,
                   &trial->fault) ||
        !workshop_write(&batch->workshop, name, bytes, &trial->fault))
        return false;
    text_add(all, "void %.*s_run(const void *input, void *output, void *arena);\n",
             STR_ARG(prefix));
    text_add(&batch->objects, " %.*s/%.*s", STR_ARG(batch->workshop.path), STR_ARG(name));
    int alignment = program->isa->alignment;
    batch->emitted[batch->count] =
        (Emitted){str_format(batch->arena, "%lld", (long long)max_i64(program->arena_bytes, 4)),
                  str_format(batch->arena, "%d", alignment), alignment};
    return true;
}

/* Emits a network as the next of the batch; its fault says why where it cannot. */
static void emit_network(Batch *batch, Trial *trial, Text *all) {
    Program program;
    Str prefix = prefix_of(batch->arena, batch->count);
    if (!program_of(batch, trial, &program) ||
        !(batch->path->triple ? emit_as_object : emit_as_c)(batch, trial, &program, prefix,
                                                            all))
        return;
    print_inputs(all, prefix, trial);
    text_add(all,
             "static void %.*s_any(const void *in, void *out, void *arena)\n"
             "{ %.*s_run(in, out, arena); }\n",
             STR_ARG(prefix), STR_ARG(prefix));
    batch->trials[batch->count++] = trial;
}

static void print_table(const Batch *batch, Text *all) {
    text_add(all, "static const struct network networks[] = {\n");
    for (int k = 0; k < batch->count; k++) {
        const Trial *trial = batch->trials[k];
        const Emitted *emitted = &batch->emitted[k];
        int in = trial->from.format == FORMAT_I16 ? 2 : 1;
        int out = trial->to.format == FORMAT_I16 ? 2 : 1;
        text_add(all, "    {n%d_any, n%d_in, %d, %d, %d, %d, %d, %.*s, %.*s},\n", k, k,
                 trial->in_bytes, trial->out_bytes, emitted->unit ? emitted->unit : in,
                 emitted->unit ? emitted->unit : out, out == 2, STR_ARG(emitted->arena_bytes),
                 STR_ARG(emitted->alignment));
    }
    text_add(all, "};\n");
}

/* The most bytes that any block of the batch needs, as a constant expression of the arenas. */
static void print_room(const Batch *batch, Text *all) {
    int64_t most = 0;
    text_add(all, "union room {\n");
    for (int k = 0; k < batch->count; k++) {
        most = max_i64(most, max_i64(batch->trials[k]->in_bytes, batch->trials[k]->out_bytes));
        text_add(all, "    char of%d[%.*s];\n", k, STR_ARG(batch->emitted[k].arena_bytes));
    }
    text_add(all, "    char codes[%lld];\n};\n#define ROOM sizeof(union room)\n",
             (long long)most);
}

static Str results_path(const Batch *batch) {
    return path_join(batch->arena, batch->workshop.path, STR("results.bin"));
}

/* Emits the trials that can be, and the program of all of them. */
static bool batch_write(Batch *batch, Trial **trials, int count, Str *why) {
    Text all = text_new(batch->arena);
    text_add(&all, "#define _POSIX_C_SOURCE 200112L\n#include <stdint.h>\n");
    batch->objects = text_new(batch->arena);
    batch->trials = arena_array(batch->arena, Trial *, count);
    batch->emitted = arena_array(batch->arena, Emitted, count);
    for (int i = 0; i < count; i++)
        emit_network(batch, trials[i], &all);
    text_add(&all, "#define NETWORKS %d\n#define VECTORS %d\n", batch->count, TRIAL_VECTORS);
    text_add(&all, "#define RESULTS \"%.*s\"\n", STR_ARG(results_path(batch)));
    text_add_str(&all, str_of(head));
    print_room(batch, &all);
    print_table(batch, &all);
    text_add_str(&all, str_of(driver));
    return workshop_write(&batch->workshop, STR("all.c"), text_str(&all), why);
}

/* ---- boards ------------------------------------------------------------------------------ */

/* Where a board has the memories of runtime/cortex_m.ld. */
typedef struct Board {
    const char *name, *data; /* where what is written lies */
} Board;
static const Board boards[] = {
    {"mps2-an386", "0x21000000"},
    {"mps2-an500", "0x60000000"},
    {"mps3-an547", "0x60000000"},
};

/* The linker script of the runtime with the board's addresses. */
static bool script_write(const Batch *batch, Str *why) {
    static const char usual[] = "ORIGIN = 0x21000000";
    Arena *arena = batch->arena;
    Str script;
    if (!library_file(arena, NULL, STR("runtime/cortex_m.ld"), &script, why))
        return false;
    script = str_copy(arena, script);
    const char *at = strstr(script.at, usual);
    for (int b = 0; at && b < COUNT(boards); b++)
        if (!strcmp(boards[b].name, batch->path->board)) {
            int before = (int)(at - script.at), after = before + (int)sizeof usual - 1;
            Str text = str_format(arena, "%.*sORIGIN = %s%.*s", before, script.at,
                                  boards[b].data, script.length - after, script.at + after);
            return workshop_write(&batch->workshop, STR("cortex_m.ld"), text, why);
        }
    *why = STR("the linker script has no place for the board's memory");
    return false;
}

/* ---- compiling and running --------------------------------------------------------------- */

/* Runs a command line of words without blanks in them. */
static bool line_run(const Batch *batch, Str line, int seconds, Str *why) {
    VEC(char *) words = {0};
    Str output, errors = {0};
    const char *reason = "";
    char *at = (char *)str_copy(batch->arena, line).at;
    for (char *word = strtok(at, " "); word; word = strtok(NULL, " "))
        vec_push(batch->arena, &words, word);
    vec_push(batch->arena, &words, NULL);
    int status = command_run(batch->arena, words.at, seconds, &output, &errors, &reason);
    if (status != 0)
        *why = str_format(batch->arena, "%s ends with %d %s: %.300s", words.at[0], status,
                          reason ? reason : "",
                          errors.length   ? errors.at
                          : output.length ? output.at
                                          : "");
    return status == 0;
}

static bool batch_compile(const Batch *batch, Str *why) {
    const Path *path = batch->path;
    Arena *arena = batch->arena;
    Str in = batch->workshop.path;
    const char *harness = path->board ? "cortex_m.c" : "hosted.c";
    if (!workshop_add_runtime(&batch->workshop, "harness.h", why) ||
        !workshop_add_runtime(&batch->workshop, harness, why) ||
        (path->board && !script_write(batch, why)))
        return false;
    Str bare = str_format(arena, "-nostdlib -T %.*s/cortex_m.ld", STR_ARG(in));
    Str compile = str_format(arena, "%s %s " WARNINGS " -c %.*s/all.c -o %.*s/all.o",
                             path->compiler, path->flags, STR_ARG(in), STR_ARG(in));
    Str link = str_format(arena, "%s %s -w %s %.*s/%s %.*s/all.o%.*s -o %.*s/program%s",
                          path->compiler, path->flags, path->board ? bare.at : "", STR_ARG(in),
                          harness, STR_ARG(in), STR_ARG(text_str(&batch->objects)), STR_ARG(in),
                          path->board ? " -lgcc" : "");
    return line_run(batch, compile, COMPILE_SECONDS, why) &&
           line_run(batch, link, COMPILE_SECONDS, why);
}

static bool batch_execute(const Batch *batch, Str *why) {
    const Path *path = batch->path;
    Str runner = str_of(path->runner ? path->runner : "");
    if (path->board)
        runner = str_format(batch->arena,
                            "qemu-system-arm -M %s -nographic -monitor none -serial none "
                            "-semihosting-config enable=on,target=native -kernel",
                            path->board);
    return line_run(batch,
                    str_format(batch->arena, "%.*s %.*s/program", STR_ARG(runner),
                               STR_ARG(batch->workshop.path)),
                    RUN_SECONDS, why);
}

/* ---- results ----------------------------------------------------------------------------- */

static void result_take(Batch *batch, Trial *trial, const uint8_t *bytes) {
    for (int v = 0; v < TRIAL_VECTORS; v++, bytes += trial->out_bytes + 1) {
        uint8_t *got = trial->got + v * trial->out_bytes, touched = bytes[trial->out_bytes];
        memcpy(got, bytes, (size_t)trial->out_bytes);
        for (int i = 0; trial->to.format == FORMAT_I16 && i < trial->out_bytes; i += 2) {
            int16_t code = (int16_t)(bytes[i] | bytes[i + 1] << 8);
            memcpy(got + i, &code, 2);
        }
        if (touched && !trial->fault.length)
            trial->fault = str_format(batch->arena, "vector %d: writes%s%s%s%s", v,
                                      touched & 1 ? " to its input" : "",
                                      touched & 2 ? " beside its input" : "",
                                      touched & 4 ? " beside its output" : "",
                                      touched & 8 ? " beside its arena" : "");
    }
}

static bool results_read(Batch *batch, Str *why) {
    Str bytes;
    const char *reason;
    int64_t at = 0, all = 0;
    for (int k = 0; k < batch->count; k++)
        all += TRIAL_VECTORS * (batch->trials[k]->out_bytes + 1);
    if (!file_read(batch->arena, results_path(batch).at, MOST_RESULTS, &bytes, &reason)) {
        *why = str_format(batch->arena, "no results: %s", reason);
        return false;
    }
    if (bytes.length != all) {
        *why = str_format(batch->arena, "%d bytes of results, not %lld", bytes.length,
                          (long long)all);
        return false;
    }
    for (int k = 0; k < batch->count; k++) {
        result_take(batch, batch->trials[k], (const uint8_t *)bytes.at + at);
        at += TRIAL_VECTORS * (batch->trials[k]->out_bytes + 1);
    }
    return true;
}

static bool batch_try(Batch *batch, Trial **trials, int count, Str *why) {
    if (!workshop_begin(batch->arena, &batch->workshop, why))
        return false;
    bool done = batch_write(batch, trials, count, why) &&
                (batch->count == 0 || (batch_compile(batch, why) && batch_execute(batch, why) &&
                                       results_read(batch, why)));
    if (getenv("KEEP")) /* for a person to look at */
        printf("%s is in %.*s\n", batch->path->name, STR_ARG(batch->workshop.path));
    else
        workshop_end(&batch->workshop);
    return done;
}

/* A program that does not compile or run is cut in two, until the network is found that is the
 * cause. */
static void trials_run(Arena *arena, const Path *path, Trial **trials, int count) {
    Batch batch = {.arena = arena, .path = path};
    Str why = STR("");
    if (batch_try(&batch, trials, count, &why))
        return;
    if (count == 1) {
        trials[0]->fault = why;
        return;
    }
    trials_run(arena, path, trials, count / 2);
    trials_run(arena, path, trials + count / 2, count - count / 2);
}

void compiled_run(Arena *arena, const Path *path, void *made, Trial *trials, int count) {
    (void)made;
    Trial **all = arena_array(arena, Trial *, count);
    for (int i = 0; i < count; i++)
        all[i] = &trials[i];
    trials_run(arena, path, all, count);
}

/* ---- tools ------------------------------------------------------------------------------- */

static bool tool_works(Arena *arena, Str line) {
    Batch batch = {.arena = arena};
    Str why;
    return line_run(&batch, str_format(arena, "%.*s --version", STR_ARG(line)), 60, &why);
}

const char *compiled_missing(Arena *arena, const Path *path) {
    if (path->triple && !llvm_available())
        return "LLVM";
    if (!tool_works(arena, str_of(path->compiler)))
        return path->compiler;
    if (path->board)
        return tool_works(arena, STR("qemu-system-arm")) ? NULL : "qemu-system-arm";
    if (path->runner)
        return tool_works(arena, str_of(path->runner)) ? NULL : path->runner;
    return NULL;
}
