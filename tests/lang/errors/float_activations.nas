network n(image: [28, 28, 1]) -> [10] {
    return image |> dense(10)
}

precision of n { *: activations = f32, weights = i8 }
