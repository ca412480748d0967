/* Threads that wait for parts of a layer. Layers are short, so a thread looks for work for a while
 * before it sleeps.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: 0BSD */
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { LOOKS = 20000 }; /* before sleeping */

struct Threads {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int count; /* of threads, without the caller's */
    pthread_t *thread;
    void (*body)(void *arg, int part);
    void *arg;
    int parts;     /* of this call */
    int next;      /* atomic: the first part that nobody has */
    int working;   /* atomic: threads that have not finished this call */
    unsigned turn; /* atomic: counts calls */
    int ends;
};

/* Takes parts until there are none. */
static void take_parts(Threads *t) {
    for (;;) {
        int part = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED);
        if (part >= t->parts)
            return;
        t->body(t->arg, part);
    }
}

/* Returns when the call after `turn` has begun. */
static void await_turn(Threads *t, unsigned turn) {
    int look;
    for (look = 0; look < LOOKS; look++)
        if (__atomic_load_n(&t->turn, __ATOMIC_ACQUIRE) != turn)
            return;
    pthread_mutex_lock(&t->mutex);
    while (__atomic_load_n(&t->turn, __ATOMIC_ACQUIRE) == turn)
        pthread_cond_wait(&t->wake, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
}

static void *serve(void *arg) {
    Threads *t = (Threads *)arg;
    unsigned turn = 0;
    for (;;) {
        await_turn(t, turn);
        turn++;
        if (t->ends)
            return NULL;
        take_parts(t);
        __atomic_fetch_sub(&t->working, 1, __ATOMIC_RELEASE);
    }
}

static void begin_turn(Threads *t) {
    pthread_mutex_lock(&t->mutex);
    __atomic_fetch_add(&t->turn, 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&t->wake);
    pthread_mutex_unlock(&t->mutex);
}

void threads_for(void *threads, int n, void (*body)(void *arg, int part), void *arg) {
    Threads *t = (Threads *)threads;
    int look;
    t->body = body;
    t->arg = arg;
    t->parts = n;
    __atomic_store_n(&t->next, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&t->working, t->count, __ATOMIC_RELAXED);
    begin_turn(t);
    take_parts(t);
    for (look = 0; __atomic_load_n(&t->working, __ATOMIC_ACQUIRE) > 0; look++)
        if (look > LOOKS)
            sched_yield();
}

Threads *threads_new(int count) {
    Threads *t = (Threads *)calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->thread = (pthread_t *)calloc((size_t)(count > 1 ? count : 1), sizeof *t->thread);
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->wake, NULL);
    while (t->thread && t->count < count - 1 &&
           pthread_create(&t->thread[t->count], NULL, serve, t) == 0)
        t->count++;
    if (t->thread && t->count == (count > 1 ? count - 1 : 0))
        return t;
    threads_free(t);
    return NULL;
}

void threads_free(Threads *t) {
    int i;
    if (!t)
        return;
    t->ends = 1;
    begin_turn(t);
    for (i = 0; i < t->count; i++)
        pthread_join(t->thread[i], NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->mutex);
    free(t->thread);
    free(t);
}
