network n(image: [28, 28, 1]) -> [10] {
    let x = image
    return concat(x, x, x, x, x, x, x, x, x) |> global_average |> dense(10)
}
