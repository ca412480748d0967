/* vectors.h: reading the vectors that exact arithmetic made.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef VECTORS_H
#define VECTORS_H

#include "tests/net/nets.h"

typedef struct Words {
    char *at; /* what is left of the record */
    const char *path;
    int line;
} Words;

static inline char *next_word(Words *words) {
    char *word = strtok_r(NULL, " ", &words->at);
    if (!word)
        fail_msg("%s:%d ends early", words->path, words->line);
    return word;
}

static inline long long next_int(Words *words) {
    return strtoll(next_word(words), NULL, 10);
}

static inline double next_double(Words *words) {
    return strtod(next_word(words), NULL);
}

static inline Format next_format(Words *words) {
    Format format = FORMAT_COUNT;
    assert_true(format_of(str_of(next_word(words)), &format));
    return format;
}

typedef struct Codes {
    Format format;
    double scale;
    int zero;
} Codes;

static inline Codes next_codes(Words *words) {
    Format format = next_format(words);
    double scale = next_double(words);
    return (Codes){format, scale, (int)next_int(words)};
}

static inline float *next_floats(Arena *arena, Words *words, int count) {
    float *values = arena_array(arena, float, count);
    for (int i = 0; i < count; i++)
        values[i] = (float)next_double(words);
    return values;
}

static inline void check_next(Words *words, const char *what, long long found) {
    long long expected = next_int(words);
    if (found != expected)
        fail_msg("%s:%d: %s is %lld, not %lld", words->path, words->line, what, found,
                 expected);
}

/* Calls `check` for each record of a kind. */
static inline void each_record(const char *path, const char *kind,
                               void (*check)(Arena *arena, Words *words)) {
    Arena *arena = arena_new(), *scratch = arena_new();
    Str bytes;
    const char *why;
    if (!file_read(arena, path, 1 << 22, &bytes, &why))
        fail_msg("%s: %s", path, why);
    char *rest = (char *)arena_copy(arena, bytes.at, (size_t)bytes.length + 1), *line;
    int number = 0, records = 0;
    while ((line = strtok_r(NULL, "\n", &rest))) {
        Words words = {line, path, ++number};
        if (strcmp(next_word(&words), kind) != 0)
            continue;
        check(scratch, &words);
        assert_null(strtok_r(NULL, " ", &words.at));
        arena_reset(scratch);
        records++;
    }
    assert_true(records > 0);
    arena_free(scratch);
    arena_free(arena);
}

#endif
