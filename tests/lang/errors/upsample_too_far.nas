network n(image: [28, 28, 1]) -> [10] {
    let a = image |> upsample(factor: 255) |> upsample(factor: 16)
    return a |> global_average |> dense(10)
}
