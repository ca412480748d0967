network n(image: [28, 28, 1]) -> [10] {
    let a = 3 xyzzy
    return image |> global_average |> dense(10)
}
