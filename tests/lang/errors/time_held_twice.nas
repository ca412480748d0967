network n(image: [28, 28, 1]) -> [time 4, 10] {
    return image |> hold(steps: 4) |> hold(steps: 4) |> global_average |> dense(10)
}
