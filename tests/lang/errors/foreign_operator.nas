network n(image: [28, 28, 1]) -> [10] {
    return image |> conv2d(8, kernel: 3) |> global_average |> dense(10)
}
