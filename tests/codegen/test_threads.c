/* Programs whose large steps are split into parts: the same results as whole, by the kernel
 * interpreter and as emitted C, in one thread and in several, which a sanitizer watches.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/codegen/random_model.h"
#include "tests/unit.h"

enum { MODELS = 8, LAYERS = 8, PARTS = 3, VECTORS = 3 };

static char place[256]; /* the directory of the emitted files */

static Program built(Arena *arena, const Model *model, int threads) {
    Program program;
    Span span;
    Str why = STR("");
    BuildOptions options = {.stream = STREAM_NEVER, .threads = threads, .part_work = 1};
    if (!program_build_with(arena, model, NULL, &options, &program, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    if (program_check(&program))
        fail_msg("%s", program_check(&program));
    return program;
}

static int parts_of(const Program *program) {
    int parts = 0;
    for (int i = 0; i < program->count; i++)
        parts += program->steps[i].parts > 0;
    return parts;
}

static void input_fill(uint8_t *input, int64_t bytes, uint64_t seed, int vector) {
    for (int64_t i = 0; i < bytes; i++)
        input[i] = (uint8_t)random_bits(seed, (uint64_t)vector, (uint64_t)i);
}

static void run_program(Arena *arena, const Program *program, const uint8_t *in, uint8_t *out) {
    Str why;
    if (!program_run(arena, program, in, out, &why))
        fail_msg("%.*s", STR_ARG(why));
}

/* Whole and split by the interpreter; returns the split one and its vectors. */
static Program compared(Arena *arena, const Model *model, uint64_t seed, uint8_t **in,
                        uint8_t **out) {
    Program whole = built(arena, model, 1), split = built(arena, model, PARTS);
    int64_t in_bytes = tensor_bytes(whole.in_shape, whole.in_format);
    int64_t out_bytes = tensor_bytes(whole.out_shape, whole.out_format);
    *in = arena_alloc(arena, (size_t)(in_bytes * VECTORS));
    *out = arena_alloc(arena, (size_t)(out_bytes * VECTORS));
    uint8_t *other = arena_alloc(arena, (size_t)out_bytes);
    for (int v = 0; v < VECTORS; v++) {
        input_fill(*in + v * in_bytes, in_bytes, seed, v);
        run_program(arena, &split, *in + v * in_bytes, *out + v * out_bytes);
        run_program(arena, &whole, *in + v * in_bytes, other);
        assert_memory_equal(*out + v * out_bytes, other, (size_t)out_bytes);
    }
    return split;
}

static const char driver[] =
    "#define TRY(name, NAME)                                                           \\\n"
    "    do {                                                                          \\\n"
    "        static uint64_t arena[NAME##_ARENA_BYTES / 8 + 9], other[NAME##_ARENA_BYTES / 8 + "
    "9];\\\n"
    "        unsigned char *at = (unsigned char *)arena, *to = (unsigned char *)other; \\\n"
    "        static union { uint8_t b[NAME##_INPUT_BYTES]; int16_t w; } in;            \\\n"
    "        static union { uint8_t b[NAME##_OUTPUT_BYTES]; int16_t w; } one, more;    \\\n"
    "        int i, t;                                                                 \\\n"
    "        while ((uintptr_t)at % NAME##_ARENA_ALIGNMENT) at++;                      \\\n"
    "        while ((uintptr_t)to % NAME##_ARENA_ALIGNMENT) to++;                      \\\n"
    "        for (t = 0; t < 20; t++) {                                                \\\n"
    "            for (i = 0; i < NAME##_INPUT_BYTES; i++) in.b[i] = (uint8_t)(7 * t + i * "
    "i);\\\n"
    "            name##_run((void *)in.b, (void *)one.b, at);                          \\\n"
    "            name##_run_parallel((void *)in.b, (void *)more.b, to, threads_for, "
    "threads);\\\n"
    "            if (memcmp(one.b, more.b, sizeof one.b)) faults++;                    \\\n"
    "        }                                                                         \\\n"
    "        faults += name##_self_test(at);                                           \\\n"
    "    } while (0)\n";

static void files_write(Arena *arena, int *parts) {
    Text all = text_new(arena), calls = text_new(arena);
    for (uint64_t seed = 1; seed <= MODELS; seed++) {
        Model model = random_model(arena, seed, LAYERS);
        uint8_t *in, *out;
        Program program = compared(arena, &model, seed, &in, &out);
        *parts += parts_of(&program);
        EmitOptions options = {.prefix = model.name,
                               .comment = STR("random"),
                               .vectors = VECTORS,
                               .vector_in = in,
                               .vector_out = out,
                               .input_scale = 1,
                               .parallel = true};
        int count;
        EmitFile *files = emit_c(arena, &program, &options, &count);
        for (int i = 0; i < count; i++) {
            const char *why;
            assert_true(file_write(path_join(arena, str_of(place), files[i].name).at,
                                   files[i].text, &why));
            if (str_ends(files[i].name, STR(".c")))
                text_add(&all, "#include \"%.*s\"\n", STR_ARG(files[i].name));
        }
        text_add(&calls, "    TRY(m%d, M%d);\n", (int)seed, (int)seed);
    }
    text_add(&all,
             "#include <string.h>\n#include \"threads.h\"\n%s"
             "int main(void)\n{\n    int faults = 0;\n    Threads *threads = threads_new(%d);\n"
             "    if (!threads) return 2;\n%s    threads_free(threads);\n"
             "    return faults != 0;\n}\n",
             driver, PARTS, calls.at);
    const char *why;
    assert_true(
        file_write(path_join(arena, str_of(place), STR("all.c")).at, text_str(&all), &why));
}

static void must_run(Arena *arena, char *const argv[]) {
    Str output, errors = {0};
    const char *why = "";
    int status = command_run(arena, argv, 300, &output, &errors, &why);
    if (status != 0)
        fail_msg("%s: %d %s\n%.4000s", argv[0], status, why ? why : "",
                 errors.length ? errors.at : "");
}

static void compile_and_run(Arena *arena, char *const flags[], int count) {
    char *binary = (char *)path_join(arena, str_of(place), STR("all")).at;
    char *argv[24] = {"gcc",
                      "-std=gnu99",
                      "-Wall",
                      "-Wextra",
                      "-Werror",
                      "-Iruntime",
                      "-pthread",
                      "-o",
                      binary,
                      (char *)path_join(arena, str_of(place), STR("all.c")).at,
                      "runtime/threads.c"};
    int n = 11;
    for (int i = 0; i < count; i++)
        argv[n++] = flags[i];
    must_run(arena, argv);
    char *run[] = {binary, NULL};
    must_run(arena, run);
}

static void test_parts(void **state) {
    (void)state;
    Arena *arena = arena_new();
    int parts = 0;
    directory_own(place);
    files_write(arena, &parts);
    assert_true(parts >= MODELS); /* random, but the same in each run */
    char *const plain[] = {"-O1", "-march=native"};
    compile_and_run(arena, plain, COUNT(plain));
    char *const watched[] = {"-O1", "-g", "-march=native", "-fsanitize=thread"};
    compile_and_run(arena, watched, COUNT(watched));
    if (!getenv("KEEP"))
        directory_remove(place);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
