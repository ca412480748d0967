// std/resnet: residual networks, for small images and for large ones.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
//   block                      input           multiplications   parameters (norms folded)
//   resnet8                    [32, 32, 3]          12,501,632       77,706
//   resnet(depth: 20)          [32, 32, 3]          40,813,184      271,690
//   resnet18                   [224, 224, 3]     1,814,073,344   11,684,712   (1000 classes)
//   resnet34                   [224, 224, 3]     3,663,761,408   21,789,160   (1000 classes)
//   resnet50                   [224, 224, 3]     4,089,184,256   25,530,472   (1000 classes)
use std/mobile

// Two convolutions and what they are added to: the input, or a pointwise convolution of it where
// the block changes the shape (He et al., arXiv 1512.03385, with projection shortcuts).
//   normalised  whether that pointwise convolution is, too
block residual(x, channels, stride: 1, normalised: true) {
    let inner = x |> conv_bn_act(channels, stride: stride)
                  |> conv(channels, kernel: 3) |> batch_norm
    return add(inner, x |> shortcut(channels, stride, normalised)) |> relu
}

// A residual of three convolutions of which the middle one is four times narrower (He et al.,
// arXiv 1512.03385); the stride stands in the middle one, as in what is trained today.
block bottleneck(x, channels, stride: 1) {
    let inner = x |> conv_bn_act(channels / 4, kernel: 1)
                  |> conv_bn_act(channels / 4, stride: stride)
                  |> conv(channels, kernel: 1) |> batch_norm
    return add(inner, x |> shortcut(channels, stride, true)) |> relu
}

// What passes by a residual (He et al., arXiv 1512.03385): the input, projected where the shape
// changes.
block shortcut(x, channels, stride, normalised) {
    return if stride == 1 and channels(x) == channels then x
           else if normalised then x |> conv(channels, kernel: 1, stride: stride) |> batch_norm
           else x |> conv(channels, kernel: 1, stride: stride)
}

// Image classification of MLPerf Tiny (Banbury et al., arXiv 2106.07597; CIFAR-10): three
// residuals, each but the first twice as wide and half as large as the one before.
//   width    channels of the first
block resnet8(image, classes: 10, width: 16) {
    x = image |> conv_bn_act(width)
              |> residual(width)
              |> residual(width * 2, stride: 2, normalised: false)
              |> residual(width * 4, stride: 2, normalised: false)
    return x |> global_average |> dense(classes)
}

// Residual networks for small images (He et al., arXiv 1512.03385, section 4.2, with projection
// shortcuts): three stages of (depth - 2) / 6 residuals.
//   depth    convolutions and dense layers: 8, 14, 20, 32, 44, 56, 110, ...
//   width    channels of the first stage
block resnet(image, depth: 20, width: 16, classes: 10) {
    x = image |> conv_bn_act(width)
    for s in [{times: 1, stride: 1}, {times: 2, stride: 2}, {times: 4, stride: 2}] {
        repeat (depth - 2) / 6 as i {
            x = x |> residual(width * s.times, stride: if i == 0 then s.stride else 1)
        }
    }
    return x |> global_average |> dense(classes)
}

// Residual networks for large images (He et al., arXiv 1512.03385, table 1).
//   block    residual or bottleneck, or one with their first three parameters
//   blocks   how many in each of the four stages
//   width    channels of the first convolution
//   widen    how many times wider the first stage is
block resnet_large(image, block, blocks, classes: 10, width: 64, widen: 1) {
    x = image |> conv_bn_act(width, kernel: 7, stride: 2) |> max_pool(kernel: 3, stride: 2)
    for stage in 0..3 {
        let channels = width * widen * [1, 2, 4, 8][stage]
        repeat blocks[stage] as i {
            x = x |> block(channels, stride: if i == 0 and stage > 0 then 2 else 1)
        }
    }
    return x |> global_average |> dense(classes)
}

// ResNet-18 (He et al., arXiv 1512.03385).
block resnet18(image, classes: 10, width: 64) {
    return image |> resnet_large(residual, [2, 2, 2, 2], classes: classes, width: width)
}

// ResNet-34 (He et al., arXiv 1512.03385).
block resnet34(image, classes: 10, width: 64) {
    return image |> resnet_large(residual, [3, 4, 6, 3], classes: classes, width: width)
}

// ResNet-50 (He et al., arXiv 1512.03385).
block resnet50(image, classes: 10, width: 64) {
    return image |> resnet_large(bottleneck, [3, 4, 6, 3], classes: classes, width: width,
                                 widen: 4)
}
