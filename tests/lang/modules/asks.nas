// What asks.nas asks for is its own affair: root.nas uses it, and only root.nas's searches are run.
use std/tasks
use std/devices
network other(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3, stride: 2) |> global_average |> dense(10)
}
search hidden {
    network:  other
    task:     fashion
    device:   host
    maximize: accuracy
    train:    supernet(epochs: 1)
}
emit hidden_firmware { from: hidden.most_accurate }
block shared(x) { return x |> relu }
