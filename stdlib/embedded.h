/* embedded.h: the standard library as text within nasc, in order of name.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef EMBEDDED_H
#define EMBEDDED_H

typedef struct Embedded {
    const char *name; /* "std/mobile", as `use` names it; "tables/cortex_m4.csv" */
    const char *text; /* followed by a NUL */
    int length;
} Embedded;

extern const Embedded embedded_library[];
extern const int embedded_count;

#endif
