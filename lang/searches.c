/* searches.c: whether the parts that a search names fit together; what a split shares with it.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

#include <string.h>

/* ---- objectives -------------------------------------------------------------------------- */

static bool value_given(const SpecEntry *entry, Str name, int before) {
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
        else if (value_given(entry, value->text, i))
            error_at(spec->diagnostics, value->span, "`%s` is named twice", metric->name);
    }
}

void objectives_check(Spec *spec, const Item *item, const Decl *decl) {
    enum { MAX_GIVEN_OBJECTIVES = 8, MAX_GIVEN_LIMITS = 16 };
    const SpecEntry *more = decl_entry(decl, "maximize"), *less = decl_entry(decl, "minimize");
    const SpecEntry *limits = decl_entry(decl, "require");
    check_direction(spec, more, true);
    check_direction(spec, less, false);
    if (!more->given && !less->given && !key_is_misspelt(decl->kind, item, "maximize") &&
        !key_is_misspelt(decl->kind, item, "minimize"))
        error_at(spec->diagnostics, decl->span,
                 "`%.*s` has nothing to search for: name metrics in `maximize:` or `minimize:`",
                 STR_ARG(decl->name));
    if (more->count + less->count > MAX_GIVEN_OBJECTIVES)
        error_at(spec->diagnostics, more->span, "a search has at most %d objectives",
                 MAX_GIVEN_OBJECTIVES);
    if (limits->count > MAX_GIVEN_LIMITS)
        error_at(spec->diagnostics, limits->span, "a search has at most %d limits",
                 MAX_GIVEN_LIMITS);
}

/* ---- training ---------------------------------------------------------------------------- */

static const SpecValue *call_among(const SpecEntry *entry, const char *name) {
    for (int i = 0; i < entry->count; i++)
        if (str_equal(entry->values[i].text, str_of(name)))
            return &entry->values[i];
    return NULL;
}

static bool begins_training(Str word) {
    static const char *const words[] = {"supernet", "from_scratch", "pretrained", "none"};
    for (int i = 0; i < COUNT(words); i++)
        if (str_equal(word, str_of(words[i])))
            return true;
    return false;
}

static void check_training(Spec *spec, const Decl *decl) {
    const SpecEntry *train = decl_entry(decl, "train");
    const SpecValue *none = call_among(train, "none");
    bool begun = false;
    for (int i = 0; i < train->count; i++) {
        const SpecValue *value = &train->values[i];
        bool begins = begins_training(value->text), again = false;
        for (int k = 0; k < i; k++)
            again |= str_equal(train->values[k].text, value->text);
        if (again)
            error_at(spec->diagnostics, value->span, "`%.*s` stands here twice",
                     STR_ARG(value->text));
        else if (begins && i > 0 && !begun)
            error_at(spec->diagnostics, value->span, "`%.*s` comes before `%.*s`",
                     STR_ARG(value->text), STR_ARG(train->values[0].text));
        begun |= begins;
    }
    if (none && train->count > 1)
        error_at(spec->diagnostics, none->span, "`none` stands alone: nothing is trained");
    if (train->count && !begun)
        error_at(spec->diagnostics, train->span, "a search trains a `supernet(...)` first");
}

/* What is trained needs images; what is not needs weights from elsewhere. */
static void check_training_data(Spec *spec, const Decl *decl, const Item *network,
                                const Decl *task) {
    const SpecEntry *train = decl_entry(decl, "train");
    const SpecValue *none = call_among(train, "none");
    if (none && decl->kind == DECL_SEARCH && network && !network->value)
        error_at(spec->diagnostics, none->span,
                 "`%.*s` has no weights yet, so it must be trained; `none` goes with an "
                 "imported network",
                 STR_ARG(network->name));
    if (!train->count || none || !task || decl_entry(task, "train")->given)
        return;
    error_at(spec->diagnostics, train->span,
             "`%.*s` has no `train:` data, which `%.*s` needs; `none` trains nothing",
             STR_ARG(task->name), STR_ARG(train->values[0].text));
}

/* A student has its teacher's classes. */
static void check_teacher(Spec *spec, const Item *item, const Decl *decl, const Space *space) {
    const SpecValue *distill = call_among(decl_entry(decl, "train"), "distill");
    const SpecValue *name = distill ? call_argument(distill, "teacher", 0) : NULL;
    const Item *teacher =
        name ? item_find(item->source, ITEM_NETWORK, (Str){0}, name->text) : NULL;
    const Space *other = teacher ? spec_space(spec, teacher->name, (Str){"", 0}) : NULL;
    if (!other || !space)
        return;
    const SpaceOp *a = &space->ops.at[space->output], *b = &other->ops.at[other->output];
    const Expr *x = &space->exprs.at[a->shape[0]], *y = &other->exprs.at[b->shape[0]];
    if (x->kind == EXPR_CONSTANT && y->kind == EXPR_CONSTANT && x->value.n != y->value.n)
        error_at(spec->diagnostics, name->span,
                 "`%.*s` returns %lld values and its student `%.*s` %lld: they must agree",
                 STR_ARG(other->name), (long long)y->value.n, STR_ARG(space->name),
                 (long long)x->value.n);
}

/* ---- compression ------------------------------------------------------------------------- */

static bool given_argument(const SpecValue *call, const char *name, const SpecValue **value) {
    *value = call_argument(call, name, -1);
    return *value && (*value)->span.start != call->span.start;
}

static void check_prune(Spec *spec, const SpecValue *prune) {
    static const char *const shares[] = {"channels", "sparsity"};
    const SpecValue *method = call_argument(prune, "method", 0), *value;
    bool structured = method && str_equal(method->text, STR("structured"));
    const char *wanted = shares[structured ? 0 : 1], *other = shares[structured ? 1 : 0];
    if (!method)
        return;
    if (given_argument(prune, other, &value))
        error_at(spec->diagnostics, value->span, "`%.*s` pruning has `%s`, not `%s`",
                 STR_ARG(method->text), wanted, other);
    else if (!given_argument(prune, wanted, &value))
        error_at(spec->diagnostics, prune->span,
                 "say how much is pruned: `%s: 50 %%`, or a choice of several", wanted);
}

/* Shares that a call's argument may take lie below one, at one where `whole`. */
void share_check(Spec *spec, const SpecValue *call, const char *name, bool whole) {
    const SpecValue *value = call_argument(call, name, whole ? 0 : -1);
    int count = value && value->type == SPEC_CHOICE ? value->count : value != NULL;
    for (int i = 0; i < count; i++) {
        const SpecValue *one = value->type == SPEC_CHOICE ? &value->items[i].value : value;
        int against = rational_compare(one->number, RATIONAL(1));
        if (one->type == SPEC_NUMBER && (against > 0 || (against == 0 && !whole)))
            error_at(spec->diagnostics, one->span, "`%s` is a share %s 100 %%", name,
                     whole ? "of at most" : "below");
    }
}

static bool mentions_call(const SpecValue *value, Str name) {
    if (value->type == SPEC_CALL && str_equal(value->text, name))
        return true;
    for (int i = 0; i < value->count; i++)
        if (mentions_call(&value->items[i].value, name))
            return true;
    return false;
}

static void check_compression(Spec *spec, const Decl *search) {
    const SpecEntry *compress = decl_entry(search, "compress");
    bool trains = !call_among(decl_entry(search, "train"), "none");
    for (int i = 0; i < compress->count; i++) {
        const SpecValue *call = &compress->values[i];
        if (str_equal(call->text, STR("prune")))
            check_prune(spec, call);
        share_check(spec, call, "channels", false);
        share_check(spec, call, "sparsity", false);
        if (!trains && mentions_call(call, STR("qat")))
            error_at(spec->diagnostics, call->span,
                     "`qat` trains, and `train: none` trains nothing; `ptq` does without");
    }
}

/* ---- network against task ---------------------------------------------------------------- */

/* Whose result a value picks; NULL where it names a network itself. */
static const Item *picked_search(const Item *item, const SpecValue *from) {
    Str search = result_search(from->text);
    return search.length ? item_find(item->source, ITEM_DECL, STR("search"), search) : NULL;
}

const Item *subject_of(const Spec *spec, const Item *item, const SpecValue *from) {
    enum { MAX_CHAIN = 64 };
    for (int i = 0; from && i < MAX_CHAIN; i++) {
        const Item *search = picked_search(item, from);
        if (!search)
            return item_find(item->source, ITEM_NETWORK, (Str){0}, from->text);
        const Decl *decl = decl_of_item(spec, search);
        from = decl ? decl_value(decl, "network") : NULL;
        item = search;
    }
    return NULL;
}

Str spec_subject(const Spec *spec, const Decl *decl) {
    const Item *item = item_of_decl(spec, decl);
    const Item *network = subject_of(spec, item, decl_value(decl, "network"));
    return network ? network->name : (Str){"", 0};
}

/* A search may start from what another found, but not, through others, from its own. */
static bool check_chain(Spec *spec, const Item *item, const SpecValue *from) {
    const Item *at = item;
    Text chain = text_new(spec->arena);
    text_add_str(&chain, item->name);
    const SpecValue *next = from;
    bool first = true;
    for (int i = 0; next && i < 64; i++) {
        const Item *search = picked_search(at, next);
        const Decl *decl = search ? decl_of_item(spec, search) : NULL;
        if (!decl)
            return true;
        text_add(&chain, " -> %.*s", STR_ARG(search->name));
        first &= search->span.start >= item->span.start;
        if (search == item && !first)
            return false; /* said of the one that stands first */
        if (search == item) {
            error_at(spec->diagnostics, from->span,
                     "`%.*s` would have to be done before it begins: %s", STR_ARG(item->name),
                     chain.at);
            return false;
        }
        at = search;
        next = decl_value(decl, "network");
    }
    return false;
}

/* One value for each class comes out: the symbolic extent was proven to be the declared one. */
static void check_classes(Spec *spec, const Space *space, const Decl *decl, const Decl *task) {
    const SpaceOp *output = &space->ops.at[space->output];
    const SpecEntry *labels = decl_entry(task, "labels");
    const Expr *e = &space->exprs.at[output->shape[output->rank - 1]];
    if (!labels->count || e->kind != EXPR_CONSTANT || e->value.n == labels->count)
        return;
    error_at(spec->diagnostics, decl_entry(decl, "network")->span,
             "`%.*s` returns %lld values, but `%.*s` has %d labels", STR_ARG(space->name),
             (long long)e->value.n, STR_ARG(task->name), labels->count);
    note_at(spec->diagnostics, labels->span, "the labels are listed here");
}

static Str quality_of(const Decl *task) {
    const SpecValue *metric = decl_value(task, "metric");
    return metric ? metric->text : (Str){"", 0};
}

/* One answer for an image, or one for each pixel. */
static bool check_output(Spec *spec, const Space *space, const Decl *decl, const Decl *task) {
    bool pixels = space->ops.at[space->output].rank == 3;
    bool masks = str_equal(quality_of(task), STR("miou"));
    bool labels = str_equal(quality_of(task), STR("accuracy"));
    Span span = decl_entry(decl, "network")->span;
    if (masks && !pixels)
        error_at(spec->diagnostics, span,
                 "`%.*s` answers once for an image, but `%.*s` judges every pixel (`miou`)",
                 STR_ARG(space->name), STR_ARG(task->name));
    else if (pixels && labels)
        error_at(spec->diagnostics, span,
                 "`%.*s` answers for every pixel, but `%.*s` judges one label for an image "
                 "(`accuracy`); `metric: miou` judges pixels",
                 STR_ARG(space->name), STR_ARG(task->name));
    return !(masks && !pixels) && !(pixels && labels);
}

/* accuracy, miou and auc exclude each other: a task has one. */
static void check_quality(Spec *spec, const SpecValue *value, const Decl *task) {
    Str quality = quality_of(task);
    for (int i = 0; i < value->count; i++)
        check_quality(spec, &value->items[i].value, task);
    if (value->type != SPEC_NAME || !word_facts_of("quality", value->text) ||
        str_equal(value->text, quality) || !quality.length)
        return;
    error_at(spec->diagnostics, value->span, "`%.*s` judges by `%.*s`, so `%.*s` is not known",
             STR_ARG(task->name), STR_ARG(quality), STR_ARG(value->text));
}

static void check_qualities(Spec *spec, const Decl *decl, const Decl *task) {
    static const char *const keys[] = {"maximize", "minimize", "require"};
    for (int k = 0; k < COUNT(keys); k++) {
        const SpecEntry *entry = decl_entry(decl, keys[k]);
        for (int i = 0; i < entry->count; i++)
            check_quality(spec, &entry->values[i], task);
    }
}

/* What starts from another search's results takes, for each of its devices, that device's. */
static void check_start(Spec *spec, const Item *item, const Decl *decl, const SpecValue *from) {
    const Item *search = picked_search(item, from);
    const Decl *other = search ? decl_of_item(spec, search) : NULL;
    bool bracket = memchr(from->text.at, '[', (size_t)from->text.length) != NULL;
    if (bracket || decl->kind != DECL_SEARCH || !other) {
        result_check(spec, item, from);
        return;
    }
    const SpecEntry *mine = decl_entry(decl, "device"), *known = decl_entry(other, "device");
    for (int i = 0; i < mine->count && known->count; i++)
        if (!value_given(known, mine->values[i].text, known->count)) {
            error_at(spec->diagnostics, from->span,
                     "`%.*s` found nothing for `%.*s`, which is a device of `%.*s`",
                     STR_ARG(other->name), STR_ARG(mine->values[i].text), STR_ARG(decl->name));
            return;
        }
}

const Space *subject_check(Spec *spec, const Item *item, const Decl *decl) {
    const SpecValue *from = decl_value(decl, "network");
    const SpecValue *precision = decl_value(decl, "precision");
    const Decl *task = named_decl(spec, item, DECL_TASK, decl_value(decl, "task"));
    if (task)
        check_qualities(spec, decl, task);
    if (!from || !check_chain(spec, item, from))
        return NULL;
    check_start(spec, item, decl, from);
    const Item *network = subject_of(spec, item, from);
    check_training_data(spec, decl, network, task);
    if (!network)
        return NULL;
    const Item *rules =
        precision ? precision_find(item->source, network->name, precision->text) : NULL;
    if (rules)
        item_clash(spec->diagnostics, precision->span, item->source, rules);
    else if (precision)
        error_at(spec->diagnostics, precision->span, "`%.*s` is not a precision of `%.*s`",
                 STR_ARG(precision->text), STR_ARG(network->name));
    const Space *space =
        spec_space(spec, network->name, precision ? precision->text : (Str){"", 0});
    if (space && task) {
        if (check_output(spec, space, decl, task))
            check_classes(spec, space, decl, task);
    }
    return space;
}

/* ---- network against device -------------------------------------------------------------- */

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

static void check_device_formats(Spec *spec, const Space *space, const Decl *device) {
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

/* Why a metric is not known of a device, or NULL. A device of declared costs has what it
 * declares. */
static const char *unknown_on(const Decl *device, Str metric) {
    const SpecValue *measure = decl_value(device, "measure"),
                    *code = decl_value(device, "code");
    bool costs = code && str_equal(code->text, STR("none"));
    bool counts = measure && str_equal(measure->text, STR("instructions"));
    bool modelled = decl_value(device, "clock") && decl_value(device, "cycles_per_instruction");
    if (str_equal(metric, STR("latency")) && counts && !modelled && !costs)
        return "`clock` and `cycles_per_instruction`";
    if (str_equal(metric, STR("instructions")) && !counts)
        return "`measure: instructions`";
    return NULL;
}

/* device.memory: stated, or flash and ram together. */
static bool device_states(const Decl *device, Str key) {
    for (int i = 0; i < device->count; i++)
        if (str_equal(device->entries[i].key, key) && device->entries[i].count)
            return true;
    return str_equal(key, STR("memory")) && decl_value(device, "flash") &&
           decl_value(device, "ram");
}

static void check_known(Spec *spec, const SpecValue *value, const Decl *device) {
    for (int i = 0; i < value->count; i++)
        check_known(spec, &value->items[i].value, device);
    if (value->type != SPEC_NAME)
        return;
    const char *lacks = unknown_on(device, value->text);
    if (lacks)
        error_at(spec->diagnostics, value->span,
                 "`%.*s` is not known of `%.*s`: the device needs %s", STR_ARG(value->text),
                 STR_ARG(device->name), lacks);
    if (str_equal(value->text, STR("energy")) && !decl_value(device, "power"))
        warn_at(spec->diagnostics, value->span,
                "`%.*s` states no `power`, from which energy "
                "follows",
                STR_ARG(device->name));
    Str key = {value->text.at + 7, value->text.length - 7};
    if (str_starts(value->text, STR("device.")) && !device_states(device, key))
        error_at(spec->diagnostics, value->span, "`%.*s` states no `%.*s`",
                 STR_ARG(device->name), STR_ARG(key));
}

void device_check(Spec *spec, const Space *space, const Decl *decl, const Decl *device) {
    static const char *const keys[] = {"maximize", "minimize", "require"};
    if (space)
        check_device_formats(spec, space, device);
    for (int k = 0; k < COUNT(keys); k++) {
        const SpecEntry *entry = decl_entry(decl, keys[k]);
        for (int i = 0; i < entry->count; i++)
            check_known(spec, &entry->values[i], device);
    }
}

const Decl *named_decl(const Spec *spec, const Item *item, DeclKind kind,
                       const SpecValue *name) {
    const Item *found =
        name ? item_find(item->source, ITEM_DECL, str_of(kind_facts[kind].word), name->text)
             : NULL;
    return found ? decl_of_item(spec, found) : NULL;
}

static void check_devices(Spec *spec, const Item *item, const Decl *search,
                          const Space *space) {
    const SpecEntry *entry = decl_entry(search, "device");
    for (int i = 0; i < entry->count; i++) {
        int before = error_count(spec->diagnostics);
        const Decl *device = named_decl(spec, item, DECL_DEVICE, &entry->values[i]);
        if (value_given(entry, entry->values[i].text, i))
            error_at(spec->diagnostics, entry->values[i].span, "`%.*s` is named twice",
                     STR_ARG(entry->values[i].text));
        else if (device)
            device_check(spec, space, search, device);
        if (error_count(spec->diagnostics) > before)
            return;
    }
}

/* What an imported network's rules give. */
static const Space *formats_of(Spec *spec, const Item *item, const Decl *search) {
    const Item *network = subject_of(spec, item, decl_value(search, "network"));
    const SpecValue *name = decl_value(search, "precision");
    if (!network || !network->value)
        return NULL;
    return import_formats(
        spec, network,
        precision_find(item->source, network->name, name ? name->text : (Str){"", 0}));
}

/* ---- searches ---------------------------------------------------------------------------- */

static void search_engines(Spec *spec, const Item *item, const Decl *search,
                           MissingList *missing) {
    Converter converter = {.spec = spec, .missing = missing};
    const SpecEntry *devices = decl_entry(search, "device");
    const SpecValue *from = decl_value(search, "network");
    if (devices->count > 1)
        gap_missing(&converter, devices->values[1].span, GAP_DEVICES, search->name);
    for (int i = 0; i < devices->count; i++) {
        const Decl *device = named_decl(spec, item, DECL_DEVICE, &devices->values[i]);
        const SpecValue *code = device ? decl_value(device, "code") : NULL;
        if (code && str_equal(code->text, STR("none")))
            gap_missing(&converter, devices->values[i].span, GAP_COSTS, device->name);
    }
    if (from && result_search(from->text).length)
        gap_missing(&converter, from->span, GAP_CHAIN, search->name);
}

/* Membrane potentials are of spiking neurons. */
static void check_gate(Spec *spec, const Decl *search, const Space *space) {
    const SpecValue *strategy = decl_value(search, "strategy");
    const SpecValue *gate = strategy ? call_argument(strategy, "gate", -1) : NULL;
    if (!gate || !space || !str_equal(gate->text, STR("membrane_drift")))
        return;
    for (int i = 1; i < space->ops.count; i++)
        if (space->ops.at[i].kind == OP_LIF)
            return;
    error_at(spec->diagnostics, gate->span,
             "`%.*s` has no spiking neurons (`lif`) whose membranes could drift; "
             "`output_drift` looks at its outputs",
             STR_ARG(space->name));
}

void search_check(Spec *spec, int index) {
    const Decl *search = spec->decls.at[index];
    const Item *item = spec->decl_items.at[index];
    objectives_check(spec, item, search);
    check_training(spec, search);
    check_compression(spec, search);
    const Space *space = subject_check(spec, item, search);
    check_teacher(spec, item, search, space);
    check_gate(spec, search, space);
    check_devices(spec, item, search, space ? space : formats_of(spec, item, search));
    search_engines(spec, item, search, &spec->missing.at[index]);
}
