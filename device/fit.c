/* The cost of a step that was not measured: fitted, kernel by kernel, to those that were.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <math.h>

/* Non-negative least squares by coordinate descent on the normal equations: few columns, so slow
 * convergence costs nothing, and the order of sums is fixed. A row is divided by its cost, so that
 * the errors are relative; a column by its length, so that one step suits all. */
enum { ROUNDS = 20000 };

typedef struct Normal {
    double matrix[STEP_FEATURES][STEP_FEATURES]; /* of the scaled columns */
    double right[STEP_FEATURES];
    double length[STEP_FEATURES]; /* of each column before scaling */
} Normal;

static void normal_add(Normal *normal, const StepRow *row) {
    for (int i = 0; i < STEP_FEATURES; i++) {
        double x = row->feature[i] / row->value;
        normal->right[i] += x;
        for (int j = 0; j < STEP_FEATURES; j++)
            normal->matrix[i][j] += x * (row->feature[j] / row->value);
    }
}

static void normal_scale(Normal *normal) {
    for (int i = 0; i < STEP_FEATURES; i++)
        normal->length[i] = sqrt(normal->matrix[i][i]);
    for (int i = 0; i < STEP_FEATURES; i++) {
        double length = normal->length[i] > 0 ? normal->length[i] : 1;
        normal->right[i] /= length;
        for (int j = 0; j < STEP_FEATURES; j++) {
            normal->matrix[i][j] /= length;
            normal->matrix[j][i] /= length;
        }
    }
}

/* The best weight of column i, the others as they are. Columns that are always zero stay out. */
static double best_weight(const Normal *normal, const double *weight, int i) {
    double rest = normal->right[i];
    for (int j = 0; j < STEP_FEATURES; j++)
        rest -= j == i ? 0 : normal->matrix[i][j] * weight[j];
    return normal->length[i] > 0 && rest > 0 ? rest / normal->matrix[i][i] : 0;
}

static double fit_error(const Fit *fit, const StepRow *rows, int count) {
    double sum = 0;
    int used = 0;
    for (int i = 0; i < count; i++)
        if (rows[i].value > 0) {
            double error = fit_value(fit, rows[i].feature) / rows[i].value - 1;
            sum += error * error;
            used++;
        }
    return used > 0 ? sqrt(sum / used) : 0;
}

Fit fit_steps(const StepRow *rows, int count) {
    Normal normal = {0};
    Fit fit = {0};
    for (int i = 0; i < count; i++)
        if (rows[i].value > 0)
            normal_add(&normal, &rows[i]);
    normal_scale(&normal);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < STEP_FEATURES; i++)
            fit.weight[i] = best_weight(&normal, fit.weight, i);
    for (int i = 0; i < STEP_FEATURES; i++)
        fit.weight[i] = normal.length[i] > 0 ? fit.weight[i] / normal.length[i] : 0;
    fit.error = fit_error(&fit, rows, count);
    return fit;
}

double fit_value(const Fit *fit, const double feature[STEP_FEATURES]) {
    double value = 0;
    for (int i = 0; i < STEP_FEATURES; i++)
        value += fit->weight[i] * feature[i];
    return value;
}
