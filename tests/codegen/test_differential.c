/* Random models in the interpreter and as emitted C, byte for byte: under gcc and clang,
 * without and with optimisation, under sanitizers, and on a big-endian machine. The arena is
 * guarded: nothing beyond it is touched, and all of it is.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

enum { MODELS = 20, LAYERS = 9, VECTORS = 4 };

/* Kernels of whole vectors take plain C compilers long, so only one network in sixteen has them. */
static const Isa *isa_for(uint64_t seed) {
    const char *name = seed % 16 == 7 ? "x86-64-avx2" : seed % 2 ? "portable" : "armv7e-m";
    return isa_named(str_of(name));
}

/* For longer runs: MODELS=200 SEED=1000 tests this many networks from that seed on; KEEP=1
 * leaves the emitted files where they are. */
static int setting(const char *name, int usual) {
    const char *value = getenv(name);
    return value ? atoi(value) : usual;
}

#define WARNINGS                                                                               \
    "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion",         \
        "-Wshadow", "-Werror"

/* ---- golden vectors from the interpreter ------------------------------------------------- */

static uint8_t *stored(Arena *arena, const Tensor *tensor, const int16_t *codes) {
    int64_t bytes = tensor_bytes(tensor->shape, tensor->format);
    uint8_t *to = arena_alloc(arena, (size_t)bytes);
    if (tensor->format == FORMAT_I16) /* in the order of this machine */
        memcpy(to, codes, (size_t)bytes);
    else
        pack_rows(codes, shape_pixels(tensor->shape), shape_channels(tensor->shape),
                  tensor->format, to);
    return to;
}

/* The input as the interpreter takes it: one element for each code. */
static const void *unpacked(Arena *arena, const Tensor *tensor, const int16_t *codes) {
    int64_t count = shape_elements(tensor->shape);
    int8_t *narrow = arena_alloc(arena, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        narrow[i] = (int8_t)codes[i];
    return tensor->format == FORMAT_I16 ? (const void *)codes : narrow;
}

static void golden_vector(Arena *arena, const Model *model, uint64_t seed, int v, Text *in,
                          Text *out) {
    const Tensor *from = &model->layers[0].out, *to = &model->layers[model->output].out;
    int64_t elements = shape_elements(to->shape);
    int16_t *input = arena_array(arena, int16_t, shape_elements(from->shape));
    int16_t *output = arena_array(arena, int16_t, elements);
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    random_input(from, seed, v, input);
    model_run(arena, model, unpacked(arena, from, input), tensors);
    for (int64_t i = 0; i < elements; i++)
        output[i] = (int16_t)tensors[model->output][i];
    text_add_str(in, (Str){(char *)stored(arena, from, input),
                           (int)tensor_bytes(from->shape, from->format)});
    text_add_str(out, (Str){(char *)stored(arena, to, output),
                            (int)tensor_bytes(to->shape, to->format)});
}

/* ---- one file of many networks ----------------------------------------------------------- */

static void emit_model(Arena *arena, uint64_t seed, const char *directory, Text *all) {
    Model model = random_model(arena, seed, LAYERS);
    assert_null(model_check(&model));
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_isa(arena, &model, NULL, isa_for(seed), &program, &span, &why))
        fail_msg("%llu: %s", (unsigned long long)seed, why.at);
    if (program_check(&program))
        fail_msg("%llu: %s", (unsigned long long)seed, program_check(&program));
    Text in = text_new(arena), out = text_new(arena);
    for (int v = 0; v < VECTORS; v++)
        golden_vector(arena, &model, seed, v, &in, &out);
    EmitOptions options = {.prefix = model.name,
                           .comment = STR("random"),
                           .vectors = VECTORS,
                           .vector_in = (uint8_t *)in.at,
                           .vector_out = (uint8_t *)out.at,
                           .input_scale = 1};
    int count;
    EmitFile *files = emit_c(arena, &program, &options, &count);
    for (int i = 0; i < count; i++) {
        const char *fault;
        Str path = path_join(arena, str_of(directory), files[i].name);
        assert_true(file_write(path.at, files[i].text, &fault));
        if (str_ends(files[i].name, STR(".c")))
            text_add(all, "#include \"%s\"\n", files[i].name.at);
    }
}

static const char driver[] =
    "static unsigned char *guarded;\n"
    "/* Runs one network between guards; says what is wrong. */\n"
    "static int try(const char *name, int (*test)(void *), long bytes, long alignment)\n"
    "{\n"
    "    static unsigned char touched[ROOM];\n"
    "    long i, top = 0; int pass, faults = 0;\n"
    "    void *exact = 0;\n"
    "    if (posix_memalign(&exact, 64, (size_t)bytes)) return 1;\n"
    "    memset(touched, 0, sizeof touched);\n"
    "    for (pass = 0; pass < 2; pass++) {\n"
    "        unsigned char poison = pass ? 0x5a : 0xa5;\n"
    "        memset(guarded, poison, ROOM);\n"
    "        if (test(guarded + GUARD)) { printf(\"%s: differs\\n\", name); faults++; }\n"
    "        for (i = 0; i < ROOM; i++) touched[i] |= guarded[i] != poison;\n"
    "    }\n"
    "    if (test(exact)) { printf(\"%s: differs in an exact arena\\n\", name); faults++; }\n"
    "    free(exact);\n"
    "    for (i = 0; i < ROOM; i++) {\n"
    "        int inside = i >= GUARD && i < GUARD + bytes;\n"
    "        if (touched[i] && !inside) { printf(\"%s: touches %ld\\n\", name, i - GUARD); "
    "faults++; }\n"
    "        if (touched[i]) top = i - GUARD + 1;\n"
    "    }\n"
    "    if (bytes > alignment && top + alignment <= bytes) {\n"
    "        printf(\"%s: %ld bytes planned, %ld touched\\n\", name, bytes, top); faults++;\n"
    "    }\n"
    "    return faults;\n"
    "}\n";

static int64_t arena_room(Arena *arena, uint64_t seed) {
    Model model = random_model(arena, seed, LAYERS);
    Program program;
    Span span;
    Str why;
    program_build_isa(arena, &model, NULL, isa_for(seed), &program, &span, &why);
    return program.arena_bytes;
}

/* A program of all the networks: it says which differ, and returns whether any does. */
static void write_program(Arena *arena, const char *directory) {
    Text all = text_new(arena), calls = text_new(arena);
    int64_t room = 0;
    uint64_t first = (uint64_t)setting("SEED", 1), count = (uint64_t)setting("MODELS", MODELS);
    for (uint64_t seed = first; seed < first + count; seed++) {
        emit_model(arena, seed, directory, &all);
        room = max_i64(room, arena_room(arena, seed));
        /* Pairs of halves in a word assume the byte order of the only machine that has them. */
        if (str_equal(str_of(isa_for(seed)->name), STR("armv7e-m")))
            text_add(&calls, "    if (little)\n    ");
        text_add(&calls,
                 "    faults += try(\"m%d\", m%d_self_test, M%d_ARENA_BYTES, "
                 "M%d_ARENA_ALIGNMENT);\n",
                 (int)seed, (int)seed, (int)seed, (int)seed);
    }
    text_add(&all, "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
                   "int posix_memalign(void **, size_t, size_t);\n");
    text_add(&all, "#define GUARD 64\n#define ROOM (%lld + 2 * GUARD + 8)\n%s", (long long)room,
             driver);
    text_add(&all,
             "int main(void)\n{\n    int faults = 0, one = 1, little = *(char *)&one;\n"
             "    void *room = 0;\n"
             "    if (posix_memalign(&room, 64, ROOM)) return 1;\n    guarded = room;\n%s"
             "    return faults != 0;\n}\n",
             calls.at);
    const char *fault;
    Str path = path_join(arena, str_of(directory), STR("all.c"));
    assert_true(file_write(path.at, text_str(&all), &fault));
}

/* ---- compiling and running --------------------------------------------------------------- */

static char place[256]; /* the directory of the emitted files */

static int must_run(Arena *arena, char *const argv[]) {
    Str output, errors;
    const char *why = "";
    int status = command_run(arena, argv, 300, &output, &errors, &why);
    if (status != 0)
        print_message("%s: %d %s\n%.*s%.4000s\n", argv[0], status, why, STR_ARG(output),
                      errors.at ? errors.at : "");
    return status;
}

static bool tool_works(Arena *arena, const char *tool) {
    char *argv[] = {(char *)tool, "--version", NULL};
    Str output, errors;
    const char *why;
    return command_run(arena, argv, 60, &output, &errors, &why) == 0;
}

/* The compiler's command line, then all.c is built by it and run, through an emulator if one
 * is named. */
static void compile_and_run(const char *name, char *const flags[], int count,
                            const char *emulator) {
    Arena *arena = arena_new();
    LEAVE_UNLESS(tool_works(arena, flags[0]) && (!emulator || tool_works(arena, emulator)),
                 flags[0]);
    char *source = (char *)path_join(arena, str_of(place), STR("all.c")).at;
    char *binary = (char *)path_join(arena, str_of(place), str_of(name)).at;
    char *argv[32];
    int n = 0;
    for (int i = 0; i < count; i++)
        argv[n++] = flags[i];
    char *const warnings[] = {WARNINGS, "-o", binary, source};
    for (int i = 0; i < COUNT(warnings); i++)
        argv[n++] = warnings[i];
    argv[n] = NULL;
    assert_int_equal(must_run(arena, argv), 0);
    char *run[] = {(char *)emulator, binary, NULL};
    assert_int_equal(must_run(arena, emulator ? run : run + 1), 0);
    arena_free(arena);
}

static void gcc_plain(void **state) {
    (void)state;
    char *const flags[] = {"gcc", "-O0"};
    compile_and_run("gcc_plain", flags, COUNT(flags), NULL);
}

static void gcc_optimised(void **state) {
    (void)state;
    char *const flags[] = {"gcc", "-O3"};
    compile_and_run("gcc_optimised", flags, COUNT(flags), NULL);
}

static void clang_optimised(void **state) {
    (void)state;
    char *const flags[] = {"clang", "-O3"};
    compile_and_run("clang_optimised", flags, COUNT(flags), NULL);
}

static void clang_sanitized(void **state) {
    (void)state;
    char *const flags[] = {"clang", "-O1", "-fsanitize=address,undefined",
                           "-fno-sanitize-recover=all"};
    compile_and_run("clang_sanitized", flags, COUNT(flags), NULL);
}

static void big_endian(void **state) {
    (void)state;
    char *const flags[] = {"powerpc-linux-gnu-gcc", "-O2", "-static"};
    compile_and_run("big_endian", flags, COUNT(flags), "qemu-ppc");
}

static int directory_fill(void **state) {
    (void)state;
    Arena *arena = arena_new();
    directory_own(place);
    write_program(arena, place);
    arena_free(arena);
    return 0;
}

static int directory_clear(void **state) {
    (void)state;
    if (!getenv("KEEP"))
        directory_remove(place);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcc_plain),       cmocka_unit_test(gcc_optimised),
        cmocka_unit_test(clang_optimised), cmocka_unit_test(clang_sanitized),
        cmocka_unit_test(big_endian),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, directory_fill, directory_clear);
}
