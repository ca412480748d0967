network n(image: [28, 28, 1]) -> [10] {
    let w = choice(1, 2, 3)
    x = image
    repeat 300 { let v = choice(8, 16)
        x = x |> conv(channels(x) * v - w, kernel: 3) }
    return x |> global_average |> dense(10)
}
