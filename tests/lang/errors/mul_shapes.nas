network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3)
    let b = image |> conv(8, kernel: 3, stride: 2)
    return mul(a, b) |> global_average |> dense(10)
}
