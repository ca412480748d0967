// Two operators, two classes, images of 8 x 8: a whole run in a moment. broken.t breaks it.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/devices

network net(image: [8, 8, 1]) -> [2] {
    x = image |> conv(choice(2, 4), kernel: 3, stride: 2) |> relu
    return x |> global_average |> dense(2)
}

precision of net {
    *: weights = choice(i4, i8), activations = i8
}

task small {
    train:    idx("images.gz", "labels")
    validate: 25 % of train
    test:     idx("test-images", "test-labels")
    labels:   "top", "bottom"
    loss:     cross_entropy
    metric:   accuracy
}

search s {
    network:  net
    task:     small
    device:   cortex_m4
    maximize: accuracy
    minimize: flash
    require:  flash <= 64 KiB
    train:    supernet(epochs: 2, batch: 32), tune(epochs: 1)
    strategy: nsga2(population: 4, generations: 2)
    seed:     1
}

emit e {
    from:   s.most_accurate
    as:     c
    prefix: "small"
}
