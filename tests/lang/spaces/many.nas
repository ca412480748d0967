// More alternatives than an operator has inputs; the names of alternatives.
network n(image: [8, 8, 4]) -> [4] {
    x = image |> conv(4, kernel: 3)
    let act = choice(relu, relu6, hard_sigmoid, hard_swish, sigmoid, tanh, silu, gelu, softmax,
                     layer_norm, batch_norm)
    x = x |> act
    x = choice(x, relu(x), depthwise(x, kernel: 3))
    x = optional(x |> conv(4, kernel: 1))
    return x |> conv(4, kernel: if choice(true, false) named large then 3 else 1) |> global_average
}
