// std/keyword: networks that listen for words.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/mobile

// Keyword spotting on 49 frames of 10 coefficients (Zhang et al., Hello Edge, arXiv 1711.07128),
// as in MLPerf Tiny (arXiv 2106.07597): on [49, 10, 1], 2,656,768 multiplications and 22,604
// parameters with norms folded.
//   depth    separable convolutions after the first, full one
block ds_cnn(sound, classes: 12, width: 64, depth: 4) {
    x = sound |> conv_bn_act(width, kernel: [10, 4], stride: 2)
    repeat depth { x = x |> separable(width) }
    return x |> global_average |> dense(classes)
}
