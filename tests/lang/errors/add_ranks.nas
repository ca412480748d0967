network n(image: [28, 28, 1]) -> [10] {
    x = add(image, image |> flatten)
    return x |> dense(10)
}
