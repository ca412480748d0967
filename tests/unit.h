/* unit.h: what every unit test includes: cmocka with what it wants before it, and a way to see
 * how a run ends.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leaves a test that this machine cannot run, and says so. cmocka's own skip() prints "not ok",
 * which prove takes for a failure. */
#define LEAVE_UNLESS(possible, why)                                                            \
    do {                                                                                       \
        if (!(possible)) {                                                                     \
            printf("# %s is not tested here: %s\n", __func__, why);                            \
            return;                                                                            \
        }                                                                                      \
    } while (0)

/* Runs `body` in a process of its own, for what ends the run. Its standard error goes to
 * `said`, cut to `room`; returns its exit status, or 128 and the signal that ended it. A body
 * that returns exits with what it returned. */
static inline int run_apart(int (*body)(void *context), void *context, char *said,
                            size_t room) {
    int ends[2];
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]), close(ends[1]);
        int status = body(context);
        fflush(stderr);
        _exit(status);
    }
    close(ends[1]);
    size_t got = 0;
    char rest[256];
    for (ssize_t n; (n = got + 1 < room ? read(ends[0], said + got, room - 1 - got)
                                        : read(ends[0], rest, sizeof rest)) > 0;)
        got += got + 1 < room ? (size_t)n : 0;
    said[got] = '\0';
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A directory of the test's own, below TMPDIR; its name goes to `path`. */
static inline void directory_own(char path[256]) {
    const char *base = getenv("TMPDIR");
    snprintf(path, 256, "%s/nasc-test.XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void directory_remove(const char *path) {
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

#endif
