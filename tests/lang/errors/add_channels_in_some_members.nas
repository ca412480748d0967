network n(image: [28, 28, 1]) -> [10] {
    let width = choice(8, 16, 32)
    let a = image |> conv(width, kernel: 3)
    let b = image |> conv(32, kernel: 3)
    return add(a, b) |> global_average |> dense(10)
}
