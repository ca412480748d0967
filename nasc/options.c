/* The command line: one table of options. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef enum { TAKES_NOTHING, TAKES_TEXT, TAKES_WORD, TAKES_COUNT, TAKES_BYTES } Takes;

/* One option. The letter names it in a command's set; a letter that is lower case is also
 * its short form. */
typedef struct Option {
    char letter;
    const char *name, *argument;
    Takes takes;
    size_t offset;             /* of its field in Options */
    const char *documentation; /* where it takes a word, ends in those that it may be */
} Option;

static const Option table[] = {
    {'o', "--output", "DIR", TAKES_TEXT, offsetof(Options, out),
     "where results and the study go (default: the file's name with .out)"},
    {'D', "--data", "DIR", TAKES_TEXT, offsetof(Options, data),
     "a folder of data sets, looked in before NASC_DATA and the system's"},
    {'T', "--threads", "N", TAKES_COUNT, offsetof(Options, threads),
     "threads (0, the default: one for each processor); results never depend on it"},
    {'S', "--seed", "N", TAKES_COUNT, offsetof(Options, seed), "goes before the file's seed"},
    {'M', "--memory", "SIZE", TAKES_BYTES, offsetof(Options, memory_bytes),
     "the most memory to use, such as 1500MiB"},
    {'E', "--emit", "WHAT", TAKES_WORD, offsetof(Options, emit),
     "stop after a phase and print: ast, spec, space, net, plan, c, llvm, bitcode, assembly, "
     "object"},
    {'P', "--emit", "WHAT", TAKES_WORD, offsetof(Options, emit),
     "print instead: ast, spec, space"},
    {'X', "--triple", "TRIPLE", TAKES_TEXT, offsetof(Options, triple),
     "what LLVM makes code for, such as aarch64-linux-gnu (default: the device's)"},
    {'Y', "--cpu", "NAME", TAKES_TEXT, offsetof(Options, cpu),
     "the processor that LLVM makes code for"},
    {'F', "--features", "LIST", TAKES_TEXT, offsetof(Options, features),
     "what the processor has, in LLVM's words, such as +neon,+dotprod"},
    {'C', "--cc", "LINE", TAKES_TEXT, offsetof(Options, compiler),
     "a compiler line to verify with (default: the device's)"},
    {'R', "--runner", "LINE", TAKES_TEXT, offsetof(Options, runner),
     "what runs the compiled program, such as \"qemu-ppc\""},
    {'I', "--images", "N", TAKES_COUNT, offsetof(Options, images),
     "how many test images to verify on (0, the default: all)"},
    {'L', "--library", "DIR", TAKES_TEXT, offsetof(Options, library),
     "a folder that goes before the standard library in the program"},
    {'U', "--tune", NULL, TAKES_NOTHING, offsetof(Options, tune),
     "choose schedules by measuring them here, for a device that is this machine; kept in the "
     "study"},
    {'K', "--check", NULL, TAKES_NOTHING, offsetof(Options, check),
     "change nothing; name the files that are laid out differently, and end with 1"},
    {'V', "--stdio", NULL, TAKES_NOTHING, offsetof(Options, stdio),
     "speak over standard input and output, as it does anyway"},
    {'J', "--json", NULL, TAKES_NOTHING, offsetof(Options, json), "results as JSON"},
    {'q', "--quiet", NULL, TAKES_NOTHING, offsetof(Options, quiet), "no progress"},
    {'h', "--help", NULL, TAKES_NOTHING, offsetof(Options, help), "this"},
};

enum { MOST_THREADS = 1024 };

static bool is_allowed(const Option *option, const char *allowed) {
    return strchr("qhML", option->letter) || strchr(allowed, option->letter);
}

static bool parse_count(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    *value = n;
    return !errno && end != text && !*end && n >= 0 && n <= INT32_MAX;
}

static bool parse_bytes(const char *text, int64_t *value) {
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"B", 1},         {"kB", 1e3},      {"MB", 1e6},      {"GB", 1e9},
                 {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"", 1}};
    char *end;
    double n = strtod(text, &end);
    while (*end == ' ')
        end++;
    for (int u = 0; u < COUNT(units); u++)
        if (end != text && !strcmp(end, units[u].unit) && n >= 1 && n * units[u].bytes < 1e15) {
            *value = (int64_t)(n * units[u].bytes);
            return true;
        }
    return false;
}

static const char *words_of(const Option *option) {
    return strrchr(option->documentation, ':') + 2;
}

/* Whether the text is one of the words, which stand between ", ". */
static bool is_word(const char *words, const char *text) {
    size_t length = strlen(text);
    for (const char *at = words; at; at = strstr(at, ", ")) {
        at += at == words ? 0 : 2;
        if (!strncmp(at, text, length) && length && (!at[length] || at[length] == ','))
            return true;
    }
    return false;
}

static void option_set(Options *options, const Option *option, const char *value) {
    void *field = (char *)options + option->offset;
    int64_t number = 0;
    if (option->takes == TAKES_NOTHING)
        *(bool *)field = true;
    else if (option->takes == TAKES_WORD && !is_word(words_of(option), value))
        die(EXIT_USAGE, "%s takes one of %s, not \"%s\"", option->name, words_of(option),
            value);
    else if (option->takes == TAKES_TEXT || option->takes == TAKES_WORD)
        *(const char **)field = value;
    else if (option->takes == TAKES_BYTES && !parse_bytes(value, &number))
        die(EXIT_USAGE, "%s takes a size such as 1500MiB, not \"%s\"", option->name, value);
    else if (option->takes == TAKES_COUNT && !parse_count(value, &number))
        die(EXIT_USAGE, "%s takes a whole number, not \"%s\"", option->name, value);
    else if (option->offset == offsetof(Options, threads) && number > MOST_THREADS)
        die(EXIT_USAGE, "%s takes at most %d, not %s", option->name, MOST_THREADS, value);
    else if (option->offset == offsetof(Options, threads) ||
             option->offset == offsetof(Options, images))
        *(int *)field = (int)number;
    else
        *(int64_t *)field = number;
}

/* Matches "-o", "--output" and "--output=DIR"; *value is what follows "=", or NULL. */
static bool option_matches(const Option *option, const char *word, const char **value) {
    size_t length = strlen(option->name);
    *value = NULL;
    if (word[0] == '-' && word[1] == option->letter && !word[2])
        return option->letter >= 'a';
    if (strncmp(word, option->name, length) || (word[length] && word[length] != '='))
        return false;
    *value = word[length] ? word + length + 1 : NULL;
    return true;
}

static _Noreturn void refuse_option(const char *command, const char *allowed,
                                    const char *word) {
    Str names[COUNT(table)];
    int count = 0;
    for (int i = 0; i < COUNT(table); i++)
        if (is_allowed(&table[i], allowed))
            names[count++] = str_of(table[i].name);
    Str near = str_nearest(str_of(word), names, count);
    die(EXIT_USAGE, "\"%s\" has no option %.*s%s%.*s%s (see \"nasc help %s\")", command,
        (int)strcspn(word, "="), word, near.length ? "; did you mean " : "", STR_ARG(near),
        near.length ? "?" : "", command);
}

static int read_option(Options *options, const char *command, const char *allowed, char **words,
                       int count) {
    for (int i = 0; i < COUNT(table); i++) {
        const char *value;
        if (!is_allowed(&table[i], allowed) || !option_matches(&table[i], words[0], &value))
            continue;
        if (table[i].takes == TAKES_NOTHING && value)
            die(EXIT_USAGE, "%s takes no argument", table[i].name);
        bool next = table[i].takes != TAKES_NOTHING && !value;
        if (next && count < 2)
            die(EXIT_USAGE, "%s needs %s", table[i].name, table[i].argument);
        option_set(options, &table[i], next ? words[1] : value);
        return next ? 2 : 1;
    }
    refuse_option(command, allowed, words[0]);
}

void options_read(Options *options, const char *command, const char *allowed, bool several,
                  char **words, int count) {
    *options = (Options){.seed = -1, .files = (const char **)words};
    for (int i = 0; i < count;) {
        if (words[i][0] == '-' && words[i][1]) {
            i += read_option(options, command, allowed, words + i, count - i);
            continue;
        }
        if (options->file && !several)
            die(EXIT_USAGE, "\"%s\" takes one file; \"%s\" is one too many", command, words[i]);
        options->files[options->file_count++] = words[i++];
        options->file = options->files[0];
    }
}

void options_print(FILE *out, const char *allowed) {
    for (int i = 0; i < COUNT(table); i++) {
        const Option *option = &table[i];
        if (!is_allowed(option, allowed))
            continue;
        char left[40];
        snprintf(left, sizeof left, "%c%c %s %s", option->letter >= 'a' ? '-' : ' ',
                 option->letter >= 'a' ? option->letter : ' ', option->name,
                 option->argument ? option->argument : "");
        fprintf(out, "  %-20s %s\n", left, option->documentation);
    }
}
