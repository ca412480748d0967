network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(8, kernel: 3) |> relu |> global_average |> dense(10)
}
precision of n {
    *: weights = choice(i8, f16), activations = choice(f16, f32)
    dense: weights = f32
}
