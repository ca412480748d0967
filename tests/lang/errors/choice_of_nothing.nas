network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(choice(), kernel: 3)
    return x |> global_average |> dense(10)
}
