network n(x: [tokens 16, 24]) -> [tokens 16, 24] {
    return attention(dense(x, 12), x, x)
}
