network n(image: [28, 28, 1]) -> [10] {
    let widths = choice([8, 16], [relu])
    for w in widths { image = image |> conv(w, kernel: 3) }
    return image |> global_average |> dense(10)
}
