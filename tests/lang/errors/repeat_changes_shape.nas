network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(8, kernel: 3)
    repeat choice(1..3) as i { x = x |> conv(channels(x) * 2, kernel: 3) }
    return x |> global_average |> dense(10)
}
