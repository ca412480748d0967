/* test_hypervolume.c: against counting cells, inclusion and exclusion, and a Monte Carlo
 * estimate.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/search/problems.h"

#include <math.h>

enum { MOST = 400 };

static double measure(const double *points, int count, int objectives, double reference) {
    double corner[MAX_OBJECTIVES];
    for (int k = 0; k < objectives; k++)
        corner[k] = reference;
    Arena *arena = arena_new();
    double volume = hypervolume(arena, points, count, objectives, corner);
    arena_free(arena);
    return volume;
}

static bool covers(const double *point, const double *where, int objectives) {
    for (int k = 0; k < objectives; k++)
        if (point[k] > where[k])
            return false;
    return true;
}

static bool covered(const double *points, int count, int objectives, const double *where) {
    for (int i = 0; i < count; i++)
        if (covers(points + i * objectives, where, objectives))
            return true;
    return false;
}

/* With whole coordinates the volume is a number of unit cells. */
static int cells(const double *points, int count, int objectives, int side) {
    int total = 1, found = 0;
    for (int k = 0; k < objectives; k++)
        total *= side;
    for (int cell = 0; cell < total; cell++) {
        double corner[MAX_OBJECTIVES];
        for (int k = 0, rest = cell; k < objectives; k++, rest /= side)
            corner[k] = rest % side;
        found += covered(points, count, objectives, corner);
    }
    return found;
}

/* Some of the points lie outside the reference box, some repeat others. */
static void test_cells(void **state) {
    (void)state;
    static const int side[] = {0, 20, 16, 12, 7, 5, 4};
    for (int objectives = 1; objectives <= 6; objectives++)
        for (uint64_t number = 0; number < 40; number++) {
            Random random = {21, number, (uint64_t)objectives << 32};
            int count = random_below(&random, 25);
            double points[25 * 6];
            for (int i = 0; i < count * objectives; i++)
                points[i] = random_below(&random, side[objectives] + 1);
            int expected = cells(points, count, objectives, side[objectives]);
            assert_float_equal(measure(points, count, objectives, side[objectives]), expected,
                               0);
        }
}

/* The sum over all subsets of the box that their points share, with alternating sign. */
static double inclusion(const double *points, int count, int objectives) {
    double sum = 0;
    for (unsigned subset = 1; subset < 1u << count; subset++) {
        double box = -1;
        for (int i = 0; i < count; i++)
            box = subset >> i & 1 ? -box : box;
        for (int k = 0; k < objectives; k++) {
            double worst = 0;
            for (int i = 0; i < count; i++)
                if (subset >> i & 1)
                    worst = fmax(worst, points[i * objectives + k]);
            box *= 1 - worst;
        }
        sum += box;
    }
    return sum;
}

static void test_inclusion(void **state) {
    (void)state;
    for (int objectives = 2; objectives <= 8; objectives++)
        for (uint64_t number = 0; number < 10; number++) {
            Random random = {22, number, (uint64_t)objectives << 32};
            double points[9 * 8];
            for (int i = 0; i < 9 * objectives; i++)
                points[i] = random_next_unit(&random);
            assert_float_equal(measure(points, 9, objectives, 1),
                               inclusion(points, 9, objectives), 1e-12);
        }
}

/* Many points on a sphere, none of which dominates another. */
static void sphere(Random *random, int count, int objectives, double *points) {
    for (int i = 0; i < count; i++) {
        double length = 0, *point = points + i * objectives;
        for (int k = 0; k < objectives; k++) {
            point[k] = random_next_unit(random);
            length += point[k] * point[k];
        }
        for (int k = 0; k < objectives; k++)
            point[k] /= sqrt(length);
    }
}

static void test_monte_carlo(void **state) {
    (void)state;
    static const int counts[] = {0, 0, 400, 300, 60, 30};
    enum { SHOTS = 40000 };
    for (int objectives = 2; objectives <= 5; objectives++) {
        Random random = {23, (uint64_t)objectives, 0};
        double points[MOST * 5];
        int count = counts[objectives], hits = 0;
        sphere(&random, count, objectives, points);
        for (int shot = 0; shot < SHOTS; shot++) {
            double where[5];
            for (int k = 0; k < objectives; k++)
                where[k] = random_next_unit(&random) * 1.1;
            hits += covered(points, count, objectives, where);
        }
        double box = 1, part = hits / (double)SHOTS;
        for (int k = 0; k < objectives; k++)
            box *= 1.1;
        double error = sqrt(part * (1 - part) / SHOTS) * box;
        assert_float_equal(measure(points, count, objectives, 1.1), part * box, 4 * error);
    }
}

/* The quarter disc: the limit of many points is 1.21 - pi / 4. */
static void test_limit(void **state) {
    (void)state;
    double points[MOST * 2];
    for (int i = 0; i < MOST; i++) {
        double t = i / (double)(MOST - 1);
        points[2 * i] = (1 - t * t) / (1 + t * t);
        points[2 * i + 1] = 2 * t / (1 + t * t);
    }
    assert_float_equal(measure(points, MOST, 2, 1.1), 1.21 - 3.14159265358979 / 4, 0.003);
}

/* More points never lessen it, and their order changes nothing but rounding. */
static void test_monotone(void **state) {
    (void)state;
    for (int objectives = 2; objectives <= 5; objectives++) {
        Random random = {24, (uint64_t)objectives, 0};
        double points[40 * 5], turned[40 * 5], before = 0;
        sphere(&random, 40, objectives, points);
        for (int count = 1; count <= 40; count++) {
            double volume = measure(points, count, objectives, 1.1);
            assert_true(volume >= before - 1e-12);
            before = volume;
        }
        for (int i = 0; i < 40; i++)
            memcpy(turned + i * objectives, points + (39 - i) * objectives,
                   sizeof(double) * (size_t)objectives);
        assert_float_equal(measure(turned, 40, objectives, 1.1), before, 1e-12);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),       cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_monte_carlo), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_monotone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
