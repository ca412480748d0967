use "../use_circle.nas"
block two(x) { return x |> relu }
