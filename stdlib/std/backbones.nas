// std/backbones: published networks, whole: all modules of convolutional ones.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
//
// `image |> resnet8(classes: 10)`. Figures that are known of them stand in their modules; nasc
// counts multiplications and parameters with batch norms folded, so that each weighted operator
// has its weights and one bias for each output channel.
use std/mobile
use std/efficientnet
use std/resnet
use std/squeeze
use std/shuffle
use std/keyword
use std/autoencoder
