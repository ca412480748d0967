network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(choice(8..16 step 0), kernel: 3)
    return x |> global_average |> dense(10)
}
