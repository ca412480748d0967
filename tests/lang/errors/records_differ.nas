network n(image: [28, 28, 1]) -> [10] {
    let s = choice({c: 8, k: 3}, {c: 16, e: 2})
    return image |> conv(s.c, kernel: s.k) |> global_average |> dense(10)
}
