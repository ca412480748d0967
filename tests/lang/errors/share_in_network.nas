network n(image: [28, 28, 1]) -> [10] {
    let a = 10 % of image
    return image |> global_average |> dense(10)
}
