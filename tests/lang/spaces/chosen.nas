// Blocks, operators and words that decisions choose between.
block conv_a(x, channels) { return x |> conv(channels, kernel: 3) |> batch_norm |> relu }
block conv_b(x, channels, kernel: choice(3, 5)) {
    return x |> depthwise(kernel: kernel) |> conv(channels, kernel: 1)
}
block down(x, pool in [max, average]) {
    return if pool == max then x |> max_pool(kernel: 2, stride: 2)
           else x |> average_pool(kernel: 2, stride: 2)
}
block body(x, levels, channels, block: conv_a, pool in [max, average]: max, act: relu) {
    repeat levels as i {
        x = x |> block(channels) |> act
    }
    return x |> down(pool: pool)
}
network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(8, kernel: 3, padding: choice(same, valid))
    x = x |> body(levels: choice(1..2), channels: 8, block: choice(conv_a, conv_b),
                  pool: choice(max, average))
    x = x |> body(levels: 2, channels: choice(8,12), act: choice(relu, relu6))
    return x |> global_average |> dense(10)
}
