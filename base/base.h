/* base: what every other folder stands on; knows nothing of networks, text or devices.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_H
#define BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

static inline int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ---- exits.c: how a run ends ------------------------------------------------------------- */

/* The exit codes of the nasc command. */
typedef enum {
    EXIT_DONE = 0,        /* everything asked for was done */
    EXIT_FILE = 1,        /* the .nas file (or another input file of the user's) is wrong */
    EXIT_USAGE = 2,       /* the command line is wrong */
    EXIT_ENVIRONMENT = 3, /* data missing, disk full, a directory not writable, memory short */
    EXIT_INFEASIBLE = 4,  /* the file is right, but no design satisfies it */
    EXIT_INTERRUPTED = 130
} ExitCode;

/* Prints "nasc: " and the message on stderr and ends the process. For the environment only:
 * mistakes in the user's file go through error_at. */
_Noreturn void die(ExitCode code, const char *format, ...) PRINTF(2, 3);

/* Installs handlers for SIGINT and SIGTERM; afterwards `interrupted` tells whether one came.
 * Long work asks at its checkpoints, saves, and returns. A second signal ends at once. */
void interrupt_install(void);
bool interrupted(void);

/* ---- memory.c: the one place that calls malloc ------------------------------------------- */

/* Sets the limit of the sum of all live blocks, in bytes (0: none). Past it, and when the
 * system has no more, memory_new ends the run with EXIT_ENVIRONMENT and a message that says the
 * size. */
void memory_limit(size_t bytes);
size_t memory_used(void);       /* bytes now live */
size_t memory_left(void);       /* bytes until the limit; SIZE_MAX where there is none */
size_t memory_peak(void);       /* the most that was ever live at once */
void *memory_new(size_t bytes); /* zeroed, aligned to 64 bytes; never NULL */
void memory_free(void *block);  /* NULL is fine */
/* For tests: `count` more blocks are given, then the next one fails as if the system had no
 * more (negative: never). */
void memory_fail_after(long count);

/* ---- arena.c: a lifetime as an argument -------------------------------------------------- */

typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *arena);          /* everything in it at once; NULL is fine */
void arena_reset(Arena *arena);         /* forgets everything, keeps the memory for reuse */
size_t arena_bytes(const Arena *arena); /* the memory that it holds, used or not */
/* Zeroed memory, never NULL. Blocks of 64 bytes and more are aligned to 64 so that vector code
 * may use them, smaller ones to 16, since syntax trees have many. */
void *arena_alloc(Arena *arena, size_t bytes);
#define arena_new_of(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define arena_array(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))
void *arena_copy(Arena *arena, const void *bytes, size_t count);

/* ---- text.c: slices and growing text ----------------------------------------------------- */

/* A slice of text; not terminated. */
typedef struct Str {
    const char *at;
    int length;
} Str;
#define STR(literal) ((Str){("" literal), (int)sizeof(literal) - 1})
#define STR_ARG(s) (s).length, (s).at /* for "%.*s" */
Str str_of(const char *terminated);
bool str_equal(Str a, Str b);
int str_compare(Str a, Str b);
bool str_starts(Str s, Str prefix);
bool str_ends(Str s, Str suffix);
Str str_copy(Arena *arena, Str s); /* the copy is followed by a NUL */
const char *str_terminated(Arena *arena, Str s);
Str str_format(Arena *arena, const char *format, ...) PRINTF(2, 3); /* followed by a NUL */
/* Edits (insert, delete, replace, swap of neighbours) that turn a into b where nothing is
 * edited twice, at most limit + 1. */
int str_distance(Str a, Str b, int limit);
/* The name nearest to `name`, close enough to be what was meant; an empty Str if none is. */
Str str_nearest(Str name, const Str *names, int count);

/* Text that grows; the bytes live in the arena. `at` is always terminated. */
typedef struct Text {
    Arena *arena;
    char *at;
    int length, capacity;
} Text;
Text text_new(Arena *arena);
void text_add(Text *text, const char *format, ...) PRINTF(2, 3);
void text_add_str(Text *text, Str s);
static inline Str text_str(const Text *text) {
    return (Str){text->at, text->length};
}

/* ---- vec.c: arrays that grow ------------------------------------------------------------- */

#define VEC(T)                                                                                 \
    struct {                                                                                   \
        T *at;                                                                                 \
        int count, capacity;                                                                   \
    }
/* Appends `item` to `vec`, a pointer to a VEC. The old array stays in the arena. */
#define vec_push(arena, vec, item)                                                             \
    ((vec)->count == (vec)->capacity                                                           \
         ? (void)((vec)->at = vec_grow((arena), (vec)->at, (vec)->count, &(vec)->capacity,     \
                                       sizeof(*(vec)->at)))                                    \
         : (void)0,                                                                            \
     (vec)->at[(vec)->count++] = (item))
void *vec_grow(Arena *arena, const void *at, int count, int *capacity, size_t item_bytes);

/* ---- map.c: a hash table from text to an int --------------------------------------------- */

typedef struct Map Map; /* lives in its arena; keys are not copied */
Map *map_new(Arena *arena);
bool map_get(const Map *map, Str key, int *value); /* value may be NULL */
void map_put(Map *map, Str key, int value);        /* replaces */

/* ---- rational.c: exact arithmetic -------------------------------------------------------- */

/* numerator / denominator, in lowest terms, denominator > 0. */
typedef struct Rational {
    int64_t n, d;
} Rational;
#define RATIONAL(i) ((Rational){(i), 1})
/* Each returns false where the result does not fit (or for a division by zero). */
bool rational_make(int64_t n, int64_t d, Rational *out);
bool rational_add(Rational a, Rational b, Rational *out);
bool rational_sub(Rational a, Rational b, Rational *out);
bool rational_mul(Rational a, Rational b, Rational *out);
bool rational_div(Rational a, Rational b, Rational *out);
int rational_compare(Rational a, Rational b); /* exact: -1, 0, 1 */
bool rational_is_integer(Rational a);
int64_t rational_floor(Rational a);
double rational_double(Rational a);
Str rational_print(Arena *arena, Rational a); /* "3", "0.75" where it ends, else "1/3" */
/* Decimal text ("12", "0.05", "1e-3", "0x10" not), exact. */
bool rational_parse(Str digits, Rational *out);

/* ---- random.c: counter-based random numbers ---------------------------------------------- */

/* Pure functions of (seed, stream, index), so that a result never depends on who asked first or
 * on which thread. Squares of mixed keys in the manner of Widynski's Squares (arXiv
 * 2004.06278). */
uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t index);
double random_unit(uint64_t seed, uint64_t stream, uint64_t index);   /* [0, 1), 53 bits */
double random_normal(uint64_t seed, uint64_t stream, uint64_t index); /* mean 0, deviation 1 */
/* A stream with a cursor, for code that draws a varying number. */
typedef struct Random {
    uint64_t seed, stream, index;
} Random;
uint64_t random_next(Random *random);
int random_below(Random *random, int n); /* 0 .. n - 1, without bias; n >= 1 */
double random_next_unit(Random *random);
void random_shuffle(Random *random, int *items, int count);

/* ---- key.c: keys by content -------------------------------------------------------------- */

/* XXH3, 128 bits. */
typedef struct Key {
    uint64_t lo, hi;
} Key;
Key key_of(const void *bytes, size_t count);
Key key_join(Key a, Key b); /* of both, in order */
bool key_equal(Key a, Key b);
Str key_hex(Arena *arena, Key key); /* 32 digits */

/* ---- pool.c: threads --------------------------------------------------------------------- */

typedef struct Pool Pool;
Pool *pool_new(int threads); /* 0: one for each processor this process may use */
void pool_free(Pool *pool);
int pool_threads(const Pool *pool);
/* Calls task(context, index, worker) for every index below count; worker < pool_threads names
 * the caller's scratch. Returns when all are done. Which worker gets which index is not
 * determined, so a task writes only to what its index owns. May not be nested. */
void pool_run(Pool *pool, int count, void (*task)(void *context, int index, int worker),
              void *context);

/* ---- diagnostics.c: mistakes in files that people write ---------------------------------- */

/* A byte range of all the sources laid end to end; length 0 with start 0 means "nowhere". */
typedef struct Span {
    uint32_t start, length;
} Span;
Span span_join(Span first, Span last);

/* The sources read so far, and what was found wrong with them. */
typedef struct Diagnostics Diagnostics;
Diagnostics *diagnostics_new(Arena *arena);
/* Registers a source and returns the offset of its first byte among all. Text is not copied. */
uint32_t source_add(Diagnostics *diagnostics, Str name, Str text);
typedef struct Place {
    Str file;
    int line, column; /* from 1; columns count code points */
    Str line_text;    /* without its newline */
} Place;
bool span_place(const Diagnostics *diagnostics, Span span, Place *place);
Str span_text(const Diagnostics *diagnostics, Span span);

typedef enum { NOTE, WARNING, ERROR } Severity;
/* Records and goes on. A NOTE belongs to the last error or warning. At the same span only the
 * first error is kept, since the rest are consequences; past a thousand they are only
 * counted. */
void error_at(Diagnostics *diagnostics, Span span, const char *format, ...) PRINTF(3, 4);
void warn_at(Diagnostics *diagnostics, Span span, const char *format, ...) PRINTF(3, 4);
void note_at(Diagnostics *diagnostics, Span span, const char *format, ...) PRINTF(3, 4);
int error_count(const Diagnostics *diagnostics);
/* Prints all, in order of source position of the errors, as
 *     file.nas:3:14: error: no operator is called "cov"; did you mean "conv"?
 *      3 |     x = image |> cov(16)
 *        |                  ^~~
 * at most `limit` errors (0: all), then how many more. Colour only where `out` is a
 * terminal. */
void diagnostics_print(const Diagnostics *diagnostics, FILE *out, int limit);
/* The same as a JSON array: severity, file, line, column, length, end_line, end_column (of what
 * stands behind), message, fix (what to write in place of what is marked, where that is known)
 * and notes. */
Str diagnostics_json(const Diagnostics *diagnostics, Arena *arena);
/* What a message asks whether it was meant, where it quotes what is marked; else empty. */
Str message_fix(Str message, Str marked);
/* Each error and warning in order of its place, and the notes of one; for those who show them
 * in their own way. */
typedef struct Message {
    Severity severity;
    Span span;
    Str text;
    int note; /* the first of its notes, or the next one; -1: none */
} Message;
int diagnostics_list(const Diagnostics *diagnostics, Arena *arena, Message **messages);
Message diagnostics_note(const Diagnostics *diagnostics, int note);
/* What was recorded has been shown; the sources stay, for what is found later. */
void diagnostics_forget(Diagnostics *diagnostics);

/* ---- files.c ----------------------------------------------------------------------------- */

/* Reads a whole file of at most `limit` bytes into the arena (a NUL follows). On failure
 * returns false and *why says what ("no such file", "is a directory", "is larger than 16
 * MiB"). */
bool file_read(Arena *arena, const char *path, size_t limit, Str *bytes, const char **why);
/* Writes beside the path, syncs, renames over it: the path never names half a file. False and
 * *why on failure (disk full, read-only directory); what stood there before stays. */
bool file_write(const char *path, Str bytes, const char **why);
bool file_exists(const char *path);
bool directory_make(const char *path, const char **why); /* with its parents */
Str path_join(Arena *arena, Str directory, Str name);    /* name alone where it is absolute */
Str path_directory(Str path);                            /* "." where there is none */
Str path_stem(Str path);                                 /* "a/b.nas" -> "b" */
/* Runs argv[0] (looked up in PATH) without a shell, its standard output into *output (at most
 * 16 MiB), its standard error into *errors; ends it after `seconds` (0: never). Returns the
 * exit status, or -1 with *why where it could not be started or was ended. */
int command_run(Arena *arena, char *const argv[], int seconds, Str *output, Str *errors,
                const char **why);

/* ---- store.c: keys to rows over SQLite --------------------------------------------------- */

/* One file, one writer, write-ahead log. Knows nothing of what it holds: callers own the
 * meaning of kinds, keys and values. Table row(kind TEXT, key TEXT, value BLOB, sum INTEGER),
 * primary key (kind, key); a row that its sum does not vouch for is said and not given. */
typedef struct Store Store;
/* Opens or makes the file. NULL and *why where that fails: not a database, another schema
 * version (the version found and the one expected), locked by another process, read-only,
 * damaged. */
Store *store_open(Arena *arena, const char *path, int schema, const char **why);
void store_close(Store *store); /* commits; NULL is fine */
/* Writes join one transaction that store_commit ends. A failing write (disk full) ends the run
 * with EXIT_ENVIRONMENT; the file stays whole. */
void store_put(Store *store, const char *kind, Str key, Str value);
void store_delete(Store *store, const char *kind, Str key);
void store_commit(Store *store);
bool store_get(Store *store, Arena *arena, const char *kind, Str key, Str *value);
/* In order of key. */
void store_each(Store *store, const char *kind, void (*row)(void *context, Str key, Str value),
                void *context);
int store_count(Store *store, const char *kind);

/* ---- progress.c: long work, seen --------------------------------------------------------- */

/* A bar with rate and time left where stderr is a terminal; elsewhere a plain line every ten
 * seconds. One at a time. Does nothing when `quiet`. */
void progress_quiet(bool quiet);
void progress_begin(const char *title, int64_t total, const char *unit);
void progress_to(int64_t done, const char *format, ...)
    PRINTF(2, 3);                                        /* the note after the bar */
void progress_end(const char *format, ...) PRINTF(1, 2); /* replaces the bar by a line */
void progress_clear(
    void); /* wipes the bar from the terminal, so that a message can be printed */
double clock_seconds(void); /* monotonic */

/* ---- json.c: writing JSON without a tree ------------------------------------------------- */

void json_add_string(Text *text, Str s); /* quoted and escaped */
/* The shortest digits that read back the same; null where it is not finite. */
void json_add_number(Text *text, double value);

#endif
