let wide = 8
block step(x) { return x |> dense(4) }
device board { source: "nothing"; isa: "portable" }
