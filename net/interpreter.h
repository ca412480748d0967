/* interpreter.h: what the files of the reference interpreter share.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef INTERPRETER_H
#define INTERPRETER_H

#include "net/layers.h"

/* One layer at work: the tensors it reads and writes, as codes in the order of memory. */
typedef struct Run {
    const Model *model;
    const Layer *layer;
    const Tensor *in[MAX_INPUTS];
    const int32_t *x[MAX_INPUTS];
    int32_t *y;
} Run;

/* The window of output (oy, ox), and its taps: false where one is outside of the input. */
typedef struct Window {
    int y0, x0, kernel_h, kernel_w, in_h, in_w;
} Window;
Window window_at(const Run *run, int oy, int ox);
bool window_tap(const Window *window, int ky, int kx, int *y, int *x);

int32_t clamped(const Layer *layer, int64_t code);
/* By the multiplier of channel c. */
int32_t requantised(const Layer *layer, int c, int64_t acc);

/* interpreter_values.c: each output from one value of each input */
void run_add(const Run *run);
void run_clamp(const Run *run); /* and those that pass codes on in their order */
void run_mul(const Run *run);
void run_concat(const Run *run);
void run_slice(const Run *run);
void run_pad(const Run *run);
void run_upsample(const Run *run);
void run_shuffle(const Run *run);
void run_curve(const Run *run);

/* interpreter_rows.c: each output from a row */
void run_softmax(const Run *run);
void run_layer_norm(const Run *run);
void run_matmul(const Run *run);
void run_transpose(const Run *run); /* moves values, and so bits of floats */
void run_mean(const Run *run);
/* The axis that a mean is over: so many rows before it, of so many places, `inner` apart. */
typedef struct Spread {
    int64_t outer, places, inner;
} Spread;
Spread spread_of(const Run *run);

/* interpreter_float.c: every operator, of floats */
void run_float(const Run *run);

#endif
