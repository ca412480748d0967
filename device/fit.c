/* The cost of a step that was not measured: fitted, kernel by kernel, to those that were.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <math.h>
#include <string.h>

/* Non-negative least squares. The optimum is the plain least-squares solution over the columns
 * that it does not set to zero, and with so few columns every set of them can be tried. A row
 * is divided by its cost, so that the errors are relative; a column by its length, so that one
 * threshold tells whether columns depend on each other. */
enum { SETS = 1 << STEP_FEATURES };
#define DEPENDENT 1e-9

typedef struct Normal {
    double matrix[STEP_FEATURES][STEP_FEATURES]; /* of the scaled columns */
    double right[STEP_FEATURES];
    double length[STEP_FEATURES]; /* of each column before scaling; 1 where it is all zero */
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
    double *length = normal->length;
    for (int i = 0; i < STEP_FEATURES; i++)
        length[i] = normal->matrix[i][i] > 0 ? sqrt(normal->matrix[i][i]) : 1;
    for (int i = 0; i < STEP_FEATURES; i++) {
        normal->right[i] /= length[i];
        for (int j = 0; j < STEP_FEATURES; j++)
            normal->matrix[i][j] /= length[i] * length[j];
    }
}

/* Solves for the columns of a set in place by elimination; the matrix is positive definite, so
 * the pivots need no search. False where the columns depend on each other, or a weight is
 * negative. */
static bool set_solve(const Normal *normal, int set, double weight[STEP_FEATURES]) {
    double m[STEP_FEATURES][STEP_FEATURES];
    memcpy(m, normal->matrix, sizeof m);
    memcpy(weight, normal->right, sizeof *weight * STEP_FEATURES);
    for (int i = 0; i < STEP_FEATURES; i++) {
        if (!(set >> i & 1)) {
            weight[i] = 0;
            continue;
        }
        if (m[i][i] < DEPENDENT)
            return false;
        for (int k = i + 1; k < STEP_FEATURES; k++) {
            double factor = m[k][i] / m[i][i];
            for (int j = i; j < STEP_FEATURES; j++)
                m[k][j] -= factor * m[i][j];
            weight[k] -= factor * weight[i];
        }
    }
    for (int i = STEP_FEATURES - 1; i >= 0; i--) {
        if (!(set >> i & 1))
            continue;
        for (int j = i + 1; j < STEP_FEATURES; j++)
            weight[i] -= m[i][j] * weight[j];
        weight[i] /= m[i][i];
        if (!(weight[i] > 0))
            return false;
    }
    return true;
}

/* By how much the weights lower the sum of squares. */
static double set_gain(const Normal *normal, const double *weight) {
    double gain = 0;
    for (int i = 0; i < STEP_FEATURES; i++)
        gain += normal->right[i] * weight[i];
    return gain;
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
    double best = 0, weight[STEP_FEATURES];
    for (int i = 0; i < count; i++)
        if (rows[i].value > 0)
            normal_add(&normal, &rows[i]);
    normal_scale(&normal);
    for (int set = 1; set < SETS; set++) {
        if (!set_solve(&normal, set, weight) || set_gain(&normal, weight) <= best)
            continue;
        best = set_gain(&normal, weight);
        for (int i = 0; i < STEP_FEATURES; i++)
            fit.weight[i] = weight[i] / normal.length[i];
    }
    fit.error = fit_error(&fit, rows, count);
    return fit;
}

double fit_value(const Fit *fit, const double feature[STEP_FEATURES]) {
    double value = 0;
    for (int i = 0; i < STEP_FEATURES; i++)
        value += fit->weight[i] * feature[i];
    return value;
}
