/* Networks compared in processes of their own: what crashes is found, said and left behind.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "tests/diff/diff.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NETWORK_SECONDS = 60 };

Report *report_new(void) {
    void *at =
        mmap(NULL, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        die(EXIT_ENVIRONMENT, "no shared memory");
    return at;
}

static void failure_report(Report *report, uint64_t seed) {
    if (report->failures < MOST_FAILURES)
        report->failed[report->failures++] = seed;
}

/* A path of one network at a time may hang: nothing that it does takes long. */
static void watch(const Path *path) {
    if (path->batch == 1)
        alarm(NETWORK_SECONDS);
}

static void batch_compare(Arena *arena, const Path *path, void *made, uint64_t first, int count,
                          Report *report) {
    Recipe *recipes = arena_array(arena, Recipe, count);
    Trial *trials = arena_array(arena, Trial, count);
    Str why;
    report->at = (int64_t)first;
    watch(path);
    for (int i = 0; i < count; i++) {
        recipe_draw(&recipes[i], first + (uint64_t)i, TRIAL_LAYERS);
        if (!trial_begin(arena, &recipes[i], &trials[i], &why))
            die(EXIT_ENVIRONMENT, "a network is drawn that does not build: %.*s", STR_ARG(why));
    }
    path->run(arena, path, made, trials, count);
    if (interrupted()) /* what was ended from outside says nothing */
        _exit(EXIT_INTERRUPTED);
    for (int i = 0; i < count; i++)
        if (trial_differs(&trials[i], &report->difference))
            failure_report(report, recipes[i].seed);
    report->done += count;
}

static int fork_quietly(void) {
    fflush(NULL);
    int child = fork();
    if (child < 0)
        die(EXIT_ENVIRONMENT, "no further process can be started");
    return child;
}

int worker_start(const Path *path, uint64_t first, int count, Report *report) {
    *report = (Report){.at = (int64_t)first};
    int child = fork_quietly();
    if (child)
        return child;
    Arena *arena = arena_new();
    void *made = path->begin ? path->begin(arena_new(), path) : NULL;
    for (int at = 0; at < count; at += path->batch) {
        int batch = (int)min_i64(path->batch, count - at);
        batch_compare(arena, path, made, first + (uint64_t)at, batch, report);
        arena_reset(arena);
    }
    _exit(0);
}

const char *end_of_process(int status, char words[64]) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    if (WIFSIGNALED(status))
        snprintf(words, 64, "the process is ended by %s", strsignal(WTERMSIG(status)));
    else
        snprintf(words, 64, "the process ends with status %d", WEXITSTATUS(status));
    return words;
}

bool recipe_fails(const Path *path, const Recipe *recipe, Difference *difference) {
    Report *report = report_new();
    int child = fork_quietly(), status;
    if (child == 0) {
        Arena *arena = arena_new();
        Trial trial;
        Str why;
        if (!trial_begin(arena, recipe, &trial, &why))
            _exit(0);
        watch(path);
        void *made = path->begin ? path->begin(arena, path) : NULL;
        path->run(arena, path, made, &trial, 1);
        report->failures = trial_differs(&trial, &report->difference);
        _exit(0);
    }
    waitpid(child, &status, 0);
    *difference = report->difference;
    bool failed = report->failures != 0;
    char words[64];
    if (end_of_process(status, words)) {
        *difference = (Difference){.vector = -1, .element = -1};
        snprintf(difference->said, sizeof difference->said, "%s", words);
        failed = true;
    }
    munmap(report, sizeof *report);
    return failed;
}
