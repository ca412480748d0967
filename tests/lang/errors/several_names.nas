network n(image: [28, 28, 1]) -> [10] {
    let a = image |> cov(8, kernel: 3)
    let b = a |> relu
    let c = image |> convv(8, kernel: 3)
    let d = image |> conv(8, kernel: kernle)
    return b |> dense(wdith)
}
