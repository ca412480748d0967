network n(image: [28, 28, 1]) -> [10] {
    let a = image |> conv(8, kernel: 3, stride: choice(1, 2))
    return a |> reshape(8, width: 196) |> softmax |> flatten |> dense(10)
}
