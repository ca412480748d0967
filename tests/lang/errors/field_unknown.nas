network n(image: [28, 28, 1]) -> [10] {
    let a = {width: 8, height: 4}
    let b = a.widht
    return image |> global_average |> dense(10)
}
