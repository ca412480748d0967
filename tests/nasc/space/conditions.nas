network n(image: [28, 28, 1]) -> [10] {
    let a = choice(8, 16, 24, 32)
    let b = choice(1..4)
    let c = choice(1..4)
    require a * b >= 64
    require b + c <= 3
    require c >= 2 or a == 32
    require a != 32
    x = image |> conv(a, kernel: 3, stride: 2) |> relu |> conv(b, kernel: c)
    return x |> global_average |> dense(10)
}
