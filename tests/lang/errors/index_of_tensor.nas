network n(image: [28, 28, 1]) -> [10] {
    let a = image[0]
    return image |> global_average |> dense(10)
}
