/* A parallel_for of POSIX threads, for what emitted code offers as PREFIX_run_parallel:
 *
 *     Threads *threads = threads_new(2);
 *     net_run_parallel(input, output, arena, threads_for, threads);
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#ifndef THREADS_H
#define THREADS_H

typedef struct Threads Threads;

/* So many threads, the caller's among them; NULL where the system gives none. */
Threads *threads_new(int count);
void threads_free(Threads *threads); /* NULL is fine */

/* Calls body(arg, part) for each part below n, and returns when all have returned. One call at a
 * time; `threads` is a Threads *. */
void threads_for(void *threads, int n, void (*body)(void *arg, int part), void *arg);

#endif
