/* result.json: what a search found and what ships, without times or paths.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

static void add_metrics(Text *text, const Metrics *metrics) {
    text_add(text, "{");
    for (int m = 0, shown = 0; m < METRIC_COUNT; m++)
        if (metrics->known[m]) {
            text_add(text, "%s\"%s\": ", shown++ ? ", " : "", metric_name((Metric)m));
            json_add_number(text, metrics->value[m]);
        }
    text_add(text, "}");
}

static void add_design(const Run *run, Text *text, const Design *design) {
    json_add_string(text, genotype_print(run->arena, run->plan.space, design->genes));
}

static void add_front(const Run *run, Text *text) {
    text_add(text, "  \"front\": [");
    for (int i = 0; i < run->front_count; i++) {
        text_add(text, "%s\n    {\"design\": ", i ? "," : "");
        add_design(run, text, run->front[i]);
        text_add(text, ",\n     \"metrics\": ");
        add_metrics(text, &run->metrics[i]);
        text_add(text, "}");
    }
    text_add(text, "\n  ]\n}\n");
}

static Text begin(const Run *run) {
    Text text = text_new(run->arena);
    text_add(&text, "{\n  \"search\": ");
    json_add_string(&text, run->plan.name);
    text_add(&text, ",\n  \"judged\": %d,\n", archive_count(run->archive));
    return text;
}

Str result_front(const Run *run) {
    Text text = begin(run);
    add_front(run, &text);
    return text_str(&text);
}

Str result_winner(const Run *run, const Winner *winner, const Proof *proof) {
    Text text = begin(run);
    text_add(&text, "  \"design\": ");
    add_design(run, &text, winner->design);
    text_add(&text, ",\n  \"inherited\": ");
    add_metrics(&text, &winner->inherited);
    text_add(&text, ",\n  \"tuned\": ");
    add_metrics(&text, &winner->tuned);
    text_add(&text, ",\n  \"test_images\": %d,\n  \"test_accuracy\": ", proof->images);
    json_add_number(&text, proof->accuracy);
    text_add(&text, ",\n");
    add_front(run, &text);
    return text_str(&text);
}
