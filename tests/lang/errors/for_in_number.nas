network n(image: [28, 28, 1]) -> [10] {
    x = image
    for s in 3 { x = x |> relu }
    return x |> global_average |> dense(10)
}
