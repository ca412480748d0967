network n(image: [28, 28, 1]) -> [10] {
    for i in 1..20000 { x = image |> relu }
    return image |> global_average |> dense(10)
}
