network n(words: [tokens 16, 2]) -> [tokens 16, 8] {
    return words |> embed(8, vocabulary: 100)
}
