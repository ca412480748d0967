network n(image: [28, 28, 1]) -> [10] {
    let w = choice(8, 16)
    let v = choice(8, 16)
    require w < v
    require v < 16
    return image |> conv(w, kernel: 3) |> conv(v, kernel: 3) |> global_average |> dense(10)
}
