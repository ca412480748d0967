network n(image: [1000, 1000, 64]) -> [10] {
    return image |> dense(10)
}
