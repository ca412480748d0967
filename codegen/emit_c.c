/* Program -> the files of a C99 library: code, header, weights, self-test, report, CMake
 * target. All was decided before; this prints.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/routine.h"

#include <string.h>

/* What the files of one program share. */
typedef struct Emission {
    Arena *arena;
    const Program *program;
    const EmitOptions *options;
    Str prefix, capital;
} Emission;

/* ---- common parts ------------------------------------------------------------------------ */

/* The options' comment neither ends the comment that it stands in nor begins another. */
static void print_comment_text(Text *text, Str comment) {
    for (int i = 0; i < comment.length; i++) {
        if (i == 0 || comment.at[i - 1] == '\n')
            text_add(text, i ? " * " : "\n * ");
        char before = i ? comment.at[i - 1] : ' ', c = comment.at[i];
        bool bracket = (before == '*' && c == '/') || (before == '/' && c == '*');
        text_add(text, bracket ? " %c" : "%c", c);
    }
}

static Text file_begin(const Emission *e, const char *suffix, const char *what) {
    Text text = text_new(e->arena);
    text_add(&text, "/* %.*s%s: %s", STR_ARG(e->prefix), suffix, what);
    print_comment_text(&text, e->options->comment);
    text_add(&text, "\n * SPDX-License-Identifier: 0BSD */\n");
    return text;
}

static EmitFile file_end(const Emission *e, const char *suffix, const Text *text) {
    return (EmitFile){str_format(e->arena, "%.*s%s", STR_ARG(e->prefix), suffix),
                      text_str(text)};
}

/* Adds the numbers of an array, so many to a line. */
static void print_number(Text *text, int64_t index, int64_t value) {
    char digits[32], *at = digits + sizeof digits; /* printf takes most of an emission's time */
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *--at = ',';
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--at = '-';
    text_add_str(text, index % 16 ? STR(" ") : STR("\n    "));
    text_add_str(text, (Str){at, (int)(digits + sizeof digits - at)});
}

/* ---- constants --------------------------------------------------------------------------- */

/* The arrays of a step: weights, constants; parameters stand beside the code. */
typedef enum { WEIGHTS, CONSTANTS, PARAMS } Array;
static const char array_letter[] = "wcp";

static const char *element_type(Type type) {
    static const char *const names[TYPE_COUNT] = {
        [I8] = "int8_t",    [U8] = "uint8_t",   [I16] = "int16_t",
        [U16] = "uint16_t", [I32] = "int32_t",  [U32] = "uint32_t",
        [I64] = "int64_t",  [F16] = "uint16_t", [F32] = "uint32_t", /* floats as their bits */
    };
    return names[type];
}

static int64_t array_count(const Step *step, Array array) {
    const Lowered *code = step->lowered;
    return array == WEIGHTS     ? code->weights_count
           : array == CONSTANTS ? code->constants_count
                                : code->param_count;
}

static int64_t array_at(const Step *step, Array array, int64_t i) {
    const Lowered *code = step->lowered;
    return array == WEIGHTS     ? code->weights[i]
           : array == CONSTANTS ? code->constants[i]
                                : code->params[i];
}

/* The step that a step has the array from, or -1: it needs none. */
static int array_owner(const Program *program, int index, Array array) {
    const Step *step = &program->steps[index];
    if (array_count(step, array) == 0)
        return -1;
    return array == PARAMS ? step->params_of : step->shares >= 0 ? step->shares : index;
}

/* "const int8_t tiny_w3[72]" */
static Str array_declaration(const Emission *e, int index, Array array) {
    const Step *step = &e->program->steps[index];
    Type type = array == WEIGHTS     ? step->lowered->weights_type
                : array == CONSTANTS ? step->lowered->constants_type
                                     : I32;
    return str_format(e->arena, "const %s %.*s_%c%d[%lld]", element_type(type),
                      STR_ARG(e->prefix), array_letter[array], index,
                      (long long)array_count(step, array));
}

/* The alignment that the weights file gives its arrays must stand at every declaration of them:
 * otherwise a compiler may take what its platform usually gives an array, such as 16 bytes. */
static void print_alignment(const Emission *e, Text *text) {
    text_add(text,
             "#if defined(__GNUC__)\n#define %.*s_ALIGNED __attribute__((aligned(%d)))\n"
             "#else\n#define %.*s_ALIGNED\n#endif\n",
             STR_ARG(e->capital), e->program->isa->alignment, STR_ARG(e->capital));
}

static void print_elements(const Step *step, Text *text, Array array) {
    text_add(text, " = {");
    for (int64_t i = 0; i < array_count(step, array); i++)
        print_number(text, i, array_at(step, array, i));
    text_add(text, "\n};\n");
}

static void print_array(const Emission *e, Text *text, int index, Array array) {
    if (array_owner(e->program, index, array) != index)
        return;
    Str declaration = array_declaration(e, index, array);
    text_add(text, "extern %.*s_ALIGNED %.*s;\n%.*s_WEIGHTS_SECTION %.*s_ALIGNED\n%.*s",
             STR_ARG(e->capital), STR_ARG(declaration), STR_ARG(e->capital),
             STR_ARG(e->capital), STR_ARG(declaration));
    print_elements(&e->program->steps[index], text, array);
}

static EmitFile emit_weights(const Emission *e) {
    Text text = file_begin(e, "_weights.c", "constants: packed weights, biases, multipliers");
    Str m = e->capital;
    text_add(&text,
             "#include <stdint.h>\n\n"
             "/* Where the constants go: define it as a section attribute to choose. */\n"
             "#ifndef %.*s_WEIGHTS_SECTION\n#define %.*s_WEIGHTS_SECTION\n#endif\n",
             STR_ARG(m), STR_ARG(m));
    print_alignment(e, &text);
    for (int i = 0; i < e->program->count; i++) {
        const Step *step = &e->program->steps[i];
        if (array_owner(e->program, i, WEIGHTS) != i &&
            array_owner(e->program, i, CONSTANTS) != i)
            continue;
        text_add(&text, "\n/* %.*s, %s */\n", STR_ARG(step->from->path),
                 format_name(step->kernel.weights));
        print_array(e, &text, i, WEIGHTS);
        print_array(e, &text, i, CONSTANTS);
    }
    return file_end(e, "_weights.c", &text);
}

/* ---- code -------------------------------------------------------------------------------- */

/* "tiny_conv_i8_i8_i8_pair_0" */
static Str routine_function(const Emission *e, int routine) {
    Str name = e->program->routines[routine]->lowered->routine.name;
    Str function =
        str_format(e->arena, "%.*s_%.*s_%d", STR_ARG(e->prefix), STR_ARG(name), routine);
    char *at = (char *)function.at;
    for (int i = 0; i < function.length; i++)
        if (!((at[i] >= 'a' && at[i] <= 'z') || (at[i] >= 'A' && at[i] <= 'Z') ||
              (at[i] >= '0' && at[i] <= '9')))
            at[i] = '_';
    return function;
}

static void print_routines(const Emission *e, Text *text) {
    const Program *p = e->program;
    const Routine **routines = arena_array(e->arena, const Routine *, p->routine_count);
    for (int i = 0; i < p->routine_count; i++)
        routines[i] = &p->routines[i]->lowered->routine;
    (e->options->intrinsics_only ? leaves_print_only : leaves_print)(
        text, e->prefix, p->isa, routines, p->routine_count);
    for (int i = 0; i < p->routine_count; i++)
        routine_print_c(text, e->prefix, routine_function(e, i), p->isa, routines[i]);
}

static Str place_text(const Emission *e, int buffer, int64_t offset, const char *caller) {
    int64_t at = buffer < 0 ? offset : e->program->buffers[buffer].offset + offset;
    const char *base = buffer < 0 ? caller : "at";
    if (buffer < 0 && offset == 0)
        return str_of(caller);
    return str_format(e->arena, buffer < 0 ? "(const uint8_t *)%s + %lld" : "%s + %lld", base,
                      (long long)at);
}

static Str result_text(const Emission *e, const Step *step) {
    if (step->output >= 0 || step->out_offset == 0)
        return place_text(e, step->output, step->out_offset, "output");
    return str_format(e->arena, "(uint8_t *)output + %lld", (long long)step->out_offset);
}

static Str array_text(const Emission *e, int index, Array array) {
    int owner = array_owner(e->program, index, array);
    return owner < 0 ? STR("0")
                     : str_format(e->arena, "%.*s_%c%d", STR_ARG(e->prefix),
                                  array_letter[array], owner);
}

static void print_call(const Emission *e, Text *text, int index) {
    const Step *step = &e->program->steps[index];
    Str argument[ARG_COUNT] = {
        place_text(e, step->input[0], step->in_offset[0], "input"),
        step->inputs > 1 ? place_text(e, step->input[1], step->in_offset[1], "input")
                         : STR("0"),
        result_text(e, step),
        array_text(e, index, WEIGHTS),
        array_text(e, index, CONSTANTS),
        step->scratch >= 0 ? place_text(e, step->scratch, 0, "") : STR("0"),
        array_text(e, index, PARAMS),
    };
    text_add(text, "%s%.*s(", step->parts ? "        " : "    ",
             STR_ARG(routine_function(e, step->routine)));
    for (int i = 0; i < ARG_COUNT; i++)
        text_add(text, i ? ", %.*s" : "%.*s", STR_ARG(argument[i]));
    text_add(text, ");\n");
}

static Str run_declaration(const Emission *e) {
    return str_format(e->arena, "int %.*s_run(const %s *input, %s *output, void *arena)",
                      STR_ARG(e->prefix), format_c_type(e->program->in_format),
                      format_c_type(e->program->out_format));
}

static Str run_parallel_declaration(const Emission *e) {
    Str run = run_declaration(e);
    int start = STR("int ").length + e->prefix.length + STR("_run(").length;
    return str_format(e->arena,
                      "int %.*s_run_parallel(%.*s,\n        %.*s_parallel_for *parallel_for, "
                      "void *context)",
                      STR_ARG(e->prefix), run.length - start - 1, run.at + start,
                      STR_ARG(e->prefix));
}

/* ---- parts that may run at once ----------------------------------------------------------- */

/* Steps of one layer, one of which is `part`; `first` is the index of part 0. */
static void print_parts(const Emission *e, Text *text, int first) {
    const Program *p = e->program;
    text_add(text,
             "static void %.*s_parts_%d(void *arg, int part)\n{\n"
             "    const struct %.*s_call *const call = (const struct %.*s_call *)arg;\n"
             "    const %s *const input = call->input;\n"
             "    %s *const output = call->output;\n"
             "    uint8_t *const at = call->at;\n"
             "    (void)input, (void)output, (void)at;\n"
             "    switch (part) {\n",
             STR_ARG(e->prefix), first, STR_ARG(e->prefix), STR_ARG(e->prefix),
             format_c_type(p->in_format), format_c_type(p->out_format));
    for (int part = 0; part < p->steps[first].parts; part++) {
        text_add(text, part == p->steps[first].parts - 1 ? "    default:\n" : "    case %d:\n",
                 part);
        print_call(e, text, first + part);
        text_add(text, "        break;\n");
    }
    text_add(text, "    }\n}\n\n");
}

/* What parts are told, and how they run where nobody gives threads. */
static void print_parallel(const Emission *e, Text *text) {
    const Program *p = e->program;
    text_add(
        text,
        "struct %.*s_call {\n    const %s *input;\n    %s *output;\n    uint8_t *at;\n};\n\n",
        STR_ARG(e->prefix), format_c_type(p->in_format), format_c_type(p->out_format));
    for (int i = 0; i < p->count; i++)
        if (p->steps[i].parts && p->steps[i].part == 0)
            print_parts(e, text, i);
    text_add(
        text,
        "static void %.*s_in_turn(void *context, int n, void (*body)(void *arg, int part),\n"
        "        void *arg)\n{\n    int part;\n    (void)context;\n"
        "    for (part = 0; part < n; part++)\n        body(arg, part);\n}\n\n",
        STR_ARG(e->prefix));
}

static void print_parts_call(const Emission *e, Text *text, int index) {
    text_add(text, "    parallel_for(context, %d, %.*s_parts_%d, &call);\n",
             e->program->steps[index].parts, STR_ARG(e->prefix), index);
}

/* PREFIX_run is the parallel one in one thread. */
static void print_run_in_turn(const Emission *e, Text *text) {
    text_add(
        text,
        "%.*s\n{\n    return %.*s_run_parallel(input, output, arena, %.*s_in_turn, 0);\n}\n",
        STR_ARG(run_declaration(e)), STR_ARG(e->prefix), STR_ARG(e->prefix));
}

static void print_run(const Emission *e, Text *text) {
    const Program *p = e->program;
    bool parallel = e->options->parallel;
    text_add(text, "%.*s\n{\n    uint8_t *at = arena;\n",
             STR_ARG(parallel ? run_parallel_declaration(e) : run_declaration(e)));
    if (parallel)
        text_add(text,
                 "    struct %.*s_call call;\n    call.input = input;\n"
                 "    call.output = output;\n    call.at = at;\n"
                 "    (void)call, (void)parallel_for, (void)context;\n",
                 STR_ARG(e->prefix));
    if (p->buffer_count == 0)
        text_add(text, "    (void)at;\n");
    for (int i = 0; i < p->count; i++) {
        bool together = parallel && p->steps[i].parts;
        if (!together)
            print_call(e, text, i);
        else if (p->steps[i].part == 0)
            print_parts_call(e, text, i);
    }
    text_add(text, "    return 0;\n}\n");
    if (parallel)
        print_run_in_turn(e, text);
}

/* The arena's end, said a second time by what lies there. */
static void print_assertions(const Emission *e, Text *text) {
    const Program *p = e->program;
    for (int b = 0; b < p->buffer_count; b++) {
        const Buffer *buffer = &p->buffers[b];
        if (buffer->offset + buffer->bytes < p->arena_bytes)
            continue;
        text_add(text,
                 "typedef char %.*s_arena_is_large_enough"
                 "[%.*s_ARENA_BYTES >= %lld + %lld ? 1 : -1];\n\n",
                 STR_ARG(e->prefix), STR_ARG(e->capital), (long long)buffer->offset,
                 (long long)buffer->bytes);
        return;
    }
}

/* What the code needs that is not its own: declarations of constants, parameters. */
static void print_arrays_used(const Emission *e, Text *text) {
    for (int i = 0; i < e->program->count; i++) {
        for (Array array = WEIGHTS; array < PARAMS; array++)
            if (array_owner(e->program, i, array) == i)
                text_add(text, "extern %.*s_ALIGNED %.*s;\n", STR_ARG(e->capital),
                         STR_ARG(array_declaration(e, i, array)));
        if (array_owner(e->program, i, PARAMS) != i)
            continue;
        Str path = e->program->model->layers[e->program->steps[i].layer].path;
        text_add(text, "/* %.*s */\nstatic %.*s", STR_ARG(path),
                 STR_ARG(array_declaration(e, i, PARAMS)));
        print_elements(&e->program->steps[i], text, PARAMS);
    }
    text_add(text, "\n");
}

static EmitFile emit_code(const Emission *e) {
    Text text = file_begin(e, ".c", "kernels and the order of their calls");
    text_add(&text, "#include \"%.*s.h\"\n\n", STR_ARG(e->prefix));
    print_alignment(e, &text);
    text_add(&text, "\n");
    print_routines(e, &text);
    print_arrays_used(e, &text);
    print_assertions(e, &text);
    if (e->options->parallel)
        print_parallel(e, &text);
    print_run(e, &text);
    return file_end(e, ".c", &text);
}

/* ---- header ------------------------------------------------------------------------------ */

static void print_macro(const Emission *e, Text *text, const char *name, int64_t value) {
    text_add(text, "#define %.*s_%s %lld\n", STR_ARG(e->capital), name, (long long)value);
}

/* Shape, bytes and the meaning of codes: value = (code - ZERO) * SCALE. */
static void print_tensor(const Emission *e, Text *text, const char *which, Shape shape,
                         Format format, double scale, int zero) {
    Str m = str_format(e->arena, "%.*s_%s", STR_ARG(e->capital), which);
    Extent extent = extent_of(shape);
    text_add(text,
             "\n#define %.*s_HEIGHT %d\n#define %.*s_WIDTH %d\n#define %.*s_CHANNELS %d\n",
             STR_ARG(m), extent.h, STR_ARG(m), extent.w, STR_ARG(m), extent.c);
    text_add(text, "#define %.*s_ELEMENTS %lld\n#define %.*s_BYTES %lld\n", STR_ARG(m),
             (long long)shape_elements(shape), STR_ARG(m),
             (long long)tensor_bytes(shape, format));
    text_add(text, "#define %.*s_SCALE %.17g\n#define %.*s_ZERO %d\n", STR_ARG(m), scale,
             STR_ARG(m), zero);
}

/* A C string; bytes that not every compiler reads alike are escaped. */
static void print_c_string(Text *text, Str s) {
    text_add(text, "\"");
    for (int i = 0; i < s.length; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = c >= ' ' && c < 127 && c != '"' && c != '\\' && c != '?';
        text_add(text, plain ? "%c" : "\\%03o", c);
    }
    text_add(text, "\"");
}

static void print_classes(const Emission *e, Text *text) {
    const EmitOptions *o = e->options;
    if (!o->label_count)
        return;
    text_add(text, "\n");
    print_macro(e, text, "CLASSES", o->label_count);
    text_add(text, "#define %.*s_CLASS_NAMES { ", STR_ARG(e->capital));
    for (int i = 0; i < o->label_count; i++) {
        text_add(text, i ? ", " : "");
        print_c_string(text, o->labels[i]);
    }
    text_add(text, " }\n");
}

static EmitFile emit_header(const Emission *e) {
    const Program *p = e->program;
    Text text = file_begin(e, ".h", "how to call it");
    Str m = e->capital;
    text_add(&text, "#ifndef %.*s_H\n#define %.*s_H\n\n#include <stdint.h>\n\n", STR_ARG(m),
             STR_ARG(m));
    text_add(&text, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    print_macro(e, &text, "ARITHMETIC_VERSION", ARITHMETIC_VERSION);
    print_macro(e, &text, "ARENA_BYTES", max_i64(p->arena_bytes, 4));
    print_macro(e, &text, "ARENA_ALIGNMENT", p->isa->alignment);
    print_tensor(e, &text, "INPUT", p->in_shape, p->in_format, e->options->input_scale,
                 e->options->input_zero);
    print_tensor(e, &text, "OUTPUT", p->out_shape, p->out_format, p->out_scale, p->out_zero);
    print_classes(e, &text);
    text_add(
        &text,
        "\n/* Runs the network on one input; codes mean (code - ZERO) * SCALE, in the order "
        "height,\n"
        " * width, channel. The arena is any memory of %.*s_ARENA_BYTES at a multiple of\n"
        " * %.*s_ARENA_ALIGNMENT; nothing in it matters before or after, so that calls with\n"
        " * different arenas may run at once. Input and output lie outside it. Returns 0. */\n"
        "%.*s;\n\n",
        STR_ARG(m), STR_ARG(m), STR_ARG(run_declaration(e)));
    if (e->options->parallel)
        text_add(
            &text,
            "/* The same; parallel_for calls body(arg, part) for each part below n, at once or "
            "in any\n * order, and returns when all have returned. context is its own. */\n"
            "typedef void %.*s_parallel_for(void *context, int n,\n"
            "        void (*body)(void *arg, int part), void *arg);\n%.*s;\n\n",
            STR_ARG(e->prefix), STR_ARG(run_parallel_declaration(e)));
    text_add(&text,
             "/* Runs the golden vectors of %.*s_test.c; returns how many outputs differ. */\n"
             "int %.*s_self_test(void *arena);\n\n",
             STR_ARG(e->prefix), STR_ARG(e->prefix));
    text_add(&text, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    return file_end(e, ".h", &text);
}

/* ---- self-test --------------------------------------------------------------------------- */

/* The vectors as elements of the tensor's C type, since int16_t must not depend on byte
 * order. */
static void print_vectors(const Emission *e, Text *text, const char *name, Format format,
                          int64_t bytes, const uint8_t *vectors) {
    int64_t elements = format == FORMAT_I16 ? bytes / 2 : bytes;
    int count = e->options->vectors;
    text_add(text, "static const %s %.*s_%s[%d][%lld] = {\n", format_c_type(format),
             STR_ARG(e->prefix), name, count, (long long)elements);
    for (int v = 0; v < count; v++) {
        text_add(text, "    {");
        for (int64_t i = 0; i < elements; i++) {
            int64_t at = v * elements + i;
            int16_t wide = 0;
            if (format == FORMAT_I16)
                memcpy(&wide, vectors + 2 * at, 2);
            print_number(text, i,
                         format == FORMAT_I16  ? wide
                         : format == FORMAT_I8 ? (int8_t)vectors[at]
                                               : vectors[at]);
        }
        text_add(text, "\n    },\n");
    }
    text_add(text, "};\n\n");
}

static EmitFile emit_test(const Emission *e) {
    const Program *p = e->program;
    Text text = file_begin(e, "_test.c", "golden vectors");
    Str m = e->capital, n = e->prefix;
    int count = e->options->vectors;
    int64_t out_bytes = tensor_bytes(p->out_shape, p->out_format);
    text_add(&text, "#include \"%.*s.h\"\n\n", STR_ARG(n));
    if (count) {
        print_vectors(e, &text, "inputs", p->in_format, tensor_bytes(p->in_shape, p->in_format),
                      e->options->vector_in);
        print_vectors(e, &text, "outputs", p->out_format, out_bytes, e->options->vector_out);
    }
    text_add(&text, "int %.*s_self_test(void *arena)\n{\n    int failures = 0;\n", STR_ARG(n));
    if (count)
        text_add(&text,
                 "    %s output[%lld];\n"
                 "    int32_t v, i;\n"
                 "    for (v = 0; v < %d; v++) {\n"
                 "        int32_t differs = 0;\n"
                 "        %.*s_run(%.*s_inputs[v], output, arena);\n"
                 "        for (i = 0; i < %lld; i++)\n"
                 "            differs |= output[i] != %.*s_outputs[v][i];\n"
                 "        failures += differs;\n"
                 "    }\n",
                 format_c_type(p->out_format),
                 (long long)(p->out_format == FORMAT_I16 ? out_bytes / 2 : out_bytes), count,
                 STR_ARG(n), STR_ARG(n),
                 (long long)(p->out_format == FORMAT_I16 ? out_bytes / 2 : out_bytes),
                 STR_ARG(n));
    else
        text_add(&text, "    (void)arena;\n");
    text_add(&text,
             "    return failures;\n}\n\n"
             "/* For a machine with an operating system: cc -D%.*s_TEST_MAIN %.*s*.c */\n"
             "#ifdef %.*s_TEST_MAIN\n#include <stdio.h>\n\n"
             "static uint8_t %.*s_arena[%.*s_ARENA_BYTES + %.*s_ARENA_ALIGNMENT];\n\n"
             "int main(void)\n{\n"
             "    const uintptr_t beyond = (uintptr_t)%.*s_arena %% %.*s_ARENA_ALIGNMENT;\n"
             "    uint8_t *arena = %.*s_arena + (%.*s_ARENA_ALIGNMENT - beyond);\n"
             "    const int failures = %.*s_self_test(arena);\n"
             "    printf(\"%.*s: %%d of %%d vectors equal\\n\", %d - failures, %d);\n"
             "    return failures != 0;\n}\n#endif\n",
             STR_ARG(m), STR_ARG(n), STR_ARG(m), STR_ARG(n), STR_ARG(m), STR_ARG(m), STR_ARG(n),
             STR_ARG(m), STR_ARG(n), STR_ARG(m), STR_ARG(n), STR_ARG(n), count, count);
    return file_end(e, "_test.c", &text);
}

/* ---- report ------------------------------------------------------------------------------ */

static void print_member_string(Text *text, const char *name, Str value) {
    text_add(text, "\"%s\": ", name);
    json_add_string(text, value);
}

static void print_shape(Text *text, const char *name, Shape shape) {
    text_add(text, ", \"%s\": [", name);
    for (int d = 0; d < shape.rank; d++)
        text_add(text, d ? ", %d" : "%d", shape.dim[d]);
    text_add(text, "]");
}

/* Bytes of the arena in use while a step runs. */
static int64_t live_bytes(const Program *program, int step) {
    int64_t bytes = 0;
    for (int b = 0; b < program->buffer_count; b++) {
        const Buffer *at = &program->buffers[b];
        bool covered = at->same_as >= 0 && program->buffers[at->same_as].last >= step;
        if (at->first <= step && step <= at->last && !covered)
            bytes += at->bytes;
    }
    return bytes;
}

static void print_buffer(Text *text, const Program *program, const char *name, int buffer) {
    if (buffer < 0)
        return;
    const Buffer *at = &program->buffers[buffer];
    text_add(text, ", \"%s\": {\"offset\": %lld, \"bytes\": %lld}", name, (long long)at->offset,
             (long long)at->bytes);
}

static void report_step(const Emission *e, Text *text, int index) {
    const Step *step = &e->program->steps[index];
    text_add(text, "%s\n    {", index ? "," : "");
    print_member_string(text, "layer", e->program->model->layers[step->layer].path);
    text_add(text, ", ");
    print_member_string(text, "kernel", step->lowered->routine.name);
    print_shape(text, "in", step->in_shape);
    print_shape(text, "out", step->out_shape);
    text_add(text, ", \"in_bits\": %d, \"out_bits\": %d", format_bits(step->kernel.in),
             format_bits(step->kernel.out));
    if (operator_facts[step->kernel.kind].weights == WEIGHTED)
        text_add(text, ", \"weight_bits\": %d", format_bits(step->kernel.weights));
    text_add(text, ", \"macs\": %lld, \"weight_bytes\": %lld, \"constant_bytes\": %lld",
             (long long)step->macs, (long long)step->weight_bytes,
             (long long)step->constant_bytes);
    text_add(text, ", \"live_bytes\": %lld", (long long)live_bytes(e->program, index));
    print_buffer(text, e->program, "output", step->output);
    print_buffer(text, e->program, "scratch", step->scratch);
    text_add(text, "}");
}

static int64_t program_macs(const Program *program) {
    int64_t macs = 0;
    for (int i = 0; i < program->count; i++)
        macs += program->steps[i].macs;
    return macs;
}

static EmitFile emit_report(const Emission *e) {
    const Program *p = e->program;
    Text text = text_new(e->arena);
    text_add(&text, "{\n  ");
    print_member_string(&text, "network", p->name);
    text_add(&text, ",\n  ");
    print_member_string(&text, "prefix", e->prefix);
    text_add(&text, ",\n  \"arithmetic\": %d,\n", ARITHMETIC_VERSION);
    text_add(&text, "  \"arena_bytes\": %lld,\n  \"arena_bound_bytes\": %lld,\n",
             (long long)p->arena_bytes, (long long)p->bound_bytes);
    text_add(
        &text, "  \"weight_bytes\": %lld,\n  \"constant_bytes\": %lld,\n  \"macs\": %lld,\n",
        (long long)p->weight_bytes, (long long)p->constant_bytes, (long long)program_macs(p));
    if (e->options->facts.length)
        text_add(&text, "  %.*s,\n", STR_ARG(e->options->facts));
    if (p->pruning) {
        text_add(&text, "  \"analysis\": ");
        pruning_report(p->pruning, &text);
        text_add(&text, ",\n");
    }
    text_add(&text, "  \"steps\": [");
    for (int i = 0; i < p->count; i++)
        report_step(e, &text, i);
    text_add(&text, "\n  ]\n}\n");
    return file_end(e, "_report.json", &text);
}

/* ---- CMake ------------------------------------------------------------------------------- */

static EmitFile emit_cmake(const Emission *e) {
    Text text = text_new(e->arena);
    Str n = e->prefix;
    text_add(&text,
             "# SPDX-License-Identifier: 0BSD\n"
             "add_library(%.*s STATIC\n"
             "    ${CMAKE_CURRENT_LIST_DIR}/%.*s.c\n"
             "    ${CMAKE_CURRENT_LIST_DIR}/%.*s_weights.c)\n"
             "target_include_directories(%.*s PUBLIC ${CMAKE_CURRENT_LIST_DIR})\n"
             "set_target_properties(%.*s PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON)\n",
             STR_ARG(n), STR_ARG(n), STR_ARG(n), STR_ARG(n), STR_ARG(n));
    return file_end(e, ".cmake", &text);
}

/* ---- the prefix -------------------------------------------------------------------------- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

const char *prefix_fault(Str prefix) {
    if (prefix.length > 64)
        return "a prefix has at most 64 characters";
    if (prefix.length && !is_letter(prefix.at[0]))
        return "a prefix begins with a letter";
    for (int i = 0; i < prefix.length; i++)
        if (!is_letter(prefix.at[i]) && !(prefix.at[i] >= '0' && prefix.at[i] <= '9'))
            return "a prefix is made of letters, digits and underscores";
    return NULL;
}

EmitFile *emit_c(Arena *arena, const Program *program, const EmitOptions *options, int *count) {
    Str prefix = options->prefix.length ? options->prefix : STR("net");
    Emission e = {arena, program, options, prefix, capitals(arena, prefix)};
    EmitFile files[] = {emit_code(&e), emit_header(&e), emit_weights(&e),
                        emit_test(&e), emit_report(&e), emit_cmake(&e)};
    *count = COUNT(files);
    return arena_copy(arena, files, sizeof files);
}
