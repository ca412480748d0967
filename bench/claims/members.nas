// Members of examples/fashion under its own limits, with a supernet of a few epochs: what claims.c
// compares searches and rankings on. `tune` is how long a member is trained alone.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use "../../examples/fashion/demo.nas"
use "../../examples/fashion/fashion.nas"

search members : frontier {
    task:      still
    train:     supernet(epochs: 4, batch: 128, rate: cosine(0.3), smoothing: 0),
               tune(epochs: 3, rate: cosine(0.3), smoothing: 0)
    strategy:  nsga2(population: 24)
    judge:     images(2000)
    calibrate: images(512)
}
