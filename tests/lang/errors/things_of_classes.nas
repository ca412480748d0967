network n(image: [28, 28, 1]) -> [10] {
    let act = choice(relu, "relu6")
    return image |> act |> global_average |> dense(10)
}
