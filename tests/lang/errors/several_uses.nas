use std/mobil
use std/task
use "missing.nas"

network n(image: [28, 28, 1]) -> [10] {
    return image |> dense(10)
}
