network n(x: [time 4, 28, 28, 1]) -> [10] {
    return x |> lif |> mean(time) |> dense(10)
}
precision of n {
    lif: membrane = choice(i4, i8)
}
