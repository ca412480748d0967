/* pool.c: threads that share out the indices of one loop at a time.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/base.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

typedef struct Worker {
    Pool *pool;
    pthread_t thread;
    int number; /* worker 0 is the caller of pool_run */
} Worker;

struct Pool {
    int threads;
    Worker *workers;
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    /* Guarded by the lock. */
    uint64_t round; /* how many loops were begun; a worker compares it with what it has seen */
    int working;    /* workers still in the present loop */
    bool closing;
    /* The present loop. */
    void (*task)(void *context, int index, int worker);
    void *context;
    int count;
    atomic_int next;
    bool running;
};

static int processors(void) {
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? count : 1;
}

static void take_indices(Pool *pool, int worker) {
    for (int i; (i = atomic_fetch_add(&pool->next, 1)) < pool->count;)
        pool->task(pool->context, i, worker);
}

static void *work(void *argument) {
    const Worker *worker = argument;
    Pool *pool = worker->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->closing)
            pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->closing)
            break;
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        take_indices(pool, worker->number);
        pthread_mutex_lock(&pool->lock);
        if (--pool->working == 0)
            pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

Pool *pool_new(int threads) {
    Pool *pool = memory_new(sizeof *pool);
    pool->threads = threads > 0 ? threads : processors();
    pool->workers = memory_new((size_t)pool->threads * sizeof(Worker));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    for (int i = 1; i < pool->threads; i++) {
        Worker *worker = &pool->workers[i];
        *worker = (Worker){.pool = pool, .number = i};
        int error = pthread_create(&worker->thread, NULL, work, worker);
        if (error)
            die(EXIT_ENVIRONMENT, "cannot start thread %d of %d: %s", i + 1, pool->threads,
                strerror(error));
    }
    return pool;
}

void pool_free(Pool *pool) {
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->end);
    memory_free(pool->workers);
    memory_free(pool);
}

int pool_threads(const Pool *pool) {
    return pool->threads;
}

void pool_run(Pool *pool, int count, void (*task)(void *context, int index, int worker),
              void *context) {
    assert(!pool->running && "pool_run may not be nested");
    pool->running = true;
    pthread_mutex_lock(&pool->lock);
    pool->task = task, pool->context = context, pool->count = count;
    atomic_store(&pool->next, 0);
    pool->working = count > 1 ? pool->threads - 1 : 0;
    if (pool->working) {
        pool->round++;
        pthread_cond_broadcast(&pool->begin);
    }
    pthread_mutex_unlock(&pool->lock);
    take_indices(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->working)
        pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pool->running = false;
}
