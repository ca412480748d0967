network n(x: [tokens 16, 24]) -> [tokens 16, 24] {
    return attention(x, x, reshape(x, 12, tokens: 32))
}
