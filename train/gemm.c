/* gemm.c: products of the small matrices that convolutions of narrow networks are made of.
 *
 * A general BLAS packs both operands before it multiplies. Here the inner extents are 8 to 128,
 * the weights lie in the first-level cache as they are, and packing costs more than the
 * product; and since channels are padded to whole vectors there are no remainders. A tile of C
 * stays in registers: `rows` by `vecs` vectors, at most 28 of the 32 that AVX-512 has.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

/* The loop over k of one tile: row i of A begins at a[i * row_step], its elements k_step
 * apart. */
ALWAYS_INLINE void tile(int rows, int vecs, bool add, int depth, const float *a,
                        size_t row_step, size_t k_step, const float *b, size_t b_step, float *c,
                        size_t c_step) {
    Vec sum[28];
#pragma GCC unroll 28
    for (int i = 0; i < rows * vecs; i++)
        sum[i] =
            add ? vec_load(c + (size_t)(i / vecs) * c_step + i % vecs * LANES) : vec_all(0);
    for (int k = 0; k < depth; k++) {
        Vec right[4];
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++)
            right[j] = vec_load(b + j * LANES);
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++) {
            Vec left = vec_all(a[(size_t)i * row_step]);
#pragma GCC unroll 4
            for (int j = 0; j < vecs; j++)
                sum[i * vecs + j] = vec_fma(left, right[j], sum[i * vecs + j]);
        }
        a += k_step;
        b += b_step;
    }
#pragma GCC unroll 28
    for (int i = 0; i < rows * vecs; i++)
        vec_store(c + (size_t)(i / vecs) * c_step + i % vecs * LANES, sum[i]);
}

typedef void Tile(bool add, int depth, const float *a, size_t row_step, size_t k_step,
                  const float *b, size_t b_step, float *c, size_t c_step);

/* Rows of A one after the other (forward, input gradient) and columns (weight gradient):
 * with the one step known to be 1 the addresses cost nothing. */
#define TILE(ROWS, VECS)                                                                       \
    static void tile_##ROWS##_##VECS(bool add, int depth, const float *a, size_t row_step,     \
                                     size_t k_step, const float *b, size_t b_step, float *c,   \
                                     size_t c_step) {                                          \
        if (k_step == 1)                                                                       \
            tile(ROWS, VECS, add, depth, a, row_step, 1, b, b_step, c, c_step);                \
        else                                                                                   \
            tile(ROWS, VECS, add, depth, a, 1, k_step, b, b_step, c, c_step);                  \
    }
#define TILES(VECS)                                                                            \
    TILE(1, VECS) TILE(2, VECS) TILE(3, VECS) TILE(4, VECS) TILE(5, VECS) TILE(6, VECS)
#define TILES_8(VECS) TILES(VECS) TILE(7, VECS) TILE(8, VECS)
#define TILES_12(VECS) TILES_8(VECS) TILE(9, VECS) TILE(10, VECS) TILE(11, VECS) TILE(12, VECS)
TILES_12(1)
TILE(13, 1)
TILE(14, 1)
TILES_12(2)
TILES_8(3)
TILES(4)

#define SIX(VECS)                                                                              \
    tile_1_##VECS, tile_2_##VECS, tile_3_##VECS, tile_4_##VECS, tile_5_##VECS, tile_6_##VECS
#define TWELVE(VECS)                                                                           \
    SIX(VECS), tile_7_##VECS, tile_8_##VECS, tile_9_##VECS, tile_10_##VECS, tile_11_##VECS,    \
        tile_12_##VECS
/* Tiles of 1 to 4 vectors, by their number of rows from 1. */
static const struct {
    int most_rows;
    Tile *of_rows[14];
} tiles[] = {
    {14, {TWELVE(1), tile_13_1, tile_14_1}},
    {12, {TWELVE(2)}},
    {8, {SIX(3), tile_7_3, tile_8_3}},
    {6, {SIX(4)}},
};

static int even_part(int whole, int most) {
    int parts = (whole + most - 1) / most;
    return (whole + parts - 1) / parts;
}

static void columns(const Gemm *g, int vecs, int first) {
    int rows = even_part(g->rows, tiles[vecs - 1].most_rows);
    for (int i = 0; i < g->rows; i += rows) {
        int now = g->rows - i < rows ? g->rows - i : rows;
        tiles[vecs - 1].of_rows[now - 1](g->add, g->depth, g->a + (size_t)i * g->a_row,
                                         g->a_row, g->a_k, g->b + first, g->b_k,
                                         g->c + (size_t)i * g->c_row + first, g->c_row);
    }
}

void gemm(const Gemm *g) {
    int vecs = g->columns / LANES;
    int part = even_part(vecs, COUNT(tiles));
    for (int j = 0; j < vecs; j += part)
        columns(g, vecs - j < part ? vecs - j : part, j * LANES);
}

int gemm_lanes(void) {
    return LANES;
}
