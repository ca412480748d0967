use "common.nas"
precision low of net { *: weights = i4 }
network one(x: [4]) -> [4] { return x |> dense(4) }
