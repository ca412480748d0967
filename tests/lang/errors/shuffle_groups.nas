network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3) |> channel_shuffle(groups: 3)
    return a |> global_average |> dense(10)
}
