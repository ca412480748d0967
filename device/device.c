/* A target and what is known of it: the shipped table, and the rows measured here.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <string.h>

/* ---- kernels by name --------------------------------------------------------------------- */

static const Format activations[] = {FORMAT_I4, FORMAT_I8, FORMAT_I16, FORMAT_U8};

static void kernel_add(Device *device, Kernel kernel) {
    Str name = kernel_print(device->arena, kernel);
    map_put(device->kernel_index, name, device->kernels.count);
    vec_push(device->arena, &device->kernels, kernel);
}

/* All that share their operator and formats of activations. */
static void kernels_of_formats(Device *device, Kernel like) {
    bool weighted = operator_facts[like.kind].weights == WEIGHTED;
    int first = weighted ? FORMAT_I2 : FORMAT_I8, last = weighted ? FORMAT_I16 : FORMAT_I8;
    for (int weights = first; weights <= last; weights++)
        for (int pointwise = 0; pointwise <= (like.kind == OP_CONV); pointwise++)
            for (int bits = 32; bits <= 64; bits += 32) {
                Kernel kernel = like;
                kernel.weights = (Format)weights;
                kernel.pointwise = pointwise;
                kernel.accumulator_bits = bits;
                kernel_add(device, kernel);
            }
}

static void kernels_of(Device *device, OpKind kind, Format in, Format out) {
    Kernel like = {.kind = kind, .in = in, .in2 = in, .out = out};
    if (kind != OP_ADD) {
        kernels_of_formats(device, like);
        return;
    }
    for (int i = 0; i < COUNT(activations); i++) {
        like.in2 = activations[i];
        kernels_of_formats(device, like);
    }
}

/* Every kernel that there can be: a table names them, and their text tells whether it is stale.
 * Lowering turns the other operators into these. */
static void kernels_list(Device *device) {
    static const OpKind kinds[] = {OP_CONV, OP_DEPTHWISE, OP_DENSE,       OP_ADD,
                                   OP_RELU, OP_MAX_POOL,  OP_AVERAGE_POOL};
    device->kernel_index = map_new(device->arena);
    for (int kind = 0; kind < COUNT(kinds); kind++)
        for (int in = 0; in < COUNT(activations); in++)
            for (int out = 0; out < COUNT(activations); out++)
                kernels_of(device, kinds[kind], activations[in], activations[out]);
}

Key kernel_text_key(Kernel kernel) {
    Arena *arena = arena_new();
    Str text = emit_c_kernel(arena, STR("nasc"), kernel);
    Key key = key_of(text.at, (size_t)text.length);
    arena_free(arena);
    return key;
}

static bool kernel_named(const Device *device, Str name, Kernel *kernel) {
    int at;
    if (!map_get(device->kernel_index, name, &at))
        return false;
    *kernel = device->kernels.at[at];
    return true;
}

/* ---- the shipped table ------------------------------------------------------------------- */

static bool table_fresh(const Device *device, const Table *table, Str *why) {
    for (int i = 0; i < table->kernels.count; i++) {
        const KernelRow *row = &table->kernels.at[i];
        Kernel kernel;
        if (kernel_named(device, row->name, &kernel) &&
            key_equal(kernel_text_key(kernel), row->text))
            continue;
        *why = str_format(device->arena,
                          "it was measured with another code generator's kernel \"%.*s\"; "
                          "bench/device/%.*s measures it anew",
                          STR_ARG(row->name), STR_ARG(device->target.name));
        return false;
    }
    return true;
}

static bool table_fits_target(const Device *device, const Table *table, Str *why) {
    const Target *target = &device->target;
    if (!str_equal(table->device, target->name))
        *why = str_format(device->arena, "it is of device %.*s", STR_ARG(table->device));
    else if (!str_equal(table->compiler, device->toolchain.compiler))
        *why =
            str_format(device->arena, "it was measured with \"%.*s\", the device says \"%.*s\"",
                       STR_ARG(table->compiler), STR_ARG(device->toolchain.compiler));
    else if (table->unit != target->measure)
        *why = STR("its unit is not the device's");
    else
        return table_fresh(device, table, why);
    return false;
}

static bool shipped_read(Device *device, const char *std_path, Str *why) {
    if (device->target.table.length == 0)
        return true;
    Arena *arena = device->arena;
    Str name = str_format(arena, "%.*s.csv", STR_ARG(device->target.table)), text, reason;
    if (library_file(arena, std_path, name, &text, &reason) &&
        table_read(arena, text, &device->table, &reason) &&
        table_fits_target(device, &device->table, &reason))
        return true;
    *why = str_format(arena, "cost table %.*s: %.*s", STR_ARG(name), STR_ARG(reason));
    return false;
}

/* ---- rows in the store ----
 *
 * A row is kept as its line of CSV under "KERNEL TEXT-KEY" or "KERNEL TEXT-KEY\nSTEP", in a
 * kind that names the target, compiler version and arithmetic. In order of key they are a
 * table, of which the kernels whose text is another now are left out. */

typedef struct Gather {
    const Device *device;
    Text csv;
    int rows;
} Gather;

static Str kernel_row_key(Arena *arena, Str name, Key text) {
    return str_format(arena, "%.*s %.*s", STR_ARG(name), STR_ARG(key_hex(arena, text)));
}

static void row_gather(void *context, Str key, Str value) {
    Gather *gather = context;
    Arena *arena = gather->csv.arena;
    const char *end = memchr(key.at, '\n', (size_t)key.length);
    Str row = {key.at, end ? (int)(end - key.at) : key.length};
    Kernel kernel;
    if (row.length < 33)
        return;
    Str name = {row.at, row.length - 33};
    if (!kernel_named(gather->device, name, &kernel) ||
        !str_equal(row, kernel_row_key(arena, name, kernel_text_key(kernel))))
        return;
    text_add_str(&gather->csv, value);
    gather->rows++;
}

static void kernel_merge(Device *device, const KernelRow *from) {
    KernelRow *to = table_put_kernel(device->arena, &device->table, from->name,
                                     from->code_bytes, from->text);
    for (int i = 0; i < from->steps.count; i++)
        kernel_put_step(device->arena, to, from->steps.at[i]);
}

static bool store_rows_read(Device *device, Str *why) {
    Gather gather = {.device = device, .csv = text_new(device->arena)};
    Table head = device->table, found;
    Str reason;
    head.kernels.count = 0;
    Str start = table_write(device->arena, &head);
    text_add_str(&gather.csv, (Str){start.at, start.length - (int)strlen("end,0\n")});
    store_each(device->store, device->kind, row_gather, &gather);
    text_add(&gather.csv, "end,%d\n", gather.rows);
    if (!table_read(device->arena, text_str(&gather.csv), &found, &reason)) {
        *why = str_format(device->arena, "its measurements in the study are damaged: %.*s",
                          STR_ARG(reason));
        return false;
    }
    for (int i = 0; i < found.kernels.count; i++)
        kernel_merge(device, &found.kernels.at[i]);
    return true;
}

void device_keep_kernel(Device *device, Str name, int64_t code_bytes, Key text) {
    table_put_kernel(device->arena, &device->table, name, code_bytes, text);
    if (device->store == NULL || device->kind == NULL)
        return;
    Str hex = key_hex(device->arena, text);
    store_put(device->store, device->kind, kernel_row_key(device->arena, name, text),
              str_format(device->arena, "kernel,%.*s,%lld,%.*s\n", STR_ARG(name),
                         (long long)code_bytes, STR_ARG(hex)));
}

void device_keep_step(Device *device, Str kernel, StepRow row) {
    KernelRow *to = table_kernel(&device->table, kernel);
    kernel_put_step(device->arena, to, row);
    if (device->store == NULL || device->kind == NULL)
        return;
    Str key =
        str_format(device->arena, "%.*s\n%.*s",
                   STR_ARG(kernel_row_key(device->arena, kernel, to->text)), STR_ARG(row.key));
    Text line = text_new(device->arena);
    step_row_write(&line, kernel, &row);
    store_put(device->store, device->kind, key, text_str(&line));
}

/* ---- opening ----------------------------------------------------------------------------- */

/* The compiler's version is part of where a row belongs. */
static void kind_name(Device *device, Str version) {
    Key key = target_key(&device->target);
    Str facts = str_format(device->arena, "%d %.*s", ARITHMETIC_VERSION, STR_ARG(version));
    key = key_join(key, key_of(facts.at, (size_t)facts.length));
    device->kind =
        str_format(device->arena, "device.%.*s", STR_ARG(key_hex(device->arena, key))).at;
}

static bool measured_read(Device *device, Str *why) {
    Str version;
    if (!toolchain_version(device->arena, &device->toolchain, &version, why))
        return false;
    kind_name(device, version);
    if (device->target.table.length == 0)
        device->table.version = version;
    return device->store == NULL || store_rows_read(device, why);
}

void device_fit(Device *device) {
    for (int i = 0; i < device->table.kernels.count; i++) {
        KernelRow *kernel = &device->table.kernels.at[i];
        kernel->fit = fit_steps(kernel->steps.at, kernel->steps.count);
    }
}

Device *device_open(Arena *arena, const Target *target, Store *store, const char *std_path,
                    Str *why) {
    Device *device = arena_new_of(arena, Device);
    *device =
        (Device){.arena = arena, .target = *target, .store = store, .table = table_new(arena)};
    device->toolchain = target_toolchain(arena, target);
    device->table.device = target->name;
    device->table.compiler = device->toolchain.compiler;
    device->table.unit = target->measure;
    kernels_list(device);
    if (!shipped_read(device, std_path, why))
        return NULL;
    /* A shipped table needs no compiler: only what is measured here does. */
    if (!measured_read(device, why) && target->table.length == 0)
        return NULL;
    device_fit(device);
    return device;
}

const Target *device_target(const Device *device) {
    return &device->target;
}

Str device_table_csv(const Device *device, Arena *arena) {
    return table_write(arena, &device->table);
}
