// std/efficientnet: EfficientNet of any depth and width.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// Tan and Le, arXiv 1905.11946. With `width` and `depth` of the paper's compound scaling:
//
//   network    B0    B1    B2    B3    B4    B5    B6    B7
//   width      1     1     1.1   1.2   1.4   1.6   1.8   2
//   depth      1     1.1   1.2   1.4   1.8   2.2   2.6   3.1
//   pixels    224   240   260   300   380   456   528   600
use std/mobile

// EfficientNet (Tan and Le, arXiv 1905.11946): stages of mbconv with squeeze and excitation; as it
// stands, B0.
//   width    what every number of channels is multiplied by
//   depth    what the number of blocks in a stage is multiplied by, and rounded up
block efficientnet(image, classes: 10, width: 1, depth: 1) {
    x = image |> conv_bn_act(scaled(32, width), stride: 2, act: silu)
    for s in [{channels: 16, expand: 1, kernel: 3, stride: 1, blocks: 1},
              {channels: 24, expand: 6, kernel: 3, stride: 2, blocks: 2},
              {channels: 40, expand: 6, kernel: 5, stride: 2, blocks: 2},
              {channels: 80, expand: 6, kernel: 3, stride: 2, blocks: 3},
              {channels: 112, expand: 6, kernel: 5, stride: 1, blocks: 3},
              {channels: 192, expand: 6, kernel: 5, stride: 2, blocks: 4},
              {channels: 320, expand: 6, kernel: 3, stride: 1, blocks: 1}] {
        repeat ceil(s.blocks * depth) as i {
            x = x |> mbconv(scaled(s.channels, width), expand: s.expand, kernel: s.kernel,
                            stride: if i == 0 then s.stride else 1, se: true, act: silu,
                            squeezed: floor(channels(x) / 4), excite: silu_excite)
        }
    }
    x = x |> conv_bn_act(4 * channels(x), kernel: 1, act: silu)
    return x |> global_average |> dense(classes)
}

// Squeeze and excitation (Hu et al., arXiv 1709.01507) with the activations of EfficientNet
// (arXiv 1905.11946).
block silu_excite(x, squeezed) {
    return x |> squeeze_excite(squeezed, act: silu, gate: sigmoid)
}
