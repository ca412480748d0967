/* descent.c: stochastic gradient descent.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <math.h>

/* A step size is positive, and a few wild gradients early on must not lose it: it changes by
 * at most an eighth at a time, a zero point by half a code. */
static float step_bounded(float before, float after) {
    return fminf(fmaxf(after, before * 0.875f), before * 1.125f);
}

static float zero_bounded(float before, float after) {
    return fminf(fmaxf(after, before - 0.5f), before + 0.5f);
}

/* The rate rises over the first twentieth of the steps, while batch norms and momenta
 * settle. */
double rate_at(const TrainPlan *plan, int64_t step, int64_t steps) {
    double rise = fmin(1, 20.0 * ((double)step + 1) / ((double)steps + 20));
    if (plan->rate_kind == RATE_CONSTANT)
        return plan->rate * rise;
    return plan->rate * rise * 0.5 *
           (1 + cos(3.14159265358979323846 * (double)step / (double)steps));
}

/* Gradients are clipped by value, as BigNAS does: a sandwich meets members that it has not
 * trained. */
static void update(Supernet *supernet, const float *gradient, size_t first, size_t last,
                   float rate, float momentum, float decay) {
    float *value = supernet->value, *velocity = supernet->momentum;
    for (size_t i = first; i < last; i++) {
        float g = gradient[i] < -1 ? -1 : gradient[i] > 1 ? 1 : gradient[i];
        g += decay * value[i];
        velocity[i] = momentum * velocity[i] + g;
        value[i] -= rate * (g + momentum * velocity[i]);
    }
}

void descend(Supernet *supernet, const float *gradient, double rate, double momentum,
             double decay) {
    float r = (float)rate, m = (float)momentum;
    update(supernet, gradient, 0, supernet->decayed, r, m, (float)decay);
    update(supernet, gradient, supernet->decayed, supernet->quantising, r, m, 0);
    for (size_t i = supernet->quantising; i < supernet->count; i++) {
        float before = supernet->value[i];
        update(supernet, gradient, i, i + 1, r, m, 0);
        bool zero = i >= supernet->quantisers && (i - supernet->quantisers) % 2 == 1;
        supernet->value[i] = zero ? zero_bounded(before, supernet->value[i])
                                  : step_bounded(before, supernet->value[i]);
    }
}
