network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

precision of n {
    conv: activations = f32, weights = f32
    last: weights = i8, activations = i8
}
