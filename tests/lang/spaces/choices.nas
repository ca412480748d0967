// Every way to make a decision.
nas 1

let bits = choice(i4, i8)
let factor = 0.75

network n(image: [28, 28, 1]) -> [10] {
    let width = choice(8..24 step 8) named wide
    x = image |> conv(width, kernel: choice([3, 5], [5, 3]), stride: [2, 1])
    x = choice(x |> conv(16, kernel: 3), x |> conv(16, kernel: 1), x |> conv(16, kernel: 1) |> relu)
    x = x |> batch_norm
    x = optional(x |> depthwise(kernel: 3) |> batch_norm)
    let pair = subset(2 of [8, 16, 24])
    x = x |> conv(pair[0] + pair[1], kernel: 1) |> relu6
    let deep = choice(true, false)
    x = if deep then x |> conv(32, kernel: 3) else x |> conv(32, kernel: 1)
    x = x |> max_pool(kernel: 2, stride: 2) |> average_pool(kernel: 2, padding: valid)
    return x |> conv(round(width * factor), kernel: 1) |> global_average |> dense(10)
}

precision of n {
    let tied = choice(i8, i16)
    *:          weights = bits, activations = tied
    conv[1]:    activations = choice(i4, i8)
    depthwise:  weights = choice(i2, i3)
    first:      weights = i8
    last:       weights = i8, activations = i8
    require weights <= activations
}
