network n(image: [28, 28, 1]) -> [10] {
    repeat 2 as i { return image |> dense(10) }
    return image |> dense(10)
}
