network n(image: [28, 28, 1]) -> [10] {
    let a = choice(1, 2)
    let b = choice(i4, i8)
    legal (a, b) in [(1, i4), (2, 8)]
    return image |> global_average |> dense(10)
}
