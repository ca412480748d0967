use std/transmogrifier
network n(x: [4]) -> [4] { return x |> relu }
