network n(x: [tokens 16, 32]) -> [tokens 16, 8] {
    let parts = split(dense(x, choice(24, 32)), 5)
    return dense(parts[0], 8)
}
