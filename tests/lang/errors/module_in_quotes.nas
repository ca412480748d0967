use "std/mobile"
network n(x: [4]) -> [4] { return x |> relu }
