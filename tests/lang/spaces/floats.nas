// Floats: all of a network, its end, or as a decision.
network n(image: [6, 6, 2]) -> [4] {
    let a = image |> conv(4, kernel: 3) |> batch_norm |> relu
    return a |> conv(6, kernel: 1) |> gelu |> global_average |> dense(4) |> softmax
}
precision of n {
    let wide = choice(f16, f32)
    *: weights = f16, activations = f16
    last, gelu, softmax: weights = wide, activations = wide
}
