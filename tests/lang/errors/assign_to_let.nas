network n(image: [28, 28, 1]) -> [10] {
    let x = image |> relu
    x = x |> dense(10)
    return x
}
