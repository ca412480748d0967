network n(image: [28, 28, 1]) -> [10] {
    repeat 10000 {
        repeat 2 { let w = choice(8, 16) }
    }
    return image |> global_average |> dense(10)
}
