network n(image: [28, 28, 1]) -> [10] {
    for i in 1..relu { x = image }
    return image |> global_average |> dense(10)
}
