use std/mobile
network n(image: [28, 28, 1]) -> [10] {
    return image |> mbconv(8, expand: choice(1/2, 2)) |> global_average |> dense(10)
}
