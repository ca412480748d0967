network n(image: [28, 28, 1]) -> [10] {
    repeat 10000 { repeat 10000 { repeat 10000 { let a = 3 } } }
    return image |> dense(10)
}
