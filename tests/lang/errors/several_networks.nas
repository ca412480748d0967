network a(image: [28, 28, 1]) -> [10] {
    return image |> dense(9)
}

network b(image: [28, 28]) -> [10] {
    return image |> dense(10)
}

network c(image: [28, 28, 1]) -> [10] {
    let x = image |> conv(8, kernel: 40, padding: valid)
}

network d(image: [28, 28, 1]) -> [10] {
    return image |> conv(6, kernel: 3, groups: 4) |> dense(10)
}
