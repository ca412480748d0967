/* Any bytes through lexer, layout and parser: they end, and every mistake has a place that can be
 * shown.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "lang/syntax.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    Arena *arena = arena_new();
    Diagnostics *diagnostics = diagnostics_new(arena);
    Source source = {.name = STR("fuzz.nas"),
                     .text = str_copy(arena, (Str){(const char *)bytes, (int)count})};
    bool right = source_parse(arena, diagnostics, &source);
    if (right != (error_count(diagnostics) == 0))
        abort();
    if (!right)
        diagnostics_json(diagnostics, arena);
    arena_free(arena);
    return 0;
}
