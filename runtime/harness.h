/* What a profiling or replay program needs of the place where it runs: files, lines, the cost
 * of a call. hosted.c gives it on an operating system, cortex_m.c on a bare Cortex-M under
 * emulation.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdint.h>

/* The program itself, profile.c or replay.c: returns the exit status. */
int harness_main(void);

void harness_print(const char *text);
void harness_print_number(uint64_t value);

/* What one call of `step` costs, in thousandths: of an instruction where those are counted, of
 * a nanosecond where time is measured. */
uint64_t harness_cost(void (*step)(uint8_t *arena), uint8_t *arena);

/* Whole files in order: a handle, or -1. Reading and writing say whether all bytes passed. */
int harness_open(const char *path, int writes);
int harness_read(int file, void *bytes, uint32_t count);
int harness_write(int file, const void *bytes, uint32_t count);
int harness_close(int file);

#endif
