/* diagnostics.c: mistakes in files that people write, recorded as they are found and printed
 * with the line that they stand in.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Source {
    Str name, text;
    uint32_t start;
} Source;

typedef struct Entry {
    Severity severity;
    Span span;
    Str message;
    int first_note, last_note; /* of an error or warning: indices of entries, -1 for none */
    int next_note;             /* of a note */
} Entry;

struct Diagnostics {
    Arena *arena;
    VEC(Source) sources;
    VEC(Entry) entries;
    int owner; /* what the next note belongs to; -1 after an error that was not kept */
    int errors, warnings;
    uint32_t end;
};

Span span_join(Span first, Span last) {
    if (first.start == 0)
        return last;
    if (last.start == 0)
        return first;
    uint32_t start = first.start < last.start ? first.start : last.start;
    uint32_t first_end = first.start + first.length, last_end = last.start + last.length;
    return (Span){start, (first_end > last_end ? first_end : last_end) - start};
}

/* The first source starts at 1, so that offset 0 is nowhere. */
Diagnostics *diagnostics_new(Arena *arena) {
    Diagnostics *diagnostics = arena_new_of(arena, Diagnostics);
    *diagnostics = (Diagnostics){.arena = arena, .owner = -1, .end = 1};
    return diagnostics;
}

/* A source takes one offset more than its bytes, so that its end is a place of its own. */
uint32_t source_add(Diagnostics *diagnostics, Str name, Str text) {
    uint32_t start = diagnostics->end;
    if ((uint32_t)text.length >= UINT32_MAX - start)
        die(EXIT_ENVIRONMENT, "%.*s: the sources are larger than 4 GiB together",
            STR_ARG(name));
    Source source = {name, text, start};
    vec_push(diagnostics->arena, &diagnostics->sources, source);
    diagnostics->end = start + (uint32_t)text.length + 1;
    return start;
}

static const Source *source_of(const Diagnostics *diagnostics, uint32_t offset) {
    for (int i = diagnostics->sources.count - 1; i >= 0; i--)
        if (diagnostics->sources.at[i].start <= offset)
            return offset < diagnostics->end ? &diagnostics->sources.at[i] : NULL;
    return NULL;
}

static bool continues_code_point(char byte) {
    return (byte & 0xc0) == 0x80;
}

static int code_points(const char *from, const char *to) {
    int count = 0;
    for (; from < to; from++)
        count += !continues_code_point(*from);
    return count;
}

bool span_place(const Diagnostics *diagnostics, Span span, Place *place) {
    const Source *source = source_of(diagnostics, span.start);
    if (!source)
        return false;
    const char *begin = source->text.at, *end = begin + source->text.length;
    const char *at = begin + (span.start - source->start), *line = begin;
    place->line = 1;
    for (const char *p = begin; p < at; p++)
        if (*p == '\n')
            line = p + 1, place->line++;
    const char *stop = at;
    while (stop < end && *stop != '\n')
        stop++;
    if (stop > line && stop[-1] == '\r' && stop > at)
        stop--;
    place->file = source->name;
    place->column = code_points(line, at) + 1;
    place->line_text = (Str){line, (int)(stop - line)};
    return true;
}

Str span_text(const Diagnostics *diagnostics, Span span) {
    const Source *source = source_of(diagnostics, span.start);
    if (!source)
        return (Str){"", 0};
    int skipped = (int)(span.start - source->start);
    int64_t rest = source->text.length - skipped;
    return (Str){source->text.at + skipped, (int)min_i64(span.length, rest)};
}

/* A message may quote the user's bytes; they must not steer a terminal. */
static Str message_of(Arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0)
        die(EXIT_ENVIRONMENT, "a message of more than 2 GiB");
    char *message = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(message, (size_t)length + 1, format, again);
    va_end(again);
    for (int i = 0; i < length; i++)
        if ((unsigned char)message[i] < ' ' || message[i] == 127)
            message[i] = message[i] == '\n' || message[i] == '\t' ? ' ' : '?';
    return (Str){message, length};
}

/* What was said of a place needs no second saying: an inherited key is checked again. */
static bool is_known(const Diagnostics *diagnostics, Severity severity, Span span) {
    for (int i = 0; span.start && i < diagnostics->entries.count; i++) {
        const Entry *entry = &diagnostics->entries.at[i];
        if (entry->severity == severity && entry->span.start == span.start &&
            entry->span.length == span.length)
            return true;
    }
    return false;
}

static void link_note(Diagnostics *diagnostics, int note) {
    Entry *owner = &diagnostics->entries.at[diagnostics->owner];
    if (owner->last_note < 0)
        owner->first_note = note;
    else
        diagnostics->entries.at[owner->last_note].next_note = note;
    owner->last_note = note;
}

/* A file of garbage has a mistake at every byte. Nobody reads past a thousand, so the rest are
 * counted and not kept. */
static bool worth_keeping(const Diagnostics *diagnostics, Severity severity) {
    enum { MOST = 1000 };
    switch (severity) {
    case NOTE:
        return diagnostics->owner >= 0;
    case WARNING:
        return diagnostics->warnings < MOST;
    case ERROR:
        return diagnostics->errors < MOST;
    }
    return false;
}

static void record(Diagnostics *diagnostics, Severity severity, Span span, const char *format,
                   va_list arguments) {
    bool kept = worth_keeping(diagnostics, severity);
    if (kept && severity != NOTE && is_known(diagnostics, severity, span)) {
        diagnostics->owner = -1;
        return;
    }
    diagnostics->errors += severity == ERROR;
    diagnostics->warnings += severity == WARNING;
    if (!kept) {
        diagnostics->owner = -1;
        return;
    }
    Str message = message_of(diagnostics->arena, format, arguments);
    Entry entry = {severity, span, message, -1, -1, -1};
    int number = diagnostics->entries.count;
    vec_push(diagnostics->arena, &diagnostics->entries, entry);
    if (severity == NOTE)
        link_note(diagnostics, number);
    else
        diagnostics->owner = number;
}

#define RECORD(severity)                                                                       \
    va_list arguments;                                                                         \
    va_start(arguments, format);                                                               \
    record(diagnostics, severity, span, format, arguments);                                    \
    va_end(arguments)

void error_at(Diagnostics *diagnostics, Span span, const char *format, ...) {
    RECORD(ERROR);
}

void warn_at(Diagnostics *diagnostics, Span span, const char *format, ...) {
    RECORD(WARNING);
}

void note_at(Diagnostics *diagnostics, Span span, const char *format, ...) {
    RECORD(NOTE);
}

int error_count(const Diagnostics *diagnostics) {
    return diagnostics->errors;
}

/* An error or warning and where it stands in its order. */
typedef struct Rank {
    uint32_t start;
    int number;
} Rank;

static int rank_compare(const void *a, const void *b) {
    const Rank *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The errors and warnings in order of their place; returns how many. */
static int ranked(const Diagnostics *diagnostics, Arena *arena, Rank **ranks) {
    int count = 0;
    *ranks = arena_array(arena, Rank, diagnostics->entries.count);
    for (int i = 0; i < diagnostics->entries.count; i++)
        if (diagnostics->entries.at[i].severity != NOTE)
            (*ranks)[count++] = (Rank){diagnostics->entries.at[i].span.start, i};
    qsort(*ranks, (size_t)count, sizeof(Rank), rank_compare);
    return count;
}

static const struct {
    const char *name, *colour;
} severities[] = {[NOTE] = {"note", "\33[36m"},
                  [WARNING] = {"warning", "\33[35m"},
                  [ERROR] = {"error", "\33[31m"}};

static const char *when(bool colour, const char *sequence) {
    return colour ? sequence : "";
}

/* The part of the line that is shown: long lines are cut to a window around the mark, between
 * code points. `mark` is a byte offset in the line. */
static Str window(Str line, int mark) {
    enum { WIDEST = 100, BEFORE = 60 };
    int start = line.length > WIDEST && mark > BEFORE ? mark - BEFORE : 0;
    int stop = line.length - start > WIDEST ? start + WIDEST : line.length;
    while (start < mark && continues_code_point(line.at[start]))
        start++;
    while (stop > mark && stop < line.length && continues_code_point(line.at[stop]))
        stop--;
    return (Str){line.at + start, stop - start};
}

static void print_line(Str shown, FILE *out) {
    for (int i = 0; i < shown.length; i++) {
        unsigned char byte = (unsigned char)shown.at[i];
        fputc(byte == '\t' ? ' ' : byte < ' ' || byte == 127 ? '?' : byte, out);
    }
    fputc('\n', out);
}

static void print_excerpt(Str text, const Place *place, const char *colour, FILE *out) {
    int mark = (int)(text.at - place->line_text.at);
    Str shown = window(place->line_text, mark);
    fprintf(out, "%5d | ", place->line);
    print_line(shown, out);
    const char *stop = shown.at + shown.length, *end = text.at + text.length;
    int marked = text.at < stop ? code_points(text.at, end < stop ? end : stop) : 0;
    fprintf(out, "      | %*s%s^", code_points(shown.at, text.at), "", colour);
    for (int i = 1; i < marked; i++)
        fputc('~', out);
    fprintf(out, "%s\n", *colour ? "\33[0m" : "");
}

static void print_entry(const Diagnostics *diagnostics, const Entry *entry, bool colour,
                        FILE *out) {
    Place place;
    const char *strong = when(colour, "\33[1m"), *plain = when(colour, "\33[0m");
    const char *shade = when(colour, severities[entry->severity].colour);
    bool placed = span_place(diagnostics, entry->span, &place);
    fputs(strong, out);
    if (placed)
        fprintf(out, "%.*s:%d:%d: ", STR_ARG(place.file), place.line, place.column);
    fprintf(out, "%s%s:%s %.*s\n", shade, severities[entry->severity].name, plain,
            STR_ARG(entry->message));
    if (placed)
        print_excerpt(span_text(diagnostics, entry->span), &place, shade, out);
}

void diagnostics_print(const Diagnostics *diagnostics, FILE *out, int limit) {
    Arena *scratch = arena_new();
    Rank *ranks;
    int count = ranked(diagnostics, scratch, &ranks), errors = 0;
    bool colour = isatty(fileno(out)) && !getenv("NO_COLOR");
    const Entry *entries = diagnostics->entries.at;
    for (int i = 0; i < count && (limit == 0 || errors < limit); i++) {
        const Entry *entry = &entries[ranks[i].number];
        errors += entry->severity == ERROR;
        print_entry(diagnostics, entry, colour, out);
        for (int note = entry->first_note; note >= 0; note = entries[note].next_note)
            print_entry(diagnostics, &entries[note], colour, out);
    }
    int more = diagnostics->errors - errors;
    if (more)
        fprintf(out, "... and %d more error%s\n", more, more == 1 ? "" : "s");
    arena_free(scratch);
}

/* Where the words stand in a message in backquotes; -1: nowhere. */
static int quoted_at(Str message, Str words) {
    for (int i = 1; words.length && i + words.length < message.length; i++)
        if (message.at[i - 1] == '`' && message.at[i + words.length] == '`' &&
            !memcmp(message.at + i, words.at, (size_t)words.length))
            return i;
    return -1;
}

Str message_fix(Str message, Str marked) {
    static const char asks[] = "did you mean `";
    const char *end = message.at + message.length;
    const char *found = strstr(message.at, asks);
    const char *from = found ? found + sizeof asks - 1 : end;
    const char *stop = memchr(from, '`', (size_t)(end - from));
    int wrong = quoted_at(message, marked);
    bool known = stop && stop[1] == '?' && wrong >= 0 && message.at + wrong < from;
    return known ? (Str){from, (int)(stop - from)} : (Str){"", 0};
}

/* The members that errors, warnings and notes have in common. */
static void add_members(const Diagnostics *diagnostics, const Entry *entry, Text *text) {
    Place place, end;
    Span after = {entry->span.start + entry->span.length, 0};
    Str marked = {"", 0};
    if (span_place(diagnostics, entry->span, &place) && span_place(diagnostics, after, &end)) {
        marked = span_text(diagnostics, entry->span);
        text_add(text, "\"file\": ");
        json_add_string(text, place.file);
        text_add(text, ", \"line\": %d, \"column\": %d, \"length\": %d, ", place.line,
                 place.column, code_points(marked.at, marked.at + marked.length));
        text_add(text, "\"end_line\": %d, \"end_column\": %d, ", end.line, end.column);
    }
    text_add(text, "\"message\": ");
    json_add_string(text, entry->message);
    Str fix = message_fix(entry->message, marked);
    if (fix.length) {
        text_add(text, ", \"fix\": ");
        json_add_string(text, fix);
    }
}

Str diagnostics_json(const Diagnostics *diagnostics, Arena *arena) {
    Rank *ranks;
    int count = ranked(diagnostics, arena, &ranks);
    const Entry *entries = diagnostics->entries.at;
    Text text = text_new(arena);
    text_add(&text, "[");
    for (int i = 0; i < count; i++) {
        const Entry *entry = &entries[ranks[i].number];
        text_add(&text, "%s\n  {\"severity\": \"%s\", ", i ? "," : "",
                 severities[entry->severity].name);
        add_members(diagnostics, entry, &text);
        text_add(&text, ", \"notes\": [");
        for (int note = entry->first_note; note >= 0; note = entries[note].next_note) {
            text_add(&text, "%s{", note == entry->first_note ? "" : ", ");
            add_members(diagnostics, &entries[note], &text);
            text_add(&text, "}");
        }
        text_add(&text, "]}");
    }
    text_add(&text, count ? "\n]" : "]");
    return text_str(&text);
}

int diagnostics_list(const Diagnostics *diagnostics, Arena *arena, Message **messages) {
    Rank *ranks;
    int count = ranked(diagnostics, arena, &ranks);
    *messages = arena_array(arena, Message, count);
    for (int i = 0; i < count; i++) {
        const Entry *entry = &diagnostics->entries.at[ranks[i].number];
        (*messages)[i] =
            (Message){entry->severity, entry->span, entry->message, entry->first_note};
    }
    return count;
}

Message diagnostics_note(const Diagnostics *diagnostics, int note) {
    const Entry *entry = &diagnostics->entries.at[note];
    return (Message){entry->severity, entry->span, entry->message, entry->next_note};
}

void diagnostics_forget(Diagnostics *diagnostics) {
    diagnostics->entries.count = 0;
    diagnostics->owner = -1;
    diagnostics->errors = diagnostics->warnings = 0;
}
