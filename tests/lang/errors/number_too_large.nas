network n(image: [28, 28, 1]) -> [10] {
    let a = 9000000000 * 9000000000
    return image |> global_average |> dense(10)
}
