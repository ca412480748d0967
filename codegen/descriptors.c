/* Descriptors: what a kernel is told of a step, member by member, as the kernel's text reads
 * it; and the scratch that goes with it. The same functions give the members of the emitted
 * structs.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

#include <string.h>

/* ---- descriptors ------------------------------------------------------------------------- */

static void member(Descriptor *d, const char *name, int bytes, int64_t value) {
    d->member[d->count++] = (Member){name, bytes, value};
}

static int64_t row_bytes(Shape shape, Format format) {
    return format_row_bytes(format, shape_channels(shape));
}

/* What requantisation needs: the shift beyond 32, and the rounding with the zero point in
 * it. */
static void output_members(Descriptor *d, const Step *step) {
    int shift = step->shift - 32;
    bool high_word = shift > 0 && step->kernel.accumulator_bits == 32;
    int64_t zero = step->out_zero;
    d->requantises = true;
    member(d, "to.round", 4, high_word ? ((int64_t)1 << (shift - 1)) + zero * (1 << shift) : 0);
    member(d, "to.shift", 2, shift);
    member(d, "to.zero", 2, zero);
    member(d, "to.low", 2, step->low);
    member(d, "to.high", 2, step->high);
}

static void window_members(Descriptor *d, const Step *step) {
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    member(d, "in_row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "out_row", 4, row_bytes(step->out_shape, step->kernel.out));
    member(d, "in_h", 2, in.h);
    member(d, "in_w", 2, in.w);
    member(d, "out_h", 2, out.h);
    member(d, "out_w", 2, out.w);
    member(d, "kernel_h", 2, step->kernel_h);
    member(d, "kernel_w", 2, step->kernel_w);
    member(d, "stride_h", 2, step->stride_h);
    member(d, "stride_w", 2, step->stride_w);
    member(d, "pad_h", 2, step->pad_h);
    member(d, "pad_w", 2, step->pad_w);
}

/* Output channels that are summed at a time: four, or one where a group has fewer than four. */
static int channels_at_once(const Step *step) {
    return step->from->out_channels / step->groups < 4 ? 1 : 4;
}

static void row_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    int advance = channels_at_once(step);
    member(d, "row", 4, layer->row);
    member(d, "row_bytes", 4, format_row_bytes(layer->weights, layer->row));
    member(d, "advance", 4, advance);
    member(d, "reach", 4, advance == 4 ? layer->row : 0);
}

/* A column is gathered anew for each time, while each row takes scratch. */
int rows_at_once(const Step *step) {
    int advance = channels_at_once(step), rows = advance;
    int64_t budget = 768 / step->from->row;
    while (rows + advance <= min_i64(budget, step->from->out_channels / step->groups))
        rows += advance;
    return rows;
}

static void conv_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    int in = shape_channels(step->in_shape);
    d->weighted = true;
    output_members(d, step);
    row_members(d, step);
    window_members(d, step);
    member(d, "batch", 4, rows_at_once(step));
    member(d, "groups", 2, step->groups);
    member(d, "group_in", 2, in / step->groups);
    member(d, "group_out", 2, layer->out_channels / step->groups);
    member(d, "in_zero", 2, step->in_zero);
    member(d, "joined", 2, step->groups == 1 && !format_is_packed(step->kernel.in));
}

static void pointwise_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    d->weighted = true;
    output_members(d, step);
    row_members(d, step);
    member(d, "out_row", 4, row_bytes(step->out_shape, step->kernel.out));
    member(d, "pixels", 4, shape_pixels(step->in_shape));
    member(d, "channels", 4, layer->out_channels);
}

static void dense_members(Descriptor *d, const Step *step) {
    const Layer *layer = step->from;
    bool joined = !format_is_packed(step->kernel.in);
    d->weighted = true;
    output_members(d, step);
    member(d, "row", 4, layer->row);
    member(d, "row_bytes", 4, format_row_bytes(layer->weights, layer->row));
    member(d, "in_row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "outputs", 4, layer->out_channels);
    member(d, "pixels", 4, joined ? 1 : shape_pixels(step->in_shape));
    member(d, "channels", 4, joined ? layer->row : shape_channels(step->in_shape));
}

/* The padded plane of a depthwise: wide enough for the fourth output of the last step of
 * each row. */
typedef struct Plane {
    int h, pitch, copy_h, copy_w;
    int element_bytes;
    int64_t bytes; /* a multiple of 4 */
} Plane;

static Plane plane_of(const Step *step) {
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    int columns = (out.w + 3) / 4 * 4;
    Plane plane = {.h = (out.h - 1) * step->stride_h + step->kernel_h,
                   .pitch = (columns - 1) * step->stride_w + step->kernel_w,
                   .element_bytes = step->kernel.in == FORMAT_I16 ? 2 : 1};
    plane.copy_h = (int)min_i64(in.h, plane.h - step->pad_h);
    plane.copy_w = (int)min_i64(in.w, plane.pitch - step->pad_w);
    plane.bytes = ((int64_t)plane.h * plane.pitch * plane.element_bytes + 3) / 4 * 4;
    return plane;
}

static int64_t plane_fill(const Step *step, const Plane *plane) {
    uint32_t zero = (uint32_t)step->in_zero & 255;
    return plane->element_bytes == 2 ? step->in_zero : (int64_t)(zero * 0x01010101u);
}

static void depthwise_members(Descriptor *d, const Step *step) {
    Plane plane = plane_of(step);
    Extent in = extent_of(step->in_shape), out = extent_of(step->out_shape);
    d->weighted = true;
    output_members(d, step);
    member(d, "fill", 4, (int32_t)plane_fill(step, &plane));
    member(d, "fill_count", 4, plane.bytes / (plane.element_bytes == 2 ? 2 : 4));
    member(d, "plane_bytes", 4, plane.bytes);
    member(d, "inset", 4, step->pad_h * plane.pitch + step->pad_w);
    member(d, "pitch", 4, plane.pitch);
    member(d, "drop", 4, step->stride_h * plane.pitch);
    member(d, "in_row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "out_row", 4, row_bytes(step->out_shape, step->kernel.out));
    member(d, "in_w", 2, in.w);
    member(d, "copy_h", 2, plane.copy_h);
    member(d, "copy_w", 2, plane.copy_w);
    member(d, "out_h", 2, out.h);
    member(d, "out_w", 2, out.w);
    member(d, "kernel_w", 2, step->kernel_w);
    member(d, "stride_w", 2, step->stride_w);
    member(d, "channels", 2, out.c);
    member(d, "taps", 4, step->kernel_h * step->kernel_w);
}

static void pool_members(Descriptor *d, const Step *step) {
    window_members(d, step);
    member(d, "channels", 2, shape_channels(step->out_shape));
    member(d, "low", 2, step->low);
    member(d, "high", 2, step->high);
}

/* Tensors of whole bytes are one long pixel. */
static void elementwise_members(Descriptor *d, const Step *step, bool joined) {
    member(d, "pixels", 4, joined ? 1 : shape_pixels(step->out_shape));
    member(d, "channels", 4,
           joined ? shape_elements(step->out_shape) : shape_channels(step->out_shape));
}

static void add_members(Descriptor *d, const Step *step) {
    const int32_t *m = step->from->multiplier;
    Kernel kernel = step->kernel;
    elementwise_members(d, step,
                        !format_is_packed(kernel.in) && !format_is_packed(kernel.in2) &&
                            !format_is_packed(kernel.out));
    member(d, "in_row", 4, row_bytes(step->in_shape, kernel.in));
    member(d, "in2_row", 4, row_bytes(step->in_shape, kernel.in2));
    member(d, "out_row", 4, row_bytes(step->out_shape, kernel.out));
    member(d, "multiplier", 4, m ? m[0] : 1 << 21);
    member(d, "multiplier2", 4, m ? m[1] : 1 << 21);
    member(d, "round", 4, (int64_t)1 << (step->shift - 1));
    member(d, "shift", 2, step->shift);
    member(d, "zero", 2, step->in_zero);
    member(d, "zero2", 2, step->in_zero2);
    member(d, "out_zero", 2, step->out_zero);
    member(d, "low", 2, step->low);
    member(d, "high", 2, step->high);
}

static void clamp_members(Descriptor *d, const Step *step) {
    elementwise_members(d, step, !format_is_packed(step->kernel.in));
    member(d, "row", 4, row_bytes(step->in_shape, step->kernel.in));
    member(d, "low", 2, step->low);
    member(d, "high", 2, step->high);
}

/* ---- scratch ----------------------------------------------------------------------------- */

/* A column of 16-bit codes, then the rows that are unpacked, if any. */
static int64_t conv_scratch(const Step *step) {
    int64_t row = step->from->row;
    int rows = format_is_packed(step->kernel.weights) ? rows_at_once(step) : 0;
    return 2 * row + rows * row;
}

static int64_t pointwise_scratch(const Step *step) {
    return (int64_t)channels_at_once(step) * step->from->row;
}

/* The plane, then the taps of a channel if they are unpacked. */
static int64_t depthwise_scratch(const Step *step) {
    int64_t taps = (int64_t)step->kernel_h * step->kernel_w;
    return plane_of(step).bytes + (format_is_packed(step->kernel.weights) ? taps : 0);
}

/* ---- descriptors by kernel --------------------------------------------------------------- */

typedef struct Layout {
    OpKind kind;
    bool pointwise;
    void (*members)(Descriptor *d, const Step *step);
    int64_t (*scratch)(const Step *step); /* NULL: the kernel takes none */
} Layout;

static const Layout layouts[] = {
    {OP_CONV, false, conv_members, conv_scratch},
    {OP_CONV, true, pointwise_members, pointwise_scratch},
    {OP_DENSE, false, dense_members, NULL},
    {OP_DEPTHWISE, false, depthwise_members, depthwise_scratch},
    {OP_MAX_POOL, false, pool_members, NULL},
    {OP_AVERAGE_POOL, false, pool_members, NULL},
    {OP_ADD, false, add_members, NULL},
    {OP_RELU, false, clamp_members, NULL},
};

static const Layout *layout_of(Kernel kernel) {
    for (int i = 0; i < COUNT(layouts); i++)
        if (layouts[i].kind == kernel.kind && layouts[i].pointwise == kernel.pointwise)
            return &layouts[i];
    return NULL;
}

void descriptor_of(const Step *step, Descriptor *descriptor) {
    *descriptor = (Descriptor){.type = kernel_type(step->kernel)};
    layout_of(step->kernel)->members(descriptor, step);
}

int64_t descriptor_bytes(const Descriptor *descriptor) {
    int64_t bytes = descriptor->weighted ? 3 * 4 : 0;
    for (int i = 0; i < descriptor->count; i++) {
        int size = descriptor->member[i].bytes;
        bytes = (bytes + size - 1) / size * size + size;
    }
    return (bytes + 3) / 4 * 4;
}

/* Pointwise kernels need a place only to unpack to. */
bool kernel_has_scratch(Kernel kernel) {
    return layout_of(kernel)->scratch &&
           !(kernel.pointwise && !format_is_packed(kernel.weights));
}

int64_t kernel_scratch_bytes(const Step *step) {
    return kernel_has_scratch(step->kernel) ? layout_of(step->kernel)->scratch(step) : 0;
}

/* ---- structs ----------------------------------------------------------------------------- */

static const char output_text[] = "/* How sums become codes. */\n"
                                  "struct @P_output {\n"
                                  "    int32_t round;\n"
                                  "    int16_t shift, zero, low, high;\n"
                                  "};\n"
                                  "\n";

/* A struct for the descriptors of one type of kernel. */
static void print_struct(Text *text, Str prefix, const Descriptor *descriptor) {
    text_add(text, "struct %.*s_%s {\n", STR_ARG(prefix), descriptor->type);
    if (descriptor->weighted)
        text_add(text, "    const void *weight;\n    const void *bias;\n"
                       "    const int32_t *multiplier;\n");
    if (descriptor->requantises)
        text_add(text, "    struct %.*s_output to;\n", STR_ARG(prefix));
    for (int i = 0; i < descriptor->count; i++) {
        const Member *m = &descriptor->member[i];
        if (strncmp(m->name, "to.", 3))
            text_add(text, "    int%d_t %s;\n", 8 * m->bytes, m->name);
    }
    text_add(text, "};\n\n");
}

static bool is_among(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* The structs take their members from the functions that fill them, here for a step of size
 * 1. */
void structs_print(Text *text, Str prefix, const Kernel *kernels, int count) {
    const char *done[COUNT(layouts) + 1];
    int done_count = 0;
    Layer layer = {.row = 1, .out_channels = 1, .weights = FORMAT_I8};
    Step step = {.in_shape = {1, {1}},
                 .out_shape = {1, {1}},
                 .kernel_h = 1,
                 .kernel_w = 1,
                 .stride_h = 1,
                 .stride_w = 1,
                 .groups = 1,
                 .shift = 40,
                 .from = &layer};
    for (int i = 0; i < count; i++) {
        Descriptor descriptor;
        step.kernel = kernels[i];
        descriptor_of(&step, &descriptor);
        if (descriptor.requantises && !is_among(done, done_count, "output")) {
            done[done_count++] = "output";
            text_expand(text, prefix, NULL, output_text);
        }
        if (is_among(done, done_count, descriptor.type))
            continue;
        done[done_count++] = descriptor.type;
        print_struct(text, prefix, &descriptor);
    }
}
