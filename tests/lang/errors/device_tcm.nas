device board {
    source: "a guess"
    isa:    "portable"
    ram:    64 KiB
    tcm:    128 KiB
}
