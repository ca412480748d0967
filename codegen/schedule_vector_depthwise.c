/* Depthwise convolution by lanes of channels. Rows are interleaved byte by byte (or half by half)
 * so that a lane holds four (two) vertical taps of its channel, which one dot product sums; packing
 * the results undoes the order of channels that interleaving made. A column of the input, once
 * interleaved, serves all outputs of a tile that reach it.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

#include <assert.h>

enum {
    MAX_TAPS = 4,         /* sum vectors of a vector of elements; rows that a lane sums */
    TILE = 4,             /* outputs of a tile */
    MAX_PERIOD = 4,       /* vectors after which flat rows repeat their channels */
    WINDOW_BYTES = 32768, /* of copied rows */
};

/* Vectors of elements that the same code serves: `repeat` neighbours, each with constants of its
 * own, at each of `outputs` places of a row. */
typedef struct Slice {
    int bits, repeat, outputs;
    int count;                  /* elements that exist */
    int64_t in, out;            /* of the first, in elements */
    int64_t in_next, out_next;  /* from place to place */
    int64_t weights, constants; /* bytes */
} Slice;

typedef struct Depthwise {
    Vector *v;
    Window window;
    int elements;   /* of a whole vector */
    int tap_groups; /* of rows that are summed at once */
    int period;     /* vectors of a flat row with channels of their own; 0: pixel by pixel */
    int out_size;
    Slice slice[2 + MAX_PERIOD];
    int slices;
} Depthwise;

/* ---- vectors of channels -------------------------------------------------------------------------- */

static int greatest_common(int a, int b) {
    return b ? greatest_common(b, a % b) : a;
}

static int64_t slice_weight_bytes(const Depthwise *d, int bits) {
    return (int64_t)d->tap_groups * d->v->step->kernel_w * d->v->taps * (bits / 8);
}

static int64_t slice_constant_bytes(const Depthwise *d, int bits) {
    return (int64_t)2 * d->v->taps * (bits / 8);
}

/* Pixel by pixel: whole vectors of channels, then a narrower one for the rest. */
static void slice_channels(Depthwise *d) {
    const Vector *v = d->v;
    int bits = v->isa->vector_bits, whole = v->in.c / d->elements, rest = v->in.c % d->elements;
    Slice slice = {.bits = bits,
                   .repeat = whole,
                   .outputs = v->out.w,
                   .count = d->elements,
                   .in_next = (int64_t)v->step->stride_w * v->in.c,
                   .out_next = v->out.c};
    if (whole)
        d->slice[d->slices++] = slice;
    while (bits > 128 && rest <= bits / 2 / 8 / v->size)
        bits /= 2;
    slice.in = slice.out = whole * d->elements;
    slice.weights = whole * slice_weight_bytes(d, slice.bits);
    slice.constants = whole * slice_constant_bytes(d, slice.bits);
    slice.bits = bits;
    slice.repeat = 1;
    slice.count = rest;
    if (rest)
        d->slice[d->slices++] = slice;
}

/* A flat row: element i of the result reads i + k c. Whole periods, then what is left. */
static void slice_row(Depthwise *d) {
    const Vector *v = d->v;
    int row = v->out.w * v->out.c, bits = v->isa->vector_bits, periods;
    int64_t period = (int64_t)d->period * d->elements;
    periods = (int)(row / period);
    Slice slice = {.bits = bits,
                   .repeat = d->period,
                   .outputs = periods,
                   .count = d->elements,
                   .in_next = period,
                   .out_next = period};
    if (periods)
        d->slice[d->slices++] = slice;
    for (int i = 0; i < d->period && periods * period + i * d->elements < row; i++) {
        slice.in = slice.out = periods * period + i * d->elements;
        slice.repeat = slice.outputs = 1;
        slice.count = (int)min_i64(d->elements, row - slice.in);
        slice.weights = i * slice_weight_bytes(d, bits);
        slice.constants = i * slice_constant_bytes(d, bits);
        d->slice[d->slices++] = slice;
    }
}

static void slice_layer(Depthwise *d) {
    const Vector *v = d->v;
    int period = v->in.c / greatest_common(v->in.c, d->elements);
    bool flat = v->step->stride_w == 1 && v->in.c < d->elements && period <= MAX_PERIOD;
    d->period = flat ? period : 0;
    if (flat)
        slice_row(d);
    else
        slice_channels(d);
}

/* Does no vector reach beyond the elements that its window has? */
static bool slices_fit(const Depthwise *d) {
    for (int i = 0; i < d->slices; i++)
        if (d->slice[i].count * d->v->size * 8 != d->slice[i].bits)
            return false;
    return true;
}

/* ---- constants --------------------------------------------------------------------------------------- */

/* The channel of an element of a vector of constants; -1: none. */
static int element_channel(const Depthwise *d, int64_t first, int element) {
    int64_t at = first + element;
    if (d->period)
        return (int)(at % d->v->in.c);
    return at < d->v->in.c ? (int)at : -1;
}

static void pack_vector(const Depthwise *d, int bits, int64_t first, int64_t *weights,
                        int64_t *constants) {
    const Vector *v = d->v;
    const Layer *layer = v->step->from;
    int lanes = bits / 32, kernel_h = v->step->kernel_h, kernel_w = v->step->kernel_w;
    for (int i = 0; i < v->taps * lanes; i++) {
        int element = packed_channel(v->taps, i / lanes, i % lanes);
        int c = element_channel(d, first, element);
        if (c < 0)
            continue;
        constants[i] = folded_bias(v, c);
        constants[v->taps * lanes + i] = layer->multiplier[c];
        for (int ky = 0; ky < kernel_h; ky++)
            for (int kx = 0; kx < kernel_w; kx++) {
                int64_t at = (ky / v->taps * kernel_w + kx) * v->taps * lanes + i;
                weights[at * v->taps + ky % v->taps] =
                    layer->weight[c * layer->row + ky * kernel_w + kx];
            }
    }
}

static void pack(Depthwise *d) {
    Vector *v = d->v;
    int bits = v->isa->vector_bits, vectors = d->period ? d->period : v->in.c / d->elements;
    int rest = d->period || v->in.c % d->elements == 0 ? 0 : d->slice[d->slices - 1].bits;
    int64_t weights = vectors * slice_weight_bytes(d, bits) + slice_weight_bytes(d, rest);
    int64_t constants = vectors * slice_constant_bytes(d, bits) + slice_constant_bytes(d, rest);
    v->lowered->weights_type = v->size == 1 ? I8 : I16;
    v->lowered->weights_count = weights / v->size;
    vector_constants(v, constants / 4);
    if (!v->step->from->weight)
        return;
    int64_t *to = arena_array(v->arena, int64_t, v->lowered->weights_count);
    v->lowered->weights = to;
    for (int i = 0; i < vectors + (rest > 0); i++)
        pack_vector(d, i < vectors ? bits : rest, (int64_t)i * d->elements,
                    to + i * slice_weight_bytes(d, bits) / v->size,
                    v->constant + HEAD_COUNT + i * slice_constant_bytes(d, bits) / 4);
}

/* ---- a tile ---------------------------------------------------------------------------------------------- */

/* Where a tile's elements, constants and results are. */
typedef struct Spot {
    Reg in, weights, constants, out, in2;
} Spot;

/* Rows of a column from `in` + offset, interleaved: lanes of vertical taps. */
static void load_column(Vector *v, const Window *window, Reg in, int64_t offset, int rows,
                        Reg *column) {
    Routine *r = v->r;
    Reg row[MAX_TAPS];
    for (int i = 0; i < v->taps; i++)
        row[i] = i < rows ? op_load(r, v->element, v->bits, v->element, in,
                                    offset + i * window->pitch, v->bits / 8 / v->size)
                          : row[i - 1]; /* times zero */
    if (v->taps == 2) {
        for (int h = 0; h < 2; h++)
            column[h] = op_interleave(r, I16, row[0], row[1], h);
        return;
    }
    for (int h = 0; h < 2; h++) {
        Reg upper = op_interleave(r, U8, row[0], row[1], h);
        Reg lower = op_interleave(r, U8, row[2], row[3], h);
        column[2 * h] = op_interleave(r, I16, upper, lower, 0);
        column[2 * h + 1] = op_interleave(r, I16, upper, lower, 1);
    }
}

/* Adds to all sums of the tile what they take of the column at `offset`. */
static void add_column(Vector *v, const Slice *slice, int outputs, int64_t pixel,
                       int64_t offset, const Reg *column, Reg (*weight)[MAX_TAPS], Reg *sums) {
    for (int u = 0; u < outputs; u++)
        for (int kx = 0; kx < v->step->kernel_w; kx++)
            for (int i = 0; i < v->taps && u * slice->in_next + kx * pixel == offset; i++)
                op_dot_into(v->r, v->size == 1 ? INSN_DOT4 : INSN_DOT2, v->element,
                            sums[i * outputs + u], column[i], weight[kx][i]);
}

static bool is_reached(const Slice *slice, int outputs, int kernel_w, int64_t pixel,
                       int64_t offset) {
    for (int u = 0; u < outputs; u++)
        for (int kx = 0; kx < kernel_w; kx++)
            if (u * slice->in_next + kx * pixel == offset)
                return true;
    return false;
}

/* Rows ky .. ky + rows of the taps. */
static void add_rows(const Depthwise *d, Vector *v, const Slice *slice, int outputs, int ky,
                     const Spot *spot, Reg *sums) {
    int kernel_w = v->step->kernel_w, pixel = v->in.c;
    int rows = (int)min_i64(v->taps, v->step->kernel_h - ky);
    Reg(*weight)[MAX_TAPS] = arena_alloc(v->arena, sizeof *weight * (size_t)kernel_w);
    for (int kx = 0; kx < kernel_w; kx++)
        for (int i = 0; i < v->taps; i++)
            weight[kx][i] = op_load(
                v->r, v->size == 1 ? I8 : I16, v->bits, v->size == 1 ? I8 : I16, spot->weights,
                ((int64_t)(ky / v->taps * kernel_w + kx) * v->taps + i) * v->bits / 8,
                v->bits / 8 / v->size);
    int64_t last = (outputs - 1) * slice->in_next + (int64_t)(kernel_w - 1) * pixel;
    int step = greatest_common((int)slice->in_next, pixel);
    for (int64_t offset = 0; offset <= last; offset += step) {
        if (!is_reached(slice, outputs, kernel_w, pixel, offset))
            continue;
        Reg column[MAX_TAPS];
        load_column(v, &d->window, spot->in, offset * v->size + ky * d->window.pitch, rows,
                    column);
        add_column(v, slice, outputs, pixel, offset, column, weight, sums);
    }
}

static void store_sums(const Depthwise *d, Vector *v, const Slice *slice, int outputs,
                       const Spot *spot, Reg *sums) {
    Group group = {0, v->taps, slice->count};
    int64_t head = (int64_t)v->taps * v->bits / 8;
    for (int i = 0; i < v->taps; i++) {
        Reg multiplier = op_load(v->r, I32, v->bits, I32, spot->constants,
                                 head + (int64_t)i * v->bits / 8, v->lanes);
        requantise_sums(v, sums + i * outputs, outputs, multiplier);
    }
    for (int u = 0; u < outputs; u++) {
        Reg codes[MAX_TAPS];
        for (int i = 0; i < v->taps; i++)
            codes[i] = sums[i * outputs + u];
        Landing landing = {spot->out, spot->in2, u * slice->out_next * d->out_size,
                           u * slice->out_next};
        store_group(v, &group, codes, &landing);
    }
}

static void depthwise_tile(const Depthwise *d, const Slice *slice, int outputs,
                           const Spot *spot) {
    Vector narrow = *d->v, *v = &narrow;
    v->bits = slice->bits;
    v->lanes = slice->bits / 32;
    Reg sums[MAX_TAPS * TILE];
    for (int i = 0; i < v->taps; i++) {
        Reg bias = op_load(v->r, I32, v->bits, I32, spot->constants, (int64_t)i * v->bits / 8,
                           v->lanes);
        for (int u = 0; u < outputs; u++) {
            sums[i * outputs + u] = routine_value(v->r, v->bits);
            op_copy_to(v->r, sums[i * outputs + u], bias);
        }
    }
    for (int ky = 0; ky < v->step->kernel_h; ky += v->taps)
        add_rows(d, v, slice, outputs, ky, spot, sums);
    store_sums(d, v, slice, outputs, spot, sums);
}

/* ---- loops over tiles ---------------------------------------------------------------------------------------- */

static void move_spot(const Depthwise *d, Spot *spot, Reg index, int64_t in, int64_t out) {
    Vector *v = d->v;
    if (index == NO_REG)
        return;
    spot->in = op_address(v->r, spot->in, index, (int)(in * v->size), 0);
    spot->out = op_address(v->r, spot->out, index, (int)(out * d->out_size), 0);
    if (v->step->kernel.adds)
        spot->in2 = op_address(v->r, spot->in2, index, (int)out, 0);
}

static void depthwise_row(const Depthwise *d, const Slice *slice, Spot spot) {
    Vector *v = d->v;
    int outputs = (int)min_i64(TILE, slice->outputs);
    int tiles = (slice->outputs + outputs - 1) / outputs;
    if (tiles > 1) {
        Reg x = tile_start(v, op_loop_n(v->r, tiles), outputs, slice->outputs - outputs);
        move_spot(d, &spot, x, slice->in_next, slice->out_next);
    }
    depthwise_tile(d, slice, outputs, &spot);
    if (tiles > 1)
        op_end(v->r);
}

static void depthwise_slice(const Depthwise *d, const Slice *slice, Spot spot) {
    Vector *v = d->v;
    Routine *r = v->r;
    spot.in = op_address(r, spot.in, NO_REG, 0, slice->in * v->size);
    spot.out = op_address(r, spot.out, NO_REG, 0, slice->out * d->out_size);
    if (v->step->kernel.adds)
        spot.in2 = op_address(r, spot.in2, NO_REG, 0, slice->out);
    spot.weights = op_address(r, ARG_WEIGHTS, NO_REG, 0, slice->weights);
    spot.constants = op_address(r, ARG_CONSTANTS, NO_REG, 0, 4 * HEAD_COUNT + slice->constants);
    if (slice->repeat > 1) {
        Reg i = op_loop_n(r, slice->repeat);
        spot.weights =
            op_address(r, spot.weights, i, (int)slice_weight_bytes(d, slice->bits), 0);
        spot.constants =
            op_address(r, spot.constants, i, (int)slice_constant_bytes(d, slice->bits), 0);
        move_spot(d, &spot, i, d->elements, d->elements);
    }
    if (d->window.rows > 1)
        move_spot(d, &spot, op_loop_n(r, d->window.rows),
                  v->step->stride_h * d->window.pitch / v->size, (int64_t)v->out.w * v->out.c);
    depthwise_row(d, slice, spot);
    if (d->window.rows > 1)
        op_end(r);
    if (slice->repeat > 1)
        op_end(r);
}

/* ---- the step --------------------------------------------------------------------------------------------------- */

bool vector_depthwise(Vector *v) {
    Depthwise d = {.v = v, .elements = v->isa->vector_bits / 8 / v->size};
    d.tap_groups = (v->step->kernel_h + v->taps - 1) / v->taps;
    d.out_size = type_bits(vector_type(v->step->kernel.out)) / 8;
    slice_layer(&d);
    assert(d.slices <= COUNT(d.slice));
    pack(&d);
    bool converts = vector_type(v->step->kernel.in) != v->element;
    d.window =
        window_open(v, converts || !slices_fit(&d), v->isa->vector_bits / 8, WINDOW_BYTES);
    Spot spot = {.in = d.window.base, .out = ARG_OUT, .in2 = ARG_IN2};
    move_spot(&d, &spot, d.window.row, 0, (int64_t)v->out.w * v->out.c);
    for (int i = 0; i < d.slices; i++)
        depthwise_slice(&d, &d.slice[i], spot);
    window_close(v, &d.window);
    return true;
}
