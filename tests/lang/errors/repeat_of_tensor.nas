network n(image: [28, 28, 1]) -> [10] {
    x = image
    repeat image { x = x |> relu }
    return x |> global_average |> dense(10)
}
