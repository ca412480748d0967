network n(x: [tokens 16, 24]) -> [tokens 16, 24] {
    return attention(x, x, heads: 2)
}
