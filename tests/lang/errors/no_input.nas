network n(image: [28, 28, 1]) -> [10] {
    return conv(8, kernel: 3)
}
