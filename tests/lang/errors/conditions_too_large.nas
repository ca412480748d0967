block b(x, n) {
    return if n == 0 then x else (if choice(true, false) then
    (if choice(true, false) then
    (if choice(true, false) then
    (if choice(true, false) then
    (if choice(true, false) then
    (if choice(true, false) then
    (if choice(true, false) then
    b(x |> relu, n - 1)
    else x)
    else x)
    else x)
    else x)
    else x)
    else x)
    else x)
}

network n(image: [28, 28, 1]) -> [10] {
    return image |> b(60) |> global_average |> dense(10)
}
