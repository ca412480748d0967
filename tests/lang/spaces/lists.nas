// Lists, records, blocks and words that decisions choose between, and conditions on them.
block plain(x, channels) { return x |> conv(channels, kernel: 3) |> relu }
block slim(x, channels) { return x |> depthwise(kernel: 3) |> conv(channels, kernel: 1) |> relu6 }
block down(x, pool in [max, average]) {
    return if pool == max then x |> max_pool(kernel: 2, stride: 2)
           else x |> average_pool(kernel: 2, stride: 2)
}
block stages(x, block, pool in [max, average], plan) {
    require block == slim implies pool == average
    for s in plan {
        x = x |> block(s.c)
        x = if s.halves then x |> down(pool: pool) else x
    }
    return x
}
network n(image: [16, 16, 3]) -> [10] {
    let wide = choice({c: 8, halves: true}, {c: 12, halves: false})
    let widths = choice([8], [8, 8], [8, 8, 8])
    x = image |> stages(choice(plain, slim), pool: choice(max, average),
                        plan: [wide, {c: 8, halves: true}])
    for w in widths { x = x |> conv(w, kernel: choice(1, 3)) }
    let two = subset(2 of [relu, relu6, sigmoid])
    x = x |> two[0] |> two[1]
    legal (wide.c, length(widths)) in [(8, 1), (8, 2), (12, 3)]
    return x |> global_average |> dense(10)
}
