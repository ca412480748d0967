use std/tasks
use std/devices

network u(image: [28, 28, 1]) -> [28, 28, 10] {
    return image |> conv(choice(8, 16), kernel: 3) |> conv(10, kernel: 1)
}

search s of u {
    task: fashion
    device: cortex_m4
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 2)
}
