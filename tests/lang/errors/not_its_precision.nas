use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> dense(10)
}

network m(image: [28, 28, 1]) -> [10] {
    return image |> dense(10)
}

precision low of m { *: weights = i4 }

search s {
    network: n
    precision: low
    task: fashion
    device: host
    maximize: accuracy
    train: supernet(epochs: 1)
}
