// Uses a file twice, by two spellings of its path; and hides a block of the library, which goes
// on to use its own.
use "asks.nas"
use "../modules/./asks.nas"
use std/mobile
block separable(x, channels) { return x |> conv(channels, kernel: 1) }
network own(image: [28, 28, 1]) -> [10] {
    return image |> separable(4) |> shared |> global_average |> dense(10)
}
network theirs(image: [96, 96, 3]) -> [2] { return image |> mobilenet_v1(2, width: 0.25) }
