/* Depthwise convolutions by planes.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "codegen/schedule_pair.h"

bool pair_depthwise(Pair *p) {
    (void)p;
    return false;
}
