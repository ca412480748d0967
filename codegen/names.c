/* What things are called: kernels in tables, formats and prefixes in C.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/codegen.h"

const char *format_c_type(Format format) {
    return format == FORMAT_I16 ? "int16_t" : format == FORMAT_I8 ? "int8_t" : "uint8_t";
}

bool format_is_packed(Format format) {
    return format_bits(format) < 8;
}

Str capitals(Arena *arena, Str s) {
    char *at = arena_copy(arena, s.at, (size_t)s.length + 1);
    for (int i = 0; i < s.length; i++)
        if (at[i] >= 'a' && at[i] <= 'z')
            at[i] = (char)(at[i] - 'a' + 'A');
    return (Str){at, s.length};
}

Str kernel_print(Arena *arena, Kernel kernel) {
    Text text = text_new(arena);
    if (kernel.kind == OP_INPUT) /* of rows that a streamed step needs again */
        return STR("move");
    text_add(&text, "%s", operator_facts[kernel.kind].name);
    if (operator_facts[kernel.kind].weights == WEIGHTED)
        text_add(&text, " %s", format_name(kernel.weights));
    text_add(&text, " %s", format_name(kernel.in));
    if (operator_facts[kernel.kind].inputs == 2 || kernel.adds)
        text_add(&text, " %s", format_name(kernel.in2));
    text_add(&text, " %s%s%s", format_name(kernel.out), kernel.adds ? " add" : "",
             kernel.accumulator_bits == 64 ? " 64" : "");
    return text_str(&text);
}
