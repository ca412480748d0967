/* The kernels by themselves: matrix products of every shape of tile, steps of quantisers.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "train/engine.h"

#include <math.h>

static float *numbers(Arena *arena, uint64_t stream, size_t count) {
    float *at = arena_array(arena, float, count);
    for (size_t i = 0; i < count; i++)
        at[i] = (float)random_normal(1, stream, i);
    return at;
}

static void gemm_check(Arena *arena, int rows, int vecs, int depth, bool columns, bool add) {
    int width = vecs * gemm_lanes();
    size_t a_row = columns ? 1 : (size_t)depth + 3, a_k = columns ? (size_t)rows + 5 : 1;
    float *a = numbers(arena, 1, (size_t)(rows + 5) * (size_t)(depth + 3));
    float *b = numbers(arena, 2, (size_t)depth * (size_t)width);
    float *c = numbers(arena, 3, (size_t)rows * (size_t)width);
    float *before = arena_copy(arena, c, (size_t)(rows * width) * sizeof(float));
    gemm(&(Gemm){rows, width, depth, a, a_row, a_k, b, (size_t)width, c, (size_t)width, add});
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < width; j++) {
            double sum = add ? before[i * width + j] : 0, size = 1;
            for (int k = 0; k < depth; k++) {
                double product =
                    (double)a[(size_t)i * a_row + (size_t)k * a_k] * b[k * width + j];
                sum += product;
                size += fabs(product);
            }
            assert_true(fabs(c[i * width + j] - sum) < 1e-5 * size);
        }
}

static void test_gemm(void **state) {
    (void)state;
    for (int rows = 1; rows <= 30; rows++)
        for (int vecs = 1; vecs <= 9; vecs += 1 + rows % 3) {
            Arena *arena = arena_new();
            gemm_check(arena, rows, vecs, 1 + rows * vecs % 37, rows % 2, vecs % 2);
            gemm_check(arena, rows, vecs, 600, vecs % 2, rows % 2);
            arena_free(arena);
        }
}

static double weight_error(const float *weight, int count, float step, int limit) {
    double error = 0;
    for (int i = 0; i < count; i++)
        error += pow(weight_quantise(weight[i], step, (float)limit) - weight[i], 2);
    return error;
}

/* No step of a fine grid does much better. */
static void test_weight_steps(void **state) {
    (void)state;
    Arena *arena = arena_new();
    for (int bits = 2; bits <= 8; bits++) {
        int limit = (1 << (bits - 1)) - 1, count = 200;
        float *weight = numbers(arena, (uint64_t)bits, (size_t)count);
        float step = weight_step_best(weight, count, limit);
        double error = weight_error(weight, count, step, limit);
        for (double s = 0.2; s < 4; s *= 1.01)
            assert_true(error < 1.1 * weight_error(weight, count, (float)(s * step), limit));
    }
    float none[4] = {0};
    assert_true(weight_step_best(none, 4, 7) > 0);
    arena_free(arena);
}

static void test_activation_steps(void **state) {
    (void)state;
    float step, zero, value[1000];
    for (int i = 0; i < 1000; i++)
        value[i] = (float)i / 999 * 5;
    activation_calibrate(value, 1000, FORMAT_I8, true, &step, &zero);
    assert_true(zero == -128 && fabsf(step * 255 - 5) < 0.1f);
    for (int i = 0; i < 1000; i++)
        value[i] = (float)i / 999 * 4 - 1;
    activation_calibrate(value, 1000, FORMAT_I8, false, &step, &zero);
    assert_true(fabsf(step * 255 - 4) < 0.1f && fabsf(zero - (-128 + 1 / step)) <= 1.5f);
    activation_calibrate(value, 1000, FORMAT_I16, false, &step, &zero);
    assert_true(zero == 0 && fabsf(step * 32768 - 3) < 0.1f);
    memset(value, 0, sizeof value);
    activation_calibrate(value, 1000, FORMAT_I4, false, &step, &zero);
    assert_true(step > 0 && zero >= -8 && zero <= 7);
}

static void test_rate(void **state) {
    (void)state;
    TrainPlan plan = train_plan_default();
    double most = 0;
    for (int step = 0; step < 1000; step++) {
        double rate = rate_at(&plan, step, 1000);
        assert_true(rate > 0 && rate <= plan.rate);
        most = fmax(most, rate);
    }
    assert_true(most > 0.95 * plan.rate);
    assert_true(rate_at(&plan, 999, 1000) < 0.001 * plan.rate);
    plan.rate_kind = RATE_CONSTANT;
    assert_true(rate_at(&plan, 500, 1000) == plan.rate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_weight_steps),
        cmocka_unit_test(test_activation_steps),
        cmocka_unit_test(test_rate),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
