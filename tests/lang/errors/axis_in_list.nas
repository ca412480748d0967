network n(image: [28, 28, 1]) -> [10] {
    let channels = [8 , channels 16]
    return image |> conv(channels[0], kernel: 3) |> global_average |> dense(10)
}
