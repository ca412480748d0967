// The demo's search with every weight at 8 bits: what mixing bits is worth under the same limits.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use "../../examples/fashion/demo.nas"

precision eight of tiny {
    *: weights = i8, activations = i8
}

search uniform : demo {
    precision: eight
}

emit firmware {
    from:   uniform.most_accurate
    prefix: "uniform"
}
