/* The harness on an operating system: stdio and the monotonic clock.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#define _GNU_SOURCE
#include "harness.h"
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void harness_print(const char *text) {
    fputs(text, stdout);
}

void harness_print_number(uint64_t value) {
    printf("%" PRIu64, value);
}

enum { MOST_FILES = 4 };
static FILE *open_files[MOST_FILES];

int harness_open(const char *path, int writes) {
    for (int i = 0; i < MOST_FILES; i++)
        if (open_files[i] == NULL) {
            open_files[i] = fopen(path, writes ? "wb" : "rb");
            return open_files[i] == NULL ? -1 : i;
        }
    return -1;
}

int harness_read(int file, void *bytes, uint32_t count) {
    return fread(bytes, 1, count, open_files[file]) == count;
}

int harness_write(int file, const void *bytes, uint32_t count) {
    return fwrite(bytes, 1, count, open_files[file]) == count;
}

int harness_close(int file) {
    FILE *stream = open_files[file];
    open_files[file] = NULL;
    return fclose(stream) == 0;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t time_of(void (*step)(uint8_t *arena), uint8_t *arena, uint64_t calls) {
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < calls; i++)
        step(arena);
    return now_ns() - start;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The median of several samples of at least 2 ms each; finding out how many calls that needs
 * warms the caches up. Other work on the machine only ever adds time, which a median of few
 * bears. */
uint64_t harness_cost(void (*step)(uint8_t *arena), uint8_t *arena) {
    enum { SAMPLES = 7, SAMPLE_NS = 2000000 };
    uint64_t calls = 1, took, sample[SAMPLES];
    while ((took = time_of(step, arena, calls)) < SAMPLE_NS)
        calls =
            took < SAMPLE_NS / 16 ? calls * 8 : calls * (SAMPLE_NS + SAMPLE_NS / 8) / took + 1;
    for (int i = 0; i < SAMPLES; i++)
        sample[i] = time_of(step, arena, calls) * 1000 / calls;
    qsort(sample, SAMPLES, sizeof sample[0], by_value);
    return sample[SAMPLES / 2];
}

/* Stay on one core, so that the caches stay warm and the clock speed is one core's. */
static void stay_here(void) {
    cpu_set_t set;
    int here = sched_getcpu();
    CPU_ZERO(&set);
    if (here >= 0) {
        CPU_SET(here, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
}

int main(void) {
    stay_here();
    int status = harness_main();
    return fflush(stdout) == 0 ? status : 1;
}
