network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(8, kernel: 3)
    x |> global_average |> dense(10)
}
