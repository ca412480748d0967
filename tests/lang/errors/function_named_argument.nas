network n(image: [28, 28, 1]) -> [10] {
    let a = floor(x: 3)
    return image |> global_average |> dense(10)
}
