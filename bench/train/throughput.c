/* How fast the largest member of the quick start's space trains at f32, beside what the
 * machine's multipliers and a BLAS could do. Random images: the work is the same.
 *
 * Usage: throughput [THREADS [IMAGES]]
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/train/fixture.h"

#include <cblas.h>
#include <stdlib.h>

extern void openblas_set_num_threads(int threads) __attribute__((weak));

enum { CHAINS = 12, ROUNDS = 4000000, SIDE = 512, REPEATS = 12 };

typedef struct Products {
    float *a, *b, *c; /* one after the other for each worker */
    bool ours;
} Products;

/* Chains of multiply-adds that never leave the registers. */
static void multiply_add(void *context, int index, int worker) {
    float *result = context;
    Vec chain[CHAINS];
    (void)worker;
    for (int i = 0; i < CHAINS; i++)
        chain[i] = vec_all((float)(i + index));
    for (int r = 0; r < ROUNDS; r++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            chain[i] = vec_fma(chain[i], vec_all(0.999f), vec_all(0.001f));
    for (int i = 0; i < CHAINS; i++)
        result[index] += vec_sum(chain[i]);
}

static void product(void *context, int index, int worker) {
    const Products *p = context;
    size_t at = (size_t)index * SIDE * SIDE;
    (void)worker;
    for (int r = 0; r < REPEATS; r++)
        if (p->ours)
            gemm(&(Gemm){SIDE, SIDE, SIDE, p->a + at, SIDE, 1, p->b + at, SIDE, p->c + at, SIDE,
                         false});
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1,
                        p->a + at, SIDE, p->b + at, SIDE, 0, p->c + at, SIDE);
}

/* The best of three, in GFLOP/s. */
static double rate(Pool *pool, void (*task)(void *, int, int), void *context, double flops) {
    double best = 0;
    for (int i = 0; i < 3; i++) {
        double begin = clock_seconds();
        pool_run(pool, pool_threads(pool), task, context);
        double now = flops * pool_threads(pool) / (clock_seconds() - begin) * 1e-9;
        best = now > best ? now : best;
    }
    return best;
}

static double machine_print(Pool *pool) {
    size_t count = (size_t)pool_threads(pool) * SIDE * SIDE;
    Products p = {memory_new(count * 4), memory_new(count * 4), memory_new(count * 4), false};
    for (size_t i = 0; i < count; i++)
        p.a[i] = p.b[i] = (float)random_unit(1, 2, i) - 0.5f;
    double peak = rate(pool, multiply_add, p.c, 2.0 * CHAINS * LANES * ROUNDS);
    double flops = 2.0 * SIDE * SIDE * SIDE * REPEATS;
    printf("multiply-add peak   %8.1f GFLOP/s on %d threads\n", peak, pool_threads(pool));
    printf("sgemm of the BLAS   %8.1f GFLOP/s, %d x %d x %d\n", rate(pool, product, &p, flops),
           SIDE, SIDE, SIDE);
    p.ours = true;
    printf("gemm of nasc        %8.1f GFLOP/s\n", rate(pool, product, &p, flops));
    memory_free(p.a);
    memory_free(p.b);
    memory_free(p.c);
    return peak;
}

static Dataset noise(Arena *arena, int count) {
    uint8_t *image = arena_alloc(arena, (size_t)count * 784),
            *label = arena_alloc(arena, (size_t)count);
    for (int i = 0; i < count * 784; i++)
        image[i] = (uint8_t)random_bits(1, 0, (uint64_t)i);
    for (int i = 0; i < count; i++)
        label[i] = (uint8_t)(random_bits(1, 1, (uint64_t)i) % 10);
    return (Dataset){count, 28, 28, 1, 10, image, label};
}

int main(int argc, char **argv) {
    Arena *arena = arena_new();
    Pool *pool = pool_new(argc > 1 ? atoi(argv[1]) : 0);
    Dataset data = noise(arena, argc > 2 ? atoi(argv[2]) : 32000);
    Space *space = fashion_space(arena);
    Task task = fashion_task();
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
    double peak = machine_print(pool);
    Gene *gene = genes_extreme(arena, space, true);
    Net net = net_of(arena, space, gene);
    Supernet *supernet = supernet_new(space, &task, 1);
    TrainPlan plan = train_plan_default();
    plan.epochs = 1;
    progress_quiet(true);
    double begin = clock_seconds();
    supernet_tune(supernet, gene, true, NULL, &plan, &data, pool, 1, NULL);
    double images = data.count / (clock_seconds() - begin);
    /* Forward, the weights' gradient, and the inputs', which the first operator owes nobody. */
    double flops = 2.0 * (3.0 * (double)net_macs(&net) - (double)op_macs(&net, 1));
    printf("training at f32     %8.0f images/s: %.1f GFLOP/s, %.0f %% of the peak\n", images,
           images * flops * 1e-9, 100 * images * flops * 1e-9 / peak);
    supernet_free(supernet);
    pool_free(pool);
    arena_free(arena);
    return 0;
}
