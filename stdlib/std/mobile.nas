// std/mobile: blocks of small convolutional networks.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

// A convolution, normalised and rectified: the usual way into a network.
block conv_bn_act(x, channels, kernel: 3, stride: 1) {
    return x |> conv(channels, kernel: kernel, stride: stride) |> batch_norm |> relu
}

// The same for each channel by itself.
block depthwise_bn_act(x, kernel: 3, stride: 1) {
    return x |> depthwise(kernel: kernel, stride: stride) |> batch_norm |> relu
}

// A depthwise convolution and a pointwise one in place of a full one (Howard et al.,
// MobileNets, arXiv 1704.04861): about kernel * kernel times fewer multiplications.
block separable(x, channels, kernel: 3, stride: 1) {
    return x |> depthwise_bn_act(kernel: kernel, stride: stride)
             |> conv(channels, kernel: 1) |> batch_norm |> relu
}

// The inverted residual of MobileNetV2 (Sandler et al., arXiv 1801.04381): a pointwise
// convolution widens the tensor `expand` times, a depthwise one works on it, and a pointwise
// one without activation narrows it to `channels`. Where the block keeps its input's shape, the
// input is added.
//   expand   how many times wider the tensor is inside
//   kernel   of the depthwise convolution
//   stride   of the depthwise convolution; with 2 the output is half as high and wide
block mbconv(x, channels, expand: 4, kernel: 3, stride: 1) {
    let wide = x |> conv(channels(x) * expand, kernel: 1) |> batch_norm |> relu6
    let seen = wide |> depthwise(kernel: kernel, stride: stride) |> batch_norm |> relu6
    let narrow = seen |> conv(channels, kernel: 1) |> batch_norm
    return if stride == 1 and channels(x) == channels then add(narrow, x) else narrow
}
