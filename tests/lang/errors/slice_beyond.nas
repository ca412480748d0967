network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(choice(8, 16), kernel: 3)
    return a |> slice(8, from: 4) |> global_average |> dense(10)
}
