// std/backbones: published networks, whole, as blocks: `image |> resnet8(classes: 10)`.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// Each is what its paper or benchmark describes, without the softmax at the end, which moves no
// class past another; the figures that are known of them hold with the default arguments, on an
// input of the size given. Multiplications and parameters as nasc counts them: batch norms are
// folded, so that each weighted operator has its weights and one bias for each output channel.
//
//   block                 input           multiplications   parameters
//   resnet8               [32, 32, 3]          12,501,632       77,706
//   ds_cnn                [49, 10, 1]           2,656,768       22,604
//   mobilenet_v1 at 0.25  [96, 96, 3]           7,489,664      210,850   (2 classes)
//   autoencoder           [640]                   264,192      265,864
//   mobilenet_v1          [224, 224, 3]       568,740,352    4,221,032
//   mobilenet_v2          [224, 224, 3]       300,774,272    3,487,816
use std/mobile

// ---- MLPerf Tiny (Banbury et al., arXiv 2106.07597) ----

// Two convolutions and what they are added to: the input, or a pointwise convolution of it where
// `stride` makes the result smaller. As in He et al., arXiv 1512.03385, but that the pointwise
// one is not normalised: so the benchmark has it.
block residual(x, channels, stride: 1) {
    let inner = x |> conv_bn_act(channels, stride: stride)
                  |> conv(channels, kernel: 3) |> batch_norm
    let around = if stride == 1 and channels(x) == channels then x
                 else x |> conv(channels, kernel: 1, stride: stride)
    return add(inner, around) |> relu
}

// Image classification (CIFAR-10): three residuals, each but the first twice as wide and half as
// large as the one before.
//   width    channels of the first
block resnet8(image, classes: 10, width: 16) {
    x = image |> conv_bn_act(width)
              |> residual(width)
              |> residual(width * 2, stride: 2)
              |> residual(width * 4, stride: 2)
    return x |> global_average |> dense(classes)
}

// Keyword spotting (49 frames of 10 coefficients; Zhang et al., Hello Edge, arXiv 1711.07128).
//   depth    separable convolutions after the first, full one
block ds_cnn(sound, classes: 12, width: 64, depth: 4) {
    x = sound |> conv_bn_act(width, kernel: [10, 4], stride: 2)
    repeat depth { x = x |> separable(width) }
    return x |> global_average |> dense(classes)
}

// Anomaly detection: five spectra of 128 bands in, the same out; what it restores badly is
// unlike what it was trained on.
//   outputs  as many as there are inputs
//   narrow   values that the middle passes on
block autoencoder(spectra, outputs: 640, width: 128, narrow: 8) {
    x = spectra
    repeat 4 { x = x |> dense_bn_act(width) }
    x = x |> dense_bn_act(narrow)
    repeat 4 { x = x |> dense_bn_act(width) }
    return x |> dense(outputs)
}

// A dense layer, normalised and rectified.
block dense_bn_act(x, channels) {
    return x |> dense(channels) |> batch_norm |> relu
}

// ---- MobileNets ----

// Howard et al., arXiv 1704.04861. At width 0.25 and two classes, on [96, 96, 3], it is the
// benchmark's network for visual wake words.
//   width    what every number of channels is multiplied by
block mobilenet_v1(image, classes: 1000, width: 1) {
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

// Sandler et al., arXiv 1801.04381. The last convolution is not made narrower than 1280.
//   width    what every number of channels is multiplied by
block mobilenet_v2(image, classes: 1000, width: 1) {
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

// A number of channels at a width: the nearest multiple of 8, or the next where that takes more
// than a tenth away (arXiv 1801.04381, its published code).
block scaled(channels, width) {
    let exact = channels * width
    let near = multiple_of(exact, 8)
    return if near < 0.9 * exact then near + 8 else near
}
