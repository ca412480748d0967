network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3)
    return concat(a, a, a |> max_pool(kernel: 2, stride: 2)) |> global_average |> dense(10)
}
