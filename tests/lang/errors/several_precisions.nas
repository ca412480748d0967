network n(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3) |> global_average |> dense(10)
}

precision low of n {
    *: weights = i1
    depthwse: weights = i4
    conv: weight = i4
}

precision high of m { *: weights = i16 }

precision odd of n { conv: weights = 8 }
