network n(image: [28, 28, 1]) -> [10] {
    require not 3
    return image |> global_average |> dense(10)
}
