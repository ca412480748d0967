network n(image: [28, 28, 1]) -> [10] {
    x = image |> cov(16, kernel: 3)
    return x |> dense(10)
}
