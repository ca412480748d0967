/* progress.c: long work, seen: a bar on a terminal, a line now and then elsewhere.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { NOTE_BYTES = 160, BAR_CELLS = 24 };
#define TERMINAL_PERIOD 0.1
#define PLAIN_PERIOD 10.0

/* There is one stderr, and so one bar. */
static struct {
    bool quiet, active, terminal, drawn;
    const char *title, *unit;
    int64_t total, done;
    double began, shown;
    char note[NOTE_BYTES];
} bar;

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void progress_quiet(bool quiet) {
    bar.quiet = quiet;
}

void progress_clear(void) {
    if (bar.drawn)
        fputs("\r\33[K", stderr);
    bar.drawn = false;
}

/* "7 s", "3:05", "1:02:09". */
static const char *time_print(char out[24], double seconds) {
    long s = seconds < 1e9 ? (long)(seconds + 0.5) : 999999999;
    if (s < 60)
        snprintf(out, 24, "%ld s", s);
    else if (s < 3600)
        snprintf(out, 24, "%ld:%02ld", s / 60, s % 60);
    else
        snprintf(out, 24, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    return out;
}

/* "1,234 images/s, 0:12 left", as far as the numbers are known. */
static void rate_print(char *out, size_t room, double elapsed) {
    char left[24];
    double rate = elapsed > 0 ? (double)bar.done / elapsed : 0;
    if (rate <= 0) {
        snprintf(out, room, "%s", "");
        return;
    }
    int digits = rate < 10 ? 2 : rate < 100 ? 1 : 0;
    time_print(left, (double)(bar.total - bar.done) / rate);
    snprintf(out, room, ", %.*f %s/s, %s left", digits, rate, bar.unit, left);
}

static int terminal_width(void) {
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

/* One line, cut to the width of the terminal: a wrapped bar could not be wiped. Cut between
 * code points, of which every one is taken to be a column wide. */
static void draw(const char *line) {
    int columns = terminal_width() - 1, length = 0;
    for (; line[length] && (columns > 0 || (line[length] & 0xc0) == 0x80); length++)
        columns -= (line[length + 1] & 0xc0) != 0x80;
    fprintf(stderr, "\r\33[K%.*s", length, line);
    fflush(stderr);
    bar.drawn = true;
}

static void show(double now) {
    char line[512], rate[96], cells[BAR_CELLS + 1];
    double share = bar.total > 0 ? (double)bar.done / (double)bar.total : 0;
    rate_print(rate, sizeof rate, now - bar.began);
    if (bar.terminal) {
        int filled = (int)(share * BAR_CELLS);
        for (int i = 0; i < BAR_CELLS; i++)
            cells[i] = i < filled ? '#' : '.';
        cells[BAR_CELLS] = '\0';
        snprintf(line, sizeof line, "%s [%s] %3d %%%s%s%s", bar.title, cells,
                 (int)(share * 100), rate, *bar.note ? " · " : "", bar.note);
        draw(line);
    } else {
        fprintf(stderr, "%s: %lld of %lld %s%s%s%s\n", bar.title, (long long)bar.done,
                (long long)bar.total, bar.unit, rate, *bar.note ? "; " : "", bar.note);
    }
    bar.shown = now;
}

void progress_begin(const char *title, int64_t total, const char *unit) {
    const char *kind = getenv("TERM");
    double now = clock_seconds();
    bar.terminal = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
    bar.active = true;
    bar.title = title, bar.unit = unit;
    bar.total = total, bar.done = 0;
    bar.note[0] = '\0';
    bar.began = bar.shown = now;
    if (!bar.quiet && bar.terminal)
        show(now);
}

void progress_to(int64_t done, const char *format, ...) {
    bar.done = max_i64(0, min_i64(done, bar.total));
    double now = clock_seconds();
    double period = bar.terminal ? TERMINAL_PERIOD : PLAIN_PERIOD;
    if (bar.quiet || !bar.active || now - bar.shown < period)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(bar.note, sizeof bar.note, format, arguments);
    va_end(arguments);
    show(now);
}

void progress_end(const char *format, ...) {
    bar.active = false;
    progress_clear();
    if (bar.quiet || !*format)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
