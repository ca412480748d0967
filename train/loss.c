/* loss.c: softmax cross entropy against labels or a teacher.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <math.h>

/* Returns the logarithm of the sum of exponentials. */
static float soft(const float *logit, int classes, float *probability) {
    float most = logit[0], sum = 0;
    for (int i = 1; i < classes; i++)
        most = fmaxf(most, logit[i]);
    for (int i = 0; i < classes; i++)
        sum += probability[i] = expf(logit[i] - most);
    for (int i = 0; i < classes; i++)
        probability[i] /= sum;
    return most + logf(sum);
}

void softmax(const float *logit, int classes, float *probability) {
    soft(logit, classes, probability);
}

float cross_entropy(const float *logit, const float *target, int classes, float scale,
                    float *gradient) {
    float whole = soft(logit, classes, gradient), loss = 0;
    for (int i = 0; i < classes; i++) {
        loss += target[i] * (whole - logit[i]);
        gradient[i] = (gradient[i] - target[i]) * scale;
    }
    return loss;
}

int largest_at(const float *value, int count) {
    int best = 0;
    for (int i = 1; i < count; i++)
        if (value[i] > value[best])
            best = i;
    return best;
}
