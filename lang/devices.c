/* devices.c: whether what a device says of itself fits together.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

static bool has_word(const Decl *decl, const char *key, const char *word) {
    const SpecValue *value = decl_value(decl, key);
    return value && str_equal(value->text, str_of(word));
}

static Rational number_given(const SpecValue *call, const char *name) {
    const SpecValue *value = call_argument(call, name, 0);
    return value ? value->number : RATIONAL(0);
}

static void check_relative(Spec *spec, const SpecEntry *costs, int i) {
    const SpecValue *cost = &costs->values[i];
    Rational bits = number_given(cost, "bits");
    for (int k = 0; k < i; k++) {
        const SpecValue *before = &costs->values[k];
        if (!str_equal(before->text, cost->text) ||
            rational_compare(number_given(before, "bits"), bits) != 0)
            continue;
        error_at(spec->diagnostics, cost->span, "the time at %lld bits is declared twice",
                 (long long)bits.n);
        note_at(spec->diagnostics, before->span, "first here");
        return;
    }
}

static void check_costs(Spec *spec, const Decl *device) {
    const SpecEntry *costs = decl_entry(device, "costs");
    bool none = has_word(device, "code", "none");
    if (none && !costs->given)
        error_at(spec->diagnostics, device->span,
                 "`%.*s` is known by its costs only (`code: none`), and declares no `costs:`",
                 STR_ARG(device->name));
    for (int i = 0; i < costs->count; i++) {
        const SpecValue *cost = &costs->values[i];
        if (str_equal(cost->text, STR("relative")))
            check_relative(spec, costs, i);
        if (str_equal(cost->text, STR("macs")) && !decl_value(device, "clock"))
            error_at(spec->diagnostics, cost->span,
                     "multiplications in a cycle say nothing of time without `clock:`");
    }
}

static void check_memories(Spec *spec, const Decl *device) {
    const SpecValue *tcm = decl_value(device, "tcm"), *ram = decl_value(device, "ram");
    if (tcm && ram && rational_compare(tcm->number, ram->number) > 0)
        error_at(spec->diagnostics, tcm->span,
                 "the tightly coupled memory is a part of the ram, %.*s, and cannot be %.*s",
                 STR_ARG(quantity_print(spec->arena, ram->number, ram->dimension)),
                 STR_ARG(quantity_print(spec->arena, tcm->number, tcm->dimension)));
}

void device_facts_check(Spec *spec, int index) {
    check_costs(spec, spec->decls.at[index]);
    check_memories(spec, spec->decls.at[index]);
}
