/* test_archive.c: look-up, front and knee.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/problems.h"

#include <math.h>

static void test_lookup(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = depths(arena);
    Archive *all = exhaust(arena, bench);
    assert_true(archive_count(all) > 1000);
    assert_int_equal(archive_count(all), bench->asked.count);
    for (int i = 0; i < archive_count(all); i++) {
        const Design *design = archive_design(all, i);
        assert_int_equal(design->index, i);
        assert_ptr_equal(archive_find(all, design->genes), design);
    }
    uint8_t illegal[GENES_MAX] = {0, 3};
    assert_null(archive_find(all, illegal));
    arena_free(arena);
}

static void test_proposals(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = depths(arena);
    Archive *archive = archive_new(arena, &bench->problem);
    uint8_t genes[10] = {0, 1, 3, 3, 3, 0, 1, 0, 0, 0},
            same[10] = {0, 1, 0, 2, 0, 0, 1, 3, 0, 0};
    uint8_t illegal[10] = {0, 3, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_true(archive_propose(archive, genes));
    assert_int_equal(genes[2], 0);
    assert_false(archive_propose(archive, same));
    assert_false(archive_propose(archive, illegal));
    assert_int_equal(archive_proposed(archive), 1);
    assert_null(archive_find(archive, genes));
    bench->interrupt_at = 1;
    assert_false(archive_judge(archive));
    assert_int_equal(archive_count(archive), 0);
    assert_true(archive_judge(archive));
    assert_int_equal(archive_count(archive), 1);
    assert_non_null(archive_find(archive, genes));
    assert_false(archive_propose(archive, same));
    assert_true(archive_judge(archive));
    assert_int_equal(bench->asked.count, 1);
    arena_free(arena);
}

static bool on_front(const Archive *all, const Design *design, int objectives) {
    bool beaten = !design->worth.feasible;
    for (int i = 0; i < archive_count(all) && !beaten; i++) {
        const Worth *other = &archive_design(all, i)->worth;
        int less = 0, more = 0;
        for (int k = 0; k < objectives; k++) {
            less += other->objective[k] < design->worth.objective[k];
            more += other->objective[k] > design->worth.objective[k];
        }
        beaten = other->feasible && less && !more;
    }
    return !beaten;
}

static void check_front(MakeBench *make, int designs) {
    Arena *arena = arena_new();
    Bench *bench = make(arena);
    SearchPlan plan = search_plan_default();
    plan.designs = designs;
    Archive *archive = search(arena, bench, "random", &plan);
    const Design **front;
    int count = archive_front(archive, arena, &front), expected = 0;
    for (int i = 0; i < archive_count(archive); i++)
        expected += on_front(archive, archive_design(archive, i), bench->problem.objectives);
    assert_int_equal(count, expected);
    for (int i = 0; i < count; i++) {
        assert_true(on_front(archive, front[i], bench->problem.objectives));
        if (i > 0) {
            double before = front[i - 1]->worth.objective[0],
                   here = front[i]->worth.objective[0];
            int genes =
                memcmp(front[i - 1]->genes, front[i]->genes, (size_t)bench->problem.genes);
            assert_true(before < here || (before == here && genes < 0));
        }
    }
    arena_free(arena);
}

static void test_front(void **state) {
    (void)state;
    check_front(layers, 3000);
    check_front(pairs, 3000);
    check_front(depths, 3000);
    check_front(traps, 3000);
}

/* Judges say strange things when training diverges. */
static void strange_judge(const uint8_t *genes, Worth *worth) {
    static const double first[] = {1, NAN, INFINITY, -INFINITY, 2, 0};
    worth->feasible = genes[0] < 5;
    worth->objective[0] = first[genes[0]];
    worth->objective[1] = genes[1];
}

static void test_strange(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Bench *bench = bench_new(arena, 2, 2, 0, strange_judge);
    gene_is(bench, 0, 6, false, 0);
    gene_is(bench, 1, 2, false, 1);
    Archive *all = exhaust(arena, bench);
    const Design **front;
    assert_int_equal(archive_front(all, arena, &front), 1);
    assert_int_equal(front[0]->genes[0], 0);
    for (int i = 0; i < archive_count(all); i++)
        assert_int_equal(archive_design(all, i)->violation == 0,
                         archive_design(all, i)->worth.feasible);
    assert_float_equal(archive_hypervolume(all, (double[]){2, 2}), 2, 0);
    arena_free(arena);
}

static int knee_of(int count, int objectives, const double *values) {
    Design designs[8] = {0};
    const Design *front[8] = {0};
    for (int i = 0; i < count; i++) {
        front[i] = &designs[i];
        for (int k = 0; k < objectives; k++)
            designs[i].worth.objective[k] = values[i * objectives + k];
    }
    return front_knee(front, count, objectives);
}

static void test_knee(void **state) {
    (void)state;
    assert_int_equal(knee_of(0, 2, NULL), -1);
    assert_int_equal(knee_of(1, 2, (double[]){3, 4}), 0);
    /* Accuracy comes negated; costs in other units change nothing. */
    assert_int_equal(knee_of(5, 2, (double[]){-92, 9, -91, 6, -90, 2, -80, 1.5, -70, 1}), 2);
    assert_int_equal(
        knee_of(5, 2, (double[]){-92, 9e6, -91, 6e6, -90, 2e6, -80, 1.5e6, -70, 1e6}), 2);
    /* Two bends at equal distance: the cheaper. Two ends alone: the cheaper. */
    assert_int_equal(knee_of(4, 2, (double[]){0, 1, 0.2, 0.4, 0.4, 0.2, 1, 0}), 2);
    assert_int_equal(knee_of(4, 2, (double[]){0, 0.3, 0.06, 0.12, 0.12, 0.06, 0.3, 0}), 2);
    assert_int_equal(knee_of(2, 2, (double[]){0, 1, 1, 0}), 1);
    /* A front that bulges away from the ideal has no knee inside. */
    assert_int_equal(knee_of(3, 2, (double[]){0, 1, 0.8, 0.8, 1, 0}), 2);
    /* Three extremes span the plane x + y + z = 1 (in halves of the range). */
    assert_int_equal(
        knee_of(5, 3, (double[]){0, 1, 1, 1, 0, 1, 1, 1, 0, .6, .6, .6, .4, .5, .6}), 4);
    /* A plane through the extremes that tips past the ideal point is not to be trusted. */
    assert_int_equal(
        knee_of(5, 3, (double[]){0, .1, .1, 1, 0, .2, .2, 1, 0, .5, .05, 1, .9, .05, .15}), 0);
    /* One design is best in both costs, and one cost is the same everywhere. */
    assert_int_equal(knee_of(3, 3, (double[]){0, 9, 9, 1, 2, 1, 9, 0, 0}), 1);
    assert_int_equal(knee_of(3, 3, (double[]){0, 9, 5, 1, 2, 5, 9, 0, 5}), 1);
    assert_int_equal(knee_of(3, 1, (double[]){2, 2, 2}), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup), cmocka_unit_test(test_proposals),
        cmocka_unit_test(test_front),  cmocka_unit_test(test_strange),
        cmocka_unit_test(test_knee),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
