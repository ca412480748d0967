// The whole search of examples/fashion with every weight at 8 bits: what mixing bits is worth.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use "../../examples/fashion/fashion.nas"

precision eight of tiny {
    *: weights = i8, activations = i8
}

search uniform : frontier {
    precision: eight
}

emit firmware {
    from:   uniform.most_accurate
    prefix: "uniform"
}
