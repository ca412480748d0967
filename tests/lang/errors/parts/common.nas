network net(x: [4]) -> [4] { return x |> dense(4) }
