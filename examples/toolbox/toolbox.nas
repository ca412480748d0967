// The compression toolbox as parts of one search: pruning, distillation, quantisation after
// training or within it.
// Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use std/resnet
use std/mobile
use std/squeeze
use std/shuffle
use std/tasks
use std/devices

network teacher(image: [28, 28, 1]) -> [10] {
    return image |> resnet(depth: 20, width: 32)
}

network student(image: [28, 28, 1]) -> [10] {
    return choice(image |> mobilenet_v2(width: choice(0.25, 0.35, 0.5)),
                  image |> squeezenet(width: choice(0.25, 0.5)),
                  image |> shufflenet_v2(width: choice(0.25, 0.5)))
}

search compact of student {
    task:     fashion
    device:   cortex_m7
    maximize: accuracy
    minimize: latency, flash
    train:    from_scratch(epochs: 10), distill(teacher, temperature: 4, weight: 0.7)
    compress: prune(structured, channels: choice(0 %, 25 %, 50 %), steps: 4),
              prune(magnitude, sparsity: choice(0 %, 80 %), rewind: epoch(2)),  // lottery ticket
              quantize(choice(ptq(calibrate: 512), ptq(dynamic), qat(epochs: 4)))
    budget:   20 designs
    strategy: evolution(population: 8)
}
