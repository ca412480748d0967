// The network and precision of fashion.nas under much tighter limits, searched with a small budget:
// what `make demo` shows. With 8 bits for every weight not even the smallest member fits 11.5 KiB.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use "fashion.nas"
use std/tasks

// A few epochs learn more from images that are not moved about.
task still : fashion {
    augment: flip(horizontal)
}

search demo : frontier {
    task:      still
    require:   ram <= 6 KiB, flash <= 11.5 KiB, retention >= 97 %
    train:     supernet(epochs: 2, batch: 128, rate: cosine(0.3), smoothing: 0),
               tune(epochs: 20, rate: cosine(0.3), smoothing: 0)
    strategy:  nsga2(population: 24, generations: 12)
    judge:     images(2000)  // of the 6,000 validation images
    calibrate: images(512)
}

emit firmware {
    from:   demo.most_accurate
    as:     c
    prefix: "tiny"
}
