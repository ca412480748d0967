// Low precision inside the search loop, against search first and conversion after it: which
// keeps more? Ships on radar tiles are segmented, at f16 and with integers.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/unet
use std/devices

network ships(tile: [64, 64, 1]) -> [64, 64, 2] {
    return tile |> unet(levels: choice(2..4), channels: choice(4..12 step 2),
                        block: choice(conv_bn_act, mbconv, residual),
                        pool: choice(max, average))
}

precision half of ships { *: weights = f16, activations = f16 }
precision low of ships { *: weights = choice(i2, i4, i8), activations = choice(i4, i8) }

task vessels {
    train:    png("tiles/train/*.png", masks: "masks/train/*.png")
    validate: 10 % of train
    test:     png("tiles/test/*.png", masks: "masks/test/*.png")
    loss:     cross_entropy + dice
    metric:   miou
}

search aligned of ships {
    precision: low
    task:      vessels
    device:    bit_serial  // cost-only; `half` goes with device myriad_x
    maximize:  miou, retention
    minimize:  latency
    require:   parameters <= 100000, miou >= 0.8
    train:     supernet(epochs: 20), tune(epochs: 10)
    strategy:  nsga2(population: 50, generations: 30)
}

experiment gap {
    compare: aligned, search_then_convert(aligned)  // the latter gets the same extra epochs
    seeds:   1..3
    expect:  aligned.recovered >= 60 %  // paper: (0.826 - 0.78) / (0.85 - 0.78) = 65.7 %
}
