/* Where windows find their elements. Padding costs no test in any loop: the rows that a block of
 * outputs reads are copied with their border first, so many that they stay in a near cache.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_vector.h"

/* A copy: columns and rows that windows reach, in elements of `v->size` bytes. */
typedef struct Copy {
    int rows;                    /* of a block */
    int64_t left, middle, right; /* elements of a row: border, copied, border */
    int64_t pitch;
    Type from;
} Copy;

int tile_length(int n, int unit, int least, int most) {
    if (n <= most && n % unit == 0)
        return n;
    int best = (int)min_i64(n, most) / unit * unit;
    for (int length = best; length >= least && length > 0; length -= unit)
        if ((n + length - 1) / length * length < (n + best - 1) / best * best)
            best = length;
    return best;
}

Reg tile_start(Vector *v, Reg number, int step, int last) {
    Routine *r = v->r;
    Reg start = op2(r, INSN_MUL, I32, number, op_constant(r, I32, 32, step));
    if (last % step == 0) /* tiles do not overlap */
        return start;
    return op2(r, INSN_MIN, I32, start, op_constant(r, I32, 32, last));
}

/* ---- what must be copied ----------------------------------------------------------------- */

static int rows_read(const Vector *v, int outputs) {
    return (outputs - 1) * v->step->stride_h + v->step->kernel_h;
}

static int columns_read(const Vector *v) {
    return (v->out.w - 1) * v->step->stride_w + v->step->kernel_w;
}

static bool has_border(const Vector *v) {
    const Step *step = v->step;
    return step->pad_h || step->pad_w || rows_read(v, v->out.h) > v->in.h ||
           columns_read(v) > v->in.w;
}

static Copy copy_of(const Vector *v, const Window *window) {
    const Step *step = v->step;
    int64_t columns = min_i64(v->in.w, columns_read(v) - step->pad_w);
    Copy copy = {.rows = rows_read(v, window->rows),
                 .left = (int64_t)step->pad_w * v->in.c,
                 .middle = columns * v->in.c,
                 .pitch = window->pitch,
                 .from = vector_type(step->kernel.in)};
    copy.right = copy.pitch / v->size - copy.left - copy.middle;
    return copy;
}

static int64_t window_pitch(const Vector *v) {
    return (int64_t)columns_read(v) * v->in.c * v->size;
}

int window_rows(const Vector *v, int64_t budget) {
    int rows = v->out.h;
    while (rows > 1 && rows_read(v, rows) * window_pitch(v) > budget)
        rows--;
    int blocks = (v->out.h + rows - 1) / rows;
    return (v->out.h + blocks - 1) / blocks;
}

/* ---- runs of elements -------------------------------------------------------------------- */

static int elements_of_vector(const Vector *v) {
    return v->isa->vector_bits / 8 / v->size;
}

/* Elements from `from` + offset as windows want them; or, with from == NO_REG, the border. */
static void move_elements(Vector *v, Type type, Reg from, int64_t from_offset, Reg to,
                          int64_t to_offset, int count) {
    Routine *r = v->r;
    int bits = v->isa->vector_bits;
    Reg x;
    if (from == NO_REG) {
        x = vector_head(v, v->element, bits, HEAD_FILL);
    } else {
        x = op_load(r, v->element, bits, type, from, from_offset, count);
        if (v->moved)
            x = op2(r, INSN_ADD, v->element, x, op_constant(r, v->element, bits, v->moved));
    }
    op_store(r, v->element, x, v->element, to, to_offset, count);
}

/* Moves a run; long ones by a loop. */
static void move_run(Vector *v, Type type, Reg from, Reg to, int64_t to_offset, int64_t count) {
    enum { UNROLL = 4 };
    Routine *r = v->r;
    int whole = elements_of_vector(v), from_size = type_bits(type) / 8;
    int64_t passes = count / (UNROLL * whole), done = 0;
    if (passes > 1) {
        Reg pass = op_loop_n(r, passes);
        Reg source =
            from == NO_REG ? NO_REG : op_address(r, from, pass, UNROLL * whole * from_size, 0);
        Reg target = op_address(r, to, pass, UNROLL * whole * v->size, to_offset);
        for (int i = 0; i < UNROLL; i++)
            move_elements(v, type, source, (int64_t)i * whole * from_size, target,
                          (int64_t)i * whole * v->size, whole);
        op_end(r);
        done = passes * UNROLL * whole;
    }
    for (; done < count; done += whole)
        move_elements(v, type, from, done * from_size, to, to_offset + done * v->size,
                      (int)min_i64(whole, count - done));
}

void fill_elements(Vector *v, Reg to, int64_t count) {
    move_run(v, v->element, NO_REG, to, 0, count);
}

/* ---- the rows of a block ----------------------------------------------------------------- */

static Reg value(Vector *v, int64_t number) {
    return op_constant(v->r, I32, 32, number);
}

/* A loop over rows of the copy, each filled or copied; `to` advances. */
static void border_rows(Vector *v, const Copy *copy, Reg count, Reg to) {
    op_loop(v->r, count);
    move_run(v, copy->from, NO_REG, to, 0, copy->pitch / v->size);
    op_advance(v->r, to, NO_REG, 0, copy->pitch);
    op_end(v->r);
}

static void inner_rows(Vector *v, const Copy *copy, Reg count, Reg from, Reg to) {
    op_loop(v->r, count);
    move_run(v, copy->from, NO_REG, to, 0, copy->left);
    move_run(v, copy->from, from, to, copy->left * v->size, copy->middle);
    move_run(v, copy->from, NO_REG, to, (copy->left + copy->middle) * v->size, copy->right);
    op_advance(v->r, to, NO_REG, 0, copy->pitch);
    op_advance(v->r, from, NO_REG, 0, (int64_t)v->in.w * v->in.c * type_bits(copy->from) / 8);
    op_end(v->r);
}

/* Rows of the input from `top` on, which may lie outside it at either end. */
static void copy_rows(Vector *v, const Copy *copy, Reg top) {
    Routine *r = v->r;
    Reg none = value(v, 0), height = value(v, v->in.h);
    Reg first = op2(r, INSN_MAX, I32, top, none);
    Reg end = op2(r, INSN_ADD, I32, top, value(v, copy->rows));
    Reg last = op2(r, INSN_MAX, I32, op2(r, INSN_MIN, I32, end, height), first);
    Reg above = op2(r, INSN_SUB, I32, first, top);
    Reg to = routine_pointer(r), from = routine_pointer(r);
    op_copy_to(r, to, ARG_SCRATCH);
    int row_bytes = v->in.w * v->in.c * type_bits(copy->from) / 8;
    op_copy_to(r, from, op_address(r, ARG_IN, first, row_bytes, 0));
    if (v->step->pad_h)
        border_rows(v, copy, above, to);
    inner_rows(v, copy, op2(r, INSN_SUB, I32, last, first), from, to);
    if (rows_read(v, v->out.h) - v->step->pad_h > v->in.h)
        border_rows(v, copy, op2(r, INSN_SUB, I32, end, last), to);
}

/* ---- windows ----------------------------------------------------------------------------- */

Window window_open(Vector *v, bool must_copy, int slack, int64_t budget) {
    Window window = {.copied = must_copy || has_border(v),
                     .rows = v->out.h,
                     .blocks = 1,
                     .pixel = (int64_t)v->in.c * v->size,
                     .base = ARG_IN,
                     .row = NO_REG};
    window.pitch = v->in.w * window.pixel;
    if (!window.copied)
        return window;
    window.pitch = window_pitch(v);
    window.base = ARG_SCRATCH;
    window.rows = window_rows(v, budget);
    window.blocks = (v->out.h + window.rows - 1) / window.rows;
    v->lowered->scratch_bytes = rows_read(v, window.rows) * window.pitch + slack;
    Copy copy = copy_of(v, &window);
    Reg top = value(v, -v->step->pad_h);
    if (window.blocks > 1) {
        Reg block = op_loop_n(v->r, window.blocks);
        window.row = tile_start(v, block, window.rows, v->out.h - window.rows);
        Reg down = op2(v->r, INSN_MUL, I32, window.row, value(v, v->step->stride_h));
        top = op2(v->r, INSN_ADD, I32, down, top);
    }
    copy_rows(v, &copy, top);
    return window;
}

void window_close(Vector *v, const Window *window) {
    if (window->blocks > 1)
        op_end(v->r);
}
