/* The emitted files as their users meet them: names, determinism, self-test, report, C++, what
 * stays whole in comments and strings, and what measuring gets.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"
#include "tests/device/nets.h"
#include "tests/unit.h"

#include <jansson.h>

enum { VECTORS = 3 };

/* A classifier with packed weights of several widths, a residual and a fused activation. */
static Net classifier(Arena *arena) {
    Maker maker = net_begin(arena, 12, 12, 1, FORMAT_U8);
    int x = net_window(&maker, OP_CONV, 0, 8, 3, 2, FORMAT_I8, FORMAT_I8);
    x = net_unary(&maker, OP_RELU, x);
    int y = net_window(&maker, OP_CONV, x, 16, 1, 1, FORMAT_I4, FORMAT_I8);
    y = net_window(&maker, OP_DEPTHWISE, y, 0, 3, 1, FORMAT_I2, FORMAT_I8);
    y = net_window(&maker, OP_CONV, y, 8, 1, 1, FORMAT_I5, FORMAT_I8);
    x = net_unary(&maker, OP_GLOBAL_AVERAGE, net_binary(&maker, OP_ADD, x, y, FORMAT_I8));
    net_dense(&maker, x, 5, FORMAT_I8, FORMAT_I8);
    return net_end(&maker);
}

typedef struct Built {
    Net net;
    Model model;
    Program program;
    uint8_t *in, *out;
} Built;

static Built *built_of(Arena *arena) {
    Built *built = arena_new_of(arena, Built);
    Span span;
    Str why = STR("");
    built->net = classifier(arena);
    FloatModel weights = net_weights(arena, &built->net, 3);
    if (!model_quantise(arena, &weights, &built->model, &span, &why) ||
        !program_build_isa(arena, &built->model, NULL, isa_named(STR("armv7e-m")),
                           &built->program, &span, &why))
        fail_msg("%.*s", STR_ARG(why));
    built->in = arena_array(arena, uint8_t, VECTORS * 144);
    built->out = arena_array(arena, uint8_t, VECTORS * 5);
    for (int v = 0; v < VECTORS; v++) {
        int32_t *tensors[32];
        for (int i = 0; i < 144; i++)
            built->in[144 * v + i] = (uint8_t)random_bits(5, (uint64_t)v, (uint64_t)i);
        model_run(arena, &built->model, built->in + 144 * v, tensors);
        for (int i = 0; i < 5; i++)
            built->out[5 * v + i] = (uint8_t)tensors[built->model.output][i];
    }
    return built;
}

static const Str labels[] = {
    {"a \"b\"", 5}, {"\\", 1}, {"caf\303\251", 5}, {"?\?/", 3}, {"e", 1}};

static EmitFile *emitted(Arena *arena, const Built *built, int *count) {
    EmitOptions options = {.prefix = STR("tiny"),
                           .comment = STR("made by a test\nwith a trap: */ int x; /* here"),
                           .labels = labels,
                           .label_count = COUNT(labels),
                           .input_scale = 1.0 / 64,
                           .input_zero = 73,
                           .vectors = VECTORS,
                           .vector_in = built->in,
                           .vector_out = built->out,
                           .facts = STR("\"accuracy\": 0.9")};
    return emit_c(arena, &built->program, &options, count);
}

static const EmitFile *file_named(const EmitFile *files, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (str_equal(files[i].name, str_of(name)))
            return &files[i];
    fail_msg("no %s", name);
    return NULL;
}

static void write_text(Arena *arena, const char *directory, const char *name, Str text) {
    const char *why;
    assert_true(file_write(path_join(arena, str_of(directory), str_of(name)).at, text, &why));
}

static void write_all(Arena *arena, const char *directory, const EmitFile *files, int count) {
    for (int i = 0; i < count; i++)
        write_text(arena, directory, files[i].name.at, files[i].text);
}

/* Runs a shell command in a directory; its output, if the status is as expected. */
static Str shell(Arena *arena, const char *directory, int status, const char *command) {
    Str line = str_format(arena, "cd '%s' && { %s; } 2>&1", directory, command), output, errors;
    char *argv[] = {"sh", "-c", (char *)line.at, NULL};
    const char *why;
    int got = command_run(arena, argv, 100, &output, &errors, &why);
    if (got != status)
        fail_msg("%s: status %d\n%.*s", command, got, STR_ARG(output));
    return output;
}

#define STRICT                                                                                 \
    "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror "

static void files_have_their_names_and_repeat(void **state) {
    (void)state;
    static const char *const names[] = {"tiny.c",      "tiny.h",           "tiny_weights.c",
                                        "tiny_test.c", "tiny_report.json", "tiny.cmake"};
    Arena *arena = arena_new();
    int first, second;
    EmitFile *a = emitted(arena, built_of(arena), &first);
    EmitFile *b = emitted(arena, built_of(arena), &second);
    assert_int_equal(first, COUNT(names));
    assert_int_equal(second, first);
    for (int i = 0; i < first; i++) {
        assert_string_equal(file_named(a, first, names[i])->name.at, names[i]);
        assert_true(str_equal(a[i].text, b[i].text));
        assert_non_null(strstr(a[i].text.at, i == 4 ? "\"arena_bytes\"" : "0BSD"));
    }
    arena_free(arena);
}

static void the_self_test_passes_and_fails_as_it_should(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char place[256];
    int count;
    directory_own(place);
    Built *built = built_of(arena);
    EmitFile *files = emitted(arena, built, &count);
    write_all(arena, place, files, count);
    Str said =
        shell(arena, place, 0,
              "cc " STRICT "-DTINY_TEST_MAIN -o t tiny.c tiny_weights.c tiny_test.c && ./t");
    assert_true(str_equal(said, STR("tiny: 3 of 3 vectors equal\n")));
    built->out[7] ^= 1;
    files = emitted(arena, built, &count);
    write_all(arena, place, files, count);
    said = shell(arena, place, 1,
                 "cc " STRICT "-DTINY_TEST_MAIN -o t tiny.c tiny_weights.c tiny_test.c && ./t");
    assert_true(str_equal(said, STR("tiny: 2 of 3 vectors equal\n")));
    directory_remove(place);
    arena_free(arena);
}

/* Nothing outside the three files is called: no library at all. */
static void the_code_is_freestanding(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char place[256];
    int count;
    directory_own(place);
    EmitFile *files = emitted(arena, built_of(arena), &count);
    write_all(arena, place, files, count);
    Str undefined =
        shell(arena, place, 0,
              "for o in -O0 -O2 -O3 -Os; do "
              "cc " STRICT "-ffreestanding -fno-pie $o -c tiny.c tiny_weights.c tiny_test.c && "
              "ld -r -o all.o tiny.o tiny_weights.o tiny_test.o && nm -u all.o; done");
    assert_int_equal(undefined.length, 0);
    Str mutable = shell(arena, place, 0, "nm all.o | grep ' [bBdDC] ' || true");
    assert_int_equal(mutable.length, 0);
    Str foreign =
        shell(arena, place, 0, "nm all.o | grep -v ' tiny_' | grep ' [TDRBVW] ' || true");
    assert_int_equal(foreign.length, 0);
    directory_remove(place);
    arena_free(arena);
}

static void constants_go_where_the_macro_says(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char place[256];
    int count;
    directory_own(place);
    EmitFile *files = emitted(arena, built_of(arena), &count);
    write_all(arena, place, files, count);
    Str said =
        shell(arena, place, 0,
              "cc " STRICT "'-DTINY_WEIGHTS_SECTION=__attribute__((section(\".slow\")))' "
              "-c tiny_weights.c && nm tiny_weights.o | wc -l && "
              "objdump -t tiny_weights.o | grep -c ' O .slow'");
    assert_string_equal(str_terminated(arena, said), "11\n11\n");
    directory_remove(place);
    arena_free(arena);
}

static void prefixes_begin_names(void **state) {
    (void)state;
    assert_null(prefix_fault(STR("tiny_2")));
    assert_null(prefix_fault(STR("")));
    assert_non_null(prefix_fault(STR("2tiny")));
    assert_non_null(prefix_fault(STR("my net")));
    assert_non_null(prefix_fault(STR("../tiny")));
    assert_non_null(prefix_fault(STR("caf\303\251")));
}

static const char cpp_user[] =
    "#include \"tiny.h\"\n#include \"tiny.h\"\n#include <stdio.h>\n"
    "static const char *const names[TINY_CLASSES] = TINY_CLASS_NAMES;\n"
    "int main() {\n"
    "    static unsigned char arena[TINY_ARENA_BYTES] "
    "__attribute__((aligned(TINY_ARENA_ALIGNMENT)));\n"
    "    uint8_t input[TINY_INPUT_BYTES] = {0};\n"
    "    int8_t output[TINY_OUTPUT_ELEMENTS];\n"
    "    for (int i = 0; i < TINY_CLASSES; i++) puts(names[i]);\n"
    "    printf(\"%d %g\\n\", TINY_INPUT_ZERO, TINY_INPUT_SCALE);\n"
    "    return tiny_run(input, output, arena);\n"
    "}\n";

static void the_header_serves_cpp(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char place[256];
    int count;
    directory_own(place);
    EmitFile *files = emitted(arena, built_of(arena), &count);
    write_all(arena, place, files, count);
    write_text(arena, place, "user.cc", str_of(cpp_user));
    LEAVE_UNLESS(system("command -v c++ >/dev/null") == 0, "there is no c++");
    Str said =
        shell(arena, place, 0,
              "cc " STRICT "-c tiny.c tiny_weights.c && "
              "c++ -Wall -Wextra -Werror -pedantic user.cc tiny.o tiny_weights.o && ./a.out");
    assert_string_equal(str_terminated(arena, said),
                        "a \"b\"\n\\\ncaf\303\251\n?\?/\ne\n73 0.015625\n");
    directory_remove(place);
    arena_free(arena);
}

static void the_report_is_json_and_true(void **state) {
    (void)state;
    Arena *arena = arena_new();
    int count;
    Built *built = built_of(arena);
    EmitFile *files = emitted(arena, built, &count);
    json_t *report = json_loads(file_named(files, count, "tiny_report.json")->text.at, 0, NULL);
    assert_non_null(report);
    assert_int_equal(json_integer_value(json_object_get(report, "arena_bytes")),
                     built->program.arena_bytes);
    assert_true(json_real_value(json_object_get(report, "accuracy")) == 0.9);
    json_t *steps = json_object_get(report, "steps");
    assert_int_equal(json_array_size(steps), built->program.count);
    int64_t most = 0;
    for (int i = 0; i < built->program.count; i++)
        most = max_i64(most, json_integer_value(json_object_get(
                                 json_array_get(steps, (size_t)i), "live_bytes")));
    assert_int_equal(most, built->program.bound_bytes);
    json_decref(report);
    arena_free(arena);
}

static const char steps_user[] =
    "#include \"steps.c\"\n"
    "static uint64_t arena[(P_STEPS_ARENA_BYTES + 7) / 8] __attribute__((aligned(64)));\n"
    "int main(void) {\n"
    "    p_step_0((uint8_t *)arena); p_step_1((uint8_t *)arena); p_step_2((uint8_t *)arena);\n"
    "    p_step_3((uint8_t *)arena); p_step_4((uint8_t *)arena); p_step_5((uint8_t *)arena);\n"
    "    return 0;\n"
    "}\n";

static void measuring_gets_steps_and_kernels(void **state) {
    (void)state;
    Arena *arena = arena_new();
    char place[256];
    directory_own(place);
    Built *built = built_of(arena);
    assert_int_equal(built->program.count, 6);
    write_text(arena, place, "steps.c",
               emit_c_steps(arena, STR("p"), built->program.isa, built->program.steps,
                            built->program.count));
    write_text(arena, place, "user.c", str_of(steps_user));
    shell(arena, place, 0, "cc " STRICT "-g -fsanitize=address,undefined user.c && ./a.out");
    for (int k = 0; k < built->program.routine_count; k++) {
        write_text(
            arena, place, "k.c",
            emit_c_kernel(arena, STR("p"), built->program.isa, built->program.routines[k]));
        Str defined =
            shell(arena, place, 0, "cc -O2 -c k.c && nm -g --defined-only k.o | wc -l");
        assert_string_equal(str_terminated(arena, defined), "1\n");
    }
    directory_remove(place);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_have_their_names_and_repeat),
        cmocka_unit_test(the_self_test_passes_and_fails_as_it_should),
        cmocka_unit_test(the_code_is_freestanding),
        cmocka_unit_test(constants_go_where_the_macro_says),
        cmocka_unit_test(prefixes_begin_names),
        cmocka_unit_test(the_header_serves_cpp),
        cmocka_unit_test(the_report_is_json_and_true),
        cmocka_unit_test(measuring_gets_steps_and_kernels),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
