/* lang.c: how fast the language is read: a generated file of many lines through the lexer, the
 * parser and the whole of `nasc check`, and a space that no one could enumerate through
 * `nasc space`.
 *
 *   lang NASC FOLDER [LINES]    files and what nasc says go to the folder
 *
 * Times are of the processor, so that what else runs on the machine hardly counts; of several runs
 * the least. Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 5, USUAL_LINES = 100000 };

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Declarations of every kind that people write often, around one network; @ is its number. */
static const char family[] =
    "// ---- family @: what it is for, and how far its members may go ----\n"
    "let width_@ = choice(8, 16, 24)\n"
    "let ratio_@ = 3 / 4\n"
    "\n"
    "// A residual body whose depth is decided once for all that call it.\n"
    "block body_@(x, channels, depth, stride: 1) {\n"
    "    repeat depth as i {\n"
    "        x = x |> mbconv(channels, expand: choice(2, 4), kernel: choice(3, 5),\n"
    "                        stride: if i == 0 then stride else 1)\n"
    "    }\n"
    "    return x\n"
    "}\n"
    "\n"
    "block head_@(x, classes) {\n"
    "    return x |> global_average |> dense(classes)\n"
    "}\n"
    "\n"
    "network net_@(image: [28, 28, 1]) -> [10] {\n"
    "    x = image |> conv(width_@, kernel: choice(3, 5), stride: 2) |> batch_norm |> relu\n"
    "    x = x |> body_@(16, depth: choice(1..3), stride: 2)\n"
    "    x = x |> body_@(round(32 * ratio_@), depth: choice(1..2), stride: 2)\n"
    "    let last = choice(32, 64)\n"
    "    require last >= width_@\n"
    "    x = x |> conv(last, kernel: 1) |> batch_norm |> relu\n"
    "    return x |> head_@(10)\n"
    "}\n"
    "\n"
    "precision of net_@ {\n"
    "    *:           weights = choice(i4, i8), activations = i8\n"
    "    depthwise:   weights = choice(i2, i4, i8)\n"
    "    first, last: weights = i8\n"
    "}\n"
    "\n"
    "/* A board of the family: the Cortex-M4 of the library, with other memories. */\n"
    "device board_@ : cortex_m4 {\n"
    "    ram:   64 KiB\n"
    "    flash: 256 KiB\n"
    "}\n"
    "\n"
    "search search_@ {\n"
    "    network:  net_@\n"
    "    task:     fashion\n"
    "    device:   board_@\n"
    "    maximize: accuracy\n"
    "    minimize: latency, flash\n"
    "    require:  ram <= 16 KiB, flash <= 128 KiB, retention >= 97 %\n"
    "    train:    supernet(epochs: 20, batch: 128, rate: cosine(0.3)),\n"
    "              tune(epochs: 20, rate: cosine(0.2))\n"
    "    strategy: nsga2(population: 64, generations: 40)\n"
    "    seed:     @\n"
    "}\n"
    "\n"
    "emit firmware_@ {\n"
    "    from:   search_@.most_accurate\n"
    "    as:     c\n"
    "    prefix: \"net_@\"\n"
    "}\n"
    "\n";

static const char head[] = "nas 1\nuse std/mobile\nuse std/tasks\nuse std/devices\n\n";

/* 25 stages of 9 shapes, each with three formats of 3 weights: some 10^60 members. */
static const char vast[] =
    "network vast(image: [32, 32, 3]) -> [10] {\n"
    "    x = image |> conv(16, kernel: 3) |> batch_norm |> relu\n"
    "    repeat 25 {\n"
    "        x = x |> mbconv(16, expand: choice(2, 4, 6), kernel: choice(3, 5, 7))\n"
    "    }\n"
    "    return x |> global_average |> dense(10)\n"
    "}\n"
    "\n"
    "precision of vast {\n"
    "    *: weights = choice(i2, i4, i8), activations = i8\n"
    "    first, last: weights = i8\n"
    "}\n";

static int lines_of(const char *text) {
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void add_family(Text *text, int number) {
    for (const char *at = family; *at; at++)
        if (*at == '@')
            text_add(text, "%d", number);
        else
            text_add(text, "%c", *at);
}

static Str generated(Arena *arena, int lines) {
    Text text = text_new(arena);
    text_add(&text, "%s", head);
    int each = lines_of(family), count = (lines - lines_of(head) + each - 1) / each;
    for (int i = 0; i < count; i++)
        add_family(&text, i);
    return text_str(&text);
}

/* ---- stages ------------------------------------------------------------------------------ */

static double lex_seconds(Str text, int64_t *tokens) {
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    uint32_t base = source_add(diagnostics, STR("generated"), text);
    Lexer lexer = {diagnostics, text.at, text.at, text.at + text.length, base, 0};
    double from = cpu_seconds();
    *tokens = 0;
    while (lexer_next(&lexer).kind != TOKEN_EOF)
        ++*tokens;
    double seconds = cpu_seconds() - from;
    arena_free(arena);
    return seconds;
}

static double parse_seconds(Str text, int64_t *items) {
    Arena *arena = arena_new();
    Source source = {.name = STR("generated"), .text = text};
    double from = cpu_seconds();
    bool right = source_parse(arena, diagnostics_new(arena), &source);
    double seconds = cpu_seconds() - from;
    *items = right ? source.items.count : -1;
    arena_free(arena);
    return seconds;
}

/* Reading and checking alone, with what memory is left to be freed. */
static double read_seconds(Str text, int64_t *errors) {
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    double from = cpu_seconds();
    (void)spec_read_text(arena, diagnostics, STR("generated"), text, (LangOptions){0});
    double seconds = cpu_seconds() - from;
    *errors = error_count(diagnostics);
    arena_free(arena);
    return seconds;
}

typedef double Stage(Str text, int64_t *count);

static double least(Stage *stage, Str text, int64_t *count) {
    double best = stage(text, count);
    for (int run = 1; run < RUNS; run++) {
        double seconds = stage(text, count);
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* ---- nasc itself ------------------------------------------------------------------------- */

typedef struct Ran {
    double seconds; /* of the processor */
    int64_t bytes;  /* of memory, at most at once */
    int status;
} Ran;

static Ran command_once(const char *nasc, const char *verb, const char *file,
                        const char *said) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen(said, "w", stdout) || !freopen(said, "a", stderr))
            _exit(EXIT_ENVIRONMENT);
        execl(nasc, nasc, verb, file, (char *)NULL);
        _exit(EXIT_ENVIRONMENT);
    }
    struct rusage used = {0};
    int status = -1;
    wait4(child, &status, 0, &used);
    double user = (double)used.ru_utime.tv_sec + 1e-6 * (double)used.ru_utime.tv_usec;
    double system = (double)used.ru_stime.tv_sec + 1e-6 * (double)used.ru_stime.tv_usec;
    return (Ran){user + system, (int64_t)used.ru_maxrss * 1024, status};
}

static void command_show(Arena *arena, const char *nasc, const char *verb, const char *file) {
    const char *said = str_format(arena, "%s.%s", file, verb).at;
    Ran best = command_once(nasc, verb, file, said);
    for (int run = 1; run < RUNS; run++) {
        Ran ran = command_once(nasc, verb, file, said);
        best = ran.seconds < best.seconds ? ran : best;
    }
    printf("| `nasc %s` | %.3f s | %.0f MB of memory%s |\n", verb, best.seconds,
           (double)best.bytes / 1e6, best.status ? "; it failed" : "");
}

static const char *file_of(Arena *arena, const char *folder, const char *name, Str text) {
    const char *why, *path = str_format(arena, "%s/%s", folder, name).at;
    if (!file_write(path, text, &why))
        die(EXIT_ENVIRONMENT, "%s: %s", path, why);
    return path;
}

int main(int argc, char **argv) {
    if (argc < 3)
        die(EXIT_USAGE, "usage: lang NASC FOLDER [LINES]");
    Arena *arena = arena_new();
    Str text = generated(arena, argc > 3 ? atoi(argv[3]) : USUAL_LINES);
    double megabytes = (double)text.length / 1e6;
    int64_t count;
    printf("A generated file of %d lines, %.2f MB; the least of %d runs, processor time\n\n",
           lines_of(text.at), megabytes, RUNS);
    printf("| | | |\n|---|---:|---|\n");
    double seconds = least(lex_seconds, text, &count);
    printf("| lexing | %.4f s | %.0f MB/s, %lld tokens |\n", seconds, megabytes / seconds,
           (long long)count);
    seconds = least(parse_seconds, text, &count);
    printf("| lexing and parsing | %.3f s | %.0f MB/s, %lld declarations |\n", seconds,
           megabytes / seconds, (long long)count);
    seconds = least(read_seconds, text, &count);
    printf("| reading and checking | %.3f s | %lld mistakes |\n", seconds, (long long)count);
    command_show(arena, argv[1], "check", file_of(arena, argv[2], "generated.nas", text));
    printf("\nA space of some 10^60 members\n\n| | | |\n|---|---:|---|\n");
    Text large = text_new(arena);
    text_add(&large, "%s%s", head, vast);
    command_show(arena, argv[1], "space",
                 file_of(arena, argv[2], "vast.nas", text_str(&large)));
    arena_free(arena);
    return EXIT_DONE;
}
