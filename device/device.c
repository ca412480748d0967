/* A target and what is known of it: the shipped table, and the rows measured here.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <string.h>

/* ---- the shipped table ------------------------------------------------------------------- */

/* What the code generator prints today, as the table's head keeps it. */
static Str code_of(Device *device) {
    return key_hex(device->arena, emit_c_key(isa_of_target(&device->target)));
}

static bool table_fits_target(Device *device, const Table *table, Str *why) {
    const Target *target = &device->target;
    if (!str_equal(table->device, target->name))
        *why = str_format(device->arena, "it is of device %.*s", STR_ARG(table->device));
    else if (!str_equal(table->compiler, device->toolchain.compiler))
        *why =
            str_format(device->arena, "it was measured with \"%.*s\", the device says \"%.*s\"",
                       STR_ARG(table->compiler), STR_ARG(device->toolchain.compiler));
    else if (!str_equal(table->code, code_of(device)))
        *why = str_format(device->arena,
                          "it was measured with another code generator; bench/device/%.*s "
                          "measures it anew",
                          STR_ARG(target->name));
    else if (table->unit != target->measure)
        *why = STR("its unit is not the device's");
    else
        return true;
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
 * A row is kept as its line of CSV under "KERNEL" or "KERNEL\nSTEP", in a kind that names the
 * target, compiler version, arithmetic and code generator. In order of key they are a table. */

typedef struct Gather {
    const Device *device;
    Text csv;
    int rows;
} Gather;

static void row_gather(void *context, Str key, Str value) {
    Gather *gather = context;
    (void)key;
    text_add_str(&gather->csv, value);
    gather->rows++;
}

static void kernel_merge(Device *device, const KernelRow *from) {
    KernelRow *to =
        table_put_kernel(device->arena, &device->table, from->name, from->code_bytes);
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

void device_keep_kernel(Device *device, Str name, int64_t code_bytes) {
    table_put_kernel(device->arena, &device->table, name, code_bytes);
    if (device->store && device->kind)
        store_put(device->store, device->kind, name,
                  str_format(device->arena, "kernel,%.*s,%lld\n", STR_ARG(name),
                             (long long)code_bytes));
}

void device_keep_step(Device *device, Str kernel, StepRow row) {
    kernel_put_step(device->arena, table_kernel(&device->table, kernel), row);
    if (device->store == NULL || device->kind == NULL)
        return;
    Str key = str_format(device->arena, "%.*s\n%.*s", STR_ARG(kernel), STR_ARG(row.key));
    Text line = text_new(device->arena);
    step_row_write(&line, kernel, &row);
    store_put(device->store, device->kind, key, text_str(&line));
}

/* ---- opening ----------------------------------------------------------------------------- */

/* The compiler's version is part of where a row belongs. */
static void kind_name(Device *device, Str version) {
    Key key = target_key(&device->target);
    Str facts = str_format(device->arena, "%d %.*s %.*s", ARITHMETIC_VERSION,
                           STR_ARG(device->table.code), STR_ARG(version));
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

/* "conv i8 i8 i8" of "conv i8 i8 i8 3fa9c2d1". */
Str kernel_kind(Str name) {
    while (name.length > 0 && name.at[name.length - 1] != ' ')
        name.length--;
    return (Str){name.at, name.length > 0 ? name.length - 1 : 0};
}

/* What is known of a kind: all its kernels' rows, and the largest code. */
static void family_add(Device *device, const KernelRow *kernel) {
    KernelRow *family = table_put_kernel(device->arena, &device->families,
                                         kernel_kind(kernel->name), kernel->code_bytes);
    family->code_bytes = max_i64(family->code_bytes, kernel->code_bytes);
    for (int i = 0; i < kernel->steps.count; i++)
        kernel_put_step(device->arena, family, kernel->steps.at[i]);
}

static void kernels_fit(Table *table) {
    for (int i = 0; i < table->kernels.count; i++) {
        KernelRow *kernel = &table->kernels.at[i];
        kernel->fit = fit_steps(kernel->steps.at, kernel->steps.count);
    }
}

void device_fit(Device *device) {
    device->families = table_new(device->arena);
    for (int i = 0; i < device->table.kernels.count; i++)
        family_add(device, &device->table.kernels.at[i]);
    kernels_fit(&device->table);
    kernels_fit(&device->families);
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
    device->table.code = code_of(device);
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
