network n(image: [28, 28, 1]) -> [10] {
    let a = floor(1, 2)
    return image |> global_average |> dense(10)
}
