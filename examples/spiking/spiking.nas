// A spiking vision transformer gets its bits by greedy and by beam search, each step gated by
// how far membrane potentials drift.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/spiking
use std/tasks
use std/devices

network spikformer(image: [28, 28, 1]) -> [10] {
    x = image |> spiking_patch_embed(dim: 64, patch: 4, steps: 4)  // [time 4, tokens 49, 64]
    repeat 2 as i { x = x |> spiking_encoder(heads: 4, mlp: 4) }
    return x |> mean(time) |> mean(tokens) |> dense(10)
}

precision of spikformer {
    *:   weights = choice(i2, i3, i4, i6, i8)
    lif: membrane = choice(i8, i16)
}

search greedy_bits of spikformer {
    task:     fashion
    device:   cortex_m7
    minimize: memory
    require:  accuracy >= full_precision - 1.5 %
    train:    pretrained("spikformer.weights", else: from_scratch(epochs: 30))
    strategy: greedy(levels: [network, stage, block], gate: membrane_drift(samples: 64))
}

search beam_bits : greedy_bits {
    strategy: beam(width: 8, levels: [network, stage, block], gate: membrane_drift(samples: 64))
}

experiment tradeoff {
    compare: greedy_bits, beam_bits
    expect:  greedy_bits.saved >= 80 %, beam_bits.memory <= greedy_bits.memory,
             spearman(drift, drop) >= 0.7
}
