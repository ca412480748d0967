/* Measures the standard cost table of a device and prints it as CSV: every step that the spaces
 * of the given .nas files can need, and for each kernel some steps of diverse shapes, which the
 * fitted model is made from.
 *
 *     enumerate DEVICE STUDY SPEC.nas... > table.csv
 *
 * Rows are kept in STUDY as they come: run again, it measures what is new or has other code.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"
#include "lang/lang.h"
#include "tests/device/nets.h"

#include <string.h>

enum { MEMBERS = 4000, STUDY_SCHEMA = 1 };

typedef VEC(Step) Steps;

typedef struct Collection {
    Arena *arena;
    const Target *target;
    Steps steps;
    Map *seen; /* step_key */
} Collection;

/* The steps of a network that are new. */
static void net_collect(Collection *all, const Net *net) {
    Model *model = arena_new_of(all->arena, Model);
    Program program;
    Span span;
    Str why;
    *model = model_build(all->arena, net);
    if (!program_build(all->arena, model, all->target, &program, &span, &why))
        die(EXIT_FILE, "%.*s", STR_ARG(why));
    for (int i = 0; i < program.count; i++) {
        Str key = step_key(all->arena, &program.steps[i]);
        if (map_get(all->seen, key, NULL))
            continue;
        map_put(all->seen, key, all->steps.count);
        vec_push(all->arena, &all->steps, program.steps[i]);
    }
}

/* ---- what spaces need -------------------------------------------------------------------- */

/* A step depends on a handful of decisions, so that thousands of random members meet all of its
 * variants. */
static void space_collect(Collection *all, const Space *space) {
    Gene *gene = arena_array(all->arena, Gene, space->choices.count);
    for (int member = 0; member < MEMBERS; member++) {
        Random random = {1, (uint64_t)member, 0};
        for (int i = 0; i < space->choices.count; i++)
            gene[i] = (Gene)random_below(&random, space->choices.at[i].count);
        Net net;
        Span span;
        Str why;
        genotype_canonical(space, gene);
        if (genotype_legal(space, gene) &&
            space_instantiate(all->arena, space, gene, &net, &span, &why))
            net_collect(all, &net);
    }
}

static void spec_collect(Collection *all, const char *path) {
    Diagnostics *diagnostics = diagnostics_new(all->arena);
    Spec *spec = spec_read(all->arena, diagnostics, path, (LangOptions){NULL});
    for (int i = 0; spec_network(spec, i).length > 0; i++) {
        const Space *space = spec_space(spec, spec_network(spec, i), STR(""));
        if (space)
            space_collect(all, space);
    }
    if (error_count(diagnostics) > 0) {
        diagnostics_print(diagnostics, stderr, 0);
        die(EXIT_FILE, "%s has errors", path);
    }
}

/* ---- diverse steps for every kernel ------------------------------------------------------ */

typedef struct Example {
    OpKind kind;
    int height, width, channels, out, kernel, stride;
} Example;

/* Enough of each to tell the trip counts apart: sums of more and of fewer than 128 products
 * too, where wide formats change the accumulator. */
static const Example weighted_examples[] = {
    {OP_CONV, 14, 14, 3, 8, 3, 1},     {OP_CONV, 15, 15, 8, 12, 3, 2},
    {OP_CONV, 6, 6, 16, 24, 5, 1},     {OP_CONV, 7, 7, 32, 16, 3, 1},
    {OP_CONV, 9, 9, 24, 32, 1, 2},     {OP_CONV, 28, 28, 1, 16, 5, 2},
    {OP_CONV, 5, 5, 40, 6, 3, 1},      {OP_CONV, 12, 12, 4, 32, 3, 1},
    {OP_CONV, 4, 4, 20, 20, 3, 1},     {OP_CONV, 14, 14, 16, 24, 1, 1},
    {OP_CONV, 7, 7, 64, 16, 1, 1},     {OP_CONV, 10, 10, 6, 32, 1, 1},
    {OP_CONV, 3, 3, 144, 40, 1, 1},    {OP_CONV, 4, 4, 32, 128, 1, 1},
    {OP_CONV, 12, 12, 24, 4, 1, 1},    {OP_CONV, 5, 5, 200, 10, 1, 1},
    {OP_CONV, 2, 2, 160, 96, 1, 1},    {OP_DEPTHWISE, 14, 14, 16, 0, 3, 1},
    {OP_DEPTHWISE, 7, 7, 40, 0, 5, 1}, {OP_DEPTHWISE, 15, 15, 24, 0, 3, 2},
    {OP_DEPTHWISE, 4, 4, 96, 0, 3, 1}, {OP_DEPTHWISE, 28, 28, 8, 0, 5, 2},
    {OP_DEPTHWISE, 9, 9, 12, 0, 3, 1}, {OP_DEPTHWISE, 6, 6, 64, 0, 5, 1},
    {OP_CONV, 3, 3, 12, 20, 5, 2},     {OP_DEPTHWISE, 2, 2, 48, 0, 3, 2},
    {OP_DEPTHWISE, 5, 5, 10, 0, 5, 1}, {OP_DENSE, 1, 1, 32, 10, 1, 1},
    {OP_DENSE, 4, 4, 20, 16, 1, 1},    {OP_DENSE, 1, 1, 128, 64, 1, 1},
    {OP_DENSE, 1, 1, 100, 3, 1, 1},    {OP_DENSE, 3, 3, 16, 40, 1, 1},
    {OP_DENSE, 1, 1, 64, 100, 1, 1},
};

/* Sums so long that 16-bit inputs or weights make them 64-bit sums with any other format. */
static const Example long_examples[] = {
    {OP_CONV, 3, 3, 110, 8, 5, 1},   {OP_CONV, 4, 4, 300, 6, 3, 1},
    {OP_CONV, 2, 2, 120, 12, 5, 1},  {OP_CONV, 6, 6, 264, 5, 3, 2},
    {OP_CONV, 3, 3, 2500, 8, 1, 1},  {OP_CONV, 2, 2, 3000, 4, 1, 1},
    {OP_CONV, 5, 5, 2400, 2, 1, 1},  {OP_CONV, 1, 1, 2800, 12, 1, 1},
    {OP_DENSE, 8, 8, 64, 10, 1, 1},  {OP_DENSE, 1, 1, 2500, 6, 1, 1},
    {OP_DENSE, 6, 6, 80, 20, 1, 1},  {OP_DENSE, 3, 3, 270, 3, 1, 1},
    {OP_DENSE, 10, 10, 30, 1, 1, 1},
};

static const Example plain_examples[] = {
    {OP_RELU, 14, 14, 16, 0, 1, 1},         {OP_RELU, 7, 7, 24, 0, 1, 1},
    {OP_RELU, 1, 1, 40, 0, 1, 1},           {OP_RELU, 4, 4, 9, 0, 1, 1},
    {OP_MAX_POOL, 14, 14, 16, 0, 2, 2},     {OP_MAX_POOL, 9, 9, 24, 0, 3, 2},
    {OP_MAX_POOL, 7, 7, 40, 0, 3, 1},       {OP_MAX_POOL, 5, 5, 64, 0, 5, 1},
    {OP_MAX_POOL, 4, 4, 12, 0, 2, 1},       {OP_AVERAGE_POOL, 14, 14, 16, 0, 2, 2},
    {OP_AVERAGE_POOL, 9, 9, 24, 0, 3, 2},   {OP_AVERAGE_POOL, 7, 7, 40, 0, 3, 1},
    {OP_AVERAGE_POOL, 4, 4, 12, 0, 2, 1},   {OP_GLOBAL_AVERAGE, 7, 7, 32, 0, 1, 1},
    {OP_GLOBAL_AVERAGE, 4, 4, 64, 0, 1, 1},
};

/* Input and output formats that kernels are measured for. */
static const Format pairs[][2] = {
    {FORMAT_I8, FORMAT_I8},  {FORMAT_I4, FORMAT_I4}, {FORMAT_I16, FORMAT_I16},
    {FORMAT_U8, FORMAT_I8},  {FORMAT_U8, FORMAT_I4}, {FORMAT_U8, FORMAT_I16},
    {FORMAT_I8, FORMAT_I4},  {FORMAT_I4, FORMAT_I8}, {FORMAT_I8, FORMAT_I16},
    {FORMAT_I16, FORMAT_I8},
};

static void example_collect(Collection *all, const Example *e, Format weights,
                            const Format *pair) {
    Maker maker = net_begin(all->arena, e->height, e->width, e->channels, pair[0]);
    if (e->kind == OP_DENSE)
        net_dense(&maker, 0, e->out, weights, pair[1]);
    else if (operator_has(e->kind, ATTRIBUTE_KERNEL_H))
        net_window(&maker, e->kind, 0, e->out, e->kernel, e->stride, weights, pair[1]);
    else
        net_unary(&maker, e->kind, 0);
    Net net = net_end(&maker);
    net_collect(all, &net);
}

static void weighted_collect(Collection *all, Format weights, const Format *pair) {
    bool wide = weights == FORMAT_I16 || pair[0] == FORMAT_I16;
    for (int i = 0; i < COUNT(weighted_examples); i++)
        example_collect(all, &weighted_examples[i], weights, pair);
    for (int i = 0; i < COUNT(long_examples) && wide; i++)
        example_collect(all, &long_examples[i], weights, pair);
}

/* The sum of two results of depthwise convolutions, whose formats are the pair; their own steps
 * come along. */
static void add_collect(Collection *all, Format a, Format b, Format out) {
    static const int sizes[][2] = {{14, 16}, {7, 24}, {4, 40}, {1, 10}};
    for (int i = 0; i < COUNT(sizes); i++) {
        Maker maker = net_begin(all->arena, sizes[i][0], sizes[i][0], sizes[i][1], FORMAT_I8);
        int x = net_window(&maker, OP_DEPTHWISE, 0, 0, 3, 1, FORMAT_I8, a);
        int y = net_window(&maker, OP_DEPTHWISE, 0, 0, 3, 1, FORMAT_I8, b);
        net_binary(&maker, OP_ADD, x, y, out);
        Net net = net_end(&maker);
        net_collect(all, &net);
    }
}

static void examples_collect(Collection *all) {
    static const Format activations[] = {FORMAT_I4, FORMAT_I8, FORMAT_I16};
    for (int pair = 0; pair < COUNT(pairs); pair++)
        for (int weights = FORMAT_I2; weights <= FORMAT_I16; weights++)
            weighted_collect(all, (Format)weights, pairs[pair]);
    for (int pair = 0; pair < 3; pair++)
        for (int i = 0; i < COUNT(plain_examples); i++)
            example_collect(all, &plain_examples[i], FORMAT_I8, pairs[pair]);
    for (int i = 0; i < COUNT(activations); i++)
        for (int k = 0; k < COUNT(activations); k++)
            add_collect(all, activations[i], activations[i], activations[k]);
}

/* ---- the table --------------------------------------------------------------------------- */

/* The device as the standard library states it, without its table: everything is measured. */
static Target target_read(Arena *arena, const char *name) {
    Diagnostics *diagnostics = diagnostics_new(arena);
    Spec *spec = spec_read_text(arena, diagnostics, STR("devices"), STR("use std/devices\n"),
                                (LangOptions){NULL});
    const Decl *decl = spec_decl(spec, DECL_DEVICE, str_of(name));
    Target target;
    if (decl == NULL || !spec_target(spec, decl, arena, &target))
        die(EXIT_USAGE, "std/devices has no device %s", name);
    target.table = STR("");
    return target;
}

/* Of all that was ever measured into the study, the rows of these steps. */
static Str table_of(const Device *device, const Collection *all) {
    Arena *arena = all->arena;
    Table table = device->table;
    table.index = map_new(arena);
    memset(&table.kernels, 0, sizeof table.kernels);
    for (int i = 0; i < all->steps.count; i++) {
        const Step *step = &all->steps.at[i];
        Str name = step->name;
        const KernelRow *from = table_kernel(&device->table, name);
        KernelRow *to = table_put_kernel(arena, &table, from->name, from->code_bytes);
        kernel_put_step(arena, to, *kernel_step(from, step_key(arena, step)));
    }
    return table_write(arena, &table);
}

int main(int argc, char **argv) {
    if (argc < 3)
        die(EXIT_USAGE, "usage: enumerate DEVICE STUDY SPEC.nas... > table.csv");
    Arena *arena = arena_new();
    const char *reason;
    Str why;
    Target target = target_read(arena, argv[1]);
    Store *store = store_open(arena, argv[2], STUDY_SCHEMA, &reason);
    if (store == NULL)
        die(EXIT_ENVIRONMENT, "%s: %s", argv[2], reason);
    Device *device = device_open(arena, &target, store, NULL, &why);
    if (device == NULL)
        die(EXIT_ENVIRONMENT, "%.*s", STR_ARG(why));
    Collection all = {.arena = arena, .target = &target, .seen = map_new(arena)};
    for (int i = 3; i < argc; i++)
        spec_collect(&all, argv[i]);
    examples_collect(&all);
    interrupt_install();
    if (!device_profile(device, arena, all.steps.at, all.steps.count, &why))
        die(interrupted() ? EXIT_INTERRUPTED : EXIT_ENVIRONMENT, "%.*s", STR_ARG(why));
    Str csv = table_of(device, &all);
    fwrite(csv.at, 1, (size_t)csv.length, stdout);
    store_close(store);
    arena_free(arena);
    return EXIT_DONE;
}
