block down(x, pool in [max, average]) {
    return if pool == max then max_pool(x, kernel: 2) else average_pool(x, kernel: 2)
}
network n(image: [28, 28, 1]) -> [10] {
    return image |> down(pool: choice(max, average, max)) |> global_average |> dense(10)
}
