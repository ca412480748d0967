network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3)
    return mul(a, a |> global_average |> dense(6)) |> global_average |> dense(10)
}
