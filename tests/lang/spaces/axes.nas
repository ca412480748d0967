// Axes that types name; operators do to each time step what they do without time.
network n(x: [time 4, tokens 49, 64]) -> [time 4, tokens 49, 64] {
    return x |> layer_norm
}
network m(x: [time 4, 28, 28, 2]) -> [time 4, 10] {
    return x |> conv(channels(x) * 4, kernel: 3) |> relu |> global_average |> dense(time(x) + 6)
}
