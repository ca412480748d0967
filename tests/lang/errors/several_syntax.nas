network n(image: [28, 28, 1]) -> [10] {
    let a = = 3
    let b = choice(1, 2
    x = image |> conv(8 kernel: 3)
    return x |> dense(10)
}

search s {
    network n
    task: fashion
}
