network n(image: [28, 28, 1]) -> [10] {
    return image |> 3 |> dense(10)
}
