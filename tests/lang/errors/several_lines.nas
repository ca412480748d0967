network n(image: [28, 28, 1]) -> [10] {
    let a 8
    x = image |> conv(8, kernel 3)
    y = x |> |> relu
    if x then y
    return y |> dense(10)
}

search s {
    network = n
    task fashion
}
