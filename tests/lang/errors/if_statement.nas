network n(image: [28, 28, 1]) -> [10] {
    let w = choice(8, 16)
    if w == 8 { x = image |> relu }
    return image |> global_average |> dense(10)
}
