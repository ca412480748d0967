/* m4: networks on a Cortex-M4 under emulation: instructions of each layer and of a whole inference,
 * bytes of code, constants and memory; outputs held to the interpreter's.
 *
 *     m4 [-c] [-s] [NETWORK...]     -c: C with leaves instead of assembly; -s: print the source
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "bench/networks.h"
#include "codegen/routine.h"
#include "device/device.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 1, RUN_SECONDS = 600, NETWORKS = 4 };

/* ---- the program as C -------------------------------------------------------------------------- */

typedef struct Source {
    Arena *arena;
    const Program *program;
    Text text;
    bool assembly;
} Source;

static void print_values(Text *text, Type type, const int64_t *values, int64_t count,
                         const char *name, int index) {
    const char *c_types[TYPE_COUNT] = {[I8] = "int8_t",
                                       [U8] = "uint8_t",
                                       [I16] = "int16_t",
                                       [I32] = "int32_t",
                                       [I64] = "int64_t"};
    if (count == 0)
        return;
    text_add(text, "static const %s %s%d[] __attribute__((aligned(8))) = {", c_types[type],
             name, index);
    for (int64_t i = 0; i < count; i++)
        text_add(text, "%lld%s,", (long long)(values ? values[i] : 0), type == I64 ? "ll" : "");
    text_add(text, "};\n");
}

static Str routine_name(Arena *arena, int routine) {
    return str_format(arena, "routine_%d", routine);
}

static void print_routines(Source *s) {
    const Program *p = s->program;
    const Routine **all = arena_array(s->arena, const Routine *, p->routine_count);
    for (int i = 0; i < p->routine_count; i++)
        all[i] = &p->routines[i]->lowered->routine;
    if (!s->assembly)
        text_add(&s->text, "#define NET_NO_ASSEMBLY\n");
    leaves_print(&s->text, STR("net"), p->isa, all, p->routine_count);
    for (int i = 0; i < p->routine_count; i++)
        routine_print_c(&s->text, STR("net"), routine_name(s->arena, i), p->isa, all[i]);
}

static void print_params(Text *text, const Lowered *code, int index) {
    if (!code->param_count)
        return;
    text_add(text, "static const int32_t p%d[] = {", index);
    for (int i = 0; i < code->param_count; i++)
        text_add(text, "%ld,", (long)code->params[i]);
    text_add(text, "};\n");
}

static Str buffer_name(const Source *s, int buffer, const char *caller) {
    return buffer < 0 ? str_of(caller)
                      : str_format(s->arena, "arena + %lld",
                                   (long long)s->program->buffers[buffer].offset);
}

static Str array_name(const Source *s, const char *name, int index, int64_t count) {
    return count ? str_format(s->arena, "%s%d", name, index) : STR("0");
}

static void print_step(Source *s, int index) {
    const Step *step = &s->program->steps[index];
    const Lowered *code = step->lowered;
    Text *t = &s->text;
    print_values(t, code->weights_type, code->weights, code->weights_count, "w", index);
    print_values(t, code->constants_type, code->constants, code->constants_count, "c", index);
    print_params(t, code, index);
    text_add(t, "static void step_%d(uint8_t *arena)\n{\n    (void)arena;\n", index);
    Str name = routine_name(s->arena, step->routine);
    Str in = buffer_name(s, step->input[0], "(uint8_t *)input");
    Str in2 = step->inputs > 1 ? buffer_name(s, step->input[1], "(uint8_t *)input") : STR("0");
    Str out = buffer_name(s, step->output, "output");
    Str scratch = step->scratch >= 0 ? buffer_name(s, step->scratch, "") : STR("0");
    Str weights = array_name(s, "w", index, code->weights_count);
    Str constants = array_name(s, "c", index, code->constants_count);
    Str params = array_name(s, "p", index, code->param_count);
    text_add(t, "    %.*s(%.*s, %.*s, %.*s, %.*s, %.*s, %.*s, %.*s);\n}\n\n", STR_ARG(name),
             STR_ARG(in), STR_ARG(in2), STR_ARG(out), STR_ARG(weights), STR_ARG(constants),
             STR_ARG(scratch), STR_ARG(params));
}

static void print_network(Source *s) {
    text_add(&s->text, "#include <stdint.h>\nextern const uint8_t input[];\n"
                       "extern uint8_t output[];\nvoid network(uint8_t *arena);\n");
    print_routines(s);
    for (int i = 0; i < s->program->count; i++)
        print_step(s, i);
    text_add(&s->text, "void network(uint8_t *arena)\n{\n");
    for (int i = 0; i < s->program->count; i++)
        text_add(&s->text, "    step_%d(arena);\n", i);
    text_add(&s->text, "}\n\nvoid (*const steps[])(uint8_t *) = {\n");
    for (int i = 0; i < s->program->count; i++)
        text_add(&s->text, "    step_%d,\n", i);
    text_add(&s->text, "};\n");
}

/* What runs it: prints whether the outputs are right, then thousandths of instructions. */
static Str driver_of(Arena *arena, const Program *program, const uint8_t *input,
                     int64_t in_bytes, const uint8_t *output, int64_t out_bytes) {
    Text t = text_new(arena);
    text_add(&t, "#include \"harness.h\"\nextern void (*const steps[])(uint8_t *);\n"
                 "void network(uint8_t *arena);\nextern const uint8_t input[];\n"
                 "extern uint8_t output[];\nconst uint8_t input[] = {");
    for (int64_t i = 0; i < in_bytes; i++)
        text_add(&t, "%u,", input[i]);
    text_add(&t, "};\nstatic const uint8_t wanted[] = {");
    for (int64_t i = 0; i < out_bytes; i++)
        text_add(&t, "%u,", output[i]);
    text_add(&t,
             "};\nuint8_t output[%lld] __attribute__((aligned(8)));\n"
             "static uint8_t arena[%lld] __attribute__((aligned(8)));\n"
             "int harness_main(void)\n{\n    int same = 1;\n    network(arena);\n"
             "    for (unsigned i = 0; i < sizeof wanted; i++)\n"
             "        same &= output[i] == wanted[i];\n"
             "    harness_print_number((uint64_t)same);\n    harness_print(\"\\n\");\n"
             "    harness_print_number(harness_cost(network, arena));\n"
             "    harness_print(\"\\n\");\n    for (int i = 0; i < %d; i++) {\n"
             "        harness_print_number(harness_cost(steps[i], arena));\n"
             "        harness_print(\"\\n\");\n    }\n    return 0;\n}\n",
             (long long)out_bytes, (long long)program->arena_bytes + 8, program->count);
    return text_str(&t);
}

/* ---- running ------------------------------------------------------------------------------------- */

typedef struct Measured {
    bool same;
    int64_t total, *step; /* instructions */
    int64_t code_bytes;
} Measured;

static int64_t number_at(const char **at) {
    char *end;
    int64_t value = strtoll(*at, &end, 10);
    *at = end;
    return value;
}

static bool measure(Arena *arena, const Program *program, Str network, Str driver,
                    Measured *measured, Str *why) {
    Toolchain toolchain = {.compiler = STR("arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb "
                                           "-mfloat-abi=soft -O2 -ffunction-sections"),
                           .bare = true};
    Str sources[] = {STR("network.c"), STR("driver.c")}, output;
    Workshop workshop;
    if (!workshop_begin(arena, &workshop, why))
        return false;
    int64_t bytes = 0;
    bool done = workshop_write(&workshop, sources[0], network, why) &&
                workshop_write(&workshop, sources[1], driver, why) &&
                workshop_add_runtime(&workshop, "harness.h", why) &&
                toolchain_compile(&toolchain, &workshop, sources, 2, why) &&
                toolchain_size(&toolchain, &workshop, sources[0], &bytes, why) &&
                toolchain_run(&toolchain, &workshop, sources, 2, RUN_SECONDS, &output, why);
    if (!getenv("KEEP"))
        workshop_end(&workshop);
    if (!done)
        return false;
    const char *at = str_terminated(arena, output);
    measured->same = number_at(&at) == 1;
    measured->total = number_at(&at) / 1000;
    measured->step = arena_array(arena, int64_t, program->count);
    for (int i = 0; i < program->count; i++)
        measured->step[i] = number_at(&at) / 1000;
    measured->code_bytes = bytes - program->weight_bytes - program->constant_bytes;
    return true;
}

/* ---- the report ------------------------------------------------------------------------------------ */

static void print_steps(const Program *program, const Measured *measured) {
    for (int i = 0; i < program->count; i++) {
        const Step *s = &program->steps[i];
        Extent in = extent_of(s->in_shape), out = extent_of(s->out_shape);
        printf("  %2d %-22.*s %3dx%3dx%3d -> %3dx%3dx%3d  k%dx%d s%d routine %2d  %10lld", i,
               STR_ARG(s->lowered->routine.name), in.h, in.w, in.c, out.h, out.w, out.c,
               s->kernel_h, s->kernel_w, s->stride_h, s->routine, (long long)measured->step[i]);
        if (s->macs)
            printf("  %6.3f per MAC", (double)measured->step[i] / (double)s->macs);
        printf("  t %d scratch %lld\n", (int)s->shift, (long long)s->scratch_bytes);
    }
}

static int run_network(const BenchNetwork *network, bool assembly, bool print) {
    Arena *arena = arena_new();
    Model model = bench_model(arena, bench_source(arena, network, ""), SEED, network->images);
    Program program;
    Span span;
    Str why = STR("");
    if (!program_build_isa(arena, &model, NULL, isa_named(STR("armv7e-m")), &program, &span,
                           &why))
        die(EXIT_FILE, "%s: %.*s", network->name, STR_ARG(why));
    const Tensor *from = &model.layers[0].out, *to = &model.layers[model.output].out;
    int64_t in_bytes = shape_elements(from->shape), out_bytes = shape_elements(to->shape);
    uint8_t *input = arena_alloc(arena, (size_t)in_bytes),
            *output = arena_alloc(arena, (size_t)out_bytes);
    bench_input(from, SEED, 0, input);
    int32_t **tensors = arena_array(arena, int32_t *, model.count);
    model_run(arena, &model, input, tensors);
    for (int64_t i = 0; i < out_bytes; i++)
        output[i] = (uint8_t)tensors[model.output][i];
    Source source = {arena, &program, text_new(arena), assembly};
    print_network(&source);
    if (print)
        printf("%s", source.text.at);
    Measured measured;
    Str driver = driver_of(arena, &program, input, in_bytes, output, out_bytes);
    if (!measure(arena, &program, text_str(&source.text), driver, &measured, &why))
        die(EXIT_ENVIRONMENT, "%s: %.*s", network->name, STR_ARG(why));
    printf("%s: %s, %lld instructions; code %lld, constants %lld, arena %lld (bound %lld)\n",
           network->name, measured.same ? "right" : "WRONG", (long long)measured.total,
           (long long)measured.code_bytes,
           (long long)(program.weight_bytes + program.constant_bytes),
           (long long)program.arena_bytes, (long long)program.bound_bytes);
    print_steps(&program, &measured);
    bool same = measured.same;
    arena_free(arena);
    return !same;
}

int main(int count, char **words) {
    bool assembly = true, print = false, some = false;
    int faults = 0;
    for (int i = 1; i < count; i++) {
        if (!strcmp(words[i], "-c"))
            assembly = false;
        else if (!strcmp(words[i], "-s"))
            print = true;
        else if (bench_network(str_of(words[i]))) {
            faults += run_network(bench_network(str_of(words[i])), assembly, print);
            some = true;
        } else
            die(EXIT_USAGE, "m4 [-c] [-s] [NETWORK...]");
    }
    for (int i = 0; i < NETWORKS && !some; i++)
        faults += run_network(&bench_networks[i], assembly, print);
    return faults != 0;
}
