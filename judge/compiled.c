/* Integer execution by machine code: the model lowered for this machine's instruction set, its
 * kernels from the JIT. What a device would compute, at the speed of this one.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"

#include <string.h>

struct Compiled {
    Program program;
    const JitProgram *code;
    Tensor out;
    int64_t in_bytes, out_bytes;
    int outputs;
};

/* What machine code gains on matrix products, per product. */
static const double SAVING_S = 6e-11;

static int64_t program_macs(const Program *program) {
    int64_t macs = 0;
    for (int i = 0; i < program->count; i++)
        macs += program->steps[i].macs;
    return macs;
}

Compiled *compiled_new(Arena *arena, const Model *model, Jit *jit, int images) {
    Compiled *compiled = arena_new_of(arena, Compiled);
    const Tensor *in = &model->layers[0].out, *out = &model->layers[model->output].out;
    Span span;
    Str why;
    if (!jit || format_bits(in->format) != 8 || isa_of_target(NULL)->vector_bits <= 32 ||
        !program_build_isa(arena, model, NULL, isa_of_target(NULL), &compiled->program, &span,
                           &why))
        return NULL;
    double saving_s = SAVING_S * images * (double)program_macs(&compiled->program);
    if (!jit_pays(jit, &compiled->program, saving_s, arena))
        return NULL;
    compiled->code = jit_program(jit, &compiled->program, arena, &why);
    compiled->out = *out;
    compiled->in_bytes = shape_elements(in->shape);
    compiled->out_bytes = tensor_bytes(out->shape, out->format);
    compiled->outputs = (int)shape_elements(out->shape);
    return compiled->code ? compiled : NULL;
}

static int32_t nibble(uint8_t byte, int which) {
    return (int8_t)(uint8_t)(byte << (which ? 0 : 4)) >> 4;
}

/* Stored codes, as emitted code leaves them: pixels begin at a byte. */
static void codes_read(const Compiled *compiled, const uint8_t *stored, int32_t *codes) {
    int channels = shape_channels(compiled->out.shape);
    for (int i = 0; i < compiled->outputs; i++)
        switch (compiled->out.format) {
        case FORMAT_I16:
            codes[i] = ((const int16_t *)(const void *)stored)[i];
            break;
        case FORMAT_I4:
            codes[i] = nibble(stored[i / channels * ((channels + 1) / 2) + i % channels / 2],
                              i % channels % 2);
            break;
        case FORMAT_U8:
            codes[i] = stored[i];
            break;
        default:
            codes[i] = (int8_t)stored[i];
        }
}

CompiledRun compiled_begin(const Compiled *compiled, Arena *scratch) {
    return (CompiledRun){.compiled = compiled,
                         .input = arena_alloc(scratch, (size_t)compiled->in_bytes + 64),
                         .output = arena_alloc(scratch, (size_t)compiled->out_bytes + 64),
                         .memory =
                             arena_alloc(scratch, (size_t)compiled->program.arena_bytes + 64)};
}

/* Kernels want aligned operands, which images that lie end to end are not. */
static const uint8_t *aligned(const CompiledRun *run, const uint8_t *image) {
    if ((uintptr_t)image % 64 == 0)
        return image;
    memcpy(run->input, image, (size_t)run->compiled->in_bytes);
    return run->input;
}

void compiled_infer(const CompiledRun *run, const uint8_t *image, int32_t *codes) {
    const Compiled *compiled = run->compiled;
    jit_run(compiled->code, aligned(run, image), run->output, run->memory);
    codes_read(compiled, run->output, codes);
}

void compiled_fill(const CompiledRun *run, const uint8_t *image, uint8_t *bytes) {
    jit_run(run->compiled->code, aligned(run, image), bytes, run->memory);
}
