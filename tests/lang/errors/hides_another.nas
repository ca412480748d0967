use std/mobile
block mbconv(x, channels) { return x |> conv(channels, kernel: 3) }
network n(x: [8, 8, 1]) -> [10] {
    return x |> mbconv(4, expand: 2) |> dense(10)
}
