network n(image: [28, 28, 1]) -> [10] {
    let a = 123456789012345678901234567890
    return image |> global_average |> dense(10)
}
