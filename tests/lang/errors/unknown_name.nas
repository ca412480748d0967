network n(image: [28, 28, 1]) -> [10] {
    let width = 16
    return image |> dense(widht)
}
