network n(image: [28, 28, 1]) -> [time 4, 10] {
    let gate = image |> global_average
    return image |> hold(steps: 4) |> mul(gate) |> global_average |> dense(10)
}
