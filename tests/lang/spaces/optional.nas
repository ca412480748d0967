// Steps that may be left out: the input is evaluated once, in chains and in recursion.
block maybe(x, n) {
    return if n == 0 then x else optional(x |> conv(2, kernel: 1) |> maybe(n - 1))
}

network n(image: [12, 12, 2]) -> [3] {
    x = optional(image |> conv(2, kernel: 3) |> batch_norm |> relu)
    x = x |> maybe(2)
    x = optional(conv(x |> max_pool(kernel: 2, stride: 2), 4, kernel: choice(1, 3))) named wide
    return x |> dense(3)
}
