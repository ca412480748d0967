block down(x, pool in [max, average]) {
    return if pool == max then max_pool(x, kernel: 2) else average_pool(x, kernel: 2)
}
block stage(x, channels, pool in [max, average]) {
    legal (channels, pool) in [(8, max), (16, mean)]
    return x |> conv(channels, kernel: 3) |> down(pool: pool)
}
network n(image: [28, 28, 1]) -> [10] {
    return image |> stage(choice(8, 16), choice(max, average)) |> global_average |> dense(10)
}
