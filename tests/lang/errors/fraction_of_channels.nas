network n(image: [28, 28, 1]) -> [10] {
    let width = choice(8, 10) * 0.75
    return image |> conv(width, kernel: 3) |> global_average |> dense(10)
}
