network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(8, kernel: 3) |> mean(tokens) |> dense(10)
}
