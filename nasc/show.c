/* What a person sees: sizes, fronts, a network drawn as text. Copyright the nasc authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "nasc/nasc.h"

#include <math.h>
#include <string.h>

Str show_bytes(Arena *arena, double bytes) {
    if (bytes < 1024)
        return str_format(arena, "%.0f B", bytes);
    if (bytes < 1024.0 * 1024)
        return str_format(arena, "%.1f KiB", bytes / 1024);
    return str_format(arena, "%.1f MiB", bytes / (1024.0 * 1024));
}

static Str show_time(Arena *arena, double seconds) {
    if (seconds < 1e-3)
        return str_format(arena, "%.1f us", seconds * 1e6);
    if (seconds < 1)
        return str_format(arena, "%.2f ms", seconds * 1e3);
    return str_format(arena, "%.2f s", seconds);
}

static Str show_count(Arena *arena, double count) {
    if (count < 1e4)
        return str_format(arena, "%.0f", count);
    return count < 1e6 ? str_format(arena, "%.1f k", count / 1e3)
                       : str_format(arena, "%.2f M", count / 1e6);
}

/* How a metric is written, by its dimension in metrics.def. */
typedef enum { SHOW_SHARE, SHOW_BYTES, SHOW_TIME, SHOW_NONE } ShowKind;
static const ShowKind show_kinds[METRIC_COUNT] = {
#define METRIC(NAME, spelling, dimension, direction, documentation) SHOW_##dimension,
#include "net/metrics.def"
#undef METRIC
};

Str show_metric(Arena *arena, Metric metric, double value) {
    switch (show_kinds[metric]) {
    case SHOW_SHARE:
        return str_format(arena, "%.2f %%", 100 * value);
    case SHOW_BYTES:
        return show_bytes(arena, value);
    case SHOW_TIME:
        return show_time(arena, value);
    default:
        return show_count(arena, value);
    }
}

/* ---- fronts ------------------------------------------------------------------------------ */

/* The columns of a front: what the search asked for, then what people want to know. */
static int front_columns(const JudgePlan *plan, Metric *column) {
    static const Metric usual[] = {METRIC_ACCURACY, METRIC_RETENTION, METRIC_LATENCY,
                                   METRIC_FLASH, METRIC_RAM};
    bool shown[METRIC_COUNT] = {false};
    int count = 0;
    for (int i = 0; i < plan->objectives; i++)
        if (!shown[plan->objective[i]])
            shown[column[count++] = plan->objective[i]] = true;
    for (int i = 0; i < plan->limits; i++)
        if (!shown[plan->limit[i].metric])
            shown[column[count++] = plan->limit[i].metric] = true;
    for (int i = 0; i < COUNT(usual); i++)
        if (!shown[usual[i]])
            shown[column[count++] = usual[i]] = true;
    return count;
}

/* Mean bits of the weights of a design. */
static double mean_bits(Arena *arena, const Space *space, const uint8_t *genes) {
    Net net;
    Span span;
    Str why;
    double bits = 0, weights = 0;
    if (!space_instantiate(arena, space, genes, &net, &span, &why))
        return 0;
    for (int i = 1; i < net.count; i++) {
        double own = (double)op_parameters(&net, i);
        if (operator_facts[net.ops[i].kind].weights == WEIGHTED) {
            bits += own * format_bits(net.ops[i].weights);
            weights += own;
        }
    }
    return weights > 0 ? bits / weights : 0;
}

void show_front(const Run *run, int chosen, FILE *out) {
    Metric column[METRIC_COUNT];
    Arena *arena = arena_new();
    int columns = front_columns(&run->plan.judge, column);
    fprintf(out, "\nPareto front of %.*s: %d designs of %d judged\n\n     ",
            STR_ARG(run->plan.name), run->front_count, archive_count(run->archive));
    for (int c = 0; c < columns; c++)
        fprintf(out, " %12s", metric_name(column[c]));
    fprintf(out, "    bits\n");
    for (int i = 0; i < run->front_count; i++) {
        fprintf(out, " %c%3d", i == chosen ? '*' : ' ', i + 1);
        for (int c = 0; c < columns; c++) {
            Metric m = column[c];
            Str value = run->metrics[i].known[m]
                            ? show_metric(arena, m, run->metrics[i].value[m])
                            : STR("-");
            fprintf(out, " %12.*s", STR_ARG(value));
        }
        fprintf(out, " %7.2f\n", mean_bits(arena, run->plan.space, run->front[i]->genes));
    }
    fprintf(out, "\n");
    arena_free(arena);
}

/* ---- networks ---------------------------------------------------------------------------- */

/* "conv 3x3 /2 +relu6 +add": a step in a few words. */
static Str step_title(Arena *arena, const Program *program, int s) {
    const Step *step = &program->steps[s];
    const int *a = step->from->attribute;
    Text text = text_new(arena);
    OpKind kind = step->from->kind;
    text_add(&text, "%s", operator_facts[kind].name);
    if (operator_has(kind, ATTRIBUTE_KERNEL_H))
        text_add(&text, " %dx%d", a[ATTRIBUTE_KERNEL_H], a[ATTRIBUTE_KERNEL_W]);
    if (operator_has(kind, ATTRIBUTE_KERNEL_H) && a[ATTRIBUTE_STRIDE_H] > 1)
        text_add(&text, " /%d", a[ATTRIBUTE_STRIDE_H]);
    OpKind last = program->model->layers[step->layer].kind; /* a clamp fused at the end */
    if (last != kind && (last == OP_RELU || last == OP_RELU6))
        text_add(&text, " +%s", operator_facts[last].name);
    return text_str(&text);
}

static void show_bar(FILE *out, double share) {
    enum { CELLS = 24 };
    int filled = (int)ceil(share * CELLS);
    for (int i = 0; i < CELLS && i < filled; i++)
        fputs("#", out);
}

void show_network(const Net *net, const Program *program, FILE *out) {
    Arena *arena = arena_new();
    int64_t largest = 1;
    for (int s = 0; s < program->count; s++)
        largest = max_i64(largest, program->steps[s].weight_bytes);
    fprintf(out, "network %.*s: %.*s multiplications, %lld parameters\n\n", STR_ARG(net->name),
            STR_ARG(show_count(arena, (double)net_macs(net))), (long long)net_parameters(net));
    fprintf(out, "  %-24s %-14s %-7s %9s\n", "", "output", "weights", "stored");
    Str in = shape_print(arena, program->in_shape);
    fprintf(out, "  %-24s %-14.*s\n", "image", STR_ARG(in));
    for (int s = 0; s < program->count; s++) {
        const Step *step = &program->steps[s];
        bool weighted = step->weight_bytes > 0;
        Str title = step_title(arena, program, s);
        Str shape = shape_print(arena, step->from->out.shape);
        fprintf(out, "  %-24.*s %-14.*s %-7s", STR_ARG(title), STR_ARG(shape),
                weighted ? format_name(step->kernel.weights) : "");
        if (weighted)
            fprintf(out, " %7lld B ", (long long)step->weight_bytes);
        show_bar(out, (double)step->weight_bytes / (double)largest);
        fputs("\n", out);
    }
    arena_free(arena);
}
