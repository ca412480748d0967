// Where entries go on in the next line, and where they end.
let a = 3 -
    1
let b = a *
    2 +
    4 /
    2; let c = true and
    not
    false

network n(image: [8, 8, 1]) -> [2] {
    x = image
        |> conv(b,
                kernel: 3)
    x = if
            c
        then x |> relu
        else x
    return x |> global_average |> dense(a)
}
