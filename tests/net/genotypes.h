/* genotypes.h: every genotype of a small space, one after another.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GENOTYPES_H
#define TESTS_GENOTYPES_H

#include "net/net.h"

/* From all zeros on; false after the last, when all are zeros again. */
static inline bool next_genotype(const Space *space, Gene *gene) {
    for (int c = 0; c < space->choices.count; c++) {
        if (++gene[c] < space->choices.at[c].count)
            return true;
        gene[c] = 0;
    }
    return false;
}

#endif
