/* facts.c: checked declarations of tasks and devices -> Task and Target.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

static double number_or(const Decl *decl, const char *key, double otherwise) {
    const SpecValue *value = decl_value(decl, key);
    return value ? rational_double(value->number) : otherwise;
}

static Str text_or(const Decl *decl, const char *key) {
    const SpecValue *value = decl_value(decl, key);
    return value ? value->text : (Str){"", 0};
}

/* Several strings are lines of one text. */
static Str lines(Arena *arena, const Decl *decl, const char *key) {
    const SpecEntry *entry = decl_entry(decl, key);
    Text text = text_new(arena);
    for (int i = 0; i < entry->count; i++)
        text_add(&text, "%s%.*s", i ? "\n" : "", STR_ARG(entry->values[i].text));
    return text_str(&text);
}

/* The call of that name among the values of a key. */
static const SpecValue *call_named(const Decl *decl, const char *key, const char *name) {
    const SpecEntry *entry = decl_entry(decl, key);
    for (int i = 0; i < entry->count; i++)
        if (str_equal(entry->values[i].text, str_of(name)))
            return &entry->values[i];
    return NULL;
}

static double argument_number(const SpecValue *call, const char *name, double otherwise) {
    const SpecValue *value = call ? call_argument(call, name, 0) : NULL;
    return value ? rational_double(value->number) : otherwise;
}

static DataSource source_of(const Decl *decl, const char *key, Str fetch) {
    const SpecValue *call = decl_value(decl, key);
    return (DataSource){call_argument(call, "images", 0)->text,
                        call_argument(call, "labels", 1)->text, fetch, call->span};
}

bool spec_task(const Spec *spec, const Decl *decl, Arena *arena, Task *task) {
    const SpecEntry *labels = decl_entry(decl, "labels");
    if (!decl_value(decl, "train") || !decl_value(decl, "test") ||
        !decl_value(decl, "validate") || !labels->count)
        return false;
    Str fetch = lines(arena, decl, "fetch");
    *task = (Task){.name = decl->name, .span = decl->span, .classes = labels->count};
    task->train = source_of(decl, "train", fetch);
    task->test = source_of(decl, "test", fetch);
    task->validate_share = decl_value(decl, "validate")->number;
    task->mean = argument_number(call_named(decl, "normalise", "mean"), "value", 0);
    task->deviation = argument_number(call_named(decl, "normalise", "deviation"), "value", 1);
    task->flip = call_named(decl, "augment", "flip") != NULL;
    task->shift = (int)argument_number(call_named(decl, "augment", "shift"), "pixels", 0);
    task->erase = (int)argument_number(call_named(decl, "augment", "erase"), "pixels", 0);
    task->labels = arena_array(arena, Str, labels->count);
    for (int i = 0; i < labels->count; i++)
        task->labels[i] = labels->values[i].text;
    if (task->deviation > 0)
        return true;
    error_at(spec->diagnostics, decl_entry(decl, "normalise")->span,
             "the deviation must be above zero");
    return false;
}

static unsigned format_set(const Decl *decl, const char *key) {
    const SpecEntry *entry = decl_entry(decl, key);
    unsigned set = 0;
    for (int i = 0; i < entry->count; i++)
        set |= 1u << entry->values[i].number.n;
    return set;
}

bool spec_target(const Spec *spec, const Decl *decl, Arena *arena, Target *target) {
    (void)spec;
    *target = (Target){.name = decl->name};
    target->documentation = lines(arena, decl, "documentation");
    target->source = lines(arena, decl, "source");
    target->isa = text_or(decl, "isa");
    target->clock_hz = number_or(decl, "clock", 0);
    target->flash_bytes = (int64_t)number_or(decl, "flash", 0);
    target->ram_bytes = (int64_t)number_or(decl, "ram", 0);
    target->tcm_bytes = (int64_t)number_or(decl, "tcm", 0);
    target->cycles_per_instruction = number_or(decl, "cycles_per_instruction", 0);
    target->power_w = number_or(decl, "power", 0);
    target->code = str_equal(text_or(decl, "code"), STR("none")) ? CODE_NONE : CODE_C;
    target->measure = str_equal(text_or(decl, "measure"), STR("instructions"))
                          ? MEASURE_INSTRUCTIONS
                          : MEASURE_TIME;
    target->compiler = text_or(decl, "compiler");
    target->flags = text_or(decl, "flags");
    target->runner = text_or(decl, "runner");
    target->table = text_or(decl, "table");
    target->weight_formats = format_set(decl, "weights");
    target->activation_formats = format_set(decl, "activations");
    return target->isa.length > 0;
}
