/* Cost tables: what was measured on a device, as rows in memory and as CSV.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Table table_new(Arena *arena) {
    return (Table){.arithmetic = ARITHMETIC_VERSION, .index = map_new(arena)};
}

KernelRow *table_kernel(const Table *table, Str name) {
    int at;
    return map_get(table->index, name, &at) ? &table->kernels.at[at] : NULL;
}

KernelRow *table_put_kernel(Arena *arena, Table *table, Str name, int64_t code_bytes) {
    KernelRow *row = table_kernel(table, name);
    if (row)
        return row;
    KernelRow fresh = {str_copy(arena, name), code_bytes, .index = map_new(arena)};
    map_put(table->index, fresh.name, table->kernels.count);
    vec_push(arena, &table->kernels, fresh);
    return &table->kernels.at[table->kernels.count - 1];
}

const StepRow *kernel_step(const KernelRow *kernel, Str key) {
    int at;
    return map_get(kernel->index, key, &at) ? &kernel->steps.at[at] : NULL;
}

void kernel_put_step(Arena *arena, KernelRow *kernel, StepRow row) {
    int at;
    if (map_get(kernel->index, row.key, &at)) {
        row.key = kernel->steps.at[at].key;
        kernel->steps.at[at] = row;
        return;
    }
    row.key = str_copy(arena, row.key);
    map_put(kernel->index, row.key, kernel->steps.count);
    vec_push(arena, &kernel->steps, row);
}

/* ---- writing ----------------------------------------------------------------------------- */

static const char *const unit_names[] = {
    [MEASURE_TIME] = "nanoseconds",
    [MEASURE_INSTRUCTIONS] = "instructions",
};

static int by_name(const void *a, const void *b) {
    return str_compare(((const KernelRow *)a)->name, ((const KernelRow *)b)->name);
}

static int by_key(const void *a, const void *b) {
    return str_compare(((const StepRow *)a)->key, ((const StepRow *)b)->key);
}

static void head_write(Text *text, const Table *table) {
    text_add(text, "# nasc cost table: 2\n");
    text_add(text, "# device: %.*s\n", STR_ARG(table->device));
    text_add(text, "# compiler: %.*s\n", STR_ARG(table->compiler));
    text_add(text, "# version: %.*s\n", STR_ARG(table->version));
    text_add(text, "# arithmetic: %d\n", table->arithmetic);
    text_add(text, "# code: %.*s\n", STR_ARG(table->code));
    text_add(text, "# unit: %s\n", unit_names[table->unit]);
}

/* A step's key begins with its kernel's name, which the row above states. */
void step_row_write(Text *text, Str kernel, const StepRow *row) {
    int skip = kernel.length + 1;
    text_add(text, "step,%.*s,%.15g,%d", row->key.length - skip, row->key.at + skip, row->value,
             row->call_bytes);
    for (int i = 0; i < STEP_FEATURES; i++)
        text_add(text, ",%.15g", row->feature[i]);
    text_add(text, "\n");
}

static int kernel_write(Text *text, Arena *arena, const KernelRow *kernel) {
    int count = kernel->steps.count;
    text_add(text, "kernel,%.*s,%lld\n", STR_ARG(kernel->name), (long long)kernel->code_bytes);
    StepRow *sorted = arena_copy(arena, kernel->steps.at, sizeof *sorted * (size_t)count);
    qsort(sorted, (size_t)count, sizeof *sorted, by_key);
    for (int i = 0; i < count; i++)
        step_row_write(text, kernel->name, &sorted[i]);
    return 1 + count;
}

Str table_write(Arena *arena, const Table *table) {
    Text text = text_new(arena);
    int rows = 0, count = table->kernels.count;
    head_write(&text, table);
    KernelRow *sorted = arena_copy(arena, table->kernels.at, sizeof *sorted * (size_t)count);
    qsort(sorted, (size_t)count, sizeof *sorted, by_name);
    for (int i = 0; i < count; i++)
        rows += kernel_write(&text, arena, &sorted[i]);
    text_add(&text, "end,%d\n", rows);
    return text_str(&text);
}

/* ---- reading ----------------------------------------------------------------------------- */

enum { MOST_FIELDS = 5 + STEP_FEATURES, MOST_ROWS = 1000000 };

typedef struct Reader {
    Arena *arena;
    Table *table;
    Str rest;
    int line, rows, ends;
    int kernel; /* of the rows that follow; -1: none yet */
    Str field[MOST_FIELDS];
    int fields;
    bool head[7]; /* which lines of head_facts were seen */
    Str *why;
} Reader;

PRINTF(2, 3) static bool bad(Reader *reader, const char *format, ...) {
    va_list list;
    char message[400];
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    *reader->why = str_format(reader->arena, "line %d: %s", reader->line, message);
    return false;
}

/* Cuts the next line off; a carriage return before its end is dropped. */
static bool line_take(Reader *reader, Str *line) {
    if (reader->rest.length == 0)
        return false;
    const char *end = memchr(reader->rest.at, '\n', (size_t)reader->rest.length);
    int length = end ? (int)(end - reader->rest.at) : reader->rest.length;
    int used = end ? length + 1 : length;
    *line = (Str){reader->rest.at, length};
    if (length > 0 && line->at[length - 1] == '\r')
        line->length--;
    reader->rest = (Str){reader->rest.at + used, reader->rest.length - used};
    reader->line++;
    return true;
}

static bool fields_split(Reader *reader, Str line) {
    int start = 0;
    reader->fields = 0;
    for (int i = 0; i <= line.length; i++)
        if (i == line.length || line.at[i] == ',') {
            if (reader->fields == MOST_FIELDS)
                return bad(reader, "more than %d fields", MOST_FIELDS);
            reader->field[reader->fields++] = (Str){line.at + start, i - start};
            start = i + 1;
        }
    return true;
}

/* A finite number that is not negative. */
static bool number_read(Reader *reader, int field, const char *what, double most,
                        double *value) {
    Str s = reader->field[field];
    char digits[40], *end;
    if (s.length == 0 || s.length >= (int)sizeof digits)
        return bad(reader, "%s is not a number: \"%.*s\"", what, s.length > 60 ? 60 : s.length,
                   s.at);
    memcpy(digits, s.at, (size_t)s.length);
    digits[s.length] = 0;
    *value = strtod(digits, &end);
    if (*end != 0 || strspn(digits, "0123456789.e+-") != (size_t)s.length)
        return bad(reader, "%s is not a number: \"%s\"", what, digits);
    if (!(*value >= 0) || *value > most)
        return bad(reader, "%s is out of range: %s", what, digits);
    return true;
}

static bool whole_read(Reader *reader, int field, const char *what, double most,
                       double *value) {
    if (!number_read(reader, field, what, most, value))
        return false;
    if (*value != floor(*value))
        return bad(reader, "%s is not a whole number: \"%.*s\"", what,
                   STR_ARG(reader->field[field]));
    return true;
}

/* ---- the head ---------------------------------------------------------------------------- */

static bool head_version(Reader *reader, Str value) {
    return str_equal(value, STR("2")) ||
           bad(reader, "the table has version %.*s, this nasc reads 2", STR_ARG(value));
}

static bool head_device(Reader *reader, Str value) {
    reader->table->device = str_copy(reader->arena, value);
    return value.length > 0 || bad(reader, "the device has no name");
}

static bool head_compiler(Reader *reader, Str value) {
    reader->table->compiler = str_copy(reader->arena, value);
    return true;
}

static bool head_compiler_version(Reader *reader, Str value) {
    reader->table->version = str_copy(reader->arena, value);
    return true;
}

static bool head_arithmetic(Reader *reader, Str value) {
    char ours[16];
    snprintf(ours, sizeof ours, "%d", ARITHMETIC_VERSION);
    return str_equal(value, str_of(ours)) ||
           bad(reader, "measured with arithmetic version %.*s, this nasc has %s",
               STR_ARG(value), ours);
}

static bool head_code(Reader *reader, Str value) {
    reader->table->code = str_copy(reader->arena, value);
    return value.length > 0 || bad(reader, "the code generator has no key");
}

static bool head_unit(Reader *reader, Str value) {
    for (int i = 0; i < COUNT(unit_names); i++)
        if (str_equal(value, str_of(unit_names[i]))) {
            reader->table->unit = (MeasureKind)i;
            return true;
        }
    return bad(reader, "unknown unit \"%.*s\"", STR_ARG(value));
}

static const struct {
    const char *name;
    bool (*read)(Reader *reader, Str value);
} head_facts[7] = {
    {"nasc cost table", head_version},
    {"device", head_device},
    {"compiler", head_compiler},
    {"version", head_compiler_version},
    {"arithmetic", head_arithmetic},
    {"code", head_code},
    {"unit", head_unit},
};

static bool head_line(Reader *reader, Str line) {
    if (reader->kernel >= 0)
        return bad(reader, "a line of the head after the first row");
    for (int i = 0; i < COUNT(head_facts); i++) {
        int length = (int)strlen(head_facts[i].name);
        if (line.length < length + 4 || memcmp(line.at, "# ", 2) != 0 ||
            memcmp(line.at + 2, head_facts[i].name, (size_t)length) != 0 ||
            memcmp(line.at + 2 + length, ": ", 2) != 0)
            continue;
        if (reader->head[i])
            return bad(reader, "\"%s\" is stated twice", head_facts[i].name);
        reader->head[i] = true;
        return head_facts[i].read(reader,
                                  (Str){line.at + length + 4, line.length - length - 4});
    }
    return bad(reader, "not a line of a cost table's head");
}

static bool head_whole(Reader *reader) {
    for (int i = 0; i < COUNT(head_facts); i++)
        if (!reader->head[i])
            return bad(reader, "the head does not state \"%s\"", head_facts[i].name);
    return true;
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool kernel_line(Reader *reader) {
    double code;
    Str name = reader->field[1];
    if (reader->fields != 3)
        return bad(reader, "a kernel row has 3 fields, this one %d", reader->fields);
    if (!head_whole(reader))
        return false;
    if (table_kernel(reader->table, name))
        return bad(reader, "kernel \"%.*s\" has a second row", STR_ARG(name));
    if (!whole_read(reader, 2, "the kernel's code bytes", 1e9, &code))
        return false;
    reader->kernel = reader->table->kernels.count;
    table_put_kernel(reader->arena, reader->table, name, (int64_t)code);
    reader->rows++;
    return true;
}

static bool step_line(Reader *reader) {
    StepRow row = {0};
    double bytes;
    if (reader->fields != 4 + STEP_FEATURES)
        return bad(reader, "a step row has %d fields, this one %d", 4 + STEP_FEATURES,
                   reader->fields);
    if (reader->kernel < 0)
        return bad(reader, "a step before any kernel");
    KernelRow *kernel = &reader->table->kernels.at[reader->kernel];
    row.key = str_format(reader->arena, "%.*s %.*s", STR_ARG(kernel->name),
                         STR_ARG(reader->field[1]));
    if (kernel_step(kernel, row.key))
        return bad(reader, "step \"%.*s\" has a second row", STR_ARG(row.key));
    if (!number_read(reader, 2, "the step's cost", 1e15, &row.value) ||
        !whole_read(reader, 3, "the step's code bytes", 1e6, &bytes))
        return false;
    for (int i = 0; i < STEP_FEATURES; i++)
        if (!number_read(reader, 4 + i, "a feature", 1e15, &row.feature[i]))
            return false;
    row.call_bytes = (int)bytes;
    kernel_put_step(reader->arena, kernel, row);
    reader->rows++;
    return true;
}

static bool end_line(Reader *reader) {
    double rows;
    reader->ends++;
    if (reader->fields != 2)
        return bad(reader, "the end row has 2 fields, this one %d", reader->fields);
    if (!head_whole(reader) || !whole_read(reader, 1, "the number of rows", MOST_ROWS, &rows))
        return false;
    return rows == reader->rows ||
           bad(reader, "the table should have %.0f rows, but has %d", rows, reader->rows);
}

static bool row_line(Reader *reader, Str line) {
    static const struct {
        const char *name;
        bool (*read)(Reader *reader);
    } kinds[] = {{"kernel", kernel_line}, {"step", step_line}, {"end", end_line}};
    if (reader->ends > 0)
        return bad(reader, "a row after the end");
    if (!fields_split(reader, line))
        return false;
    for (int i = 0; i < COUNT(kinds); i++)
        if (str_equal(reader->field[0], str_of(kinds[i].name)))
            return kinds[i].read(reader);
    return bad(reader, "neither kernel, step nor end: \"%.*s\"",
               reader->field[0].length > 60 ? 60 : reader->field[0].length,
               reader->field[0].at);
}

bool table_read(Arena *arena, Str text, Table *table, Str *why) {
    Reader reader = {.arena = arena, .table = table, .rest = text, .kernel = -1, .why = why};
    Str line;
    *table = table_new(arena);
    while (line_take(&reader, &line)) {
        if (memchr(line.at, 0, (size_t)line.length))
            return bad(&reader, "not text");
        bool head = line.length > 0 && line.at[0] == '#';
        if (reader.line == 1 && !str_starts(line, STR("# nasc cost table: ")))
            return bad(&reader, "not a cost table");
        if (!(head ? head_line(&reader, line) : row_line(&reader, line)))
            return false;
    }
    if (text.length == 0)
        return bad(&reader, "the table is empty");
    return reader.ends == 1 || bad(&reader, "the table breaks off: there is no end row");
}
