/* searches.c: whether the parts that a search names fit together.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* ---- objectives -------------------------------------------------------------------------- */

static bool metric_given(const SpecEntry *entry, Str name, int before) {
    for (int i = 0; i < entry->count && i < before; i++)
        if (str_equal(entry->values[i].text, name))
            return true;
    return false;
}

static void check_direction(Spec *spec, const SpecEntry *entry, bool maximize) {
    for (int i = 0; i < entry->count; i++) {
        const SpecValue *value = &entry->values[i];
        const MetricFacts *metric = metric_of(value->text);
        if (metric->higher != maximize)
            error_at(spec->diagnostics, value->span,
                     "`%s` is better when it is %s; it belongs in `%s:`", metric->name,
                     metric->higher ? "larger" : "smaller",
                     metric->higher ? "maximize" : "minimize");
        else if (metric_given(entry, value->text, i))
            error_at(spec->diagnostics, value->span, "`%s` is named twice", metric->name);
    }
}

static void check_objectives(Spec *spec, const Decl *search) {
    enum { MAX_GIVEN_OBJECTIVES = 8, MAX_GIVEN_LIMITS = 16 };
    const SpecEntry *more = decl_entry(search, "maximize"),
                    *less = decl_entry(search, "minimize");
    const SpecEntry *limits = decl_entry(search, "require");
    check_direction(spec, more, true);
    check_direction(spec, less, false);
    if (!more->given && !less->given)
        error_at(spec->diagnostics, search->span,
                 "`%.*s` has nothing to search for: name metrics in `maximize:` or `minimize:`",
                 STR_ARG(search->name));
    if (more->count + less->count > MAX_GIVEN_OBJECTIVES)
        error_at(spec->diagnostics, more->span, "a search has at most %d objectives",
                 MAX_GIVEN_OBJECTIVES);
    if (limits->count > MAX_GIVEN_LIMITS)
        error_at(spec->diagnostics, limits->span, "a search has at most %d limits",
                 MAX_GIVEN_LIMITS);
}

static void check_training(Spec *spec, const Decl *search) {
    const SpecEntry *train = decl_entry(search, "train");
    int supernets = 0, tunings = 0;
    for (int i = 0; i < train->count; i++) {
        bool supernet = str_equal(train->values[i].text, STR("supernet"));
        supernets += supernet;
        tunings += !supernet;
        if (supernets > 1 || tunings > 1)
            error_at(spec->diagnostics, train->values[i].span, "`%.*s` stands here twice",
                     STR_ARG(train->values[i].text));
        else if (supernet && tunings)
            error_at(spec->diagnostics, train->values[i].span,
                     "`supernet` comes before `tune`");
    }
    if (train->count && !supernets)
        error_at(spec->diagnostics, train->span, "a search trains a `supernet(...)` first");
}

/* ---- network against device and task ----------------------------------------------------- */

static unsigned format_bits_of(const SpecEntry *entry) {
    unsigned bits = 0;
    for (int i = 0; i < entry->count; i++)
        bits |= 1u << entry->values[i].number.n;
    return bits;
}

static Str format_list(Arena *arena, unsigned bits) {
    Text text = text_new(arena);
    for (int f = 0; f < FORMAT_COUNT; f++)
        if (bits >> f & 1)
            text_add(&text, "%s%s", text.length ? ", " : "", format_name((Format)f));
    return text_str(&text);
}

/* Reports the first value of a format expression that the device lacks. */
static bool check_formats(Spec *spec, const Space *space, ExprId id, unsigned has, Str device,
                          const char *what, Span span) {
    const Expr *e = &space->exprs.at[id];
    if (e->kind == EXPR_IF)
        return check_formats(spec, space, e->b, has, device, what, span) &&
               check_formats(spec, space, e->c, has, device, what, span);
    const Choice *choice = e->kind == EXPR_CHOICE ? &space->choices.at[e->choice] : NULL;
    for (int v = 0; v < (choice ? choice->count : 1); v++) {
        int64_t format = choice ? choice->values[v].n : e->value.n;
        if (has >> format & 1)
            continue;
        error_at(spec->diagnostics, choice ? choice->span : span,
                 "`%.*s` has no %s in %s; it has %.*s", STR_ARG(device), what,
                 format_name((Format)format), STR_ARG(format_list(spec->arena, has)));
        return false;
    }
    return true;
}

static void check_device(Spec *spec, const Space *space, const Decl *device) {
    unsigned weights = format_bits_of(decl_entry(device, "weights"));
    unsigned activations = format_bits_of(decl_entry(device, "activations"));
    for (int i = 1; i < space->ops.count; i++) {
        const SpaceOp *op = &space->ops.at[i];
        if (op->weights && !check_formats(spec, space, op->weights, weights, device->name,
                                          "weights", op->span))
            return;
        bool spikes = operator_facts[op->kind].output == SPIKES; /* in whatever holds a bit */
        if (op->output && !spikes &&
            !check_formats(spec, space, op->output, activations, device->name, "activations",
                           op->span))
            return;
    }
}

/* One value for each class comes out: the symbolic extent was proven to be the declared one. */
static void check_classes(Spec *spec, const Space *space, const Decl *search,
                          const Decl *task) {
    const SpaceOp *output = &space->ops.at[space->output];
    const SpecEntry *labels = decl_entry(task, "labels");
    const Expr *e = &space->exprs.at[output->shape[0]];
    if (!labels->count || output->rank != 1 || e->kind != EXPR_CONSTANT ||
        e->value.n == labels->count)
        return;
    error_at(spec->diagnostics, decl_entry(search, "network")->span,
             "`%.*s` returns %lld values, but `%.*s` has %d labels", STR_ARG(space->name),
             (long long)e->value.n, STR_ARG(task->name), labels->count);
    note_at(spec->diagnostics, labels->span, "the labels are listed here");
}

static const Decl *named_decl(const Spec *spec, const Item *item, DeclKind kind,
                              const SpecValue *name) {
    const Item *found =
        name ? item_find(item->source, ITEM_DECL, str_of(kind_facts[kind].word), name->text)
             : NULL;
    return found ? decl_of_item(spec, found) : NULL;
}

static void search_check(Spec *spec, const Item *item, const Decl *search) {
    check_objectives(spec, search);
    check_training(spec, search);
    const SpecValue *network = decl_value(search, "network");
    const SpecValue *precision = decl_value(search, "precision");
    const Decl *task = named_decl(spec, item, DECL_TASK, decl_value(search, "task"));
    const Decl *device = named_decl(spec, item, DECL_DEVICE, decl_value(search, "device"));
    if (!network)
        return;
    const Space *space =
        spec_space(spec, network->text, precision ? precision->text : (Str){"", 0});
    if (precision && !precision_find(item->source, network->text, precision->text))
        error_at(spec->diagnostics, precision->span, "`%.*s` is not a precision of `%.*s`",
                 STR_ARG(precision->text), STR_ARG(network->text));
    if (space && task)
        check_classes(spec, space, search, task);
    if (space && device)
        check_device(spec, space, device);
}

/* An emit that starts from a network needs its weights; from a search, has them. */
static void emit_check(Spec *spec, const Decl *emit) {
    const SpecValue *from = decl_value(emit, "from");
    const SpecEntry *weights = decl_entry(emit, "weights");
    if (!from)
        return;
    bool network = from->type == SPEC_NAME;
    for (int i = 0; i < from->text.length; i++)
        network &= from->text.at[i] != '.';
    if (network && !weights->given)
        error_at(spec->diagnostics, from->span,
                 "a network is emitted with its weights: add `weights: \"%.*s.weights\"`",
                 STR_ARG(from->text));
    else if (!network && weights->given)
        error_at(spec->diagnostics, weights->span,
                 "the weights come from the search; `weights:` goes with a network");
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

void searches_check(Spec *spec) {
    for (int i = 0; i < spec->decls.count; i++) {
        const Decl *decl = spec->decls.at[i];
        if (decl->root && decl->kind == DECL_SEARCH)
            search_check(spec, spec->decl_items.at[i], decl);
        if (decl->root && decl->kind == DECL_EMIT)
            emit_check(spec, decl);
    }
}
