use "other.nas"
block one(x) { return x |> relu }
