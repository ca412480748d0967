/* units.c: quantities and their dimensions.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

static const struct {
    const char *spelling;
    Dimension dimension;
    int64_t numerator, denominator;
} units[] = {
#define UNIT(spelling, dimension, numerator, denominator)                                      \
    {spelling, DIMENSION_##dimension, numerator, denominator},
#include "lang/units.def"
};

static const char *const dimension_names[] = {
#define DIMENSION(NAME, shown) [DIMENSION_##NAME] = shown,
#include "lang/units.def"
};

const char *dimension_name(Dimension dimension) {
    return dimension_names[dimension];
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same but for case and the `i` of KiB: what people mean by KB is one of two things. */
static bool alike(const char *unit, Str written) {
    int k = 0;
    for (const char *u = unit; *u; u++) {
        if (k < written.length && lower(*u) == lower(written.at[k]))
            k++;
        else if (*u != 'i')
            return false;
    }
    return k == written.length;
}

static Str alike_list(Arena *arena, Str written) {
    Text text = text_new(arena);
    for (int i = 0; i < COUNT(units); i++)
        if (alike(units[i].spelling, written))
            text_add(&text, "%s`%s`", text.length ? " or " : "", units[i].spelling);
    return text_str(&text);
}

static void report_unknown(Diagnostics *diagnostics, Token unit) {
    Str names[COUNT(units)];
    for (int i = 0; i < COUNT(units); i++)
        names[i] = str_of(units[i].spelling);
    Arena *scratch = arena_new();
    Str nearest = str_nearest(unit.text, names, COUNT(units)),
        near = alike_list(scratch, unit.text);
    if (near.length)
        error_at(diagnostics, unit.span, "no unit is called `%.*s`; did you mean %.*s?",
                 STR_ARG(unit.text), STR_ARG(near));
    else if (nearest.length)
        error_at(diagnostics, unit.span, "no unit is called `%.*s`; did you mean `%.*s`?",
                 STR_ARG(unit.text), STR_ARG(nearest));
    else
        error_at(diagnostics, unit.span,
                 "no unit is called `%.*s`; there are B KiB MiB kB MB, s ms us, Hz kHz MHz "
                 "GHz, W mW, "
                 "J mJ, bit/s Mbit/s, m km, designs, images and %%",
                 STR_ARG(unit.text));
    arena_free(scratch);
}

bool unit_apply(Diagnostics *diagnostics, Token unit, Rational *number, Dimension *dimension) {
    for (int i = 0; i < COUNT(units); i++) {
        if (!str_equal(unit.text, str_of(units[i].spelling)))
            continue;
        *dimension = units[i].dimension;
        Rational factor = {units[i].numerator, units[i].denominator}, lowest;
        if (rational_make(factor.n, factor.d, &lowest) && rational_mul(*number, lowest, number))
            return true;
        error_at(diagnostics, unit.span, "this quantity is too large to be held exactly");
        return false;
    }
    report_unknown(diagnostics, unit);
    return false;
}

/* The number in the largest unit of its dimension that keeps it at one or above: "16 KiB". */
Str quantity_print(Arena *arena, Rational number, Dimension dimension) {
    int best = -1;
    Rational shown = number, quotient;
    for (int i = 0; i < COUNT(units) && dimension != DIMENSION_NONE; i++) {
        Rational factor = {units[i].numerator, units[i].denominator};
        if (units[i].dimension != dimension || !rational_div(number, factor, &quotient))
            continue;
        bool neat = rational_compare(quotient, RATIONAL(1)) >= 0 && quotient.d <= 1000;
        if (best < 0 || (neat && (quotient.d < shown.d ||
                                  (quotient.d == shown.d && quotient.n < shown.n)))) {
            best = i;
            shown = quotient;
        }
    }
    Str digits = rational_print(arena, shown);
    return best < 0 ? digits
                    : str_format(arena, "%.*s %s", STR_ARG(digits), units[best].spelling);
}
