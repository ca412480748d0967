network n(image: [28, 28, 1]) -> [1] {
    let a = image |> hold(steps: 4)
    return image |> hold(steps: choice(4, 8)) |> add(a) |> mean(time) |> global_average
}
