network n(image: [28, 28, 1]) -> [10] {
    require 1 and true
    return image |> global_average |> dense(10)
}
