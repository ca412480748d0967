network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3)
    let b = choice(image |> conv(8, kernel: 3), image |> conv(16, kernel: 3))
    return add(a, b) |> global_average |> dense(10)
}
