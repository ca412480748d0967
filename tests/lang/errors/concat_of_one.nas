network n(image: [28, 28, 1]) -> [10] {
    return concat(image) |> global_average |> dense(10)
}
