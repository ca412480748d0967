network n(image: [28, 28, 1]) -> [10] {
    x = image |> conv(8, kernel: 3)
    repeat 3 ms { x = x |> relu }
    for w in 8 { x = x |> conv(w, kernel: 3) }
    repeat choice(1, 2) { x = x |> conv(16, kernel: 3, stride: 2) }
    let n = 3
    n = 4
    return x |> global_average |> dense(10)
}
