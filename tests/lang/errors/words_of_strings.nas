block down(x, pool in ["max", average]) {
    return x
}
network n(image: [28, 28, 1]) -> [10] {
    return image |> down(pool: average) |> global_average |> dense(10)
}
