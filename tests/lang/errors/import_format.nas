use std/tasks
use std/devices

network k = onnx("k.onnx")

precision of k { *: weights = choice(i2, u8) }

search s of k {
    task: fashion
    device: cortex_m4
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
}
