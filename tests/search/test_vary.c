/* test_vary.c: what crossover and mutation do to genes, and that what they do is seen.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/problems.h"

enum { TRIALS = 20000 };

/* A fifth gene of a single value, which nothing may change. */
static Bench *bench_make(Arena *arena) {
    Bench *bench = bench_new(arena, 6, 2, 0, layers_judge);
    static const int values[] = {5, 5, 2, 9, 1, 3};
    for (int i = 0; i < 6; i++)
        gene_is(bench, i, values[i], i == 0 || i == 3, 7 - i / 2 * 3);
    return bench;
}

static int differences(const uint8_t *a, const uint8_t *b, int count) {
    int found = 0;
    for (int i = 0; i < count; i++)
        found += a[i] != b[i];
    return found;
}

static void test_mutate_one(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_make(arena);
    int changed[6] = {0};
    for (int t = 0; t < TRIALS; t++) {
        Random random = {31, (uint64_t)t, 0};
        uint8_t genes[6], before[6];
        for (int i = 0; i < 6; i++)
            before[i] = genes[i] = (uint8_t)random_below(&random, bench->cardinality[i]);
        genes_mutate_one(&bench->problem, &random, genes);
        assert_int_equal(differences(genes, before, 6), 1);
        for (int i = 0; i < 6; i++) {
            assert_true(genes[i] < bench->cardinality[i]);
            changed[i] += genes[i] != before[i];
        }
    }
    for (int i = 0; i < 6; i++)
        assert_float_equal(changed[i], i == 4 ? 0 : TRIALS / 5, TRIALS / 50);
    uint8_t fixed[1] = {0};
    Random random = {31, 0, 0};
    bench->problem.genes = 1;
    bench->cardinality[0] = 1;
    genes_mutate_one(&bench->problem, &random, fixed);
    assert_int_equal(fixed[0], 0);
    arena_free(arena);
}

/* Where a value of 2 out of 0 to 4 goes: any other with equal odds, for an ordinal gene half of
 * the time a neighbour. */
static void test_mutated_values(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_make(arena);
    int times[2][5] = {{0}}, ends = 0;
    for (int t = 0; t < TRIALS; t++) {
        Random random = {32, (uint64_t)t, 0};
        uint8_t genes[6] = {2, 2, 0, 0, 0, 0};
        genes_mutate(&bench->problem, 1, &random, genes);
        times[0][genes[0]]++, times[1][genes[1]]++;
        assert_true(genes[2] == 1 && genes[3] != 0 && genes[4] == 0 && genes[5] != 0);
        ends += genes[3] == 1;
    }
    static const int expected[2][5] = {{1, 3, 0, 3, 1}, {2, 2, 0, 2, 2}};
    for (int ordinal = 0; ordinal < 2; ordinal++)
        for (int value = 0; value < 5; value++)
            assert_float_equal(times[ordinal][value], expected[ordinal][value] * TRIALS / 8,
                               TRIALS / 50);
    assert_float_equal(ends, TRIALS * (0.5 + 0.5 / 8), TRIALS / 50);
    arena_free(arena);
}

static void test_mutation_rate(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_make(arena);
    int changed = 0;
    for (int t = 0; t < TRIALS; t++) {
        Random random = {33, (uint64_t)t, 0};
        uint8_t genes[6] = {0}, before[6] = {0};
        genes_mutate(&bench->problem, 0.2, &random, genes);
        changed += differences(genes, before, 6);
    }
    assert_float_equal(changed, 5 * 0.2 * TRIALS, TRIALS / 25);
    arena_free(arena);
}

/* Genes 0 and 1 are a group, so are 2 and 3, and 4 and 5. Gene by gene, a group is split half
 * of the time; over all matings a quarter. */
static void test_cross(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_make(arena);
    int split = 0, whole = 0, first[6] = {0};
    for (int t = 0; t < TRIALS; t++) {
        Random random = {34, (uint64_t)t, 0};
        uint8_t a[6] = {0, 0, 0, 0, 0, 0}, b[6] = {1, 1, 1, 1, 1, 1}, child[6];
        genes_cross(&bench->problem, &random, a, b, child);
        for (int i = 0; i < 6; i++) {
            assert_true(child[i] <= 1);
            first[i] += child[i] == 0;
        }
        split += child[0] != child[1];
        whole += child[0] == child[1] && child[2] == child[3] && child[4] == child[5];
    }
    assert_float_equal(split, TRIALS / 4, TRIALS / 50);
    assert_float_equal(whole, TRIALS * (0.5 + 0.5 / 8), TRIALS / 50);
    for (int i = 0; i < 6; i++)
        assert_float_equal(first[i], TRIALS / 2, TRIALS / 50);
    arena_free(arena);
}

/* Scattered groups move as one, too. */
static void test_scattered(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_make(arena);
    int together = 0;
    for (int i = 0; i < 6; i++)
        bench->group[i] = i % 2 ? -1000 : 99;
    for (int t = 0; t < TRIALS; t++) {
        Random random = {35, (uint64_t)t, 0};
        uint8_t a[6] = {0}, b[6] = {1, 1, 1, 1, 1, 1}, child[6];
        genes_cross(&bench->problem, &random, a, b, child);
        together += child[0] == child[2] && child[2] == child[4] && child[1] == child[3] &&
                    child[3] == child[5];
    }
    assert_float_equal(together, TRIALS * (0.5 + 0.5 / 16), TRIALS / 50);
    arena_free(arena);
}

/* An active gene changes the canonical form and what it is worth by; an inactive one, nothing.
 */
static void test_activity(void **state) {
    (void)state;
    for (int t = 0; t < 2000; t++) {
        Random random = {36, (uint64_t)t, 0};
        uint8_t genes[10], flipped[10];
        for (int i = 0; i < 10; i++)
            genes[i] = (uint8_t)random_below(&random, 4);
        depths_canonical(genes);
        int gene = random_below(&random, 10), layer = gene % DEPTH_STAGE;
        memcpy(flipped, genes, 10);
        flipped[gene] = (uint8_t)((flipped[gene] + 1) % 4);
        depths_canonical(flipped);
        bool active = layer <= genes[gene - layer] + 1;
        bool widened = active && layer > 1 && genes[gene] == 3; /* 0 is repaired */
        if (active && !widened)
            assert_memory_not_equal(genes, flipped, 10);
        if (!active)
            assert_memory_equal(genes, flipped, 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutate_one),    cmocka_unit_test(test_mutated_values),
        cmocka_unit_test(test_mutation_rate), cmocka_unit_test(test_cross),
        cmocka_unit_test(test_scattered),     cmocka_unit_test(test_activity),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
