block twice(x, n) {
    return x |> conv(n, kernel: 3) |> conv(n, kernel: 3)
}

network n(image: [28, 28, 1]) -> [10] {
    a = image |> twice
    b = image |> twice(8, 16)
    c = image |> twice(width: 8)
    d = image |> conv(8, kernel: 3, strides: 2)
    return image |> dense(10)
}
