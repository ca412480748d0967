network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(8, kernel: 3) |> relu |> global_average |> dense(10)
}
precision of n {
    *: weights = choice(i8, i16), activations = i4
    require weights <= activations
}
