network n(image: [4, 4, 1]) -> [10] {
    return image |> conv(40000, kernel: 1) |> layer_norm |> global_average |> dense(10)
}
