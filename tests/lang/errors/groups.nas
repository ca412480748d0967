network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(8, kernel: 1) |> conv(12, kernel: 3, groups: choice(2, 4, 8))
    return x |> global_average |> dense(10)
}
