/* experiments.c: the arms of an experiment, and whether what it expects of them can be known.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

typedef struct Arms {
    Spec *spec;
    const Item *item;
    const Decl *decl;
    const SpecEntry *compare;
} Arms;

/* What an arm is made of: the search or split that it is, or that a call takes. */
static Str arm_subject(const SpecValue *arm) {
    return arm->type == SPEC_CALL && arm->count ? arm->items[0].value.text : arm->text;
}

static bool same_arm(const SpecValue *a, const SpecValue *b) {
    return a->type == b->type && str_equal(a->text, b->text) &&
           str_equal(arm_subject(a), arm_subject(b));
}

static const Decl *arm_decl(const Arms *arms, const SpecValue *arm) {
    SpecValue name = {.text = arm_subject(arm)};
    const Decl *search = named_decl(arms->spec, arms->item, DECL_SEARCH, &name);
    return search ? search : named_decl(arms->spec, arms->item, DECL_SPLIT, &name);
}

static void check_arms(const Arms *arms) {
    const SpecEntry *compare = arms->compare;
    for (int i = 0; i < compare->count; i++)
        for (int k = 0; k < i; k++)
            if (same_arm(&compare->values[i], &compare->values[k]))
                error_at(arms->spec->diagnostics, compare->values[i].span,
                         "this arm stands here twice");
    if (compare->count == 1)
        error_at(arms->spec->diagnostics, compare->span,
                 "an experiment compares two arms or more");
}

/* ---- results ----------------------------------------------------------------------------- */

static Str arm_print(Arena *arena, const SpecValue *arm) {
    if (arm->type != SPEC_CALL)
        return arm->text;
    return str_format(arena, "%.*s(%.*s)", STR_ARG(arm->text), STR_ARG(arm_subject(arm)));
}

static void report_unknown_arm(const Arms *arms, const SpecValue *named) {
    Spec *spec = arms->spec;
    Str *names = arena_array(spec->arena, Str, arms->compare->count);
    for (int i = 0; i < arms->compare->count; i++)
        names[i] = arms->compare->values[i].text;
    error_at(spec->diagnostics, named->span, "`%.*s` compares no `%.*s`%.*s",
             STR_ARG(arms->decl->name), STR_ARG(arm_print(spec->arena, named)),
             STR_ARG(suggestion(spec->arena, named->text, names, arms->compare->count)));
}

/* The arm that a name or a call means: `ground_only` is the one arm that is made so. */
static const SpecValue *arm_named(const Arms *arms, const SpecValue *named) {
    const SpecValue *found = NULL;
    for (int i = 0; i < arms->compare->count; i++) {
        const SpecValue *arm = &arms->compare->values[i];
        bool meant =
            named->type == SPEC_CALL ? same_arm(arm, named) : str_equal(arm->text, named->text);
        if (meant && found) {
            error_at(arms->spec->diagnostics, named->span,
                     "two arms are called `%.*s`: write `%.*s`", STR_ARG(named->text),
                     STR_ARG(arm_print(arms->spec->arena, found)));
            return NULL;
        }
        if (meant)
            found = arm;
    }
    if (!found)
        report_unknown_arm(arms, named);
    return found;
}

/* recovered = (this arm - the converted one) / (full precision - the converted one). */
static void check_recovered(const Arms *arms, const SpecValue *arm, Span span) {
    for (int i = 0; i < arms->compare->count; i++) {
        const SpecValue *other = &arms->compare->values[i];
        if (str_equal(other->text, STR("search_then_convert")) &&
            str_equal(arm_subject(other), arm_subject(arm)))
            return;
    }
    error_at(arms->spec->diagnostics, span,
             "`recovered` compares with conversion afterwards: add "
             "`search_then_convert(%.*s)` to `compare:`",
             STR_ARG(arm_subject(arm)));
}

static void check_result(const Arms *arms, const SpecValue *value) {
    const SpecValue *arm = arm_named(arms, &value->items[0].value);
    const Decl *decl = arm ? arm_decl(arms, arm) : NULL;
    Str result = value->text;
    while (result.length && memchr(result.at, '.', (size_t)result.length))
        result = (Str){result.at + 1, result.length - 1};
    const MetricFacts *metric = metric_of(result);
    if (!decl || !metric)
        return;
    bool search = decl->kind == DECL_SEARCH;
    if (!(metric->of & (search ? OF_SEARCH : OF_SPLIT)))
        error_at(arms->spec->diagnostics, value->span,
                 "`%.*s` is a %s, which has no `%s`: that is of a %s", STR_ARG(arm->text),
                 search ? "search" : "split", metric->name, search ? "split" : "search");
    else if (str_equal(result, STR("recovered")))
        check_recovered(arms, arm, value->span);
}

static void check_claim(const Arms *arms, const SpecValue *value) {
    if (value->type == SPEC_NAME && value->count) {
        check_result(arms, value);
        return;
    }
    for (int i = 0; i < value->count; i++)
        check_claim(arms, &value->items[i].value);
}

void experiment_check(Spec *spec, int index) {
    const Decl *decl = spec->decls.at[index];
    Arms arms = {spec, spec->decl_items.at[index], decl, decl_entry(decl, "compare")};
    const SpecEntry *expect = decl_entry(decl, "expect");
    check_arms(&arms);
    for (int i = 0; i < expect->count && arms.compare->count; i++)
        check_claim(&arms, &expect->values[i]);
}
