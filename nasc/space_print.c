/* What is known of a space, for people and as JSON.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "nasc/space.h"

#include <string.h>

const char *const sum_names[SUM_COUNT] = {
    [SUM_PARAMETERS] = "parameters", [SUM_MACS] = "macs", [SUM_WEIGHT_BYTES] = "weights"};

/* Digits in groups of three. */
static Str grouped(Arena *arena, int64_t value) {
    Str digits = str_format(arena, "%lld", (long long)value);
    Text text = text_new(arena);
    for (int i = 0; i < digits.length; i++)
        text_add(&text, "%s%c", i && (digits.length - i) % 3 == 0 ? "," : "", digits.at[i]);
    return text_str(&text);
}

Str sum_text(Arena *arena, SpaceSum sum, int64_t value) {
    return sum == SUM_WEIGHT_BYTES ? show_bytes(arena, (double)value) : grouped(arena, value);
}

/* ---- for people -------------------------------------------------------------------------- */

static void print_count(const SpaceCount *count, Text *text) {
    if (!count->exact)
        text_add(text, "between %.*s and ", STR_ARG(count->least));
    text_add_str(text, count->digits);
    text_add(text, str_equal(count->digits, STR("1")) ? " member" : " members");
    if (count->digits.length > 7)
        text_add(text, " (about 10^%.1f)", count->log10);
}

static void print_head(const SpaceReport *r, Text *text) {
    if (r->search.length)
        text_add(text, "search %.*s: ", STR_ARG(r->search));
    text_add(text, "network %.*s", STR_ARG(r->network));
    if (r->precision.length)
        text_add(text, ", precision %.*s", STR_ARG(r->precision));
    if (!r->space) {
        text_add(text, ": counted once it is imported\n");
        return;
    }
    text_add(text, ": %d decision%s, ", r->space->choices.count,
             r->space->choices.count == 1 ? "" : "s");
    print_count(&r->all, text);
    if (r->limited) {
        text_add(text, "\n  within the limits that can be counted: ");
        print_count(&r->count, text);
    }
    text_add(text, "\n");
}

static void print_choices(const SpaceReport *r, Text *text) {
    for (int c = 0; c < r->space->choices.count; c++) {
        const Choice *choice = &r->space->choices.at[c];
        text_add(text, "  %-52.*s ", STR_ARG(choice->name));
        for (int v = 0; v < choice->count; v++)
            text_add(text, "%s%.*s", v ? ", " : "",
                     STR_ARG(choice_print(text->arena, choice, v)));
        text_add(text, "%s\n", choice->active ? "   (where it is reached)" : "");
    }
}

static void print_useless(const SpaceReport *r, Text *text) {
    enum { SHOWN = 40 };
    for (int i = 0; i < r->useless.count && i < SHOWN; i++) {
        const Useless *useless = &r->useless.at[i];
        const Choice *choice = &r->space->choices.at[useless->choice];
        text_add(text, "  %.*s: %.*s is never legal", STR_ARG(choice->name),
                 STR_ARG(choice_print(text->arena, choice, useless->value)));
        for (int k = 0; k < useless->causes; k++)
            text_add(text, "%s%.*s", k ? " and " : ", because of ",
                     STR_ARG(useless->because[k]));
        text_add(text, "\n");
    }
    if (r->useless.count > SHOWN)
        text_add(text, "  ... and %d more values that are never legal\n",
                 r->useless.count - SHOWN);
    if (r->unreached)
        text_add(text, "  %d decision%s that no legal member reaches\n", r->unreached,
                 r->unreached == 1 ? "" : "s");
}

static void print_bounds(const SpaceReport *r, Text *text) {
    Arena *arena = text->arena;
    for (int s = 0; s < SUM_COUNT; s++)
        if (r->bounded[s])
            text_add(text, "  %-12s %.*s to %.*s%s%s\n", sum_names[s],
                     STR_ARG(sum_text(arena, (SpaceSum)s, r->bounds[s].low)),
                     STR_ARG(sum_text(arena, (SpaceSum)s, r->bounds[s].high)),
                     s == SUM_WEIGHT_BYTES ? ", packed" : "",
                     r->bounds[s].exact ? "" : " (bounds: no member is outside)");
}

static const Metric surveyed[] = {METRIC_FLASH, METRIC_RAM, METRIC_INSTRUCTIONS,
                                  METRIC_LATENCY};

static bool is_surveyed(Metric metric) {
    bool found = false;
    for (int i = 0; i < COUNT(surveyed); i++)
        found |= surveyed[i] == metric;
    return found;
}

static void print_device(const DeviceReport *device, Text *text) {
    Arena *arena = text->arena;
    text_add(text, "  on %.*s", STR_ARG(device->name));
    if (device->surveyed && device->survey.designs)
        text_add(text,
                 device->survey.all
                     ? ", of all %d members"
                     : ", of %d members, one of the smallest and others drawn evenly",
                 device->survey.designs);
    text_add(text, ":\n");
    for (int i = 0; i < COUNT(surveyed) && device->surveyed; i++) {
        Metric m = surveyed[i];
        if (device->survey.known[m])
            text_add(text, "    %-12s %.*s to %.*s\n", metric_name(m),
                     STR_ARG(show_metric(arena, m, device->survey.low[m])),
                     STR_ARG(show_metric(arena, m, device->survey.high[m])));
    }
    for (int i = 0; i < device->limits.limits && device->surveyed; i++) {
        const Limit *limit = &device->limits.limit[i];
        bool counted = limit->metric == METRIC_PARAMETERS || limit->metric == METRIC_MACS;
        if (counted || !device->survey.known[limit->metric] || !device->survey.designs)
            continue;
        bool always = device->survey.meets[i] == device->survey.designs;
        text_add(text, "    %s %s %.*s holds for %.1f %% of them%s\n",
                 metric_name(limit->metric), limit->at_least ? ">=" : "<=",
                 STR_ARG(show_metric(arena, limit->metric, limit->value)),
                 100.0 * device->survey.meets[i] / device->survey.designs,
                 !always              ? ""
                 : device->survey.all ? ": it never binds"
                                      : ": it did not bind");
    }
    if (device->unknown.length)
        text_add(text, "    %.*s\n", STR_ARG(device->unknown));
    for (int i = 0; i < device->limits.limits; i++) {
        const Limit *limit = &device->limits.limit[i];
        bool cost = is_surveyed(limit->metric) || limit->metric == METRIC_MEMORY;
        if (cost && !device->survey.known[limit->metric])
            text_add(text, "    %s %s %.*s: not known yet\n", metric_name(limit->metric),
                     limit->at_least ? ">=" : "<=",
                     STR_ARG(show_metric(arena, limit->metric, limit->value)));
    }
}

static void print_limits(const SpaceReport *r, Text *text) {
    for (int i = 0; i < r->limits.count; i++) {
        const LimitReport *limit = &r->limits.at[i];
        if (limit->never_binds)
            text_add(text, "  %.*s never binds: every member keeps it\n", STR_ARG(limit->text));
        else if (limit->trained)
            text_add(text, "  %.*s: %s\n", STR_ARG(limit->text),
                     limit->simple ? "only training tells" : "not decided before the search");
    }
}

/* A decision after another, in lines of a readable width. */
static void print_example(const SpaceReport *r, Text *text) {
    enum { WIDTH = 96 };
    Str genes = genotype_print(text->arena, r->space, r->example);
    text_add(text, "  %s:",
             r->example_fits ? "a member that keeps every limit known so far" : "a member");
    for (int at = 0, column = WIDTH; at < genes.length;) {
        int end = at;
        while (end < genes.length && genes.at[end] != ' ')
            end++;
        if (column + 1 + end - at > WIDTH) {
            text_add(text, "\n   ");
            column = 3;
        }
        text_add(text, " %.*s", end - at, genes.at + at);
        column += 1 + end - at;
        at = end + 1;
    }
    text_add(text, "\n");
}

void report_print(const SpaceReport *r, Text *text) {
    print_head(r, text);
    if (!r->space || r->empty)
        return;
    print_choices(r, text);
    print_useless(r, text);
    print_bounds(r, text);
    print_limits(r, text);
    for (int i = 0; i < r->devices.count; i++)
        print_device(&r->devices.at[i], text);
    if (r->example && r->space->choices.count)
        print_example(r, text);
}

/* ---- as JSON ----------------------------------------------------------------------------- */

static void key_string(Text *text, const char *key, Str value) {
    text_add(text, ", \"%s\": ", key);
    json_add_string(text, value);
}

static const char *truth(bool value) {
    return value ? "true" : "false";
}

static void json_count(const SpaceReport *r, Text *text) {
    text_add(text,
             ", \"decisions\": %d, \"members\": \"%.*s\", \"least_members\": \"%.*s\", "
             "\"exact\": %s, \"log10\": ",
             r->space->choices.count, STR_ARG(r->count.digits), STR_ARG(r->count.least),
             truth(r->count.exact));
    json_add_number(text, r->count.log10);
}

static void json_axes(const SpaceReport *r, Text *text) {
    text_add(text, ", \"choices\": [");
    for (int c = 0; c < r->space->choices.count; c++) {
        const Choice *choice = &r->space->choices.at[c];
        text_add(text, "%s{\"name\": ", c ? ", " : "");
        json_add_string(text, choice->name);
        text_add(text, ", \"always\": %s, \"values\": [", truth(!choice->active));
        for (int v = 0; v < choice->count; v++) {
            text_add(text, "%s", v ? ", " : "");
            json_add_string(text, choice_print(text->arena, choice, v));
        }
        text_add(text, "]}");
    }
    text_add(text, "], \"never_reached\": %d, \"never_legal\": [", r->unreached);
    for (int i = 0; i < r->useless.count; i++) {
        const Useless *useless = &r->useless.at[i];
        const Choice *choice = &r->space->choices.at[useless->choice];
        text_add(text, "%s{\"choice\": ", i ? ", " : "");
        json_add_string(text, choice->name);
        key_string(text, "value", choice_print(text->arena, choice, useless->value));
        text_add(text, ", \"because\": [");
        for (int k = 0; k < useless->causes; k++) {
            text_add(text, "%s", k ? ", " : "");
            json_add_string(text, useless->because[k]);
        }
        text_add(text, "]}");
    }
    text_add(text, "]");
}

static void json_bounds(const SpaceReport *r, Text *text) {
    for (int s = 0; s < SUM_COUNT; s++)
        if (r->bounded[s])
            text_add(text, ", \"%s\": {\"least\": %lld, \"most\": %lld, \"exact\": %s}",
                     sum_names[s], (long long)r->bounds[s].low, (long long)r->bounds[s].high,
                     truth(r->bounds[s].exact));
}

static void json_device(const DeviceReport *device, Text *text) {
    text_add(text, "{\"name\": ");
    json_add_string(text, device->name);
    text_add(text, ", \"designs\": %d, \"all\": %s", device->survey.designs,
             truth(device->survey.all));
    for (int i = 0; i < COUNT(surveyed) && device->surveyed; i++) {
        Metric m = surveyed[i];
        if (!device->survey.known[m])
            continue;
        text_add(text, ", \"%s\": {\"least\": ", metric_name(m));
        json_add_number(text, device->survey.low[m]);
        text_add(text, ", \"most\": ");
        json_add_number(text, device->survey.high[m]);
        text_add(text, "}");
    }
    if (device->unknown.length)
        key_string(text, "unknown", device->unknown);
    text_add(text, "}");
}

/* One line for each search. */
void report_json(const SpaceReport *r, Text *text) {
    text_add(text, "{\"search\": ");
    json_add_string(text, r->search);
    key_string(text, "network", r->network);
    if (!r->space) {
        text_add(text, ", \"imported\": false}\n");
        return;
    }
    json_count(r, text);
    json_bounds(r, text);
    json_axes(r, text);
    text_add(text, ", \"limits\": [");
    for (int i = 0; i < r->limits.count; i++) {
        text_add(text, "%s{\"limit\": ", i ? ", " : "");
        json_add_string(text, r->limits.at[i].text);
        text_add(text, ", \"never_binds\": %s, \"trained\": %s}",
                 truth(r->limits.at[i].never_binds), truth(r->limits.at[i].trained));
    }
    text_add(text, "], \"devices\": [");
    for (int i = 0; i < r->devices.count; i++) {
        text_add(text, "%s", i ? ", " : "");
        json_device(&r->devices.at[i], text);
    }
    text_add(text, "]");
    if (r->example)
        key_string(text, "example", genotype_print(text->arena, r->space, r->example));
    text_add(text, "}\n");
}
