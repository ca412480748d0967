/* peak.c: how many 8-bit products a thread of this machine can add up in a second: independent
 * chains of VPDPBUSD on registers, nothing else.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
 *
 * usage: peak [THREADS]    prints products per second of all threads together, the best of many
 * short runs, and the median. Exit code 3 where the processor lacks AVX-512 VNNI. */
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHAINS = 12, ROUNDS = 20000, RUNS = 60, LANES = 64, MOST_THREADS = 64 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One chain waits some five cycles for itself, so that twelve keep two ports busy. One opaque
 * statement: written with intrinsics, the sums of a loop like this went through memory. */
__attribute__((target("avx512f,avx512vnni"))) static __m512i burst(__m512i x, __m512i w) {
    __m512i a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
    for (int r = 0; r < ROUNDS; r++)
        __asm__ volatile("vpdpbusd %13, %12, %0\n\tvpdpbusd %13, %12, %1\n\t"
                         "vpdpbusd %13, %12, %2\n\tvpdpbusd %13, %12, %3\n\t"
                         "vpdpbusd %13, %12, %4\n\tvpdpbusd %13, %12, %5\n\t"
                         "vpdpbusd %13, %12, %6\n\tvpdpbusd %13, %12, %7\n\t"
                         "vpdpbusd %13, %12, %8\n\tvpdpbusd %13, %12, %9\n\t"
                         "vpdpbusd %13, %12, %10\n\tvpdpbusd %13, %12, %11"
                         : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f), "+v"(g),
                           "+v"(h), "+v"(i), "+v"(j), "+v"(k), "+v"(l)
                         : "v"(x), "v"(w));
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct Measured {
    double best, median; /* products per second of one thread */
    int32_t sink;
} Measured;

__attribute__((target("avx512f,avx512vnni"))) static void *measure(void *to) {
    Measured *m = to;
    double rate[RUNS];
    __m512i x = _mm512_set1_epi8(3), w = _mm512_set1_epi8(-2);
    for (int i = 0; i < RUNS; i++) {
        double from = now();
        m->sink += _mm512_reduce_add_epi32(burst(x, w));
        rate[i] = (double)ROUNDS * CHAINS * LANES / (now() - from);
    }
    qsort(rate, RUNS, sizeof *rate, ascending);
    m->best = rate[RUNS - 1];
    m->median = rate[RUNS / 2];
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (!__builtin_cpu_supports("avx512vnni")) {
        fprintf(stderr, "peak: this processor has no AVX-512 VNNI\n");
        return 3;
    }
    if (threads < 1 || threads > MOST_THREADS) {
        fprintf(stderr, "peak: 1 to %d threads\n", MOST_THREADS);
        return 2;
    }
    pthread_t thread[MOST_THREADS];
    Measured measured[MOST_THREADS] = {{0}};
    double best = 0, median = 0;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, measure, &measured[i]))
            return 3;
    for (int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        best += measured[i].best;
        median += measured[i].median;
    }
    printf("%.0f %.0f\n", best, median);
    return 0;
}
