network n(image: [28, 28, 1]) -> [10] {
    x = choice(image |> conv(8, kernel: 1), image |> conv(8, kernel: 2),
        image |> conv(8, kernel: 3), image |> conv(8, kernel: 4), image |> conv(8, kernel: 5),
        image |> conv(8, kernel: 6), image |> conv(8, kernel: 7),
        image |> conv(8, kernel: 8), image |> conv(8, kernel: 9))
    return x |> global_average |> dense(10)
}
