network n(image: [28, 28, 1]) -> [10] {
    let a = (not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
not not not not not not not not not not not not not not not not not not not not not not
true)
    return image |> global_average |> dense(10)
}
