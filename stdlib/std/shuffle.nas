// std/shuffle: ShuffleNet V2.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/mobile

// The unit of ShuffleNet V2 (Ma et al., arXiv 1807.11164): one half of the channels is worked on,
// the other passes by, and both are shuffled. With a stride of 2 both halves are made from the
// whole input.
//   channels of the result, an even number; with a stride of 1 as many as `x` has
block shuffle_unit(x, channels, stride: 1) {
    let by = if stride == 1 then x |> slice(channels(x) / 2)
             else x |> shuffle_depthwise(channels / 2, stride: stride)
    let through = if stride == 1 then x |> slice(channels(x) / 2, from: channels(x) / 2) else x
    let worked = through |> conv_bn_act(channels / 2, kernel: 1)
                         |> shuffle_depthwise(channels / 2, stride: stride)
    return concat(by, worked) |> channel_shuffle(groups: 2)
}

// A depthwise convolution without activation and a pointwise one (Ma et al., arXiv 1807.11164).
block shuffle_depthwise(x, channels, stride: 1) {
    return x |> depthwise(kernel: 3, stride: stride) |> batch_norm
             |> conv_bn_act(channels, kernel: 1)
}

// ShuffleNet V2 (Ma et al., arXiv 1807.11164, table 5: widths 0.5, 1, 1.5 and 2).
//   width    0.5 to 2 as published; below 1 the first stage has 96 times as many channels
block shufflenet_v2(image, classes: 10, width: 1) {
    let channels = if width < 1 then scaled(96, width)
                   else if width < 1.5 then multiple_of(116 * width, 4)
                   else if width < 2 then multiple_of(352 / 3 * width, 4)
                   else multiple_of(122 * width, 4)
    x = image |> conv_bn_act(24, stride: 2) |> max_pool(kernel: 3, stride: 2)
    for stage in [{times: 1, units: 4}, {times: 2, units: 8}, {times: 4, units: 4}] {
        x = x |> shuffle_unit(channels * stage.times, stride: 2)
        repeat stage.units - 1 { x = x |> shuffle_unit(channels * stage.times) }
    }
    x = x |> conv_bn_act(if width < 2 then 1024 else 2048, kernel: 1)
    return x |> global_average |> dense(classes)
}
