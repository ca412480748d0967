/* space.h: what is known of a space before anything is trained, for those who find it and those
 * who print it.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef SPACE_H
#define SPACE_H

#include "nasc/nasc.h"

/* A value that no legal member takes. */
typedef struct Useless {
    int choice, value;
    const Str *because; /* (causes) "width >= 16 at line 9"; none: not known */
    int causes;
} Useless;

/* A limit of the search. */
typedef struct LimitReport {
    Str text; /* as written */
    Span span;
    bool counted; /* exactly, before training: `never_binds` means something */
    bool never_binds;
    bool trained; /* only training tells */
    Limit limit;
    bool simple; /* `limit` says all of it */
} LimitReport;

/* What a device makes of the space. */
typedef struct DeviceReport {
    Str name;
    JudgePlan limits;
    bool surveyed, costed; /* by the planner; with a table */
    Survey survey;
    Str unknown; /* "latency: no table for cortex_a78 yet"; may be empty */
} DeviceReport;

typedef struct SpaceReport {
    Arena *arena;
    const Diagnostics *places;
    Str search; /* empty: of a network by itself */
    Str network, precision;
    const Space *space;
    SpaceCount all;   /* before limits */
    SpaceCount count; /* that keep the limits which are counted exactly */
    bool limited;     /* there are such limits */
    bool empty;       /* nothing is legal, which has been said */
    bool bounded[SUM_COUNT];
    SumBounds bounds[SUM_COUNT];
    VEC(LimitReport) limits;
    VEC(Useless) useless;
    int unreached; /* decisions that no legal member reaches */
    VEC(DeviceReport) devices;
    Gene *example;     /* or NULL */
    bool example_fits; /* it was seen to keep every limit that needs no training */
} SpaceReport;

extern const char *const sum_names[SUM_COUNT];
Str sum_text(Arena *arena, SpaceSum sum, int64_t value);
void report_print(const SpaceReport *report, Text *text);
void report_json(const SpaceReport *report, Text *text);

#endif
