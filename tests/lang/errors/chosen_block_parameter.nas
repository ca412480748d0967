block plain(x, channels, kernel) { return x |> conv(channels, kernel: kernel) }
block slim(x, channels) { return x |> depthwise(kernel: 3) |> conv(channels, kernel: 1) }
network n(image: [28, 28, 1]) -> [10] {
    let block = choice(plain, slim)
    return image |> block(8, kernel: choice(3, 5)) |> global_average |> dense(10)
}
