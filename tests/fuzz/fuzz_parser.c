/* Any bytes through lexer, layout and parser: they end, and every mistake has a place that can be
 * shown.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "lang/syntax.h"

int fuzz_parser(const uint8_t *bytes, size_t count) {
    double begun = fuzz_clock();
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Source source = {.name = STR("fuzz.nas"),
                     .text = str_copy(arena, (Str){(const char *)bytes, (int)count})};
    bool right = source_parse(arena, diagnostics, &source);
    if (right != (error_count(diagnostics) == source.slips))
        abort();
    if (!right)
        diagnostics_json(diagnostics, arena);
    arena_free(arena);
    fuzz_require_quick(begun);
    return 0;
}
