use "parts/left.nas"
use "parts/right.nas"
network n(x: [4]) -> [8] { return x |> dense(wide) }
