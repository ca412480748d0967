// Axes that types name; operators do to each time step what they do without time.
network n(x: [time 4, tokens 49, 64]) -> [time 4, tokens 49, 64] {
    return x |> layer_norm
}
network m(x: [time 4, 28, 28, 2]) -> [time 4, 10] {
    return x |> conv(channels(x) * 4, kernel: 3) |> relu |> global_average |> dense(time(x) + 6)
}
network p(x: [time 4, 6, 6, 2]) -> [time 4, 10] {
    x = x |> conv(choice(2, 4), kernel: 3)
    x = x |> reshape(channels(x), tokens: height(x) * width(x)) |> position
    let k = x |> reshape(channels(x) * 4, tokens: tokens(x) / 4)
    x = attention(dense(x, 8), dense(k, 8), dense(k, 4), heads: choice(1, 2))
    return x |> reshape(4, height: 6, width: 6) |> dense(10)
}
