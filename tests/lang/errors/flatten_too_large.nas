network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(128, kernel: 1) |> flatten |> dense(10)
}
