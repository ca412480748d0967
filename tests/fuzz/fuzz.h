/* fuzz.h: what the fuzzers share: no input may take longer than a second of the processor's time.
 * A limit of the clock on the wall would blame a busy machine on the input.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Each in a file of its name; 0, or the process ends. */
int fuzz_parser(const uint8_t *bytes, size_t count);
int fuzz_lang(const uint8_t *bytes, size_t count);
int fuzz_editor(const uint8_t *bytes, size_t count);
int fuzz_elaborate(const uint8_t *bytes, size_t count);

/* The sanitisers make an input some fifteen times as slow. */
#ifdef __SANITIZE_ADDRESS__
#define FUZZ_LIMIT 15
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_LIMIT 15
#endif
#endif
#ifndef FUZZ_LIMIT
#define FUZZ_LIMIT 1
#endif

static inline double fuzz_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline void fuzz_require_quick(double begun) {
    double seconds = fuzz_clock() - begun;
    if (seconds < FUZZ_LIMIT)
        return;
    fprintf(stderr, "this input takes %.1f seconds\n", seconds);
    abort();
}

#endif
