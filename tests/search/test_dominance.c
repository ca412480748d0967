/* test_dominance.c: ranks against their definition, crowding against fixtures.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/problems.h"

#include <math.h>

enum { MOST = 120 };

typedef struct Crowd {
    Design design[MOST];
    Ranked member[MOST];
    int count, objectives;
} Crowd;

/* Few different values, so that there are ties and copies. */
static void crowd_random(Crowd *crowd, uint64_t number) {
    Random random = {11, number, 0};
    *crowd = (Crowd){.count = 1 + random_below(&random, MOST),
                     .objectives = 1 + random_below(&random, 5)};
    int values = 2 + random_below(&random, 20), infeasible = random_below(&random, 3);
    for (int i = 0; i < crowd->count; i++) {
        Design *design = &crowd->design[i];
        design->index = i;
        for (int k = 0; k < crowd->objectives; k++)
            design->worth.objective[k] = random_below(&random, values);
        design->worth.feasible = infeasible * random_below(&random, 3) < 2;
        if (!design->worth.feasible)
            design->violation = 1 + random_below(&random, 6);
        crowd->member[i] = (Ranked){.design = design, .lot = random_next(&random)};
    }
}

static void crowd_rank(Crowd *crowd) {
    Arena *arena = arena_new();
    population_rank(arena, crowd->member, crowd->count, crowd->objectives);
    arena_free(arena);
}

/* Written from the definition, apart from the code under test. */
static bool wins(const Design *a, const Design *b, int objectives) {
    if (a->worth.feasible != b->worth.feasible)
        return a->worth.feasible;
    if (!a->worth.feasible)
        return a->violation < b->violation;
    int less = 0, more = 0;
    for (int k = 0; k < objectives; k++) {
        less += a->worth.objective[k] < b->worth.objective[k];
        more += a->worth.objective[k] > b->worth.objective[k];
    }
    return less && !more;
}

/* Peels: rank r is what nobody dominates once the ranks below are gone. */
static void ranks_by_definition(const Crowd *crowd, int *rank) {
    for (int i = 0; i < crowd->count; i++)
        rank[i] = INT32_MAX;
    for (int r = 0, left = crowd->count; left > 0; r++)
        for (int i = 0; i < crowd->count; i++) {
            bool beaten = rank[i] < r;
            for (int j = 0; j < crowd->count && !beaten; j++)
                beaten = rank[j] >= r &&
                         wins(&crowd->design[j], &crowd->design[i], crowd->objectives);
            if (!beaten) {
                rank[i] = r;
                left--;
            }
        }
}

static void test_ranks(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 400; number++) {
        Crowd crowd;
        crowd_random(&crowd, number);
        int expected[MOST];
        ranks_by_definition(&crowd, expected);
        crowd_rank(&crowd);
        for (int i = 0; i < crowd.count; i++)
            assert_int_equal(crowd.member[i].rank, expected[crowd.member[i].design->index]);
    }
}

static void test_dominates(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 50; number++) {
        Crowd crowd;
        crowd_random(&crowd, number);
        const Design *d = crowd.design;
        for (int i = 0; i < crowd.count; i++)
            for (int j = 0; j < crowd.count; j++)
                assert_int_equal(design_dominates(&d[i], &d[j], crowd.objectives),
                                 wins(&d[i], &d[j], crowd.objectives));
    }
}

static void test_order(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 100; number++) {
        Crowd crowd;
        crowd_random(&crowd, number);
        crowd_rank(&crowd);
        for (int i = 1; i < crowd.count; i++) {
            const Ranked *a = &crowd.member[i - 1], *b = &crowd.member[i];
            assert_true(a->rank <= b->rank);
            assert_true(a->rank < b->rank || a->crowding >= b->crowding);
            assert_true(a->rank < b->rank || a->crowding > b->crowding || a->lot <= b->lot);
        }
    }
}

/* The result is a function of the members, not of their order. */
static void test_shuffled(void **state) {
    (void)state;
    for (uint64_t number = 0; number < 100; number++) {
        Crowd crowd, mixed;
        crowd_random(&crowd, number);
        mixed = crowd;
        int order[MOST];
        for (int i = 0; i < crowd.count; i++)
            order[i] = i;
        Random random = {12, number, 0};
        random_shuffle(&random, order, crowd.count);
        for (int i = 0; i < crowd.count; i++)
            mixed.member[i] = crowd.member[order[i]];
        crowd_rank(&crowd);
        crowd_rank(&mixed);
        for (int i = 0; i < crowd.count; i++)
            assert_int_equal(crowd.member[i].design->index, mixed.member[i].design->index);
    }
}

static void crowd_of(Crowd *crowd, int count, int objectives, const double *values) {
    *crowd = (Crowd){.count = count, .objectives = objectives};
    for (int i = 0; i < count; i++) {
        crowd->design[i].index = i;
        crowd->design[i].worth.feasible = true;
        for (int k = 0; k < objectives; k++)
            crowd->design[i].worth.objective[k] = values[i * objectives + k];
        crowd->member[i] = (Ranked){.design = &crowd->design[i]};
    }
    crowd_rank(crowd);
}

static double crowding_of(const Crowd *crowd, int index) {
    for (int i = 0; i < crowd->count; i++)
        if (crowd->member[i].design->index == index)
            return crowd->member[i].crowding;
    fail();
    return 0;
}

/* Sums of relative gaps, worked out by hand. */
static void test_crowding(void **state) {
    (void)state;
    Crowd line;
    crowd_of(&line, 3, 2, (double[]){0, 100, 0.5, 50, 1, 0});
    assert_true(isinf(crowding_of(&line, 0)) && isinf(crowding_of(&line, 2)));
    assert_float_equal(crowding_of(&line, 1), 2, 0);

    Crowd bent;
    crowd_of(&bent, 5, 2, (double[]){8, 0, 0, 16, 1, 4, 2, 2, 4, 1});
    assert_true(isinf(crowding_of(&bent, 0)) && isinf(crowding_of(&bent, 1)));
    assert_float_equal(crowding_of(&bent, 2), 2 / 8.0 + 14 / 16.0, 0);
    assert_float_equal(crowding_of(&bent, 3), 3 / 8.0 + 3 / 16.0, 0);
    assert_float_equal(crowding_of(&bent, 4), 6 / 8.0 + 2 / 16.0, 0);
    assert_int_equal(bent.member[2].design->index, 2);
    assert_int_equal(bent.member[4].design->index, 3);

    Crowd space;
    crowd_of(&space, 4, 3, (double[]){0, 4, 4, 4, 0, 4, 4, 4, 0, 1, 3, 1});
    assert_float_equal(crowding_of(&space, 3), 1 + 1 + 1, 0);

    Crowd pair;
    crowd_of(&pair, 2, 2, (double[]){0, 1, 1, 0});
    assert_true(isinf(crowding_of(&pair, 0)) && isinf(crowding_of(&pair, 1)));
    Crowd copies;
    crowd_of(&copies, 4, 2, (double[]){3, 3, 3, 3, 3, 3, 3, 3});
    for (int i = 0; i < 4; i++)
        assert_float_equal(crowding_of(&copies, i), 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),    cmocka_unit_test(test_dominates),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_shuffled),
        cmocka_unit_test(test_crowding),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
