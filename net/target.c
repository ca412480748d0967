/* What is known of a device. Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

Key target_key(const Target *target) {
    Arena *arena = arena_new();
    Text text = text_new(arena);
    text_add(&text, "%.*s|%.*s|%.17g|%.17g|%d|%d|%.*s|%.*s|%.*s|%x|%x", STR_ARG(target->name),
             STR_ARG(target->isa), target->clock_hz, target->cycles_per_instruction,
             target->code, target->measure, STR_ARG(target->compiler), STR_ARG(target->flags),
             STR_ARG(target->table), target->weight_formats, target->activation_formats);
    Key key = key_of(text.at, (size_t)text.length);
    arena_free(arena);
    return key;
}
