network n(image: [28, 28, 1]) -> [10] {
    let a = choice(1..100) * choice(1..100) * choice(1..100) * choice(1..100)
    return image |> conv(a / 7, kernel: 3) |> global_average |> dense(10)
}
