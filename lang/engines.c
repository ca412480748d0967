/* engines.c: what a declaration asks for that nothing in nasc does yet. The tables say which
 * words lack their engine; here is gathered what a search or an emission refers to.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

typedef struct Gathering {
    const Spec *spec;
    MissingList *list;
    VEC(const Decl *) seen;
} Gathering;

static void gather_decl(Gathering *gathering, const Decl *decl);

static void gather_named(Gathering *gathering, const Item *item, DeclKind kind, Str name) {
    const Item *found = item_find(item->source, ITEM_DECL, str_of(kind_facts[kind].word), name);
    const Decl *decl = found ? decl_of_item(gathering->spec, found) : NULL;
    if (decl)
        gather_decl(gathering, decl);
}

/* An imported network wants its reader. */
static void gather_network(Gathering *gathering, const Item *item, Str name) {
    const Spec *spec = gathering->spec;
    const Item *network = item_find(item->source, ITEM_NETWORK, (Str){0}, name);
    if (!network || !network->value || network->value->kind != NODE_CALL)
        return;
    Converter converter = {.spec = (Spec *)spec, .missing = gathering->list};
    Str word = network->value->a->text;
    const CallFacts *facts = call_facts_of("import", word);
    for (int i = 0; i < gathering->list->count; i++)
        if (gathering->list->at[i].span.start == network->value->span.start)
            return;
    if (facts)
        engine_missing(&converter, network->value->span,
                       str_format(spec->arena, "`%.*s`", STR_ARG(word)), facts->engine);
}

static void gather_value(Gathering *gathering, const Item *item, FactType type,
                         const SpecValue *value) {
    switch (type) {
    case TYPE_TASK:
        gather_named(gathering, item, DECL_TASK, value->text);
        return;
    case TYPE_FLEET:
        gather_named(gathering, item, DECL_FLEET, value->text);
        return;
    case TYPE_DEVICE:
    case TYPE_MEMBER:
    case TYPE_STATION:
        gather_named(gathering, item, DECL_DEVICE, value->text);
        return;
    case TYPE_RESULT:
        gather_named(gathering, item, DECL_SEARCH, result_search(value->text));
        gather_named(gathering, item, DECL_SPLIT, value->text);
        gather_network(gathering, item, value->text);
        return;
    default:
        return;
    }
}

/* A kind without an engine says that once, instead of everything in it. */
static bool kind_missing(const Spec *spec, const Decl *decl, MissingList *list) {
    Converter converter = {.spec = (Spec *)spec, .missing = list};
    const KindFacts *kind = &kind_facts[decl->kind];
    engine_missing(&converter, decl->span, str_format(spec->arena, "`%s`", kind->word),
                   kind->engine);
    return *kind->engine;
}

static void gather_decl(Gathering *gathering, const Decl *decl) {
    const Spec *spec = gathering->spec;
    for (int i = 0; i < gathering->seen.count; i++)
        if (gathering->seen.at[i] == decl)
            return;
    vec_push(spec->arena, &gathering->seen, decl);
    if (kind_missing(spec, decl, gathering->list))
        return;
    const MissingList *own = &spec->missing.at[decl->number];
    for (int k = 0; k < own->count; k++)
        vec_push(spec->arena, gathering->list, own->at[k]);
    const Item *item = item_of_decl(spec, decl);
    for (int k = 0, e = 0; k < key_count; k++) {
        if (key_facts[k].kind != decl->kind)
            continue;
        const SpecEntry *entry = &decl->entries[e++];
        for (int v = 0; v < entry->count; v++)
            gather_value(gathering, item, key_facts[k].type, &entry->values[v]);
    }
}

const Missing *decl_missing(const Spec *spec, const Decl *decl, int *count) {
    MissingList list = {0};
    Gathering gathering = {.spec = spec, .list = &list};
    gather_decl(&gathering, decl);
    *count = list.count;
    return list.at;
}
