network n(image: [28, 28, 1]) -> [10] {
    let y = image |> hold(steps: 4)
    x = add(y, image |> hold(steps: 8))
    return x |> mean(time) |> global_average |> dense(10)
}
