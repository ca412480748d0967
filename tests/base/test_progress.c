/* test_progress.c: what long work says where nobody watches, and on a terminal.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/base.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

static int work(void *quiet) {
    progress_quiet(quiet != NULL);
    progress_begin("training", 100, "images");
    for (int i = 0; i <= 100; i++)
        progress_to(i, "loss %.2f", 1.0 / (i + 1));
    progress_end("trained on %d images", 100);
    return 0;
}

static void plain_and_quiet(void **state) {
    (void)state;
    char said[500];
    assert_int_equal(run_apart(work, NULL, said, sizeof said), 0);
    assert_string_equal(said, "trained on 100 images\n");
    assert_int_equal(run_apart(work, said, said, sizeof said), 0);
    assert_string_equal(said, "");
}

static int work_on_terminal(void *name) {
    int terminal = open(name, O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_row = 24, .ws_col = 40};
    ioctl(terminal, TIOCSWINSZ, &size);
    dup2(terminal, STDERR_FILENO);
    setenv("TERM", "xterm", 1);
    progress_begin("training", 100, "images");
    usleep(150000);
    progress_to(50, "a note that is far too long for the terminal to show");
    die(EXIT_ENVIRONMENT, "the end");
}

/* A terminal hands over what was written in pieces, each when it gets round to it. */
static void read_until(int terminal, char *seen, size_t room, const char *end) {
    size_t length = 0;
    struct pollfd wait = {.fd = terminal, .events = POLLIN};
    seen[0] = '\0';
    while (!strstr(seen, end) && length + 1 < room && poll(&wait, 1, 10000) > 0) {
        ssize_t got = read(terminal, seen + length, room - 1 - length);
        if (got <= 0)
            break;
        length += (size_t)got;
        seen[length] = '\0';
    }
}

/* The bar fits its terminal, and is wiped before a message. */
static void a_bar_on_a_terminal(void **state) {
    (void)state;
    char seen[2000], unused[10];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    bool made = terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0;
    LEAVE_UNLESS(made && access(ptsname(terminal), R_OK | W_OK) == 0, "there are no terminals");
    int kept = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_int_equal(run_apart(work_on_terminal, ptsname(terminal), unused, sizeof unused),
                     EXIT_ENVIRONMENT);
    read_until(terminal, seen, sizeof seen, "the end");
    close(kept), close(terminal);
    assert_non_null(strstr(seen, "training [........"));
    const char *bar = strstr(seen, "training [############............]");
    assert_non_null(bar);
    const char *message = strstr(bar, "\r\33[Knasc: the end");
    assert_non_null(message);
    assert_in_range(message - bar, 36, 39);
}

int main(void) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_quiet),
        cmocka_unit_test(a_bar_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
