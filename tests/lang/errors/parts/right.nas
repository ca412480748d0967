let wide = 4
block step(x) { return x |> dense(4) |> relu }
device board { source: "nothing"; isa: "portable" }
