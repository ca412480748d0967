/* declare.c: declarations: keys against keys.def, inheritance, defaults.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* ---- defaults ---------------------------------------------------------------------------- */

/* The initial values of the table, as a source: one declaration `defaults` of each kind. */
static Source *defaults_source(Spec *spec) {
    Text text = text_new(spec->arena);
    for (int kind = 0; kind < DECL_KINDS; kind++) {
        text_add(&text, "%s defaults {\n", kind_facts[kind].word);
        for (int k = 0; k < key_count; k++) {
            const KeyFacts *facts = &key_facts[k];
            bool quoted = facts->type == TYPE_STRING;
            if (facts->kind == (DeclKind)kind && *facts->initial && *facts->initial != '!')
                text_add(&text, "%s: %s%s%s\n", facts->key, quoted ? "\"" : "", facts->initial,
                         quoted ? "\"" : "");
        }
        text_add(&text, "}\n");
    }
    Source *source = arena_new_of(spec->arena, Source);
    *source = (Source){.name = STR("the defaults"), .text = text_str(&text)};
    source->right = source_parse(spec->arena, spec->diagnostics, source);
    return source;
}

/* ---- keys -------------------------------------------------------------------------------- */

static const KeyFacts *key_facts_of(DeclKind kind, Str key) {
    for (int k = 0; k < key_count; k++)
        if (key_facts[k].kind == kind && str_equal(key, str_of(key_facts[k].key)))
            return &key_facts[k];
    return NULL;
}

enum { MAX_KEYS = 40 };

static int key_names(DeclKind kind, Str names[MAX_KEYS]) {
    int count = 0;
    for (int k = 0; k < key_count && count < MAX_KEYS; k++)
        if (key_facts[k].kind == kind)
            names[count++] = str_of(key_facts[k].key);
    return count;
}

bool key_is_misspelt(DeclKind kind, const Item *item, const char *key) {
    Str names[MAX_KEYS];
    int count = key_names(kind, names);
    for (int i = 0; i < item->entries.count; i++)
        if (!key_facts_of(kind, item->entries.at[i].key) &&
            str_equal(str_nearest(item->entries.at[i].key, names, count), str_of(key)))
            return true;
    return false;
}

static void report_unknown_key(Spec *spec, DeclKind kind, const Entry *entry) {
    Str names[MAX_KEYS];
    int count = key_names(kind, names);
    Text list = text_new(spec->arena);
    for (int i = 0; i < count; i++)
        text_add(&list, "%s%.*s", i ? ", " : "", STR_ARG(names[i]));
    Str nearest = str_nearest(entry->key, names, count);
    if (nearest.length)
        error_at(spec->diagnostics, entry->span, "`%s` has no key `%.*s`; did you mean `%.*s`?",
                 kind_facts[kind].word, STR_ARG(entry->key), STR_ARG(nearest));
    else
        error_at(spec->diagnostics, entry->span, "`%s` has no key `%.*s`; its keys are %.*s",
                 kind_facts[kind].word, STR_ARG(entry->key), STR_ARG(text_str(&list)));
}

static void check_keys(Spec *spec, DeclKind kind, const Item *item) {
    Map *first = map_new(spec->arena);
    for (int i = 0; i < item->entries.count; i++) {
        const Entry *entry = &item->entries.at[i];
        if (!key_facts_of(kind, entry->key))
            report_unknown_key(spec, kind, entry);
        int k;
        if (!map_get(first, entry->key, &k)) {
            map_put(first, entry->key, i);
            continue;
        }
        error_at(spec->diagnostics, entry->span, "`%.*s` is given twice", STR_ARG(entry->key));
        note_at(spec->diagnostics, item->entries.at[k].span, "first here");
    }
}

/* ---- values ------------------------------------------------------------------------------ */

/* The nodes that a key's value consists of, own or inherited, each with the source of its
 * names. */
typedef struct Given {
    const Node *node;
    const Source *source;
} Given;
typedef struct Gathered {
    VEC(Given) nodes;
    Span span;
    bool given;
} Gathered;

static const Entry *entry_of(const Item *item, Str key) {
    for (int i = 0; i < item->entries.count; i++)
        if (str_equal(item->entries.at[i].key, key))
            return &item->entries.at[i];
    return NULL;
}

static void gather_entry(Spec *spec, const Item *item, const Entry *entry, bool many,
                         Gathered *out) {
    for (int i = 0; i < entry->values.count; i++) {
        const Node *node = entry->values.at[i].value;
        if (many && node->kind == NODE_LIST)
            for (int k = 0; k < node->args.count; k++)
                vec_push(spec->arena, &out->nodes,
                         ((Given){node->args.at[k].value, item->source}));
        else
            vec_push(spec->arena, &out->nodes, ((Given){node, item->source}));
    }
}

static const Item *base_of(const Item *item) {
    if (!item->base.length)
        return NULL;
    return item_find(item->source, ITEM_DECL, item->word, item->base);
}

enum { MAX_BASES = 32 }; /* one above the other */

/* A child's key replaces its parent's; one with `+` adds to it. */
static void gather(Spec *spec, const Item *item, const KeyFacts *facts, int depth,
                   Gathered *out) {
    const Entry *entry = entry_of(item, str_of(facts->key));
    const Item *base = base_of(item);
    if (base && depth > 0 && (!entry || entry->adds))
        gather(spec, base, facts, depth - 1, out);
    if (!entry)
        return;
    gather_entry(spec, item, entry, facts->many, out);
    out->span = entry->span;
    out->given = true;
}

static void gather_default(Spec *spec, const Source *defaults, const KeyFacts *facts,
                           Gathered *out) {
    const Item *item =
        defaults->items.count == DECL_KINDS ? defaults->items.at[facts->kind] : NULL;
    const Entry *entry = item ? entry_of(item, str_of(facts->key)) : NULL;
    if (entry)
        gather_entry(spec, item, entry, facts->many, out);
}

static bool convert_all(Spec *spec, const Gathered *from, const KeyFacts *facts, Span fallback,
                        MissingList *missing, SpecEntry *entry) {
    entry->values = arena_array(spec->arena, SpecValue, from->nodes.count);
    Converter converter = {.spec = spec, .missing = missing};
    bool right = true;
    if (from->given)
        engine_missing(&converter, from->span, str_format(spec->arena, "`%s`", facts->key),
                       facts->engine);
    converter.known = !from->given || *facts->engine;
    for (int i = 0; i < from->nodes.count; i++) {
        Given given = from->nodes.at[i];
        if (converter.source != given.source)
            converter.elab =
                elab_new(spec->arena, spec->diagnostics, spec, STR("constants"), given.source);
        converter.source = given.source;
        converter.elab->constants_only = true;
        right &= spec_convert(&converter, given.node, facts->type, facts->of, entry->key,
                              &entry->values[i]);
        if (!from->given)
            entry->values[i].span = fallback;
    }
    entry->count = right ? from->nodes.count : 0;
    return right;
}

static bool entry_make(Spec *spec, const Item *item, const KeyFacts *facts,
                       const Source *defaults, MissingList *missing, SpecEntry *entry) {
    enum { MAX_VALUES = 4096 };
    Gathered gathered = {.span = item->span};
    gather(spec, item, facts, MAX_BASES, &gathered);
    if (!gathered.given)
        gather_default(spec, defaults, facts, &gathered);
    *entry =
        (SpecEntry){.key = str_of(facts->key), .span = gathered.span, .given = gathered.given};
    if (!gathered.given && strcmp(facts->initial, "!") == 0) {
        if (key_is_misspelt(facts->kind, item, facts->key))
            return false;
        error_at(spec->diagnostics, item->span, "`%.*s` needs `%s:` (%s)", STR_ARG(item->name),
                 facts->key, facts->documentation);
        return false;
    }
    if (gathered.nodes.count > MAX_VALUES) {
        error_at(spec->diagnostics, gathered.nodes.at[MAX_VALUES].node->span,
                 "a key takes at most %d values", MAX_VALUES);
        return false;
    }
    if (!facts->many && gathered.nodes.count > 1) {
        error_at(spec->diagnostics, gathered.nodes.at[1].node->span, "`%s` takes one value",
                 facts->key);
        return false;
    }
    return convert_all(spec, &gathered, facts, item->span, missing, entry);
}

/* ---- declarations ------------------------------------------------------------------------ */

static bool check_base(Spec *spec, const Item *item) {
    if (!item->base.length)
        return true;
    const Item *base = base_of(item);
    if (!base) {
        const Str *names;
        int count;
        item_names(spec->arena, item->source, ITEM_DECL, item->word, &names, &count);
        error_at(spec->diagnostics, item->base_span, "no %.*s is called `%.*s`%.*s",
                 STR_ARG(item->word), STR_ARG(item->base),
                 STR_ARG(suggestion(spec->arena, item->base, names, count)));
        return false;
    }
    if (item_clash(spec->diagnostics, item->base_span, item->source, base))
        return false;
    int depth = 0;
    for (; base && depth <= MAX_BASES + 1; depth++, base = base_of(base))
        if (base == item) {
            error_at(spec->diagnostics, item->base_span, "`%.*s` inherits from itself",
                     STR_ARG(item->name));
            return false;
        }
    if (depth == MAX_BASES + 1)
        error_at(spec->diagnostics, item->base_span,
                 "more than %d declarations inherit from one another here", MAX_BASES);
    return depth <= MAX_BASES;
}

static void report_unknown_kind(Spec *spec, const Item *item) {
    static const char *const others[] = {"network", "precision", "block", "use", "let"};
    Str words[DECL_KINDS + COUNT(others)];
    for (int k = 0; k < DECL_KINDS; k++)
        words[k] = str_of(kind_facts[k].word);
    for (int i = 0; i < COUNT(others); i++)
        words[DECL_KINDS + i] = str_of(others[i]);
    error_at(spec->diagnostics, item->word_span, "no declaration begins with `%.*s`%.*s",
             STR_ARG(item->word),
             STR_ARG(suggestion(spec->arena, item->word, words, COUNT(words))));
}

static void declaration_check(Spec *spec, const Item *item, const Source *defaults) {
    int kind = decl_kind_of(item->word);
    if (kind < 0) {
        report_unknown_kind(spec, item);
        return;
    }
    if (!check_base(spec, item))
        return;
    check_keys(spec, (DeclKind)kind, item);
    Decl *decl = arena_new_of(spec->arena, Decl);
    *decl = (Decl){.kind = (DeclKind)kind,
                   .name = item->name,
                   .span = item->span,
                   .root = item->source == spec->sources.at[0]};
    int keys = 0;
    for (int k = 0; k < key_count; k++)
        keys += key_facts[k].kind == decl->kind;
    decl->entries = arena_array(spec->arena, SpecEntry, keys);
    MissingList missing = {0};
    for (int k = 0; k < key_count; k++)
        if (key_facts[k].kind == decl->kind)
            entry_make(spec, item, &key_facts[k], defaults, &missing,
                       &decl->entries[decl->count++]);
    decl->number = spec->decls.count;
    spec->facts.at[item->number - 1].decl = decl->number;
    if (decl->root)
        vec_push(spec->arena, &spec->of_root[decl->kind], decl);
    vec_push(spec->arena, &spec->decls, decl);
    vec_push(spec->arena, &spec->decl_items, item);
    vec_push(spec->arena, &spec->missing, missing);
}

void declarations_check(Spec *spec) {
    Source *defaults = defaults_source(spec);
    const Source *self = defaults;
    defaults->sees = arena_copy(spec->arena, &self, sizeof(const Source *));
    defaults->seen = 1;
    for (int s = 0; s < spec->sources.count; s++)
        for (int i = 0; i < spec->sources.at[s]->items.count; i++)
            if (spec->sources.at[s]->items.at[i]->kind == ITEM_DECL)
                declaration_check(spec, spec->sources.at[s]->items.at[i], defaults);
}

const Item *item_of_decl(const Spec *spec, const Decl *decl) {
    bool own = decl->number < spec->decls.count && spec->decls.at[decl->number] == decl;
    return own ? spec->decl_items.at[decl->number] : NULL;
}

const Decl *decl_of_item(const Spec *spec, const Item *item) {
    int decl = item->number ? spec->facts.at[item->number - 1].decl : -1;
    return decl >= 0 ? spec->decls.at[decl] : NULL;
}
