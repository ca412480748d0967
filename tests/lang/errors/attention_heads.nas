network n(x: [tokens 16, 24]) -> [tokens 16, 24] {
    return attention(x, x, x, heads: choice(2, 3, 5))
}
