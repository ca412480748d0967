/* Depthwise convolutions by planes: a channel is copied into a padded plane of 16-bit codes,
 * and all its outputs are made from there, so that the result may overwrite the input. Windows
 * of 3 by 3 give two outputs at a time, from words that hold two inputs each; the distance of
 * the plane's rows is part of the code, one of a few, so that layers of many widths share it.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

/* Sums of nine products leave bits to spare, so weights of a 3 by 3 are taken times 2^d such
 * that every layer has the shift FIXED: the code then needs no register for it. */
enum { SIDE = 3, MOST_WORDS = 28, MOST_PITCH = 512, FIXED = 41, MOST_FACTOR = 8 };

/* One of the two directions: how far it reaches, and bytes from one place to the next. */
typedef struct Direction {
    int in, out, pad;
    int64_t in_step, out_step;
} Direction;

typedef struct Plane {
    Direction along, across; /* of the plane's rows: the image's, or its columns */
    bool turned;             /* the plane's rows are the image's columns */
    int channels;
    int pitch, rows; /* elements; rows */
    int copied;      /* of the input, across */
    int unit;        /* inputs that are copied in one pass */
    int run;         /* words of a window's row */
    bool fast;       /* 3 by 3, stride 1 or 2 */
    int factor;      /* d; or -1: the layer's shift is a parameter */
} Plane;

static int pitch_of(int needed) {
    static const int classes[] = {16, 64, 128};
    for (int i = 0; i < COUNT(classes); i++)
        if (needed <= classes[i])
            return classes[i];
    return (needed + 63) / 64 * 64;
}

/* d, if it is in range and no sum outgrows 32 bits. */
static int factor_of(const Step *s) {
    int d = FIXED - s->shift;
    if (d < 0 || d > MOST_FACTOR)
        return -1;
    for (int c = 0; s->from->weight && c < s->from->out_channels; c++)
        if (channel_bound(s, c) >= (int64_t)1 << (31 - d))
            return -1;
    return d;
}

/* About what the outputs of one channel cost, for the choice of rows or columns. */
static int64_t cost_of(const Direction *along, const Direction *across) {
    enum { PAIR = 27, SINGLE = 20, ROW = 16, COPIED_ROW = 12 };
    int64_t row = along->out / 2 * PAIR + along->out % 2 * SINGLE + ROW;
    return across->out * row + (int64_t)across->in * COPIED_ROW;
}

/* Widths that layers of a network share have one unit: 3 where rows are short, 8 else. */
static int unit_of(int copied, int pitch) {
    static const int units[][5] = {{3, 5, 4, 2, 1}, {8, 5, 4, 3, 1}};
    const int *unit = units[pitch > 16];
    while (copied % *unit)
        unit++;
    return *unit;
}

static void plane_sizes(const Step *s, Plane *plane) {
    int reach = (plane->along.out - 1) * s->stride_w + 2 * plane->run + 1;
    plane->pitch = pitch_of((int)max_i64(reach, plane->along.pad + plane->along.in));
    plane->rows = (plane->across.out - 1) * s->stride_h + s->kernel_h;
    plane->copied = (int)min_i64(plane->across.in, plane->rows - plane->across.pad);
    plane->unit = unit_of(plane->along.in, plane->pitch);
}

static Plane plane_of(const Step *s) {
    Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
    int64_t c = in.c;
    Plane plane = {.along = {in.w, out.w, s->pad_w, c, c},
                   .across = {in.h, out.h, s->pad_h, in.w * c, out.w * c},
                   .channels = in.c,
                   .run = (s->kernel_w + 1) / 2,
                   .fast = s->kernel_h == SIDE && s->kernel_w == SIDE &&
                           s->stride_w == s->stride_h && s->stride_w <= 2};
    plane.factor = plane.fast ? factor_of(s) : -1;
    plane.turned = plane.fast &&
                   cost_of(&plane.across, &plane.along) < cost_of(&plane.along, &plane.across);
    if (plane.turned) {
        Direction along = plane.along;
        plane.along = plane.across;
        plane.across = along;
    }
    plane_sizes(s, &plane);
    return plane;
}

/* ---- weights ----------------------------------------------------------------------------- */

/* Words for one channel's weights: for 3 by 3 the bytes (k0, k1, k1, k2) of each row, whose
 * even ones are (k0, k1) and whose odd ones (k1, k2), plus 128 where they are to be shifted;
 * else two taps in 16 bits each. */
static int weight_words(const Plane *plane, const Step *s) {
    return plane->fast ? SIDE : s->kernel_h * plane->run;
}

static int tap(const Step *s, int c, int ky, int kx) {
    return kx < s->kernel_w ? s->from->weight[(int64_t)c * s->from->row + ky * s->kernel_w + kx]
                            : 0;
}

static int64_t packed_row(const Step *s, const Plane *plane, int c, int row, int offset) {
    uint32_t k[SIDE];
    for (int i = 0; i < SIDE; i++)
        k[i] =
            (uint32_t)((plane->turned ? tap(s, c, i, row) : tap(s, c, row, i)) + offset) & 255;
    return (int32_t)(k[0] | k[1] << 8 | k[1] << 16 | k[2] << 24);
}

/* Of each channel: words of weights, bias, multiplier. */
static void pack(Pair *p, const Plane *plane) {
    const Step *s = p->step;
    int words = weight_words(plane, s), channels = plane->channels;
    int d = plane->factor > 0 ? plane->factor : 0, offset = plane->factor >= 0 ? 128 : 0;
    p->lowered->weights_count = (int64_t)channels * (words + 2);
    if (!s->from->weight)
        return;
    int64_t *to = arena_array(p->r->arena, int64_t, p->lowered->weights_count);
    p->lowered->weights = to;
    for (int c = 0; c < channels; c++) {
        for (int i = 0; i < words; i++) {
            int ky = i / plane->run, kx = i % plane->run * 2;
            uint32_t low = (uint32_t)tap(s, c, plane->fast ? 0 : ky, plane->fast ? 0 : kx);
            uint32_t high = (uint32_t)tap(s, c, plane->fast ? 0 : ky, plane->fast ? 0 : kx + 1);
            *to++ = plane->fast ? packed_row(s, plane, c, i, offset)
                                : (int32_t)((low & 0xffff) | high << 16);
        }
        *to++ = (int32_t)((uint32_t)s->bias[c] << d);
        *to++ = s->from->multiplier[c];
    }
}

/* ---- the plane --------------------------------------------------------------------------- */

typedef struct Numbers {
    Reg channels;
    Reg in_step, in_step3, in_row, out_step, out_row;
    Reg inset, zeros, copied, passes;
    Reg rows, pairs, singles; /* of outputs */
} Numbers;

static Numbers numbers_of(Pair *p, const Plane *plane) {
    const Step *s = p->step;
    int out = plane->along.out;
    return (Numbers){
        .channels = pair_count(p, plane->channels),
        .in_step = pair_param(p, plane->along.in_step),
        .in_step3 = pair_param(p, 3 * plane->along.in_step),
        .in_row = pair_param(p, plane->across.in_step),
        .out_step = pair_param(p, plane->along.out_step),
        .out_row = pair_param(p, plane->across.out_step),
        .inset = pair_param(p, 2 * (plane->across.pad * plane->pitch + plane->along.pad)),
        .zeros = pair_number(p, s->in_zero),
        .copied = pair_count(p, plane->copied),
        .passes = pair_count(p, plane->along.in / plane->unit),
        .rows = pair_count(p, plane->across.out),
        .pairs = pair_count(p, out / 2),
        .singles = pair_param(p, plane->fast ? out % 2 : out)};
}

static void clear(Pair *p, const Plane *plane, Reg zeros) {
    Reg to = pair_copy(p, ARG_SCRATCH);
    op_loop(p->r, pair_param(p, plane->rows * (plane->pitch / 8)));
    for (int e = 0; e < 8; e++)
        op_store(p->r, I32, zeros, I16, to, 2 * e, 1);
    op_advance(p->r, to, NO_REG, 0, 16);
    op_end(p->r);
}

/* Some inputs in a row to the plane, four from one address. */
static void copy_some(Pair *p, const Numbers *n, int count, Reg from, Reg to) {
    Routine *r = p->r;
    Type type = pair_type(p->step->kernel.in);
    for (int first = 0; first < count; first += 4) {
        int some = (int)min_i64(4, count - first);
        Reg x[4];
        for (int i = 0; i < some; i++)
            x[i] = i == 0 ? op_load(r, I32, 32, type, from, 0, 1)
                          : op_load_at(r, I32, 32, type, from,
                                       i == 3 ? n->in_step3 : n->in_step, i == 2 ? 2 : 1, 0, 1);
        for (int i = 0; i < some; i++)
            op_store(r, I32, x[i], I16, to, 2 * (first + i), 1);
        op_advance(r, from, some == 3 ? n->in_step3 : n->in_step, some == 3 ? 1 : some, 0);
    }
    op_advance(r, to, NO_REG, 0, 2 * count);
}

/* Copies the channel at `in` into the plane, whose borders are there. */
static void copy_channel(Pair *p, const Plane *plane, const Numbers *n, Reg in) {
    Routine *r = p->r;
    Reg line = pair_copy(p, in), row = op_address(r, ARG_SCRATCH, n->inset, 1, 0);
    op_loop(r, n->copied);
    Reg from = pair_copy(p, line), to = pair_copy(p, row);
    op_loop(r, n->passes);
    copy_some(p, n, plane->unit, from, to);
    op_end(r);
    op_advance(r, line, n->in_row, 1, 0);
    op_advance(r, row, NO_REG, 0, 2 * plane->pitch);
    op_end(r);
}

/* ---- outputs ----------------------------------------------------------------------------- */

/* One channel's constants, and where it writes. */
typedef struct Channel {
    Reg word[MOST_WORDS]; /* fast: (k0, k1) of each row, (k1, k2), (k2, 0), (0, k0) */
    Reg bias, multiplier;
    const Scale *scale;
    Reg factor, offset; /* d, and 128 times 2^d in both halves */
} Channel;

enum { K01 = 0, K12 = 3, K2 = 6, K0 = 9 };

/* Two weights of a word: its even bytes or its odd ones. */
static Reg two_taps(Pair *p, const Plane *plane, const Channel *channel, Reg word, int odd) {
    if (plane->factor < 0)
        return op_half(p->r, I16, word, odd);
    Reg shifted = pair_shift(p, INSN_SHL, U32, op_half(p->r, U16, word, odd), channel->factor);
    return op2(p->r, INSN_SUB, I16, shifted, channel->offset);
}

static Channel channel_of(Pair *p, const Plane *plane, Channel channel, Reg weights) {
    int words = weight_words(plane, p->step);
    for (int i = 0; plane->fast && i < SIDE; i++) {
        Reg word = pair_load_word(p, weights, 4 * i, 4);
        channel.word[K01 + i] = two_taps(p, plane, &channel, word, 0);
        channel.word[K12 + i] = two_taps(p, plane, &channel, word, 1);
        channel.word[K2 + i] = op1(p->r, INSN_SHR, U32, channel.word[K12 + i], 16);
        channel.word[K0 + i] = op1(p->r, INSN_SHL, U32, channel.word[K01 + i], 16);
    }
    channel.bias = pair_load_word(p, weights, 4 * words, 4);
    channel.multiplier = pair_load_word(p, weights, 4 * words + 4, 4);
    return channel;
}

static Reg dot(Pair *p, Reg x, Reg w, Reg sum) {
    return op_dot(p->r, INSN_DOT2, I16, x, w, sum);
}

static Reg code_of(Pair *p, const Channel *channel, Reg sum) {
    return scale_code(p, channel->scale, sum, channel->multiplier, 0);
}

/* Two outputs of a row of windows from `x`; the second needs two inputs more at stride 2. */
static void two_outputs(Pair *p, const Plane *plane, const Channel *ch, const Numbers *n, Reg x,
                        Reg out) {
    Reg y0 = ch->bias, y1 = ch->bias;
    bool far = p->step->stride_w == 2;
    for (int row = 0; row < SIDE; row++) {
        int64_t at = 2 * (int64_t)row * plane->pitch;
        Reg a = pair_load_word(p, x, at, 4), b = pair_load_word(p, x, at + 4, 4);
        y0 = dot(p, a, ch->word[K01 + row], y0);
        y0 = dot(p, b, ch->word[K2 + row], y0);
        if (far) {
            Reg c = pair_load_word(p, x, at + 8, 4);
            y1 = dot(p, b, ch->word[K01 + row], y1);
            y1 = dot(p, c, ch->word[K2 + row], y1);
        } else {
            y1 = dot(p, a, ch->word[K0 + row], y1);
            y1 = dot(p, b, ch->word[K12 + row], y1);
        }
    }
    Type type = pair_type(p->step->kernel.out);
    op_store(p->r, I32, code_of(p, ch, y0), type, out, 0, 1);
    op_store_at(p->r, I32, code_of(p, ch, y1), type, out, n->out_step, 1, 0, 1);
}

/* One output of any window. */
static void one_output(Pair *p, const Plane *plane, const Channel *ch, Reg weights, Reg x,
                       Reg out) {
    Reg y = ch->bias;
    for (int row = 0; row < p->step->kernel_h; row++)
        for (int i = 0; i < plane->run; i++) {
            Reg word = plane->fast ? ch->word[(i ? K2 : K01) + row]
                                   : pair_load_word(p, weights, 4 * (row * plane->run + i), 4);
            y = dot(p, pair_load_word(p, x, 2 * ((int64_t)row * plane->pitch + 2 * i), 2), word,
                    y);
        }
    op_store(p->r, I32, code_of(p, ch, y), pair_type(p->step->kernel.out), out, 0, 1);
}

static void outputs(Pair *p, const Plane *plane, const Channel *ch, const Numbers *n,
                    Reg weights, Reg first) {
    Routine *r = p->r;
    int stride = p->step->stride_w;
    Reg line = pair_copy(p, first), row = pair_copy(p, ARG_SCRATCH);
    op_loop(r, n->rows);
    Reg x = pair_copy(p, row), out = pair_copy(p, line);
    if (plane->fast) {
        op_loop(r, n->pairs);
        two_outputs(p, plane, ch, n, x, out);
        op_advance(r, out, n->out_step, 2, 0);
        op_advance(r, x, NO_REG, 0, 4 * stride);
        op_end(r);
    }
    op_loop(r, n->singles);
    one_output(p, plane, ch, weights, x, out);
    op_advance(r, out, n->out_step, 1, 0);
    op_advance(r, x, NO_REG, 0, 2 * stride);
    op_end(r);
    op_advance(r, line, n->out_row, 1, 0);
    op_advance(r, row, NO_REG, 0, 2 * (int64_t)plane->pitch * p->step->stride_h);
    op_end(r);
}

/* What all channels share. Equally many numbers in both cases. */
static Channel channel_numbers(Pair *p, const Plane *plane, Scale *scale) {
    Channel channel = {.scale = scale, .factor = NO_REG, .offset = NO_REG};
    if (plane->factor < 0) {
        *scale = scale_of(p, 0, false);
        return channel;
    }
    *scale = scale_fixed(p, FIXED);
    channel.factor = pair_number(p, plane->factor);
    channel.offset = pair_number(p, (128 << plane->factor) * 0x10001);
    pair_number(p, 0);
    return channel;
}

bool pair_depthwise(Pair *p) {
    const Step *s = p->step;
    Plane plane = plane_of(s);
    if (plane.pitch > MOST_PITCH || format_bits(s->kernel.in) != 8 ||
        format_bits(s->kernel.out) != 8 || weight_words(&plane, s) > MOST_WORDS)
        return false;
    Scale scale;
    Channel channel = channel_numbers(p, &plane, &scale);
    pack(p, &plane);
    Numbers n = numbers_of(p, &plane);
    clear(p, &plane, n.zeros);
    Reg in = pair_copy(p, ARG_IN), out = pair_copy(p, ARG_OUT);
    Reg weights = pair_copy(p, ARG_WEIGHTS);
    op_loop(p->r, n.channels);
    copy_channel(p, &plane, &n, in);
    channel = channel_of(p, &plane, channel, weights);
    outputs(p, &plane, &channel, &n, weights, out);
    op_advance(p->r, in, NO_REG, 0, 1);
    op_advance(p->r, out, NO_REG, 0, 1);
    op_advance(p->r, weights, NO_REG, 0, 4 * (weight_words(&plane, s) + 2));
    op_end(p->r);
    p->lowered->scratch_bytes = 2 * (int64_t)plane.rows * plane.pitch;
    p->lowered->overwrites = 1;
    return true;
}
