network n(image: [8, 8, 1]) -> [10] {
    return image |> mbconf(8) |> global_average |> dense(10)
}
