network n(image: [28, 28, 1]) -> [10] {
    let w = choice(8, 16)
    let d = choice(4..w step 4)
    x = image |> conv(d, kernel: 3)
    return x |> global_average |> dense(10)
}
