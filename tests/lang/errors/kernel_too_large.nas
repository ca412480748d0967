network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(8, kernel: choice(3, 29), padding: valid) |> global_average |> dense(10)
}
