/* spec.c: what a file says, after checking: reading it, and asking.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <stdlib.h>

/* ---- spaces ------------------------------------------------------------------------------ */

static const Elaborated *elaborated(const Spec *spec, const Item *network,
                                    const Item *precision) {
    int i = spec->facts.at[network->number - 1].elaborated;
    while (i >= 0 && spec->spaces.at[i].precision != precision)
        i = spec->spaces.at[i].before;
    return i >= 0 ? &spec->spaces.at[i] : NULL;
}

static void elaborated_add(Spec *spec, const Item *network, const Item *precision,
                           const Space *space) {
    int *last = &spec->facts.at[network->number - 1].elaborated;
    Elaborated elaborated = {network, precision, space, *last};
    *last = spec->spaces.count;
    vec_push(spec->arena, &spec->spaces, elaborated);
}

const Space *import_formats(Spec *spec, const Item *network, const Item *precision) {
    if (!network->value || !precision)
        return NULL;
    const Elaborated *known = elaborated(spec, network, precision);
    if (known)
        return known->space;
    Elab *elab = elab_new(spec->arena, spec->diagnostics, spec, network->name, network->source);
    const Space *space = precision_formats(elab, precision);
    elaborated_add(spec, network, precision, space);
    return space;
}

/* NULL for an imported network, which is known only when its file is read. */
static const Space *space_of(Spec *spec, const Item *network, const Item *precision) {
    if (network->value) {
        (void)import_formats(spec, network, precision);
        return NULL;
    }
    const Elaborated *known = elaborated(spec, network, precision);
    if (known)
        return known->space;
    const Space *space =
        network_elaborate(spec->arena, spec->diagnostics, spec, network, precision);
    elaborated_add(spec, network, precision, space);
    return space;
}

/* network NAME = onnx("FILE"): the call is checked; the file is read when it is needed. */
static void import_check(Spec *spec, const Item *network) {
    MissingList missing = {0};
    SpecValue value;
    Converter converter = {.spec = spec, .source = network->source, .missing = &missing};
    converter.elab =
        elab_new(spec->arena, spec->diagnostics, spec, STR("constants"), network->source);
    converter.elab->constants_only = true;
    (void)spec_convert(&converter, network->value, TYPE_CALL, "import", network->name, &value);
}

/* A precision has the rules of its base, before its own: the last that matches counts. */
static void precision_inherit(Spec *spec, Item *item, int depth) {
    enum { MAX_BASES = 32 };
    const Str *names;
    int count = 0;
    Rules rules = {0};
    if (!item->base.length)
        return;
    const Item *base = precision_find(item->source, item->of, item->base);
    if (base && (base == item || depth == MAX_BASES)) {
        error_at(spec->diagnostics, item->base_span, "`%.*s` inherits from itself",
                 STR_ARG(item->name));
        item->base.length = 0;
        return;
    }
    if (!base) {
        item_names(spec->arena, item->source, ITEM_PRECISION, (Str){0}, &names, &count);
        error_at(spec->diagnostics, item->base_span, "`%.*s` has no precision `%.*s`%.*s",
                 STR_ARG(item->of), STR_ARG(item->base),
                 STR_ARG(suggestion(spec->arena, item->base, names, count)));
        return;
    }
    precision_inherit(spec, (Item *)base, depth + 1);
    for (int i = 0; i < base->rules.count; i++)
        vec_push(spec->arena, &rules, base->rules.at[i]);
    for (int i = 0; i < item->rules.count; i++)
        vec_push(spec->arena, &rules, item->rules.at[i]);
    item->rules = rules;
    item->base.length = 0;
}

static void precisions_inherit(Spec *spec) {
    for (int s = 0; s < spec->sources.count; s++)
        for (int i = 0; i < spec->sources.at[s]->items.count; i++)
            if (spec->sources.at[s]->items.at[i]->kind == ITEM_PRECISION)
                precision_inherit(spec, spec->sources.at[s]->items.at[i], 0);
}

/* Every network of the root under each of its precisions, and those that its searches name. */
static void networks_check(Spec *spec) {
    const Source *root = spec->sources.at[0];
    for (int v = 0; v < root->seen; v++)
        for (int i = 0; i < root->sees[v]->items.count; i++) {
            const Item *item = root->sees[v]->items.at[i];
            if (item->kind != ITEM_PRECISION)
                continue;
            const Item *network = item_find(item->source, ITEM_NETWORK, (Str){0}, item->of);
            if (network) {
                if (!item_clash(spec->diagnostics, item->of_span, item->source, network))
                    space_of(spec, network, item);
                continue;
            }
            const Str *names;
            int count;
            item_names(spec->arena, item->source, ITEM_NETWORK, (Str){0}, &names, &count);
            error_at(spec->diagnostics, item->of_span, "no network is called `%.*s`%.*s",
                     STR_ARG(item->of),
                     STR_ARG(suggestion(spec->arena, item->of, names, count)));
        }
    for (int i = 0; i < root->items.count; i++)
        if (root->items.at[i]->kind == ITEM_NETWORK && root->items.at[i]->value)
            import_check(spec, root->items.at[i]);
        else if (root->items.at[i]->kind == ITEM_NETWORK)
            space_of(spec, root->items.at[i],
                     precision_find(root, root->items.at[i]->name, (Str){0}));
}

/* ---- reading ----------------------------------------------------------------------------- */

static void check_lets(Spec *spec) {
    const Source *root = spec->sources.at[0];
    Elab *elab = elab_new(spec->arena, spec->diagnostics, spec, STR("constants"), root);
    for (int i = 0; i < root->items.count; i++)
        if (root->items.at[i]->kind == ITEM_LET)
            global_value(elab, root->items.at[i]);
}

static Spec *spec_new(Arena *arena, Diagnostics *diagnostics, LangOptions options) {
    Spec *spec = arena_new_of(arena, Spec);
    spec->arena = arena;
    spec->diagnostics = diagnostics;
    spec->options = options;
    return spec;
}

/* Whether the grammar of all files is right: what a mistake hides would be reported as missing. */
static bool names_are_known(const Spec *spec) {
    int slips = 0;
    for (int i = 0; i < spec->sources.count; i++)
        slips += spec->sources.at[i]->slips;
    return error_count(spec->diagnostics) == slips;
}

static void spec_check(Spec *spec, Source *root) {
    modules_read(spec, root);
    sources_link(spec);
    for (int i = 0; i < root->items.count; i++) {
        const Item *item = root->items.at[i];
        if (item->kind == ITEM_NETWORK)
            vec_push(spec->arena, &spec->networks[item->value != NULL], item->name);
    }
    if (!names_are_known(spec))
        return;
    precisions_inherit(spec);
    check_lets(spec);
    networks_check(spec);
    declarations_check(spec);
    declarations_fit(spec);
}

Spec *spec_read(Arena *arena, Diagnostics *diagnostics, const char *path, LangOptions options) {
    enum { MAX_BYTES = 1 << 23 };
    const char *why;
    Spec *spec = spec_new(arena, diagnostics, options);
    Source *root = arena_new_of(arena, Source);
    root->name = str_copy(arena, str_of(path));
    if (file_read(arena, path, MAX_BYTES, &root->text, &why)) {
        spec_check(spec, root);
        return spec;
    }
    error_at(diagnostics, (Span){0, 0}, "%s cannot be read: %s", path, why);
    vec_push(arena, &spec->sources, root);
    sources_link(spec);
    return spec;
}

Spec *spec_read_text(Arena *arena, Diagnostics *diagnostics, Str name, Str text,
                     LangOptions options) {
    Spec *spec = spec_new(arena, diagnostics, options);
    Source *root = arena_new_of(arena, Source);
    root->name = str_copy(arena, name);
    root->text = str_copy(arena, text);
    spec_check(spec, root);
    return spec;
}

/* ---- asking ------------------------------------------------------------------------------ */

const Decl *spec_decl(const Spec *spec, DeclKind kind, Str name) {
    const Item *item =
        item_find(spec->sources.at[0], ITEM_DECL, str_of(kind_facts[kind].word), name);
    return item ? decl_of_item(spec, item) : NULL;
}

const Decl *spec_root_decl(const Spec *spec, DeclKind kind, int index) {
    return index < spec->of_root[kind].count ? spec->of_root[kind].at[index] : NULL;
}

const SpecEntry *decl_entry(const Decl *decl, const char *key) {
    for (int i = 0; i < decl->count; i++)
        if (str_equal(decl->entries[i].key, str_of(key)))
            return &decl->entries[i];
    fprintf(stderr, "nasc: no key %s in keys.def\n", key);
    abort();
}

const SpecValue *decl_value(const Decl *decl, const char *key) {
    const SpecEntry *entry = decl_entry(decl, key);
    return entry->count ? &entry->values[0] : NULL;
}

const SpecValue *call_argument(const SpecValue *call, const char *name, int position) {
    for (int i = 0; i < call->count; i++) {
        bool named = call->items[i].name.length > 0;
        if (named ? str_equal(call->items[i].name, str_of(name)) : i == position)
            return &call->items[i].value;
    }
    return NULL;
}

static Str network_at(const Spec *spec, bool imported, int index) {
    return index < spec->networks[imported].count ? spec->networks[imported].at[index]
                                                  : (Str){"", 0};
}

Str spec_network(const Spec *spec, int index) {
    return network_at(spec, false, index);
}

Str spec_import(const Spec *spec, int index) {
    return network_at(spec, true, index);
}

bool spec_has_network(const Spec *spec, Str name) {
    const Source *root = spec->sources.at[0];
    const Item *item = item_find(root, ITEM_NETWORK, (Str){0}, name);
    return item && item->source == root && !item->value;
}

const Space *spec_space(Spec *spec, Str network, Str precision) {
    const Source *root = spec->sources.at[0];
    const Item *item = item_find(root, ITEM_NETWORK, (Str){0}, network);
    const Item *rules = precision_find(root, network, precision);
    if (!item || (precision.length && !rules))
        return NULL;
    return space_of(spec, item, rules);
}

Span spec_network_span(const Spec *spec, Str network) {
    const Item *item = item_find(spec->sources.at[0], ITEM_NETWORK, (Str){0}, network);
    return item ? item->span : (Span){0, 0};
}

const Str *spec_names(const Spec *spec, DeclKind kind, int *count) {
    const Str *names;
    item_names(spec->arena, spec->sources.at[0], ITEM_DECL, str_of(kind_facts[kind].word),
               &names, count);
    return names;
}

Key spec_key(const Spec *spec) {
    Key key = key_of("nas", 3);
    for (int i = 0; i < spec->sources.count; i++) {
        Str text = spec->sources.at[i]->text;
        key = key_join(key, key_of(text.at, (size_t)text.length));
    }
    return key;
}
