// The same network, precision and limits as fashion.nas, searched with a small budget: what
// `make demo` shows.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use "fashion.nas"
use std/tasks

// A few epochs learn more from images that are not moved about.
task still : fashion {
    augment: flip(horizontal)
}

search demo : frontier {
    task:     still
    train:    supernet(epochs: 2, batch: 128, rate: cosine(0.3), smoothing: 0),
              tune(epochs: 4, rate: cosine(0.2), smoothing: 0)
    strategy: nsga2(population: 32, generations: 8)
    judge:    images(1000)               // of the 6,000 validation images
}

emit firmware {
    from:   demo.most_accurate
    as:     c
    prefix: "tiny"
}
