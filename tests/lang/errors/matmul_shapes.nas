network n(image: [28, 28, 1]) -> [10] {
    let a = image |> reshape(28, width: 28)
    return matmul(a, a |> slice(7), transposed: true) |> flatten |> dense(10)
}
