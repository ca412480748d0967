network n(patches: [tokens 0, 64]) -> [64] {
    return patches |> reshape(64, width: 49, height: 1) |> global_average
}
