use std/tasks
use std/devices

network k = onnx(k.onnx)
