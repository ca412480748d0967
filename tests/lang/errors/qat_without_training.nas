use std/tasks
use std/devices

network k = onnx("k.onnx")

search s of k {
    task: fashion
    device: cortex_m4
    maximize: accuracy
    minimize: flash
    train: none
    compress: quantize(choice(ptq, qat(epochs: 2)))
}
