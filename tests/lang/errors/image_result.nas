network n(image: [28, 28, 1]) -> [14, 14, 8] {
    return image |> conv(8, kernel: 3)
}
