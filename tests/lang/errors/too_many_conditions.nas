network n(image: [28, 28, 1]) -> [10] {
    repeat 1001 {
        let a = choice(1, 2)
        require a + 1 > 2
    }
    return image |> global_average |> dense(10)
}
