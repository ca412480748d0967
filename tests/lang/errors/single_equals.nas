network n(image: [28, 28, 1]) -> [10] {
    let w = if 3 = 3 then 8 else 16
    return image |> dense(w)
}
