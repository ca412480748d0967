network n(image: [28, 28, 1]) -> [10] {
    let w = choice(8, 16)
    require w > 8 and w < 8 + 0
    return image |> dense(w * 0 + 10)
}
