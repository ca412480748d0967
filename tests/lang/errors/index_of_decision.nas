network n(image: [28, 28, 1]) -> [10] {
    let w = choice(0, 1)
    let a = [8, 16][w]
    return image |> global_average |> dense(10)
}
