/* exits.c: how a run ends, by a message or by a signal.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <signal.h>
#include <unistd.h>

/* Ends at once, not through exit: other threads may still be at work on what exit would take
 * down. */
void die(ExitCode code, const char *format, ...) {
    progress_clear();
    fflush(stdout);
    fputs("nasc: ", stderr);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    _exit(code);
}

/* A signal belongs to the process, so its flag does too. */
static volatile sig_atomic_t signalled;

static void on_signal(int number) {
    (void)number;
    if (signalled)
        _exit(EXIT_INTERRUPTED);
    signalled = 1;
}

void interrupt_install(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is then a failing write */
}

bool interrupted(void) {
    return signalled != 0;
}
