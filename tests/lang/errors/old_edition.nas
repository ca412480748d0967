nas 2
network n(image: [28, 28, 1]) -> [10] {
    return image |> dense(10)
}
