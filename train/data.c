/* data.c: finds the images and labels of a task, checks that they belong together, and cuts
 * train into train and validate.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "train/engine.h"

#include <string.h>

/* ---- finding ----------------------------------------------------------------------------- */

static bool not_found(Arena *arena, Str name, Str fetch, DataPath path, Str *why) {
    Text text = text_new(arena);
    text_add(&text, "%.*s: not found", STR_ARG(name));
    if (name.at[0] != '/')
        for (int i = 0; i < path.count; i++)
            text_add(&text, "%s%s", i ? ", " : "; looked in ", path.folder[i]);
    if (fetch.length)
        text_add(&text, "\n%.*s", STR_ARG(fetch));
    *why = text_str(&text);
    return false;
}

static bool data_find(Arena *arena, Str name, Str fetch, DataPath path, const char **found,
                      Str *why) {
    if (!name.length) {
        *why = STR("the task names no file of images or labels");
        return false;
    }
    bool absolute = name.at[0] == '/';
    for (int i = 0; i < (absolute ? 1 : path.count); i++) {
        Str whole = absolute ? name : path_join(arena, str_of(path.folder[i]), name);
        *found = str_terminated(arena, whole);
        if (file_exists(*found))
            return true;
    }
    return not_found(arena, name, fetch, path, why);
}

/* ---- opening ----------------------------------------------------------------------------- */

static bool labels_check(Arena *arena, const Task *task, const char *path, const Idx *labels,
                         Str *why) {
    for (uint32_t i = 0; i < labels->dim[0]; i++) {
        if (labels->data[i] < task->classes)
            continue;
        *why = str_format(arena,
                          "%s: label %d of image %u (offset %u) is out of range: the task "
                          "has %d classes, 0 to %d",
                          path, labels->data[i], i, 8 + i, task->classes, task->classes - 1);
        return false;
    }
    return true;
}

static bool source_open(Arena *arena, const Task *task, const DataSource *source, DataPath path,
                        Dataset *data, Str *why) {
    const char *images_path, *labels_path;
    Idx images, labels;
    if (!data_find(arena, source->images, source->fetch, path, &images_path, why) ||
        !data_find(arena, source->labels, source->fetch, path, &labels_path, why) ||
        !idx_open(arena, images_path, 3, &images, why) ||
        !idx_open(arena, labels_path, 1, &labels, why) ||
        !labels_check(arena, task, labels_path, &labels, why))
        return false;
    if (images.dim[0] != labels.dim[0]) {
        *why = str_format(arena, "%s has %u labels, but %s has %u images", labels_path,
                          labels.dim[0], images_path, images.dim[0]);
        return false;
    }
    *data = (Dataset){(int)images.dim[0], (int)images.dim[1],
                      (int)images.dim[2], images.rank == 4 ? (int)images.dim[3] : 1,
                      task->classes,      images.data,
                      labels.data};
    return true;
}

/* ---- the split --------------------------------------------------------------------------- */

/* How many of a class's images are for validation: the share, rounded half up. */
static int64_t share_of(Rational share, int64_t count) {
    return (2 * share.n * count + share.d) / (2 * share.d);
}

/* Spreads them evenly over the class: image number `rank` of it is one where the line that
 * rises by wanted / count at each image passes an integer. */
static bool is_chosen(int64_t rank, int64_t wanted, int64_t count) {
    return (rank + 1) * wanted / count > rank * wanted / count;
}

/* Marks the images for validation; returns how many. */
static int split_mark(Arena *arena, const Dataset *all, Rational share, bool *chosen) {
    int64_t *count = arena_array(arena, int64_t, all->classes);
    int64_t *rank = arena_array(arena, int64_t, all->classes);
    int total = 0;
    for (int i = 0; i < all->count; i++)
        count[all->label[i]]++;
    for (int i = 0; i < all->count; i++) {
        int c = all->label[i];
        chosen[i] = is_chosen(rank[c]++, share_of(share, count[c]), count[c]);
        total += chosen[i];
    }
    return total;
}

static void part_copy(Arena *arena, const Dataset *all, const bool *chosen, bool which,
                      int count, Dataset *part) {
    size_t image = (size_t)all->height * (size_t)all->width * (size_t)all->channels;
    uint8_t *images = arena_alloc(arena, (size_t)count * image);
    uint8_t *labels = arena_alloc(arena, (size_t)count);
    *part = *all;
    part->count = count;
    part->image = images;
    part->label = labels;
    for (int i = 0; i < all->count; i++)
        if (chosen[i] == which) {
            memcpy(images, all->image + (size_t)i * image, image);
            images += image;
            *labels++ = all->label[i];
        }
}

static bool data_split(Arena *arena, Arena *scratch, const Task *task, const Dataset *all,
                       Dataset *train, Dataset *validate, Str *why) {
    bool *chosen = arena_array(scratch, bool, all->count);
    int count = split_mark(scratch, all, task->validate_share, chosen);
    if (count == 0 || count == all->count) {
        *why = str_format(arena, "a validate share of %.*s of %d images leaves none %s",
                          STR_ARG(rational_print(arena, task->validate_share)), all->count,
                          count ? "to train on" : "to validate on");
        return false;
    }
    part_copy(arena, all, chosen, false, all->count - count, train);
    part_copy(arena, all, chosen, true, count, validate);
    return true;
}

bool data_open(Arena *arena, const Task *task, DataPath path, Dataset *train, Dataset *validate,
               Str *why) {
    Dataset all;
    Arena *scratch = arena_new();
    bool opened = source_open(scratch, task, &task->train, path, &all, why) &&
                  data_split(arena, scratch, task, &all, train, validate, why);
    if (!opened)
        *why = str_copy(arena, *why);
    arena_free(scratch);
    return opened;
}

bool data_open_test(Arena *arena, const Task *task, DataPath path, Dataset *test, Str *why) {
    return source_open(arena, task, &task->test, path, test, why);
}
