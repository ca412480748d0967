// Operators on tokens and over time.
block feed(x, dim, mlp) {
    return x |> dense(dim * mlp) |> batch_norm |> gelu |> dense(dim)
}
block encoder(x, heads, mlp) {
    let dim = channels(x)
    let qkv = x |> layer_norm |> dense(3 * dim) |> split(3)
    x = add(x, attention(qkv[0], qkv[1], qkv[2], heads: heads) |> dense(dim))
    return add(x, x |> layer_norm |> feed(dim, mlp))
}
network vit(image: [28, 28, 1]) -> [10] {
    x = image |> conv(choice(32, 64), kernel: 4, stride: 4)
    x = x |> reshape(channels(x), tokens: height(x) * width(x)) |> position
    repeat choice(1..2) { x = x |> encoder(heads: choice(2, 4), mlp: 2) }
    return x |> mean(tokens) |> dense(10)
}
block spike_encoder(x, heads) {
    let dim = channels(x)
    let q = x |> dense(dim) |> batch_norm |> lif(threshold: choice(0.5, 1), decay: 0.25)
    let k = x |> dense(dim) |> batch_norm |> lif
    let v = x |> dense(dim) |> batch_norm |> lif
    return matmul(matmul(q, transpose(k)), v) |> dense(dim) |> batch_norm |> lif
}
network spiking(image: [28, 28, 1]) -> [10] {
    x = image |> conv(16, kernel: 4, stride: 4) |> batch_norm |> hold(steps: 4) |> lif
    x = x |> reshape(channels(x), tokens: height(x) * width(x))
    x = x |> spike_encoder(heads: 2)
    return x |> mean(time) |> mean(tokens) |> dense(10)
}
precision of spiking {
    *: weights = choice(i2, i4, i8)
    lif: membrane = choice(i8, i16)
}
network decoder(tokens_in: [tokens 1, 1]) -> [tokens 1, 100] {
    x = tokens_in |> embed(32, vocabulary: 100)
    let parts = x |> dense(64) |> split([16, 32, 16])
    x = add(x, attention(parts[1], parts[1], parts[1], heads: 2, causal: true,
                         cache: choice(16, 32)))
    return x |> dense(100) |> softmax
}
