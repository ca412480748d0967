use std/tasks
use std/devices

network k = onnx("k.onnx")

precision of k { *: weights = choice(i4, i8) }

device small : cortex_m4 { weights: i8 }

search s of k {
    task: fashion
    device: small
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
}
