network n(image: [28, 28, 1]) -> [10] {
    let a = {b: 1, 2}
    return image |> global_average |> dense(10)
}
