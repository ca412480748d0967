network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv2d(8, kernel: 3) |> maxpool(kernel: 2)
    return x |> global_avg |> linear(10)
}
