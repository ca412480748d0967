/* quantise.c: fake quantisation: steps that leave the least squared error to begin with, and
 * the gradients by which they learn (Esser et al., LSQ, arXiv 1902.08153; with a zero point
 * where a tensor can be negative, as in Bhalgat et al., LSQ+, arXiv 2004.09576).
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <float.h>
#include <math.h>

/* Candidates of a range that is cut: from all of it down to about a tenth. */
enum { CUTS = 24 };
static float cut_share(int i) {
    return 1.0f - 0.0375f * (float)i;
}

float weight_quantise(float weight, float step, float limit) {
    float code = rintf(weight / step); /* half to even */
    return (code > limit ? limit : code < -limit ? -limit : code) * step;
}

static double weight_error(const float *weight, int count, float step, float limit) {
    double error = 0;
    for (int i = 0; i < count; i++) {
        float difference = weight_quantise(weight[i], step, limit) - weight[i];
        error += difference * difference;
    }
    return error;
}

float weight_step_best(const float *weight, int count, int limit) {
    float largest = 0, best_step = 1;
    for (int i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(weight[i]));
    if (!(largest > FLT_MIN * 65536))
        return best_step;
    double best = DBL_MAX;
    for (int i = 0; i < CUTS; i++) {
        float step = largest * cut_share(i) / (float)limit;
        double error = weight_error(weight, count, step, (float)limit);
        if (error < best)
            best = error, best_step = step;
    }
    return best_step;
}

float weight_backward(const float *weight, int count, float step, int limit, float *gradient) {
    float sum = 0, most = (float)limit;
    for (int i = 0; i < count; i++) {
        float x = weight[i] / step, code = rintf(x);
        bool inside = code >= -most && code <= most;
        sum += gradient[i] * (inside ? code - x : code < 0 ? -most : most);
        gradient[i] = inside ? gradient[i] : 0;
    }
    return sum / sqrtf((float)count * most);
}

float zero_code(float zero, Format format) {
    float low = (float)format_low(format), high = (float)format_high(format);
    float code = rintf(zero);
    return code < low ? low : code > high ? high : code;
}

static double activation_error(const float *value, int count, float step, float low,
                               float high) {
    double error = 0;
    for (int i = 0; i < count; i++) {
        float code = floorf(value[i] / step + 0.5f);
        float difference = (code < low ? low : code > high ? high : code) * step - value[i];
        error += difference * difference;
    }
    return error;
}

void activation_calibrate(const float *value, int count, Format format, bool clamped,
                          float *step, float *zero) {
    float least = 0, largest = 0, low = (float)format_low(format),
          high = (float)format_high(format);
    for (int i = 0; i < count; i++) {
        least = fminf(least, value[i]);
        largest = fmaxf(largest, value[i]);
    }
    float range = largest - least;
    *step = 1.0f / (high - low);
    *zero = clamped ? low : zero_code(0, format);
    if (!(range > FLT_MIN * 65536))
        return;
    double best = DBL_MAX;
    for (int i = 0; i < CUTS; i++) {
        /* i16 has its zero point at 0: the range is twice the larger side. */
        float whole = format == FORMAT_I16 ? 2 * fmaxf(largest, -least) : range;
        float try_step = whole * cut_share(i) / (high - low);
        float try_zero = clamped ? low
                         : format == FORMAT_I16
                             ? 0
                             : zero_code(low - least * cut_share(i) / try_step, format);
        double error =
            activation_error(value, count, try_step, low - try_zero, high - try_zero);
        if (error < best)
            best = error, *step = try_step, *zero = try_zero;
    }
}
