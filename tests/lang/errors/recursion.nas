block b(x, n) { return b(x |> relu, n + 1) }
network n(image: [28, 28, 1]) -> [10] {
    return image |> b(0) |> dense(10)
}
