network n(image: [28, 28, 1]) -> [10] {
    let w = choice(8, 16, 24)
    let k = choice(3, 5, 29)
    a = image |> conv(w, kernel: 3, groups: 1)
    b = a |> conv(16, kernel: 1, groups: w / 4)
    c = image |> conv(8, kernel: k, padding: valid)
    d = image |> conv(w / 3, kernel: 1)
    return add(a, b) |> global_average |> dense(10)
}
