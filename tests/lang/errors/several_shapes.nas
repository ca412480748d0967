network n(image: [28, 28, 1]) -> [10] {
    let w = choice(8, 16)
    let a = image |> conv(w, kernel: 3)
    let b = image |> conv(24 - w, kernel: 3)
    let c = add(a, b)
    let d = image |> conv(w * 0.3, kernel: 3)
    return add(c, d) |> global_average |> dense(10)
}
