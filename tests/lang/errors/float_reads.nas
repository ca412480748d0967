network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(8, kernel: 3) |> relu |> global_average |> dense(10)
}
precision of n {
    *: weights = f32, activations = choice(i8, f32)
}
