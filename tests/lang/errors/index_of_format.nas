network n(image: [28, 28, 1]) -> [10] {
    let a = [1, 2][i8]
    return image |> global_average |> dense(10)
}
