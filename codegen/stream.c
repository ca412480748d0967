/* Streaming: a chain of steps computed some rows at a time, so that of the results between them
 * only the rows in use are in memory. Nothing is computed twice: rows that the next band needs
 * again are moved to the front of their buffer. A step for some rows is an ordinary step with a
 * smaller image; the first and the last band have the padding of the whole one's borders.
 * (Line buffers as in Alwani et al. 2016, fused-layer accelerators; bands rather than single rows
 * because a call costs too.)
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

bool step_has_rows(const Step *step) {
    OpKind kind = step->kernel.kind;
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    bool window = kind == OP_CONV || kind == OP_DEPTHWISE || kind == OP_MAX_POOL ||
                  kind == OP_AVERAGE_POOL || kind == OP_RELU || kind == OP_ADD;
    bool whole = kind == OP_AVERAGE_POOL && step->kernel_h == in.h && step->kernel_w == in.w;
    return window && !whole && step->in_shape.rank == 3 && step->out_shape.rank == 3 &&
           out.h > 1;
}

/* The rows of one result that are in memory: [base, end) of them have been computed. */
typedef struct Rows {
    int base, end;
} Rows;

typedef struct Streaming {
    Arena *arena;
    const Step *chain; /* (length) */
    int length;
    Rows *held;    /* (length): of the result of each */
    int *wanted;   /* (length): rows of each result that the band needs to have been computed */
    int *lowest;   /* (length): the first row that the band still needs */
    int *capacity; /* by layer */
    VEC(Step) out;
} Streaming;

static int64_t row_bytes(Shape shape, Format format) {
    return shape.dim[1] * format_row_bytes(format, shape_channels(shape));
}

/* Input rows of a step that its output rows [from, to) read. */
static void rows_read(const Step *step, int from, int to, int *low, int *high) {
    int first = from * step->stride_h - step->pad_h;
    int end = (to - 1) * step->stride_h - step->pad_h + step->kernel_h;
    *low = first > 0 ? first : 0;
    *high = end < step->in_shape.dim[0] ? end : step->in_shape.dim[0];
}

/* Backwards from the last result: how far each must be computed, and what of it is needed. */
static void find_wanted(Streaming *s, int until) {
    s->wanted[s->length - 1] = until;
    for (int j = s->length - 1; j > 0; j--) {
        int done = s->held[j].end;
        rows_read(&s->chain[j], done < s->wanted[j] ? done : s->wanted[j] - 1, s->wanted[j],
                  &s->lowest[j - 1], &s->wanted[j - 1]);
        if (s->wanted[j - 1] < s->held[j - 1].end)
            s->wanted[j - 1] = s->held[j - 1].end;
    }
}

/* Moves the rows still needed to the front of the buffer. */
static void drop_rows(Streaming *s, int j) {
    Rows *held = &s->held[j];
    const Step *step = &s->chain[j];
    int lowest = s->lowest[j] < held->end ? s->lowest[j] : held->end;
    int64_t bytes = row_bytes(step->out_shape, step->kernel.out);
    Step move = {.kernel = {.kind = OP_INPUT,
                            .weights = FORMAT_I8,
                            .in = step->kernel.out,
                            .in2 = step->kernel.out,
                            .out = step->kernel.out,
                            .accumulator_bits = 32},
                 .layer = step->layer,
                 .inputs = 1,
                 .reads = {step->layer, step->layer},
                 .in_offset = {(lowest - held->base) * bytes},
                 .slice = true,
                 .in_shape = step->out_shape,
                 .out_shape = step->out_shape,
                 .from = step->from,
                 .span = step->span};
    if (lowest == held->base)
        return;
    move.in_shape.dim[0] = move.out_shape.dim[0] = held->end - lowest;
    if (held->end > lowest)
        vec_push(s->arena, &s->out, move);
    held->base = lowest;
}

/* A step for rows [from, to) of its result, whose buffers begin with rows `before` of its operand
 * and `after` of its result. */
static Step step_of_rows(const Step *whole, int from, int to, int before, int after) {
    Step step = *whole;
    int low, high;
    rows_read(whole, from, to, &low, &high);
    int64_t out_row = row_bytes(step.out_shape, step.kernel.out);
    step.slice = true;
    step.in_offset[0] = (low - before) * row_bytes(step.in_shape, step.kernel.in);
    step.in_offset[1] = from * row_bytes(step.out_shape, step.kernel.in2);
    step.out_offset = (from - after) * out_row;
    int padded = step.pad_h - from * step.stride_h;
    step.pad_h = padded > 0 ? padded : 0;
    step.in_shape.dim[0] = high - low;
    step.out_shape.dim[0] = to - from;
    return step;
}

/* The step of the chain for the rows of its result that are wanted and not yet there. */
static void compute_rows(Streaming *s, int j) {
    int from = s->held[j].end, to = s->wanted[j];
    if (from >= to)
        return;
    int before = j ? s->held[j - 1].base : 0, after = j == s->length - 1 ? 0 : s->held[j].base;
    vec_push(s->arena, &s->out, step_of_rows(&s->chain[j], from, to, before, after));
    s->held[j].end = to;
}

static void stream_band(Streaming *s, int until) {
    find_wanted(s, until);
    for (int j = 0; j < s->length; j++) {
        if (j < s->length - 1)
            drop_rows(s, j);
        compute_rows(s, j);
        int *capacity = &s->capacity[s->chain[j].layer];
        int rows = s->held[j].end - s->held[j].base;
        if (j < s->length - 1 && rows > *capacity)
            *capacity = rows;
    }
}

int stream_steps(Arena *arena, const Step *steps, int count, int first, int last, int rows,
                 Step **streamed, int *capacity) {
    int length = last - first + 1, height = steps[last].out_shape.dim[0];
    Streaming s = {.arena = arena,
                   .chain = steps + first,
                   .length = length,
                   .held = arena_array(arena, Rows, length),
                   .wanted = arena_array(arena, int, length),
                   .lowest = arena_array(arena, int, length),
                   .capacity = capacity};
    for (int i = 0; i < first; i++)
        vec_push(arena, &s.out, steps[i]);
    for (int until = rows; until < height + rows; until += rows)
        stream_band(&s, until < height ? until : height);
    for (int i = last + 1; i < count; i++)
        vec_push(arena, &s.out, steps[i]);
    *streamed = s.out.at;
    return s.out.count;
}

/* ---- parts that may run at once --------------------------------------------------------- */

enum { LEAST_WORK = 100000 };

static int64_t step_work(const Step *step) {
    bool weighted = operator_facts[step->kernel.kind].weights == WEIGHTED;
    return shape_elements(step->out_shape) * (weighted ? step->from->row : 1);
}

/* Parts of one step read all of its operand and write rows of their own. */
int split_steps(Arena *arena, const Step *steps, int count, int parts, int64_t least,
                Step **split) {
    VEC(Step) out = {0};
    if (!least)
        least = LEAST_WORK;
    for (int i = 0; i < count; i++) {
        const Step *step = &steps[i];
        bool splits = step_has_rows(step) && !step->slice && step->out_shape.dim[0] >= parts &&
                      step_work(step) >= parts * least;
        for (int part = 0; part < parts && splits; part++) {
            int height = step->out_shape.dim[0];
            Step some =
                step_of_rows(step, part * height / parts, (part + 1) * height / parts, 0, 0);
            some.part = part;
            some.parts = parts;
            vec_push(arena, &out, some);
        }
        if (!splits)
            vec_push(arena, &out, *step);
    }
    *split = out.at;
    return out.count;
}
