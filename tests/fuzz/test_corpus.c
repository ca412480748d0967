/* The corpora of the fuzzers, executed once each: what was found stays found, on a machine without
 * clang too.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include "base/base.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

#define FOLDER "tests/fuzz/corpus/"

static void replay(const char *name, int (*input)(const uint8_t *bytes, size_t count)) {
    Arena *arena = arena_new();
    Str folder = str_format(arena, FOLDER "%s", name), bytes;
    DIR *files = opendir(folder.at);
    int count = 0;
    assert_non_null(files);
    for (struct dirent *entry; (entry = readdir(files));) {
        const char *path = path_join(arena, folder, str_of(entry->d_name)).at, *why;
        if (entry->d_name[0] == '.' || !file_read(arena, path, 1 << 20, &bytes, &why))
            continue;
        assert_int_equal(input((const uint8_t *)bytes.at, (size_t)bytes.length), 0);
        count++;
    }
    closedir(files);
    arena_free(arena);
    printf("# %s: %d inputs\n", name, count);
    assert_true(count > 20);
}

static void parser_corpus(void **state) {
    (void)state;
    replay("fuzz_parser", fuzz_parser);
}

static void lang_corpus(void **state) {
    (void)state;
    replay("fuzz_lang", fuzz_lang);
}

static void editor_corpus(void **state) {
    (void)state;
    replay("fuzz_editor", fuzz_editor);
}

static void elaborate_corpus(void **state) {
    (void)state;
    replay("fuzz_elaborate", fuzz_elaborate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parser_corpus),
        cmocka_unit_test(lang_corpus),
        cmocka_unit_test(editor_corpus),
        cmocka_unit_test(elaborate_corpus),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
