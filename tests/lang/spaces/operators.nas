// Every operator without weights, with attributes that depend on decisions where they may.
network n(image: [8, 8, 4]) -> [6] {
    let width = choice(8, 12)
    let a = image |> conv(width, kernel: 3, stride: 2) |> hard_swish
    let gate = a |> global_average |> dense(width) |> hard_sigmoid
    let b = concat(mul(a, gate), a, a |> channel_shuffle(groups: choice(1, 2))) |> gelu
    let c = b |> slice(choice(4, 6), from: width / 2) |> pad(top: 1, right: choice(0, 3))
    let d = mul(c, c) |> upsample(factor: [2, 1]) |> silu
    let t = d |> reshape(channels(d), width: height(d) * width(d))
    let q = t |> layer_norm
    let p = matmul(q, t, transposed: true) |> softmax
    let e = matmul(p, t) |> tanh |> reshape(channels(d), width: width(d), height: height(d))
    return e |> sigmoid |> flatten |> dense(6) |> softmax
}
