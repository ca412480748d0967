network n(image: [28, 28, 1]) -> [10] {
    let a = length(3)
    return image |> global_average |> dense(10)
}
