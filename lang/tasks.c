/* tasks.c: whether a task's data, labels and metric fit together.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/elaborate.h"

/* ---- what test is for -------------------------------------------------------------------- */

/* The file of a source's images: its first argument. */
static Str first_file(const SpecValue *source) {
    bool call = source && source->type == SPEC_CALL && source->count;
    return call ? source->items[0].value.text : (Str){"", 0};
}

/* What decides anything during a search must not be what judges its result. */
static void check_test(Spec *spec, const Decl *task) {
    static const char *const keys[] = {"train", "validate", "calibrate"};
    Str test = first_file(decl_value(task, "test"));
    for (int k = 0; k < COUNT(keys); k++) {
        const SpecValue *value = decl_value(task, keys[k]);
        if (!test.length || !str_equal(first_file(value), test))
            continue;
        error_at(spec->diagnostics, value->span,
                 "these are the images of `test:`, which are read once, for the final figures; "
                 "`%s` needs others",
                 keys[k]);
        note_at(spec->diagnostics, decl_entry(task, "test")->span, "`test:` is here");
    }
}

static void check_validate(Spec *spec, const Decl *task) {
    static const char *const keys[] = {"validate", "calibrate"};
    bool train = decl_entry(task, "train")->given;
    for (int k = 0; k < COUNT(keys); k++) {
        const SpecEntry *entry = decl_entry(task, keys[k]);
        const SpecValue *value = decl_value(task, keys[k]);
        if (!value || value->type != SPEC_SHARE || train)
            continue;
        error_at(spec->diagnostics, entry->given ? entry->span : task->span,
                 "`%.*s` has no `train:` to take `%s:` from; give one of them a source",
                 STR_ARG(task->name), keys[k]);
    }
}

/* ---- masks, labels ----------------------------------------------------------------------- */

static bool has_masks(const SpecValue *source) {
    bool npy = str_equal(source->text, STR("npy")) && call_argument(source, "labels", 1);
    return npy || call_argument(source, "masks", -1);
}

/* miou and dice compare masks. */
static void check_masks(Spec *spec, const Decl *task) {
    static const char *const keys[] = {"train", "validate", "test"};
    const SpecValue *metric = decl_value(task, "metric");
    if (!metric || !str_equal(metric->text, STR("miou")))
        return;
    for (int k = 0; k < COUNT(keys); k++) {
        const SpecValue *source = decl_value(task, keys[k]);
        if (!source || source->type != SPEC_CALL || has_masks(source))
            continue;
        error_at(spec->diagnostics, source->span,
                 "`miou` compares masks, and `%s:` has none: `png(\"images/*.png\", masks: "
                 "\"masks/*.png\")`",
                 keys[k]);
        return;
    }
}

static void check_labels(Spec *spec, const Decl *task) {
    const SpecEntry *labels = decl_entry(task, "labels");
    Map *seen = map_new(spec->arena);
    for (int i = 0; i < labels->count; i++) {
        if (map_get(seen, labels->values[i].text, NULL)) {
            error_at(spec->diagnostics, labels->values[i].span,
                     "the label \"%.*s\" stands here twice", STR_ARG(labels->values[i].text));
            return;
        }
        map_put(seen, labels->values[i].text, 1);
    }
}

void task_check(Spec *spec, int index) {
    const Decl *task = spec->decls.at[index];
    Converter converter = {.spec = spec, .missing = &spec->missing.at[index]};
    check_test(spec, task);
    check_validate(spec, task);
    check_masks(spec, task);
    check_labels(spec, task);
    if (!decl_entry(task, "labels")->count)
        gap_missing(&converter, task->span, GAP_LABELS, task->name);
    if (!decl_entry(task, "train")->given)
        gap_missing(&converter, task->span, GAP_TRAIN, task->name);
}
