network n(image: [28, 28, 1]) -> [10] {
    let a = choice(8, 8)
    let b = choice(8, i8)
    let c = subset(3 of [1, 2])
    let d = choice(16..8)
    x = repeated(image)
    return image |> dense(10)
}
