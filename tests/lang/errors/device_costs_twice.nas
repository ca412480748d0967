device fpga {
    source: "a guess"
    isa:    "fabric"
    code:   none
    costs:  relative(bits: 4, time: 0.5), relative(bits: 8, time: 1),
            relative(bits: 4, time: 0.4)
}
