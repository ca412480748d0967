network n(image: [28, 28, 1]) -> [10] {
    return image |> global_average |> dense(11)
}
