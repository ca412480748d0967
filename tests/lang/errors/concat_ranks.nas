network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3)
    return concat(a, a |> global_average) |> global_average |> dense(10)
}
