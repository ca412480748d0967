use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

search s {
    network: n
    task: fashion
    device: cortex_m4
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
    strategy: nsga2()
    require: ram <= 16 KiB,
        ram <= 17 KiB,
        ram <= 18 KiB,
        ram <= 19 KiB,
        ram <= 20 KiB,
        ram <= 21 KiB,
        ram <= 22 KiB,
        ram <= 23 KiB,
        ram <= 24 KiB,
        ram <= 25 KiB,
        ram <= 26 KiB,
        ram <= 27 KiB,
        ram <= 28 KiB,
        ram <= 29 KiB,
        ram <= 30 KiB,
        ram <= 31 KiB,
        ram <= 32 KiB
}
