/* text.c: slices of text, and text that grows.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <limits.h>
#include <string.h>

Str str_of(const char *terminated) {
    return (Str){terminated, (int)strlen(terminated)};
}

bool str_equal(Str a, Str b) {
    return a.length == b.length && (a.length == 0 || !memcmp(a.at, b.at, (size_t)a.length));
}

int str_compare(Str a, Str b) {
    int common = a.length < b.length ? a.length : b.length;
    int order = common ? memcmp(a.at, b.at, (size_t)common) : 0;
    return order ? (order > 0) - (order < 0) : (a.length > b.length) - (a.length < b.length);
}

bool str_starts(Str s, Str prefix) {
    return s.length >= prefix.length && str_equal((Str){s.at, prefix.length}, prefix);
}

bool str_ends(Str s, Str suffix) {
    int skipped = s.length - suffix.length;
    return skipped >= 0 && str_equal((Str){s.at + skipped, suffix.length}, suffix);
}

Str str_copy(Arena *arena, Str s) {
    char *copy = arena_alloc(arena, (size_t)s.length + 1);
    if (s.length)
        memcpy(copy, s.at, (size_t)s.length);
    return (Str){copy, s.length};
}

const char *str_terminated(Arena *arena, Str s) {
    return str_copy(arena, s).at;
}

static Str format_into(Arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0 || length == INT_MAX)
        die(EXIT_ENVIRONMENT, "a text of more than 2 GiB");
    char *out = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(out, (size_t)length + 1, format, again);
    va_end(again);
    return (Str){out, length};
}

Str str_format(Arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Str s = format_into(arena, format, arguments);
    va_end(arguments);
    return s;
}

static int min3(int a, int b, int c) {
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* One row of the table of distances between prefixes: of the first `i` bytes of a and each
 * prefix of b. Returns the least of it, below which no later row falls. */
static int distance_row(Str a, Str b, int i, const int *two_up, const int *up, int *row) {
    int least = row[0] = i;
    for (int j = 1; j <= b.length; j++) {
        bool same = a.at[i - 1] == b.at[j - 1];
        row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + !same);
        bool swapped =
            i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1];
        if (swapped && two_up[j - 2] + 1 < row[j])
            row[j] = two_up[j - 2] + 1;
        least = row[j] < least ? row[j] : least;
    }
    return least;
}

int str_distance(Str a, Str b, int limit) {
    if (a.length - b.length > limit || b.length - a.length > limit)
        return limit + 1;
    size_t width = (size_t)b.length + 1;
    int *table = memory_new(3 * width * sizeof(int));
    int *two_up = table, *up = table + width, *row = table + 2 * width;
    for (int j = 0; j <= b.length; j++)
        row[j] = j;
    /* A swap reaches two rows up: the distance is over the limit once two rows are. */
    int before = 0, least = 0;
    for (int i = 1; i <= a.length && (before <= limit || least <= limit); i++) {
        int *oldest = two_up;
        two_up = up, up = row, row = oldest;
        before = least;
        least = distance_row(a, b, i, two_up, up, row);
    }
    int distance = before > limit && least > limit ? limit + 1 : row[b.length];
    memory_free(table);
    return distance > limit ? limit + 1 : distance;
}

/* One letter in three may be wrong, and never more than three: further away a suggestion is
 * more often a distraction than a help. */
Str str_nearest(Str name, const Str *names, int count) {
    int limit = (int)min_i64((name.length + 1) / 3, 3);
    Str nearest = {0};
    for (int i = 0; i < count && limit >= 0; i++) {
        int distance = str_distance(name, names[i], limit);
        if (distance > limit)
            continue;
        nearest = names[i];
        limit = distance - 1;
    }
    return nearest;
}

Text text_new(Arena *arena) {
    enum { START = 48 };
    return (Text){arena, arena_alloc(arena, START), 0, START};
}

/* Room for `more` bytes and the terminator. */
static void text_reserve(Text *text, int more) {
    if (more > INT_MAX / 2 - text->length - 1)
        die(EXIT_ENVIRONMENT, "a text of more than 1 GiB");
    int need = text->length + more + 1;
    if (need <= text->capacity)
        return;
    int capacity = text->capacity * 2 > need ? text->capacity * 2 : need;
    char *grown = arena_alloc(text->arena, (size_t)capacity);
    memcpy(grown, text->at, (size_t)text->length);
    text->at = grown;
    text->capacity = capacity;
}

void text_add(Text *text, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = (size_t)(text->capacity - text->length);
    int length = vsnprintf(text->at + text->length, room, format, arguments);
    if (length < 0)
        die(EXIT_ENVIRONMENT, "a text of more than 2 GiB");
    if ((size_t)length >= room) {
        text_reserve(text, length);
        vsnprintf(text->at + text->length, (size_t)length + 1, format, again);
    }
    text->length += length;
    va_end(again);
    va_end(arguments);
}

void text_add_str(Text *text, Str s) {
    text_reserve(text, s.length);
    if (s.length)
        memcpy(text->at + text->length, s.at, (size_t)s.length);
    text->length += s.length;
    text->at[text->length] = '\0';
}
