network n(x: [time 4, 28, 28, 1]) -> [10] {
    return x |> lif(decay: choice(0.5, 1 / 3)) |> mean(time) |> dense(10)
}
