network n(x: [tokens 16, 32]) -> [tokens 16, 8] {
    let parts = split(x, "8")
    return parts[0]
}
