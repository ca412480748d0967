network n(image: [28, 28, 1]) -> [10] {
    x = if 3 then image else image |> relu
    return x |> global_average |> dense(10)
}
