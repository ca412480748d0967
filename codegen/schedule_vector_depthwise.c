/* Depthwise convolution by lanes of channels. Rows are interleaved byte by byte (or half by half)
 * so that a lane holds four (two) vertical taps of its channel, which one dot product sums; packing
 * the results undoes the order of channels that interleaving made. A column of the input, once
 * interleaved, serves all outputs of a tile that reach it.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

#include <assert.h>

enum {
    MAX_TAPS = 4,         /* sum vectors of a vector of elements; rows that a lane sums */
    MAX_SUMS = 24,        /* sum vectors of a tile */
    MAX_FLAT_SUMS = 16,   /* of one that is a row high */
    MAX_PERIOD = 4,       /* vectors after which flat rows repeat their channels */
    WINDOW_BYTES = 65536, /* of copied rows */
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
    int height;     /* output rows of a tile: several where a lane holds the taps of all */
    int period;     /* vectors of a flat row with channels of their own; 0: pixel by pixel */
    bool direct;    /* reads the input itself, and knows where its border is */
    int out_size;
    Slice slice[2 + MAX_PERIOD];
    int slices;
} Depthwise;

/* ---- vectors of channels ----------------------------------------------------------------- */

static int greatest_common(int a, int b) {
    return b ? greatest_common(b, a % b) : a;
}

static int64_t slice_weight_bytes(const Depthwise *d, int bits) {
    return (int64_t)d->height * d->tap_groups * d->v->step->kernel_w * d->v->taps * (bits / 8);
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

/* Narrow layers are taken row by row, if outputs are as far apart as inputs. */
static int flat_period(const Depthwise *d) {
    const Vector *v = d->v;
    int period = v->in.c / greatest_common(v->in.c, d->elements);
    bool flat = v->step->stride_w == 1 && v->in.c < d->elements && period <= MAX_PERIOD;
    return flat ? period : 0;
}

/* ---- constants --------------------------------------------------------------------------- */

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
        for (int at = 0; at < d->height * kernel_h * kernel_w; at++) {
            int kx = at % kernel_w, ky = at / kernel_w % kernel_h,
                row = at / kernel_w / kernel_h;
            int tap = ky + row * v->step->stride_h; /* of the rows that a lane holds */
            int64_t vector = ((int64_t)(row * d->tap_groups + tap / v->taps) * kernel_w + kx) *
                                 v->taps * lanes +
                             i;
            weights[vector * v->taps + tap % v->taps] =
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

/* ---- a tile ------------------------------------------------------------------------------ */

enum { MAX_ROWS = 16 };

/* Where a tile's elements, constants and results are. Elements of a column: row[i] + offset[i] +
 * column * in_next; `column` is counted in outputs. */
typedef struct Spot {
    Reg row[MAX_ROWS];
    int64_t offset[MAX_ROWS];
    Reg column;
    int first; /* output: where it is known, and columns may lie outside the input; else -1 */
    Reg weights, constants, out, in2;
} Spot;

typedef struct Tile {
    int width, height;
} Tile;

static int rows_of(const Depthwise *d) {
    return (d->height - 1) * d->v->step->stride_h + d->v->step->kernel_h;
}

static Reg load_row(Vector *v, const Slice *slice, const Spot *spot, int row, int64_t offset) {
    int64_t bytes = offset * v->size + spot->offset[row];
    return op_load_at(v->r, v->element, v->bits, v->element, spot->row[row], spot->column,
                      (int)slice->in_next * v->size, bytes, slice->count);
}

/* Rows from `first` on of a column, interleaved: lanes of vertical taps. */
static void load_column(const Depthwise *d, Vector *v, const Slice *slice, const Spot *spot,
                        int first, int64_t offset, Reg *column) {
    Routine *r = v->r;
    Reg row[MAX_TAPS];
    for (int i = 0; i < v->taps; i++)
        row[i] = first + i < rows_of(d) ? load_row(v, slice, spot, first + i, offset)
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

/* Is the column at `offset` from the tile's first one outside the input? */
static bool is_outside(const Depthwise *d, const Spot *spot, int64_t offset) {
    const Vector *v = d->v;
    if (!d->direct || spot->first < 0)
        return false;
    int64_t x = spot->first * v->step->stride_w - v->step->pad_w + offset / v->in.c;
    return x < 0 || x >= v->in.w;
}

/* Reads a column where it is: counted from the window's first tap, or from the input's. */
static void read_column(const Depthwise *d, Vector *v, const Slice *slice, const Spot *spot,
                        int first, int64_t offset, Reg *column) {
    int64_t from = offset;
    if (d->direct)
        from -= (int64_t)v->step->pad_w * v->in.c;
    if (spot->first > 0)
        from += spot->first * slice->in_next;
    for (int i = 0; i < v->taps && is_outside(d, spot, offset); i++)
        column[i] = vector_head(v, v->element, v->bits, HEAD_FILL);
    if (!is_outside(d, spot, offset))
        load_column(d, v, slice, spot, first, from, column);
}

static Reg load_weight(const Depthwise *d, Vector *v, const Spot *spot, int row, int group,
                       int kx, int i) {
    int64_t set = (int64_t)(row * d->tap_groups + group) * v->step->kernel_w + kx;
    Type type = v->size == 1 ? I8 : I16;
    return op_load(v->r, type, v->bits, type, spot->weights, (set * v->taps + i) * v->bits / 8,
                   v->bits / 8 / v->size);
}

/* Adds to all sums of the tile what they take of the column at `offset`. */
static void add_column(const Depthwise *d, Vector *v, const Slice *slice, Tile tile,
                       const Spot *spot, int group, int64_t offset, Reg *sums) {
    Reg column[MAX_TAPS];
    bool is_read = false;
    for (int u = 0; u < tile.width; u++) {
        int64_t tap = offset - u * slice->in_next;
        int kx = (int)(tap / v->in.c);
        if (tap < 0 || tap % v->in.c || kx >= v->step->kernel_w)
            continue;
        if (!is_read)
            read_column(d, v, slice, spot, group * v->taps, offset, column);
        is_read = true;
        for (int row = 0; row < tile.height; row++)
            for (int i = 0; i < v->taps; i++)
                op_dot_into(v->r, v->size == 1 ? INSN_DOT4 : INSN_DOT2, v->element,
                            sums[(i * tile.height + row) * tile.width + u], column[i],
                            load_weight(d, v, spot, row, group, kx, i));
    }
}

static void store_sums(const Depthwise *d, Vector *v, const Slice *slice, Tile tile,
                       const Spot *spot, Reg *sums) {
    Group group = {0, v->taps, 1, slice->count};
    int places = tile.width * tile.height;
    int64_t head = (int64_t)v->taps * v->bits / 8, row = (int64_t)v->out.w * v->out.c;
    for (int i = 0; i < v->taps; i++) {
        Reg multiplier = op_load(v->r, I32, v->bits, I32, spot->constants,
                                 head + (int64_t)i * v->bits / 8, v->lanes);
        requantise_sums(v, true, sums + i * places, places, multiplier);
    }
    for (int p = 0; p < places; p++) {
        Reg codes[MAX_TAPS];
        for (int i = 0; i < v->taps; i++)
            codes[i] = sums[i * places + p];
        int64_t at = p % tile.width * slice->out_next + p / tile.width * row;
        if (spot->first > 0)
            at += spot->first * slice->out_next;
        Landing landing = {spot->out, spot->in2, at * d->out_size, at};
        store_group(v, &group, codes, &landing);
    }
}

static void depthwise_tile(const Depthwise *d, const Slice *slice, Tile tile,
                           const Spot *spot) {
    Vector narrow = *d->v, *v = &narrow;
    v->bits = slice->bits;
    v->lanes = slice->bits / 32;
    Reg sums[MAX_SUMS];
    int places = tile.width * tile.height;
    assert(places * v->taps <= MAX_SUMS);
    for (int i = 0; i < v->taps; i++) {
        Reg bias = op_load(v->r, I32, v->bits, I32, spot->constants, (int64_t)i * v->bits / 8,
                           v->lanes);
        for (int p = 0; p < places; p++) {
            sums[i * places + p] = routine_value(v->r, v->bits);
            op_copy_to(v->r, sums[i * places + p], bias);
        }
    }
    int64_t last = (tile.width - 1) * slice->in_next + (v->step->kernel_w - 1) * v->in.c;
    int step = greatest_common((int)slice->in_next, v->in.c);
    for (int group = 0; group < d->tap_groups; group++)
        for (int64_t offset = 0; offset <= last; offset += step)
            add_column(d, v, slice, tile, spot, group, offset, sums);
    store_sums(d, v, slice, tile, spot, sums);
}

/* ---- loops over tiles -------------------------------------------------------------------- */

/* Moves results by `out` elements a number. */
static void move_out(const Depthwise *d, Spot *spot, Reg index, int64_t out) {
    Routine *r = d->v->r;
    spot->out = op_address(r, spot->out, index, (int)(out * d->out_size), 0);
    if (d->v->step->kernel.adds)
        spot->in2 = op_address(r, spot->in2, index, (int)out, 0);
}

/* Tiles from output `first` on, none of which meets the border. */
static void inner_tiles(const Depthwise *d, const Slice *slice, int first, int count,
                        Spot spot) {
    Routine *r = d->v->r;
    int most =
        (d->height > 1 && !d->period ? MAX_SUMS : MAX_FLAT_SUMS) / d->v->taps / d->height;
    Tile tile = {tile_length(count, 1, (most + 1) / 2, most), d->height};
    int tiles = (count + tile.width - 1) / tile.width;
    spot.first = -1;
    if (tiles > 1 || first) {
        Reg x = op_constant(r, I32, 32, first);
        if (tiles > 1) {
            Reg number = tile_start(d->v, op_loop_n(r, tiles), tile.width, count - tile.width);
            x = op2(r, INSN_ADD, I32, number, x);
        }
        spot.column = x;
        move_out(d, &spot, x, slice->out_next);
    }
    depthwise_tile(d, slice, tile, &spot);
    if (tiles > 1)
        op_end(r);
}

/* The first output whose columns are all inside, and the first after them that has one outside. */
static void inner_range(const Vector *v, int *from, int *to) {
    const Step *step = v->step;
    *from = *to = 0;
    while (*from < v->out.w && *from * step->stride_w < step->pad_w)
        ++*from;
    *to = *from;
    while (*to < v->out.w && *to * step->stride_w - step->pad_w + step->kernel_w <= v->in.w)
        ++*to;
}

static void depthwise_row(const Depthwise *d, const Slice *slice, Spot spot) {
    int from = 0, to = slice->outputs;
    if (d->direct)
        inner_range(d->v, &from, &to);
    spot.column = NO_REG;
    for (spot.first = 0; spot.first < slice->outputs; spot.first++)
        if (spot.first < from || spot.first >= to)
            depthwise_tile(d, slice, (Tile){1, d->height}, &spot);
    if (to > from)
        inner_tiles(d, slice, from, to - from, spot);
}

/* A row that may lie above or below the input is then one of the border. */
static Reg inside_or_border(const Depthwise *d, Reg row, Reg y, int tap, int64_t offset) {
    const Vector *v = d->v;
    Routine *r = v->r;
    int above = v->step->pad_h - tap;
    int below = (v->out.h - d->height) * v->step->stride_h + tap - v->step->pad_h - v->in.h;
    Reg at = routine_pointer(r);
    op_copy_to(r, at, row);
    for (int side = 0; side < 2; side++) {
        if (side ? below < 0 : above <= 0)
            continue;
        Reg limit = op_constant(r, I32, 32, side ? v->in.h - 1 + v->step->pad_h - tap : above);
        Reg down = op2(r, INSN_MUL, I32, y, op_constant(r, I32, 32, v->step->stride_h));
        Reg beyond =
            side ? op2(r, INSN_SUB, I32, limit, down) : op2(r, INSN_SUB, I32, down, limit);
        op_loop(r, op1(r, INSN_SHR, U32, beyond, 31)); /* once where it is negative */
        op_copy_to(r, at, op_address(r, ARG_SCRATCH, NO_REG, 0, offset));
        op_end(r);
    }
    return at;
}

/* Pointers to the rows of the tile at output row y. */
static void find_rows(const Depthwise *d, const Slice *slice, Reg y, Spot *spot) {
    const Vector *v = d->v;
    const Step *step = v->step;
    Reg base = spot->row[0];
    if (y != NO_REG)
        base = op_address(v->r, base, y, (int)(step->stride_h * d->window.pitch), 0);
    for (int i = 0; i < rows_of(d); i++) {
        spot->row[i] = base;
        spot->offset[i] = i * d->window.pitch;
        if (!d->direct)
            continue;
        Reg row = op_address(v->r, base, NO_REG, 0, (i - step->pad_h) * d->window.pitch);
        Reg at = y != NO_REG ? y : op_constant(v->r, I32, 32, 0);
        spot->row[i] = inside_or_border(d, row, at, i, slice->in * v->size);
        spot->offset[i] = 0;
    }
}

static void depthwise_rows(const Depthwise *d, const Slice *slice, Spot spot) {
    Vector *v = d->v;
    int tiles = (d->window.rows + d->height - 1) / d->height;
    Reg y = NO_REG;
    if (tiles > 1) {
        y = tile_start(v, op_loop_n(v->r, tiles), d->height, d->window.rows - d->height);
        move_out(d, &spot, y, (int64_t)v->out.w * v->out.c);
    }
    find_rows(d, slice, y, &spot);
    depthwise_row(d, slice, spot);
    if (tiles > 1)
        op_end(v->r);
}

static void depthwise_slice(const Depthwise *d, const Slice *slice, Spot spot) {
    Vector *v = d->v;
    Routine *r = v->r;
    spot.row[0] = op_address(r, spot.row[0], NO_REG, 0, slice->in * v->size);
    move_out(d, &spot, op_constant(r, I32, 32, 1), slice->out);
    spot.weights = op_address(r, ARG_WEIGHTS, NO_REG, 0, slice->weights);
    spot.constants = op_address(r, ARG_CONSTANTS, NO_REG, 0, 4 * HEAD_COUNT + slice->constants);
    if (slice->repeat > 1) {
        Reg i = op_loop_n(r, slice->repeat);
        spot.weights =
            op_address(r, spot.weights, i, (int)slice_weight_bytes(d, slice->bits), 0);
        spot.constants =
            op_address(r, spot.constants, i, (int)slice_constant_bytes(d, slice->bits), 0);
        spot.row[0] = op_address(r, spot.row[0], i, d->elements * v->size, 0);
        move_out(d, &spot, i, d->elements);
    }
    depthwise_rows(d, slice, spot);
    if (slice->repeat > 1)
        op_end(r);
}

/* ---- the step ---------------------------------------------------------------------------- */

/* The input itself, and one row of border for those above and below it. */
static void open_direct(Depthwise *d) {
    Vector *v = d->v;
    int64_t row = (int64_t)v->in.w * v->in.c;
    d->window = (Window){.rows = v->out.h,
                         .blocks = 1,
                         .pixel = (int64_t)v->in.c * v->size,
                         .pitch = row * v->size,
                         .base = ARG_IN,
                         .row = NO_REG};
    bool above = v->step->pad_h > 0;
    bool below =
        (v->out.h - 1) * v->step->stride_h + v->step->kernel_h - v->step->pad_h > v->in.h;
    if (!above && !below)
        return;
    v->lowered->scratch_bytes = row * v->size;
    fill_elements(v, ARG_SCRATCH, row);
}

bool vector_depthwise(Vector *v) {
    const Step *step = v->step;
    Depthwise d = {.v = v, .elements = v->isa->vector_bits / 8 / v->size};
    d.tap_groups = (step->kernel_h + v->taps - 1) / v->taps;
    d.out_size = type_bits(vector_type(step->kernel.out)) / 8;
    d.period = flat_period(&d);
    d.direct = !d.period && vector_type(step->kernel.in) == v->element;
    bool tall = d.direct ? v->out.h > 1 : window_rows(v, WINDOW_BYTES) > 1;
    d.height = tall && step->kernel_h + step->stride_h <= v->taps ? 2 : 1;
    if (rows_of(&d) > MAX_ROWS)
        return false;
    d.period ? slice_row(&d) : slice_channels(&d);
    assert(d.slices <= COUNT(d.slice));
    pack(&d);
    if (d.direct)
        open_direct(&d);
    else
        d.window = window_open(v, true, v->isa->vector_bits / 8, WINDOW_BYTES);
    Spot spot = {.row = {d.window.base}, .out = ARG_OUT, .in2 = ARG_IN2};
    if (d.window.row != NO_REG)
        move_out(&d, &spot, d.window.row, (int64_t)v->out.w * v->out.c);
    for (int i = 0; i < d.slices; i++)
        depthwise_slice(&d, &d.slice[i], spot);
    window_close(v, &d.window);
    return true;
}
