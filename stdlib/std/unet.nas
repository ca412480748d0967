// std/unet: segmentation: an image becomes a map of classes of the same size.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/mobile
use std/resnet

// U-Net (Ronneberger et al., arXiv 1505.04597) of any depth and of any block: what goes down loses
// half of its height and width at each level, what comes up again meets what was kept there.
// Height and width must be divisible by 2 to the power of `levels`. Published with 4 levels, 64
// channels and `padding: valid` (which is not offered: results have their inputs' size).
//   levels   how often the image is halved; may be a decision
//   channels of the first level; each further one has twice as many
//   block    conv_bn_act, mbconv, residual, or any block of a tensor and a number of channels
//   pool     how the image is halved
//   repeats  blocks one after another, wherever a level is worked on
block unet(image, levels: 4, channels: 16, classes: 2, block: conv_bn_act,
           pool in [max, average]: max, repeats: 2) {
    return image |> unet_level(levels, channels, block, pool, repeats)
                 |> conv(classes, kernel: 1)
}

// A level of U-Net (arXiv 1505.04597) and all that are below it.
block unet_level(x, levels, channels, block, pool in [max, average], repeats) {
    repeat repeats { x = x |> block(channels) }
    return if levels > 0
           then x |> unet_around(levels, channels, block, pool, repeats)
           else x
}

// What goes down from a level and comes up to it again, beside what it met (arXiv 1505.04597).
// In place of a transposed convolution every pixel is repeated, and a convolution follows, which
// leaves no chequers (Odena et al., Distill 2016, doi 10.23915/distill.00003).
block unet_around(x, levels, channels, block, pool in [max, average], repeats) {
    let small = if pool == max then x |> max_pool(kernel: 2, stride: 2)
                else x |> average_pool(kernel: 2, stride: 2)
    let below = small |> unet_level(levels - 1, 2 * channels, block, pool, repeats)
                      |> upsample(factor: 2) |> conv_bn_act(channels)
    y = concat(x, below)
    repeat repeats { y = y |> block(channels) }
    return y
}
