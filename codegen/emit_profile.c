/* C for measuring: steps alone, each with weights of constant pattern, and kernels alone. What
 * is timed is what ships, since kernels are never specialised for a call.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

static int64_t rounded_up(int64_t bytes) {
    return (bytes + 7) / 8 * 8;
}

static int64_t operand_bytes(const Step *step, int k) {
    if (k == 2)
        return rounded_up(tensor_bytes(step->out_shape, step->kernel.out));
    if (k >= step->inputs)
        return 0;
    return rounded_up(tensor_bytes(step->in_shape, k ? step->kernel.in2 : step->kernel.in));
}

int64_t step_arena_bytes(const Step *step) {
    return operand_bytes(step, 0) + operand_bytes(step, 1) + operand_bytes(step, 2) +
           rounded_up(step->scratch_bytes);
}

/* The distinct kernels of some steps, in order of first use. */
static Kernel *kernels_of(Arena *arena, const Step *steps, int count, int *kernel_count) {
    Kernel *kernels = arena_array(arena, Kernel, count);
    *kernel_count = 0;
    for (int i = 0; i < count; i++) {
        bool known = false;
        for (int k = 0; k < *kernel_count; k++)
            known |= kernel_equal(kernels[k], steps[i].kernel);
        if (!known)
            kernels[(*kernel_count)++] = steps[i].kernel;
    }
    return kernels;
}

/* One array serves the weights of all steps, one their biases and multipliers. */
static void print_constants(Text *text, Str prefix, const Step *steps, int count) {
    int64_t weights = 4, channels = 1;
    for (int i = 0; i < count; i++) {
        weights = max_i64(weights, steps[i].weight_bytes);
        channels = max_i64(channels, steps[i].from->out_channels);
    }
    text_add(text, "static const int32_t %.*s_weights[%lld] = {0x21b65a93};\n", STR_ARG(prefix),
             (long long)((weights + 3) / 4));
    text_add(text, "static const int64_t %.*s_channels[%lld] = {0x0123456789};\n",
             STR_ARG(prefix), (long long)channels);
}

static void print_step(Text *text, Str prefix, const Step *step, int index) {
    Str weights = str_format(text->arena, "%.*s_weights", STR_ARG(prefix));
    Str channels = str_format(text->arena, "%.*s_channels", STR_ARG(prefix));
    Str m = str_format(text->arena, "(const void *)%.*s", STR_ARG(channels));
    Str kernel = kernel_function(text->arena, prefix, step->kernel);
    Str constants = str_format(text->arena, "%.*s_arguments", STR_ARG(prefix));
    descriptor_print(text, constants, prefix, step, index, weights, channels, m);
    int64_t at = operand_bytes(step, 0);
    text_add(text, "void %.*s_step_%d(uint8_t *arena);\n", STR_ARG(prefix), index);
    text_add(text, "void %.*s_step_%d(uint8_t *arena)\n{\n", STR_ARG(prefix), index);
    text_add(text, "    %.*s(&%.*s_%d, arena", STR_ARG(kernel), STR_ARG(constants), index);
    if (step->inputs > 1)
        text_add(text, ", arena + %lld", (long long)at);
    at += operand_bytes(step, 1);
    text_add(text, ", arena + %lld", (long long)at);
    at += operand_bytes(step, 2);
    if (kernel_has_scratch(step->kernel))
        text_add(text, ", arena + %lld", (long long)at);
    text_add(text, ");\n}\n\n");
}

Str emit_c_steps(Arena *arena, Str prefix, const Step *steps, int count) {
    Text text = text_new(arena);
    int kernel_count;
    Kernel *kernels = kernels_of(arena, steps, count, &kernel_count);
    int64_t bytes = 8;
    for (int i = 0; i < count; i++)
        bytes = max_i64(bytes, step_arena_bytes(&steps[i]));
    Str macro = capitals(arena, prefix);
    text_add(&text, "/* Steps alone, for measuring. SPDX-License-Identifier: 0BSD */\n");
    text_add(&text, "#include <stdint.h>\n\n#define %.*s_STEPS_ARENA_BYTES %lld\n\n",
             STR_ARG(macro), (long long)bytes);
    kernels_print(&text, prefix, kernels, kernel_count);
    print_constants(&text, prefix, steps, count);
    for (int i = 0; i < count; i++)
        print_step(&text, prefix, &steps[i], i);
    return text_str(&text);
}

Str emit_c_kernel(Arena *arena, Str prefix, Kernel kernel) {
    Text text = text_new(arena);
    Str macro = capitals(arena, prefix);
    text_add(&text,
             "/* One kernel, for measuring its size. SPDX-License-Identifier: 0BSD */\n");
    text_add(&text, "#include <stdint.h>\n\n#define %.*s_KERNEL void\n", STR_ARG(macro));
    kernels_print(&text, prefix, &kernel, 1);
    return text_str(&text);
}
