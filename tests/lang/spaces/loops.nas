// Loops, carried names, guards, and conditions on decisions.
block stage(x, channels, depth, stride: 2) {
    repeat depth as i {
        x = x |> conv(channels, kernel: choice(3, 5), stride: if i == 0 then stride else 1) |> relu
    }
    return x
}

network n(image: [32, 32, 3]) -> [4] {
    x = image
    c = 8
    for s in [{depth: choice(1..2), stride: 2}, {depth: 2, stride: 1}] {
        x = x |> stage(c, s.depth, stride: s.stride)
        c = c * 2
    }
    let more = choice(0, 1, 3)
    extra = 0
    repeat more {
        x = add(x, x |> conv(channels(x), kernel: 3))
        extra = extra + 4
    }
    x = x |> conv(8 + extra, kernel: 1)
    let k = choice(1, 3, 5)
    let g = choice(1, 2, 4)
    require k == 1 implies g == 1
    forbid k == 5 and g == 4
    legal (k, more) in [(1, 0), (3, 0), (3, 1), (5, 3), (5, 0)]
    x = x |> conv(8, kernel: k, groups: g)
    return x |> global_average |> dense(4)
}
