/* networks.h: the networks that benches run, as integer models with random weights: every channel
 * live, codes spread over their range, so that nothing is faster than it would be trained.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_NETWORKS_H
#define BENCH_NETWORKS_H

#include "net/net.h"

typedef struct BenchNetwork {
    const char *name;
    const char *input, *call; /* "[32, 32, 3]" and the block of std/backbones */
    int outputs;
    int images; /* that its batch norms and scales are calibrated on */
} BenchNetwork;

enum { BENCH_NETWORKS = 6 };
extern const BenchNetwork bench_networks[BENCH_NETWORKS];
const BenchNetwork *bench_network(Str name); /* NULL: none is called so */

/* A file whose one network is called `n`. `precision` is what stands between the braces of its
 * precision ("*: weights = i4"); empty: all i8. */
Str bench_source(Arena *arena, const BenchNetwork *network, const char *precision);

/* The model of a file's network `n`, without decisions. Weights are normal numbers of the seed in
 * He's sizes; batch norms take the statistics of `images` images of noise, and scales their range,
 * as a member's do when it is judged. Ends the run where the text is wrong. The floats on the way
 * are fused as the processor suggests, so codes may differ by one between types of processor. */
Model bench_model(Arena *arena, Str source, uint64_t seed, int images);
/* The same with an input of another format than u8, for kernels that stand further inside. */
Model bench_model_from(Arena *arena, Str source, Format input, uint64_t seed, int images);

/* Input codes of noise, all of the format's: the same for the same seed and index. As model_run
 * takes them: i16 of two bytes each, all others of one. */
void bench_input(const Tensor *input, uint64_t seed, int index, uint8_t *codes);

/* What running the model on inputs of noise shows of its channels. */
typedef struct BenchLife {
    int channels, constant;   /* of operators with weights: all, and those of one value only */
    int64_t codes, saturated; /* of the same: all, and those at either end of a clamp that is
                                 * not relu's lower one */
} BenchLife;
BenchLife bench_life(const Model *model, uint64_t seed, int inputs);

#endif
