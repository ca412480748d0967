/* Well-formed files and the spaces that they mean: spaces/NAME.nas and what is printed of it in
 * NAME.space. UPDATE=1 writes the golden files anew.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/lang.h"

#include <dirent.h>

#define FOLDER "tests/lang/spaces/"

static Spec *read_right(Arena *arena, const char *path) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read(arena, diagnostics, path, (LangOptions){0});
    if (error_count(diagnostics))
        diagnostics_print(diagnostics, stdout, 0);
    assert_int_equal(error_count(diagnostics), 0);
    return spec;
}

static Str shown(Arena *arena, const char *path) {
    Text text = text_new(arena);
    Spec *spec = read_right(arena, path);
    for (int i = 0; spec_network(spec, i).length; i++) {
        const Space *space = spec_space(spec, spec_network(spec, i), (Str){"", 0});
        assert_non_null(space);
        assert_null(space_check(space));
        space_print(space, &text);
    }
    return text_str(&text);
}

static bool agrees(Arena *arena, const char *name) {
    const char *why;
    Str stem = path_stem(str_of(name)), golden = {"", 0};
    Str now = shown(arena, str_format(arena, FOLDER "%s", name).at);
    const char *path = str_format(arena, FOLDER "%.*s.space", STR_ARG(stem)).at;
    if (getenv("UPDATE"))
        return file_write(path, now, &why);
    file_read(arena, path, 1 << 20, &golden, &why);
    if (str_equal(golden, now))
        return true;
    printf("# %s: this is elaborated now:\n%.*s", name, STR_ARG(now));
    return false;
}

static void goldens_agree(void **state) {
    (void)state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    int wrong = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!str_ends(str_of(entry->d_name), STR(".nas")))
            continue;
        Arena *arena = arena_new();
        wrong += !agrees(arena, entry->d_name);
        arena_free(arena);
    }
    closedir(folder);
    assert_int_equal(wrong, 0);
}

/* The example that ships says what was first wished for. */
static void example_is_the_wish(void **state) {
    (void)state;
    Arena *arena = arena_new();
    assert_true(str_equal(shown(arena, FOLDER "fashion.nas"),
                          shown(arena, "examples/fashion/fashion.nas")));
    arena_free(arena);
}

static double number(const SpecValue *value) {
    assert_non_null(value);
    return rational_double(value->number);
}

/* A child declaration has its base's keys but for those that it gives, and those it adds to. */
static void children_inherit(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Str text = STR("use \"examples/fashion/fashion.nas\"\n"
                   "search small : frontier {\n"
                   "    require: + latency <= 5 ms\n"
                   "    train: supernet(epochs: 2, rate: cosine(0.05)), tune(epochs: 4)\n"
                   "    judge: images(1000)\n"
                   "}\n"
                   "emit firmware { from: small.cheapest(within: 1 %) }\n");
    Spec *spec = spec_read_text(arena, diagnostics, STR("small.nas"), text, (LangOptions){0});
    assert_int_equal(error_count(diagnostics), 0);
    const Decl *search = spec_root_decl(spec, DECL_SEARCH, 0);
    assert_non_null(search);
    assert_null(spec_root_decl(spec, DECL_SEARCH, 1));
    assert_true(str_equal(search->name, STR("small")));
    assert_true(str_equal(decl_value(search, "network")->text, STR("tiny")));
    const SpecEntry *limits = decl_entry(search, "require");
    assert_int_equal(limits->count, 4);
    assert_true(str_equal(limits->values[3].items[0].value.text, STR("latency")));
    const SpecEntry *train = decl_entry(search, "train");
    assert_int_equal(train->count, 2);
    assert_int_equal(number(call_argument(&train->values[0], "epochs", 0)), 2);
    const SpecValue *rate = call_argument(&train->values[0], "rate", -1);
    assert_true(number(call_argument(rate, "peak", 0)) == 0.05);
    assert_null(call_argument(&train->values[1], "batch", -1));
    assert_int_equal(number(call_argument(decl_value(search, "judge"), "count", 0)), 1000);
    assert_int_equal(number(decl_value(search, "seed")), 1);
    const SpecValue *from = decl_value(spec_root_decl(spec, DECL_EMIT, 0), "from");
    assert_true(from->type == SPEC_CALL && str_equal(from->text, STR("small.cheapest")));
    assert_true(number(call_argument(from, "within", 0)) == 0.01);
    arena_free(arena);
}

/* The demo reads, and asks for one search and one emission. */
static void demo_is_right(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Spec *spec = read_right(arena, "examples/fashion/demo.nas");
    assert_non_null(spec_root_decl(spec, DECL_SEARCH, 0));
    assert_non_null(spec_root_decl(spec, DECL_EMIT, 0));
    arena_free(arena);
}

static void limits_have_units(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Spec *spec = read_right(arena, "examples/fashion/fashion.nas");
    const SpecEntry *limits = decl_entry(spec_root_decl(spec, DECL_SEARCH, 0), "require");
    const SpecValue *ram = &limits->values[0], *retention = &limits->values[2];
    assert_int_equal(ram->type, SPEC_COMPARE);
    assert_true(str_equal(ram->text, STR("<=")));
    assert_int_equal(number(&ram->items[1].value), 16384);
    assert_int_equal(ram->items[1].value.dimension, DIMENSION_BYTES);
    assert_true(str_equal(retention->text, STR(">=")));
    assert_true(retention->items[1].value.number.n == 97 &&
                retention->items[1].value.number.d == 100);
    arena_free(arena);
}

static void library_gives_facts(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Spec *spec = read_right(arena, "examples/fashion/fashion.nas");
    Task task;
    Target target;
    assert_true(spec_task(spec, spec_decl(spec, DECL_TASK, STR("fashion")), arena, &task));
    assert_int_equal(task.classes, 10);
    assert_true(str_equal(task.labels[9], STR("Ankle boot")));
    assert_true(task.validate_share.n == 1 && task.validate_share.d == 10);
    assert_true(task.mean == 0.2860 && task.deviation == 0.3530);
    assert_true(task.flip && task.shift == 2 && task.erase == 0);
    assert_true(str_ends(task.test.labels, STR("fashion-mnist/t10k-labels-idx1-ubyte.gz")));
    assert_true(
        spec_target(spec, spec_decl(spec, DECL_DEVICE, STR("cortex_m4")), arena, &target));
    assert_true(target.clock_hz == 120e6 && target.flash_bytes == 1 << 20);
    assert_int_equal(target.ram_bytes, 320 << 10);
    assert_int_equal(target.measure, MEASURE_INSTRUCTIONS);
    assert_true(target.weight_formats >> FORMAT_I2 & 1);
    assert_false(target.activation_formats >> FORMAT_I2 & 1);
    assert_true(spec_target(spec, spec_decl(spec, DECL_DEVICE, STR("host")), arena, &target));
    assert_true(str_equal(target.isa, STR("native")) && target.flash_bytes == 0);
    arena_free(arena);
}

/* A folder given with the options goes before the embedded library. */
static void library_can_be_replaced(void **state) {
    (void)state;
    char folder[256];
    const char *why;
    directory_own(folder);
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    assert_true(directory_make(str_format(arena, "%s/std", folder).at, &why));
    assert_true(file_write(str_format(arena, "%s/std/mobile.nas", folder).at,
                           STR("block mbconv(x, n) { return x |> dense(n) }\n"), &why));
    Str text = STR("use std/mobile\n"
                   "network n(image: [28, 28, 1]) -> [10] { return image |> mbconv(10) }\n");
    Spec *spec = spec_read_text(arena, diagnostics, STR("n.nas"), text,
                                (LangOptions){.std_path = folder});
    assert_int_equal(error_count(diagnostics), 0);
    assert_int_equal(spec_space(spec, STR("n"), (Str){"", 0})->ops.count, 2);
    arena_free(arena);
    directory_remove(folder);
}

static Str decls_shown(Arena *arena, const Spec *spec, bool defaults) {
    static const char mark[] = "  // default\n";
    Text text = text_new(arena), plain = text_new(arena);
    for (int kind = 0; kind < DECL_EMIT; kind++) {
        int count;
        const Str *names = spec_names(spec, (DeclKind)kind, &count);
        for (int i = 0; i < count && kind != DECL_SEARCH; i++)
            decl_print(spec_decl(spec, (DeclKind)kind, names[i]), &text);
    }
    for (int i = 0; i < text.length; i++)
        if (!defaults && strncmp(text.at + i, mark, strlen(mark)) == 0)
            i += (int)strlen(mark) - 2;
        else
            text_add(&plain, "%c", text.at[i]);
    return text_str(&plain);
}

/* A printed declaration is .nas that says the same. */
static void printed_declarations_read_back(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = read_right(arena, "examples/fashion/fashion.nas");
    Str once = decls_shown(arena, spec, true);
    Spec *back = spec_read_text(arena, diagnostics, STR("back.nas"), once, (LangOptions){0});
    if (error_count(diagnostics))
        diagnostics_print(diagnostics, stdout, 0);
    assert_int_equal(error_count(diagnostics), 0);
    assert_true(once.length > 1000);
    assert_true(str_equal(decls_shown(arena, back, true), decls_shown(arena, spec, false)));
    arena_free(arena);
}

static void help_knows_every_key(void **state) {
    (void)state;
    static const char *const topics[] = {"search",   "device", "task",     "emit",
                                         "conv",     "choice", "supernet", "accuracy",
                                         "strategy", "network"};
    Arena *arena = arena_new();
    Str nearest = {"", 0};
    for (int i = 0; i < COUNT(topics); i++) {
        Text text = text_new(arena);
        assert_true(lang_help(str_of(topics[i]), &text, &nearest));
        assert_true(text.length > 20);
    }
    Text text = text_new(arena);
    assert_false(lang_help(STR("serach"), &text, &nearest));
    assert_true(str_equal(nearest, STR("search")));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens_agree),
        cmocka_unit_test(example_is_the_wish),
        cmocka_unit_test(children_inherit),
        cmocka_unit_test(demo_is_right),
        cmocka_unit_test(limits_have_units),
        cmocka_unit_test(library_gives_facts),
        cmocka_unit_test(library_can_be_replaced),
        cmocka_unit_test(help_knows_every_key),
        cmocka_unit_test(printed_declarations_read_back),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
