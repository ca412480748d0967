use "common.nas"
precision low of net { *: weights = i2 }
precision low of one { *: weights = i2 }
network one(x: [4]) -> [4] { return x |> dense(4) |> relu }
