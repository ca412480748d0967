/* diff: compares random networks in every way that they can be executed. `diff --help`.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "diff: compares random networks in every way that they can be executed\n\n"
    "  diff [--count N] [--jobs N] [--folder DIR] [PATH...]\n"
    "      compares N networks more on each of the paths (names or groups; all without any),\n"
    "      from where the last run stopped; --seed N starts there and leaves the counts alone\n"
    "  diff --report      what was compared so far\n"
    "  diff --list        the paths, and what is missing for them\n"
    "  diff --tap         a short fixed run, as a test\n"
    "  diff --replay FILE [PATH...]   compares the network of a failure's file once more\n"
    "  diff --show SEED   prints a random network\n";

enum { MOST_JOBS = 16, MOST_SHRUNK = 4, MOST_DIFFERENCES = 20, SHRINK_SECONDS = 90 };

typedef struct Options {
    int64_t count; /* 0: each path's usual */
    uint64_t seed; /* 0: where the last run stopped */
    int jobs;
    Str folder;
    bool wanted[64]; /* (path_count) */
    bool named;      /* paths were named */
} Options;

/* ---- one path ---------------------------------------------------------------------------- */

/* Seeds first .. first + count - 1, in the hands of a process. */
typedef struct Chunk {
    int process; /* 0: none */
    uint64_t first;
    int count;
    Report *report;
} Chunk;

/* A path being compared: chunks are handed out in order, and counted when all before them are
 * done, so that a killed run leaves no gap. */
typedef struct Campaign {
    Arena *arena;
    const Path *path;
    const Options *options;
    Counts *counts; /* or NULL: nothing is kept */
    uint64_t next, end;
    Chunk chunk[MOST_JOBS];
    VEC(Chunk) finished; /* not yet counted */
    uint64_t counted;    /* all seeds below */
    int64_t compared, differences;
    VEC(uint64_t) failed;
} Campaign;

static void failure_add(Campaign *c, uint64_t seed) {
    c->differences++;
    vec_push(c->arena, &c->failed, seed);
}

static int chunk_size(const Path *path) {
    return path->batch > 1 ? path->batch : 500;
}

static void chunk_start(Campaign *c, Chunk *chunk, uint64_t first, int count) {
    chunk->first = first;
    chunk->count = count;
    chunk->process = worker_start(c->path, first, count, chunk->report);
}

static void counts_advance(Campaign *c, const Chunk *chunk) {
    c->compared += chunk->count;
    c->counted = chunk->first + (uint64_t)chunk->count;
    if (!c->counts)
        return;
    Count *row = counts_of(c->counts, c->path);
    row->next = c->counted;
    row->networks += chunk->count;
    row->build_networks += chunk->count;
    row->differences += chunk->report->failures;
    row->build_differences += chunk->report->failures;
    counts_write(c->counts);
}

/* Counts what is finished without a gap. */
static void chunks_count(Campaign *c) {
    for (int i = 0; i < c->finished.count;)
        if (c->finished.at[i].first == c->counted) {
            Chunk chunk = c->finished.at[i];
            c->finished.at[i] = c->finished.at[--c->finished.count];
            counts_advance(c, &chunk);
            i = 0;
        } else {
            i++;
        }
}

static void chunk_finish(Campaign *c, Chunk *chunk) {
    Chunk done = *chunk;
    done.report = arena_copy(c->arena, chunk->report, sizeof *chunk->report);
    for (int i = 0; i < done.report->failures; i++)
        failure_add(c, done.report->failed[i]);
    vec_push(c->arena, &c->finished, done);
    chunk->process = 0;
    chunks_count(c);
}

/* The process died over one network: that one fails, and the rest goes on in a new process. */
static void chunk_crashed(Campaign *c, Chunk *chunk) {
    uint64_t seed = (uint64_t)chunk->report->at;
    int done = (int)(seed - chunk->first) + 1, left = chunk->count - done;
    chunk->count = done;
    chunk->report->failed[chunk->report->failures++ % MOST_FAILURES] = seed;
    chunk_finish(c, chunk);
    if (left > 0)
        chunk_start(c, chunk, seed + 1, left);
}

static bool chunk_wait(Campaign *c) {
    int status, process = wait(&status);
    char words[64];
    if (process < 0)
        return errno == EINTR;
    for (int i = 0; i < MOST_JOBS; i++) {
        Chunk *chunk = &c->chunk[i];
        if (chunk->process != process)
            continue;
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_INTERRUPTED) {
            chunk->process = 0; /* not counted: the next run begins with it */
            continue;
        }
        if (end_of_process(status, words) && c->path->batch > 1)
            die(EXIT_ENVIRONMENT, "%s at seeds from %lld: %s", c->path->name,
                (long long)chunk->report->at, words);
        if (end_of_process(status, words))
            chunk_crashed(c, chunk);
        else
            chunk_finish(c, chunk);
    }
    return true;
}

static int chunks_running(const Campaign *c) {
    int running = 0;
    for (int i = 0; i < MOST_JOBS; i++)
        running += c->chunk[i].process != 0;
    return running;
}

static int64_t networks_done(const Campaign *c) {
    int64_t done = c->compared;
    for (int i = 0; i < c->finished.count; i++)
        done += c->finished.at[i].count;
    for (int i = 0; i < MOST_JOBS; i++)
        done += c->chunk[i].process ? c->chunk[i].report->done : 0;
    return done;
}

static void chunks_hand_out(Campaign *c) {
    for (int i = 0; i < c->options->jobs; i++) {
        bool enough = c->next >= c->end || c->differences >= MOST_DIFFERENCES || interrupted();
        if (c->chunk[i].process || enough)
            continue;
        int count = (int)min_i64(chunk_size(c->path), (int64_t)(c->end - c->next));
        chunk_start(c, &c->chunk[i], c->next, count);
        c->next += (uint64_t)count;
    }
}

/* ---- failures ---------------------------------------------------------------------------- */

static bool fails_on(void *context, const Recipe *recipe) {
    Difference difference;
    return recipe_fails(context, recipe, &difference);
}

static void failure_show(Arena *arena, Str folder, const Path *path, const Recipe *recipe) {
    Difference difference;
    Recipe smallest;
    int tried = recipe_shrink(recipe, SHRINK_SECONDS, fails_on, (void *)path, &smallest);
    bool still = recipe_fails(path, &smallest, &difference);
    Str file = failure_write(arena, folder, path, &smallest, &difference);
    printf("%s: seed %llu differs%s; %d operators are left of %d after %d tries: %.*s\n",
           path->name, (unsigned long long)recipe->seed, still ? "" : " not always",
           smallest.count - 1, recipe->count - 1, tried, STR_ARG(file));
}

static void failures_show(Campaign *c) {
    for (int i = 0; i < c->failed.count && i < MOST_SHRUNK && !interrupted(); i++) {
        Recipe recipe;
        recipe_draw(&recipe, c->failed.at[i], TRIAL_LAYERS);
        failure_show(c->arena, c->options->folder, c->path, &recipe);
    }
    for (int i = MOST_SHRUNK; i < c->failed.count; i++)
        printf("%s: seed %llu differs\n", c->path->name, (unsigned long long)c->failed.at[i]);
}

/* ---- a run ------------------------------------------------------------------------------- */

static void campaign_begin(Campaign *c, const char *build) {
    int64_t count = c->options->count ? c->options->count : c->path->usual;
    c->next = c->options->seed;
    if (c->counts) {
        Count *row = counts_of(c->counts, c->path);
        c->next = row->next;
        if (strcmp(row->build, build) != 0)
            row->build_networks = row->build_differences = 0;
        snprintf(row->build, sizeof row->build, "%s", build);
    }
    c->counted = c->next;
    c->end = c->next + (uint64_t)count;
    for (int i = 0; i < MOST_JOBS; i++)
        c->chunk[i].report = report_new();
}

static int64_t path_compare(Arena *arena, const Path *path, const Options *options,
                            Counts *counts, const char *build) {
    Campaign c = {.arena = arena, .path = path, .options = options, .counts = counts};
    campaign_begin(&c, build);
    int64_t total = (int64_t)(c.end - c.next);
    uint64_t first = c.next;
    double start = clock_seconds();
    progress_begin(path->name, total, "networks");
    do {
        chunks_hand_out(&c);
        progress_to(networks_done(&c), "%lld different", (long long)c.differences);
    } while (chunks_running(&c) && chunk_wait(&c));
    progress_end("%-16s seeds %llu to %llu: %lld networks, %lld different, %.1f a second",
                 path->name, (unsigned long long)first, (unsigned long long)c.counted - 1,
                 (long long)c.compared, (long long)c.differences,
                 (double)c.compared / (clock_seconds() - start));
    failures_show(&c);
    return c.differences;
}

/* The key of this program, so that counts can tell builds apart. */
static const char *build_key(Arena *arena) {
    Str bytes;
    const char *why;
    if (!file_read(arena, "/proc/self/exe", 1 << 28, &bytes, &why))
        return "unknown";
    return key_hex(arena, key_of(bytes.at, (size_t)bytes.length)).at;
}

/* Two runs would overwrite each other's counts. */
static void folder_lock(Arena *arena, Str folder) {
    const char *why;
    if (!directory_make(folder.at, &why))
        die(EXIT_ENVIRONMENT, "cannot make %s: %s", folder.at, why);
    Str path = path_join(arena, folder, STR("lock"));
    int lock = open(path.at, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
        die(EXIT_ENVIRONMENT, "another run keeps its counts in %s", folder.at);
}

static int run_all(Arena *arena, const Options *options) {
    Counts counts;
    int64_t differences = 0;
    bool kept = options->seed == 0;
    folder_lock(arena, options->folder);
    counts = counts_read(arena, options->folder);
    const char *build = build_key(arena);
    for (int i = 0; i < path_count && !interrupted(); i++) {
        const Path *path = &paths[i];
        if (!options->wanted[i])
            continue;
        const char *missing = path->missing(arena, path);
        if (missing) {
            printf("%-16s is left out: %s is missing\n", path->name, missing);
            continue;
        }
        differences += path_compare(arena, path, options, kept ? &counts : NULL, build);
    }
    return differences || interrupted() ? 1 : 0;
}

/* ---- other commands ---------------------------------------------------------------------- */

static int list(Arena *arena) {
    for (int i = 0; i < path_count; i++) {
        const char *missing = paths[i].missing(arena, &paths[i]);
        printf("%-16s %-10s %s%s\n", paths[i].name, paths[i].group, missing ? missing : "",
               missing ? " is missing" : "");
    }
    return 0;
}

static int replay(Arena *arena, const Options *options, const char *file) {
    Str text;
    const char *why;
    Recipe recipe;
    int differing = 0;
    if (!file_read(arena, file, 1 << 20, &text, &why))
        die(EXIT_ENVIRONMENT, "cannot read %s: %s", file, why);
    if (!recipe_parse(text, &recipe))
        die(EXIT_FILE, "%s has no recipe", file);
    for (int i = 0; i < path_count; i++) {
        const Path *path = &paths[i];
        Difference d;
        if (!options->wanted[i] || path->missing(arena, path))
            continue;
        bool fails = recipe_fails(path, &recipe, &d);
        differing += fails;
        if (fails && d.vector >= 0)
            printf("%-16s input %d, element %d: expected %d, got %d\n", path->name, d.vector,
                   d.element, d.expected, d.got);
        else
            printf("%-16s %s\n", path->name, fails ? d.said : "the same");
    }
    return differing != 0;
}

static int show(Arena *arena, uint64_t seed) {
    Recipe recipe;
    Net net;
    Str why;
    Text text = text_new(arena);
    recipe_draw(&recipe, seed, TRIAL_LAYERS);
    if (recipe_net(arena, &recipe, &net, &why))
        net_print(&net, &text);
    recipe_print(&recipe, &text);
    fwrite(text.at, 1, (size_t)text.length, stdout);
    return 0;
}

/* The same networks each time; what differs is shrunk and shown as in any run. */
static int tap(Arena *arena, Options *options) {
    int number = 0, failed = 0;
    options->seed = 1000000;
    options->jobs = 1;
    progress_quiet(true);
    for (int i = 0; i < path_count; i++)
        number += paths[i].checked > 0;
    printf("1..%d\n", number);
    number = 0;
    for (int i = 0; i < path_count; i++) {
        const Path *path = &paths[i];
        if (path->checked == 0)
            continue;
        options->count = path->checked;
        const char *missing = path->missing(arena, path);
        int64_t differences = missing ? 0 : path_compare(arena, path, options, NULL, "");
        printf("%sok %d - %s", differences ? "not " : "", ++number, path->name);
        if (missing)
            printf(" # SKIP %s is missing", missing);
        printf("\n");
        fflush(stdout);
        failed += differences != 0;
    }
    return failed != 0;
}

/* ---- the command line -------------------------------------------------------------------- */

static void path_want(Options *options, const char *name) {
    bool known = false;
    for (int i = 0; i < path_count; i++)
        if (!strcmp(name, paths[i].name) || !strcmp(name, paths[i].group))
            options->wanted[i] = known = true;
    if (!known)
        die(EXIT_USAGE, "no path or group is called %s; diff --list has them", name);
    options->named = true;
}

static bool takes(char *argv[], int *at, const char *option, const char **value) {
    if (strcmp(argv[*at], option) != 0)
        return false;
    *value = argv[++*at];
    if (!*value)
        die(EXIT_USAGE, "%s wants a value", option);
    return true;
}

int main(int argc, char *argv[]) {
    Options options = {.jobs = 1, .folder = STR("build/diff")};
    const char *value, *command = "", *file = NULL;
    Arena *arena = arena_new();
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (takes(argv, &i, "--count", &value))
            options.count = atoll(value);
        else if (takes(argv, &i, "--seed", &value))
            options.seed = strtoull(value, NULL, 10);
        else if (takes(argv, &i, "--jobs", &value))
            options.jobs = (int)max_i64(1, min_i64(atoi(value), MOST_JOBS));
        else if (takes(argv, &i, "--folder", &value))
            options.folder = str_of(value);
        else if (takes(argv, &i, "--replay", &file) || takes(argv, &i, "--show", &file))
            command = argv[i - 1];
        else if (argv[i][0] == '-')
            command = argv[i];
        else
            path_want(&options, argv[i]);
    }
    for (int i = 0; !options.named && i < path_count; i++)
        options.wanted[i] = true;
    if (!strcmp(command, "--replay"))
        return replay(arena, &options, file);
    if (!strcmp(command, "--show"))
        return show(arena, strtoull(file, NULL, 10));
    if (!strcmp(command, "--list"))
        return list(arena);
    if (!strcmp(command, "--tap"))
        return tap(arena, &options);
    if (!strcmp(command, "--report")) {
        Counts counts = counts_read(arena, options.folder);
        counts_print(&counts, stdout);
        return 0;
    }
    if (*command) {
        fputs(usage, strcmp(command, "--help") ? stderr : stdout);
        return strcmp(command, "--help") ? EXIT_USAGE : 0;
    }
    interrupt_install();
    return run_all(arena, &options);
}
