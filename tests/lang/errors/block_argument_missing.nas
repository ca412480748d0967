block b(x, channels) { return x |> dense(channels) }
network n(image: [28, 28, 1]) -> [10] {
    return image |> b
}
