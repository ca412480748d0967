network n(image: [28, 28, 1]) -> [10] {
    x = image
    let n = choice(1, 2, 3)
    repeat n / 2 { x = x |> relu }
    return x |> global_average |> dense(10)
}
