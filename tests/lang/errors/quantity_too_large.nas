network n(image: [28, 28, 1]) -> [10] {
    let a = 9000000000000000000 GiB
    return image |> global_average |> dense(10)
}
