/* Convolution, pointwise and dense by lanes of output channels. A row of taps is one run of
 * elements, since pixels lie one after another: a tile of pixels by vectors of channels takes four
 * bytes (or two halves) of each pixel, repeated through a vector, times the packed weights.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

enum {
    MAX_VECTORS = 4,
    MAX_SUMS = 32,
    BUSY = 10,            /* sums that keep the multipliers busy: latency times throughput */
    LOOP_DOTS = 64,       /* at most so many dot products in a loop's body */
    NEAR_BYTES = 32768,   /* of a block's weights, that they stay in the nearest cache */
    WINDOW_BYTES = 49152, /* of copied rows */
    FAR_BYTES = 32768,    /* weights of a layer that are not expected in a near cache */
    REUSED = 3, /* tiles that read a weight: with fewer, there is no time to fetch more */
    PACE = 2,   /* of fetching ahead */
    LINE_BYTES = 64,
    SHARED_BYTES = 32768, /* weights of a dense layer that are better read packed */
};

/* Sums of a tile: pixels by vectors, each perhaps in several chains that are added at the end. */
typedef struct Tile {
    int vectors, height, width, chains;
    int joined; /* pixels that are stored together */
} Tile;

/* What a layer's loops need. */
typedef struct Conv {
    Vector *v;
    Window window;
    int groups, group_in, group_out;
    int runs;        /* of a row of taps: one, or one for each tap where channels are grouped */
    int run;         /* elements */
    int steps;       /* dot products over a run */
    int weight_size; /* bytes */
    int shared;      /* weights that share a byte: 1, 2 or 4, of as many steps */
    int64_t vector_bytes; /* of weights, for one dot product */
    bool wide;            /* sums of 64 bits, of parts that are summed in 32 */
    int part;             /* steps of a part */
    Reg ahead;            /* weights that are fetched while others are in use; NO_REG: none */
    int64_t pace;         /* bytes that this moves on in each pass over steps */
    int out_size, in2_size;
    Reg weights, constants; /* of the group at work */
    Reg in, out, in2;
} Conv;

/* A block of channels: so many vectors, of which `count` lanes are channels. */
typedef struct Block {
    int vectors, count;
} Block;

static int pixels_of(const Tile *tile) {
    return tile->height * tile->width;
}

/* ---- rules ------------------------------------------------------------------------------- */

static int64_t block_weight_bytes(const Conv *c, int vectors) {
    return c->vector_bytes * vectors * c->steps * c->runs * c->v->step->kernel_h;
}

/* How many vectors a block of channels has, of `all`; what is left makes a narrower one. Four are
 * packed together into one store; two take the less from a farther cache. */
static int block_vectors(const Conv *c, int all) {
    bool many = c->v->isa->registers >= 24;
    int most = many && block_weight_bytes(c, MAX_VECTORS) <= NEAR_BYTES ? MAX_VECTORS : 2;
    return all < most ? all : most;
}

/* Pixels of few channels that one store can take: of four vectors together. */
static int pixels_joined(const Conv *c, const Block *block) {
    const Vector *v = c->v;
    bool whole =
        !c->wide && block->count == v->out.c && block->count == block->vectors * v->lanes;
    int pixels = c->out_size == 1 && whole && block->vectors != 3 ? 4 / block->vectors : 1;
    return v->out.w % pixels == 0 || v->out.w >= 4 * pixels ? pixels : 1;
}

/* A tile of that size, with chains enough to keep the multipliers busy. */
static Tile tile_of(const Conv *c, const Block *block, int height, int width) {
    Tile tile = {block->vectors, height, width, 1, pixels_joined(c, block)};
    int sums = block->vectors * height * width;
    while (!c->wide && tile.chains < 4 && tile.chains < c->steps && tile.chains * sums < BUSY &&
           (tile.chains + 1) * sums <= MAX_SUMS)
        tile.chains++;
    if (c->shared > 1 && tile.chains == 3) /* divides what steps come in */
        tile.chains = 2;
    return tile;
}

static Tile tile_for(const Conv *c, const Block *block) {
    const Vector *v = c->v;
    int room = (v->isa->registers - block->vectors - 1) / block->vectors;
    if (c->wide) /* three registers for each */
        room = (int)max_i64(1, room / 3);
    int least = (int)min_i64(room, (BUSY + block->vectors - 1) / block->vectors);
    int height = 1, width = tile_length(v->out.w, pixels_joined(c, block), least, room);
    if (width == v->out.w)
        height = tile_length(c->window.rows, 1, (least + width - 1) / width,
                             (int)max_i64(1, room / width));
    return tile_of(c, block, height, width);
}

/* Steps in the body of the loop over a run: all, or a number that divides them if one does. */
static int steps_at_once(const Conv *c, const Tile *tile) {
    int dots = pixels_of(tile) * tile->vectors;
    int unit = (int)max_i64(tile->chains, c->shared); /* one divides the other, or is 1 */
    int most = (int)max_i64(LOOP_DOTS / dots, unit);
    if (c->wide)
        return (int)min_i64(c->steps, min_i64(most, c->part));
    if (c->steps <= most || c->steps <= 2)
        return c->steps;
    for (int at_once = most; at_once >= 2 && at_once > most / 2; at_once--)
        if (c->steps % at_once == 0 && at_once % unit == 0)
            return at_once;
    return (int)max_i64(1, most / unit * unit);
}

/* ---- constants --------------------------------------------------------------------------- */

static int block_count(const Conv *c, int vectors) {
    return c->group_out / (vectors * c->v->lanes);
}

/* Blocks of a group's channels: `full` of them, then the rest, if any. */
static int blocks_of(const Conv *c, Block block[2], int *full) {
    int lanes = c->v->lanes, all = (c->group_out + lanes - 1) / lanes;
    int vectors = block_vectors(c, all);
    *full = block_count(c, vectors);
    int rest = c->group_out - *full * vectors * lanes;
    block[0] = (Block){vectors, vectors * lanes};
    block[1] = (Block){(rest + lanes - 1) / lanes, rest};
    return rest ? 2 : 1;
}

static int64_t block_constant_bytes(const Conv *c, int vectors) {
    return (int64_t)(c->wide ? 12 : 8) * vectors * c->v->lanes;
}

/* Element `at` of a vector of weights for a step of a row of taps; 0 where there is none. */
static int weight_at(const Conv *c, const Block *block, int first, int row, int step,
                     int vector, int at) {
    const Vector *v = c->v;
    const Layer *layer = v->step->from;
    int channel = lane_channel(v, block->vectors, vector, at / v->taps);
    int k = step * v->taps + at % v->taps;
    if (channel >= block->count || k >= c->run)
        return 0;
    return layer->weight[(int64_t)(first + channel) * layer->row + row * c->run + k];
}

static int64_t pack_block(const Conv *c, const Block *block, int first, int64_t *out) {
    const Vector *v = c->v;
    int64_t n = 0;
    int bits = 8 / c->shared;
    for (int row = 0; row < v->step->kernel_h * c->runs; row++)
        for (int step = 0; step < c->steps; step += c->shared)
            for (int i = 0; i < block->vectors; i++)
                for (int at = 0; at < v->lanes * v->taps; at++, n++) {
                    out[n] = weight_at(c, block, first, row, step, i, at);
                    for (int k = 1; k < c->shared; k++)
                        out[n] =
                            (out[n] & ((1 << bits * k) - 1)) |
                            weight_at(c, block, first, row, step + k, i, at) * (1 << bits * k);
                    if (c->shared > 1)
                        out[n] &= 255;
                }
    return n;
}

/* A bias of 64 bits as two words, even channels of all vectors first. */
static void pack_wide_bias(const Conv *c, const Block *block, int at, int64_t bias,
                           int64_t *out) {
    int words = block->vectors * c->v->lanes;
    int64_t *to = out + (at % 2 ? words : 0) + (at & ~1);
    to[0] = (int32_t)bias;
    to[1] = bias >> 32;
}

/* Biases, then multipliers, lane by lane. */
static void pack_channels(const Conv *c, const Block *block, int first, int64_t *out) {
    const Vector *v = c->v;
    for (int at = 0; at < block->vectors * v->lanes; at++) {
        int channel = lane_channel(v, block->vectors, at / v->lanes, at % v->lanes);
        if (channel >= block->count)
            continue;
        int words = block->vectors * v->lanes;
        int64_t bias = folded_bias(v, first + channel);
        if (c->wide)
            pack_wide_bias(c, block, at, bias, out);
        else
            out[at] = bias;
        out[(c->wide ? 2 : 1) * words + at] = v->step->from->multiplier[first + channel];
    }
}

static void pack(Conv *c) {
    Vector *v = c->v;
    Block block[2];
    int full, kinds = blocks_of(c, block, &full);
    int64_t bytes = full * block_weight_bytes(c, block[0].vectors);
    int64_t constants = full * block_constant_bytes(c, block[0].vectors);
    if (kinds > 1) {
        bytes += block_weight_bytes(c, block[1].vectors);
        constants += block_constant_bytes(c, block[1].vectors);
    }
    v->lowered->weights_type = c->weight_size == 2 ? I16 : c->shared > 1 ? U8 : I8;
    v->lowered->weights_count = c->groups * bytes / c->weight_size;
    vector_constants(v, c->groups * constants / 4);
    if (!v->step->from->weight)
        return;
    int64_t *weights = arena_array(v->arena, int64_t, v->lowered->weights_count);
    v->lowered->weights = weights;
    int64_t *channels = v->constant + HEAD_COUNT;
    for (int g = 0, first = 0; g < c->groups; g++)
        for (int b = 0; b < full + kinds - 1; b++) {
            const Block *at = &block[b >= full];
            weights += pack_block(c, at, first, weights);
            pack_channels(c, at, first, channels);
            channels += block_constant_bytes(c, at->vectors) / 4;
            first += at->count;
        }
}

/* ---- a tile ------------------------------------------------------------------------------ */

/* Where a tile's pixels and channels are. */
typedef struct Spot {
    Reg in, weights, constants, out, in2;
} Spot;

static int64_t pixel_offset(const Conv *c, const Tile *tile, int pixel) {
    const Step *step = c->v->step;
    return pixel / tile->width * step->stride_h * c->window.pitch +
           pixel % tile->width * step->stride_w * c->window.pixel;
}

static Reg copied(Vector *v, Reg a) {
    Reg copy = routine_value(v->r, v->r->regs.at[a].bits);
    op_copy_to(v->r, copy, a);
    return copy;
}

/* Weights of a step, of as many as share their bytes: in the upper bits of bytes whose lower bits
 * are zero, so that the sums are so many times as large. */
static Reg shared_weights(const Conv *c, Reg raw, int which) {
    Vector *v = c->v;
    int bits = 8 / c->shared, left = 8 - bits * (which + 1);
    Reg moved = left ? op1(v->r, INSN_SHL, I16, raw, left) : raw;
    return op2(v->r, INSN_AND, I8, moved,
               op_constant(v->r, I8, v->bits, 256 - (1 << (8 - bits))));
}

/* The vectors of weights of step s, from `weights` on; `raw` keeps what several steps share. */
static void load_weights(const Conv *c, const Tile *tile, int s, Reg weights, Reg *raw,
                         Reg *w) {
    Vector *v = c->v;
    Type type = v->element == U8 ? I8 : I16;
    for (int i = 0; i < tile->vectors; i++) {
        int64_t at = (s * tile->vectors + i * c->shared) * c->vector_bytes;
        if (s % c->shared == 0)
            raw[i] = op_load(v->r, type, v->bits, v->lowered->weights_type, weights, at,
                             v->lanes * v->taps);
        w[i] = c->shared > 1 ? shared_weights(c, raw[i], s % c->shared) : raw[i];
    }
}

/* Dot products of `steps` steps from `in` and `weights` on. */
static void add_steps(const Conv *c, const Tile *tile, int steps, Reg in, Reg weights,
                      const Reg *sums) {
    Vector *v = c->v;
    Routine *r = v->r;
    int pixels = pixels_of(tile);
    Reg raw[MAX_VECTORS], w[MAX_VECTORS];
    for (int s = 0; s < steps; s++) {
        load_weights(c, tile, s, weights, raw, w);
        const Reg *chain = sums + s % tile->chains * pixels * tile->vectors;
        for (int p = 0; p < pixels; p++) {
            Reg x = op_load_repeat(r, v->element, v->bits, v->element, in,
                                   pixel_offset(c, tile, p) + 4 * s, v->taps);
            for (int i = 0; i < tile->vectors; i++)
                op_dot_into(r, v->element == U8 ? INSN_DOT4 : INSN_DOT2, v->element,
                            chain[i * pixels + p], x, w[i]);
        }
    }
}

/* Moves parts of sums, of 32 bits, into sums of 64: of even channels, then of odd ones. */
static void flush_parts(const Conv *c, const Tile *tile, const Reg *sums) {
    Vector *v = c->v;
    int count = pixels_of(tile) * tile->vectors;
    for (int i = 0; i < count && c->wide; i++) {
        const Reg *wide = sums + MAX_SUMS + 2 * i;
        op2_to(v->r, wide[0], INSN_ADD, I64, wide[0], even_lanes(v, sums[i]));
        op2_to(v->r, wide[1], INSN_ADD, I64, wide[1], odd_lanes(v, sums[i]));
        op_copy_to(v->r, sums[i], op_constant(v->r, I32, v->bits, 0));
    }
}

/* Weights of a large layer come from afar: those of later blocks, and of the layers that follow in
 * memory, are brought to a middle cache while this one computes. */
static void fetch_ahead(const Conv *c) {
    if (c->ahead == NO_REG)
        return;
    for (int64_t at = 0; at < c->pace; at += LINE_BYTES)
        op_prefetch(c->v->r, c->ahead, at);
    op_advance(c->v->r, c->ahead, NO_REG, 0, c->pace);
}

/* A run of taps; advances `weights`. */
static void add_run(const Conv *c, const Tile *tile, Reg from, Reg weights, const Reg *sums) {
    Routine *r = c->v->r;
    int at_once = steps_at_once(c, tile), passes = c->steps / at_once;
    int64_t bytes = c->vector_bytes * tile->vectors;
    int rest = c->steps - passes * at_once;
    bool goes_on = passes > 1 || rest;
    Reg in = goes_on ? copied(c->v, from) : from;
    if (passes > 1)
        op_loop_n(r, passes);
    fetch_ahead(c);
    add_steps(c, tile, at_once, in, weights, sums);
    op_advance(r, weights, NO_REG, 0, at_once * bytes);
    if (goes_on)
        op_advance(r, in, NO_REG, 0, (int64_t)4 * at_once);
    if (passes > 1 && c->steps > c->part)
        flush_parts(c, tile, sums);
    if (passes > 1)
        op_end(r);
    else if (c->steps > c->part)
        flush_parts(c, tile, sums);
    add_steps(c, tile, rest, in, weights, sums);
    if (rest)
        op_advance(r, weights, NO_REG, 0, rest * bytes);
    flush_parts(c, tile, sums);
}

static void add_window(const Conv *c, const Tile *tile, const Spot *spot, const Reg *sums) {
    Routine *r = c->v->r;
    Reg weights = copied(c->v, spot->weights), row = copied(c->v, spot->in);
    int rows = c->v->step->kernel_h;
    if (rows > 1)
        op_loop_n(r, rows);
    if (c->runs > 1) {
        Reg in = copied(c->v, row);
        op_loop_n(r, c->runs);
        add_run(c, tile, in, weights, sums);
        op_advance(r, in, NO_REG, 0, c->window.pixel);
        op_end(r);
    } else {
        add_run(c, tile, row, weights, sums);
    }
    if (rows > 1) {
        op_advance(r, row, NO_REG, 0, c->window.pitch);
        op_end(r);
    }
}

static Reg load_bias(const Conv *c, const Spot *spot, int vector) {
    Vector *v = c->v;
    return op_load(v->r, I32, v->bits, I32, spot->constants, (int64_t)4 * vector * v->lanes,
                   v->lanes);
}

/* Biases to the first chain, zeros to the others, and to sums that are not to scale yet. */
static void begin_sums(const Conv *c, const Tile *tile, const Spot *spot, Reg *sums) {
    Vector *v = c->v;
    int pixels = pixels_of(tile), n = 0;
    for (int chain = 0; chain < tile->chains; chain++)
        for (int i = 0; i < tile->vectors; i++) {
            Reg first = chain || c->shared > 1 || c->wide ? op_constant(v->r, I32, v->bits, 0)
                                                          : load_bias(c, spot, i);
            for (int p = 0; p < pixels; p++)
                sums[n++] = copied(v, first);
        }
}

/* Sums of 64 bits lie behind the others. */
static void begin_wide(const Conv *c, const Tile *tile, const Spot *spot, Reg *sums) {
    Vector *v = c->v;
    int pixels = pixels_of(tile);
    for (int i = 0; i < tile->vectors * 2 && c->wide; i++) {
        int64_t at = (int64_t)4 * v->lanes * (i % 2 * tile->vectors + i / 2);
        Reg bias = op_load(v->r, I32, v->bits, I32, spot->constants, at, v->lanes);
        for (int p = 0; p < pixels; p++)
            sums[MAX_SUMS + 2 * (i / 2 * pixels + p) + i % 2] = copied(v, bias);
    }
}

static void end_sums(const Conv *c, const Tile *tile, const Spot *spot, Reg *sums) {
    Routine *r = c->v->r;
    int pixels = pixels_of(tile), count = pixels * tile->vectors;
    for (int i = 0; i < count; i++) {
        for (int chain = 1; chain < tile->chains; chain++)
            sums[i] = op2(r, INSN_ADD, I32, sums[i], sums[chain * count + i]);
        if (c->shared > 1)
            sums[i] = op2(r, INSN_ADD, I32, op1(r, INSN_SHR, I32, sums[i], 8 - 8 / c->shared),
                          load_bias(c, spot, i / pixels));
    }
}

static Landing landing_of(const Conv *c, const Tile *tile, const Spot *spot, int pixel) {
    const Vector *v = c->v;
    int64_t at = (int64_t)(pixel / tile->width) * v->out.w + pixel % tile->width;
    return (Landing){spot->out, spot->in2, at * v->out.c * c->out_size,
                     at * v->out.c * c->in2_size};
}

/* Four vectors of two or four pixels at a time. */
static void store_joined(const Conv *c, const Tile *tile, const Spot *spot, const Reg *sums) {
    int pixels = pixels_of(tile);
    Group group = {0, 4, tile->joined, 4 * c->v->lanes};
    for (int p = 0; p < pixels; p += tile->joined) {
        Reg codes[4];
        for (int i = 0; i < 4; i++)
            codes[i] = sums[i % tile->vectors * pixels + p + i / tile->vectors];
        Landing landing = landing_of(c, tile, spot, p);
        store_group(c->v, &group, codes, &landing);
    }
}

/* Whole vectors move faster than parts of them. What is beyond a pixel's channels belongs to the
 * next one, which is stored right after, if it is of this tile and has no other block. */
static bool may_overrun(const Conv *c, const Tile *tile, int channels, int pixel,
                        const Group *group) {
    const Vector *v = c->v;
    int beyond = (group->first + group->vectors) * v->lanes - v->out.c;
    return channels == v->out.c && beyond <= v->out.c && pixel % tile->width + 1 < tile->width;
}

static void store_tile(const Conv *c, const Tile *tile, int channels, const Spot *spot,
                       Reg *sums) {
    Vector *v = c->v;
    int pixels = pixels_of(tile);
    Group group[4];
    int groups = vector_groups(v, tile->vectors, channels, group);
    for (int i = 0, g = 0; i < tile->vectors; i++) {
        g += i >= group[g].first + group[g].vectors;
        int before = (c->wide ? 2 : 1) * tile->vectors; /* vectors of biases */
        Reg multiplier = op_load(v->r, I32, v->bits, I32, spot->constants,
                                 (int64_t)4 * (before + i) * v->lanes, v->lanes);
        bool packed = tile->joined > 1 || group[g].vectors > 1;
        if (!c->wide)
            requantise_sums(v, packed, sums + i * pixels, pixels, multiplier);
        for (int at = i * pixels; at < (i + 1) * pixels && c->wide; at++)
            sums[at] = requantise_wide(v, sums[MAX_SUMS + 2 * at], sums[MAX_SUMS + 2 * at + 1],
                                       multiplier);
    }
    if (tile->joined > 1) {
        store_joined(c, tile, spot, sums);
        return;
    }
    for (int p = 0; p < pixels; p++) {
        Landing landing = landing_of(c, tile, spot, p);
        for (int g = 0; g < groups; g++) {
            Reg codes[4];
            for (int i = 0; i < group[g].vectors; i++)
                codes[i] = sums[(group[g].first + i) * pixels + p];
            Group whole = group[g];
            if (may_overrun(c, tile, channels, p, &group[g]))
                whole.count = whole.vectors * v->lanes;
            store_group(v, &whole, codes, &landing);
        }
    }
}

static void conv_tile(const Conv *c, const Tile *tile, int channels, const Spot *spot) {
    Reg sums[3 * MAX_SUMS];
    begin_sums(c, tile, spot, sums);
    begin_wide(c, tile, spot, sums);
    add_window(c, tile, spot, sums);
    end_sums(c, tile, spot, sums);
    store_tile(c, tile, channels, spot, sums);
}

/* ---- loops over tiles -------------------------------------------------------------------- */

/* The number of a tile's first output where there are several; opens their loop. */
static Reg open_tiles(Vector *v, int all, int length) {
    int tiles = (all + length - 1) / length;
    return tiles > 1 ? tile_start(v, op_loop_n(v->r, tiles), length, all - length) : NO_REG;
}

static void move_spot(Vector *v, Spot *spot, Reg index, int64_t in, int64_t out, int64_t in2) {
    if (index == NO_REG)
        return;
    spot->in = op_address(v->r, spot->in, index, (int)in, 0);
    spot->out = op_address(v->r, spot->out, index, (int)out, 0);
    if (v->step->kernel.adds)
        spot->in2 = op_address(v->r, spot->in2, index, (int)in2, 0);
}

/* Loops over the tiles of all pixels; `spot` moves along. Returns how many are open. */
static int open_pixels(const Conv *c, const Tile *tile, Spot *spot) {
    Vector *v = c->v;
    const Step *step = v->step;
    int64_t out = (int64_t)v->out.c * c->out_size, in2 = (int64_t)v->out.c * c->in2_size;
    Reg y = open_tiles(v, c->window.rows, tile->height);
    move_spot(v, spot, y, step->stride_h * c->window.pitch, v->out.w * out, v->out.w * in2);
    Reg x = open_tiles(v, v->out.w, tile->width);
    move_spot(v, spot, x, step->stride_w * c->window.pixel, out, in2);
    return (y != NO_REG) + (x != NO_REG);
}

static void close_loops(Vector *v, int count) {
    while (count--)
        op_end(v->r);
}

/* All blocks of one kind, `spot` being at the first: at one tile, or, with NULL, at all. */
static void conv_blocks(const Conv *c, const Block *block, int count, const Tile *tile,
                        Spot spot) {
    Routine *r = c->v->r;
    Reg b = count > 1 ? op_loop_n(r, count) : NO_REG;
    if (b != NO_REG) {
        spot.weights =
            op_address(r, spot.weights, b, (int)block_weight_bytes(c, block->vectors), 0);
        spot.constants =
            op_address(r, spot.constants, b, (int)block_constant_bytes(c, block->vectors), 0);
        move_spot(c->v, &spot, b, 0, block->count * c->out_size, block->count * c->in2_size);
    }
    Tile own = tile ? tile_of(c, block, tile->height, tile->width) : tile_for(c, block);
    int loops = tile ? 0 : open_pixels(c, &own, &spot);
    conv_tile(c, &own, block->count, &spot);
    close_loops(c->v, loops);
    if (b != NO_REG)
        op_end(r);
}

static void conv_channels(const Conv *c, const Tile *tile, Spot spot) {
    Vector *v = c->v;
    Block block[2];
    int full, kinds = blocks_of(c, block, &full);
    if (full)
        conv_blocks(c, &block[0], full, tile, spot);
    if (kinds == 1)
        return;
    int vectors = block[0].vectors;
    int64_t channels = (int64_t)full * block[0].count;
    spot.weights =
        op_address(v->r, spot.weights, NO_REG, 0, full * block_weight_bytes(c, vectors));
    spot.constants =
        op_address(v->r, spot.constants, NO_REG, 0, full * block_constant_bytes(c, vectors));
    spot.out = op_address(v->r, spot.out, NO_REG, 0, channels * c->out_size);
    if (v->step->kernel.adds)
        spot.in2 = op_address(v->r, spot.in2, NO_REG, 0, channels * c->in2_size);
    conv_blocks(c, &block[1], 1, tile, spot);
}

/* All weights stay near: pixel by pixel, so that results are written in order. Else block by
 * block of channels, so that at least the block's weights stay. */
static void conv_group(const Conv *c, Spot spot) {
    Block block[2];
    int full, kinds = blocks_of(c, block, &full);
    int64_t bytes = full * block_weight_bytes(c, block[0].vectors);
    if (kinds > 1)
        bytes += block_weight_bytes(c, block[1].vectors);
    if (bytes > NEAR_BYTES || full + kinds - 1 == 1) {
        conv_channels(c, NULL, spot);
        return;
    }
    Tile tile = tile_for(c, &block[full == 0]);
    int loops = open_pixels(c, &tile, &spot);
    conv_channels(c, &tile, spot);
    close_loops(c->v, loops);
}

static void conv_groups(const Conv *c) {
    Vector *v = c->v;
    Routine *r = v->r;
    Spot spot = {c->window.base, ARG_WEIGHTS,
                 op_address(r, ARG_CONSTANTS, NO_REG, 0, 4 * HEAD_COUNT), ARG_OUT, ARG_IN2};
    int64_t row = (int64_t)v->out.w * v->out.c;
    move_spot(v, &spot, c->window.row, 0, row * c->out_size, row * c->in2_size);
    if (c->groups > 1) {
        Reg g = op_loop_n(r, c->groups);
        int64_t weights = v->lowered->weights_count / c->groups * c->weight_size;
        int64_t constants = 4 * (v->lowered->constants_count - HEAD_COUNT) / c->groups;
        spot.weights = op_address(r, spot.weights, g, (int)weights, 0);
        spot.constants = op_address(r, spot.constants, g, (int)constants, 0);
        move_spot(v, &spot, g, c->group_in * v->size, c->group_out * c->out_size,
                  c->group_out * c->in2_size);
    }
    conv_group(c, spot);
    if (c->groups > 1)
        op_end(r);
}

/* ---- the step ---------------------------------------------------------------------------- */

/* How many weights share a byte: where each is read for one pixel only, reading takes longer than
 * unpacking, if they come from beyond the nearest cache. Their sums are then larger by a factor of
 * up to 2^6 than those that the layer is proved for. */
static int weights_shared(const Conv *c) {
    const Vector *v = c->v;
    Format format = v->step->kernel.weights;
    int bits = format <= FORMAT_I2 ? 2 : 4;
    int64_t largest = (int64_t)c->run * 255 * format_weight_limit(format) << (8 - bits);
    bool once = v->out.h * v->out.w == 1 && c->groups == 1 && v->step->kernel_h == 1;
    bool packed = once && v->element == U8 && format <= FORMAT_I4 && largest < INT32_MAX &&
                  (int64_t)c->run * v->out.c > SHARED_BYTES;
    return packed ? 8 / bits : 1;
}

static Conv conv_of(Vector *v) {
    const Step *step = v->step;
    Conv c = {.v = v, .groups = step->groups};
    c.group_in = v->in.c / c.groups;
    c.group_out = v->out.c / c.groups;
    c.runs = c.groups > 1 ? step->kernel_w : 1;
    c.run = c.groups > 1 ? c.group_in : step->kernel_w * v->in.c;
    c.wide = sums_are_wide(v);
    int64_t largest = step->kernel.in == FORMAT_I16 ? 32768 : 255;
    largest *= (int64_t)v->taps * format_weight_limit(step->kernel.weights);
    c.part = (int)(INT32_MAX / largest);
    c.shared = c.wide ? 1 : weights_shared(&c);
    int unit = v->taps * c.shared;
    c.steps = (c.run + unit - 1) / unit * c.shared;
    c.weight_size = step->kernel.weights == FORMAT_I16 ? 2 : 1;
    c.vector_bytes = (int64_t)v->lanes * v->taps * c.weight_size / c.shared;
    c.out_size = type_bits(vector_type(step->kernel.out)) / 8;
    c.in2_size = type_bits(vector_type(step->kernel.in2)) / 8;
    return c;
}

/* Fetching ahead passes through the weights PACE times as fast as products do. */
static void begin_fetching(Conv *c) {
    Vector *v = c->v;
    Block block[2];
    int full;
    blocks_of(c, block, &full);
    int64_t bytes = v->lowered->weights_count * c->weight_size;
    c->ahead = NO_REG;
    if (bytes < FAR_BYTES || full < 2 || c->groups > 1 || c->window.blocks > 1)
        return;
    Tile tile = tile_for(c, &block[0]);
    int64_t tiles = (int64_t)((c->window.rows + tile.height - 1) / tile.height) *
                    ((v->out.w + tile.width - 1) / tile.width);
    if (tiles < REUSED)
        return;
    int64_t passes = tiles * v->step->kernel_h * max_i64(1, c->steps / steps_at_once(c, &tile));
    int64_t block_bytes = block_weight_bytes(c, block[0].vectors);
    c->pace = PACE * block_bytes / passes;
    c->ahead = routine_pointer(v->r);
    op_copy_to(v->r, c->ahead, op_address(v->r, ARG_WEIGHTS, NO_REG, 0, block_bytes));
}

bool vector_conv(Vector *v) {
    Conv c = conv_of(v);
    pack(&c);
    bool beyond = c.run != c.steps * v->taps;
    bool converts = vector_type(v->step->kernel.in) != v->element;
    c.window = window_open(v, beyond || converts, 4 * c.shared, WINDOW_BYTES);
    begin_fetching(&c);
    conv_groups(&c);
    window_close(v, &c.window);
    return true;
}
