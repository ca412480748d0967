device fpga {
    source: "a guess"
    isa:    "fabric"
    code:   none
}
