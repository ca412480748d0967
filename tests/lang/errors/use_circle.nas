use "parts/loop.nas"
network n(x: [4]) -> [4] { return x |> one }
