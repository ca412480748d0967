// The same network, precision and limits as fashion.nas, searched with a small budget: what
// `make demo` shows.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use "fashion.nas"

search demo : frontier {
    train:    supernet(epochs: 2, batch: 128, rate: cosine(0.05)), tune(epochs: 4)
    strategy: nsga2(population: 32, generations: 8)
    judge:    images(1000)               // of the 6,000 validation images
}

emit firmware {
    from:   demo.most_accurate
    as:     c
    prefix: "tiny"
}
