network n(image: [28, 28, 1]) -> [10] {
    let x = image |> relu
    return choice(x, x) |> dense(10)
}
