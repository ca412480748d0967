network n(image: [28, 28, 1]) -> [10] {
    let a = multiple_of(3, image)
    return image |> global_average |> dense(10)
}
