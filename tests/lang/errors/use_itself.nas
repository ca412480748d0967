use "./use_itself.nas"
network n(x: [4]) -> [4] { return x |> relu }
