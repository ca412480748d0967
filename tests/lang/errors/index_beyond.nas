network n(image: [28, 28, 1]) -> [10] {
    let a = [8, 16][2]
    return image |> global_average |> dense(10)
}
