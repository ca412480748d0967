/* Files that ship within nasc: cost tables, and the C of the harness.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"
#include "stdlib/embedded.h"

enum { MOST_TABLE = 16 << 20 };

bool library_file(Arena *arena, const char *std_path, Str name, Str *text, Str *why) {
    const char *reason;
    if (std_path) {
        const char *path = str_terminated(arena, path_join(arena, str_of(std_path), name));
        if (file_exists(path)) {
            if (file_read(arena, path, MOST_TABLE, text, &reason))
                return true;
            *why = str_format(arena, "%s: %s", path, reason);
            return false;
        }
    }
    for (int i = 0; i < embedded_count; i++)
        if (str_equal(str_of(embedded_library[i].name), name)) {
            *text = (Str){embedded_library[i].text, embedded_library[i].length};
            return true;
        }
    *why = str_format(arena, "the standard library has no %.*s", STR_ARG(name));
    return false;
}
