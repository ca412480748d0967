network n(image) -> [10] {
    return image |> dense(10)
}
