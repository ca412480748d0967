/* knee.c: the design of a front where giving a little of one objective no longer buys much of
 * another.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <math.h>

/* Distances that differ by less are equal but for rounding. */
static const double TIE = 1e-12;

/* The objectives in which the front has any range, and that range. */
typedef struct Frame {
    int count, axis[MAX_OBJECTIVES];
    double least[MAX_OBJECTIVES], range[MAX_OBJECTIVES];
    const Design *extreme[MAX_OBJECTIVES]; /* the best along each axis */
} Frame;

static Frame frame_of(const Design *const *front, int count, int objectives) {
    Frame frame = {0};
    for (int k = 0; k < objectives; k++) {
        const Design *best = front[0];
        double most = best->worth.objective[k];
        for (int i = 1; i < count; i++) {
            double value = front[i]->worth.objective[k];
            best = value < best->worth.objective[k] ? front[i] : best;
            most = fmax(most, value);
        }
        double least = best->worth.objective[k];
        if (most <= least)
            continue;
        frame.axis[frame.count] = k;
        frame.least[frame.count] = least;
        frame.range[frame.count] = most - least;
        frame.extreme[frame.count++] = best;
    }
    return frame;
}

/* 0 at the best of the front along an axis, 1 at the worst. */
static double normalised(const Frame *frame, const Design *design, int axis) {
    return (design->worth.objective[frame->axis[axis]] - frame->least[axis]) /
           frame->range[axis];
}

/* Gaussian elimination with row exchange of n equations, each a row of coefficients and the
 * right side. False: singular. */
static bool solve(double row[][MAX_OBJECTIVES + 1], int n, double *x) {
    for (int k = 0; k < n; k++) {
        int pivot = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(row[i][k]) > fabs(row[pivot][k]))
                pivot = i;
        if (fabs(row[pivot][k]) < TIE)
            return false;
        for (int j = 0; j <= n; j++) {
            double swap = row[k][j];
            row[k][j] = row[pivot][j];
            row[pivot][j] = swap;
        }
        for (int i = k + 1; i < n; i++)
            for (int j = n; j >= k; j--)
                row[i][j] -= row[i][k] / row[k][k] * row[k][j];
    }
    for (int k = n - 1; k >= 0; k--) {
        x[k] = row[k][n];
        for (int j = k + 1; j < n; j++)
            x[k] -= row[k][j] * x[j];
        x[k] /= row[k][k];
    }
    return true;
}

/* The normal of the plane normal . x = 1 through the extremes. Where they are too few to span
 * one (the smallest network is often best in two costs), or it does not face the ideal point,
 * the plane through the worst of each axis stands in: both are the same for two objectives. */
static void normal_set(const Frame *frame, double *normal) {
    double row[MAX_OBJECTIVES][MAX_OBJECTIVES + 1];
    for (int i = 0; i < frame->count; i++) {
        for (int j = 0; j < frame->count; j++)
            row[i][j] = normalised(frame, frame->extreme[i], j);
        row[i][frame->count] = 1;
    }
    bool facing = solve(row, frame->count, normal);
    for (int i = 0; facing && i < frame->count; i++)
        facing = normal[i] >= 0;
    for (int i = 0; !facing && i < frame->count; i++)
        normal[i] = 1;
}

/* Up to a factor that all designs share. */
static double distance(const Frame *frame, const double *normal, const Design *design) {
    double sum = 0;
    for (int i = 0; i < frame->count; i++)
        sum += normal[i] * normalised(frame, design, i);
    return 1 - sum;
}

int front_knee(const Design *const *front, int count, int objectives) {
    if (count == 0)
        return -1;
    Frame frame = frame_of(front, count, objectives);
    double normal[MAX_OBJECTIVES], farthest = -INFINITY;
    normal_set(&frame, normal);
    for (int i = 0; i < count; i++)
        farthest = fmax(farthest, distance(&frame, normal, front[i]));
    int knee = -1, cost = objectives > 1 ? 1 : 0;
    for (int i = 0; i < count; i++)
        if (distance(&frame, normal, front[i]) >= farthest - TIE &&
            (knee < 0 || front[i]->worth.objective[cost] < front[knee]->worth.objective[cost]))
            knee = i;
    return knee;
}
