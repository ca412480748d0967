use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

device odd {
    source: "a test"
    isa: "odd"
    measure: instructions
}

search s of n {
    task: fashion
    device: odd
    maximize: accuracy
    minimize: latency
    train: supernet(epochs: 2)
}
