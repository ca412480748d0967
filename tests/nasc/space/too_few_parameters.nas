use std/tasks
use std/devices
network n(image: [28, 28, 1]) -> [10] {
    let width = choice(8, 16, 24, 32)
    let k = choice(3, 5, 7)
    require width * k <= 120
    require k != 5 or width == 8
    x = image |> conv(width, kernel: k, stride: 2) |> batch_norm |> relu
    repeat choice(1..2) { x = x |> conv(width, kernel: choice(1, 3)) |> relu }
    return x |> global_average |> dense(10)
}
precision of n { *: weights = choice(i4, i8), activations = i8; first, last: weights = i8 }
search s {
    network:  n
    task:     fashion
    device:   bit_serial
    maximize: accuracy
    minimize: flash
    require:  parameters <= 100
    train:    supernet(epochs: 1)
}
