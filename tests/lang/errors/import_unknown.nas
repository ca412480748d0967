use std/tasks
use std/devices

network k = onyx("k.onnx")

search s of k {
    task: fashion
    device: cortex_m4
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
}
