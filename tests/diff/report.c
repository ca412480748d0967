/* What was compared so far, path by path, kept over runs; and failing networks as .nas.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/diff.h"

#include <stdlib.h>
#include <string.h>

/* ---- counts ------------------------------------------------------------------------------ */

static Str counts_path(const Counts *counts) {
    return path_join(counts->arena, counts->folder, STR("counts"));
}

Counts counts_read(Arena *arena, Str folder) {
    Counts counts = {.arena = arena, .folder = folder};
    Str text;
    const char *why;
    if (!file_read(arena, counts_path(&counts).at, 1 << 20, &text, &why))
        return counts;
    char *at = (char *)text.at;
    for (char *line = strtok(at, "\n"); line; line = strtok(NULL, "\n")) {
        Count c = {0};
        long long next, networks, differences, now, now_differences;
        if (sscanf(line, "%31s %lld %lld %lld %35s %lld %lld", c.path, &next, &networks,
                   &differences, c.build, &now, &now_differences) != 7)
            continue;
        c.next = (uint64_t)next;
        c.networks = networks;
        c.differences = differences;
        c.build_networks = now;
        c.build_differences = now_differences;
        vec_push(arena, &counts.rows, c);
    }
    return counts;
}

Count *counts_of(Counts *counts, const Path *path) {
    for (int i = 0; i < counts->rows.count; i++)
        if (!strcmp(counts->rows.at[i].path, path->name))
            return &counts->rows.at[i];
    Count fresh = {.next = 1};
    snprintf(fresh.path, sizeof fresh.path, "%s", path->name);
    vec_push(counts->arena, &counts->rows, fresh);
    return &counts->rows.at[counts->rows.count - 1];
}

void counts_write(const Counts *counts) {
    Text text = text_new(counts->arena);
    const char *why;
    for (int i = 0; i < counts->rows.count; i++) {
        const Count *c = &counts->rows.at[i];
        text_add(&text, "%s %lld %lld %lld %s %lld %lld\n", c->path, (long long)c->next,
                 (long long)c->networks, (long long)c->differences, c->build,
                 (long long)c->build_networks, (long long)c->build_differences);
    }
    if (!file_write(counts_path(counts).at, text_str(&text), &why))
        die(EXIT_ENVIRONMENT, "cannot write %s: %s", counts_path(counts).at, why);
}

void counts_print(const Counts *counts, FILE *out) {
    fprintf(out, "%-16s %10s %12s   %s\n", "path", "networks", "differences",
            "of these by the last build");
    for (int i = 0; i < path_count; i++)
        for (int k = 0; k < counts->rows.count; k++) {
            const Count *c = &counts->rows.at[k];
            if (!strcmp(c->path, paths[i].name))
                fprintf(out, "%-16s %10lld %12lld   %lld, %lld different (%.8s)\n", c->path,
                        (long long)c->networks, (long long)c->differences,
                        (long long)c->build_networks, (long long)c->build_differences,
                        c->build);
        }
}

/* ---- failures ---------------------------------------------------------------------------- */

/* The codes, biases and multipliers of small layers, as comments. */
static void layer_print(Text *text, const Layer *layer) {
    enum { MOST_CODES = 64, MOST_CHANNELS = 16 };
    text_add(text, "// %.*s: zero %d, low %d, high %d, shift %d, bound %lld in %d bits\n",
             STR_ARG(layer->path), layer->out.zero, layer->low, layer->high, layer->shift,
             (long long)layer->bound, layer->accumulator_bits);
    int codes = layer->out_channels * layer->row;
    for (int i = 0; layer->weight && codes <= MOST_CODES && i < codes; i++)
        text_add(text, "%s%d%s", i ? " " : "//   codes ", layer->weight[i],
                 i + 1 < codes ? "" : "\n");
    for (int c = 0; layer->bias && c < layer->out_channels && c < MOST_CHANNELS; c++)
        text_add(text, "//   channel %d: bias %lld, multiplier %d\n", c,
                 (long long)layer->bias[c], layer->multiplier[c]);
}

static void difference_print(Text *text, const Path *path, const Recipe *recipe,
                             const Difference *d) {
    text_add(text, "// %s differs from the reference, seed %llu: ", path->name,
             (unsigned long long)recipe->seed);
    if (d->vector >= 0)
        text_add(text, "input %d, element %d of the output: expected %d, got %d\n", d->vector,
                 d->element, d->expected, d->got);
    for (const char *c = d->said; *c; c++) {
        text_add(text, "%c", *c);
        if (*c == '\n')
            text_add(text, "// ");
    }
    text_add(text, "\n");
}

Str failure_write(Arena *arena, Str folder, const Path *path, const Recipe *recipe,
                  const Difference *difference) {
    Text text = text_new(arena);
    Net net;
    Model model;
    Str why;
    difference_print(&text, path, recipe, difference);
    if (recipe_build(arena, recipe, &net, &model, &why)) {
        net_print(&net, &text);
        for (int i = 0; i < model.count; i++)
            layer_print(&text, &model.layers[i]);
    }
    recipe_print(recipe, &text);
    const char *fault;
    Str name = str_format(arena, "%s-%llu.nas", path->name, (unsigned long long)recipe->seed);
    Str file = path_join(arena, folder, name);
    if (!file_write(file.at, text_str(&text), &fault))
        die(EXIT_ENVIRONMENT, "cannot write %s: %s", file.at, fault);
    return file;
}
