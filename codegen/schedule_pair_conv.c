/* Convolutions of pair words. Pointwise ones gather groups of pixels straight from the input
 * and may overwrite it. Others widen the rows that an output row needs into a strip of 16-bit
 * codes with its borders, and gather each pixel's column from there; columns run on across row
 * ends, so that groups are whole whatever the width, and the pixels that are left over go
 * first, one by one.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

enum { PIXELS = 3, WORD = 4 };

/* What both kinds know of the step. */
typedef struct Conv {
    Extent in, out;
    int64_t in_bytes, out_bytes; /* of a pixel */
    bool by_words; /* inputs are widened four at a time: halves 0 and 2, then 1 and 3 */
    bool packed;   /* inputs of 4 bits */
    Format format;
} Conv;

static bool conv_of(const Step *step, Conv *conv) {
    *conv = (Conv){.in = extent_of(step->in_shape),
                   .out = extent_of(step->out_shape),
                   .format = step->kernel.in,
                   .packed = step->kernel.in == FORMAT_I4};
    conv->in_bytes = format_row_bytes(conv->format, conv->in.c);
    conv->out_bytes = format_row_bytes(step->kernel.out, conv->out.c);
    conv->by_words = !conv->packed && conv->in.c % 4 == 0;
    if (step->groups != 1 || (conv->packed && conv->in.c % 2))
        return false;
    return !step->kernel.adds ||
           (format_bits(step->kernel.in2) == 8 && format_bits(step->kernel.out) == 8);
}

/* In a run of `count` inputs, the numbers that the k-pairs meet; -1 fills an odd one. */
static int *run_taps(const Conv *conv, int first, int count, int *to) {
    static const int by_words[4] = {0, 2, 1, 3};
    for (int e = 0; e < (count + 1) / 2 * 2; e++)
        *to++ = e >= count ? -1 : first + (conv->by_words ? e / 4 * 4 + by_words[e % 4] : e);
    return to;
}

/* All k-pairs: `runs` of `count` inputs each, then as many without as `taps` needs. */
static Taps taps_of(Pair *p, const Conv *conv, int runs, int count, int taps) {
    int *all = arena_array(p->r->arena, int, 2 * taps), *to = all;
    for (int run = 0; run < runs; run++)
        to = run_taps(conv, run * count, count, to);
    while (to < all + 2 * taps)
        *to++ = -1;
    return (Taps){all, taps};
}

/* Four inputs as two words: halves 0 and 2, 1 and 3. */
static void widened(Pair *p, const Conv *conv, Reg from, int64_t offset, Reg to[2]) {
    Reg word = pair_load_word(p, from, offset, 0);
    Type type = conv->format == FORMAT_U8 ? U16 : I16;
    to[0] = op_half(p->r, type, word, 0);
    to[1] = op_half(p->r, type, word, 1);
}

/* The codes in a byte of two. */
static void unpacked(Pair *p, Reg from, int64_t offset, Reg to[2]) {
    Reg byte = op_load(p->r, I32, 32, I8, from, offset, 1);
    to[0] = op1(p->r, INSN_SHR, I32, op1(p->r, INSN_SHL, I32, byte, 28), 28);
    to[1] = op1(p->r, INSN_SHR, I32, byte, 4);
}

/* ---- a group of pixels, pointwise -------------------------------------------------------- */

/* The inputs of the group's pixels from `from`, each some bytes after the one before. */
static void group_pointers(Pair *p, Reg from, const Reg *apart, Reg *pixel) {
    pixel[0] = pair_copy(p, from);
    for (int i = 1; i < PIXELS; i++)
        pixel[i] = op_address(p->r, pixel[i - 1], apart[i - 1], 1, 0);
}

static void gather_by_words(Pair *p, const Conv *conv, const Reg *pixel, Reg column,
                            int words) {
    Reg two[PIXELS][2];
    for (int w = 0; w < words; w++) {
        for (int i = 0; i < PIXELS; i++)
            widened(p, conv, pixel[i], 4 * w, two[i]);
        for (int half = 0; half < 2; half++)
            for (int i = 0; i < PIXELS; i++)
                pair_store_word(p, two[i][half], column, WORD * (PIXELS * (2 * w + half) + i),
                                4);
    }
    for (int i = 0; i < PIXELS; i++)
        op_advance(p->r, pixel[i], NO_REG, 0, 4 * words);
    op_advance(p->r, column, NO_REG, 0, 8 * PIXELS * words);
}

/* Two inputs of each pixel, or the odd one. */
static void gather_two(Pair *p, const Conv *conv, const Reg *pixel, Reg column, int count) {
    Type type = pair_type(conv->format);
    for (int i = 0; i < PIXELS; i++) {
        Reg two[2];
        if (conv->packed)
            unpacked(p, pixel[i], 0, two);
        for (int j = 0; j < count; j++) {
            if (!conv->packed)
                two[j] = op_load(p->r, I32, 32, type, pixel[i], j, 1);
            op_store(p->r, I32, two[j], I16, column, WORD * i + 2 * j, 1);
        }
        op_advance(p->r, pixel[i], NO_REG, 0, conv->packed ? 1 : 2);
    }
    op_advance(p->r, column, NO_REG, 0, WORD * PIXELS);
}

/* How the inputs of a pixel are gathered: words in a pass, passes, and what is left. */
static void gather_group(Pair *p, const Conv *conv, const Reg *pixel, Reg column) {
    int channels = conv->in.c, words = channels % 8 == 0 ? 2 : 1;
    if (conv->by_words) {
        op_loop(p->r, pair_count(p, channels / (4 * words)));
        gather_by_words(p, conv, pixel, column, words);
        op_end(p->r);
        return;
    }
    op_loop(p->r, pair_param(p, channels / 2));
    gather_two(p, conv, pixel, column, 2);
    op_end(p->r);
    if (channels % 2)
        gather_two(p, conv, pixel, column, 1);
}

/* Where a phase begins, and how it goes on: groups of pixels, and the group of those left over,
 * whose last one fills it. Outputs larger than inputs go backward, so that they may overwrite
 * them. */
typedef struct Phase {
    int64_t groups, first, pixels;
} Phase;

enum { PHASE_PARAMS = 9 };

static void add_phase(Pair *p, const Conv *conv, const Phase *phase, int direction) {
    int64_t in = conv->in_bytes, out = conv->out_bytes, step = direction * phase->pixels;
    int64_t second = phase->pixels > 1, third = phase->pixels > 2;
    const int64_t value[PHASE_PARAMS] = {phase->groups, phase->first * in, phase->first * out,
                                         step * in,     step * out,        second * in,
                                         third * in,    -second * out,     -third * out};
    for (int i = 0; i < PHASE_PARAMS; i++)
        vec_push(p->r->arena, &p->params, (int32_t)value[i]);
}

/* The two phases' numbers stand one after another among the parameters. */
static int add_phases(Pair *p, const Conv *conv) {
    int64_t pixels = (int64_t)conv->out.h * conv->out.w, rest = pixels % PIXELS;
    int direction = conv->out_bytes > conv->in_bytes ? -1 : 1, at = p->params.count;
    Phase whole = {pixels / PIXELS, direction > 0 ? 0 : pixels - PIXELS, PIXELS};
    Phase left = {rest > 0, direction > 0 ? pixels - rest : 0, rest};
    add_phase(p, conv, &whole, direction);
    add_phase(p, conv, &left, direction);
    return at;
}

static Reg phase_number(Pair *p, Reg pointer, int index) {
    return pair_load_word(p, pointer, 4 * index, 4);
}

static void pointwise_phase(Pair *p, const Conv *conv, Tile *tile, int phases, Reg gathered) {
    Reg phase = op_loop_n(p->r, 2);
    Reg number = op_address(p->r, ARG_PARAMS, phase, 4 * PHASE_PARAMS, 4 * phases);
    Reg groups = phase_number(p, number, 0);
    Reg in = op_address(p->r, ARG_IN, phase_number(p, number, 1), 1, 0);
    Reg first_out = phase_number(p, number, 2);
    Reg out = op_address(p->r, ARG_OUT, first_out, 1, 0), other = NO_REG;
    if (p->step->kernel.adds)
        other = op_address(p->r, ARG_IN2, first_out, 1, 0);
    Reg in_step = phase_number(p, number, 3), out_step = phase_number(p, number, 4);
    Reg apart[PIXELS - 1];
    bool whole = (int64_t)conv->out.h * conv->out.w % PIXELS == 0; /* one distance suffices */
    for (int i = 0; i < PIXELS - 1; i++) {
        apart[i] = phase_number(p, number, 5 + i);
        tile->down[i] = i && whole ? tile->down[0] : phase_number(p, number, 7 + i);
    }
    tile->top = pair_sub(p, pair_fixed(p, 0), pair_add(p, tile->down[0], tile->down[1]));
    op_loop(p->r, groups);
    Reg pixel[PIXELS], column = pair_copy(p, ARG_SCRATCH);
    group_pointers(p, in, apart, pixel);
    gather_group(p, conv, pixel, column);
    tile_sums(p, tile, ARG_SCRATCH, gathered);
    tile_channels(p, tile, ARG_SCRATCH, out, other);
    op_advance(p->r, in, in_step, 1, 0);
    op_advance(p->r, out, out_step, 1, 0);
    if (other != NO_REG)
        op_advance(p->r, other, out_step, 1, 0);
    op_end(p->r);
    op_end(p->r);
}

static int64_t column_bytes(const Tile *tile) {
    return WORD * PIXELS * (tile->taps + words_need_sums(&tile->words));
}

static Tile conv_tile(Pair *p, const Conv *conv, int runs, int count) {
    int taps = tile_taps(p, (count + 1) / 2 * 2 * runs);
    Tile tile = tile_of(p, PIXELS, 1, taps);
    Taps order = taps_of(p, conv, runs, count, taps);
    words_pack(p, &tile.words, &order, 1);
    words_masks(p, &tile.words);
    return tile;
}

static bool write_pointwise(Pair *p, const Conv *conv) {
    Tile tile = conv_tile(p, conv, 1, conv->in.c);
    Reg gathered = pair_param(p, tile.taps);
    tile.column_sums = op_address(p->r, ARG_SCRATCH, gathered, WORD * PIXELS, 0);
    pointwise_phase(p, conv, &tile, add_phases(p, conv), gathered);
    p->lowered->scratch_bytes = column_bytes(&tile);
    p->lowered->overwrites = 1 | (p->step->kernel.adds ? 2 : 0);
    return true;
}

/* ---- strips ------------------------------------------------------------------------------ */

/* The rows that one row of outputs needs, 16-bit codes with borders: [kernel_h][pitch]. */
typedef struct Strip {
    int pitch; /* elements */
    int run;   /* words of a window's row */
    int unit;  /* inputs that are widened in one pass */
    int64_t bytes;
} Strip;

static Strip strip_of(const Step *step, const Conv *conv) {
    int64_t needs = (int64_t)(conv->out.w - 1) * step->stride_w + step->kernel_w;
    int64_t columns = max_i64(needs, step->pad_w + conv->in.w);
    int64_t row = (int64_t)conv->in.w * conv->in.c;
    Strip strip = {.pitch = (int)((columns * conv->in.c + 1 + 3) / 4 * 4),
                   .run = (step->kernel_w * conv->in.c + 1) / 2};
    strip.bytes = 2 * (int64_t)strip.pitch * step->kernel_h;
    for (strip.unit = conv->by_words ? 16 : 4;
         row % strip.unit;) /* even where codes are packed */
        strip.unit /= 2;
    return strip;
}

/* One pass of a row's inputs to the strip, from the input or, outside it, its zero point. */
static void widen_unit(Pair *p, const Conv *conv, int unit, Reg from, Reg to) {
    Reg two[2] = {NO_REG, NO_REG};
    for (int e = 0; conv->by_words && e < unit; e += 4) {
        widened(p, conv, from, e, two);
        pair_store_word(p, two[0], to, 2 * e, 4);
        pair_store_word(p, two[1], to, 2 * e + 4, 4);
    }
    for (int e = 0; !conv->by_words && e < unit; e++) {
        if (conv->packed && e % 2 == 0)
            unpacked(p, from, e / 2, two);
        else if (!conv->packed)
            two[e % 2] = op_load(p->r, I32, 32, pair_type(conv->format), from, e, 1);
        op_store(p->r, I32, two[e % 2], I16, to, 2 * e, 1);
    }
    op_advance(p->r, from, NO_REG, 0, conv->packed ? unit / 2 : unit);
    op_advance(p->r, to, NO_REG, 0, 2 * unit);
}

static void fill_unit(Pair *p, int unit, Reg zeros, Reg to) {
    for (int e = 0; e < unit; e++)
        op_store(p->r, I32, zeros, I16, to, 2 * e, 1);
    op_advance(p->r, to, NO_REG, 0, 2 * unit);
}

/* What the strip's loops are told. */
typedef struct StripNumbers {
    Reg base, inset, pitch, rows, in_row, last_row, passes, zeros;
} StripNumbers;

/* Row `y` of the input to `to`; borders above and below are its zero point. No pass is made
 * of the loop that does not apply: `outside` is all ones where the row lies outside. */
static void strip_row(Pair *p, const Conv *conv, const Strip *strip, const StripNumbers *n,
                      Reg y, Reg to) {
    Routine *r = p->r;
    Reg sign = op2(r, INSN_XOR, I32, y, pair_sub(p, n->last_row, y));
    Reg outside = op1(r, INSN_SHR, I32, sign, 31);
    Reg inside = pair_add(p, outside, pair_fixed(p, 1));
    Reg blank = pair_and(p, n->passes, outside), filled = pair_mul(p, n->passes, inside);
    Reg from = op_address(r, ARG_IN, pair_mul(p, y, n->in_row), 1, 0);
    op_loop(r, filled);
    widen_unit(p, conv, strip->unit, from, to);
    op_end(r);
    op_loop(r, blank);
    fill_unit(p, strip->unit, n->zeros, to);
    op_end(r);
}

static void strip_rows(Pair *p, const Conv *conv, const Strip *strip, const StripNumbers *n,
                       Reg top) {
    Routine *r = p->r;
    Reg row = pair_copy(p, n->inset);
    Reg ky = op_loop(r, n->rows);
    strip_row(p, conv, strip, n, pair_add(p, top, ky), pair_copy(p, row));
    op_advance(r, row, n->pitch, 1, 0);
    op_end(r);
}

/* The borders at the sides stay as they are made here. */
static void strip_clear(Pair *p, const StripNumbers *n, int64_t bytes) {
    Reg to = pair_copy(p, n->base);
    op_loop(p->r, pair_param(p, bytes / 8));
    fill_unit(p, 4, n->zeros, to);
    op_end(p->r);
}

/* Small windows are copied without loops, at offsets that are part of the code. */
static bool window_is_small(const Step *step, const Strip *strip) {
    return step->kernel_h * strip->run <= 20 && strip->bytes < 4000;
}

/* Words of a row, from a pointer that moves on, three at a time where they can be loaded so. */
static void copy_words(Pair *p, const Conv *conv, Reg from, Reg to, int first, int count) {
    int align = conv->in.c % 2 ? 2 : 4;
    for (int i = 0; i < count; i += 3) {
        Reg word[3];
        int some = (int)min_i64(3, count - i);
        for (int k = 0; k < some; k++)
            word[k] = pair_load_word(p, from, 4 * k, align);
        op_advance(p->r, from, NO_REG, 0, 4 * some);
        for (int k = 0; k < some; k++)
            pair_store_word(p, word[k], to, WORD * PIXELS * (first + i + k), 4);
    }
}

/* The same of a row that begins at an offset which is part of the code. */
static void copy_row(Pair *p, const Conv *conv, Reg from, int64_t offset, Reg to, int first,
                     int count) {
    for (int i = 0; i < count; i++)
        pair_store_word(p, pair_load_word(p, from, offset + 4 * i, conv->in.c % 2 ? 2 : 4), to,
                        WORD * PIXELS * (first + i), 4);
}

/* Words that are copied in one pass of a window's row. */
static int copy_unit(int run) {
    for (int unit = 24; unit > 1; unit--)
        if (run % unit == 0 && (unit % 3 == 0 || unit <= 8))
            return unit;
    return 1;
}

/* A pixel's window, which begins at `from`, to its place in the columns. */
static void gather_window(Pair *p, const Conv *conv, const Strip *strip, const StripNumbers *n,
                          Reg from, Reg to) {
    Routine *r = p->r;
    const Step *step = p->step;
    if (window_is_small(step, strip)) {
        for (int ky = 0; ky < step->kernel_h; ky++)
            copy_row(p, conv, from, 2 * (int64_t)ky * strip->pitch, to, ky * strip->run,
                     strip->run);
        return;
    }
    int unit = copy_unit(strip->run);
    Reg passes = pair_count(p, strip->run / unit), row = pair_copy(p, from);
    Reg column = pair_copy(p, to);
    op_loop(r, n->rows);
    Reg at = pair_copy(p, row);
    op_loop(r, passes);
    copy_words(p, conv, at, column, 0, unit);
    op_advance(r, column, NO_REG, 0, WORD * PIXELS * unit);
    op_end(r);
    op_advance(r, row, n->pitch, 1, 0);
    op_end(r);
}

/* One pixel's inputs straight from the input: a window of one, at any stride. */
static void gather_pixel(Pair *p, const Conv *conv, Reg passes, Reg in, Reg to) {
    Routine *r = p->r;
    Reg from = pair_copy(p, in), column = pair_copy(p, to), two[2];
    Type type = pair_type(conv->format);
    op_loop(r, passes);
    if (conv->by_words)
        widened(p, conv, from, 0, two);
    else if (conv->packed)
        unpacked(p, from, 0, two);
    else
        for (int i = 0; i < 2; i++)
            two[i] = op_load(r, I32, 32, type, from, i, 1);
    for (int i = 0; i < 2; i++)
        if (conv->by_words)
            pair_store_word(p, two[i], column, WORD * PIXELS * i, 4);
        else
            op_store(r, I32, two[i], I16, column, 2 * i, 1);
    op_advance(r, from, NO_REG, 0, conv->by_words ? 4 : conv->packed ? 1 : 2);
    op_advance(r, column, NO_REG, 0, WORD * PIXELS * (conv->by_words ? 2 : 1));
    op_end(r);
    if (conv->in.c % 2)
        op_store(r, I32, op_load(r, I32, 32, type, from, 0, 1), I16, column, 0, 1);
}

/* ---- pixels in turn ---------------------------------------------------------------------- */

/* Where the loop over pixels stands. */
typedef struct Turn {
    Reg slot, alone; /* columns filled; pixels still to be done one by one */
    Reg out, other;
    Reg out_bytes, gathered;
} Turn;

/* The tile, once `slot` columns are there: one is enough while pixels go alone. */
static void flush(Pair *p, Tile *tile, Turn *turn, Reg column) {
    Routine *r = p->r;
    Reg zero = pair_fixed(p, 0);
    Reg grouped = op1(r, INSN_SHR, I32, pair_sub(p, turn->alone, pair_fixed(p, 1)), 31);
    Reg enough = pair_and(p, pair_fixed(p, PIXELS - 1), grouped);
    op_loop(r, pair_sub(p, turn->slot, enough));
    Reg apart = pair_and(p, turn->out_bytes, grouped);
    tile->down[0] = tile->down[1] = pair_sub(p, zero, apart);
    tile->top = pair_mul(p, apart, pair_fixed(p, PIXELS - 1));
    tile_sums(p, tile, column, turn->gathered);
    tile_channels(p, tile, column, turn->out, turn->other);
    Reg advance = pair_add(p, turn->out_bytes, tile->top);
    op_advance(r, turn->out, advance, 1, 0);
    if (turn->other != NO_REG)
        op_advance(r, turn->other, advance, 1, 0);
    op_copy_to(r, turn->slot, zero);
    op_end(r);
    op2_to(r, turn->alone, INSN_SUB, I32, turn->alone, pair_fixed(p, 1));
}

static StripNumbers strip_numbers(Pair *p, const Conv *conv, const Strip *strip,
                                  int64_t columns) {
    const Step *step = p->step;
    int64_t row = (int64_t)conv->in.w * conv->in.c;
    uint32_t zero = (uint32_t)step->in_zero & 0xffff;
    StripNumbers n = {.base = op_address(p->r, ARG_SCRATCH, pair_param(p, columns), 1, 0),
                      .pitch = pair_param(p, 2 * strip->pitch),
                      .rows = pair_count(p, step->kernel_h),
                      .in_row = pair_param(p, conv->in.w * conv->in_bytes),
                      .last_row = pair_param(p, conv->in.h - 1),
                      .passes = pair_param(p, row / strip->unit),
                      .zeros = pair_number(p, (int32_t)zero)};
    n.inset =
        op_address(p->r, n.base, pair_param(p, 2 * (int64_t)step->pad_w * conv->in.c), 1, 0);
    return n;
}

static Turn turn_begin(Pair *p, const Conv *conv, const Tile *tile) {
    int64_t pixels = (int64_t)conv->out.h * conv->out.w;
    return (Turn){.slot = pair_fixed(p, 0),
                  .alone = pair_param(p, pixels % PIXELS),
                  .out = pair_copy(p, ARG_OUT),
                  .other = p->step->kernel.adds ? pair_copy(p, ARG_IN2) : NO_REG,
                  .out_bytes = pair_param(p, conv->out_bytes),
                  .gathered = pair_param(p, tile->taps)};
}

/* Pixels of a 1 by 1 convolution that leaves some out. */
static bool write_strided(Pair *p, const Conv *conv) {
    Routine *r = p->r;
    const Step *step = p->step;
    Tile tile = conv_tile(p, conv, 1, conv->in.c);
    Turn turn = turn_begin(p, conv, &tile);
    tile.column_sums = op_address(r, ARG_SCRATCH, turn.gathered, WORD * PIXELS, 0);
    Reg passes = pair_count(p, conv->in.c / (conv->by_words ? 4 : 2));
    Reg right = pair_param(p, step->stride_w * conv->in_bytes);
    Reg down = pair_param(p, step->stride_h * conv->in.w * conv->in_bytes);
    Reg line = pair_copy(p, ARG_IN), out_w = pair_param(p, conv->out.w);
    op_loop(r, pair_param(p, conv->out.h));
    Reg in = pair_copy(p, line);
    op_loop(r, out_w);
    gather_pixel(p, conv, passes, in, op_address(r, ARG_SCRATCH, turn.slot, WORD, 0));
    op_advance(r, in, right, 1, 0);
    op2_to(r, turn.slot, INSN_ADD, I32, turn.slot, pair_fixed(p, 1));
    flush(p, &tile, &turn, ARG_SCRATCH);
    op_end(r);
    op_advance(r, line, down, 1, 0);
    op_end(r);
    p->lowered->scratch_bytes = column_bytes(&tile);
    p->lowered->overwrites = step->kernel.adds ? 2 : 0;
    return true;
}

static void write_pixels(Pair *p, const Conv *conv, const Strip *strip, const StripNumbers *n,
                         Tile *tile, Turn *turn) {
    Routine *r = p->r;
    const Step *step = p->step;
    Reg out_h = pair_count(p, conv->out.h), out_w = pair_count(p, conv->out.w);
    Reg stride = pair_param(p, step->stride_h), pad = pair_param(p, step->pad_h);
    Reg right = pair_param(p, 2 * (int64_t)step->stride_w * conv->in.c);
    Reg oy = op_loop(r, out_h);
    strip_rows(p, conv, strip, n, pair_sub(p, pair_mul(p, oy, stride), pad));
    Reg window = pair_copy(p, n->base);
    op_loop(r, out_w);
    gather_window(p, conv, strip, n, window, op_address(r, ARG_SCRATCH, turn->slot, WORD, 0));
    op_advance(r, window, right, 1, 0);
    op2_to(r, turn->slot, INSN_ADD, I32, turn->slot, pair_fixed(p, 1));
    flush(p, tile, turn, ARG_SCRATCH);
    op_end(r);
    op_end(r);
}

static bool write_strips(Pair *p, const Conv *conv) {
    const Step *step = p->step;
    Strip strip = strip_of(step, conv);
    Tile tile = conv_tile(p, conv, step->kernel_h, step->kernel_w * conv->in.c);
    int64_t columns = column_bytes(&tile);
    StripNumbers n = strip_numbers(p, conv, &strip, columns);
    Turn turn = turn_begin(p, conv, &tile);
    tile.column_sums = op_address(p->r, ARG_SCRATCH, turn.gathered, WORD * PIXELS, 0);
    strip_clear(p, &n, strip.bytes);
    write_pixels(p, conv, &strip, &n, &tile, &turn);
    p->lowered->scratch_bytes = columns + strip.bytes;
    p->lowered->overwrites = step->kernel.adds ? 2 : 0;
    return true;
}

bool pair_conv(Pair *p) {
    const Step *step = p->step;
    Conv conv;
    if (!conv_of(step, &conv))
        return false;
    if (step->kernel_h > 1 || step->kernel_w > 1)
        return write_strips(p, &conv);
    return step->stride_h == 1 && step->stride_w == 1 ? write_pointwise(p, &conv)
                                                      : write_strided(p, &conv);
}
