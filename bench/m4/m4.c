/* m4: networks on a Cortex-M4 under emulation: instructions of each layer and of a whole
 * inference, as assembly and as C, bytes of code, constants and memory, and cycles as modelled;
 * outputs held to the interpreter's. Beside them what others need.
 *
 *     m4 [-s] [NETWORK...]     -s: print the source
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "bench/networks.h"
#include "codegen/routine.h"
#include "device/device.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 1, RUN_SECONDS = 600, NETWORKS = 4 };

/* ---- what others need ---------------------------------------------------------------------- */

/* Of the same four networks, with the weights of MLPerf Tiny: CMSIS-NN of July 2026 called
 * layer by layer from C, gcc 12.2 -O2, counted under the same emulator (instructions of one
 * inference, bytes of code and constants, of arena and data and stack); and the fewest
 * cycles that anyone has published for a Cortex-M4 in the closed division of MLPerf Tiny,
 * medians of results.txt: ST X-CUBE-AI 9.0 and, of the auto-encoder, Bosch HALE, both v1.2,
 * NUCLEO-L4R5ZI at 120 MHz. */
typedef struct Peer {
    const char *name;
    int64_t instructions, flash, memory, closed_cycles;
} Peer;

static const Peer peers[] = {
    {"resnet8", 29856963, 102824, 50468, 19820000},
    {"ds_cnn", 7693541, 53408, 16716, 5180000},
    {"vww", 24092047, 268908, 65228, 10670000},
    {"autoencoder", 579804, 278260, 1108, 570000},
};

static const Peer *peer_of(const char *name) {
    for (int i = 0; i < COUNT(peers); i++)
        if (!strcmp(peers[i].name, name))
            return &peers[i];
    return NULL;
}

/* ---- the program as C -------------------------------------------------------------------- */

typedef struct Source {
    Arena *arena;
    const Program *program;
    Text text;
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

/* ---- cycles as modelled -------------------------------------------------------------------- */

/* What an instruction takes beyond its first cycle, by the Cortex-M4's manual (DDI 0439,
 * 3.3), flash without wait states, no two loads overlapped; all others take one. */
static const struct {
    const char *instruction;
    int more;
} costs[] = {
    {"ldrd ", 2}, {"ldmia ", 3}, {"ldr", 1}, {"strd ", 2}, {"str", 1},
    {"bne.w ", 2}, {"blo.w ", 2}, {"push ", 9}, {"pop ", 12},
};

static int more_cycles(Str line) {
    for (int i = 0; i < COUNT(costs); i++)
        if (str_starts(line, str_of(costs[i].instruction)))
            return costs[i].more;
    return 0;
}

/* The source with as many instructions that do nothing before each one as it takes cycles more:
 * their count is then that of cycles. */
static Str with_cycles(Arena *arena, Str source) {
    Text text = text_new(arena);
    for (int at = 0; at < source.length;) {
        const char *end = memchr(source.at + at, '\n', (size_t)(source.length - at));
        int length = end ? (int)(end - source.at) - at + 1 : source.length - at;
        Str line = {source.at + at, length};
        bool assembly = str_starts(line, STR("        \""));
        if (assembly)
            for (int n = more_cycles((Str){line.at + 9, length - 9}); n > 0; n--)
                text_add(&text, "        \"nop\\n\"\n");
        text_add_str(&text, line);
        at += length;
    }
    return text_str(&text);
}

/* ---- running ------------------------------------------------------------------------------- */

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

/* ---- the report -------------------------------------------------------------------------- */

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

/* A network's program and one input with what comes of it. */
typedef struct Subject {
    Arena *arena;
    const BenchNetwork *network;
    Model model;
    Program program;
    Str driver;
} Subject;

static void subject_make(Subject *s) {
    Span span;
    Str why = STR("");
    s->model = bench_model(s->arena, bench_source(s->arena, s->network, ""), SEED,
                           s->network->images);
    if (!program_build_isa(s->arena, &s->model, NULL, isa_named(STR("armv7e-m")), &s->program,
                           &span, &why))
        die(EXIT_FILE, "%s: %.*s", s->network->name, STR_ARG(why));
    const Tensor *from = &s->model.layers[0].out, *to = &s->model.layers[s->model.output].out;
    int64_t in_bytes = shape_elements(from->shape), out_bytes = shape_elements(to->shape);
    uint8_t *input = arena_alloc(s->arena, (size_t)in_bytes);
    uint8_t *output = arena_alloc(s->arena, (size_t)out_bytes);
    bench_input(from, SEED, 0, input);
    int32_t **tensors = arena_array(s->arena, int32_t *, s->model.count);
    model_run(s->arena, &s->model, input, tensors);
    for (int64_t i = 0; i < out_bytes; i++)
        output[i] = (uint8_t)tensors[s->model.output][i];
    s->driver = driver_of(s->arena, &s->program, input, in_bytes, output, out_bytes);
}

static Measured measured(const Subject *s, Str source) {
    Measured m;
    Str why = STR("");
    if (!measure(s->arena, &s->program, source, s->driver, &m, &why))
        die(EXIT_ENVIRONMENT, "%s: %.*s", s->network->name, STR_ARG(why));
    if (!m.same)
        die(EXIT_ENVIRONMENT, "%s: the outputs are not the interpreter's", s->network->name);
    return m;
}

static void print_summary(const Subject *s, const Measured *assembly, const Measured *c,
                          const Measured *cycles) {
    const Peer *peer = peer_of(s->network->name);
    int64_t constants = s->program.weight_bytes + s->program.constant_bytes;
    printf("%s: %lld instructions, as C %lld; modelled cycles %lld\n", s->network->name,
           (long long)assembly->total, (long long)c->total, (long long)cycles->total);
    printf("  flash %lld (code %lld, as C %lld; constants %lld), arena %lld\n",
           (long long)(constants + assembly->code_bytes), (long long)assembly->code_bytes,
           (long long)c->code_bytes, (long long)constants, (long long)s->program.arena_bytes);
    if (peer)
        printf("  CMSIS-NN: %lld instructions (%.2f x ours), flash %lld, memory %lld; fewest "
               "published cycles %lld (%.2f x ours)\n",
               (long long)peer->instructions,
               (double)peer->instructions / (double)assembly->total, (long long)peer->flash,
               (long long)peer->memory, (long long)peer->closed_cycles,
               (double)peer->closed_cycles / (double)cycles->total);
}

static void run_network(const BenchNetwork *network, bool print) {
    Subject s = {.arena = arena_new(), .network = network};
    subject_make(&s);
    Source source = {s.arena, &s.program, text_new(s.arena)};
    print_network(&source);
    Str text = text_str(&source.text);
    if (print)
        printf("%s", text.at);
    Measured assembly = measured(&s, text), cycles = measured(&s, with_cycles(s.arena, text));
    Measured c =
        measured(&s, str_format(s.arena, "#define NET_NO_ASSEMBLY\n%.*s", STR_ARG(text)));
    print_summary(&s, &assembly, &c, &cycles);
    print_steps(&s.program, &assembly);
    arena_free(s.arena);
}

int main(int count, char **words) {
    bool print = false, some = false;
    for (int i = 1; i < count; i++) {
        const BenchNetwork *network = bench_network(str_of(words[i]));
        if (!strcmp(words[i], "-s"))
            print = true;
        else if (!network)
            die(EXIT_USAGE, "m4 [-s] [NETWORK...]");
        else {
            run_network(network, print);
            some = true;
        }
    }
    for (int i = 0; i < NETWORKS && !some; i++)
        run_network(&bench_networks[i], print);
    return 0;
}
