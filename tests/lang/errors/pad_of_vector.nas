network n(image: [28, 28, 1]) -> [10] {
    return image |> flatten |> pad(top: 1) |> dense(10)
}
