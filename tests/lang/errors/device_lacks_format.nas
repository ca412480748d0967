use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

search s {
    network: n
    task: fashion
    device: small
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
    strategy: nsga2()
}

device small {
    source: "a test"
    isa: "armv6-m"
    weights: i8
}

precision of n { *: weights = choice(i4, i8) }
