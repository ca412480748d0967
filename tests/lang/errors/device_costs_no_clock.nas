device fpga {
    source: "a guess"
    isa:    "fabric"
    code:   none
    costs:  macs(per_cycle: 64)
}
