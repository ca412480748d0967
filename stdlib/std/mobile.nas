// std/mobile: MobileNet V1, V2 and V3, and the blocks that they are made of.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// Whole networks are blocks from an image to a number for each class, as their papers describe them
// but for the softmax at the end, which moves no class past another. `width` multiplies every
// number of channels; it may be a decision.
//
//   block                      input           multiplications   parameters (norms folded)
//   mobilenet_v1               [224, 224, 3]       568,740,352    4,221,032   (1000 classes)
//   mobilenet_v1(width: 0.25)  [96, 96, 3]           7,489,664      210,850   (2 classes)
//   mobilenet_v2               [224, 224, 3]       300,774,272    3,487,816   (1000 classes)
//   mobilenet_v3_small         [224, 224, 3]        56,510,400    2,536,800   (1000 classes)
//   mobilenet_v3_large         [224, 224, 3]       216,589,760    5,470,832   (1000 classes)

// ---- blocks ----

// A convolution, normalised (Ioffe and Szegedy, arXiv 1502.03167) and rectified: the usual way
// into a network.
//   act      the activation, an operator: relu, relu6, hard_swish, silu, ...
block conv_bn_act(x, channels, kernel: 3, stride: 1, act: relu) {
    return x |> conv(channels, kernel: kernel, stride: stride) |> batch_norm |> act
}

// A convolution of each channel by itself, normalised and rectified (Howard et al., MobileNets,
// arXiv 1704.04861).
block depthwise_bn_act(x, kernel: 3, stride: 1, act: relu) {
    return x |> depthwise(kernel: kernel, stride: stride) |> batch_norm |> act
}

// A depthwise convolution and a pointwise one in place of a full one (Howard et al.,
// MobileNets, arXiv 1704.04861): about kernel * kernel times fewer multiplications.
block separable(x, channels, kernel: 3, stride: 1, act: relu) {
    return x |> depthwise_bn_act(kernel: kernel, stride: stride, act: act)
             |> conv(channels, kernel: 1) |> batch_norm |> act
}

// The inverted residual of MobileNetV2 (Sandler et al., arXiv 1801.04381): a pointwise
// convolution widens the tensor `expand` times, a depthwise one works on it, and a pointwise
// one without activation narrows it to `channels`. Where the block keeps its input's shape, the
// input is added. With `se` it is that of MobileNetV3 (Howard et al., arXiv 1905.02244).
//   expand   how many times wider the tensor is inside; with 1 there is no first convolution
//   kernel   of the depthwise convolution
//   stride   of the depthwise convolution; with 2 the output is half as high and wide
//   se       whether the widened channels are weighed by squeeze and excitation
//   act      the activation inside, an operator
//   squeezed channels inside `excite`; 0: a quarter of the widened ones
//   excite   the block that weighs: squeeze_excite, or one with its first two parameters
block mbconv(x, channels, expand: 4, kernel: 3, stride: 1, se: false, act: relu6, squeezed: 0,
             excite: squeeze_excite) {
    let wide = if expand == 1 then x
               else x |> conv(channels(x) * expand, kernel: 1) |> batch_norm |> act
    let seen = wide |> depthwise(kernel: kernel, stride: stride) |> batch_norm |> act
    let weighed = if se then excite(seen, if squeezed > 0 then squeezed
                                          else scaled(channels(seen), 1 / 4))
                  else seen
    let narrow = weighed |> conv(channels, kernel: 1) |> batch_norm
    return if stride == 1 and channels(x) == channels then add(narrow, x) else narrow
}

// Squeeze and excitation (Hu et al., arXiv 1709.01507): every channel is multiplied by a factor
// from 0 to 1 that two dense layers find from the means of all channels. Activation and gate as in
// MobileNetV3 (arXiv 1905.02244).
//   squeezed outputs of the first dense layer
block squeeze_excite(x, squeezed, act: relu, gate: hard_sigmoid) {
    let factors = x |> global_average |> dense(squeezed) |> act
                    |> dense(channels(x)) |> gate
    return mul(x, factors)
}

// A number of channels at a width: the nearest multiple of `step`, or the next where that takes
// more than a tenth away (Sandler et al., arXiv 1801.04381, the published code).
block scaled(channels, width, step: 8) {
    let exact = channels * width
    let near = multiple_of(exact, step)
    return if near < 0.9 * exact then near + step else near
}

// ---- networks ----

// MobileNet (Howard et al., arXiv 1704.04861). At width 0.25 and two classes, on [96, 96, 3], it
// is the network for visual wake words of MLPerf Tiny (Banbury et al., arXiv 2106.07597).
block mobilenet_v1(image, classes: 10, width: 1) {
    x = image |> conv_bn_act(scaled(32, width), stride: 2) |> separable(scaled(64, width))
    for channels in [128, 256] {
        x = x |> separable(scaled(channels, width), stride: 2)
              |> separable(scaled(channels, width))
    }
    x = x |> separable(scaled(512, width), stride: 2)
    repeat 5 { x = x |> separable(scaled(512, width)) }
    x = x |> separable(scaled(1024, width), stride: 2) |> separable(scaled(1024, width))
    return x |> global_average |> dense(classes)
}

// MobileNetV2 (Sandler et al., arXiv 1801.04381). The last convolution is not made narrower than
// 1280.
block mobilenet_v2(image, classes: 10, width: 1) {
    x = image |> conv(scaled(32, width), kernel: 3, stride: 2) |> batch_norm |> relu6
    x = x |> depthwise(kernel: 3) |> batch_norm |> relu6
          |> conv(scaled(16, width), kernel: 1) |> batch_norm
    for stage in [[24, 2, 2], [32, 3, 2], [64, 4, 2], [96, 3, 1], [160, 3, 2], [320, 1, 1]] {
        repeat stage[1] as i {
            x = x |> mbconv(scaled(stage[0], width), expand: 6,
                            stride: if i == 0 then stage[2] else 1)
        }
    }
    x = x |> conv(max(1280, scaled(1280, width)), kernel: 1) |> batch_norm |> relu6
    return x |> global_average |> dense(classes)
}

// What MobileNetV3's two sizes have in common (Howard et al., arXiv 1905.02244).
//   stages   of each mbconv its channels, those inside, kernel, stride, se and act
//   hidden   outputs of the dense layer before the classifier
block mobilenet_v3(image, stages, hidden, classes: 10, width: 1) {
    x = image |> conv_bn_act(scaled(16, width), stride: 2, act: hard_swish)
    for s in stages {
        x = x |> mbconv(scaled(s.channels, width),
                        expand: scaled(s.inside, width) / channels(x),
                        kernel: s.kernel, stride: s.stride, se: s.se, act: s.act)
    }
    x = x |> conv_bn_act(6 * channels(x), kernel: 1, act: hard_swish) |> global_average
    return x |> dense(scaled(hidden, width)) |> hard_swish |> dense(classes)
}

// MobileNetV3-Small (Howard et al., arXiv 1905.02244, table 2).
block mobilenet_v3_small(image, classes: 10, width: 1) {
    return image |> mobilenet_v3([
        {channels: 16, inside: 16, kernel: 3, stride: 2, se: true, act: relu},
        {channels: 24, inside: 72, kernel: 3, stride: 2, se: false, act: relu},
        {channels: 24, inside: 88, kernel: 3, stride: 1, se: false, act: relu},
        {channels: 40, inside: 96, kernel: 5, stride: 2, se: true, act: hard_swish},
        {channels: 40, inside: 240, kernel: 5, stride: 1, se: true, act: hard_swish},
        {channels: 40, inside: 240, kernel: 5, stride: 1, se: true, act: hard_swish},
        {channels: 48, inside: 120, kernel: 5, stride: 1, se: true, act: hard_swish},
        {channels: 48, inside: 144, kernel: 5, stride: 1, se: true, act: hard_swish},
        {channels: 96, inside: 288, kernel: 5, stride: 2, se: true, act: hard_swish},
        {channels: 96, inside: 576, kernel: 5, stride: 1, se: true, act: hard_swish},
        {channels: 96, inside: 576, kernel: 5, stride: 1, se: true, act: hard_swish}],
        hidden: 1024, classes: classes, width: width)
}

// MobileNetV3-Large (Howard et al., arXiv 1905.02244, table 1).
block mobilenet_v3_large(image, classes: 10, width: 1) {
    return image |> mobilenet_v3([
        {channels: 16, inside: 16, kernel: 3, stride: 1, se: false, act: relu},
        {channels: 24, inside: 64, kernel: 3, stride: 2, se: false, act: relu},
        {channels: 24, inside: 72, kernel: 3, stride: 1, se: false, act: relu},
        {channels: 40, inside: 72, kernel: 5, stride: 2, se: true, act: relu},
        {channels: 40, inside: 120, kernel: 5, stride: 1, se: true, act: relu},
        {channels: 40, inside: 120, kernel: 5, stride: 1, se: true, act: relu},
        {channels: 80, inside: 240, kernel: 3, stride: 2, se: false, act: hard_swish},
        {channels: 80, inside: 200, kernel: 3, stride: 1, se: false, act: hard_swish},
        {channels: 80, inside: 184, kernel: 3, stride: 1, se: false, act: hard_swish},
        {channels: 80, inside: 184, kernel: 3, stride: 1, se: false, act: hard_swish},
        {channels: 112, inside: 480, kernel: 3, stride: 1, se: true, act: hard_swish},
        {channels: 112, inside: 672, kernel: 3, stride: 1, se: true, act: hard_swish},
        {channels: 160, inside: 672, kernel: 5, stride: 2, se: true, act: hard_swish},
        {channels: 160, inside: 960, kernel: 5, stride: 1, se: true, act: hard_swish},
        {channels: 160, inside: 960, kernel: 5, stride: 1, se: true, act: hard_swish}],
        hidden: 1280, classes: classes, width: width)
}
