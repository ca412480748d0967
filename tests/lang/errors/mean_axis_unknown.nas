network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(8, kernel: 3) |> mean(heigth) |> dense(10)
}
