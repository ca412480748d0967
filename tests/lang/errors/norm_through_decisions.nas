network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(8, kernel: 3)
    repeat 1100 { x = optional(x |> relu) }
    x = x |> batch_norm
    return x |> global_average |> dense(10)
}
