use std/tasks
use std/devices

network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

task t {
    train: png("a/*.png", masks: "m/*.png")
    test: png("b/*.png", masks: "n/*.png")
    metric: miou
}

search s of n {
    task: t
    device: cortex_m4
    maximize: miou
    minimize: flash
    train: supernet(epochs: 2)
}
