/* layers.h: what building, checking, storing and running a layer share: the constants of the
 * operators without weights.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef LAYERS_H
#define LAYERS_H

#include "net/net.h"

/* ---- curves.c: tables -------------------------------------------------------------------- */

/* A smooth curve of 16-bit inputs is held at KNOTS codes, 2^shift apart and as many of either
 * sign, 6 bits finer than the output's codes. */
enum { KNOTS = 513, KNOT_BITS = 7, KNOT_FRACTION = 6 };
enum { KNOT_LIMIT = 1 << 23 }; /* |entry| is below */
/* Softmax of 16-bit inputs multiplies two entries: of the difference's high and low byte. */
enum { SOFTMAX_ENTRIES = 256, SOFTMAX_LOW_BITS = 30 };
/* exp(0) is 2^softmax_bits: as much as keeps the sum of n of them within 2^31, at most 2^23. */
int softmax_bits(int n);

/* 3 and 6 in a scale's codes, for hard curves of 16-bit inputs. */
enum { HARD_THREE, HARD_SIX, HARD_ENTRIES };

/* Sets layer->table of a curve or softmax, and the shift of knots. Scales are between 2^-28 and
 * 2^28. */
void curve_table(Arena *arena, const Tensor *in, Layer *layer);
void softmax_table(Arena *arena, const Tensor *in, Layer *layer);

/* ---- quantise.c -------------------------------------------------------------------------- */

/* Whether a layer that computes gives floats. */
bool layer_is_float(const Layer *layer);
/* How many real weights a layer of floats has: products of a weighted one, factors of a layer
 * norm. It has as many biases as channels, or none. */
int64_t layer_reals(const Layer *layer);

/* ---- unweighted.c: constants of operators without weights -------------------------------- */

/* Precision of normalised values in layer norm, and the largest shift of its outputs. */
enum { NORM_FRACTION = 20, SHIFT_LIMIT_NORM = 40 };
#define LAYER_NORM_EPSILON 1e-5
/* The sum of squares is taken times 4^norm_bits, for a finer epsilon: as much as 64 bits hold. */
int norm_bits(const Tensor *in);

/* Sets the constants of a layer that has no weights; NULL, or why there are none. */
const char *unweighted_quantise(Arena *arena, const Model *model, const OpWeights *op,
                                Layer *layer);
/* Whether such constants, whoever made them, keep every step in its range; sets bound. NULL
 * where they do. */
const char *unweighted_fault(const Model *model, Layer *layer);

#endif
