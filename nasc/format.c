/* nasc fmt: files in their canonical layout. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 24 };

/* Where a link leads: a file is replaced, never the link to it. */
static const char *real_path(Arena *arena, const char *path) {
    char *real = realpath(path, NULL);
    if (!real)
        return path;
    const char *copy = str_copy(arena, str_of(real)).at;
    free(real);
    return copy;
}

/* Replaces the text of a file that may be written, and no more of it than that. */
static bool format_write(const char *path, Str text, const char **why) {
    struct stat status;
    *why = "permission denied";
    if (access(path, W_OK) != 0 || stat(path, &status) != 0 || !file_write(path, text, why))
        return false;
    return chmod(path, status.st_mode & 07777) == 0;
}

static bool is_stdin(const char *path) {
    return !strcmp(path, "-");
}

/* The file's text, and how it should be; says what stops it. */
static bool format_read(Arena *arena, const char *path, Str *text, Str *formatted) {
    enum { SHOWN = 20 };
    const char *why;
    Str name = is_stdin(path) ? STR("standard input") : str_of(path);
    if (!file_read(arena, is_stdin(path) ? "/dev/stdin" : path, MAX_BYTES, text, &why)) {
        fprintf(stderr, "nasc: %.*s cannot be read: %s\n", STR_ARG(name), why);
        return false;
    }
    Diagnostics *diagnostics = diagnostics_new(arena);
    if (lang_format(arena, diagnostics, name, *text, formatted))
        return true;
    diagnostics_print(diagnostics, stderr, SHOWN);
    return false;
}

static int format_file(Arena *arena, const char *path, bool check) {
    const char *why;
    Str text, formatted;
    if (!format_read(arena, path, &text, &formatted))
        return EXIT_FILE;
    bool equal = str_equal(text, formatted);
    if (check) {
        if (!equal)
            printf("%s\n", path);
        return equal ? EXIT_DONE : EXIT_FILE;
    }
    if (is_stdin(path)) {
        fwrite(formatted.at, 1, (size_t)formatted.length, stdout);
        return EXIT_DONE;
    }
    if (equal || format_write(real_path(arena, path), formatted, &why))
        return EXIT_DONE;
    fprintf(stderr, "nasc: %s cannot be written: %s\n", path, why);
    return EXIT_ENVIRONMENT;
}

int format_command(Session *session) {
    int code = EXIT_DONE;
    for (int i = 0; i < session->options.file_count; i++) {
        Arena *arena = arena_new();
        int one = format_file(arena, session->options.files[i], session->options.check);
        code = one > code ? one : code;
        arena_free(arena);
    }
    return code;
}
