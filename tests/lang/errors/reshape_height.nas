network n(image: [28, 28, 1]) -> [10] {
    return image |> reshape(28, height: 28) |> dense(10)
}
