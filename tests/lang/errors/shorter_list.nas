network n(image: [28, 28, 1]) -> [10] {
    let widths = choice([8], [8, 16])
    return image |> conv(widths[1], kernel: 3) |> global_average |> dense(10)
}
