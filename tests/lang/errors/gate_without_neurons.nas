use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

search s of n {
    task: fashion
    device: cortex_m4
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
    strategy: greedy(gate: membrane_drift(samples: 64))
}
