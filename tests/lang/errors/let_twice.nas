network n(image: [28, 28, 1]) -> [10] {
    let w = 8
    let w = 16
    return image |> dense(w)
}
