/* Broken files and what is said about them: each errors/NAME.nas has one mistake (several_*:
 * more), and NAME.err is what a person sees. UPDATE=1 writes the golden files anew. Files that
 * others use stand in errors/parts.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "lang/lang.h"

#include <dirent.h>
#include <unistd.h>

#define FOLDER "tests/lang/errors"

static Str read_whole(Arena *arena, const char *path) {
    Str text = {"", 0};
    const char *why;
    file_read(arena, path, 1 << 20, &text, &why);
    return text;
}

/* What check would print; names are shown without their folder, in which the test stands. */
static Str reported(Arena *arena, const char *name, int *errors) {
    Str text = read_whole(arena, name);
    Diagnostics *diagnostics = diagnostics_new(arena);
    spec_read_text(arena, diagnostics, str_of(name), text, (LangOptions){0});
    *errors = error_count(diagnostics);
    FILE *out = tmpfile();
    diagnostics_print(diagnostics, out, 0);
    long length = ftell(out);
    rewind(out);
    char *bytes = arena_alloc(arena, (size_t)length + 1);
    size_t got = fread(bytes, 1, (size_t)length, out);
    fclose(out);
    return (Str){bytes, (int)got};
}

/* Compares with the golden file, or writes it. */
static bool agrees(Arena *arena, const char *name, Str said) {
    const char *why;
    Str stem = path_stem(str_of(name));
    const char *golden = str_format(arena, "%.*s.err", STR_ARG(stem)).at;
    if (getenv("UPDATE"))
        return file_write(golden, said, &why);
    if (str_equal(read_whole(arena, golden), said))
        return true;
    printf("# %s: this is said now:\n%.*s", name, STR_ARG(said));
    return false;
}

static bool is_several(const char *name) {
    return strncmp(name, "several_", 8) == 0;
}

/* A file of one mistake gets one error, so nothing is reported that follows from another. */
static bool counts(const char *name, int errors) {
    bool right = is_several(name) ? errors > 1 : errors == 1;
    if (!right)
        printf("# %s: %d errors\n", name, errors);
    return right;
}

static void goldens_agree(void **state) {
    (void)state;
    assert_int_equal(chdir(FOLDER), 0);
    DIR *folder = opendir(".");
    assert_non_null(folder);
    int single = 0, several = 0, wrong = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!str_ends(str_of(entry->d_name), STR(".nas")))
            continue;
        Arena *arena = arena_new();
        int errors;
        Str said = reported(arena, entry->d_name, &errors);
        wrong += !agrees(arena, entry->d_name, said) || !counts(entry->d_name, errors);
        *(is_several(entry->d_name) ? &several : &single) += 1;
        arena_free(arena);
    }
    closedir(folder);
    assert_int_equal(wrong, 0);
    printf("# %d files of one mistake, %d of several\n", single, several);
    assert_true(single >= 150 && several >= 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(goldens_agree)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
