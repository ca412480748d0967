block b(x {
    return x
}

network n(image: [28, 28, 1]) -> [10] {
    return image |> dense(10))
}

search s {
    maximize: accuracy,
    seed: ]
}
