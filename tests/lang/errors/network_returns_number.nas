network n(image: [28, 28, 1]) -> [10] {
    return 3
}
