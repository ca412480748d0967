network n(image: [28, 28, 1]) -> [10] {
    let w = 8 × 2
    return image |> dense(10)
}
