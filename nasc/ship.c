/* A model -> files, and the proof that the files compute what the interpreter does.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include "config.h"

#include <string.h>

/* ---- building ---------------------------------------------------------------------------- */

/* Inputs of the self-test: noise that a frozen file makes again without any data. */
enum { VECTORS = 4, VECTOR_SEED = 0x5e1f };

static uint8_t *vector_inputs(Arena *arena, int64_t bytes) {
    uint8_t *input = arena_array(arena, uint8_t, VECTORS * bytes);
    for (int64_t i = 0; i < VECTORS * bytes; i++)
        input[i] = (uint8_t)random_bits(VECTOR_SEED, 0, (uint64_t)i);
    return input;
}

static int output_bytes(const Model *model) {
    const Tensor *out = &model->layers[model->output].out;
    return (int)tensor_bytes(out->shape, out->format);
}

/* Output codes as emitted code stores them on this machine: pixels begin at a byte. */
static void store_codes(const int32_t *codes, const Tensor *tensor, uint8_t *out) {
    int pixels = shape_pixels(tensor->shape), channels = shape_channels(tensor->shape);
    int64_t row = tensor_bytes(tensor->shape, tensor->format) / pixels;
    memset(out, 0, (size_t)(row * pixels));
    for (int64_t i = 0; i < (int64_t)pixels * channels; i++) {
        uint8_t *pixel = out + i / channels * row;
        int64_t c = i % channels;
        if (format_bits(tensor->format) > 8)
            memcpy(pixel + 2 * c, &(int16_t){(int16_t)codes[i]}, 2);
        else if (format_is_packed(tensor->format))
            pixel[c / 2] |= (uint8_t)((codes[i] & 15) << 4 * (c % 2));
        else
            pixel[c] = (uint8_t)codes[i];
    }
}

static void interpret(Arena *arena, const Model *model, const uint8_t *input, uint8_t *output,
                      int *class) {
    int32_t **tensors = arena_array(arena, int32_t *, model->count);
    const Tensor *out = &model->layers[model->output].out;
    int codes = (int)shape_elements(out->shape);
    model_run(arena, model, input, tensors);
    store_codes(tensors[model->output], out, output);
    *class = class_of(tensors[model->output], codes);
}

static uint8_t *vector_outputs(Arena *arena, const Model *model, const uint8_t *inputs,
                               int64_t in_bytes) {
    int bytes = output_bytes(model), class;
    uint8_t *outputs = arena_array(arena, uint8_t, (int64_t)VECTORS * bytes);
    for (int v = 0; v < VECTORS; v++)
        interpret(arena, model, inputs + v * in_bytes, outputs + (int64_t)v * bytes, &class);
    return outputs;
}

/* Schedules that are quickest on this machine, where the code is for it. */
static bool tune(Shipment *ship, Tuning *tuning, BuildOptions *options, Str *why) {
    Arena *arena = ship->session->arena;
    Program rule;
    Span span;
    session_jit(ship->session);
    if (!str_equal(ship->target->isa, STR("native")) || !ship->session->jit)
        *why = STR(
            "--tune measures on this machine: it wants a device of isa \"native\", and LLVM");
    else if (!ship->store)
        *why = STR("--tune keeps what it measures in a study, which a frozen network has not");
    else if (program_build_trained(arena, ship->model, ship->target, &rule, &span, why)) {
        *tuning = tuning_of(arena, ship->store, rule.isa);
        options->tuned = tuning_choice;
        options->tuning = tuning;
        return tuning_measure(tuning, ship->session->jit, &rule, why);
    }
    return false;
}

int ship_build(Shipment *ship) {
    Arena *arena = ship->session->arena;
    Span span = ship->emit->span;
    Str why;
    Tuning *tuning = arena_new_of(arena, Tuning);
    BuildOptions build = {.stream = STREAM_IF_NEEDED, .ram_bytes = ship->target->ram_bytes};
    if ((ship->session->options.tune && !tune(ship, tuning, &build, &why)) ||
        !program_build_trained_with(arena, ship->model, ship->target, &build, &ship->program,
                                    &span, &why)) {
        session_error(ship->session, span, why);
        return EXIT_FILE;
    }
    const Tensor *in = &ship->model->layers[0].out;
    int64_t in_bytes = shape_elements(in->shape);
    EmitOptions options = {
        .prefix = ship->emit->prefix,
        .comment = str_format(arena, "The network %.*s, made by nasc %s.",
                              STR_ARG(ship->net->name), NASC_VERSION),
        .labels = ship->task ? ship->task->labels : NULL,
        .label_count = ship->task ? ship->task->classes : 0,
        .input_scale = in->scale,
        .input_zero = in->zero,
        .vectors = VECTORS,
    };
    options.vector_in = vector_inputs(arena, in_bytes);
    options.vector_out = vector_outputs(arena, ship->model, options.vector_in, in_bytes);
    ship->files = emit_c(arena, &ship->program, &options, &ship->file_count);
    return EXIT_DONE;
}

/* ---- writing ----------------------------------------------------------------------------- */

/* A declaration that the frozen file needs: by `use` where the library has it, else its
 * text. */
static void freeze_declaration(Shipment *ship, Text *text, DeclKind kind, Str name) {
    const Decl *decl = spec_decl(ship->session->spec, kind, name);
    Place place;
    if (!decl || !span_place(ship->session->diagnostics, decl->span, &place))
        return;
    if (str_starts(place.file, STR("std/")))
        text_add(text, "use std/%.*s\n", STR_ARG(path_stem(place.file)));
    else
        decl_print(decl, text);
}

/* The found network as a .nas file that compiles again to the same bytes. */
static Str freeze(Shipment *ship) {
    Arena *arena = ship->session->arena;
    Text text = text_new(arena);
    text_add(&text,
             "// The network %.*s with every choice made. `nasc build` compiles it again to "
             "the same "
             "bytes,\n// from the weights beside it.\nnas 1\n",
             STR_ARG(ship->net->name));
    if (ship->task)
        freeze_declaration(ship, &text, DECL_TASK, ship->task->name);
    freeze_declaration(ship, &text, DECL_DEVICE, ship->target->name);
    text_add(&text, "\n");
    net_print(ship->net, &text);
    text_add(&text, "\nemit %.*s {\n    from:    %.*s\n    weights: \"%.*s.weights\"\n",
             STR_ARG(ship->emit->name), STR_ARG(ship->net->name), STR_ARG(ship->emit->prefix));
    if (ship->task)
        text_add(&text, "    task:    %.*s\n", STR_ARG(ship->task->name));
    if (spec_decl(ship->session->spec, DECL_DEVICE, ship->target->name))
        text_add(&text, "    device:  %.*s\n", STR_ARG(ship->target->name));
    text_add(&text, "    as:      c\n    prefix:  \"%.*s\"\n}\n", STR_ARG(ship->emit->prefix));
    return text_str(&text);
}

int ship_file(Shipment *ship, Str name, Str bytes) {
    Arena *arena = ship->session->arena;
    const char *why, *path = str_terminated(arena, path_join(arena, ship->folder, name));
    if (file_write(path, bytes, &why))
        return EXIT_DONE;
    fprintf(stderr, "nasc: cannot write %s: %s\n", path, why);
    return EXIT_ENVIRONMENT;
}

int ship_write(Shipment *ship) {
    Arena *arena = ship->session->arena;
    const char *why, *folder = str_terminated(arena, ship->folder);
    if (!directory_make(folder, &why)) {
        fprintf(stderr, "nasc: cannot make the folder %s: %s\n", folder, why);
        return EXIT_ENVIRONMENT;
    }
    int code = EXIT_DONE;
    for (int i = 0; i < ship->file_count && !code; i++)
        code = ship_file(ship, ship->files[i].name, ship->files[i].text);
    Str prefix = ship->emit->prefix;
    if (!code)
        code = ship_file(ship, str_format(arena, "%.*s.weights", STR_ARG(prefix)),
                         model_write(arena, ship->model));
    if (!code)
        code = ship_file(ship, str_format(arena, "%.*s.nas", STR_ARG(prefix)), freeze(ship));
    return code;
}

/* ---- proving ----------------------------------------------------------------------------- */

enum { SLICE = 64 };

/* The interpreter at work on all threads. */
typedef struct Interpretation {
    const Model *model;
    const Dataset *data;
    int64_t in_bytes;
    Proof *proof;
    int *correct; /* of each slice */
} Interpretation;

static void interpret_slice(void *context, int slice, int worker) {
    Interpretation *in = context;
    Arena *arena = arena_new();
    int last = (int)min_i64((slice + 1) * SLICE, in->proof->images);
    (void)worker;
    for (int n = slice * SLICE; n < last; n++) {
        int class;
        arena_reset(arena);
        interpret(arena, in->model, in->data->image + n * in->in_bytes,
                  in->proof->outputs + (int64_t)n * in->proof->out_bytes, &class);
        in->correct[slice] += class == in->data->label[n];
    }
    arena_free(arena);
}

Proof ship_interpret(Shipment *ship, const Dataset *data, int images) {
    Arena *arena = ship->session->arena;
    Proof proof = {.images = images > 0 && images < data->count ? images : data->count,
                   .out_bytes = output_bytes(ship->model)};
    int slices = (proof.images + SLICE - 1) / SLICE, correct = 0;
    proof.outputs = arena_array(arena, uint8_t, (int64_t)proof.images * proof.out_bytes);
    Interpretation in = {ship->model, data, shape_elements(ship->model->layers[0].out.shape),
                         &proof, arena_array(arena, int, slices)};
    pool_run(ship->session->pool, slices, interpret_slice, &in);
    for (int i = 0; i < slices; i++)
        correct += in.correct[i];
    proof.accuracy = (double)correct / proof.images;
    return proof;
}

bool ship_prove(Shipment *ship, const Toolchain *toolchain, const Dataset *data,
                const Proof *proof, Str *why) {
    Arena *arena = ship->session->arena;
    uint8_t *outputs = arena_array(arena, uint8_t, (int64_t)proof->images * proof->out_bytes);
    Replay replay = {.files = ship->files,
                     .file_count = ship->file_count,
                     .prefix = ship->emit->prefix,
                     .inputs = data->image,
                     .count = proof->images,
                     .in_bytes = (int)shape_elements(ship->model->layers[0].out.shape),
                     .out_bytes = proof->out_bytes,
                     .arena_bytes = ship->program.arena_bytes};
    if (!device_run(toolchain, arena, &replay, outputs, why))
        return false;
    for (int64_t i = 0; i < (int64_t)proof->images * proof->out_bytes; i++)
        if (outputs[i] != proof->outputs[i]) {
            *why = str_format(arena, "image %lld: byte %lld is %d, the interpreter's is %d",
                              (long long)(i / proof->out_bytes),
                              (long long)(i % proof->out_bytes), outputs[i], proof->outputs[i]);
            return false;
        }
    return true;
}
