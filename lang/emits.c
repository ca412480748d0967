/* emits.c: whether an emission has all that it needs, and all declarations in their order.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* ---- where it comes from ----------------------------------------------------------------- */

/* A network is emitted with its weights; what was found has them. */
static void check_network(Spec *spec, const Decl *emit, const Item *network) {
    const SpecValue *from = decl_value(emit, "from");
    if (!decl_entry(emit, "weights")->given && !network->value)
        error_at(spec->diagnostics, from->span,
                 "a network is emitted with its weights: add `weights: \"%.*s.weights\"`",
                 STR_ARG(from->text));
}

static void check_found(Spec *spec, const Decl *emit, const char *what) {
    static const char *const keys[] = {"weights", "task", "device"};
    for (int k = 0; k < COUNT(keys); k++)
        if (decl_entry(emit, keys[k])->given)
            error_at(spec->diagnostics, decl_entry(emit, keys[k])->span,
                     "the %s come%s from the %s; `%s:` goes with a network", keys[k],
                     k ? "s" : "", what, keys[k]);
}

static void check_split_keys(Spec *spec, const Decl *emit) {
    static const char *const keys[] = {"one_per", "transport"};
    for (int k = 0; k < COUNT(keys); k++)
        if (decl_entry(emit, keys[k])->given)
            error_at(spec->diagnostics, decl_entry(emit, keys[k])->span,
                     "`%s:` goes with a split", keys[k]);
}

/* ---- which device ------------------------------------------------------------------------ */

/* What is written in brackets: joint[cortex_m4].knee. */
static Str device_in(Str result) {
    for (int i = 0; i < result.length; i++)
        for (int end = i + 1; result.at[i] == '[' && end < result.length; end++)
            if (result.at[end] == ']')
                return (Str){result.at + i + 1, end - i - 1};
    return (Str){"", 0};
}

static const SpecValue *device_among(const SpecEntry *devices, Str name) {
    for (int i = 0; i < devices->count; i++)
        if (str_equal(devices->values[i].text, name))
            return &devices->values[i];
    return NULL;
}

static const SpecValue *device_picked(Spec *spec, const SpecValue *from, const Decl *search) {
    const SpecEntry *devices = decl_entry(search, "device");
    Str name = device_in(from->text);
    if (!devices->count)
        return NULL;
    if (!name.length && devices->count == 1)
        return &devices->values[0];
    Str *names = arena_array(spec->arena, Str, devices->count);
    for (int i = 0; i < devices->count; i++)
        names[i] = devices->values[i].text;
    const SpecValue *found = device_among(devices, name);
    if (!name.length)
        error_at(spec->diagnostics, from->span,
                 "`%.*s` searches for %d devices: say for which, as in `%.*s[%.*s].knee`",
                 STR_ARG(search->name), devices->count, STR_ARG(search->name),
                 STR_ARG(names[0]));
    else if (!found)
        error_at(spec->diagnostics, from->span, "`%.*s` does not search for `%.*s`%.*s",
                 STR_ARG(search->name), STR_ARG(name),
                 STR_ARG(suggestion(spec->arena, name, names, devices->count)));
    return found;
}

void result_check(Spec *spec, const Item *item, const SpecValue *from) {
    const Item *search =
        item_find(item->source, ITEM_DECL, STR("search"), result_search(from->text));
    const Decl *decl = search ? decl_of_item(spec, search) : NULL;
    if (decl)
        device_picked(spec, from, decl);
}

static void check_emitted_for(Spec *spec, Span span, const Decl *device) {
    const SpecValue *code = device ? decl_value(device, "code") : NULL;
    if (code && str_equal(code->text, STR("none")))
        error_at(
            spec->diagnostics, span,
            "nothing can be emitted for `%.*s`: only its costs are declared (`code: none`)",
            STR_ARG(device->name));
}

static void check_search(Spec *spec, const Decl *emit, const Item *item) {
    const SpecValue *from = decl_value(emit, "from");
    const Item *search =
        item_find(item->source, ITEM_DECL, STR("search"), result_search(from->text));
    const Decl *decl = search ? decl_of_item(spec, search) : NULL;
    const SpecValue *device = decl ? device_picked(spec, from, decl) : NULL;
    if (device)
        check_emitted_for(spec, from->span, named_decl(spec, search, DECL_DEVICE, device));
}

/* ---- forms and names --------------------------------------------------------------------- */

static void check_prefix(Spec *spec, const Decl *emit) {
    const SpecValue *prefix = decl_value(emit, "prefix");
    bool right = prefix && prefix->text.length > 0 && prefix->text.length <= 40;
    for (int i = 0; right && i < prefix->text.length; i++) {
        char c = prefix->text.at[i];
        right = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (i > 0 && c >= '0' && c <= '9');
    }
    if (prefix && !right)
        error_at(spec->diagnostics, prefix->span,
                 "the prefix begins names in C: letters, digits, _");
}

static void check_forms(Spec *spec, const Decl *emit) {
    const SpecEntry *forms = decl_entry(emit, "as");
    for (int i = 0; i < forms->count; i++)
        for (int k = 0; k < i; k++)
            if (str_equal(forms->values[i].text, forms->values[k].text))
                error_at(spec->diagnostics, forms->values[i].span, "`%.*s` is named twice",
                         STR_ARG(forms->values[i].text));
}

void emit_check(Spec *spec, int index) {
    const Decl *emit = spec->decls.at[index];
    const Item *item = spec->decl_items.at[index];
    const SpecValue *from = decl_value(emit, "from");
    check_prefix(spec, emit);
    check_forms(spec, emit);
    if (!from)
        return;
    const Item *network = item_find(item->source, ITEM_NETWORK, (Str){0}, from->text);
    bool found = result_search(from->text).length > 0;
    if (found || !network)
        check_found(spec, emit, found ? "search" : "split");
    if (found || network)
        check_split_keys(spec, emit);
    if (found)
        check_search(spec, emit, item);
    else if (network)
        check_network(spec, emit, network);
    const SpecEntry *device = decl_entry(emit, "device");
    if (!found && device->count)
        check_emitted_for(spec, device->values[0].span,
                          named_decl(spec, item, DECL_DEVICE, &device->values[0]));
}

/* ---- all declarations -------------------------------------------------------------------- */

void declarations_fit(Spec *spec) {
    static void (*const checks[DECL_KINDS])(Spec *,
                                            int) = {[DECL_TASK] = task_check,
                                                    [DECL_DEVICE] = device_facts_check,
                                                    [DECL_FLEET] = fleet_check,
                                                    [DECL_SEARCH] = search_check,
                                                    [DECL_SPLIT] = split_check,
                                                    [DECL_EMIT] = emit_check,
                                                    [DECL_EXPERIMENT] = experiment_check};
    for (int i = 0; i < spec->decls.count; i++) {
        const Decl *decl = spec->decls.at[i];
        if ((decl->root || decl->kind <= DECL_FLEET) && checks[decl->kind])
            checks[decl->kind](spec, i);
    }
}
