/* bits.c: what a bit width costs: for each kind of operator and each format of its weights the
 * bytes that it stores, the time of this machine, and the instructions of a Cortex-M4.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
 *
 * usage: bits [KIND...]    KIND: such as "depthwise"; none: all. A Markdown table. */
#include "bench/networks.h"
#include "codegen/jit.h"
#include "codegen/routine.h"
#include "device/device.h"
#include "lang/lang.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 1, IMAGES = 8, SAMPLES = 41 };

/* A network of one operator. */
typedef struct Subject {
    const char *kind, *input, *call, *result;
} Subject;

static const Subject subjects[] = {
    {"conv 3x3", "[16, 16, 32]", "conv(32, kernel: 3)", "[16, 16, 32]"},
    {"conv 3x3, 3 in", "[32, 32, 3]", "conv(16, kernel: 3)", "[32, 32, 16]"},
    {"conv 3x3, 4 groups", "[16, 16, 32]", "conv(32, kernel: 3, groups: 4)", "[16, 16, 32]"},
    {"depthwise 3x3", "[24, 24, 32]", "depthwise(kernel: 3)", "[24, 24, 32]"},
    {"pointwise", "[12, 12, 64]", "conv(64, kernel: 1)", "[12, 12, 64]"},
    {"dense", "[640]", "dense(128)", "[128]"},
    {"dense, large", "[1024]", "dense(1000)", "[1000]"},
};

/* Formats of weights and activations. */
static const struct {
    const char *weights;
    Format activations;
} mixes[] = {
    {"i2", FORMAT_I8}, {"i3", FORMAT_I8},  {"i4", FORMAT_I8},  {"i5", FORMAT_I8},
    {"i6", FORMAT_I8}, {"i8", FORMAT_I8},  {"i16", FORMAT_I8}, {"i4", FORMAT_I4},
    {"i8", FORMAT_I4}, {"i8", FORMAT_I16},
};

/* A row of the table; negative: not known, with the reason among the notes. */
typedef struct Row {
    int64_t macs, weight_bytes, constant_bytes, flash_bytes;
    double host_ns, instructions;
} Row;

typedef struct Bench {
    Jit *jit;
    Device m4; /* no table: whole networks are measured */
    Text notes;
} Bench;

static void note(Bench *bench, const char *what, const char *weights, Str why) {
    text_add(&bench->notes, "%s, %s: %.*s\n", what, weights, STR_ARG(why));
}

/* ---- this machine ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of samples of a millisecond or more. */
static double jit_time(Arena *arena, const JitProgram *code, const Program *program) {
    int64_t in = tensor_bytes(program->in_shape, program->in_format);
    int64_t out = tensor_bytes(program->out_shape, program->out_format);
    uint8_t *input = arena_alloc(arena, (size_t)in + 64);
    void *output = arena_alloc(arena, (size_t)out + 64);
    void *memory = arena_alloc(arena, (size_t)program->arena_bytes + 64);
    double sample[SAMPLES];
    for (int64_t i = 0; i < in; i++)
        input[i] = (uint8_t)random_bits(SEED, 0, (uint64_t)i);
    int calls = 1;
    for (int s = 0; s < SAMPLES;) {
        double from = clock_seconds();
        for (int i = 0; i < calls; i++)
            jit_run(code, input, output, memory);
        double took = clock_seconds() - from;
        sample[s] = took * 1e9 / calls;
        if (took < 1e-3)
            calls *= 2;
        else
            s++;
    }
    qsort(sample, SAMPLES, sizeof *sample, ascending);
    return sample[SAMPLES / 2];
}

static double model_time(Arena *arena, const Bench *bench, const Model *model, Str *why) {
    Program program;
    Span span;
    if (!bench->jit) {
        *why = STR("no JIT in this build");
        return -1;
    }
    if (!program_build_isa(arena, model, NULL, isa_of_target(NULL), &program, &span, why))
        return -1;
    const JitProgram *code = jit_program(bench->jit, &program, arena, why);
    return code ? jit_time(arena, code, &program) : -1;
}

/* ---- Cortex-M4 --------------------------------------------------------------------------- */

static double m4_instructions(Arena *arena, const Bench *bench, const Model *model, Row *row,
                              Str *why) {
    Program program;
    Span span;
    int count;
    double instructions;
    if (!program_build(arena, model, &bench->m4.target, &program, &span, why))
        return -1;
    EmitOptions options = {.prefix = STR("bits"), .comment = STR("bench/bits")};
    EmitFile *files = emit_c(arena, &program, &options, &count);
    Replay replay = {.files = files,
                     .file_count = count,
                     .prefix = options.prefix,
                     .in_bytes = (int)tensor_bytes(program.in_shape, program.in_format),
                     .out_bytes = (int)tensor_bytes(program.out_shape, program.out_format),
                     .arena_bytes = program.arena_bytes};
    row->weight_bytes = program.weight_bytes;
    row->constant_bytes = program.constant_bytes;
    if (!device_measured_flash(&bench->m4, arena, files, count, &row->flash_bytes, why) ||
        !device_measured_run(&bench->m4, arena, &replay, &instructions, why))
        return -1;
    return instructions;
}

static void m4_open(Bench *bench, Arena *arena) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("bits.nas"), STR("use std/devices\n"),
                                (LangOptions){0});
    const Decl *decl = spec_decl(spec, DECL_DEVICE, STR("cortex_m4"));
    if (!decl || !spec_target(spec, decl, arena, &bench->m4.target))
        die(EXIT_ENVIRONMENT, "std/devices has no cortex_m4");
    bench->m4.arena = arena;
    bench->m4.toolchain = target_toolchain(arena, &bench->m4.target);
}

/* ---- the table --------------------------------------------------------------------------- */

static Row measure(Bench *bench, Arena *arena, const Subject *subject, const char *weights,
                   Format activations) {
    Str source = str_format(arena,
                            "network n(x: %s) -> %s { return x |> %s }\n"
                            "precision of n { *: weights = %s, activations = %s }\n",
                            subject->input, subject->result, subject->call, weights,
                            format_name(activations));
    Model model = bench_model_from(arena, source, activations, SEED, IMAGES);
    Row row = {.weight_bytes = -1, .constant_bytes = -1, .flash_bytes = -1};
    Str why = STR("");
    row.host_ns = model_time(arena, bench, &model, &why);
    if (row.host_ns < 0)
        note(bench, subject->kind, weights, why);
    row.instructions = m4_instructions(arena, bench, &model, &row, &why);
    if (row.instructions < 0)
        note(bench, subject->kind, weights, why);
    const Layer *layer = &model.layers[1];
    row.macs = (int64_t)shape_pixels(layer->out.shape) * layer->out_channels * layer->row;
    return row;
}

/* A figure, or a dash where there is none. */
static void print_number(double value, int decimals) {
    if (value < 0)
        printf(" | -");
    else
        printf(" | %.*f", decimals, value);
}

static void print_row(const Subject *subject, const char *weights, Format activations,
                      const Row *row) {
    printf("| %s | %s | %s", subject->kind, weights, format_name(activations));
    print_number((double)row->weight_bytes, 0);
    print_number((double)row->constant_bytes, 0);
    print_number((double)row->flash_bytes, 0);
    print_number(row->host_ns / 1e3, 2);
    print_number(row->host_ns > 0 ? (double)row->macs / row->host_ns : -1, 1);
    print_number(row->instructions, 0);
    print_number(row->instructions < 0 ? -1 : row->instructions / (double)row->macs, 3);
    printf(" |\n");
    fflush(stdout);
}

static bool wanted(const Subject *subject, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strstr(subject->kind, argv[i]))
            return true;
    return argc < 2;
}

int main(int argc, char **argv) {
    Arena *arena = arena_new();
    Str why = STR("");
    Bench bench = {.notes = text_new(arena), .jit = jit_new(arena, NULL, &why)};
    m4_open(&bench, arena);
    printf("| operator | weights | activations | weight bytes | constant bytes | M4 flash | "
           "host us | G products/s | M4 instructions | per product |\n"
           "|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for (int s = 0; s < COUNT(subjects); s++)
        for (int m = 0; m < COUNT(mixes) && wanted(&subjects[s], argc, argv); m++) {
            Arena *scratch = arena_new();
            Row row =
                measure(&bench, scratch, &subjects[s], mixes[m].weights, mixes[m].activations);
            print_row(&subjects[s], mixes[m].weights, mixes[m].activations, &row);
            arena_free(scratch);
        }
    printf("\n%.*s", STR_ARG(text_str(&bench.notes)));
    jit_free(bench.jit);
    arena_free(arena);
    return EXIT_DONE;
}
