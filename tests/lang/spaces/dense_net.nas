// Thirty widths that nothing ties: halves and sums of them are seen to fit without enumeration.
network a(image: [28, 28, 1]) -> [10] {
    x = image |> conv(choice(8, 12, 16), kernel: 3)
    repeat 30 { x = concat(x, x |> conv(choice(4, 8, 12), kernel: 3, stride: 1)) }
    let p = x |> slice(channels(x) / 2)
    let q = x |> slice(channels(x) / 2, from: channels(x) / 2)
    return concat(p, q) |> add(x) |> global_average |> dense(10)
}
