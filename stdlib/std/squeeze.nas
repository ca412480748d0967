// std/squeeze: SqueezeNet and its fire modules.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/mobile

// A pointwise convolution narrows the tensor; a pointwise one and one of 3 x 3 widen it again,
// side by side (Iandola et al., SqueezeNet, arXiv 1602.07360).
//   squeezed channels in between
//   channels of the result, half of them from each
block fire(x, channels, squeezed) {
    let narrow = x |> conv(squeezed, kernel: 1) |> relu
    return concat(narrow |> conv(channels / 2, kernel: 1) |> relu,
                  narrow |> conv(channels / 2, kernel: 3) |> relu)
}

// SqueezeNet 1.1 (Iandola et al., arXiv 1602.07360; its authors' second release, which computes
// 2.4 times less): fires between poolings, and no dense layer.
//   width    what every number of channels is multiplied by
//   padding  of the first convolution and the poolings; `valid` as published, for large images
block squeezenet(image, classes: 10, width: 1, padding in [same, valid]: same) {
    x = image |> conv(scaled(64, width), kernel: 3, stride: 2, padding: padding) |> relu
    for stage in [[[128, 16], [128, 16]], [[256, 32], [256, 32]],
                  [[384, 48], [384, 48], [512, 64], [512, 64]]] {
        x = x |> max_pool(kernel: 3, stride: 2, padding: padding)
        for f in stage { x = x |> fire(scaled(f[0], width), scaled(f[1], width)) }
    }
    return x |> conv(classes, kernel: 1) |> relu |> global_average
}
