network n(image: [28, 28, 1]) -> [10] {
    let parts = image |> split([1, image])
    return image |> global_average |> dense(10)
}
