network n(image: [28, 28, 1]) -> [10] {
    x = image |> dense(10)
}
