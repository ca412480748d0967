/* Half-precision floats as bits: base has them.
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#include "base/half.h"
