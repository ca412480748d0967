/* test_strategies.c: NSGA-II and random search on spaces whose true front is known.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/problems.h"

#include <math.h>

enum { SEEDS = 11 };

static int double_compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The median over seeds of the part of the true hypervolume that a strategy finds. */
static double found(MakeBench *make, const char *strategy, int population, int designs) {
    double part[SEEDS], reference[MAX_OBJECTIVES];
    Arena *arena = arena_new();
    Bench *bench = make(arena);
    Archive *all = exhaust(arena, bench);
    reference_of(all, bench->problem.objectives, reference);
    double whole = archive_hypervolume(all, reference);
    for (int i = 0; i < SEEDS; i++) {
        SearchPlan plan = search_plan_default();
        plan.population = population;
        plan.designs = designs;
        plan.seed = (uint64_t)i + 1;
        Archive *archive = search(arena, bench, strategy, &plan);
        assert_int_equal(archive_count(archive), designs);
        part[i] = archive_hypervolume(archive, reference) / whole;
    }
    arena_free(arena);
    qsort(part, SEEDS, sizeof *part, double_compare);
    return part[SEEDS / 2];
}

static void check_found(const char *name, MakeBench *make, int population, int designs) {
    double evolved = found(make, "nsga2", population, designs);
    double drawn = found(make, "random", population, designs);
    printf("# %s, %d designs: nsga2 %.4f, random %.4f of the hypervolume\n", name, designs,
           evolved, drawn);
    assert_true(evolved >= 0.98);
    assert_true(drawn < evolved);
}

static void test_layers(void **state) {
    (void)state;
    check_found("layers", layers, 40, 1200);
}

static void test_pairs(void **state) {
    (void)state;
    check_found("pairs", pairs, 60, 2400);
}

static void test_depths(void **state) {
    (void)state;
    check_found("depths", depths, 20, 300);
}

static void test_traps(void **state) {
    (void)state;
    check_found("traps", traps, 40, 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_depths),
        cmocka_unit_test(test_traps),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
