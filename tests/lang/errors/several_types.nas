network n(image: [28, 28, 1]) -> [10] {
    let a = 3 + true
    let b = 16 KiB + 3 ms
    let c = if 3 then 1 else 2
    let d = not 5
    let e = 1 < i8
    return image |> dense(10)
}
